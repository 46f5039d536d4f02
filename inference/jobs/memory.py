"""Jobs in the memory of one process: gone when it ends, and nothing ever on the disk."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import get_args

from inference.engines.lanes import LANES, Lane
from inference.jobs.files import MemoryFiles
from inference.jobs.limits import Limits
from inference.jobs.model import Event, Idempotency, Job, State
from inference.jobs.records import Counts
from inference.jobs.store import JobStore

WITHOUT_RESULTS: tuple[State, ...] = ("failed", "cancelled", "expired")


class MemoryRecords:
    """Records (see there) in dictionaries. The store checks before it writes: nothing to roll back."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._events: dict[str, deque[Event]] = {}
        self._keys: dict[tuple[str | None, str], tuple[str, str]] = {}

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._lock:
            yield

    def add(self, job: Job) -> None:
        self._jobs[job.id] = job

    def save(self, job: Job) -> None:
        self._jobs[job.id] = job

    def remove(self, job_id: str) -> None:
        del self._jobs[job_id]
        self._events.pop(job_id, None)
        self.forget(job_id)

    def find(self, job_id: str) -> Job | None:
        with self._lock:
            return self._jobs.get(job_id)

    def first_queued(self, lane: Lane) -> Job | None:
        return next(iter(self._waiting(lane)), None)

    def ahead_of(self, job_id: str) -> int:
        with self._lock:
            job = self._jobs.get(job_id)
            ids = [] if job is None else [other.id for other in self._waiting(job.lane)]
            return ids.index(job_id) if job_id in ids else 0

    def queued_of(self, owner: str) -> int:
        return sum(job.owner == owner for job in self._in("queued"))

    def counts(self) -> Counts:
        with self._lock:
            jobs = list(self._jobs.values())
        states: dict[State, int] = dict.fromkeys(get_args(State), 0)
        queued: dict[Lane, int] = dict.fromkeys(LANES, 0)
        for job in jobs:
            states[job.state] += 1
            queued[job.lane] += job.state == "queued"
        return Counts(
            states=states,
            queued=queued,
            bytes=sum(job.bytes for job in jobs),
            oldest_queued=next((job.created for job in jobs if job.state == "queued"), None),
            first_expiry=min(
                (job.expires for job in jobs if job.state == "succeeded" and job.expires is not None),
                default=None,
            ),
        )

    def unfinished(self) -> list[Job]:
        with self._lock:
            return self._in("queued", "running")

    def lapsed(self, now: float) -> list[Job]:
        return [job for job in self._in("running") if job.lease is not None and job.lease.until <= now]

    def overdue(self, now: float) -> list[Job]:
        return [job for job in self._in("queued") if job.deadline is not None and job.deadline <= now]

    def ended(self, now: float) -> list[Job]:
        jobs = self._in("succeeded", "failed", "cancelled")
        return [job for job in jobs if job.expires is not None and job.expires <= now]

    def spent(self, before: float, keep: int) -> list[Job]:
        without = self._in(*WITHOUT_RESULTS)
        newest_first = sorted(without, key=lambda job: job.expires or 0.0, reverse=True)
        old = [
            job
            for job in newest_first[:keep]
            if job.state == "expired" and job.expires is not None and job.expires <= before
        ]
        return old + newest_first[keep:]

    def append(self, job_id: str, event: Event, keep: int) -> None:
        self._events.setdefault(job_id, deque(maxlen=keep)).append(event)

    def events(self, job_id: str, after: int) -> tuple[Event, ...]:
        with self._lock:
            return tuple(event for event in self._events.get(job_id, ()) if event.seq > after)

    def remember(self, owner: str | None, idempotency: Idempotency, job_id: str) -> None:
        self._keys[owner, idempotency.key] = (idempotency.digest, job_id)

    def recall(self, owner: str | None, key: str) -> tuple[str, str] | None:
        return self._keys.get((owner, key))

    def forget(self, job_id: str) -> None:
        self._keys = {name: value for name, value in self._keys.items() if value[1] != job_id}

    def close(self) -> None:
        """There is nothing to close."""

    def _waiting(self, lane: Lane) -> list[Job]:
        return [job for job in self._in("queued") if job.lane == lane]

    def _in(self, *states: State) -> list[Job]:
        return [job for job in self._jobs.values() if job.state in states]


def memory_store(limits: Limits, *, now: Callable[[], float] = time.time) -> JobStore:
    return JobStore(MemoryRecords(), MemoryFiles(now), limits, now=now)
