"""Full, late, gone: what happens when more is asked than can be done."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from inference.config import Settings
from tests.bad_inputs import PAIR
from tests.contract.conftest import Rig, running, until


def post(rig: Rig) -> httpx.Response:
    return rig.client.post("/v1/tryon", files=list(PAIR))


@pytest.fixture
def slow() -> Iterator[Rig]:
    """One request at a time, one waiting, and an engine that is held up until the gate opens."""
    with running(Settings(concurrency=1, max_queue=1, request_timeout_s=30)) as rig:
        rig.warp.gate.clear()
        yield rig
        rig.warp.gate.set()


def test_full_queue_is_busy_and_the_event_loop_stays_free(slow: Rig) -> None:
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(post, slow)
        assert slow.warp.started.wait(10)
        second = pool.submit(post, slow)
        until(lambda: slow.service.dispatcher.waiting("cpu") == 1)

        refused = post(slow)
        live = slow.client.get("/health/live")
        slow.warp.gate.set()

        assert (refused.status_code, refused.json()["type"]) == (429, "urn:cabine:error:busy")
        assert refused.json()["retryable"] is True
        assert int(refused.headers["retry-after"]) >= 1
        assert live.status_code == 200
        assert first.result().status_code == second.result().status_code == 200
    assert post(slow).status_code == 200


def test_late_means_504_for_waiting_and_running_requests() -> None:
    with (
        running(Settings(concurrency=1, max_queue=4, request_timeout_s=2.5)) as rig,
        ThreadPoolExecutor(2) as pool,
    ):
        rig.warp.gate.clear()
        running_one = pool.submit(post, rig)
        assert rig.warp.started.wait(10)
        waited = post(rig)

        assert (waited.status_code, waited.json()["type"]) == (504, "urn:cabine:error:deadline-exceeded")
        assert running_one.result().status_code == 504
        assert rig.warp.stopped.is_set()
        rig.warp.gate.set()
        until(lambda: post(rig).status_code == 200)


def test_client_that_leaves_stops_its_work(slow: Rig) -> None:
    request = slow.client.build_request("POST", "/v1/tryon", files=list(PAIR))
    body = request.read()
    with socket.create_connection((request.url.host, request.url.port or 80)) as connection:
        head = (
            f"POST /v1/tryon HTTP/1.1\r\nhost: here\r\ncontent-length: {len(body)}\r\n"
            f"content-type: {request.headers['content-type']}\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
        assert slow.warp.started.wait(10)

    assert slow.warp.stopped.wait(10)
    slow.warp.gate.set()
    assert post(slow).status_code == 200


def test_upload_that_never_ends_is_cut_off() -> None:
    with running(Settings(upload_timeout_s=0.3)) as rig:
        url = rig.client.base_url
        with socket.create_connection((url.host, url.port or 80)) as connection:
            connection.sendall(
                b"POST /v1/tryon HTTP/1.1\r\nhost: here\r\ncontent-length: 1000\r\n"
                b"content-type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
            )
            connection.settimeout(10)
            assert b" 504 " in connection.recv(100)


def test_memory_for_uploads_is_bounded() -> None:
    with running(Settings(max_uploads_mb=1)) as rig:
        big = rig.client.post("/v1/tryon", files=[("person", ("a.png", b"\x89PNG" * 400_000, None)), PAIR[1]])

        assert (big.status_code, big.json()["type"]) == (429, "urn:cabine:error:busy")
        assert post(rig).status_code == 200


def test_concurrent_requests_all_get_their_own_answer() -> None:
    with running(Settings(concurrency=2, max_queue=16)) as rig, ThreadPoolExecutor(8) as pool:
        ids = [f"request-{number}" for number in range(8)]
        answers = list(
            pool.map(
                lambda name: rig.client.post("/v1/tryon", files=list(PAIR), headers={"x-request-id": name}),
                ids,
            )
        )

    assert [answer.status_code for answer in answers] == [200] * 8
    assert [answer.headers["x-request-id"] for answer in answers] == ids
