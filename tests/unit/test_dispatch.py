"""The queue in front of the engines, without HTTP."""

from __future__ import annotations

import threading
import time

import anyio
import pytest

from inference.dispatch import Need, Ticket
from inference.engines.base import Stopped
from inference.local_dispatcher import LocalDispatcher
from inference.problems import Problem

TRYON = Need(lane="cpu", engine="warp")


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
    gate = threading.Event()

    def hold(_: Ticket) -> None:
        gate.wait(10)

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
