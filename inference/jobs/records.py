"""What a job store needs of the place where jobs are written down; ``memory`` and ``sqlite`` are two of them.

A third (a database for many machines) implements this and nothing else: the rules are in ``store``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from inference.engines.lanes import Lane
from inference.jobs.model import Event, Idempotency, Job, State


@dataclass(frozen=True, kw_only=True)
class Counts:
    states: Mapping[State, int]
    """Every state, also those that no job is in."""
    queued: Mapping[Lane, int]
    """Every lane, also those where no job waits."""
    bytes: int
    """Of all files."""
    oldest_queued: float | None
    """When the first job in the queue was created."""
    first_expiry: float | None
    """When the next results are removed."""


class Records(Protocol):
    """Jobs, their events, and idempotency keys; jobs come in the order in which they were added.

    Safe for several threads. Methods raise ``StoreFull`` and ``StoreDown``.
    """

    def writing(self) -> AbstractContextManager[None]:
        """A transaction: alone among all threads and processes, all or nothing. Not nested."""
        ...

    def add(self, job: Job) -> None: ...

    def save(self, job: Job) -> None: ...

    def remove(self, job_id: str) -> None:
        """With its events and its key."""
        ...

    def find(self, job_id: str) -> Job | None: ...

    def first_queued(self, lane: Lane) -> Job | None: ...

    def ahead_of(self, job_id: str) -> int:
        """Queued jobs of the same lane that were added before this one."""
        ...

    def queued_of(self, owner: str) -> int: ...

    def counts(self) -> Counts: ...

    def unfinished(self) -> list[Job]:
        """Queued or running."""
        ...

    def lapsed(self, now: float) -> list[Job]:
        """Running on a lease that has ended."""
        ...

    def overdue(self, now: float) -> list[Job]:
        """Queued beyond their deadline."""
        ...

    def ended(self, now: float) -> list[Job]:
        """Finished, kept for as long as promised, not yet expired."""
        ...

    def spent(self, before: float, keep: int) -> list[Job]:
        """Expired before then; and, beyond the newest ``keep``, all failed, cancelled or expired ones."""
        ...

    def append(self, job_id: str, event: Event, keep: int) -> None:
        """Add an event, of which the last ``keep`` are kept."""
        ...

    def events(self, job_id: str, after: int) -> tuple[Event, ...]:
        """Those with a greater ``seq``, in order."""
        ...

    def remember(self, owner: str | None, idempotency: Idempotency, job_id: str) -> None: ...

    def recall(self, owner: str | None, key: str) -> tuple[str, str] | None:
        """Digest and job id that the owner's key stands for."""
        ...

    def forget(self, job_id: str) -> None:
        """Its key, if it has one."""
        ...

    def close(self) -> None: ...
