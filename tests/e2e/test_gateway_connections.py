"""Connections of the real gateway process that say little, nothing, or do not end; by events and CPU time."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from gateway.__main__ import IDLE_CONNECTIONS
from gateway.worker import LOOK_S
from tests.gateway_process import Process, running_gateway
from tests.gateway_stub import PNG, Stub, running_stub

THREADS = 16
HEAD_S = 2.0
NEVER = 1000
"""Seconds that no test lasts."""
PART = b"GET /health/live HT"
FAREWELL = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


@pytest.fixture(scope="module")
def hasty(stub: Stub) -> Iterator[Process]:
    """Waits :data:`HEAD_S` for heads."""
    with running_gateway(stub.url, constants=[f"HEAD_S={HEAD_S}"], GATEWAY_THREADS=THREADS) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def patient(stub: Stub) -> Iterator[Process]:
    """Waits for heads and for clients that leave as if for ever."""
    constants = [f"HEAD_S={NEVER}", f"LINGER_S={NEVER}"]
    with running_gateway(stub.url, constants=constants, GATEWAY_THREADS=THREADS) as gateway:
        yield gateway


def cpu_s(gateway: Process) -> float:
    """Processor time that its worker has used, all threads together."""
    parent = gateway.process.pid
    with open(f"/proc/{parent}/task/{parent}/children") as file:
        worker = int(file.read().split()[0])
    with open(f"/proc/{worker}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(sys.platform != "linux", reason="the time is read from /proc")
@pytest.mark.parametrize("ends", [False, True], ids=["open", "half-closed"])
def test_part_of_a_head_costs_no_processor(hasty: Process, ends: bool) -> None:
    """Whether or not the client has closed its side of the connection."""
    with hasty.connect() as other, hasty.connect() as client:
        client.sendall(PART)
        if ends:
            client.shutdown(socket.SHUT_WR)
        before = cpu_s(hasty)
        assert other.recv(1) == b"", "whose time was up while the other one waited"
        assert cpu_s(hasty) - before < HEAD_S / 8


def test_the_limit_of_heads_is_none_of_whole_requests(hasty: Process, stub: Stub) -> None:
    stub.release.clear()
    timer = threading.Timer(HEAD_S + 3 * LOOK_S, stub.release.set)
    timer.start()
    answer = requests.post(f"{hasty.url}/v1/hang", data=b"x", timeout=30)
    timer.join()
    assert answer.content == PNG


def test_clients_that_never_close_hold_few_threads(patient: Process) -> None:
    with ExitStack() as clients:
        for _ in range(2 * THREADS):
            client = clients.enter_context(patient.connect())
            client.sendall(FAREWELL)
            assert client.recv(12) == b"HTTP/1.1 200"
        assert requests.get(f"{patient.url}/health/live", timeout=10).ok


def test_clients_that_say_nothing_keep_nobody_out(patient: Process) -> None:
    """More of them than there may be connections: the oldest is closed."""
    most = THREADS + IDLE_CONNECTIONS
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * most:
        pytest.skip(f"only {hard} open files are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * most, hard))
    with ExitStack() as clients:
        silent = [clients.enter_context(patient.connect()) for _ in range(most + 1)]
        assert requests.get(f"{patient.url}/health/live", timeout=10).ok
        assert silent[0].recv(1) == b""
        silent[-1].sendall(FAREWELL)
        assert silent[-1].recv(12) == b"HTTP/1.1 200", "the youngest stay"


@pytest.mark.parametrize("words", [b"", PART], ids=["silent", "part of a head"])
def test_the_end_waits_for_no_head(stub: Stub, words: bytes) -> None:
    with (
        running_gateway(stub.url, constants=[f"HEAD_S={NEVER}"], GATEWAY_GRACE_S=NEVER) as gateway,
        gateway.connect() as client,
    ):
        client.sendall(words)
        assert requests.get(f"{gateway.url}/health/live", timeout=10).ok  # the client was accepted before
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(30) == 0
