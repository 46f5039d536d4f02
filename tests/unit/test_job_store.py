"""What every job store promises: the life of a job."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from inference.jobs.errors import LeaseLost, StoreDown
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


def test_accepted_job(jobs: JobStore, clock: Clock) -> None:
    job, created = jobs.submit(submission("shirt", owner="key-1", deadline=clock.now + 60))

    assert created
    assert (job.state, job.queue_position, job.owner, job.engine) == ("queued", 1, "key-1", "warp")
    assert (job.created, job.deadline, job.expires) == (clock.now, clock.now + 60, None)
    assert job.request == {"options": {"seed": 7}, "text": "shirt"}
    assert jobs.get(job.id) == job
    assert jobs.read_input(job.id, "person") == b"person of shirt"
    assert kinds(jobs, job.id) == ["queued"]


def test_ids_cannot_be_guessed(make_jobs: MakeJobs) -> None:
    jobs = make_jobs(max_queued=100, max_jobs=100)
    ids = {jobs.submit(submission())[0].id for _ in range(100)}

    assert len(ids) == 100
    assert {len(job_id) for job_id in ids} == {32}  # 128 bits in hexadecimal digits


def test_unknown_job(jobs: JobStore) -> None:
    nobody = "0" * 32

    assert jobs.get(nobody) is jobs.cancel(nobody) is jobs.discard(nobody) is None
    assert jobs.events(nobody) == ()
    for read in (jobs.read_input, jobs.read_result):
        with pytest.raises(KeyError):
            read(nobody, "person")
    with pytest.raises(LeaseLost):
        jobs.heartbeat(nobody, "w", LEASE_S)


def test_first_come_first_served(jobs: JobStore) -> None:
    ids = [jobs.submit(submission(str(number)))[0].id for number in range(3)]
    assert [found.queue_position for job_id in ids if (found := jobs.get(job_id))] == [1, 2, 3]

    first = jobs.claim("a", LEASE_S, "cpu")

    assert first is not None
    assert (first.id, first.state, first.attempts) == (ids[0], "running", 1)
    assert first.queue_position is None
    assert [found.queue_position for job_id in ids if (found := jobs.get(job_id))] == [None, 1, 2]
    assert [
        job.id for job in (jobs.claim("b", LEASE_S, "cpu"), jobs.claim("a", LEASE_S, "cpu")) if job
    ] == ids[1:]
    assert jobs.claim("b", LEASE_S, "cpu") is None


def test_from_queue_to_result(jobs: JobStore, clock: Clock) -> None:
    job = running(jobs)
    clock.now += 5
    jobs.progress(job.id, "w", "engine: draw", 1, 20, 4.0)
    shown = jobs.get(job.id)
    assert shown is not None
    assert (shown.stage, shown.step, shown.steps, shown.eta_s) == ("engine: draw", 1, 20, 4.0)
    done = jobs.finish(job.id, "w", success())

    assert jobs.get(job.id) == done
    assert (done.state, done.done, done.lease, done.error) == ("succeeded", True, None, None)
    assert (done.seed, done.confidence, done.timings) == (7, 0.9, {"engine": 1.5})
    assert done.warnings == ({"name": "low-resolution"},)
    assert done.results == {"mask_source": "derived", "width": 768}
    assert done.files == ("image-0", "mask")
    assert (done.finished, done.expires) == (clock.now, clock.now + LIMITS.keep_s)
    assert jobs.read_result(job.id, "image-0") == b"picture"
    assert done.bytes == len(b"picture") + len(b"mask")
    assert kinds(jobs, job.id) == ["queued", "running", "progress", "succeeded"]


def test_inputs_go_when_the_job_has_finished(jobs: JobStore) -> None:
    for outcome in (success(), BROKEN, None):
        job = running(jobs)
        jobs.finish(job.id, "w", outcome)

        with pytest.raises(KeyError):
            jobs.read_input(job.id, "person")


def test_failure_is_told(jobs: JobStore) -> None:
    job = running(jobs)
    failed = jobs.finish(job.id, "w", BROKEN)

    assert (failed.state, failed.error, failed.files, failed.bytes) == ("failed", BROKEN, (), 0)
    told = jobs.events(job.id)[-1]
    assert told.data == {
        "error": {"slug": "no-person", "detail": "There is nobody.", "retryable": False, "field": "person"}
    }


def test_preview_while_the_work_goes_on(jobs: JobStore) -> None:
    job = running(jobs)
    jobs.attach(job.id, "w", "preview", b"rough")
    shown = jobs.attach(job.id, "w", "preview", b"less rough", {"engine": "warp"})

    assert jobs.read_result(job.id, "preview") == b"less rough"
    assert shown.bytes == len(b"person of shirt") + len(b"shirt") + len(b"less rough")
    assert [event.data for event in jobs.events(job.id) if event.kind == "preview"] == [
        {"name": "preview"},
        {"name": "preview", "engine": "warp"},
    ]
    done = jobs.finish(job.id, "w", success())
    assert done.files == ("image-0", "mask", "preview")
    assert done.bytes == len(b"picture") + len(b"mask") + len(b"less rough")


def test_events_resume_and_are_bounded(jobs: JobStore) -> None:
    job = running(jobs)
    for step in range(30):
        jobs.progress(job.id, "w", "engine: draw", step, 30)

    events = jobs.events(job.id)
    assert [event.seq for event in events] == list(range(17, 33))
    assert [event.seq for event in jobs.events(job.id, after=30)] == [31, 32]
    assert jobs.events(job.id, after=32) == ()
    found = jobs.get(job.id)
    assert found is not None
    assert found.last_event == 32


def test_cancel_while_queued(jobs: JobStore) -> None:
    job, _ = jobs.submit(submission())
    cancelled = jobs.cancel(job.id)

    assert cancelled is not None
    assert (cancelled.state, cancelled.bytes) == ("cancelled", 0)
    assert jobs.claim("w", LEASE_S, "cpu") is None
    assert kinds(jobs, job.id) == ["queued", "cancelled"]
    with pytest.raises(KeyError):
        jobs.read_input(job.id, "person")
    assert jobs.cancel(job.id) == cancelled


def test_cancel_while_running(jobs: JobStore) -> None:
    job = running(jobs)
    asked = jobs.cancel(job.id)

    assert asked is not None
    assert (asked.state, asked.cancel_requested) == ("running", True)
    assert jobs.progress(job.id, "w", "engine", 1, 2).cancel_requested
    assert jobs.heartbeat(job.id, "w", LEASE_S).cancel_requested
    assert jobs.finish(job.id, "w", None).state == "cancelled"


def test_discard(jobs: JobStore) -> None:
    job = running(jobs)
    kept = jobs.discard(job.id)
    assert kept is not None
    assert kept.state == "running"
    jobs.finish(job.id, "w", success())
    gone = jobs.discard(job.id)

    assert gone is not None
    assert (gone.state, gone.files, gone.bytes) == ("expired", (), 0)
    assert jobs.discard(job.id) == gone
    with pytest.raises(KeyError):
        jobs.read_result(job.id, "image-0")


def test_release_puts_it_back_at_the_head(jobs: JobStore) -> None:
    job = running(jobs)
    later, _ = jobs.submit(submission("later"))
    jobs.progress(job.id, "w", "engine", 3, 4)
    jobs.attach(job.id, "w", "preview", b"rough")
    back = jobs.release(job.id, "w")

    with pytest.raises(KeyError):
        jobs.read_result(job.id, "preview")
    assert (back.state, back.queue_position, back.attempts, back.stage) == ("queued", 1, 0, "")
    again = jobs.claim("w", LEASE_S, "cpu")
    assert again is not None
    assert (again.id, again.attempts) == (job.id, 1)


def test_a_cancelled_job_is_not_put_back(jobs: JobStore) -> None:
    job = running(jobs)
    jobs.cancel(job.id)

    assert jobs.release(job.id, "w").state == "cancelled"
    assert jobs.claim("w", LEASE_S, "cpu") is None


def test_counts(jobs: JobStore, clock: Clock) -> None:
    assert jobs.counts().oldest_queued is None
    running(jobs)
    clock.now += 3
    jobs.submit(submission())
    clock.now += 3
    jobs.submit(submission())
    counts = jobs.counts()

    assert (counts.states["running"], counts.states["queued"], counts.states["expired"]) == (1, 2, 0)
    assert counts.oldest_queued == clock.now - 3
    assert counts.bytes == 3 * len(b"person of shirt" + b"shirt")


@pytest.mark.parametrize("outcome", [success(), BROKEN])
def test_cancelled_while_it_ended_is_cancelled(jobs: JobStore, outcome: Success | JobError) -> None:
    """The DELETE was accepted: whatever the worker hands in, no picture is kept."""
    job = running(jobs)
    jobs.cancel(job.id)
    done = jobs.finish(job.id, "w", outcome)

    assert (done.state, done.error, done.files, done.bytes) == ("cancelled", None, (), 0)
    with pytest.raises(KeyError):
        jobs.read_result(job.id, "image-0")
    assert jobs._files.older_than(9e12) == []


@pytest.mark.parametrize("after", ["cancelled", "handed on", "forgotten"])
def test_pictures_that_come_when_the_job_is_no_more_ones_own_do_not_stay(
    jobs: JobStore, clock: Clock, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    """The job ends, or gets another worker, between the two transactions around a write."""
    job = running(jobs)
    write = jobs._files.write

    def late(folder: str, files: Mapping[str, bytes]) -> None:
        monkeypatch.undo()
        if after == "handed on":
            clock.now += LEASE_S
            assert jobs.claim("other", LEASE_S, "cpu") is not None
        else:
            jobs.cancel(job.id)
            jobs.finish(job.id, "w", None)
        if after == "forgotten":
            jobs._records.remove(job.id)
        write(folder, files)

    monkeypatch.setattr(jobs._files, "write", late)
    with pytest.raises(LeaseLost):
        jobs.attach(job.id, "w", "preview", b"a person")

    left = jobs._files.older_than(9e12)
    assert left == ([f"{job.id}.in"] if after == "handed on" else [])


def test_files_that_cannot_be_removed_hold_up_nobody(
    jobs: JobStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, _ = jobs.submit(submission("late", deadline=clock.now + 5))
    next_one, _ = jobs.submit(submission("next"))
    clock.now += 5

    def fails(folder: str) -> None:
        raise StoreDown("the disk is away")

    with monkeypatch.context() as broken:
        broken.setattr(jobs._files, "remove", fails)
        claimed = jobs.claim("w", LEASE_S, "cpu")
        assert claimed is not None
        assert claimed.id == next_one.id
        assert jobs.finish(next_one.id, "w", success()).state == "succeeded"

    assert f"{late.id}.in" in jobs._files.older_than(9e12)
    clock.now += ORPHAN_S + 1
    jobs.sweep()
    assert jobs._files.older_than(9e12) == [f"{next_one.id}.1"]
