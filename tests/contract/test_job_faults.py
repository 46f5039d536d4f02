"""What becomes of jobs when their process is killed, told to end, or loses its disk: really done to one."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.bad_inputs import PAIR, value
from tests.contract.conftest import until
from tests.contract.test_job_events import read
from tests.contract.test_jobs import ASYNC
from tests.job_service import DEAF, JobService, job_service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[JobService]:
    """One job at a time; the gate is closed."""
    with job_service(tmp_path, CONCURRENCY=1, JOB_LEASE_S=1, SHUTDOWN_GRACE_S=20) as service:
        yield service


@pytest.fixture
def client(service: JobService) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=30, trust_env=False) as client:
        yield client


def accepted(client: httpx.Client, seed: int = 7, **headers: str) -> str:
    answer = client.post("/v1/tryon", files=[*PAIR, value("seed", seed)], headers={**ASYNC, **headers})
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]


def look(client: httpx.Client, address: str, wait: int = 0) -> dict[str, object]:
    job: dict[str, object] = client.get(address, params={"wait": wait}).json()
    return job


def until_at_work(client: httpx.Client, address: str) -> None:
    until(lambda: look(client, address)["stage"] == "engine", seconds=30)


def test_killed_at_work_the_job_runs_again_after_the_restart(
    service: JobService, client: httpx.Client
) -> None:
    running = accepted(client, **{"Idempotency-Key": "one"})
    until_at_work(client, running)
    waiting = accepted(client)
    service.end(signal.SIGKILL)
    service.gate.touch()
    service.start()

    for address, attempts in ((running, 2), (waiting, 1)):
        job = look(client, address, wait=20)
        assert (job["state"], job["attempts"], job["seed"]) == ("succeeded", attempts, 7)
        assert client.get(job["images"][0]).content.startswith(b"\x89PNG")
    assert accepted(client, **{"Idempotency-Key": "one"}) == running


def test_a_job_that_kills_its_process_every_time_fails_in_the_end(
    service: JobService, client: httpx.Client
) -> None:
    address = accepted(client)
    for attempt in (1, 2):
        until(lambda attempt=attempt: look(client, address)["attempts"] == attempt, seconds=20)
        until_at_work(client, address)
        service.end(signal.SIGKILL)
        service.start()

    job = look(client, address, wait=20)
    assert (job["state"], job["error"]["retryable"]) == ("failed", True)
    assert (job["error"]["type"], job["error"]["status"]) == ("urn:cabine:error:worker-lost", 503)


def test_sigterm_lets_running_jobs_finish_and_keeps_the_queue(
    service: JobService, client: httpx.Client
) -> None:
    running = accepted(client)
    until_at_work(client, running)
    waiting = accepted(client)
    assert service.process
    with (
        ThreadPoolExecutor(1) as pool,
        client.stream("GET", f"{running}/events") as followed,
        client.stream("GET", f"{waiting}/events") as queued,
    ):
        events, others = read(followed.iter_lines()), read(queued.iter_lines())
        next(events)
        next(others)
        ended = pool.submit(service.end, signal.SIGTERM)
        assert list(others) == []  # sent away, to come back after the restart
        service.gate.touch()
        assert list(events)[-1].data["state"] == "succeeded"
        assert ended.result() in (0, -signal.SIGTERM)
    service.gate.unlink()
    service.start()

    assert look(client, running)["state"] == "succeeded"
    until_at_work(client, waiting)
    service.gate.touch()
    assert look(client, waiting, wait=20)["state"] == "succeeded"


def test_what_does_not_finish_within_the_grace_goes_back_into_the_queue(tmp_path: Path) -> None:
    with (
        job_service(tmp_path, SHUTDOWN_GRACE_S=1) as service,
        httpx.Client(base_url=service.url, timeout=30, trust_env=False) as client,
    ):
        address = accepted(client)
        until_at_work(client, address)
        assert service.end(signal.SIGTERM) in (0, -signal.SIGTERM)
        service.gate.touch()
        service.start()

        job = look(client, address, wait=20)
        assert (job["state"], job["attempts"]) == ("succeeded", 1)


def test_an_engine_that_does_not_stop_is_left_and_its_job_runs_again(tmp_path: Path) -> None:
    with (
        job_service(tmp_path, SHUTDOWN_GRACE_S=0, JOB_LEASE_S=1) as service,
        httpx.Client(base_url=service.url, timeout=30, trust_env=False) as client,
    ):
        address = accepted(client, DEAF)
        until_at_work(client, address)
        assert service.end(signal.SIGTERM) == 1
        service.gate.touch()
        service.start()

        assert look(client, address, wait=20)["state"] == "succeeded"


@pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="the limits of another process are set by prlimit"
)
def test_a_full_disk_refuses_jobs_and_nothing_else(service: JobService, client: httpx.Client) -> None:
    service.gate.touch()
    assert service.process
    soft, hard = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (0, hard))
    refused = client.post("/v1/tryon", files=list(PAIR), headers=ASYNC)
    sync = client.post("/v1/tryon", files=list(PAIR))
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (soft, hard))

    assert refused.status_code == 503, refused.text
    assert refused.json()["retryable"] is True
    assert int(refused.headers["retry-after"]) >= 1
    assert sync.status_code == 200
    assert look(client, accepted(client), wait=20)["state"] == "succeeded"


def test_a_store_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "jobs"
    service = JobService(folder=tmp_path, settings={"JOBS_DIR": folder})
    try:
        service.start(ready=False)
        with httpx.Client(base_url=service.url, timeout=30, trust_env=False) as client:
            until(lambda: "store-unavailable" in client.get("/health/ready").text)
            assert f"CABINE_JOBS_DIR={folder}" in client.get("/health/ready").json()["detail"]
            assert client.get("/v1/jobs/x").status_code == 503
    finally:
        service.end(signal.SIGKILL)
