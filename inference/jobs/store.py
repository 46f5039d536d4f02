"""The job store: bounded queue, leases, events, expiry. One set of rules over any records and files."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace

from inference.engines.lanes import Lane
from inference.jobs import journal, lifecycle
from inference.jobs.belongings import inputs_of, remove_unneeded, remove_useless, results_of, size_of
from inference.jobs.errors import IdempotencyConflict, LeaseLost
from inference.jobs.files import Files
from inference.jobs.lifecycle import TOO_LATE
from inference.jobs.limits import Limits
from inference.jobs.model import Event, Idempotency, Job, JobError, JsonObject, Lease, Submission, Success
from inference.jobs.records import Counts, Records

ID_BYTES = 16
"""128 random bits: an id is what proves that the job is yours."""
ORPHAN_S = 60.0
"""Files without a job are left alone for this long: their job may be about to be written down."""


class JobStore:
    """Safe for several threads, and for several processes where its records are.

    Methods are short; those that take or give pictures write or read files. Besides what they name, all of
    them raise ``StoreDown``, and those that write ``StoreFull``.
    """

    def __init__(
        self,
        records: Records,
        files: Files,
        limits: Limits,
        *,
        now: Callable[[], float],
        new_id: Callable[[], str] = lambda: secrets.token_hex(ID_BYTES),
    ) -> None:
        self._records = records
        self._files = files
        self._limits = limits
        self._now = now
        self._new_id = new_id
        self._news: list[Job] = []  # what became of jobs in the transaction that is open

    def recall(self, owner: str | None, idempotency: Idempotency | None) -> Job | None:
        """The job that the owner's key already stands for, if any; raises ``IdempotencyConflict``."""
        if idempotency is None:
            return None
        found = self._records.recall(owner, idempotency.key)
        if found is None:
            return None
        digest, job_id = found
        if digest != idempotency.digest:
            raise IdempotencyConflict
        return self.get(job_id)

    def expect(self, lane: Lane, owner: str | None) -> None:
        """Before pictures are looked at for :meth:`submit`.

        Raises ``QueueFull``, and ``StoreFull`` where no job fits, however small.
        """
        with self._writing():
            self._require_place(lane, owner)

    def submit(self, submission: Submission) -> tuple[Job, bool]:
        """The queued job and True; or the job that the idempotency key already stands for, and False.

        Raises ``QueueFull``, ``StoreFull``, ``IdempotencyConflict``. An accepted job and its files are on
        the disk when this returns.
        """
        job = lifecycle.submitted(submission, self._new_id(), self._now())
        with self._writing():  # before anything is written: what is refused is refused fast
            earlier = self.recall(submission.owner, submission.idempotency)
            if earlier is not None:
                return earlier, False
            self._require_room(job)
        accepted: Job | None = None
        try:
            self._files.write(inputs_of(job), submission.inputs)
            with self._writing():
                earlier = self.recall(submission.owner, submission.idempotency)
                if earlier is not None:
                    return earlier, False
                self._require_room(job)
                accepted = self._add(job, submission)
            return self._placed(accepted), True
        finally:
            if accepted is None:
                self._files.remove(inputs_of(job))

    def claim(self, worker: str, lease_s: float, lane: Lane) -> Job | None:
        """The oldest job in the lane's queue, now this worker's until the lease ends; None: nothing to do.

        Jobs whose worker died come back first; those past their deadline are never handed out. ``worker``
        is to be a new name for each claim: a job may come back to the process that lost it.
        """
        now = self._now()
        with self._writing():
            dropped = self._recover(now)
            job = self._records.first_queued(lane)
            if job is not None:
                lease = Lease(worker=worker, until=now + lease_s)
                job = self._happened(lifecycle.claimed(job, lease, now), "running")
        remove_useless(dropped, self._files)
        return job

    def heartbeat(self, job_id: str, worker: str, lease_s: float) -> Job:
        """Renew the lease; raises ``LeaseLost``. The answer tells whether to cancel."""
        with self._writing():
            lease = Lease(worker=worker, until=self._now() + lease_s)
            job = lifecycle.renewed(self._owned(job_id, worker), lease)
            self._records.save(job)
        return job

    def progress(
        self, job_id: str, worker: str, stage: str, step: int, steps: int, eta_s: float | None = None
    ) -> Job:
        """Where the work is; raises ``LeaseLost``. The answer tells whether to cancel."""
        with self._writing():
            job = self._owned(job_id, worker)
            job = replace(job, stage=stage, step=step, steps=steps, eta_s=eta_s)
            data: JsonObject = {"stage": stage, "step": step, "steps": steps, "eta_s": eta_s}
            return self._happened(job, "progress", data)

    def attach(
        self, job_id: str, worker: str, name: str, data: bytes, about: JsonObject | None = None
    ) -> Job:
        """Add or replace a result file while the work goes on; raises ``LeaseLost``, ``StoreFull``.

        ``about`` is what the event says of it besides its name.
        """
        with self._with_results(job_id, worker, {name: data}) as job:
            names = job.files if name in job.files else (*job.files, name)
            job = replace(job, files=names, bytes=size_of(job, self._files))
            return self._happened(job, "preview", {"name": name, **(about or {})})

    def finish(self, job_id: str, worker: str, outcome: Success | JobError | None) -> Job:
        """The end of the work, None if it was cancelled; the inputs are removed.

        A job that was to be cancelled is, whatever came of it: its results are not kept.

        Raises ``LeaseLost``, and ``StoreFull`` where the results do not fit: then finish with an error.
        """
        files = outcome.files if isinstance(outcome, Success) else {}
        now = self._now()
        expires = now + self._limits.keep_s
        with self._with_results(job_id, worker, files) as job:
            if outcome is None or job.cancel_requested:
                job = lifecycle.cancelled(job, now, expires)
            elif isinstance(outcome, Success):
                job = lifecycle.succeeded(job, outcome, self._files.size(results_of(job)), now, expires)
            else:
                job = lifecycle.failed(job, outcome, now, expires)
            job = self._ended(job)
        remove_useless([job], self._files)
        return job

    def release(self, job_id: str, worker: str) -> Job:
        """Give the job back to the head of the queue, as if never claimed; raises ``LeaseLost``.

        One that was to be cancelled is.
        """
        with self._writing():
            job = self._owned(job_id, worker)
            if not job.cancel_requested:
                return self._placed(self._happened(lifecycle.given_back(job), "queued"))
        return self.finish(job_id, worker, None)

    def cancel(self, job_id: str) -> Job | None:
        """At once while queued; a running job's worker is told; a finished one stays. None: unknown."""
        now = self._now()
        with self._writing():
            job = self._records.find(job_id)
            if job is None or job.done:
                return job
            if job.state == "running":
                job = replace(job, cancel_requested=True)
                self._records.save(job)
                return job
            job = self._ended(lifecycle.cancelled(job, now, now + self._limits.keep_s))
        remove_useless([job], self._files)
        return job

    def discard(self, job_id: str) -> Job | None:
        """Remove the results of a finished job before their time; others stay. None: unknown."""
        with self._writing():
            job = self._records.find(job_id)
            if job is None or not job.done or job.state == "expired":
                return job
            job = self._expire(job, self._now())
        remove_useless([job], self._files)
        return job

    def get(self, job_id: str) -> Job | None:
        """None: never heard of, or expired long ago."""
        job = self._records.find(job_id)
        return None if job is None else self._placed(job)

    def events(self, job_id: str, after: int = 0) -> tuple[Event, ...]:
        """Those with a greater ``seq`` that are still kept, in order."""
        return self._records.events(job_id, after)

    def read_input(self, job_id: str, name: str) -> bytes:
        """Raises ``KeyError``: no such job, or it has finished."""
        return self._files.read(inputs_of(self._known(job_id)), name)

    def read_result(self, job_id: str, name: str) -> bytes:
        """Raises ``KeyError``: no such job or file, or it has expired."""
        job = self._known(job_id)
        if name not in job.files:
            raise KeyError(name)
        return self._files.read(results_of(job), name)

    def sweep(self) -> None:
        """What time does: dead workers, missed deadlines, expiry, files that nobody owns. Call it often."""
        now = self._now()
        with self._writing():
            dropped = self._recover(now)
            dropped += [self._expire(job, job.expires or now) for job in self._records.ended(now)]
            for job in self._records.spent(now - self._limits.keep_s, self._limits.max_jobs):
                self._records.remove(job.id)
        remove_useless(dropped, self._files)
        remove_unneeded(self._files.older_than(now - ORPHAN_S), self._records.find, self._files)

    def sort(self, lane_of: Callable[[Job], Lane]) -> None:
        """Put every job that is still to be done into the lane that it belongs to now, in its old order."""
        lanes = {job.id: lane_of(job) for job in self._records.unfinished()}
        with self._writing():
            for job in self._records.unfinished():
                lane = lanes.get(job.id, job.lane)
                if lane != job.lane:
                    self._records.save(replace(job, lane=lane))

    def counts(self) -> Counts:
        return self._records.counts()

    def close(self) -> None:
        self._records.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction, of one thread at a time; what it did to jobs is logged once it holds."""
        with self._records.writing():
            news: list[Job] = []
            self._news = news
            yield
        for job in news:
            journal.tell(job)

    def _add(self, job: Job, submission: Submission) -> Job:
        self._records.add(job)
        if submission.idempotency is not None:
            self._records.remember(job.owner, submission.idempotency, job.id)
        return self._happened(job, "queued")

    def _require_room(self, job: Job) -> None:
        counts = self._require_place(job.lane, job.owner)
        self._limits.require_bytes(counts, job.bytes, self._now())

    def _require_place(self, lane: Lane, owner: str | None) -> Counts:
        counts = self._records.counts()
        own = 0 if owner is None else self._records.queued_of(owner)
        self._limits.require_place(lane, counts, own, self._now())
        return counts

    @contextmanager
    def _with_results(self, job_id: str, worker: str, files: Mapping[str, bytes]) -> Iterator[Job]:
        """A transaction with the worker's job, whose results have these files besides.

        Where the job ended while they were written, all others had gone by then: these go here.
        """
        folders = [self._write_results(job_id, worker, files)] if files else []
        try:
            with self._writing():
                yield self._owned(job_id, worker)
        except LeaseLost:
            remove_unneeded(folders, self._records.find, self._files)
            raise

    def _write_results(self, job_id: str, worker: str, files: Mapping[str, bytes]) -> str:
        """The folder they are in."""
        with self._writing():
            job = self._owned(job_id, worker)
            size = sum(len(data) for data in files.values())
            self._limits.require_bytes(self._records.counts(), size, self._now())
        self._files.write(results_of(job), files)
        return results_of(job)

    def _owned(self, job_id: str, worker: str) -> Job:
        job = self._records.find(job_id)
        if job is None or job.state != "running" or job.lease is None or job.lease.worker != worker:
            raise LeaseLost
        return job

    def _known(self, job_id: str) -> Job:
        job = self._records.find(job_id)
        if job is None:
            raise KeyError(job_id)
        return job

    def _placed(self, job: Job) -> Job:
        return (
            replace(job, queue_position=self._records.ahead_of(job.id) + 1) if job.state == "queued" else job
        )

    def _happened(self, job: Job, kind: str, data: JsonObject | None = None) -> Job:
        """Save the job with an event that tells of it; in a transaction."""
        job = replace(job, last_event=job.last_event + 1)
        self._records.save(job)
        event = Event(seq=job.last_event, at=self._now(), kind=kind, data=data or {})
        self._records.append(job.id, event, self._limits.max_events)
        if kind == job.state:  # not on the way
            self._news.append(job)
        return job

    def _ended(self, job: Job) -> Job:
        data: JsonObject = {} if job.error is None else {"error": asdict(job.error)}
        if job.error is not None and job.error.retryable:
            self._records.forget(job.id)  # the same request, sent again, shall have its new try
        return self._happened(job, job.state, data)

    def _expire(self, job: Job, at: float) -> Job:
        self._records.forget(job.id)  # the key may be used again: there is nothing left to give for it
        return self._happened(lifecycle.expired(job, at), "expired")

    def _recover(self, now: float) -> list[Job]:
        """Take jobs from dead workers and fail what is too late; returns those that ended."""
        expires = now + self._limits.keep_s
        tries = self._limits.max_attempts
        jobs = [self._ended(lifecycle.lapsed(job, tries, now, expires)) for job in self._records.lapsed(now)]
        jobs += [
            self._ended(lifecycle.failed(job, TOO_LATE, now, expires)) for job in self._records.overdue(now)
        ]
        return [job for job in jobs if job.done]
