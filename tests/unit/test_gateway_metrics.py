"""The gateway's ``/metrics`` and health: who gets them, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from gateway import create_app
from gateway.keys import digest_of, new_secret
from tests.gateway_client import assert_problem, client_of, settings_for
from tests.gateway_process import free_port
from tests.gateway_stub import Stub, running_stub

KEY = new_secret()


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


@pytest.fixture
def client(stub: Stub) -> FlaskClient:
    return client_of(create_app(settings_for(stub.url)))


def text(client: FlaskClient) -> str:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    return answer.text


def test_requests_are_counted_by_rule(client: FlaskClient) -> None:
    client.post("/compose", data=b"x")
    client.post("/v1/problem", data=b"x")

    found = text(client)

    assert 'cabine_http_requests_total{method="POST",route="/compose",status="200"} 1.0' in found
    assert 'cabine_http_requests_total{method="POST",route="/v1/<path:rest>",status="422"} 1.0' in found
    assert 'cabine_http_request_seconds_count{method="POST",route="/compose"} 1.0' in found
    assert "cabine_http_in_flight 1.0" in found, "this very request"
    assert "cabine_upstream_seconds_count 2.0" in found
    assert re.search(r'cabine_build_info\{.*service="gateway".*\} 1\.0', found)
    assert re.search(r"process_resident_memory_bytes [1-9]", found)


def test_no_label_comes_from_a_caller(client: FlaskClient) -> None:
    client.get("/v1/assets/secret-id")
    client.get("/secret-page")
    client.get("/samples/person/secret.jpg")
    client.open("/v1/engines", method="SECRET")

    found = text(client)

    assert "secret" not in found.lower()
    assert 'route="unmatched",status="404"' in found
    assert 'method="other"' in found


def test_applications_count_apart(client: FlaskClient, stub: Stub) -> None:
    client.post("/compose", data=b"x")
    assert 'route="/compose"' not in text(client_of(create_app(settings_for(stub.url))))


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "::ffff:192.0.2.7", ""])
def test_without_keys_only_this_machine_gets_them(client: FlaskClient, address: str) -> None:
    answer = client.get("/metrics", environ_overrides={"REMOTE_ADDR": address})
    assert_problem(answer, "not-found", 404)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
def test_a_proxy_on_this_machine_is_not_this_machine(client: FlaskClient, header: str) -> None:
    assert_problem(client.get("/metrics", headers={header: "127.0.0.1"}), "not-found", 404)


def test_with_keys_every_scraper_shows_one(stub: Stub) -> None:
    client = client_of(create_app(settings_for(stub.url, api_keys=f"prometheus:{digest_of(KEY)}")))
    assert_problem(client.get("/metrics"), "unauthorized", 401)
    far = {"REMOTE_ADDR": "192.0.2.7"}
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"}, environ_overrides=far)
    assert answer.status_code == 200
    assert "prometheus" not in answer.text, "no names of keys"


def test_a_session_of_the_page_is_no_key(stub: Stub) -> None:
    keys = f"prometheus:{digest_of(KEY)}"
    client = client_of(create_app(settings_for(stub.url, api_keys=keys, page="open")))
    client.get("/")
    assert client.get("/v1/engines").status_code == 200, "the page works"
    assert_problem(client.get("/metrics"), "not-found", 404)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.5", "::1", "::ffff:127.0.0.1"])
def test_this_machine_by_any_of_its_addresses(client: FlaskClient, address: str) -> None:
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": address}).status_code == 200


def test_can_be_switched_off(stub: Stub) -> None:
    client = client_of(create_app(settings_for(stub.url, metrics=False)))
    assert_problem(client.get("/metrics"), "not-found", 404)


def test_startup_follows_inference(client: FlaskClient, stub: Stub) -> None:
    assert client.get("/health/startup").get_json() == {"status": "started"}
    assert stub.requests[-1]["target"] == "/health/startup"


def test_startup_says_why_not() -> None:
    client = client_of(create_app(settings_for(f"http://127.0.0.1:{free_port()}")))
    body = assert_problem(client.get("/health/startup"), "upstream-unavailable", 503)
    assert "cannot be reached" in str(body["detail"])
