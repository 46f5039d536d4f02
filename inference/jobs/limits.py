"""How much a job store takes, and the refusals beyond it."""

from __future__ import annotations

from dataclasses import dataclass

from inference.engines.lanes import Lane
from inference.jobs.errors import QueueFull, StoreFull
from inference.jobs.model import State
from inference.jobs.records import Counts

WITH_FILES: tuple[State, ...] = ("queued", "running", "succeeded")


@dataclass(frozen=True, kw_only=True)
class Limits:
    max_queued: int
    """In each lane."""
    max_queued_per_owner: int
    """In all lanes together; jobs without an owner are not counted."""
    max_jobs: int
    """That hold files."""
    max_bytes: int
    keep_s: float
    """From the end of a job until its results are removed; its record is kept as long again."""
    max_attempts: int
    max_events: int = 256
    """Kept of a job, for clients that come back."""

    def require_place(self, lane: Lane, counts: Counts, queued_of_owner: int, now: float) -> None:
        """For one more job; raises ``QueueFull``, ``StoreFull``."""
        queued = counts.queued[lane]
        if queued >= self.max_queued:
            raise QueueFull(waiting=queued, owner=False)
        if queued_of_owner >= self.max_queued_per_owner:
            raise QueueFull(waiting=queued_of_owner, owner=True)
        if sum(counts.states[state] for state in WITH_FILES) >= self.max_jobs:
            raise _full(counts, now)

    def require_bytes(self, counts: Counts, size: int, now: float) -> None:
        """For ``size`` more; raises ``StoreFull``."""
        if counts.bytes + size > self.max_bytes:
            raise _full(counts, now)


def _full(counts: Counts, now: float) -> StoreFull:
    first = counts.first_expiry
    return StoreFull(None if first is None else max(0.0, first - now))
