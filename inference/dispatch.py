"""The one seam between routes and work: bounded concurrency, bounded queue, deadline, cancellation.

Work is a plain function that runs in a thread and now and then asks its ticket whether to stop. Routes do not
know that it is a local queue, and may one day get the same from a cluster.

Jobs (:mod:`inference.jobs.runner`) take their turns from the same places as requests whose callers wait: both
together never exceed ``concurrency``.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio
import anyio.to_thread

from inference.engines.base import Stopped
from inference.problems import Problem

T = TypeVar("T")

SMOOTHING = 0.2
"""Weight of the newest request in the running mean of durations, which Retry-After is made from."""
FIRST_GUESS_S = 4.0
"""Duration assumed before anything was measured: ``warp`` on two cores."""


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """The life of one request; safe to ask from any thread."""

    deadline: float
    """``time.monotonic()`` after which nobody waits for the answer."""
    _gone: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        self._gone.set()

    def expired(self) -> bool:
        return time.monotonic() >= self.deadline

    def cancelled(self) -> bool:
        """Should the work stop: the client left, or the deadline passed."""
        return self._gone.is_set() or self.expired()

    def left(self) -> float:
        """Seconds to the deadline, not negative."""
        return max(0.0, self.deadline - time.monotonic())


@dataclass(kw_only=True)
class Outcome(Generic[T]):
    """What work returned or raised; ``Stopped`` where it never began."""

    value: T | None = None
    error: Exception | None = None


class Dispatcher:
    """Runs work in threads: ``concurrency`` at a time, ``queue`` waiting, the rest is refused as ``busy``."""

    def __init__(
        self, *, concurrency: int, queue: int, waited: Callable[[float], None] = lambda seconds: None
    ) -> None:
        """``waited`` is told how long each request waited that got its turn."""
        self.concurrency = concurrency
        self._queue = queue
        self._waited = waited
        self._slots = anyio.Semaphore(concurrency)
        self._threads = anyio.CapacityLimiter(concurrency)
        self.waiting = 0
        self.mean_s = FIRST_GUESS_S
        """Running mean of what one request or job took, in seconds."""

    async def run(
        self, work: Callable[[Ticket], T], *, ticket: Ticket, disconnected: Callable[[], Awaitable[None]]
    ) -> T:
        """The result of ``work``; ``disconnected`` returns when the client has left.

        Raises :class:`Problem`: ``busy``, ``deadline-exceeded`` (before work began, if it never got a turn),
        ``cancelled``; and whatever the work raises.
        """
        if self._slots.value == 0 and self.waiting >= self._queue:
            raise self._busy()
        outcome: Outcome[T] | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(_watch, disconnected, ticket, group.cancel_scope)
            outcome = await self._queued(work, ticket)
            group.cancel_scope.cancel()
        return _settle(outcome, ticket)

    async def acquire(self) -> None:
        """Wait for a place, in turn with everybody else; :meth:`release` gives it back."""
        await self._slots.acquire()

    def release(self) -> None:
        self._slots.release()

    async def _queued(self, work: Callable[[Ticket], T], ticket: Ticket) -> Outcome[T]:
        self.waiting += 1
        came = time.monotonic()
        try:
            with anyio.move_on_after(ticket.left()) as waiting:
                await self._slots.acquire()
        finally:
            self.waiting -= 1
        if waiting.cancelled_caught:
            return Outcome(error=Stopped())
        self._waited(time.monotonic() - came)
        try:
            return await self.in_thread(work, ticket)
        finally:
            self._slots.release()

    async def in_thread(self, work: Callable[[Ticket], T], ticket: Ticket) -> Outcome[T]:
        """Run ``work`` in the place that the caller holds; whatever it raises is in the outcome."""
        if ticket.cancelled():
            return Outcome(error=Stopped())
        started = time.monotonic()
        try:
            value = await anyio.to_thread.run_sync(work, ticket, limiter=self._threads)
        except (
            Exception
        ) as error:  # carried out of the task group, which would wrap it; raised again in _settle
            return Outcome(error=error)
        self.mean_s += SMOOTHING * (time.monotonic() - started - self.mean_s)
        return Outcome(value=value)

    def _busy(self) -> Problem:
        seconds = math.ceil(self.mean_s * (self.waiting + 1) / self.concurrency)
        return Problem(
            "busy",
            f"{self.waiting} requests are waiting and no more may; try again in about {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )


async def _watch(
    disconnected: Callable[[], Awaitable[None]], ticket: Ticket, scope: anyio.CancelScope
) -> None:
    await disconnected()
    ticket.cancel()
    scope.cancel()


def _settle(outcome: Outcome[T] | None, ticket: Ticket) -> T:
    if outcome is None or isinstance(outcome.error, Stopped):
        if ticket.expired():
            raise Problem(
                "deadline-exceeded", "The request's time was up before it was done; try again later."
            )
        raise Problem("cancelled", "The client closed the connection before the answer was ready.")
    if outcome.error is not None:
        raise outcome.error
    return outcome.value  # type: ignore[return-value]
