"""The real gateway process with keys and limits: refusals reach clients that are still sending."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import requests

from gateway.keys import digest_of, new_secret
from tests.gateway_process import Process, free_port, is_up, running_gateway, wait_until
from tests.gateway_stub import Stub, running_stub

MB = 1_000_000
KEY = new_secret()
SMALL = {"GATEWAY_RATE_PER_ADDRESS": "2/hour", "GATEWAY_RATE_PER_KEY": "3/hour"}


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


@pytest.fixture
def gateway(stub: Stub) -> Iterator[Process]:
    stub.requests.clear()
    with running_gateway(stub.url, API_KEYS=f"shop:{digest_of(KEY)}", **SMALL) as gateway:
        yield gateway


def test_large_uploads_with_wrong_keys_get_their_answer(gateway: Process, stub: Stub) -> None:
    statuses = []
    for body in (bytes(60 * MB), (bytes(MB) for _ in range(60)), bytes(60 * MB)):
        answer = requests.post(
            f"{gateway.url}/compose", data=body, headers={"X-API-Key": "guess"}, timeout=30
        )
        assert answer.headers["Content-Type"] == "application/problem+json"
        statuses.append(answer.status_code)
    assert statuses == [401, 401, 429]
    assert all(seen["method"] == "GET" for seen in stub.requests)


def test_large_uploads_with_a_key_pass_unparsed(gateway: Process, stub: Stub) -> None:
    body = os.urandom(12 * MB)
    key = {"Authorization": f"Bearer {KEY}"}
    statuses = [
        requests.post(f"{gateway.url}/upload", data=body, headers=key, timeout=30).status_code
        for _ in range(4)
    ]
    assert statuses == [201, 201, 201, 429]
    assert stub.requests[-1]["sha256"] == hashlib.sha256(body).hexdigest()
    assert stub.requests[-1]["headers"]["x-cabine-key"] == "shop"


def test_an_open_gateway_says_so_when_it_starts(stub: Stub) -> None:
    for keys, said in (("", True), (f"shop:{digest_of(KEY)}", False)):
        port = free_port()
        variables = {
            "CABINE_API_KEYS": keys,
            "CABINE_GATEWAY_PORT": str(port),
            "CABINE_INFERENCE_URL": stub.url,
        }
        with subprocess.Popen(
            [sys.executable, "-m", "gateway"], env=os.environ | variables, stderr=subprocess.PIPE, text=True
        ) as process:
            wait_until(lambda port=port: is_up(f"http://127.0.0.1:{port}/health/live"), timeout_s=60)
            process.send_signal(signal.SIGTERM)
            output = process.communicate(timeout=30)[1]
        assert ("everybody who reaches this address can use it" in output) is said
