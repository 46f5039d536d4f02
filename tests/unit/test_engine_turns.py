"""Turns on a device: order, batches, cancelling, failures, and how the threads end."""

from __future__ import annotations

import gc
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engines.base import (
    Cancelled,
    EngineResult,
    EngineUnavailable,
    OutOfMemory,
    Params,
    Prepared,
    Progress,
    Runtime,
    Stopped,
    Turn,
)
from inference.engines.pool import EnginePool
from inference.engines.turns import companions
from preprocess.errors import InputError
from tests.contract.conftest import until
from tests.fake_batches import Drawing
from tests.fakes import FakeEngine, prepared_pair, registry, spec


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepared_pair()


@dataclass(kw_only=True)
class Client:
    """Sends requests to a pool, each from a thread of its own."""

    pool: EnginePool
    prepared: Prepared
    threads: ThreadPoolExecutor

    def send(
        self,
        seed: int,
        *,
        engine: str = "warp",
        steps: int | None = 1,
        cancelled: Cancelled = lambda: False,
        progress: Progress = lambda stage, step, steps: None,
    ) -> Future[float]:
        """Returns when the request stands in line; the future is the result's confidence: its seed."""
        params = Params(seed=seed, steps=steps)
        in_line = threading.Event()

        def work() -> float:
            with self.pool.turn(engine, self.prepared, params, cancelled) as turn:
                in_line.set()
                turn.wait()
                return turn.result(progress).confidence

        future = self.threads.submit(work)
        assert in_line.wait(10)
        return future


Opening = Callable[..., Client]
PARAMS = Params(seed=0)


@pytest.fixture
def client(prepared: Prepared) -> Iterator[Opening]:
    """Makes pools, which are closed afterwards."""
    pools: list[EnginePool] = []
    with ThreadPoolExecutor(16) as threads:

        def make(*engines: FakeEngine, max_batch: int = 4, device: str = "auto") -> Client:
            pools.append(EnginePool(registry(*engines), Runtime(device=device), max_batch=max_batch))
            return Client(pool=pools[-1], prepared=prepared, threads=threads)

        yield make
        for pool in pools:
            pool.close()


def never() -> bool:
    return False


@contextmanager
def held(engine: FakeEngine) -> Iterator[None]:
    """The engine stands still before its next step."""
    engine.gate.clear()
    yield
    engine.gate.set()


def test_requests_that_wait_share_batches_in_their_order(client: Opening) -> None:
    engine = Drawing(spec=spec())
    sent = client(engine)

    with held(engine):
        first = sent.send(0)
        assert engine.started.wait(10)
        others = [sent.send(seed, steps=2 if seed == 3 else 1) for seed in range(1, 8)]

    assert [one.result(10) for one in (first, *others)] == list(range(8))
    assert engine.batches == [[0], [1, 2, 4, 5], [3], [6, 7]]


@pytest.mark.parametrize(
    ("steps", "most", "max_batch"), [(None, 4, 4), (1, 1, 4), (1, 4, 1)], ids=["no key", "memory", "setting"]
)
def test_where_nothing_may_be_shared_each_runs_alone(
    client: Opening, steps: int | None, most: int, max_batch: int
) -> None:
    engine = Drawing(spec=spec(), most=most)
    sent = client(engine, max_batch=max_batch)

    with held(engine):
        futures = [sent.send(seed, steps=steps) for seed in range(4)]

    assert [future.result(10) for future in futures] == [0, 1, 2, 3]
    assert all(len(batch) == 1 for batch in engine.batches)


@given(
    keys=st.lists(st.sampled_from(["a", "b", "c", None]), max_size=12),
    most=st.integers(1, 4),
    arrivals=st.lists(st.sampled_from(["a", "b", None]), max_size=12),
)
def test_nobody_waits_for_more_batches_than_there_were_places_before(
    keys: list[str | None], most: int, arrivals: list[str | None]
) -> None:
    """Whatever comes later, one more after each batch."""
    line, coming = list(enumerate(keys)), list(arrivals)
    before, batches = {number: number for number, _ in line}, 0
    while line:
        head = line.pop(0)
        together = companions(head[1], line, lambda one: one[1], most - 1)
        able = [one for one in line if one[1] == head[1] is not None]

        assert together == able[: most - 1]
        for number, _ in (head, *together):
            assert batches <= before[number]
        line = [one for one in line if one not in together]
        batches += 1
        if coming:
            number = len(before)
            before[number] = batches + len(line)
            line.append((number, coming.pop()))


def test_engines_of_one_device_never_run_at_the_same_time(client: Opening) -> None:
    first, second = FakeEngine(spec=spec("warp")), FakeEngine(spec=spec("other"))
    sent = client(first, second)

    with held(first):
        one = sent.send(0)
        assert first.started.wait(10)
        two = sent.send(0, engine="other")
        assert not second.started.wait(0.05)
    one.result(10), two.result(10)

    assert second.runs == 1


