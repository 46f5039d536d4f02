"""The queue in front of the engines, without HTTP."""

from __future__ import annotations

import threading
import time

import anyio
import pytest

from inference import local_dispatcher
from inference.dispatch import Need, Ticket
from inference.engines.base import Stopped
from inference.engines.lanes import Lane
from inference.local_dispatcher import FIRST_GUESS_S, LocalDispatcher
from inference.problems import Problem

TRYON = Need(lane="cpu", engine="warp")
DRAW = Need(lane="gpu", engine="idm-vton")


def ticket(seconds: float = 10) -> Ticket:
    return Ticket(deadline=time.monotonic() + seconds)


async def stays() -> None:
    """A client that never leaves."""
    await anyio.sleep_forever()


def test_result_and_error_come_through() -> None:
    async def main() -> None:
        dispatcher = LocalDispatcher(concurrency=1, queue=1)
        assert await dispatcher.run(lambda _: 7, need=TRYON, ticket=ticket(), disconnected=stays) == 7
        with pytest.raises(ZeroDivisionError):
            await dispatcher.run(lambda _: 1 // 0, need=TRYON, ticket=ticket(), disconnected=stays)
        assert await dispatcher.run(lambda _: 8, need=TRYON, ticket=ticket(), disconnected=stays) == 8

    anyio.run(main)


def test_work_that_is_late_before_its_turn_is_never_begun() -> None:
    begun: list[str] = []
    gate, over = threading.Event(), threading.Event()

    def hold(_: Ticket) -> None:
        gate.wait(10)
        over.set()

    async def main() -> None:
        dispatcher = LocalDispatcher(concurrency=1, queue=1)

        async def holder() -> None:
            await dispatcher.run(hold, need=TRYON, ticket=ticket(), disconnected=stays)

        async with anyio.create_task_group() as group:
            group.start_soon(holder)
            await anyio.sleep(0.05)
            with pytest.raises(Problem) as raised:
                await dispatcher.run(
                    lambda _: begun.append("late"), need=TRYON, ticket=ticket(0.05), disconnected=stays
                )
            assert not over.is_set(), "it waited for its turn beyond its deadline"
            gate.set()
        assert raised.value.slug == "deadline-exceeded"
        assert (
            await dispatcher.run(lambda _: "next", need=TRYON, ticket=ticket(), disconnected=stays) == "next"
        )

    anyio.run(main)
    assert begun == []


def test_client_that_leaves_the_queue_frees_its_place() -> None:
    gate = threading.Event()

    async def main() -> None:
        dispatcher = LocalDispatcher(concurrency=1, queue=1)
        left = anyio.Event()

        async def holder() -> None:
            await dispatcher.run(lambda _: gate.wait(10), need=TRYON, ticket=ticket(), disconnected=stays)

        async def leaver() -> None:
            with pytest.raises(Problem) as raised:
                await dispatcher.run(lambda _: None, need=TRYON, ticket=ticket(), disconnected=left.wait)
            assert raised.value.slug == "cancelled"

        async with anyio.create_task_group() as group:
            group.start_soon(holder)
            await anyio.sleep(0.05)
            group.start_soon(leaver)
            await anyio.sleep(0.05)
            assert dispatcher.waiting("cpu") == 1
            with pytest.raises(Problem) as raised:
                await dispatcher.run(lambda _: None, need=TRYON, ticket=ticket(), disconnected=stays)
            assert raised.value.slug == "busy"
            assert int(raised.value.headers["Retry-After"]) >= 1
            left.set()
            await anyio.sleep(0.05)
            assert dispatcher.waiting("cpu") == 0
            gate.set()

    anyio.run(main)


def test_running_work_is_told_and_waited_for() -> None:
    told = threading.Event()

    def listen(turn: Ticket) -> None:
        while not turn.cancelled():
            time.sleep(0.005)
        told.set()
        raise Stopped

    async def main() -> None:
        dispatcher = LocalDispatcher(concurrency=1, queue=0)

        async def leaves() -> None:
            await anyio.sleep(0.05)

        with pytest.raises(Problem) as raised:
            await dispatcher.run(listen, need=TRYON, ticket=ticket(), disconnected=leaves)
        assert raised.value.slug == "cancelled"
        assert told.is_set()

    anyio.run(main)


def test_never_more_at_once_than_allowed() -> None:
    now, most = 0, 0
    lock = threading.Lock()
    three = threading.Barrier(3, timeout=10)  # nobody goes on before three are at work

    def work(_: Ticket) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        three.wait()
        with lock:
            now -= 1

    async def main() -> None:
        dispatcher = LocalDispatcher(concurrency=3, queue=20)

        async def one() -> None:
            await dispatcher.run(work, need=TRYON, ticket=ticket(), disconnected=stays)

        async with anyio.create_task_group() as group:
            for _ in range(15):
                group.start_soon(one)

    anyio.run(main)
    assert most == 3


def test_lanes_have_slots_and_queues_of_their_own() -> None:
    waited: list[Lane] = []

    async def main() -> None:
        dispatcher = LocalDispatcher(concurrency=1, queue=0, waited=lambda lane, _: waited.append(lane))
        held = await dispatcher.slot("gpu")
        with pytest.raises(Problem) as raised:
            await dispatcher.run(lambda _: 1, need=DRAW, ticket=ticket(), disconnected=stays)
        assert raised.value.slug == "busy"
        assert int(raised.value.headers["Retry-After"]) == FIRST_GUESS_S["gpu"]
        assert await dispatcher.run(lambda _: 2, need=TRYON, ticket=ticket(), disconnected=stays) == 2
        held.leave()
        assert await dispatcher.run(lambda _: 3, need=DRAW, ticket=ticket(), disconnected=stays) == 3

    anyio.run(main)
    assert waited == ["cpu", "gpu"]


def test_estimates_are_means_of_the_engine_and_of_its_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(local_dispatcher.time, "monotonic", lambda: now)

    async def main() -> None:
        dispatcher = LocalDispatcher(concurrency=2, queue=9)

        async def takes(seconds: float, need: Need) -> None:
            def work(_: Ticket) -> None:
                nonlocal now
                now += seconds

            await dispatcher.run(work, need=need, ticket=Ticket(deadline=1e9), disconnected=stays)

        slow = Need(lane="cpu", engine="slow")
        assert dispatcher.takes_s(TRYON) == FIRST_GUESS_S["cpu"]
        assert dispatcher.turn_s("cpu", 3) == FIRST_GUESS_S["cpu"] * 3 / 2
        await takes(1000, Need(lane="cpu"))  # preparation alone says nothing about try-ons
        assert dispatcher.takes_s(TRYON) == FIRST_GUESS_S["cpu"]
        await takes(1, TRYON)
        await takes(3, TRYON)
        assert dispatcher.takes_s(TRYON) == dispatcher.takes_s(slow) == 2
        await takes(20, slow)
        assert (dispatcher.takes_s(TRYON), dispatcher.takes_s(slow)) == (2, 20)
        assert dispatcher.turn_s("cpu", 1) == pytest.approx(8 / 2)
        assert dispatcher.turn_s("gpu", 2) == FIRST_GUESS_S["gpu"]
        for _ in range(40):
            await takes(6, slow)
        assert dispatcher.takes_s(slow) == pytest.approx(6, abs=0.1)  # what was long ago is forgotten

    anyio.run(main)


def test_work_that_fails_tells_nothing_about_durations() -> None:
    async def main() -> None:
        dispatcher = LocalDispatcher(concurrency=1, queue=0)
        with pytest.raises(ZeroDivisionError):
            await dispatcher.run(lambda _: 1 // 0, need=TRYON, ticket=ticket(), disconnected=stays)
        assert dispatcher.takes_s(TRYON) == FIRST_GUESS_S["cpu"]

    anyio.run(main)
