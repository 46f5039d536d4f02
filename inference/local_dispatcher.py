"""Work in threads of this process: for each lane a number of slots, and a bounded queue before them.

Jobs (:mod:`inference.jobs.runner`) take their turns from the same slots as requests whose callers wait: in
no lane do both together exceed ``concurrency``. A slot is held from decoding to encoding: of two, one
prepares its request while the other has the engine.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio
import anyio.to_thread

from inference.dispatch import Need, Slot, Ticket
from inference.engines.base import Stopped
from inference.engines.lanes import LANES, Lane
from inference.problems import Problem

T = TypeVar("T")

SMOOTHING = 0.2
"""Least weight of the newest try-on in the running means of durations."""
FIRST_GUESS_S: dict[Lane, float] = {"cpu": 4.0, "gpu": 15.0}
"""Duration assumed before anything was measured: ``warp`` on two cores; on a GPU a guess."""


@dataclass(kw_only=True)
class Ended(Generic[T]):
    """What work returned or raised; ``Stopped`` where it never began."""

    value: T | None = None
    error: Exception | None = None


class LocalDispatcher:
    """A :class:`~inference.dispatch.Dispatcher`; what finds no room is refused as ``busy``."""

    def __init__(
        self,
        *,
        concurrency: int,
        queue: int,
        waited: Callable[[Lane, float], None] = lambda lane, seconds: None,
    ) -> None:
        """Numbers are those of each lane; ``waited`` is told the seconds of those that got their turn."""
        self._queue = queue
        self._waited = waited
        self._lanes = {lane: _Slots(concurrency, FIRST_GUESS_S[lane]) for lane in LANES}

    async def run(
        self,
        work: Callable[[Ticket], T],
        *,
        need: Need,
        ticket: Ticket,
        disconnected: Callable[[], Awaitable[None]],
    ) -> T:
        slots = self._lanes[need.lane]
        if not slots.free and slots.waiting >= self._queue:
            raise self._busy(need.lane)
        ended: Ended[T] | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(_watch, disconnected, ticket, group.cancel_scope)
            ended = await self._in_turn(work, need, ticket)
            group.cancel_scope.cancel()
        return _settle(ended, ticket)

    async def slot(self, lane: Lane) -> Slot:
        return await self._lanes[lane].take()

    def waiting(self, lane: Lane) -> int:
        return self._lanes[lane].waiting

    def turn_s(self, lane: Lane, position: int) -> float:
        slots = self._lanes[lane]
        return slots.mean_s() * position / slots.count

    def takes_s(self, need: Need) -> float:
        return self._lanes[need.lane].mean_s(need.engine)

    async def _in_turn(self, work: Callable[[Ticket], T], need: Need, ticket: Ticket) -> Ended[T]:
        slots = self._lanes[need.lane]
        came = time.monotonic()
        slots.waiting += 1
        try:
            with anyio.move_on_after(ticket.left()) as waiting:
                slot = await slots.take()
        finally:
            slots.waiting -= 1
        if waiting.cancelled_caught:
            return Ended(error=Stopped())
        self._waited(need.lane, time.monotonic() - came)
        try:
            if ticket.cancelled():
                return Ended(error=Stopped())
            return Ended(value=await slot.work(lambda: work(ticket), need.engine))
        except (
            Exception
        ) as error:  # carried out of the task group, which would wrap it; raised again in _settle
            return Ended(error=error)
        finally:
            slot.leave()

    def _busy(self, lane: Lane) -> Problem:
        waiting = self.waiting(lane)
        seconds = math.ceil(self.turn_s(lane, waiting + 1))
        return Problem(
            "busy",
            f"{waiting} requests are waiting and no more may; try again in about {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )


class _Slots:
    """Those of one lane, and for how long try-ons hold them."""

    def __init__(self, count: int, guess_s: float) -> None:
        self.count = count
        self.waiting = 0
        self.threads = anyio.CapacityLimiter(count)
        self._semaphore = anyio.Semaphore(count)
        self._all = _Mean(guess_s)
        self._by_engine: dict[str, _Mean] = {}

    @property
    def free(self) -> bool:
        return self._semaphore.value > 0

    async def take(self) -> _LocalSlot:
        await self._semaphore.acquire()
        return _LocalSlot(self)

    def put_back(self) -> None:
        self._semaphore.release()

    def mean_s(self, engine: str | None = None) -> float:
        """Of an engine that has not worked yet, and of None: that of all."""
        found = None if engine is None else self._by_engine.get(engine)
        return (found or self._all).seconds

    def took(self, engine: str, seconds: float) -> None:
        self._all.add(seconds)
        self._by_engine.setdefault(engine, _Mean(seconds)).add(seconds)


class _LocalSlot:
    def __init__(self, slots: _Slots) -> None:
        self._slots = slots

    async def work(self, work: Callable[[], T], engine: str | None) -> T:
        started = time.monotonic()
        value = await anyio.to_thread.run_sync(work, limiter=self._slots.threads)
        if engine is not None:
            self._slots.took(engine, time.monotonic() - started)
        return value

    def leave(self) -> None:
        self._slots.put_back()


class _Mean:
    """A guess, then the mean of the first few, then one that forgets what was long ago."""

    def __init__(self, guess_s: float) -> None:
        self.seconds = guess_s
        self._count = 0

    def add(self, seconds: float) -> None:
        self._count += 1
        self.seconds += max(SMOOTHING, 1 / self._count) * (seconds - self.seconds)


async def _watch(
    disconnected: Callable[[], Awaitable[None]], ticket: Ticket, scope: anyio.CancelScope
) -> None:
    await disconnected()
    ticket.cancel()
    scope.cancel()


def _settle(ended: Ended[T] | None, ticket: Ticket) -> T:
    if ended is None or isinstance(ended.error, Stopped):
        if ticket.expired():
            raise Problem(
                "deadline-exceeded", "The request's time was up before it was done; try again later."
            )
        raise Problem("cancelled", "The client closed the connection before the answer was ready.")
    if ended.error is not None:
        raise ended.error
    return ended.value  # type: ignore[return-value]
