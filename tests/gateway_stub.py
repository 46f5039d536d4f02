"""A stand-in for the inference service that answers well, late, brokenly or not at all, as its path says."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)

LARGE = 12_000_000
"""Bytes of the answer of ``/v1/large``: more than sockets hold."""

PROBLEM = json.dumps({"type": "urn:cabine:error:no-person", "status": 422, "field": "person"}).encode()

TRYON = {
    "images": [base64.b64encode(PNG).decode()],
    "engine": {"name": "warp", "license": "Apache-2.0", "preview": True},
    "confidence": 0.62,
    "warnings": [{"name": "soft-hair", "detail": "The edge of the hair may look soft."}],
}

ASSET = {
    "id": "abc",
    "width": 768,
    "height": 1024,
    "checks": {
        "person_visible": True,
        "sharp": False,
        "large_enough": True,
        "warnings": [{"name": "blurred", "detail": "The photo is not sharp."}],
    },
}


@dataclass
class Stub:
    """What the tests steer and look at afterwards."""

    url: str
    ready: int = 200
    ready_delay_s: float = 0.0
    requests: list[dict[str, Any]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    """Set when a client of ``/v1/drip`` or ``/v1/patient`` went away."""
    release: threading.Event = field(default_factory=threading.Event)
    """Lets ``/v1/hang`` go on."""
    connections: set[int] = field(default_factory=set)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stub: Stub
    body: bytes = b""

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:  # noqa: N802 - the name http.server asks for
        self._serve()

    do_POST = do_DELETE = do_GET  # noqa: N815

    def _serve(self) -> None:
        body = self.body = self._read_body()
        self.stub.connections.add(self.client_address[1])
        self.stub.requests.append(
            {
                "method": self.command,
                "target": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "length": len(body),
                "sha256": hashlib.sha256(body).hexdigest(),
            }
        )
        name = self.path.split("?")[0].strip("/").replace("/", "_").replace("-", "_")
        getattr(self, f"on_{name}", self.on_unknown)()

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline() or b"0", 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionResetError("half a body")
        return body

    def answer(self, status: int, content_type: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def on_health_ready(self) -> None:
        time.sleep(self.stub.ready_delay_s)
        if self.stub.ready == 422:
            self.on_v1_problem()
        else:
            self.answer(self.stub.ready, "application/json", b"{}")

    on_health_startup = on_health_ready

    def on_v1_engines(self) -> None:
        engine = {"name": "warp", "available": True, "served": ["upper"], "photo_kinds": ["flat"]}
        self.answer(200, "application/json", json.dumps({"default": "warp", "engines": [engine]}).encode())

    def on_v1_tryon(self) -> None:
        if self.headers.get("Accept") == "application/json":
            self.answer(200, "application/json", json.dumps(TRYON).encode())
            return
        self.answer(
            200,
            "image/png",
            PNG,
            X_Cabine_Engine="warp",
            X_Cabine_Confidence="0.8",
            X_Cabine_Engine_Reason="requested",
            X_Cabine_License="CC BY-NC-SA 4.0",
            X_Cabine_Sampling="20 steps, approximate",
            Set_Cookie="a=b",
            Access_Control_Allow_Origin="*",
            Connection="X-Secret",
            X_Secret="hop",
        )

    def on_v1_assets(self) -> None:
        self.answer(201, "application/json", json.dumps(ASSET).encode(), Location="/v1/assets/abc")

    def on_v1_assets_abc(self) -> None:
        self.send_response(204)
        self.end_headers()

    def on_v1_problem(self) -> None:
        self.answer(422, "application/problem+json", PROBLEM)

    def on_v1_plain_500(self) -> None:
        self.answer(500, "text/plain", b"Traceback: secret path")

    def on_v1_moved(self) -> None:
        self.answer(307, "text/plain", b"", Location=f"{self.stub.url}/v1/engines")

    def on_v1_large(self) -> None:
        self.answer(200, "image/png", bytes(LARGE))

    def on_v1_late(self) -> None:
        time.sleep(1.5)
        self.answer(200, "image/png", PNG)

    def on_v1_hang(self) -> None:
        self.stub.release.wait(20)
        self.answer(200, "image/png", PNG)

    def on_v1_patient(self) -> None:
        """No answer; notices when the caller leaves."""
        if self.connection.recv(1, socket.MSG_PEEK) == b"":
            self.stub.left.set()
        self.close_connection = True

    def on_v1_garbage(self) -> None:
        self.wfile.write(b"\x00\x01 this is not HTTP\r\n\r\n")
        self.close_connection = True

    def on_v1_silent(self) -> None:
        self.close_connection = True

    def on_v1_cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(PNG)
        self.close_connection = True

    def on_v1_stale(self) -> None:
        """Answer as if the connection stayed open, then close it."""
        self.answer(200, "text/plain", b"ok")
        self.close_connection = True

    def on_v1_once(self) -> None:
        """Break off at the first call, answer the second: a kept connection that had just been closed."""
        if sum(request["target"] == "/v1/once" for request in self.stub.requests) == 1:
            self.close_connection = True
            return
        self.answer(200, "text/plain", b"second")

    def on_v1_drip(self) -> None:
        """An endless event stream, ten events a second."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for number in range(600):
                event = f"data: {number} {time.monotonic()}\n\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            self.stub.left.set()
        self.close_connection = True

    def on_unknown(self) -> None:
        self.answer(404, "application/problem+json", b'{"type": "urn:cabine:error:not-found", "status": 404}')


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients leave in these tests; that is no news."""


@contextmanager
def running_stub() -> Iterator[Stub]:
    """A stub on a free loopback port."""
    stub = Stub(url="")
    with serving(stub, Handler):
        yield stub


@contextmanager
def serving(stub: Stub, kind: type[Handler]) -> Iterator[None]:
    """Answers of ``kind`` at ``stub.url``, which is set here."""
    server = _Server(("127.0.0.1", 0), type("Steered", (kind,), {"stub": stub}))
    stub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        stub.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
