"""The real gateway process before a stand-in: streams, clients that leave or crawl, limits, shutdown."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest
import requests

from gateway.worker import DISCARD_S
from tests.gateway_process import Process, is_up, running_gateway, wait_until
from tests.gateway_stub import PNG, Stub, running_stub

MB = 1_000_000


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


@pytest.fixture(scope="module")
def gateway(stub: Stub) -> Iterator[Process]:
    with running_gateway(
        stub.url, GATEWAY_THREADS=16, GATEWAY_CLIENT_TIMEOUT_S=1, MAX_REQUEST_MB=64, UPLOAD_TIMEOUT_S=3
    ) as gateway:
        yield gateway


def test_large_uploads_never_touch_the_disk(gateway: Process, stub: Stub) -> None:
    body = os.urandom(12 * MB)
    answer = requests.post(f"{gateway.url}/upload", data=body, timeout=30)
    assert answer.status_code == 201
    assert stub.requests[-1]["sha256"] == hashlib.sha256(body).hexdigest()
    assert stub.requests[-1]["headers"]["content-length"] == str(len(body))


def test_chunked_uploads_are_passed_on_chunked(gateway: Process, stub: Stub) -> None:
    answer = requests.post(f"{gateway.url}/compose", data=(bytes(MB) for _ in range(12)), timeout=30)
    assert answer.content == PNG
    assert stub.requests[-1]["length"] == 12 * MB
    assert stub.requests[-1]["headers"]["transfer-encoding"] == "chunked"


def test_memory_does_not_grow_with_the_upload(gateway: Process) -> None:
    def peak_kb(pid: int) -> int:
        with open(f"/proc/{pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

    children = f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children"
    if not os.path.exists(children):
        pytest.skip("no /proc/<pid>/task/<tid>/children on this system")
    with open(children) as file:
        worker = int(file.read().split()[0])
    before = peak_kb(worker)
    requests.post(f"{gateway.url}/compose", data=bytes(60 * MB), timeout=30)
    assert peak_kb(worker) - before < 20_000


def test_a_refused_upload_still_gets_its_answer(gateway: Process) -> None:
    """The client is told, although it is still sending: no reset connection."""
    for body in (bytes(70 * MB), (bytes(MB) for _ in range(70))):
        answer = requests.post(f"{gateway.url}/compose", data=body, timeout=30)
        assert answer.status_code == 413
        assert answer.json()["type"] == "urn:cabine:error:image-too-large"


def test_events_arrive_as_they_happen_and_leaving_is_noticed(gateway: Process, stub: Stub) -> None:
    stub.left.clear()
    with requests.get(f"{gateway.url}/v1/drip", stream=True, timeout=10) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        lines = (line for line in answer.iter_lines() if line)
        delays = [time.monotonic() - float(next(lines).split()[2]) for _ in range(5)]
    assert max(delays) < 5.0, "the stream lasts a minute: gathered events would be older"
    assert stub.left.wait(15), "inference learns that nobody listens any more"


def test_leaving_before_the_answer_stops_inference(gateway: Process, stub: Stub) -> None:
    stub.left.clear()
    with gateway.connect() as client:
        client.sendall(b"POST /v1/patient HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
        wait_until(lambda: stub.requests[-1]["target"] == "/v1/patient")
        assert not stub.left.is_set()
    assert stub.left.wait(15)


def test_a_request_sent_ahead_is_no_leaving(gateway: Process, stub: Stub) -> None:
    request = b"POST /v1/hang HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
    stub.release.clear()
    with gateway.connect() as client:
        client.sendall(request)
        wait_until(lambda: stub.requests[-1]["target"] == "/v1/hang")
        client.sendall(request)
        time.sleep(0.3)  # for the gateway to look; on a slow machine it sees less, nothing fails
        stub.release.set()
        for _ in range(2):
            answer = http.client.HTTPResponse(client)
            answer.begin()
            assert answer.read() == PNG


def test_slow_clients_do_not_starve_health(gateway: Process, stub: Stub) -> None:
    """More crawling uploads, streams and half-sent headers than there are threads."""
    head = f"POST /compose HTTP/1.1\r\nHost: x\r\nContent-Length: {MB}\r\n\r\n".encode()
    crawlers, seen = [], len(stub.requests)

    def start(count: int, words: bytes) -> None:
        for _ in range(count):
            crawlers.append(gateway.connect())
            crawlers[-1].sendall(words)

    try:
        # First alone: an upload that crawls could else take their place at inference.
        start(3, b"GET /v1/drip HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: sum(request["target"] == "/v1/drip" for request in stub.requests[seen:]) == 3)
        start(10, head + b"x")
        start(10, b"GET / HT")
        assert requests.get(f"{gateway.url}/health/live", timeout=10).ok
        assert requests.get(f"{gateway.url}/health/ready", timeout=10).ok
    finally:
        for crawler in crawlers:
            crawler.close()
    wait_until(lambda: requests.post(f"{gateway.url}/compose", data=b"x", timeout=5).status_code == 200)


@contextmanager
def dripping(gateway: Process, count: int, words: bytes) -> Iterator[list[socket.socket]]:
    """Clients that are never silent: after ``words`` a byte now and then, for as long as the block lasts."""
    clients, stop = [gateway.connect() for _ in range(count)], threading.Event()

    def drip() -> None:
        while not stop.wait(0.1):
            for client in clients:
                with suppress(OSError):
                    client.send(b"x")

    for client in clients:
        client.sendall(words)
    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield clients
    finally:
        stop.set()
        thread.join()
        for client in clients:
            client.close()


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
        b"POST /compose HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
        b"POST /compose HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n",
    ],
    ids=["head", "body nobody reads", "upload", "refused upload"],
)
def test_dripping_clients_do_not_starve_health(gateway: Process, words: bytes) -> None:
    """More of them than threads, of which none ever falls silent."""
    with dripping(gateway, 24, words):
        for _ in range(4):
            assert requests.get(f"{gateway.url}/health/live", timeout=10).ok
            time.sleep(0.5)  # for more of them to have reached a thread


def test_an_upload_that_never_ends_is_cut_off(gateway: Process) -> None:
    words = b"POST /compose HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    with dripping(gateway, 1, words) as (client,):
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["type"]) == (
            504,
            "urn:cabine:error:deadline-exceeded",
        )
    wait_until(lambda: requests.post(f"{gateway.url}/compose", data=b"x", timeout=5).status_code == 200)


def test_a_refused_upload_is_not_read_for_ever(gateway: Process) -> None:
    words = b"POST /compose HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
    with dripping(gateway, 1, words) as (client,):
        assert client.recv(12) == b"HTTP/1.1 413"
        client.settimeout(15)
        with suppress(ConnectionResetError):
            while client.recv(4096):
                pass


def test_a_kept_connection_may_rest_between_requests(gateway: Process) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)) as client:
        for seconds in (0.0, DISCARD_S + 0.5):
            time.sleep(seconds)
            for method, path, body in (("GET", "/health/live", None), ("POST", "/upload", b"photo")):
                client.request(method, path, body)
                answer = client.getresponse()
                assert answer.status in {200, 201}
                answer.read()
        assert client.sock is not None  # the same one, or it would have been opened anew


def test_clients_that_do_not_close_keep_nobody_out(gateway: Process) -> None:
    """They were told that the connection ends, and stay."""
    clients = [gateway.connect() for _ in range(8)]
    for client in clients:
        client.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    for client in clients:
        assert client.recv(12) == b"HTTP/1.1 200"
    assert requests.get(f"{gateway.url}/health/live", timeout=5).ok
    for client in clients:
        client.close()


def test_a_hanging_inference_leaves_health_and_page_alone(gateway: Process, stub: Stub) -> None:
    stub.release.clear()

    def hang() -> None:
        """Places that the clients of the test before still hold become free in a moment."""
        while requests.post(f"{gateway.url}/v1/hang", data=b"x", timeout=40).status_code == 429:
            time.sleep(0.05)

    waiting = [threading.Thread(target=hang) for _ in range(4)]
    for thread in waiting:
        thread.start()
    try:
        wait_until(lambda: requests.post(f"{gateway.url}/compose", data=b"x", timeout=5).status_code == 429)
        assert requests.get(f"{gateway.url}/health/ready", timeout=10).ok
        assert requests.get(gateway.url, timeout=10).ok
    finally:
        stub.release.set()
        for thread in waiting:
            thread.join()


def test_a_broken_off_answer_is_an_error_for_the_client(gateway: Process) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{gateway.url}/v1/cut", timeout=5)


def test_an_upload_that_breaks_off_reaches_inference_as_broken(gateway: Process, stub: Stub) -> None:
    seen = len(stub.requests)
    with gateway.connect() as client:
        client.sendall(b"POST /compose HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
        client.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert json.loads(answer.read())["type"] == "urn:cabine:error:cancelled"
    assert not [request for request in stub.requests[seen:] if request["length"] == 1000]


@pytest.mark.parametrize("chunks", [b"zz\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n"])
def test_malformed_chunks_are_the_clients_fault(gateway: Process, chunks: bytes) -> None:
    with gateway.connect() as client:
        client.sendall(b"POST /compose HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        client.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert json.loads(answer.read())["type"] == "urn:cabine:error:request-malformed"
        assert client.recv(1) == b"", "what follows is not taken for a request"


def test_sigterm_lets_running_requests_finish(stub: Stub) -> None:
    stub.release.clear()
    seen = len(stub.requests)
    with running_gateway(stub.url, GATEWAY_THREADS=16, GATEWAY_GRACE_S=20) as gateway:
        answers: list[requests.Response] = []
        call = threading.Thread(
            target=lambda: answers.append(requests.post(f"{gateway.url}/v1/hang", data=b"x", timeout=20))
        )
        call.start()
        wait_until(lambda: any(request["target"] == "/v1/hang" for request in stub.requests[seen:]))
        gateway.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not is_up(f"{gateway.url}/health/live"))
        stub.release.set()
        call.join()
        assert answers[0].content == PNG
        assert gateway.process.wait(15) == 0


def test_a_wrong_setting_is_named_and_ends_the_start() -> None:
    environment = os.environ | {"CABINE_GATEWAY_PORT": "many"}
    done = subprocess.run(
        [sys.executable, "-m", "gateway"], env=environment, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    assert "port" in done.stderr
    assert "Traceback" not in done.stderr
