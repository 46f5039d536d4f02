"""With keys set, the page works by a session of its own; no other site can use it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from pydantic import ValidationError
from werkzeug.test import TestResponse

from gateway import create_app
from gateway.keys import digest_of, new_secret
from tests.gateway_client import assert_problem, client_of, settings_for
from tests.gateway_stub import PNG, Stub, running_stub

KEY = new_secret()
ENTRY = f"shop:{digest_of(KEY)}"
SECRET = "of these tests only"


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


def client_with(stub: Stub, **changes: object) -> FlaskClient:
    settings = settings_for(stub.url, **{"api_keys": ENTRY, "session_secret": SECRET, **changes})
    return client_of(create_app(settings))


@pytest.fixture
def client(stub: Stub) -> FlaskClient:
    return client_with(stub)


def sign_in(client: FlaskClient, key: str = KEY, **options: object) -> TestResponse:
    return client.post("/sign-in", data={"key": key}, **options)  # type: ignore[arg-type]


def token_of(client: FlaskClient, **options: object) -> str:
    found = re.search(r'"csrfToken": "([^"]+)"', client.get("/", **options).text)  # type: ignore[arg-type]
    assert found
    return found[1]


def test_who_signs_in_gets_nothing_of_the_visitor_before(client: FlaskClient) -> None:
    """A token that was read from the page before is not that of the new session."""
    sign_in(client)
    before = {"X-CSRF-Token": token_of(client)}
    assert client.post("/compose", data=b"x", headers=before).status_code == 200
    sign_in(client)

    assert_problem(client.post("/compose", data=b"x", headers=before), "forbidden", 403)
    assert client.post("/compose", data=b"x", headers={"X-CSRF-Token": token_of(client)}).status_code == 200


def test_the_page_asks_for_a_key_and_then_works(client: FlaskClient, stub: Stub) -> None:
    assert 'name="key"' in client.get("/").text
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    signed = {"X-CSRF-Token": token_of(client)}

    assert client.get("/v1/engines").status_code == 200
    assert client.post("/upload", data=b"x", headers=signed).status_code == 201
    assert client.post("/compose", data=b"x", headers=signed).data == PNG
    client.delete("/v1/assets/abc", headers=signed)
    assert [seen["headers"]["x-cabine-key"] for seen in stub.requests[-4:]] == ["shop"] * 4
    assert "x-csrf-token" not in stub.requests[-1]["headers"]
    assert "cookie" not in stub.requests[-1]["headers"]


def test_a_wrong_key_begins_nothing(client: FlaskClient) -> None:
    answer = sign_in(client, "wrong")
    assert "Set-Cookie" not in answer.headers
    assert "not accepted" in client.get(answer.headers["Location"]).text
    assert_problem(client.get("/v1/engines"), "unauthorized", 401)


def test_the_cookie_is_for_this_site_and_not_for_scripts(client: FlaskClient) -> None:
    cookie = sign_in(client).headers["Set-Cookie"]
    assert cookie.startswith("cabine_session=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert "Max-Age" not in cookie, "the browser forgets it when it is closed"
    assert KEY not in cookie


def test_over_https_the_cookie_is_secure(client: FlaskClient) -> None:
    answer = sign_in(client, base_url="https://fitting.example")
    cookie = answer.headers["Set-Cookie"]
    assert "Secure" in cookie.split("; ")
    assert cookie.startswith("__Host-cabine_session="), "no other host can set it"
    assert "Domain" not in cookie
    assert client.get("/v1/engines", base_url="https://fitting.example").status_code == 200
    assert answer.headers["Strict-Transport-Security"]


def test_a_secret_is_long(stub: Stub) -> None:
    with pytest.raises(ValidationError, match="16 characters"):
        settings_for(stub.url, session_secret="guess me")


@pytest.mark.parametrize(("method", "path"), [("POST", "/compose"), ("POST", "/upload"), ("DELETE", "/v1/x")])
@pytest.mark.parametrize("token", ["none", "empty", "made up", "of another session", "of another server"])
def test_sessions_write_only_with_their_token(
    client: FlaskClient, stub: Stub, method: str, path: str, token: str
) -> None:
    sign_in(client)
    other = (
        client_with(stub, session_secret="another of these tests") if "server" in token else client_with(stub)
    )
    sign_in(other)
    tokens = {"empty": "", "made up": "IjEi.aaa.bbb"}
    offered = tokens.get(token) if token in tokens else token_of(other)
    headers = {} if token == "none" else {"X-CSRF-Token": str(offered)}
    before = len(stub.requests)

    answer = client.open(path, method=method, headers=headers, data=b"x")

    assert_problem(answer, "forbidden", 403)
    assert len(stub.requests) == before


def test_programs_with_a_key_need_no_token(client: FlaskClient) -> None:
    assert client.post("/compose", data=b"x", headers={"X-API-Key": KEY}).data == PNG


def test_a_session_ends_with_its_key(client: FlaskClient, stub: Stub) -> None:
    sign_in(client)
    cookie = client.get_cookie("cabine_session")
    assert cookie
    replaced = client_with(stub, api_keys=f"shop:{digest_of(new_secret())}")
    removed = client_with(stub, api_keys=f"other:{digest_of(new_secret())}")
    same = client_with(stub)
    beside = client_with(stub, api_keys=f"shop:{digest_of(new_secret())},shop:{digest_of(KEY)}")
    for other, status in ((same, 200), (beside, 200), (replaced, 401), (removed, 401)):
        other.set_cookie("cabine_session", cookie.value)
        assert other.get("/v1/engines").status_code == status


def test_a_page_open_to_all_begins_sessions_by_itself(stub: Stub) -> None:
    client = client_with(stub, page="open")
    assert_problem(client.post("/compose", data=b"x"), "unauthorized", 401)
    signed = {"X-CSRF-Token": token_of(client)}
    assert client.post("/compose", data=b"x", headers=signed).data == PNG
    assert stub.requests[-1]["headers"]["x-cabine-key"] == "page"
    assert_problem(client.post("/compose", data=b"x"), "forbidden", 403)

    closed = client_with(stub)
    cookie = client.get_cookie("cabine_session")
    assert cookie
    closed.set_cookie("cabine_session", cookie.value)
    assert_problem(closed.get("/v1/engines"), "unauthorized", 401)


def test_without_keys_there_is_no_session(stub: Stub) -> None:
    client = client_with(stub, api_keys="")
    answer = client.get("/")
    assert "Set-Cookie" not in answer.headers
    assert '"csrfToken": ""' in answer.text
    assert sign_in(client).headers["Location"] == "/?key=wrong"


@pytest.mark.parametrize("body", ["multipart", "long"])
def test_signing_in_takes_only_its_small_form(client: FlaskClient, body: str) -> None:
    data = {"key": KEY} if body == "multipart" else {"key": "x" * 5000}
    kind = "multipart/form-data" if body == "multipart" else "application/x-www-form-urlencoded"
    answer = client.post("/sign-in", data=data, content_type=kind)
    assert_problem(answer, "request-malformed", 400)


def test_bodies_are_never_parsed_for_a_token(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parser would spool photos to the disk."""

    def parse(*_: object) -> None:
        raise AssertionError("the form was parsed")

    sign_in(client)
    monkeypatch.setattr("werkzeug.formparser.FormDataParser.parse", parse)
    form = {"csrf_token": "x", "person": (io.BytesIO(b"x"), "photo.jpg")}
    assert_problem(client.post("/compose", data=form), "forbidden", 403)


