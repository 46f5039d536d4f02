"""What the gateway relays, against a stand-in for inference that also fails in every way."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway import create_app
from gateway.config import RESERVED_THREADS
from tests.gateway_client import assert_problem, client_of, settings_for
from tests.gateway_process import free_port
from tests.gateway_stub import PNG, Stub, running_stub

MB = 2**20


@pytest.fixture(scope="module")
def server() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


@pytest.fixture
def stub(server: Stub) -> Stub:
    server.requests.clear()
    server.connections.clear()
    server.ready, server.ready_delay_s = 200, 0.0
    return server


@pytest.fixture
def app(stub: Stub) -> Flask:
    return create_app(settings_for(stub.url, read_timeout_s=1.0, max_request_mb=1))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return client_of(app)


# --- relaying ---


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("/compose", "/v1/tryon"),
        ("/upload", "/v1/assets"),
        ("/v1/tryon", "/v1/tryon"),
        ("/v1/assets", "/v1/assets"),
    ],
)
def test_bodies_arrive_unchanged(client: FlaskClient, stub: Stub, address: str, target: str) -> None:
    body = bytes(range(256)) * 3000
    response = client.post(address, data=body, content_type="multipart/form-data; boundary=x")
    assert response.status_code in {200, 201}
    (seen,) = stub.requests
    assert (seen["method"], seen["target"]) == ("POST", target)
    assert seen["sha256"] == hashlib.sha256(body).hexdigest()
    assert seen["headers"]["content-length"] == str(len(body))
    assert seen["headers"]["content-type"] == "multipart/form-data; boundary=x"


@pytest.mark.parametrize("address", ["/compose", "/v1/tryon"])
def test_picture_and_headers_come_back(client: FlaskClient, address: str) -> None:
    response = client.post(address, data=b"x")
    assert response.data == PNG
    assert response.content_type == "image/png"
    assert response.headers["X-Cabine-Engine"] == "warp"
    assert response.headers["X-Cabine-Confidence"] == "0.8"
    assert response.headers["X-Cabine-Engine-Reason"] == "requested"
    assert response.headers["X-Cabine-License"] == "CC BY-NC-SA 4.0"
    assert response.headers["X-Cabine-Sampling"] == "20 steps, approximate"
    assert response.headers["Content-Length"] == str(len(PNG))


def test_headers_of_one_connection_stay_on_it(client: FlaskClient, stub: Stub) -> None:
    sent = {
        "Connection": "X-Mine, close",
        "X-Mine": "1",
        "TE": "trailers",
        "Cookie": "a=b",
        "Accept": "image/png",
        "Origin": "http://localhost",
        "Sec-Fetch-Site": "same-origin",
    }
    response = client.post("/v1/tryon", data=b"x", headers=sent)
    for name in ("Set-Cookie", "Access-Control-Allow-Origin", "X-Secret", "Server"):
        assert name not in response.headers
    seen = stub.requests[0]["headers"]
    assert not {"x-mine", "te", "cookie", "origin", "sec-fetch-site"} & set(seen)
    assert seen["accept"] == "image/png"
    assert seen["host"] in stub.url


def test_query_and_odd_paths_are_kept(client: FlaskClient, stub: Stub) -> None:
    client.get("/v1/a%20b/%C3%A9%3F?x=1&y=%2F&x=2")
    assert stub.requests[0]["target"] == "/v1/a%20b/%C3%A9%3F?x=1&y=%2F&x=2"


def test_double_slashes_are_no_redirect(client: FlaskClient, stub: Stub) -> None:
    assert_problem(client.post("/v1//tryon", data=b"x"), "not-found", 404)
    assert stub.requests == []


@pytest.mark.parametrize(
    "path", ["/v1/../docs", "/v1/%2e%2e/docs", "/v1/a/..", "/v1/./tryon", "/v1/..%2f..%2fdocs"]
)
def test_nothing_outside_v1_can_be_reached(client: FlaskClient, stub: Stub, path: str) -> None:
    assert_problem(client.get(path), "not-found", 404)
    assert stub.requests == []


def test_refusals_of_inference_pass_through(client: FlaskClient) -> None:
    response = client.post("/v1/problem", data=b"x")
    assert response.status_code == 422
    assert response.content_type == "application/problem+json"
    assert response.get_json(force=True)["type"] == "urn:cabine:error:no-person"


def test_redirects_do_not_show_the_address_of_inference(client: FlaskClient) -> None:
    assert client.get("/v1/moved").headers["Location"] == "/v1/engines"


def test_request_ids_go_through(client: FlaskClient, stub: Stub) -> None:
    response = client.post("/compose", data=b"x", headers={"X-Request-Id": "mine-0001"})
    assert response.headers["X-Request-Id"] == "mine-0001"
    assert stub.requests[0]["headers"]["x-request-id"] == "mine-0001"


@pytest.mark.parametrize("offered", ["", "a b", "x" * 65, "é", '"><script>'])
def test_bad_request_ids_are_replaced(client: FlaskClient, offered: str) -> None:
    response = client.get("/health/live", headers={"X-Request-Id": offered})
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-Id"])


def test_a_kept_connection_is_used_again(client: FlaskClient, stub: Stub) -> None:
    for _ in range(5):
        client.post("/compose", data=b"x")
    assert len(stub.connections) == 1


# --- failures of inference ---


@pytest.mark.parametrize("address", ["/compose", "/upload", "/v1/tryon"])
def test_unreachable_inference(address: str) -> None:
    client = client_of(create_app(settings_for(f"http://127.0.0.1:{free_port()}")))
    response = client.post(address, data=b"x")
    assert assert_problem(response, "upstream-unavailable", 503)["retryable"] is True
    assert int(response.headers["Retry-After"]) > 0
    assert_problem(client.get("/health/ready"), "upstream-unavailable", 503)
    assert client.get("/health/live").get_json() == {"status": "live"}


def test_unknown_host_of_inference() -> None:
    client = client_of(create_app(settings_for("http://inference.invalid:1")))
    assert_problem(client.post("/compose", data=b"x"), "upstream-unavailable", 503)


@pytest.mark.parametrize(
    ("path", "slug", "status"),
    [
        ("/v1/late", "upstream-timeout", 504),
        ("/v1/garbage", "upstream-bad", 502),
        ("/v1/silent", "upstream-bad", 502),
        ("/v1/plain-500", "upstream-bad", 502),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_failing_inference(client: FlaskClient, method: str, path: str, slug: str, status: int) -> None:
    response = client.open(path, method=method, data=b"x" if method == "POST" else None)
    assert_problem(response, slug, status)
    assert b"secret" not in response.data
    assert client.post("/compose", data=b"x").data == PNG, "the gateway goes on"


def test_an_answer_that_breaks_off_is_cut_not_completed(client: FlaskClient) -> None:
    with pytest.raises(ConnectionResetError):
        client.get("/v1/cut")


def test_reading_is_repeated_once_on_a_stale_connection(client: FlaskClient, stub: Stub) -> None:
    assert client.get("/v1/once").data == b"second"
    assert [request["target"] for request in stub.requests] == ["/v1/once", "/v1/once"]


def test_writing_is_never_repeated(client: FlaskClient, stub: Stub) -> None:
    assert_problem(client.post("/v1/silent", data=b"x"), "upstream-bad", 502)
    assert len(stub.requests) == 1


def test_places_are_bounded_and_given_back(stub: Stub) -> None:
    app = create_app(settings_for(stub.url, threads=RESERVED_THREADS + 1))
    client = client_of(app)
    held = app.extensions["cabine.inference"].send("GET", "/v1/drip", {}, None)
    refused = client.post("/compose", data=b"x")
    assert_problem(refused, "busy", 429)
    assert int(refused.headers["Retry-After"]) > 0
    assert client.get("/health/ready").status_code == 200
    held.close()
    for path in ("/v1/garbage", "/v1/plain-500", "/v1/problem", "/v1/tryon"):
        client.post(path, data=b"x")
    assert client.post("/compose", data=b"x").data == PNG


# --- uploads ---


def test_too_much_is_refused_before_it_is_read(client: FlaskClient, stub: Stub) -> None:
    body = assert_problem(client.post("/compose", data=b"x" * (MB + 1)), "image-too-large", 413)
    assert str(MB) in str(body["detail"])
    assert stub.requests == []


def test_an_upload_that_stops_early(client: FlaskClient, stub: Stub) -> None:
    response = client.post(
        "/compose",
        input_stream=io.BytesIO(b"x" * 100),
        environ_overrides={"CONTENT_LENGTH": "1000"},
    )
    assert_problem(response, "cancelled", 409)
    assert stub.requests == [], "inference must not take half a photo for a whole one"


def chunked(client: FlaskClient, size: int) -> TestResponse:
    return client.post(
        "/compose",
        input_stream=io.BytesIO(b"x" * size),
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )


def test_chunked_uploads(client: FlaskClient, stub: Stub) -> None:
    assert chunked(client, 300_000).status_code == 200
    assert stub.requests[0]["length"] == 300_000
    assert_problem(chunked(client, 1_200_000), "image-too-large", 413)


# --- health ---


def test_ready(client: FlaskClient, stub: Stub) -> None:
    assert client.get("/health/ready").get_json() == {"status": "ready"}
    stub.ready = 503
    assert_problem(client.get("/health/ready"), "not-ready", 503)
    stub.ready = 422
    assert client.get("/health/ready").get_json(force=True)["type"] == "urn:cabine:error:no-person"


def test_ready_answers_while_inference_hangs(
    client: FlaskClient, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.inference_client.READY_TIMEOUT_S", (0.3, 0.3))
    stub.ready_delay_s = 1.0
    assert_problem(client.get("/health/ready"), "upstream-timeout", 504)
    assert client.get("/health/live").status_code == 200
