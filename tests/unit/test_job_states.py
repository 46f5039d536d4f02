"""Random histories: jobs move legally only, no two workers hold one, nothing accepted is lost."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from inference.engines.lanes import LANES, Lane
from inference.jobs.errors import LeaseLost, QueueFull, StoreFull
from inference.jobs.model import TRANSITIONS, Job, State
from inference.jobs.store import JobStore
from tests.job_stores import BROKEN, LEASE_S, LIMITS, Clock, make_store, submission, success

WORKERS = st.sampled_from(["a", "b"])
PICK = st.integers(min_value=0, max_value=100)
LANE = st.sampled_from(LANES)
OUTCOMES = st.sampled_from([success(), BROKEN, None])


class Histories(RuleBasedStateMachine):
    kind = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = Clock()
        self.store: JobStore = make_store(self.kind, self.folder, self.clock)
        self.seen: dict[str, Job] = {}
        self.held: dict[str, tuple[str, float]] = {}
        """By job: who claimed it last, and until when nobody else may."""

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(owner=st.sampled_from([None, "me"]), late=st.booleans(), lane=LANE)
    def submit(self, owner: str | None, late: bool, lane: Lane) -> None:
        try:
            job, _ = self.store.submit(
                submission(owner=owner, deadline=self.clock.now + 15 if late else None, lane=lane)
            )
        except (QueueFull, StoreFull):
            return
        self.seen[job.id] = replace(job, queue_position=None)

    @rule(worker=WORKERS, lane=LANE)
    def claim(self, worker: str, lane: Lane) -> None:
        job = self.store.claim(worker, LEASE_S, lane)
        if job is None:
            return
        assert job.lane == lane
        _, until = self.held.get(job.id, ("", 0.0))
        assert until <= self.clock.now, "claimed while another worker held it"
        assert job.deadline is None or job.deadline > self.clock.now
        self.held[job.id] = (worker, self.clock.now + LEASE_S)

    @precondition(lambda self: self.held)
    @rule(pick=PICK, worker=WORKERS, outcome=OUTCOMES)
    def finish(self, pick: int, worker: str, outcome: object) -> None:
        job_id = self._held(pick)
        try:
            self.store.finish(job_id, worker, outcome)  # type: ignore[arg-type]
        except LeaseLost:
            return
        assert self.held.pop(job_id)[0] == worker

    @precondition(lambda self: self.held)
    @rule(pick=PICK, worker=WORKERS)
    def heartbeat(self, pick: int, worker: str) -> None:
        job_id = self._held(pick)
        try:
            self.store.heartbeat(job_id, worker, LEASE_S)
        except LeaseLost:
            return
        assert self.held[job_id][0] == worker
        self.held[job_id] = (worker, self.clock.now + LEASE_S)

    @precondition(lambda self: self.held)
    @rule(pick=PICK, worker=WORKERS)
    def release(self, pick: int, worker: str) -> None:
        job_id = self._held(pick)
        try:
            self.store.release(job_id, worker)
        except LeaseLost:
            return
        assert self.held.pop(job_id)[0] == worker

    @precondition(lambda self: self.seen)
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        self.store.cancel(self._seen(pick))

    @precondition(lambda self: self.seen)
    @rule(pick=PICK)
    def discard(self, pick: int) -> None:
        self.store.discard(self._seen(pick))

    @rule(seconds=st.sampled_from([1.0, LEASE_S, LIMITS.keep_s]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(lane=LANE)
    def sort(self, lane: Lane) -> None:
        self.store.sort(lambda job: lane if job.owner is None else job.lane)

    @rule()
    def sweep(self) -> None:
        self.store.sweep()

    @invariant()
    def promises_are_kept(self) -> None:
        self.every_job_went_only_where_it_may()
        self.bounds_hold()
        self.files_are_there_as_long_as_they_are_needed()

    def every_job_went_only_where_it_may(self) -> None:
        for job_id, before in list(self.seen.items()):
            now = self.store.get(job_id)
            if now is None:
                assert before.done or before.state == "queued", "a running job vanished"
                assert self.clock.now > before.created
                del self.seen[job_id]
                continue
            assert now.state in _reachable(before.state)
            assert now.last_event >= before.last_event
            assert now.attempts <= LIMITS.max_attempts
            assert (now.queue_position is not None) == (now.state == "queued")
            assert (now.lease is not None) == (now.state == "running")
            assert now.done == (now.expires is not None)
            self.seen[job_id] = now

    def bounds_hold(self) -> None:
        counts = self.store.counts()
        assert (
            counts.states["queued"] + counts.states["running"] + counts.states["succeeded"] <= LIMITS.max_jobs
        )
        assert counts.bytes <= LIMITS.max_bytes
        for lane in LANES:
            queued = [
                job.queue_position or 0
                for job in self.seen.values()
                if (job.state, job.lane) == ("queued", lane)
            ]
            assert sorted(queued) == list(range(1, counts.queued[lane] + 1))
        assert sum(counts.queued.values()) == counts.states["queued"]

    def files_are_there_as_long_as_they_are_needed(self) -> None:
        for job in self.seen.values():
            if not job.done:
                assert self.store.read_input(job.id, "person")
            for name in job.files:
                assert self.store.read_result(job.id, name)

    # In the order in which they came, not in that of their random ids: the same picks are the same history.

    def _held(self, pick: int) -> str:
        return list(self.held)[pick % len(self.held)]

    def _seen(self, pick: int) -> str:
        return list(self.seen)[pick % len(self.seen)]


def _reachable(start: State) -> set[State]:
    """Where a job may be some moves later."""
    found: set[State] = {start}
    while new := {end for state in found for end in TRANSITIONS[state]} - found:
        found |= new
    return found


class SqliteHistories(Histories):
    kind = "sqlite"

    @rule()
    def restart(self) -> None:
        """The process ends and another one starts on the same folder."""
        self.store.close()
        self.store = make_store(self.kind, self.folder, self.clock)


@pytest.mark.parametrize(("machine", "examples"), [(Histories, 60), (SqliteHistories, 12)])
def test_random_histories(machine: type[Histories], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
