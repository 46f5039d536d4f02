"""The store of jobs stops working while the service runs, really: somebody locks it and keeps the lock."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.bad_inputs import PAIR
from tests.contract.test_job_faults import accepted, look, until_at_work
from tests.contract.test_jobs import ASYNC
from tests.job_service import JobService, job_service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[JobService]:
    with job_service(tmp_path, CONCURRENCY=2, JOB_LEASE_S=1) as service:
        yield service


@pytest.fixture
def client(service: JobService) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=60, trust_env=False) as client:
        yield client


@contextmanager
def locked(service: JobService) -> Iterator[None]:
    """Nobody else can write into the store."""
    with closing(sqlite3.connect(service.jobs / "jobs.sqlite3", timeout=30, isolation_level=None)) as store:
        store.execute("BEGIN EXCLUSIVE")
        yield
        store.execute("ROLLBACK")


def test_new_jobs_are_refused_and_those_accepted_are_done_when_it_is_back(
    service: JobService, client: httpx.Client
) -> None:
    running = accepted(client)
    until_at_work(client, running)
    with locked(service):
        refused = client.post("/v1/tryon", files=list(PAIR), headers=ASYNC)
        service.gate.touch()  # the running job ends now, and cannot be written down
        sync = client.post("/v1/tryon", files=list(PAIR))
        assert client.get("/health/live").status_code == 200

    assert (refused.status_code, refused.json()["type"]) == (503, "urn:cabine:error:store-unavailable")
    assert refused.json()["retryable"] is True
    assert int(refused.headers["retry-after"]) >= 1
    assert sync.status_code == 200
    assert look(client, running, wait=30)["state"] == "succeeded"
    assert look(client, accepted(client), wait=30)["state"] == "succeeded"
