"""What every job store promises: the same tests over all kinds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from inference.jobs.errors import IdempotencyConflict, LeaseLost, QueueFull, StoreFull
from inference.jobs.model import JobError, Success
from inference.jobs.store import ORPHAN_S, JobStore
from tests.job_stores import BROKEN, LEASE_S, LIMITS, Clock, make_store, running, submission, success

T = TypeVar("T")
Make = Callable[..., JobStore]

KINDS = ["memory", "sqlite"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Make]:
    made: list[JobStore] = []

    def store(**limits: float) -> JobStore:
        made.append(make_store(request.param, tmp_path / "jobs", clock, **limits))
        return made[-1]

    yield store
    for one in made:
        one.close()


@pytest.fixture
def store(make: Make) -> JobStore:
    return make()


def kinds(store: JobStore, job_id: str) -> list[str]:
    return [event.kind for event in store.events(job_id)]


def test_accepted_job(store: JobStore, clock: Clock) -> None:
    job, created = store.submit(submission("shirt", owner="key-1", deadline=clock.now + 60))

    assert created
    assert (job.state, job.queue_position, job.owner, job.engine) == ("queued", 1, "key-1", "warp")
    assert (job.created, job.deadline, job.expires) == (clock.now, clock.now + 60, None)
    assert job.request == {"options": {"seed": 7}, "text": "shirt"}
    assert store.get(job.id) == job
    assert store.read_input(job.id, "person") == b"person of shirt"
    assert kinds(store, job.id) == ["queued"]


def test_ids_cannot_be_guessed(make: Make) -> None:
    store = make(max_queued=100, max_jobs=100)
    ids = {store.submit(submission())[0].id for _ in range(100)}

    assert len(ids) == 100
    assert {len(job_id) for job_id in ids} == {32}  # 128 bits in hexadecimal digits


def test_unknown_job(store: JobStore) -> None:
    nobody = "0" * 32

    assert store.get(nobody) is store.cancel(nobody) is store.discard(nobody) is None
    assert store.events(nobody) == ()
    for read in (store.read_input, store.read_result):
        with pytest.raises(KeyError):
            read(nobody, "person")
    with pytest.raises(LeaseLost):
        store.heartbeat(nobody, "w", LEASE_S)


def test_first_come_first_served(store: JobStore) -> None:
    ids = [store.submit(submission(str(number)))[0].id for number in range(3)]
    assert [found.queue_position for job_id in ids if (found := store.get(job_id))] == [1, 2, 3]

    first = store.claim("a", LEASE_S)

    assert first is not None
    assert (first.id, first.state, first.attempts) == (ids[0], "running", 1)
    assert first.queue_position is None
    assert [found.queue_position for job_id in ids if (found := store.get(job_id))] == [None, 1, 2]
    assert [job.id for job in (store.claim("b", LEASE_S), store.claim("a", LEASE_S)) if job] == ids[1:]
    assert store.claim("b", LEASE_S) is None


def test_from_queue_to_result(store: JobStore, clock: Clock) -> None:
    job = running(store)
    clock.now += 5
    store.progress(job.id, "w", "engine: draw", 1, 20, 4.0)
    shown = store.get(job.id)
    assert shown is not None
    assert (shown.stage, shown.step, shown.steps, shown.eta_s) == ("engine: draw", 1, 20, 4.0)
    done = store.finish(job.id, "w", success())

    assert store.get(job.id) == done
    assert (done.state, done.done, done.lease, done.error) == ("succeeded", True, None, None)
    assert (done.seed, done.confidence, done.timings) == (7, 0.9, {"engine": 1.5})
    assert done.warnings == ({"name": "low-resolution"},)
    assert done.results == {"mask_source": "derived", "width": 768}
    assert done.files == ("image-0", "mask")
    assert (done.finished, done.expires) == (clock.now, clock.now + LIMITS.keep_s)
    assert store.read_result(job.id, "image-0") == b"picture"
    assert done.bytes == len(b"picture") + len(b"mask")
    assert kinds(store, job.id) == ["queued", "running", "progress", "succeeded"]


def test_inputs_go_when_the_job_has_finished(store: JobStore) -> None:
    for outcome in (success(), BROKEN, None):
        job = running(store)
        store.finish(job.id, "w", outcome)

        with pytest.raises(KeyError):
            store.read_input(job.id, "person")


def test_failure_is_told(store: JobStore) -> None:
    job = running(store)
    failed = store.finish(job.id, "w", BROKEN)

    assert (failed.state, failed.error, failed.files, failed.bytes) == ("failed", BROKEN, (), 0)
    told = store.events(job.id)[-1]
    assert told.data == {
        "error": {"slug": "no-person", "detail": "There is nobody.", "retryable": False, "field": "person"}
    }


def test_preview_while_the_work_goes_on(store: JobStore) -> None:
    job = running(store)
    store.attach(job.id, "w", "preview", b"rough")
    shown = store.attach(job.id, "w", "preview", b"less rough")

    assert store.read_result(job.id, "preview") == b"less rough"
    assert shown.bytes == len(b"person of shirt") + len(b"shirt") + len(b"less rough")
    assert [event.data for event in store.events(job.id) if event.kind == "preview"] == [
        {"name": "preview"}
    ] * 2
    done = store.finish(job.id, "w", success())
    assert done.files == ("image-0", "mask", "preview")
    assert done.bytes == len(b"picture") + len(b"mask") + len(b"less rough")


def test_events_resume_and_are_bounded(store: JobStore) -> None:
    job = running(store)
    for step in range(30):
        store.progress(job.id, "w", "engine: draw", step, 30)

    events = store.events(job.id)
    assert [event.seq for event in events] == list(range(17, 33))
    assert [event.seq for event in store.events(job.id, after=30)] == [31, 32]
    assert store.events(job.id, after=32) == ()
    found = store.get(job.id)
    assert found is not None
    assert found.last_event == 32


def test_queue_is_bounded(make: Make) -> None:
    store = make(max_queued=2)
    store.submit(submission())
    store.submit(submission())

    with pytest.raises(QueueFull) as raised:
        store.submit(submission())
    assert (raised.value.waiting, raised.value.owner) == (2, False)
    store.claim("w", LEASE_S)
    assert store.submit(submission())[1]


def test_one_owner_cannot_take_the_whole_queue(make: Make) -> None:
    store = make(max_queued_per_owner=2)
    for _ in range(2):
        store.submit(submission(owner="greedy"))

    with pytest.raises(QueueFull) as raised:
        store.submit(submission(owner="greedy"))
    assert (raised.value.waiting, raised.value.owner) == (2, True)
    assert store.submit(submission(owner="other"))[1]
    assert all(store.submit(submission())[1] for _ in range(3))


def test_kept_jobs_are_bounded(make: Make, clock: Clock) -> None:
    store = make(max_jobs=2)
    store.finish(running(store).id, "w", success())
    clock.now += 100
    store.finish(running(store).id, "w", success())

    with pytest.raises(StoreFull) as raised:
        store.submit(submission())
    assert raised.value.retry_s == LIMITS.keep_s - 100
    clock.now += LIMITS.keep_s - 100
    store.sweep()
    assert store.submit(submission())[1]


def test_jobs_without_results_do_not_fill_the_store(make: Make) -> None:
    store = make(max_jobs=2)
    ended = []
    for _ in range(6):
        job, _ = store.submit(submission())
        store.cancel(job.id)
        ended.append(job.id)
    store.sweep()

    assert sum(store.get(job_id) is not None for job_id in ended) == 2


def test_bytes_are_bounded(make: Make) -> None:
    store = make(max_bytes=60)
    job, _ = store.submit(submission("x" * 10))  # 10 for the garment, 20 for the person

    with pytest.raises(StoreFull) as raised:
        store.submit(submission("x" * 11))
    assert raised.value.retry_s is None
    assert store.counts().bytes == 30
    assert store.submit(submission("x" * 10))[1]
    store.cancel(job.id)
    assert store.counts().bytes == 30


def test_results_that_do_not_fit(make: Make) -> None:
    store = make(max_bytes=60)
    job = running(store)
    for give in (
        lambda: store.finish(job.id, "w", success(b"x" * 60)),
        lambda: store.attach(job.id, "w", "preview", b"x" * 60),
    ):
        with pytest.raises(StoreFull):
            give()

    full = JobError(slug="store-full", detail="No room.", retryable=True)
    assert store.finish(job.id, "w", full).error == full
    assert store.counts().bytes == 0


def test_cancel_while_queued(store: JobStore) -> None:
    job, _ = store.submit(submission())
    cancelled = store.cancel(job.id)

    assert cancelled is not None
    assert (cancelled.state, cancelled.bytes) == ("cancelled", 0)
    assert store.claim("w", LEASE_S) is None
    assert kinds(store, job.id) == ["queued", "cancelled"]
    with pytest.raises(KeyError):
        store.read_input(job.id, "person")
    assert store.cancel(job.id) == cancelled


def test_cancel_while_running(store: JobStore) -> None:
    job = running(store)
    asked = store.cancel(job.id)

    assert asked is not None
    assert (asked.state, asked.cancel_requested) == ("running", True)
    assert store.progress(job.id, "w", "engine", 1, 2).cancel_requested
    assert store.heartbeat(job.id, "w", LEASE_S).cancel_requested
    assert store.finish(job.id, "w", None).state == "cancelled"


def test_discard(store: JobStore) -> None:
    job = running(store)
    kept = store.discard(job.id)
    assert kept is not None
    assert kept.state == "running"
    store.finish(job.id, "w", success())
    gone = store.discard(job.id)

    assert gone is not None
    assert (gone.state, gone.files, gone.bytes) == ("expired", (), 0)
    assert store.discard(job.id) == gone
    with pytest.raises(KeyError):
        store.read_result(job.id, "image-0")


def test_lease_ends_and_another_worker_takes_over(store: JobStore, clock: Clock) -> None:
    job = running(store, worker="dead")
    store.attach(job.id, "dead", "preview", b"rough")
    later, _ = store.submit(submission("later"))
    clock.now += LEASE_S
    taken = store.claim("alive", LEASE_S)

    assert taken is not None
    assert (taken.id, taken.attempts, taken.files) == (job.id, 2, ())
    assert store.read_input(job.id, "person") == b"person of shirt"
    for act in (
        lambda: store.heartbeat(job.id, "dead", LEASE_S),
        lambda: store.progress(job.id, "dead", "engine", 1, 2),
        lambda: store.attach(job.id, "dead", "preview", b""),
        lambda: store.finish(job.id, "dead", success(b"of the dead")),
        lambda: store.release(job.id, "dead"),
    ):
        with pytest.raises(LeaseLost):
            act()
    store.finish(job.id, "alive", success(b"of the living"))
    assert store.read_result(job.id, "image-0") == b"of the living"
    assert kinds(store, job.id) == ["queued", "running", "preview", "queued", "running", "succeeded"]


def test_heartbeat_keeps_the_lease(store: JobStore, clock: Clock) -> None:
    job = running(store)
    for _ in range(5):
        clock.now += LEASE_S - 1
        assert store.claim("other", LEASE_S) is None
        store.heartbeat(job.id, "w", LEASE_S)


@pytest.mark.parametrize("noticed_by", ["claim", "sweep"])
def test_attempts_are_bounded(store: JobStore, clock: Clock, noticed_by: str) -> None:
    job = running(store)
    clock.now += LEASE_S
    store.claim("w", LEASE_S)
    clock.now += LEASE_S
    if noticed_by == "claim":
        assert store.claim("w", LEASE_S) is None
    else:
        store.sweep()

    failed = store.get(job.id)
    assert failed is not None
    assert failed.error is not None
    assert (failed.state, failed.attempts, failed.error.retryable) == ("failed", 2, True)
    with pytest.raises(KeyError):
        store.read_input(job.id, "person")


def test_a_cancelled_job_is_not_tried_again(store: JobStore, clock: Clock) -> None:
    job = running(store)
    store.cancel(job.id)
    clock.now += LEASE_S

    assert store.claim("w", LEASE_S) is None
    found = store.get(job.id)
    assert found is not None
    assert found.state == "cancelled"


def test_release_puts_it_back_at_the_head(store: JobStore) -> None:
    job = running(store)
    later, _ = store.submit(submission("later"))
    store.progress(job.id, "w", "engine", 3, 4)
    store.attach(job.id, "w", "preview", b"rough")
    back = store.release(job.id, "w")

    with pytest.raises(KeyError):
        store.read_result(job.id, "preview")
    assert (back.state, back.queue_position, back.attempts, back.stage) == ("queued", 1, 0, "")
    again = store.claim("w", LEASE_S)
    assert again is not None
    assert (again.id, again.attempts) == (job.id, 1)


def test_a_cancelled_job_is_not_put_back(store: JobStore) -> None:
    job = running(store)
    store.cancel(job.id)

    assert store.release(job.id, "w").state == "cancelled"
    assert store.claim("w", LEASE_S) is None


@pytest.mark.parametrize("noticed_by", ["claim", "sweep"])
def test_too_late_is_never_handed_out(store: JobStore, clock: Clock, noticed_by: str) -> None:
    late, _ = store.submit(submission("late", deadline=clock.now + 5))
    timely, _ = store.submit(submission("timely", deadline=clock.now + 50))
    clock.now += 5
    if noticed_by == "sweep":
        store.sweep()
    claimed = store.claim("w", LEASE_S)

    assert claimed is not None
    assert claimed.id == timely.id
    failed = store.get(late.id)
    assert failed is not None
    assert failed.error is not None
    assert (failed.state, failed.error.slug, failed.error.retryable) == ("failed", "deadline-exceeded", True)


def test_a_dead_workers_job_that_is_too_late_is_not_tried_again(store: JobStore, clock: Clock) -> None:
    job, _ = store.submit(submission(deadline=clock.now + LEASE_S))
    store.claim("dead", LEASE_S)
    clock.now += LEASE_S

    assert store.claim("alive", LEASE_S) is None
    failed = store.get(job.id)
    assert failed is not None
    assert failed.error is not None
    assert failed.error.slug == "deadline-exceeded"


def test_expiry(store: JobStore, clock: Clock) -> None:
    job = running(store)
    store.finish(job.id, "w", success())
    clock.now += LIMITS.keep_s - 1
    store.sweep()
    assert store.read_result(job.id, "mask") == b"mask"
    clock.now += 1
    store.sweep()

    expired = store.get(job.id)
    assert expired is not None
    assert (expired.state, expired.bytes) == ("expired", 0)
    assert kinds(store, job.id)[-1] == "expired"
    with pytest.raises(KeyError):
        store.read_result(job.id, "mask")
    clock.now += LIMITS.keep_s
    store.sweep()
    assert store.get(job.id) is None
    assert store.events(job.id) == ()


def test_same_key_and_body_is_the_same_job(store: JobStore) -> None:
    first, created = store.submit(submission("shirt", owner="me", key="k"))
    again, created_again = store.submit(submission("shirt", owner="me", key="k"))

    assert (created, created_again, again) == (True, False, first)
    other, created_other = store.submit(submission("shirt", owner="you", key="k"))
    assert created_other
    assert other.id != first.id


def test_same_key_and_other_body_is_a_conflict(store: JobStore) -> None:
    store.submit(submission("shirt", key="k"))

    with pytest.raises(IdempotencyConflict):
        store.submit(submission("dress", key="k"))
    assert store.counts().states["queued"] == 1


def test_a_remembered_job_is_given_when_the_queue_is_full(make: Make) -> None:
    store = make(max_queued=1)
    job, _ = store.submit(submission("shirt", key="k"))

    assert store.submit(submission("shirt", key="k")) == (job, False)


def test_a_key_is_free_again_when_its_results_are_gone(store: JobStore, clock: Clock) -> None:
    first, _ = store.submit(submission("shirt", key="k"))
    store.claim("w", LEASE_S)
    store.finish(first.id, "w", success())
    store.discard(first.id)
    second, created = store.submit(submission("dress", key="k"))

    assert created
    assert second.id != first.id


def at_once(count: int, work: Callable[[], T]) -> list[T]:
    """The results of as many threads that begin together."""
    together = threading.Barrier(count)

    def begin(_: int) -> T:
        together.wait()
        return work()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def test_threads_never_claim_the_same_job(make: Make) -> None:
    store = make(max_queued=40, max_jobs=40)
    ids = {store.submit(replace(submission(), inputs={}))[0].id for _ in range(40)}

    def claim_all() -> list[str]:
        return [job.id for job in iter(lambda: store.claim("w", LEASE_S), None)]

    claimed = [job_id for some in at_once(4, claim_all) for job_id in some]
    assert len(claimed) == 40
    assert set(claimed) == ids


def test_the_same_request_sent_at_once_is_one_job(store: JobStore, clock: Clock) -> None:
    answers = at_once(6, lambda: store.submit(submission("shirt", key="k")))

    assert len({job.id for job, _ in answers}) == 1
    assert [created for _, created in answers].count(True) == 1
    assert store._files.older_than(clock.now + 1) == [f"{answers[0][0].id}.in"]


def test_threads_together_keep_the_bounds(make: Make) -> None:
    store = make(max_queued=3)

    def submit() -> bool:
        try:
            return store.submit(submission())[1]
        except QueueFull:
            return False

    assert at_once(8, submit).count(True) == 3
    assert store.counts().states["queued"] == 3


@pytest.mark.parametrize(
    ("error", "created_again"),
    [(BROKEN, False), (JobError(slug="store-full", detail="No room.", retryable=True), True)],
)
def test_a_key_does_not_hold_back_a_retry(store: JobStore, error: JobError, created_again: bool) -> None:
    job, _ = store.submit(submission("shirt", key="k"))
    store.claim("w", LEASE_S)
    store.finish(job.id, "w", error)

    again, created = store.submit(submission("shirt", key="k"))
    assert created == created_again
    assert (again.id != job.id) == created_again


@pytest.mark.parametrize("outcome", [success(), BROKEN, None])
def test_every_end_expires(store: JobStore, clock: Clock, outcome: Success | JobError | None) -> None:
    job = running(store)
    store.finish(job.id, "w", outcome)
    clock.now += LIMITS.keep_s
    store.sweep()

    found = store.get(job.id)
    assert found is not None
    assert (found.state, found.expires) == ("expired", clock.now)


def test_counts(store: JobStore, clock: Clock) -> None:
    assert store.counts().oldest_queued is None
    running(store)
    clock.now += 3
    store.submit(submission())
    clock.now += 3
    store.submit(submission())
    counts = store.counts()

    assert (counts.states["running"], counts.states["queued"], counts.states["expired"]) == (1, 2, 0)
    assert counts.oldest_queued == clock.now - 3
    assert counts.bytes == 3 * len(b"person of shirt" + b"shirt")


def test_results_of_a_worker_that_came_too_late_are_removed(make: Make, clock: Clock) -> None:
    """It had begun to write when its lease ended: what it wrote belongs to nobody."""
    store = make()
    job = running(store, worker="slow")
    store.attach(job.id, "slow", "preview", b"rough")
    clock.now += LEASE_S
    store.claim("fast", LEASE_S)
    clock.now += ORPHAN_S + 1
    store.heartbeat(job.id, "fast", 1000)
    store.sweep()

    found = store.get(job.id)
    assert found is not None
    assert found.state == "running"
    assert store._files.older_than(clock.now) == [f"{job.id}.in"]
