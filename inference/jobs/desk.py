"""What routes ask about jobs: submit, look, wait, cancel. Store errors leave here as problems.

Routes know this and no store; :mod:`inference.jobs.runner` does the work that comes in.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio
import anyio.to_thread

from inference.config import Settings
from inference.dispatch import Dispatcher, Need, Ticket
from inference.engines.base import EngineSpec
from inference.engines.lanes import LANES, Lane, lane_of
from inference.jobs.bells import Bells
from inference.jobs.errors import IdempotencyConflict, QueueFull, StoreDown, StoreFull
from inference.jobs.looks import Looks
from inference.jobs.memory import memory_store
from inference.jobs.model import Event, Idempotency, Job
from inference.jobs.request import Accepted, submission
from inference.jobs.sqlite import sqlite_store
from inference.jobs.store import JobStore
from inference.problems import Problem
from inference.replays import conflict

T = TypeVar("T")

LOOK_S = 2.0
"""How often watchers look by themselves: for places in the queue, and jobs that another process works on."""
STORE_THREADS = 8
"""Calls of the store at the same time: each is short."""
FULL_RETRY_S = 60.0
"""When to try again where the store does not know when its next results go."""


class JobDesk:
    """Made before the event loop runs; ``open`` comes later, in a thread, and may be tried again."""

    def __init__(self, settings: Settings, dispatcher: Dispatcher) -> None:
        self._settings = settings
        self._dispatcher = dispatcher
        self._store: JobStore | None = None
        self._threads = anyio.CapacityLimiter(STORE_THREADS)
        self.admission = anyio.CapacityLimiter(settings.concurrency)
        """For looking at what comes in before it is accepted."""
        self.bells = Bells()
        self._looks = Looks(self._look)
        self.running: dict[str, Ticket] = {}
        """Of the jobs that this process works on."""
        self.watchers = Places(settings.max_watchers, settings.max_watchers_per_key)
        self._stopped: float | None = None
        self.submitted = {lane: anyio.Event() for lane in LANES}
        """Set when a lane has work; whoever waits for it puts a new one in its place."""

    def open(self) -> None:
        """Raises ``store-unavailable``, naming what to do."""
        if self._store is not None:
            return
        limits = self._settings.job_limits
        if self._settings.jobs_store == "memory":
            self._store = memory_store(limits)
            return
        folder = self._settings.jobs_dir
        try:
            self._store = sqlite_store(folder, limits)
        except (StoreDown, StoreFull) as error:
            raise Problem(
                "store-unavailable",
                f"Jobs cannot be kept in CABINE_JOBS_DIR={folder}: make that folder writable, name another, "
                "or set CABINE_JOBS_STORE=memory.",
            ) from error

    def stop(self) -> None:
        """The process ends: whoever waits for a job is sent away, to come back after the next start."""
        if self._stopped is None:
            self._stopped = time.monotonic()
            self.bells.ring_all()

    @property
    def stopping(self) -> bool:
        return self._stopped is not None

    def grace_left_s(self) -> float:
        """How long running jobs may still go on."""
        since = 0.0 if self._stopped is None else time.monotonic() - self._stopped
        return max(0.0, self._settings.shutdown_grace_s - since)

    @property
    def is_open(self) -> bool:
        return self._store is not None

    @property
    def store(self) -> JobStore:
        """Raises ``not-ready`` before it is open."""
        if self._store is None:
            raise Problem("not-ready", "The store of jobs is not open yet.", headers={"Retry-After": "2"})
        return self._store

    async def call(self, work: Callable[[JobStore], T]) -> T:
        """Ask the store something, off the event loop; raises what the store raises."""
        store = self.store
        return await anyio.to_thread.run_sync(lambda: work(store), limiter=self._threads)

    async def recall(self, owner: str | None, idempotency: Idempotency) -> Job | None:
        """The job that the owner's key already stands for, if any; raises ``idempotency-conflict``."""
        with self._told():
            return await self.call(lambda store: store.recall(owner, idempotency))

    async def submit(
        self,
        engine: EngineSpec,
        owner: str | None,
        *,
        idempotency: Idempotency | None,
        accept: Callable[[], Accepted],
    ) -> tuple[Job, bool]:
        """The job, and whether it is new; raises ``busy``, ``store-full``, ``idempotency-conflict``.

        ``accept`` looks at pictures, and is called only where there is a place: in a thread, for a few
        callers at a time. Those who wait for that would be refused once they get there, so it is soon.
        """
        deadline = time.time() + self._settings.job_timeout_s
        lane, store = lane_of(engine, self._settings.runtime), self.store

        def put() -> tuple[Job, bool]:
            store.expect(lane, owner)
            accepted = accept()
            return store.submit(submission(accepted, lane=lane, deadline=deadline, idempotency=idempotency))

        try:
            with self._told():
                job, new = await anyio.to_thread.run_sync(put, limiter=self.admission)
        except QueueFull as error:
            raise self._busy(error, lane) from error
        self.submitted[lane].set()
        return job, new

    async def get(self, job_id: str) -> Job:
        """Raises ``not-found``, ``expired``."""
        return _kept(await self.find(job_id))

    async def get_of(self, owner: str | None, job_id: str) -> Job:
        """The same, ``not-found`` also where the caller's key is not that of the job (None: none)."""
        return _kept(await self.find_of(owner, job_id))

    async def find_of(self, owner: str | None, job_id: str) -> Job:
        """Also an expired one. Raises ``not-found``."""
        job = await self.find(job_id)
        if job.owner != owner:
            raise _unknown()
        return job

    async def find(self, job_id: str) -> Job:
        """Also an expired one. Raises ``not-found``."""
        with self._told():
            job = await self.call(lambda store: store.get(job_id))
        if job is None:
            raise _unknown()
        return job

    async def follow(self, job_id: str, after: int) -> tuple[Job, tuple[Event, ...]]:
        """The job, and what happened to it since that event; also an expired one. Raises ``not-found``."""
        with self._told():
            job, events = await self._looks.ask((job_id, after))
        if job is None:
            raise _unknown()
        return job, events

    async def _look(self, question: tuple[str, int]) -> tuple[Job | None, tuple[Event, ...]]:
        """The job first: all that led to its state is among the events then."""
        job_id, after = question
        return await self.call(lambda store: (store.get(job_id), store.events(job_id, after)))

    async def wait(self, job: Job, seconds: float) -> Job:
        """The job once it is done, or as it is then; raises ``not-found``, ``expired``, ``busy``."""
        until = time.monotonic() + seconds
        with self.watchers.take(job.owner), self.bells.hang(job.id) as bell:
            while True:
                job = await self.get(job.id)
                left = until - time.monotonic()
                if job.done or left <= 0 or self.stopping:
                    return job
                await bell.heard(min(left, LOOK_S))

    async def result(self, job: Job, name: str) -> bytes:
        """A result file; raises ``not-found``."""
        with self._told():
            try:
                return await self.call(lambda store: store.read_result(job.id, name))
            except KeyError as error:
                raise Problem(
                    "not-found", f"This job has no {name.replace('-', ' ')}; it is {job.state}."
                ) from error

    async def cancel(self, job_id: str) -> Job | None:
        """The job that was, or is being, cancelled; None: it had finished, and its results are gone now.

        Raises ``not-found``.
        """

        def end(store: JobStore) -> tuple[Job | None, bool]:
            before = store.get(job_id)
            job = store.cancel(job_id)
            if before is None or job is None:
                return None, False
            if before.done or job.state in ("succeeded", "failed"):  # also if it ended in between
                return store.discard(job_id), True
            return job, False

        with self._told():
            job, discarded = await self.call(end)
        if job is None:
            raise _unknown()
        ticket = self.running.get(job_id)
        if ticket is not None and job.cancel_requested:
            ticket.cancel()
        self.bells.ring_all()
        return None if discarded else job

    def states(self) -> dict[str, int]:
        """How many jobs are in which state, for metrics; nothing where the store does not work."""
        if self._store is None:
            return {}
        try:
            return {str(state): count for state, count in self._store.counts().states.items()}
        except (StoreDown, StoreFull):
            return {}

    def remaining_s(self, job: Job) -> float | None:
        """Estimated seconds until it is done."""
        if job.queue_position is None:
            return None if job.done else job.eta_s
        turn_s = self._dispatcher.turn_s(job.lane, job.queue_position)
        return turn_s + self._dispatcher.takes_s(Need(lane=job.lane, engine=job.engine))

    def close(self) -> None:
        if self._store is not None:
            self._store.close()

    def _busy(self, full: QueueFull, lane: Lane) -> Problem:
        seconds = math.ceil(self._dispatcher.turn_s(lane, full.waiting + 1))
        whose = "of yours " if full.owner else ""
        words = f"{full.waiting} jobs {whose}are waiting and no more may; try again in about {seconds} s."
        return Problem("busy", words, headers={"Retry-After": str(seconds)})

    @contextmanager
    def _told(self) -> Iterator[None]:
        """The store's refusals as problems; all but ``QueueFull``, which is about a lane."""
        try:
            yield
        except StoreFull as error:
            seconds = math.ceil(max(1.0, FULL_RETRY_S if error.retry_s is None else error.retry_s))
            words = "There is no room for another job; DELETE finished ones, or try again later."
            raise Problem("store-full", words, headers={"Retry-After": str(seconds)}) from error
        except StoreDown as error:
            words = "The store of jobs does not work at the moment; requests without jobs do."
            raise Problem("store-unavailable", words, headers={"Retry-After": "5"}) from error
        except IdempotencyConflict as error:
            raise conflict() from error


class Places:
    """A bounded number of clients that follow jobs; used from the event loop only."""

    def __init__(self, most: int, most_of_owner: int) -> None:
        self._most = most
        self._most_of_owner = most_of_owner
        self._taken: Counter[str | None] = Counter()

    @property
    def taken(self) -> int:
        return self._taken.total()

    @contextmanager
    def take(self, owner: str | None) -> Iterator[None]:
        """Raises ``busy``. Without an owner (there are no keys) all may be taken."""
        if self.taken >= self._most or (owner is not None and self._taken[owner] >= self._most_of_owner):
            whose = "clients" if self.taken >= self._most else "clients of this key"
            words = f"All places for {whose} that follow jobs are taken; ask GET /v1/jobs/ID now and then."
            raise Problem("busy", words, headers={"Retry-After": "5"})
        self._taken[owner] += 1
        try:
            yield
        finally:
            self._taken[owner] -= 1


def _kept(job: Job) -> Job:
    """Raises ``expired``."""
    if job.state == "expired":
        raise Problem("expired", "The job and its results are gone; send the request again.")
    return job


def _unknown() -> Problem:
    return Problem("not-found", "There is no job with this id.")
