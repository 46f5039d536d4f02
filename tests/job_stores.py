"""Job stores for tests: both kinds, with small limits and a clock that stands still."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from inference.engines.lanes import Lane
from inference.jobs.limits import Limits
from inference.jobs.memory import memory_store
from inference.jobs.model import Idempotency, Job, JobError, Submission, Success
from inference.jobs.sqlite import sqlite_store
from inference.jobs.store import JobStore

T = TypeVar("T")
MakeJobs = Callable[..., JobStore]
KINDS = ("memory", "sqlite")
LIMITS = Limits(
    max_queued=8,
    max_queued_per_owner=4,
    max_jobs=12,
    max_bytes=10_000,
    keep_s=3600,
    max_attempts=2,
    max_events=16,
)
BIG_LIMITS = replace(LIMITS, max_queued=10_000, max_jobs=10_000, max_bytes=10**10)
LEASE_S = 10.0
BROKEN = JobError(slug="no-person", detail="There is nobody.", retryable=False, field="person")


class Clock:
    """Far in the future: files on a disk are all older."""

    now = 9_000_000_000.0

    def __call__(self) -> float:
        return self.now


def make_store(kind: str, folder: Path, now: Callable[[], float], **limits: float) -> JobStore:
    wanted = replace(LIMITS, **limits)  # type: ignore[arg-type]
    if kind == "memory":
        return memory_store(wanted, now=now)
    return sqlite_store(folder, wanted, now=now)


def submission(
    text: str = "shirt",
    *,
    owner: str | None = None,
    key: str | None = None,
    deadline: float | None = None,
    lane: Lane = "cpu",
) -> Submission:
    return Submission(
        engine="warp",
        lane=lane,
        request={"options": {"seed": 7}, "text": text},
        inputs={"person": b"person of " + text.encode(), "garment-0": text.encode()},
        owner=owner,
        deadline=deadline,
        idempotency=None if key is None else Idempotency(key=key, digest=text),
    )


def success(image: bytes = b"picture") -> Success:
    return Success(
        files={"image-0": image, "mask": b"mask"},
        seed=7,
        confidence=0.9,
        warnings=({"name": "low-resolution"},),
        timings={"engine": 1.5},
        results={"mask_source": "derived", "width": 768},
    )


def running(store: JobStore, text: str = "shirt", worker: str = "w") -> Job:
    """A job that the worker has just claimed."""
    store.submit(submission(text))
    job = store.claim(worker, LEASE_S, "cpu")
    assert job is not None
    return job


def kinds(store: JobStore, job_id: str) -> list[str]:
    return [event.kind for event in store.events(job_id)]


def at_once(count: int, work: Callable[[], T]) -> list[T]:
    """The results of as many threads that begin together and take turns after every few instructions."""
    together = threading.Barrier(count)
    before = sys.getswitchinterval()

    def begin(_: int) -> T:
        together.wait()
        return work()

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(begin, range(count)))
    finally:
        sys.setswitchinterval(before)