def test_engines_of_two_devices_do(client: Opening) -> None:
    on_cpu, on_gpu = FakeEngine(spec=spec("warp")), FakeEngine(spec=spec("drawing", devices=("cuda", "cpu")))
    sent = client(on_cpu, on_gpu)

    with held(on_gpu):
        slow = sent.send(0, engine="drawing")
        assert on_gpu.started.wait(10)
        sent.send(0).result(10)
        assert not slow.done()
    slow.result(10)


def test_who_is_cancelled_in_line_leaves_at_once_and_no_engine_is_touched(client: Opening) -> None:
    engine, gone = Drawing(spec=spec()), threading.Event()
    sent = client(engine)

    with held(engine):
        first = sent.send(0)
        assert engine.started.wait(10)
        impatient, patient = sent.send(1, cancelled=gone.is_set), sent.send(2)
        gone.set()
        with pytest.raises(Stopped):
            impatient.result(10)
        assert not first.done()

    assert (first.result(10), patient.result(10)) == (0, 2)
    assert engine.batches == [[0], [2]]


def test_the_lane_looks_itself_before_it_touches_an_engine(client: Opening) -> None:
    """Whose time is up but who has not looked yet."""
    engine, gone = FakeEngine(spec=spec()), threading.Event()

    def late() -> bool:
        return gone.is_set() or threading.current_thread().name.startswith("engines-")

    sent = client(engine)
    future = sent.send(0, cancelled=late)
    assert sent.send(1).result(10) == 0.5
    gone.set()

    with pytest.raises(Stopped):
        future.result(10)
    assert engine.runs == 1


def test_a_cancelled_request_stops_its_engine_at_the_next_step(client: Opening) -> None:
    engine, gone = FakeEngine(spec=spec(), steps=2), threading.Event()
    sent = client(engine)

    with held(engine):
        future = sent.send(0, cancelled=gone.is_set)
        assert engine.started.wait(10)
        gone.set()
        with pytest.raises(Stopped):
            future.result(10)
        assert engine.stopped.wait(10)


def test_one_of_a_batch_may_leave_and_the_rest_goes_on(client: Opening) -> None:
    engine, away, gone = Drawing(spec=spec()), threading.Event(), threading.Event()
    sent = client(engine)

    with held(engine):
        blocker = sent.send(0, cancelled=away.is_set)
        assert engine.started.wait(10)
        leaving, staying = sent.send(1, cancelled=gone.is_set), sent.send(2)
        away.set()
        until(lambda: len(engine.batches) == 2)
        gone.set()
        for future in (blocker, leaving):
            with pytest.raises(Stopped):
                future.result(10)
        assert not staying.done()

    assert staying.result(10) == 2
    assert engine.batches == [[0], [1, 2]]


def test_a_batch_that_everybody_left_stops(client: Opening) -> None:
    engine, gone = Drawing(spec=spec()), threading.Event()
    sent = client(engine)

    with held(engine):
        blocker = sent.send(0, steps=9, cancelled=gone.is_set)
        assert engine.started.wait(10)
        both = [sent.send(seed, cancelled=gone.is_set) for seed in (1, 2)]
        gone.set()
        for future in (blocker, *both):
            with pytest.raises(Stopped):
                future.result(10)
        assert engine.stopped.wait(10)

    assert sent.send(3).result(10) == 3
    assert engine.batches == [[0], [3]]


@pytest.mark.parametrize("error", [OutOfMemory("too much"), RuntimeError("a fault of ours")])
def test_a_batch_that_fails_is_run_one_by_one_before_anybody_is_told(
    client: Opening, error: Exception
) -> None:
    engine = Drawing(spec=spec(), fails_together=error)
    sent = client(engine)

    with held(engine):
        blocker = sent.send(0)
        assert engine.started.wait(10)  # alone: what is sent from here on stands in the line together
        futures = [blocker, *(sent.send(seed) for seed in (1, 2, 3))]

    assert [future.result(10) for future in futures] == [0, 1, 2, 3]
    assert engine.batches == [[0], [1, 2, 3], [1], [2], [3]]


def test_who_left_a_batch_that_failed_is_not_run_again(client: Opening) -> None:
    gone = threading.Event()

    class LeftMeanwhile(Drawing):
        def run_batch(self, turns: Sequence[Turn]) -> list[EngineResult]:
            if len(turns) > 1:
                gone.set()
            return super().run_batch(turns)

    engine = LeftMeanwhile(spec=spec(), fails_together=OutOfMemory("too much"))
    sent = client(engine)

    with held(engine):
        blocker = sent.send(0, steps=9)
        assert engine.started.wait(10)
        leaving, staying = sent.send(1, cancelled=gone.is_set), sent.send(2)

    assert (blocker.result(10), staying.result(10)) == (0, 2)
    with pytest.raises(Stopped):
        leaving.result(10)
    assert engine.batches == [[0], [1, 2], [2]]


