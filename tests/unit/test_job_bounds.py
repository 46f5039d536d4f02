"""What every job store promises: no more than it may hold, also to callers that come at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference.jobs.errors import QueueFull, StoreFull
from inference.jobs.model import JobError
from tests.job_stores import (
    LEASE_S,
    LIMITS,
    Clock,
    MakeJobs,
    at_once,
    running,
    submission,
    success,
)


def test_queue_is_bounded(make_jobs: MakeJobs) -> None:
    jobs = make_jobs(max_queued=2)
    jobs.submit(submission())
    jobs.submit(submission())

    with pytest.raises(QueueFull) as raised:
        jobs.submit(submission())
    assert (raised.value.waiting, raised.value.owner) == (2, False)
    jobs.claim("w", LEASE_S, "cpu")
    assert jobs.submit(submission())[1]


def test_one_owner_cannot_take_the_whole_queue(make_jobs: MakeJobs) -> None:
    jobs = make_jobs(max_queued_per_owner=2)
    for _ in range(2):
        jobs.submit(submission(owner="greedy"))

    with pytest.raises(QueueFull) as raised:
        jobs.submit(submission(owner="greedy"))
    assert (raised.value.waiting, raised.value.owner) == (2, True)
    assert jobs.submit(submission(owner="other"))[1]
    assert all(jobs.submit(submission())[1] for _ in range(3))


def test_kept_jobs_are_bounded(make_jobs: MakeJobs, clock: Clock) -> None:
    jobs = make_jobs(max_jobs=2)
    jobs.finish(running(jobs).id, "w", success())
    clock.now += 100
    jobs.finish(running(jobs).id, "w", success())

    with pytest.raises(StoreFull) as raised:
        jobs.submit(submission())
    assert raised.value.retry_s == LIMITS.keep_s - 100
    clock.now += LIMITS.keep_s - 100
    jobs.sweep()
    assert jobs.submit(submission())[1]


def test_jobs_without_results_do_not_fill_the_store(make_jobs: MakeJobs) -> None:
    jobs = make_jobs(max_jobs=2)
    ended = []
    for _ in range(6):
        job, _ = jobs.submit(submission())
        jobs.cancel(job.id)
        ended.append(job.id)
    jobs.sweep()

    assert sum(jobs.get(job_id) is not None for job_id in ended) == 2


def test_bytes_are_bounded(make_jobs: MakeJobs) -> None:
    jobs = make_jobs(max_bytes=60)
    job, _ = jobs.submit(submission("x" * 10))  # 10 for the garment, 20 for the person

    with pytest.raises(StoreFull) as raised:
        jobs.submit(submission("x" * 11))
    assert raised.value.retry_s is None
    assert jobs.counts().bytes == 30
    assert jobs.submit(submission("x" * 10))[1]
    jobs.cancel(job.id)
    assert jobs.counts().bytes == 30


def test_results_that_do_not_fit(make_jobs: MakeJobs) -> None:
    jobs = make_jobs(max_bytes=60)
    job = running(jobs)
    for give in (
        lambda: jobs.finish(job.id, "w", success(b"x" * 60)),
        lambda: jobs.attach(job.id, "w", "preview", b"x" * 60),
    ):
        with pytest.raises(StoreFull):
            give()

    full = JobError(slug="store-full", detail="No room.", retryable=True)
    assert jobs.finish(job.id, "w", full).error == full
    assert jobs.counts().bytes == 0


def test_threads_never_claim_the_same_job(make_jobs: MakeJobs) -> None:
    jobs = make_jobs(max_queued=40, max_jobs=40)
    ids = {jobs.submit(replace(submission(), inputs={}))[0].id for _ in range(40)}

    def claim_all() -> list[str]:
        return [job.id for job in iter(lambda: jobs.claim("w", LEASE_S, "cpu"), None)]

    claimed = [job_id for some in at_once(4, claim_all) for job_id in some]
    assert len(claimed) == 40
    assert set(claimed) == ids


def test_threads_together_keep_the_bounds(make_jobs: MakeJobs) -> None:
    jobs = make_jobs(max_queued=3)

    def submit() -> bool:
        try:
            return jobs.submit(submission())[1]
        except QueueFull:
            return False

    assert at_once(8, submit).count(True) == 3
    assert jobs.counts().states["queued"] == 3
