"""What every job store promises: each lane has a queue of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference.engines.lanes import Lane
from inference.jobs.errors import QueueFull
from inference.jobs.model import Job
from inference.jobs.store import JobStore
from tests.job_stores import LEASE_S, Clock, MakeJobs, submission, success


def submit(jobs: JobStore, *lanes: Lane, owner: str | None = None) -> list[str]:
    return [jobs.submit(submission(lane=lane, owner=owner))[0].id for lane in lanes]


def positions(jobs: JobStore, ids: list[str]) -> list[int | None]:
    return [found.queue_position for job_id in ids if (found := jobs.get(job_id))]


def claimed(jobs: JobStore, lane: Lane) -> list[str]:
    """Everything that waits there, in its order."""
    return [job.id for job in iter(lambda: jobs.claim("w", LEASE_S, lane), None)]


def test_each_lane_is_served_in_its_own_order(jobs: JobStore) -> None:
    slow, quick, slower, quicker = submit(jobs, "gpu", "cpu", "gpu", "cpu")
    assert positions(jobs, [slow, quick, slower, quicker]) == [1, 1, 2, 2]

    first = jobs.claim("w", LEASE_S, "cpu")

    assert first is not None
    assert (first.id, first.lane) == (quick, "cpu")
    assert positions(jobs, [slow, quick, slower, quicker]) == [1, None, 2, 1]
    assert claimed(jobs, "gpu") == [slow, slower]
    assert claimed(jobs, "cpu") == [quicker]


def test_a_full_lane_leaves_the_other_open(make_jobs: MakeJobs) -> None:
    jobs = make_jobs(max_queued=2)
    submit(jobs, "gpu", "gpu")

    with pytest.raises(QueueFull) as raised:
        submit(jobs, "gpu")
    assert (raised.value.waiting, raised.value.owner) == (2, False)
    submit(jobs, "cpu", "cpu")
    assert jobs.counts().queued == {"cpu": 2, "gpu": 2}
    assert jobs.counts().states["queued"] == 4


def test_an_owner_is_bounded_over_all_lanes(make_jobs: MakeJobs) -> None:
    jobs = make_jobs(max_queued_per_owner=2)
    submit(jobs, "cpu", "gpu", owner="greedy")

    for lane in ("cpu", "gpu"):
        with pytest.raises(QueueFull) as raised:
            submit(jobs, lane, owner="greedy")  # type: ignore[arg-type]
        assert (raised.value.waiting, raised.value.owner) == (2, True)


def test_what_a_worker_left_goes_back_to_the_head_of_its_lane(jobs: JobStore, clock: Clock) -> None:
    lost, given_back, last = submit(jobs, "gpu", "gpu", "gpu")
    jobs.claim("dead", LEASE_S, "gpu")
    clock.now += LEASE_S
    jobs.sweep()
    assert jobs.counts().queued == {"cpu": 0, "gpu": 3}
    assert claimed(jobs, "cpu") == []
    first, second = (jobs.claim("w", LEASE_S, "gpu") for _ in range(2))
    assert [job.id for job in (first, second) if job] == [lost, given_back]
    jobs.release(given_back, "w")

    assert positions(jobs, [given_back, last]) == [1, 2]
    assert claimed(jobs, "gpu") == [given_back, last]


def test_jobs_are_sorted_anew_and_keep_their_order(jobs: JobStore, clock: Clock) -> None:
    """The operator gave an engine another device: as after a restart."""
    done, at_work, *waiting = submit(jobs, "gpu", "gpu", "gpu", "cpu", "gpu")
    jobs.claim("w", LEASE_S, "gpu")
    jobs.finish(done, "w", success())
    jobs.claim("w", LEASE_S, "gpu")
    asked: list[str] = []

    def to_the_cpu(job: Job) -> Lane:
        asked.append(job.id)
        return "cpu"

    before = jobs.get(waiting[0])
    jobs.sort(to_the_cpu)

    assert sorted(asked) == sorted([at_work, *waiting])  # what is done stays as it was
    assert before is not None
    assert jobs.get(waiting[0]) == replace(before, lane="cpu")
    assert positions(jobs, waiting) == [1, 2, 3]
    jobs.heartbeat(at_work, "w", LEASE_S)  # it is worked on where it is
    clock.now += LEASE_S
    assert claimed(jobs, "gpu") == []
    assert claimed(jobs, "cpu") == [at_work, *waiting]
