"""What every job store promises: leases, deadlines, expiry."""

from __future__ import annotations

import pytest

from inference.jobs.errors import LeaseLost
from inference.jobs.model import JobError, Success
from inference.jobs.store import ORPHAN_S, JobStore
from tests.job_stores import (
    BROKEN,
    LEASE_S,
    LIMITS,
    Clock,
    MakeJobs,
    kinds,
    running,
    submission,
    success,
)


def test_lease_ends_and_another_worker_takes_over(jobs: JobStore, clock: Clock) -> None:
    job = running(jobs, worker="dead")
    jobs.attach(job.id, "dead", "preview", b"rough")
    later, _ = jobs.submit(submission("later"))
    clock.now += LEASE_S
    taken = jobs.claim("alive", LEASE_S, "cpu")

    assert taken is not None
    assert (taken.id, taken.attempts, taken.files) == (job.id, 2, ())
    assert jobs.read_input(job.id, "person") == b"person of shirt"
    for act in (
        lambda: jobs.heartbeat(job.id, "dead", LEASE_S),
        lambda: jobs.progress(job.id, "dead", "engine", 1, 2),
        lambda: jobs.attach(job.id, "dead", "preview", b""),
        lambda: jobs.finish(job.id, "dead", success(b"of the dead")),
        lambda: jobs.release(job.id, "dead"),
    ):
        with pytest.raises(LeaseLost):
            act()
    jobs.finish(job.id, "alive", success(b"of the living"))
    assert jobs.read_result(job.id, "image-0") == b"of the living"
    assert kinds(jobs, job.id) == ["queued", "running", "preview", "queued", "running", "succeeded"]


def test_heartbeat_keeps_the_lease(jobs: JobStore, clock: Clock) -> None:
    job = running(jobs)
    for _ in range(5):
        clock.now += LEASE_S - 1
        assert jobs.claim("other", LEASE_S, "cpu") is None
        jobs.heartbeat(job.id, "w", LEASE_S)


@pytest.mark.parametrize("noticed_by", ["claim", "sweep"])
def test_attempts_are_bounded(jobs: JobStore, clock: Clock, noticed_by: str) -> None:
    job = running(jobs)
    clock.now += LEASE_S
    jobs.claim("w", LEASE_S, "cpu")
    clock.now += LEASE_S
    if noticed_by == "claim":
        assert jobs.claim("w", LEASE_S, "cpu") is None
    else:
        jobs.sweep()

    failed = jobs.get(job.id)
    assert failed is not None
    assert failed.error is not None
    assert (failed.state, failed.attempts, failed.error.retryable) == ("failed", 2, True)
    assert failed.error.slug == "worker-lost"
    with pytest.raises(KeyError):
        jobs.read_input(job.id, "person")


def test_a_cancelled_job_is_not_tried_again(jobs: JobStore, clock: Clock) -> None:
    job = running(jobs)
    jobs.cancel(job.id)
    clock.now += LEASE_S

    assert jobs.claim("w", LEASE_S, "cpu") is None
    found = jobs.get(job.id)
    assert found is not None
    assert found.state == "cancelled"


@pytest.mark.parametrize("noticed_by", ["claim", "sweep"])
def test_too_late_is_never_handed_out(jobs: JobStore, clock: Clock, noticed_by: str) -> None:
    late, _ = jobs.submit(submission("late", deadline=clock.now + 5))
    timely, _ = jobs.submit(submission("timely", deadline=clock.now + 50))
    clock.now += 5
    if noticed_by == "sweep":
        jobs.sweep()
    claimed = jobs.claim("w", LEASE_S, "cpu")

    assert claimed is not None
    assert claimed.id == timely.id
    failed = jobs.get(late.id)
    assert failed is not None
    assert failed.error is not None
    assert (failed.state, failed.error.slug, failed.error.retryable) == ("failed", "deadline-exceeded", True)


def test_a_dead_workers_job_that_is_too_late_is_not_tried_again(jobs: JobStore, clock: Clock) -> None:
    job, _ = jobs.submit(submission(deadline=clock.now + LEASE_S))
    jobs.claim("dead", LEASE_S, "cpu")
    clock.now += LEASE_S

    assert jobs.claim("alive", LEASE_S, "cpu") is None
    failed = jobs.get(job.id)
    assert failed is not None
    assert failed.error is not None
    assert failed.error.slug == "deadline-exceeded"


def test_expiry(jobs: JobStore, clock: Clock) -> None:
    job = running(jobs)
    jobs.finish(job.id, "w", success())
    clock.now += LIMITS.keep_s - 1
    jobs.sweep()
    assert jobs.read_result(job.id, "mask") == b"mask"
    clock.now += 1
    jobs.sweep()

    expired = jobs.get(job.id)
    assert expired is not None
    assert (expired.state, expired.bytes) == ("expired", 0)
    assert kinds(jobs, job.id)[-1] == "expired"
    with pytest.raises(KeyError):
        jobs.read_result(job.id, "mask")
    clock.now += LIMITS.keep_s
    jobs.sweep()
    assert jobs.get(job.id) is None
    assert jobs.events(job.id) == ()


@pytest.mark.parametrize("outcome", [success(), BROKEN, None])
def test_every_end_expires(jobs: JobStore, clock: Clock, outcome: Success | JobError | None) -> None:
    job = running(jobs)
    jobs.finish(job.id, "w", outcome)
    clock.now += LIMITS.keep_s
    jobs.sweep()

    found = jobs.get(job.id)
    assert found is not None
    assert (found.state, found.expires) == ("expired", clock.now)


def test_results_of_a_worker_that_came_too_late_are_removed(make_jobs: MakeJobs, clock: Clock) -> None:
    """It had begun to write when its lease ended: what it wrote belongs to nobody."""
    jobs = make_jobs()
    job = running(jobs, worker="slow")
    jobs.attach(job.id, "slow", "preview", b"rough")
    clock.now += LEASE_S
    jobs.claim("fast", LEASE_S, "cpu")
    clock.now += ORPHAN_S + 1
    jobs.heartbeat(job.id, "fast", 1000)
    jobs.sweep()

    found = jobs.get(job.id)
    assert found is not None
    assert found.state == "running"
    assert jobs._files.older_than(clock.now) == [f"{job.id}.in"]
