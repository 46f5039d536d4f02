"""What happens to a job, as pure functions: job in, job out; raising ``ValueError`` for an illegal move."""

from __future__ import annotations

from dataclasses import replace

from inference.jobs.model import Job, JobError, JsonObject, Lease, State, Submission, Success, move

UNTOUCHED = {"lease": None, "started": None, "stage": "", "step": 0, "steps": 0, "eta_s": None, "files": ()}

TOO_LATE = JobError(
    slug="deadline-exceeded",
    detail="The job's time was up before its turn came; send it again later.",
    retryable=True,
)


def lost(attempts: int) -> JobError:
    words = f"The worker stopped while it worked on this job, {attempts} time(s); send it again later."
    return JobError(slug="worker-lost", detail=words, retryable=True)


WORDS = ("values", "assets")
"""Of a request: what its caller wrote and named. Gone with the work; only what says what it was stays."""


def submitted(submission: Submission, job_id: str, now: float) -> Job:
    return Job(
        id=job_id,
        owner=submission.owner,
        engine=submission.engine,
        lane=submission.lane,
        request=submission.request,
        created=now,
        deadline=submission.deadline,
        bytes=sum(len(data) for data in submission.inputs.values()),
    )


def claimed(job: Job, lease: Lease, now: float) -> Job:
    return move(job, "running", lease=lease, attempts=job.attempts + 1, claims=job.claims + 1, started=now)


def renewed(job: Job, lease: Lease) -> Job:
    return replace(job, lease=lease)


def given_back(job: Job) -> Job:
    """By a worker that stops in good order: the attempt does not count."""
    return move(job, "queued", attempts=job.attempts - 1, **UNTOUCHED)


def lapsed(job: Job, max_attempts: int, now: float, expires: float) -> Job:
    """Its worker has not been heard of: another try, or the end."""
    if job.cancel_requested:
        return cancelled(job, now, expires)
    if job.attempts >= max_attempts:
        return failed(job, lost(job.attempts), now, expires)
    return move(job, "queued", **UNTOUCHED)


def succeeded(job: Job, success: Success, size: int, now: float, expires: float) -> Job:
    """``size`` is that of all result files, in bytes."""
    previews = tuple(name for name in job.files if name not in success.files)
    return move(
        job,
        "succeeded",
        request=_without_words(job),
        lease=None,
        eta_s=None,
        finished=now,
        expires=expires,
        seed=success.seed,
        confidence=success.confidence,
        warnings=success.warnings,
        timings=success.timings,
        results=success.results,
        files=(*success.files, *previews),
        bytes=size,
    )


def failed(job: Job, error: JobError, now: float, expires: float) -> Job:
    return _ended(job, "failed", now, expires, error=error)


def cancelled(job: Job, now: float, expires: float) -> Job:
    return _ended(job, "cancelled", now, expires)


def expired(job: Job, now: float) -> Job:
    return move(job, "expired", expires=now, files=(), bytes=0)


def _ended(job: Job, state: State, now: float, expires: float, error: JobError | None = None) -> Job:
    """Without a result."""
    return move(
        job,
        state,
        request=_without_words(job),
        lease=None,
        eta_s=None,
        finished=now,
        expires=expires,
        error=error,
        files=(),
        bytes=0,
    )


def _without_words(job: Job) -> JsonObject:
    return {name: value for name, value in job.request.items() if name not in WORDS}
