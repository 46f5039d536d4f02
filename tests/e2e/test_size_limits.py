"""A body that is declared to be too large is refused by its head: not a byte of it is asked for."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.contract.conftest import SETTINGS, running
from tests.gateway_process import running_gateway
from tests.gateway_stub import running_stub

TOO_LARGE = 129 * 2**20


@contextmanager
def inference() -> Iterator[int]:
    with running(SETTINGS) as rig:
        port = rig.client.base_url.port
        assert port
        yield port


@contextmanager
def gateway() -> Iterator[int]:
    with running_stub() as stub, running_gateway(stub.url) as process:
        yield process.port
        assert all(seen["method"] == "GET" for seen in stub.requests), "inference never heard of it"


@pytest.mark.parametrize(("service", "expect"), [(inference, "Expect: 100-continue\r\n"), (gateway, "")])
def test_too_much_is_refused_by_its_head(service: object, expect: str) -> None:
    """Inference first throws away what a client sends unasked, or that would see a reset for an answer."""
    head = f"POST /v1/tryon HTTP/1.1\r\nHost: x\r\nContent-Length: {TOO_LARGE}\r\n"
    kind = "Content-Type: multipart/form-data; boundary=b\r\n"
    with service() as port, socket.create_connection(("127.0.0.1", port), timeout=20) as client:  # type: ignore[operator]
        client.sendall(f"{head}{kind}{expect}\r\n".encode())
        answer = client.recv(65536)
    assert answer.split(b" ", 2)[1] == b"413"
    assert b"application/problem+json" in answer
