"""A key is replaced, or taken away, while its job is at work: both real services."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.keys import digest_of, new_secret
from tests.bad_inputs import PAIR
from tests.contract.conftest import until
from tests.contract.test_jobs import ASYNC
from tests.gateway_process import running_gateway
from tests.job_service import JobService, job_service

OLD, NEW = new_secret(), new_secret()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[JobService]:
    with job_service(tmp_path, CONCURRENCY=1) as service:
        yield service


def look(service: JobService, address: str, entries: str, secret: str) -> httpx.Response:
    """Through a gateway that accepts these keys; waits for the end of the job if it is this caller's."""
    with running_gateway(service.url, API_KEYS=entries) as gateway:
        url, key = f"{gateway.url}{address}", {"X-API-Key": secret}
        return httpx.get(url, params={"wait": 20}, headers=key, timeout=30, trust_env=False)


def submitted(service: JobService) -> str:
    """By ``shop`` with its old key; at work now."""
    with running_gateway(service.url, API_KEYS=f"shop:{digest_of(OLD)}") as gateway:
        headers = {**ASYNC, "X-API-Key": OLD}
        url = f"{gateway.url}/compose"
        answer = httpx.post(url, files=list(PAIR), headers=headers, timeout=30, trust_env=False)
        until(lambda: 'cabine_jobs{state="running"} 1' in metrics(service), seconds=30)
        return str(answer.headers["location"])


def metrics(service: JobService) -> str:
    return httpx.get(f"{service.url}/metrics", trust_env=False).text


def test_jobs_belong_to_the_name_of_a_key(service: JobService) -> None:
    address = submitted(service)
    service.gate.touch()

    stranger = look(service, address, f"studio:{digest_of(NEW)}", NEW)
    assert (stranger.status_code, stranger.json()["type"]) == (404, "urn:cabine:error:not-found")
    assert look(service, address, f"studio:{digest_of(NEW)}", OLD).status_code == 401
    until(lambda: 'cabine_jobs{state="succeeded"} 1' in metrics(service))  # although its key is gone

    renewed = look(service, address, f"shop:{digest_of(NEW)}", NEW)
    assert (renewed.status_code, renewed.json()["state"]) == (200, "succeeded")
