"""What every job store promises: a request that is sent twice is one job."""

from __future__ import annotations

import pytest

from inference.jobs.errors import IdempotencyConflict
from inference.jobs.model import JobError
from inference.jobs.store import JobStore
from tests.job_stores import (
    BROKEN,
    LEASE_S,
    Clock,
    MakeJobs,
    at_once,
    submission,
    success,
)


def test_same_key_and_body_is_the_same_job(jobs: JobStore) -> None:
    first, created = jobs.submit(submission("shirt", owner="me", key="k"))
    again, created_again = jobs.submit(submission("shirt", owner="me", key="k"))

    assert (created, created_again, again) == (True, False, first)
    other, created_other = jobs.submit(submission("shirt", owner="you", key="k"))
    assert created_other
    assert other.id != first.id


def test_same_key_and_other_body_is_a_conflict(jobs: JobStore) -> None:
    jobs.submit(submission("shirt", key="k"))

    with pytest.raises(IdempotencyConflict):
        jobs.submit(submission("dress", key="k"))
    assert jobs.counts().states["queued"] == 1


def test_a_remembered_job_is_given_when_the_queue_is_full(make_jobs: MakeJobs) -> None:
    jobs = make_jobs(max_queued=1)
    job, _ = jobs.submit(submission("shirt", key="k"))

    assert jobs.submit(submission("shirt", key="k")) == (job, False)


def test_a_key_is_free_again_when_its_results_are_gone(jobs: JobStore, clock: Clock) -> None:
    first, _ = jobs.submit(submission("shirt", key="k"))
    jobs.claim("w", LEASE_S, "cpu")
    jobs.finish(first.id, "w", success())
    jobs.discard(first.id)
    second, created = jobs.submit(submission("dress", key="k"))

    assert created
    assert second.id != first.id


@pytest.mark.parametrize(
    ("error", "created_again"),
    [(BROKEN, False), (JobError(slug="store-full", detail="No room.", retryable=True), True)],
)
def test_a_key_does_not_hold_back_a_retry(jobs: JobStore, error: JobError, created_again: bool) -> None:
    job, _ = jobs.submit(submission("shirt", key="k"))
    jobs.claim("w", LEASE_S, "cpu")
    jobs.finish(job.id, "w", error)

    again, created = jobs.submit(submission("shirt", key="k"))
    assert created == created_again
    assert (again.id != job.id) == created_again


def test_the_same_request_sent_at_once_is_one_job(jobs: JobStore, clock: Clock) -> None:
    answers = at_once(6, lambda: jobs.submit(submission("shirt", key="k")))

    assert len({job.id for job, _ in answers}) == 1
    assert [created for _, created in answers].count(True) == 1
    assert jobs._files.older_than(clock.now + 1) == [f"{answers[0][0].id}.in"]
