"""Limits of requests: by address without a key, by key with one; whom proxies are believed about; CORS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from pydantic import ValidationError

from gateway import create_app
from gateway.keys import digest_of, new_secret
from tests.gateway_client import assert_problem, client_of, settings_for
from tests.gateway_process import free_port
from tests.gateway_stub import Stub, running_stub

KEY, OTHER = new_secret(), new_secret()
KEYS = f"shop:{digest_of(KEY)},studio:{digest_of(OTHER)}"
SITE = "https://shop.example"


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


def client_with(stub: Stub, **changes: object) -> FlaskClient:
    return client_of(create_app(settings_for(stub.url, **changes)))


def ask(client: FlaskClient, address: str = "192.0.2.1", **headers: str) -> int:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    environ = {"REMOTE_ADDR": address}
    return client.get("/v1/engines", headers=sent, environ_overrides=environ).status_code


# --- limits ---


def test_an_address_has_a_limit_over_the_whole_api(stub: Stub) -> None:
    client = client_with(stub, rate_per_address="3/hour")
    client.get("/v1/engines")
    client.post("/upload", data=b"x")
    client.post("/compose", data=b"x")
    before = len(stub.requests)

    answer = client.post("/compose", data=b"x" * 100_000)

    assert_problem(answer, "rate-limited", 429)
    assert 0 < int(answer.headers["Retry-After"]) <= 3601  # rounded up, by the library too
    assert len(stub.requests) == before
    for path in ("/", "/static/css/base.css", "/health/live", "/health/ready"):
        assert client.get(path).status_code == 200, "what costs nothing is not counted"


def test_addresses_count_apart_and_ipv6_by_site(stub: Stub) -> None:
    client = client_with(stub, rate_per_address="1/hour")
    asked = ["192.0.2.1", "192.0.2.2", "192.0.2.1", "2001:db8:1:1::1", "2001:db8:1:1::2", "2001:db8:1:2::1"]
    assert [ask(client, address) for address in asked] == [200, 200, 429, 200, 429, 200]


def test_ipv4_callers_of_an_ipv6_socket_count_apart(stub: Stub) -> None:
    client = client_with(stub, rate_per_address="1/hour")
    asked = ["::ffff:192.0.2.1", "::ffff:192.0.2.2", "::ffff:192.0.2.1", "192.0.2.2"]
    assert [ask(client, address) for address in asked] == [200, 200, 429, 429]


def test_keys_count_apart_and_not_by_address(stub: Stub) -> None:
    client = client_with(stub, api_keys=KEYS, rate_per_address="1/hour", rate_per_key="2/hour")
    statuses = [ask(client, X_API_Key=key) for key in (KEY, KEY, KEY, OTHER)]
    assert statuses == [200, 200, 429, 200]
    assert ask(client, "192.0.2.9", X_API_Key=KEY) == 429, "wherever it is used"


def test_guessing_keys_is_limited(stub: Stub) -> None:
    client = client_with(stub, api_keys=KEYS, rate_per_address="2/hour")
    assert [ask(client, X_API_Key="guess") for _ in range(3)] == [401, 401, 429]
    assert ask(client, X_API_Key=KEY) == 200, "who has a key is not shut out"

    signing = client_with(stub, api_keys=KEYS, rate_per_address="2/hour")
    answers = [signing.post("/sign-in", data={"key": "guess"}).status_code for _ in range(3)]
    assert answers == [303, 303, 429]


def test_sessions_count_by_address_and_for_their_key(stub: Stub) -> None:
    client = client_with(stub, api_keys=KEYS, rate_per_key="3/hour")
    client.post("/sign-in", data={"key": KEY})
    assert [client.get("/v1/engines").status_code for _ in range(3)] == [200, 200, 200]
    assert ask(client_of(client.application), X_API_Key=KEY) == 429


def test_no_limit_where_none_is_set(stub: Stub) -> None:
    client = client_with(stub, rate_per_address="", rate_per_key="")
    assert {ask(client) for _ in range(20)} == {200}


def test_the_defaults_are_generous(stub: Stub) -> None:
    client = client_with(stub)
    assert {ask(client) for _ in range(100)} == {200}


def test_a_store_that_is_down_takes_nothing_down_and_limits_go_on(stub: Stub) -> None:
    pytest.importorskip("redis")
    down = f"redis://127.0.0.1:{free_port()}"
    client = client_with(stub, rate_storage=down, rate_per_address="2/hour")
    assert [ask(client) for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(
    ("name", "value"),
    [("rate_per_address", "often"), ("rate_per_key", "5/fortnight"), ("rate_storage", "file:///tmp/x")],
)
def test_bad_limits_stop_the_start(stub: Stub, name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        settings_for(stub.url, **{name: value})


def test_a_store_without_its_package_is_named_at_the_start(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.config.find_spec", lambda name: None)
    with pytest.raises(ValidationError, match="pip install redis"):
        settings_for(stub.url, rate_storage="redis://127.0.0.1:6379")


# --- proxies ---


def test_nobody_is_believed_about_addresses(stub: Stub) -> None:
    client = client_with(stub, rate_per_address="1/hour")
    statuses = [ask(client, X_Forwarded_For=f"198.51.100.{k}") for k in range(2)]
    assert statuses == [200, 429]


def test_as_many_proxies_are_believed_as_there_are(stub: Stub) -> None:
    client = client_with(stub, rate_per_address="1/hour", trusted_proxies=1)
    assert ask(client, X_Forwarded_For="198.51.100.1") == 200
    assert ask(client, X_Forwarded_For="198.51.100.2") == 200
    assert ask(client, X_Forwarded_For="203.0.113.5, 198.51.100.1") == 429, "what came before is made up"


def test_https_of_a_proxy_is_believed_only_where_one_is(stub: Stub) -> None:
    for hops, expected in ((0, False), (1, True)):
        client = client_with(stub, trusted_proxies=hops)
        answer = client.get("/", headers={"X-Forwarded-Proto": "https"})
        assert ("Strict-Transport-Security" in answer.headers) is expected


# --- other origins ---


def shared(headers: object) -> list[str]:
    return [name for name, _ in headers if name.startswith("Access-Control-")]  # type: ignore[attr-defined]


def test_other_origins_get_nothing_by_default(stub: Stub) -> None:
    client = client_with(stub)
    for method in ("GET", "POST", "OPTIONS"):
        answer = client.open("/v1/engines", method=method, headers={"Origin": SITE})
        assert shared(answer.headers) == []


@pytest.fixture
def open_client(stub: Stub) -> FlaskClient:
    return client_with(stub, cors_origins=f"{SITE}, http://localhost:3000", api_keys=KEYS)


def test_a_listed_origin_may_ask_first(open_client: FlaskClient, stub: Stub) -> None:
    before = len(stub.requests)
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = open_client.options("/v1/tryon", headers={"Origin": SITE, **wanted})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"].lower() == "authorization"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert len(stub.requests) == before


def test_a_listed_origin_may_read_answers_and_refusals(open_client: FlaskClient) -> None:
    sent = {"Origin": SITE, "Sec-Fetch-Site": "cross-site"}
    answer = open_client.post("/compose", data=b"x", headers={**sent, "X-API-Key": KEY})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, SITE)
    assert "X-Cabine-Seed" in answer.headers["Access-Control-Expose-Headers"]
    assert "Origin" in answer.headers["Vary"]
    refused = open_client.post("/compose", data=b"x", headers=sent)
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, SITE)


@pytest.mark.parametrize(
    "origin",
    [
        "https://elsewhere.example",
        "null",
        f"{SITE}.evil.example",
        "https://xshop.example",
        "http://shop.example",
    ],
)
def test_no_other_origin_may(open_client: FlaskClient, origin: str) -> None:
    wanted = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    assert shared(open_client.options("/v1/tryon", headers=wanted).headers) == []
    answer = open_client.get("/v1/engines", headers={"Origin": origin, "X-API-Key": KEY})
    assert shared(answer.headers) == []


def test_page_and_metrics_are_for_no_other_origin(open_client: FlaskClient) -> None:
    for path in ("/", "/metrics", "/health/ready", "/sign-in"):
        assert shared(open_client.get(path, headers={"Origin": SITE, "X-API-Key": KEY}).headers) == []


@pytest.mark.parametrize("origins", ["*", "shop.example", "https://*.example", f"{SITE}/", "null", ".*"])
def test_only_exact_origins_can_be_listed(stub: Stub, origins: str) -> None:
    with pytest.raises(ValidationError):
        settings_for(stub.url, cors_origins=origins)
