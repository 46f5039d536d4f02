"""Fixtures of the job store's tests: the same tests run over every kind of store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.jobs.store import JobStore
from tests.job_stores import KINDS, Clock, MakeJobs, make_store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=KINDS)
def make_jobs(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[MakeJobs]:
    """``make_jobs(max_queued=2)``: an empty store with these limits besides the usual ones."""
    made: list[JobStore] = []

    def make(**limits: float) -> JobStore:
        made.append(make_store(request.param, tmp_path / "jobs", clock, **limits))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def jobs(make_jobs: MakeJobs) -> JobStore:
    return make_jobs()