def test_equal_keys_of_two_engines_are_no_batch(client: Opening) -> None:
    first, second = Drawing(spec=spec("warp")), Drawing(spec=spec("other"))
    sent = client(first, second)

    with held(first):
        blocker = sent.send(0)
        assert first.started.wait(10)
        futures = [sent.send(1), sent.send(2, engine="other"), sent.send(3)]

    assert [future.result(10) for future in (blocker, *futures)] == [0, 1, 2, 3]
    assert (first.batches, second.batches) == ([[0], [1, 3]], [[2]])


def test_who_is_refused_is_told_alone(client: Opening) -> None:
    engine = Drawing(spec=spec(), guilty={2: InputError("body-not-visible", "no body")})
    sent = client(engine)

    with held(engine):
        futures = [sent.send(seed) for seed in (0, 1, 2, 3)]

    with pytest.raises(InputError, match="no body"):
        futures[2].result(10)
    assert [futures[k].result(10) for k in (0, 1, 3)] == [0, 1, 3]


def test_an_error_keeps_the_engine_in_its_traceback_and_the_lane_goes_on(client: Opening) -> None:
    engine = FakeEngine(spec=spec(), raises=ZeroDivisionError("deep inside"))
    sent = client(engine)

    with pytest.raises(ZeroDivisionError) as caught:
        sent.send(0).result(10)
    engine.raises = None

    assert "fakes.py" in "".join(traceback.format_exception(caught.value))
    assert sent.send(0).result(10) == 0.5


def test_loading_that_fails_is_told_and_tried_again(client: Opening) -> None:
    class Missing(FakeEngine):
        there = False

        def load(self, runtime: Runtime) -> None:
            if not self.there:
                raise EngineUnavailable("no weights")

    engine = Missing(spec=spec())
    sent = client(engine)

    with pytest.raises(EngineUnavailable, match="no weights"):
        sent.pool.warm("warp")
    with pytest.raises(EngineUnavailable, match="no weights"):
        sent.send(0).result(10)
    engine.there = True

    assert sent.send(0).result(10) == 0.5


def test_progress_is_told_in_the_thread_that_waits_and_may_end_the_request(client: Opening) -> None:
    engine, threads = Drawing(spec=spec(), steps=3), []

    def taken_over(stage: str, step: int, steps: int) -> None:
        threads.append(threading.current_thread().name)
        raise LookupError("the lease is lost")

    sent = client(engine)
    with held(engine):
        first, lost, other = sent.send(0), sent.send(1, progress=taken_over), sent.send(2)

    with pytest.raises(LookupError):
        lost.result(10)
    assert (first.result(10), other.result(10)) == (0, 2)
    assert not [name for name in threads if name.startswith("engines-")]


def test_leaving_for_whatever_reason_stops_the_engine(client: Opening) -> None:
    engine = FakeEngine(spec=spec())
    sent = client(engine)

    with held(engine):
        with sent.pool.turn("warp", sent.prepared, PARAMS, never) as turn:
            turn.wait()
        assert engine.stopped.wait(10)


def lane_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("engines-")]


def test_closing_stops_what_runs_and_what_waits_and_ends_the_threads(client: Opening) -> None:
    engine = FakeEngine(spec=spec())
    sent = client(engine)

    engine.gate.clear()
    running = sent.send(0)
    assert engine.started.wait(10)
    waiting = sent.send(1)
    sent.pool.close()

    for future in (running, waiting):
        with pytest.raises(Stopped):
            future.result(10)
    assert engine.runs == 1
    assert not lane_threads()


def test_closing_does_not_wait_for_anybody_to_notice(client: Opening) -> None:
    engine = FakeEngine(spec=spec())
    sent = client(engine)

    with (
        held(engine),
        sent.pool.turn("warp", sent.prepared, PARAMS, never) as running,
        sent.pool.turn("warp", sent.prepared, PARAMS, never) as waiting,
    ):
        running.wait()
        sent.threads.submit(sent.pool.close).result(10)
        for turn in (running, waiting):
            with pytest.raises(Stopped):
                turn.wait()
    assert engine.runs == 1


def test_a_closed_pool_takes_up_nothing(client: Opening) -> None:
    engine = FakeEngine(spec=spec())
    sent = client(engine)
    sent.pool.close()

    with pytest.raises(Stopped), sent.pool.turn("warp", sent.prepared, PARAMS, never):
        pass
    with pytest.raises(Stopped):
        sent.pool.warm("warp")
    assert engine.runs == 0


def test_a_pool_that_nobody_closed_leaves_no_thread() -> None:
    pool = EnginePool(registry(FakeEngine(spec=spec())), Runtime())
    pool.warm("warp")
    assert lane_threads() == ["engines-cpu_0"]

    del pool
    gc.collect()

    until(lambda: not lane_threads())
