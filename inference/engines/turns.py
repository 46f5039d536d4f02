"""Turns on a device: requests stand in line, and one thread works them off on the engines of that device.

A request's thread waits at its :class:`Place`; everything an engine does, loading included, happens in the
lane's thread, so that two engines never use one device at the same time. It is always the same thread: what
torch and cuDNN keep for each thread (plans of kernels, pools of workers) stays warm.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar

import structlog

from inference.engines.base import (
    Batching,
    Cancelled,
    Engine,
    EngineResult,
    Params,
    Prepared,
    Progress,
    Runtime,
    Stopped,
    Turn,
)
from inference.engines.registry import Entry

log = structlog.get_logger("cabine.engines")

T = TypeVar("T")

POLL_S = 0.1
"""How often a thread that waits looks whether its request was cancelled."""


@dataclass(frozen=True)
class _Begun:
    """The lane works on it now."""


@dataclass(frozen=True)
class _Step:
    stage: str
    step: int
    steps: int


class _Wire:
    """What a request's thread and the lane's say to each other: news one way, whether to stop the other.

    It knows nothing of the request: a :class:`Turn` holds two of its functions, and a circle would keep the
    pictures until the garbage collector's next full pass.
    """

    def __init__(self, lane: Lane, cancelled: Cancelled) -> None:
        self._lane = lane
        self._cancelled = cancelled
        self._left = False
        self._news: SimpleQueue[_Begun | _Step | EngineResult | BaseException] = SimpleQueue()

    # For the request's thread:

    def next(self) -> _Begun | _Step | EngineResult:
        while not (self._cancelled() or self._lane.closing):
            try:
                news = self._news.get(timeout=POLL_S)
            except Empty:
                continue
            if not isinstance(news, BaseException):
                return news
            try:
                raise news
            finally:
                del news  # its traceback holds this frame: a circle, see above
        raise Stopped

    def leave(self) -> None:
        self._left = True
        self._forget()

    # For the lane's thread:

    def tell(self, news: _Begun | EngineResult | BaseException) -> None:
        self._news.put(news)
        if self._left:
            self._forget()

    def progress(self, stage: str, step: int, steps: int) -> None:
        self._news.put(_Step(stage, step, steps))

    def cancelled(self) -> bool:
        return self._left or self._lane.closing or self._cancelled()

    def _forget(self) -> None:
        """The traceback of an error that nobody fetched holds the turn, which holds this."""
        while True:
            try:
                self._news.get_nowait()
            except Empty:
                return


class Place:
    """A request's place in line, for the thread that waits there; leaving it gives the turn up.

    :meth:`wait`, then :meth:`result`, once each. Whatever the engine raised is raised there.
    """

    def __init__(
        self, lane: Lane, engine: str, prepared: Prepared, params: Params, cancelled: Cancelled
    ) -> None:
        self.engine = engine
        self.wire = _Wire(lane, cancelled)
        self.turn = Turn(
            prepared=prepared, params=params, progress=self.wire.progress, cancelled=self.wire.cancelled
        )
        self._lane = lane

    def __enter__(self) -> Place:
        """Raises :class:`Stopped` where the lane is closed."""
        self._lane.line_up(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.leave()
        self._lane.forget(self)

    def wait(self) -> None:
        """Until an engine takes the request up. Raises :class:`Stopped` when it is cancelled before."""
        self.wire.next()

    def result(self, progress: Progress) -> EngineResult:
        """What the engine made of it; ``progress`` is called in this thread, and may raise.

        Raises :class:`Stopped` as soon as the request is cancelled: the engine itself stops at its next
        step, unless others share the batch.
        """
        while True:
            match self.wire.next():
                case _Step(stage, step, steps):
                    progress(stage, step, steps)
                case EngineResult() as result:
                    return result


class Lane:
    """One device: its line, its thread (there once something was asked for), its loaded engines."""

    def __init__(self, name: str, entries: Mapping[str, Entry], runtime: Runtime, max_batch: int) -> None:
        self.closing = False
        self._entries = entries
        self._runtime = runtime
        self._max_batch = max_batch
        self._engines: dict[str, Engine] = {}
        self._line: list[Place] = []
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"engines-{name}")

    def line_up(self, place: Place) -> None:
        """Raises :class:`Stopped` once the lane is closed."""
        with self._open():
            self._line.append(place)
            self._thread.submit(self._work)  # once for each place: never too few, and too many find nobody

    def forget(self, place: Place) -> None:
        with self._lock:
            if place in self._line:
                self._line.remove(place)

    def ask(self, name: str, question: Callable[[Engine], T]) -> T:
        """Do something with a loaded engine when the lane comes to it; :class:`Stopped` if it is closed."""

        def answer() -> T:
            if self.closing:
                raise Stopped
            return question(self._loaded(name))

        with self._open():
            future = self._thread.submit(answer)
        return future.result()

    def loaded(self) -> Mapping[str, Engine]:
        return dict(self._engines)

    def close(self) -> None:
        """Stop what runs at its next step and all that wait; returns when the thread has ended."""
        with self._lock:
            self.closing = True
        self._thread.shutdown()

    @contextmanager
    def _open(self) -> Iterator[None]:
        """While the block lasts the lane does not close."""
        with self._lock:
            if self.closing:
                raise Stopped
            yield

    # In the lane's thread:

    def _work(self) -> None:
        """Take up the next batch, if anybody is waiting."""
        places = self._take(lambda waiting: waiting[:1])
        if not places:
            return
        places[0].wire.tell(_Begun())
        try:
            engine = self._loaded(places[0].engine)
            if isinstance(engine, Batching) and self._max_batch > 1:
                places += self._take(lambda waiting: self._company(engine, places[0], waiting))
                for place in places[1:]:
                    place.wire.tell(_Begun())
            _run(engine, places)
        except BaseException as error:  # of whatever kind: somebody waits, and the thread must go on
            for place in places:
                place.wire.tell(error)

    def _take(self, choose: Callable[[list[Place]], list[Place]]) -> list[Place]:
        """Those that were chosen of the line, who stand there no more; nor do those who were cancelled."""
        with self._lock:
            self._line = [place for place in self._line if not place.turn.cancelled()]
            chosen = choose(self._line)
            self._line = [place for place in self._line if place not in chosen]
        return chosen

    def _company(self, engine: Batching, head: Place, waiting: list[Place]) -> list[Place]:
        most = engine.most_at_once(head.turn, self._max_batch) - 1
        same = [place for place in waiting if place.engine == head.engine]
        return companions(engine.batch_key(head.turn), same, lambda it: engine.batch_key(it.turn), most)

    def _loaded(self, name: str) -> Engine:
        if name not in self._engines:
            engine = self._entries[name].create()
            engine.load(self._runtime)
            self._engines[name] = engine
        return self._engines[name]


def companions(
    wanted: Hashable | None, waiting: Sequence[T], key_of: Callable[[T], Hashable | None], most: int
) -> list[T]:
    """Who of those ``waiting`` (longest first) shares the batch of the head of the line, whose key is given.

    The rule: a batch is whoever has waited longest, and with it the next ``most`` of the same key who wait
    already; nobody is waited for. Others may be overtaken by these, but each batch takes the head of the
    line: whoever comes waits for no more batches than there were places before it.
    """
    if wanted is None:
        return []
    chosen: list[T] = []
    for one in waiting:
        if len(chosen) == most:
            break
        if key_of(one) == wanted:
            chosen.append(one)
    return chosen


def _run(engine: Engine, places: Sequence[Place]) -> None:
    """Run a batch and tell each its result; where it fails, each is run alone before anybody is told.

    So memory that ran out, or a request that the engine refuses, harms no other.
    """
    if len(places) > 1 and isinstance(engine, Batching):
        try:
            results = engine.run_batch([place.turn for place in places])
        except Exception as error:  # of whatever kind: who is at fault shows when each is run alone
            if not isinstance(error, Stopped):
                log.warning("a batch failed: each of it is run alone", size=len(places), exc_info=error)
        else:
            for place, result in zip(places, results, strict=True):
                place.wire.tell(result)
            return
    for place in places:
        place.wire.tell(_alone(engine, place.turn))


def _alone(engine: Engine, turn: Turn) -> EngineResult | BaseException:
    if turn.cancelled():
        return Stopped()
    try:
        return engine.run(turn.prepared, turn.params, turn.progress, turn.cancelled)
    except Exception as error:
        return error
