"""Both real services, and one of them killed in the middle; ten times more jobs than there is room for."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.bad_inputs import PAIR
from tests.contract.conftest import until
from tests.contract.test_job_events import read
from tests.contract.test_jobs import ASYNC
from tests.gateway_process import Process, running_gateway
from tests.job_service import JobService, job_service

QUEUE = 4


@pytest.fixture
def service(tmp_path: Path) -> Iterator[JobService]:
    """One job at a time; the gate is closed."""
    with job_service(tmp_path, CONCURRENCY=1, MAX_QUEUE=QUEUE, JOB_LEASE_S=1) as service:
        yield service


def client_of(gateway: Process) -> httpx.Client:
    limits = httpx.Limits(max_connections=None)
    return httpx.Client(base_url=gateway.url, timeout=60, trust_env=False, limits=limits)


def compose(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post("/compose", files=list(PAIR), headers=headers)


def kill(gateway: Process) -> None:
    """The process and those that it started, at once, as when a machine takes them."""
    family = [gateway.process.pid]
    for pid in family:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            family += [int(child) for child in children.read_text("ascii").split()]
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    gateway.process.wait(30)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc to find child processes in")
def test_a_killed_gateway_costs_who_follows_a_job_only_the_connection(service: JobService) -> None:
    with running_gateway(service.url) as gateway, client_of(gateway) as client:
        address = compose(client, **ASYNC).headers["location"]
        with client.stream("GET", f"{address}/events") as answer:
            events = read(answer.iter_lines())
            event = next(events)
            while event.data.get("stage") != "engine":
                event = next(events)
            kill(gateway)
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                list(events)

    service.gate.touch()
    with running_gateway(service.url) as gateway, client_of(gateway) as client:
        seen = {"Last-Event-ID": str(event.number)}
        with client.stream("GET", f"{address}/events", headers=seen) as answer:
            rest = list(read(answer.iter_lines()))
        assert rest[0].number == event.number + 1
        assert (rest[-1].data["state"], rest[-1].data["attempts"]) == ("succeeded", 1)
        assert client.get(f"{address}/images/0").content.startswith(b"\x89PNG")


def test_inference_killed_while_a_caller_waits(service: JobService) -> None:
    with (
        running_gateway(service.url) as gateway,
        client_of(gateway) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        waiting = pool.submit(compose, client)
        until(lambda: 'stage="mask"' in httpx.get(f"{service.url}/metrics", trust_env=False).text)
        service.end(signal.SIGKILL)
        told = waiting.result()
        assert (told.status_code, told.json()["type"]) == (502, "urn:cabine:error:upstream-bad")
        assert told.json()["retryable"] is True
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
        gone = compose(client)
        assert (gone.status_code, gone.json()["type"]) == (503, "urn:cabine:error:upstream-unavailable")
        assert int(gone.headers["retry-after"]) >= 1

        service.gate.touch()
        service.start()
        assert compose(client).status_code == 200


def test_ten_times_too_many_jobs_are_refused_and_none_that_was_accepted_is_lost(
    service: JobService,
) -> None:
    """One runs, ``QUEUE`` wait, the others come at once."""
    many = 10 * (QUEUE + 1)
    with running_gateway(service.url) as gateway, client_of(gateway) as client:
        first = compose(client, **ASYNC).headers["location"]
        until(lambda: client.get(first).json()["stage"] == "engine", seconds=30)
        with ThreadPoolExecutor(25) as pool:
            answers = list(pool.map(lambda _: compose(client, **ASYNC), range(many)))
        statuses = Counter(answer.status_code for answer in answers)
        assert statuses == {202: QUEUE, 429: many - QUEUE}
        for answer in answers:
            if answer.status_code == 429:
                assert answer.json()["type"] == "urn:cabine:error:busy"
                assert int(answer.headers["retry-after"]) >= 1

        service.gate.touch()
        jobs = [first, *(answer.headers["location"] for answer in answers if answer.status_code == 202)]
        for address in jobs:
            assert client.get(address, params={"wait": 30}).json()["state"] == "succeeded"
        assert compose(client).status_code == 200
