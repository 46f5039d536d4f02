"""No input of the API is ever fetched: whoever sends an address makes nobody connect to it."""

from __future__ import annotations

import ast
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.fashn.fields import Inputs
from tests.bad_inputs import GARMENT, PERSON, Part, file, value
from tests.contract.conftest import Rig
from tests.fashn_requests import MODEL, inputs

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = {
    "requests",
    "urllib",
    "urllib3",
    "http",
    "httpx",
    "aiohttp",
    "ftplib",
    "huggingface_hub",
    "websockets",
}
HARMLESS = {"urllib.parse"}
FETCHERS = {
    "gateway/inference_client.py",
    "gateway/watched_connection.py",
    "inference/weights/hub.py",
}
"""The gateway's one way to inference, whose address the operator sets; `cabine weights pull`, a command."""

watching: list[str] | None = None
"""Where this process, its native libraries aside, connects to or asks the name of while a test looks."""


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if watching is not None and event in {"socket.connect", "socket.getaddrinfo"}:
        watching.append(f"{event} {arguments[1:] if event == 'socket.connect' else arguments[:2]}")


sys.addaudithook(_audit)


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """A listener that nobody should ever reach."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def addresses(port: int) -> list[str]:
    return [
        f"http://127.0.0.1:{port}/photo.jpg",
        f"https://localhost:{port}/",
        f"//127.0.0.1:{port}/photo.jpg",
        f"ftp://127.0.0.1:{port}/photo.jpg",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data/",
    ]


def forms(rig: Rig) -> Iterator[tuple[str, list[str]]]:
    """Every address that takes a form, with its fields, as the service itself lists them."""
    for path, methods in rig.client.get("/openapi.json").json()["paths"].items():
        body = methods.get("post", {}).get("requestBody", {}).get("content", {})
        if "multipart/form-data" in body:
            yield path, list(body["multipart/form-data"]["schema"]["properties"])


def with_field(path: str, name: str, part: Part) -> list[Part]:
    """A request that is right but for one field."""
    person = [("image", PERSON[1])] if path == "/v1/assets" else [PERSON]
    garment = [] if path == "/v1/assets" else [GARMENT]
    return [*(given for given in (*person, *garment) if given[0] != name), part]


def runs(address: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Bodies of ``/v1/run`` that are right but for one field."""
    right = {"model_name": MODEL, "inputs": inputs()}
    yield "model_name", {**right, "model_name": address}
    for name in (*Inputs.model_fields, "webhook_url"):
        yield name, {**right, "inputs": {**inputs(), name: address}}


def test_no_field_is_fetched(rig: Rig, trap: socket.socket) -> None:
    global watching
    port = trap.getsockname()[1]
    found = list(forms(rig))
    assert {path for path, _ in found} >= {"/v1/tryon", "/v1/assets", "/v1/preprocess/pose"}
    rig.client.get("/health/live")  # the test's own connection is open from here on
    watching = seen = []
    try:
        for path, fields in found:
            for name in fields:
                for address in addresses(port):
                    for part in (value(name, address), file(name, address.encode(), filename=address)):
                        answer = rig.client.post(path, files=with_field(path, name, part))
                        assert answer.status_code < 500, (path, name, address)
        for address in addresses(port):
            for name, body in runs(address):
                answer = rig.client.post("/v1/run", params={"webhook_url": address}, json=body)
                assert answer.status_code == 400, (name, address)
                answer = rig.client.post("/v1/run", json=body)
                assert answer.status_code == 400, (name, address)
    finally:
        watching = None
    server = str(rig.client.base_url.port)
    assert [line for line in seen if server not in line] == []
    with pytest.raises(BlockingIOError):
        trap.accept()


def test_the_watch_would_see_a_connection(trap: socket.socket) -> None:
    global watching
    watching = seen = []
    try:
        socket.create_connection(trap.getsockname(), timeout=5).close()
    finally:
        watching = None
    assert any("socket.connect" in line for line in seen)
    trap.accept()[0].close()


def test_a_picture_that_names_an_address_is_not_followed(rig: Rig, trap: socket.socket) -> None:
    address = f"http://127.0.0.1:{trap.getsockname()[1]}/x.png"
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{address}"/></svg>'.encode()
    playlist = f"#EXTM3U\n{address}\n".encode()
    for data in (drawing, playlist, f"<!DOCTYPE x SYSTEM '{address}'>".encode()):
        answer = rig.client.post("/v1/assets", files=[file("image", data)])
        assert answer.status_code in {415, 422}
    with pytest.raises(BlockingIOError):
        trap.accept()


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def test_nothing_that_could_fetch_is_imported_where_requests_are_served() -> None:
    paths = [path for part in ("gateway", "inference", "preprocess") for path in (ROOT / part).rglob("*.py")]
    users = {
        str(path.relative_to(ROOT))
        for path in paths
        for name in imported(path) - HARMLESS
        if name.partition(".")[0] in CLIENTS and not re.fullmatch(r"http\.(cookiejar|HTTPStatus)", name)
    }
    assert users - FETCHERS == set()
    assert len(paths) > 60
