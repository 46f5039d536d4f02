"""The page's form without scripts: with keys set it carries its token, and refusals are pages for people."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from gateway import create_app
from gateway.keys import digest_of, new_secret
from tests.gateway_client import assert_problem, client_of, settings_for
from tests.gateway_stub import PNG, Stub, running_stub

KEY = new_secret()
BROWSER = {"Accept": "text/html,application/xhtml+xml,image/png,*/*;q=0.8"}
EDGE = "----WebKitFormBoundaryAbc123"
FORM = f"multipart/form-data; boundary={EDGE}"


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


@pytest.fixture
def client(stub: Stub) -> FlaskClient:
    """Signed in."""
    settings = settings_for(stub.url, api_keys=f"shop:{digest_of(KEY)}")
    client = client_of(create_app(settings))
    client.post("/sign-in", data={"key": KEY})
    return client


def field(name: str, value: bytes, more: str = "") -> bytes:
    """As browsers write it."""
    head = f'--{EDGE}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + value + b"\r\n"


END = f"--{EDGE}--\r\n".encode()
PHOTO = field("person", bytes(range(256)) * 40, '; filename="a.jpg"\r\nContent-Type: image/jpeg')


def token_of(client: FlaskClient) -> bytes:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/").text)
    assert found
    return found[1].encode()


def test_the_token_lets_the_form_in_and_goes_no_further(client: FlaskClient, stub: Stub) -> None:
    answer = client.post(
        "/compose",
        data=field("csrf_token", token_of(client)) + PHOTO + END,
        content_type=FORM,
        headers=BROWSER,
    )
    assert answer.data == PNG
    seen = stub.requests[-1]
    assert (seen["length"], seen["sha256"]) == (len(PHOTO + END), hashlib.sha256(PHOTO + END).hexdigest())


@pytest.mark.parametrize("case", ["none", "made up", "after the photo", "endless", "cut short"])
def test_without_its_token_it_stays_outside(client: FlaskClient, stub: Stub, case: str) -> None:
    token = field("csrf_token", token_of(client))
    body = {
        "none": PHOTO + END,
        "made up": field("csrf_token", b"IjEi.aaa.bbb") + PHOTO + END,
        "after the photo": PHOTO + token + END,
        "endless": field("csrf_token", b"x" * 100_000) + END,
        "cut short": token[:40],
    }[case]
    before = len(stub.requests)
    answer = client.post("/compose", data=body, content_type=FORM)
    assert_problem(answer, "forbidden", 403)
    assert len(stub.requests) == before


def test_only_the_plain_form_may_show_its_token_so(client: FlaskClient) -> None:
    body = field("csrf_token", token_of(client)) + PHOTO + END
    assert_problem(client.post("/upload", data=body, content_type=FORM), "forbidden", 403)


def test_refusals_are_pages_for_browsers(client: FlaskClient) -> None:
    answer = client.post("/compose", data=PHOTO + END, content_type=FORM, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert "This page is too old. Load it again." in answer.text
    assert 'href="/"' in answer.text


@pytest.mark.parametrize(("seconds", "words"), [(0, "and keeps nothing"), (90, "within 90 seconds")])
def test_says_whether_photos_stay(stub: Stub, seconds: float, words: str) -> None:
    application = create_app(settings_for(stub.url, reuse_s=seconds))
    assert words in client_of(application).get("/").text


def test_signing_out(client: FlaskClient) -> None:
    token = token_of(client).decode()
    assert_problem(client.post("/sign-out", data={"csrf_token": "made up"}), "forbidden", 403)
    assert client.get("/v1/engines").status_code == 200

    answer = client.post("/sign-out", data={"csrf_token": token})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert_problem(client.get("/v1/engines"), "unauthorized", 401)
    assert 'name="key"' in client.get("/").text
