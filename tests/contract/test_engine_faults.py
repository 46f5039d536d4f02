"""An engine that crashes its process or runs out of memory: really done to one."""

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
from tests.contract.test_job_faults import look, until_at_work
from tests.contract.test_jobs import ASYNC
from tests.job_service import ABORTS, MUCH, TAKES_MUCH, JobService, job_service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[JobService]:
    with job_service(tmp_path, CONCURRENCY=1, JOB_LEASE_S=1, JOB_ATTEMPTS=2) as service:
        yield service


@pytest.fixture
def client(service: JobService) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=30, trust_env=False) as client:
        yield client


def send(client: httpx.Client, seed: int, **headers: str) -> httpx.Response:
    return client.post("/v1/tryon", files=[*PAIR, value("seed", seed)], headers=headers)


def crash(service: JobService) -> None:
    """Let the engine go on, which ends the process; the gate is closed again."""
    assert service.process is not None
    service.gate.touch()
    assert service.process.wait(30) == -signal.SIGABRT
    service.gate.unlink()


def test_an_engine_that_crashes_the_process_takes_its_job_down_and_no_other(
    service: JobService, client: httpx.Client
) -> None:
    guilty = send(client, ABORTS, **ASYNC).headers["location"]
    until_at_work(client, guilty)
    waiting = send(client, 7, **ASYNC).headers["location"]
    for _ in range(2):
        until_at_work(client, guilty)
        crash(service)
        service.start()

    service.gate.touch()
    job = look(client, waiting, wait=20)
    assert (job["state"], job["attempts"]) == ("succeeded", 1)
    job = look(client, guilty, wait=20)
    assert (job["state"], job["attempts"], job["error"]["retryable"]) == ("failed", 2, True)


def test_a_crash_cuts_off_who_waits_and_the_next_process_is_as_good(
    service: JobService, client: httpx.Client
) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(send, client, ABORTS)
        until(lambda: 'stage="mask"' in client.get("/metrics").text)
        crash(service)
        with pytest.raises(httpx.RemoteProtocolError):
            waiting.result()
    service.start()
    service.gate.touch()

    assert send(client, 7).status_code == 200


@pytest.fixture
def little_memory(service: JobService) -> None:
    """The process gets no more memory from here on than it has, and half of what the engine will ask for."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("the limits of another process are set by prlimit")
    assert service.process is not None
    pid = service.process.pid
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[0])
    most = pages * resource.getpagesize() + MUCH // 2
    resource.prlimit(pid, resource.RLIMIT_AS, (most, most))


@pytest.mark.usefixtures("little_memory")
def test_memory_that_runs_out_ends_a_request_and_nothing_else(
    service: JobService, client: httpx.Client
) -> None:
    service.gate.touch()

    refused = send(client, TAKES_MUCH)
    job = look(client, send(client, TAKES_MUCH, **ASYNC).headers["location"], wait=20)

    assert (refused.status_code, refused.json()["type"]) == (503, "urn:cabine:error:out-of-memory")
    assert refused.json()["retryable"] is True
    assert (job["state"], job["error"]["type"]) == ("failed", "urn:cabine:error:out-of-memory")
    assert job["error"]["retryable"] is True
    assert send(client, 7).status_code == 200
    assert client.get("/health/ready").status_code == 200