# --- other sites ---


CROSS = {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}


@pytest.mark.parametrize(
    "marks",
    [
        CROSS,
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:9000"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "http://localhost:9000"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
    ids=["cross-site", "other port", "plain http", "plain http, other port", "plain http, hidden", "no URL"],
)
def test_other_sites_cannot_send_even_where_no_keys_are_set(stub: Stub, marks: dict[str, str]) -> None:
    client = client_with(stub, api_keys="")
    before = len(stub.requests)
    for path in ("/compose", "/upload", "/v1/tryon", "/sign-in"):
        assert_problem(client.post(path, data=b"x", headers=marks), "forbidden", 403)
    assert len(stub.requests) == before
    assert client.get("/", headers=marks).status_code == 200, "links lead here"


@pytest.mark.parametrize(
    "marks",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.a.proxy.example"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
        {"Origin": "https://LOCALHOST"},
        {},
    ],
    ids=["page", "typed", "page over plain http", "page behind https", "program"],
)
def test_our_page_and_programs_can(stub: Stub, marks: dict[str, str]) -> None:
    assert client_with(stub, api_keys="").post("/compose", data=b"x", headers=marks).data == PNG


def test_a_key_is_never_forged(client: FlaskClient) -> None:
    assert client.post("/compose", data=b"x", headers={**CROSS, "X-API-Key": KEY}).data == PNG
