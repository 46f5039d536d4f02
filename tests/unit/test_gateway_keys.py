"""Keys: made, kept as digests, found in constant time, asked for where they are set."""

from __future__ import annotations

import hmac
import subprocess
import sys
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from pydantic import ValidationError

from gateway import create_app
from gateway.keys import KeyRing, digest_of, new_secret, parse
from tests.gateway_client import assert_problem, client_of, settings_for
from tests.gateway_stub import PNG, Stub, running_stub

KEY, OTHER = new_secret(), new_secret()
ENTRIES = f"shop:{digest_of(KEY)}, studio:{digest_of(OTHER)}"
API = [
    ("POST", "/compose"),
    ("POST", "/upload"),
    ("POST", "/v1/tryon"),
    ("GET", "/v1/engines"),
    ("GET", "/v1/jobs/x"),
    ("DELETE", "/v1/assets/x"),
    ("GET", "/metrics"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


@pytest.fixture
def stub(server: Stub) -> Stub:
    server.requests.clear()
    return server


@pytest.fixture
def client(stub: Stub) -> FlaskClient:
    return client_of(create_app(settings_for(stub.url, api_keys=ENTRIES)))


# --- at the door ---


@pytest.mark.parametrize(("method", "path"), API)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": KEY},
        {"Authorization": f"Bearer {digest_of(KEY)}"},
        {"X-API-Key": "shop"},
        {"X-API-Key": "\xff"},
        {"X-Cabine-Key": "shop"},
        {"Cookie": "cabine_session=eyJrZXkiOiJzaG9wIn0.aaaaaa.bbbb"},
    ],
    ids=lambda headers: ",".join(headers) or "nothing",
)
def test_nothing_without_a_key(
    client: FlaskClient, stub: Stub, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = client.open(path, method=method, headers=headers, data=b"x" if method == "POST" else None)
    assert_problem(answer, "unauthorized", 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert stub.requests == []


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": f"Bearer {KEY}"}, {"Authorization": f"bearer {KEY}"}, {"X-API-Key": KEY}],
    ids=["bearer", "lower case", "x-api-key"],
)
def test_a_key_opens_and_only_its_name_goes_on(
    client: FlaskClient, stub: Stub, headers: dict[str, str]
) -> None:
    answer = client.post("/compose", data=b"x", headers={**headers, "X-Cabine-Key": "admin"})
    assert answer.data == PNG
    (seen,) = stub.requests
    assert seen["headers"]["x-cabine-key"] == "shop"
    assert KEY not in str(seen)


def test_each_key_has_its_own_name(client: FlaskClient, stub: Stub) -> None:
    client.get("/v1/engines", headers={"X-API-Key": OTHER})
    assert stub.requests[0]["headers"]["x-cabine-key"] == "studio"


def test_a_wrong_key_is_not_saved_by_a_session(client: FlaskClient) -> None:
    client.post("/sign-in", data={"key": KEY})
    assert client.get("/v1/engines").status_code == 200
    assert_problem(client.get("/v1/engines", headers={"X-API-Key": "wrong"}), "unauthorized", 401)


def test_health_page_and_its_parts_need_none(client: FlaskClient) -> None:
    for path in ("/health/live", "/health/ready", "/health/startup", "/", "/static/css/base.css"):
        assert client.get(path).status_code == 200, path
    assert_problem(client.get("/nothing"), "not-found", 404)


def test_without_keys_all_is_open_and_no_name_goes_on(stub: Stub) -> None:
    client = client_of(create_app(settings_for(stub.url)))
    sent = {"X-Cabine-Key": "admin", "X-Cabine-Other": "1", "Authorization": "Bearer x", "X-API-Key": "y"}
    assert client.post("/compose", data=b"x", headers=sent).data == PNG
    seen = set(stub.requests[0]["headers"])
    assert not {name.lower() for name in sent} & seen


def test_two_keys_of_one_name_are_one_caller(stub: Stub) -> None:
    """So that a key can be replaced while programs still send the old one."""
    both = f"shop:{digest_of(KEY)},shop:{digest_of(OTHER)}"
    client = client_of(create_app(settings_for(stub.url, api_keys=both)))
    for key in (KEY, OTHER):
        assert client.get("/v1/engines", headers={"X-API-Key": key}).status_code == 200
        assert stub.requests[-1]["headers"]["x-cabine-key"] == "shop"


# --- making and keeping ---


def test_every_entry_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared, same = [], hmac.compare_digest

    def compare(a: str, b: str) -> bool:
        compared.append(a)
        return same(a, b)

    ring = KeyRing(parse(ENTRIES.split(", ")))
    monkeypatch.setattr("gateway.keys.hmac.compare_digest", compare)
    for secret in (KEY, OTHER, "neither"):
        ring.find(secret)
    assert compared == [digest_of(KEY), digest_of(OTHER)] * 3


@pytest.mark.parametrize(
    "entry",
    [
        KEY,
        f"shop:{KEY}",
        f"Shop:{digest_of(KEY)}",
        f"shop:{digest_of(KEY)[:-1]}",
        f":{digest_of(KEY)}",
        f"page:{digest_of(KEY)}",
        f"shop:{digest_of(KEY)},studio:{digest_of(KEY)}",
        f"shop\n:{digest_of(KEY)}",
    ],
)
def test_bad_entries_stop_the_start_and_are_not_repeated(entry: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings_for("http://127.0.0.1:1", api_keys=entry)
    assert KEY not in str(refused.value)
    assert "entry" in str(refused.value)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments], capture_output=True, text=True, check=False
    )


def test_the_command_makes_a_key_that_its_entry_accepts() -> None:
    said = run("keys", "new", "shop").stdout.split()
    entry = next(word for word in said if word.startswith("shop:"))
    secret = next(word for word in said if word.startswith("cabine_"))
    assert len(secret) > 40
    assert secret not in entry
    found = KeyRing(parse([entry])).find(secret)
    assert found is not None
    assert found.name == "shop"


def test_the_command_refuses_bad_names() -> None:
    refused = run("keys", "new", "My Shop")
    assert refused.returncode != 0
    assert refused.stdout == ""
    assert "a-z" in refused.stderr
