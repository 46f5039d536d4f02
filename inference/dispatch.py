"""The one seam between routes and work: a turn in the queue of a device, deadlines, cancellation.

Work is a plain function that runs in a thread and now and then asks its ticket whether to stop. Routes and
jobs know nothing but :class:`Dispatcher`; :mod:`inference.local_dispatcher` is the one that there is, and a
cluster may one day stand in its place (``create_app(..., dispatcher=)``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from inference.engines.lanes import Lane

T = TypeVar("T")


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


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a piece of work needs."""

    lane: Lane
    engine: str | None = None
    """Name of the engine of a try-on; None: preparation alone, too short to count in estimates."""


class Slot(Protocol):
    """Room for one piece of work at a time, until it is left."""

    async def work(self, work: Callable[[], T], engine: str | None) -> T:
        """Do it off the event loop, to its end; raises what it raises.

        ``engine`` as in :class:`Need`; what raises does not count in estimates either.
        """
        ...

    def leave(self) -> None:
        """Once; from whichever task."""
        ...


class Dispatcher(Protocol):
    """Where work is done, and in which order. Called on the event loop; the last three from any thread."""

    async def run(
        self,
        work: Callable[[Ticket], T],
        *,
        need: Need,
        ticket: Ticket,
        disconnected: Callable[[], Awaitable[None]],
    ) -> T:
        """The result of ``work``; ``disconnected`` returns when the client has left.

        Raises :class:`~inference.problems.Problem`: ``busy``, ``deadline-exceeded`` (before work began, if it
        never got a turn), ``cancelled``; and whatever the work raises.
        """
        ...

    async def slot(self, lane: Lane) -> Slot:
        """Wait for a slot, in turn with everybody else in the lane; it must be left."""
        ...

    def waiting(self, lane: Lane) -> int:
        """Requests that wait for a slot; jobs wait in their store."""
        ...

    def turn_s(self, lane: Lane, position: int) -> float:
        """Estimated seconds until the turn of whoever has this position in the lane's queue, from 1."""
        ...

    def takes_s(self, need: Need) -> float:
        """Estimated seconds from the turn to the end."""
        ...
