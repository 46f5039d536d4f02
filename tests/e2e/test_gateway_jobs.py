"""Jobs through both real services: followed, cancelled, and taken up again after inference was killed."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.bad_inputs import PAIR
from tests.contract.conftest import until
from tests.contract.test_job_events import read
from tests.contract.test_jobs import ASYNC
from tests.gateway_process import running_gateway
from tests.job_service import JobService, job_service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[JobService]:
    with job_service(tmp_path, CONCURRENCY=1, JOB_LEASE_S=1) as service:
        yield service


@pytest.fixture
def client(service: JobService) -> Iterator[httpx.Client]:
    """Of the gateway."""
    with (
        running_gateway(service.url) as gateway,
        httpx.Client(base_url=gateway.url, timeout=30, trust_env=False) as client,
    ):
        yield client


def accepted(client: httpx.Client) -> str:
    answer = client.post("/compose", files=list(PAIR), headers=ASYNC)
    assert answer.status_code == 202, answer.text
    assert answer.headers["preference-applied"] == "respond-async"
    return answer.headers["location"]


def watchers(service: JobService) -> float:
    text = httpx.get(f"{service.url}/metrics", trust_env=False).text
    found = re.search(r"^cabine_job_watchers ([\d.]+)", text, re.MULTILINE)
    assert found
    return float(found[1])


def test_followed_and_cancelled_and_left(service: JobService, client: httpx.Client) -> None:
    first, second = accepted(client), accepted(client)
    assert first.startswith("/v1/jobs/")
    with client.stream("GET", f"{first}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = read(answer.iter_lines())
        told = next(events)  # while the engine is held up: nothing gathers the events on their way
        while told.data.get("stage") != "engine":
            told = next(events)
        assert client.delete(second).json()["state"] == "cancelled"
        assert client.delete(first).json()["state"] == "running"
        assert [event.data["state"] for event in events if event.name == "done"] == ["cancelled"]

    third = accepted(client)
    with client.stream("GET", f"{third}/events") as answer:
        events = read(answer.iter_lines())  # kept: a reader that goes away closes the connection
        next(events)
        assert watchers(service) == 1
    until(lambda: watchers(service) == 0, seconds=15)

    service.gate.touch()
    job = client.get(third, params={"wait": 20}).json()
    assert job["state"] == "succeeded"
    assert client.get(job["images"][0]).headers["content-type"] == "image/png"
    assert client.delete(third).status_code == 204
    assert client.get(third).status_code == 410


def test_killed_inference_costs_a_client_nothing_but_time(service: JobService, client: httpx.Client) -> None:
    address = accepted(client)
    with client.stream("GET", f"{address}/events") as answer:
        events = read(answer.iter_lines())
        event = next(events)
        while event.data.get("stage") != "engine":
            event = next(events)
        seen = event.number
        service.end(signal.SIGKILL)
        with pytest.raises(httpx.RemoteProtocolError):
            list(events)
    down = client.get(address)
    assert (down.status_code, down.json()["retryable"]) == (503, True)
    assert int(down.headers["retry-after"]) >= 1

    service.gate.touch()
    service.start()
    with client.stream("GET", f"{address}/events", headers={"Last-Event-ID": str(seen)}) as answer:
        events = list(read(answer.iter_lines()))
    assert [event.number for event in events if event.number] == sorted(
        {event.number for event in events if event.number}
    )
    assert events[0].number == seen + 1
    assert (events[-1].name, events[-1].data["state"], events[-1].data["attempts"]) == (
        "done",
        "succeeded",
        2,
    )
