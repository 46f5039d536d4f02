"""The gateway's own refusals at FASHN's two addresses: their words beside ours, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway import create_app, fashn
from gateway.keys import digest_of, new_secret
from gateway.problems import KINDS
from tests.gateway_client import assert_problem, client_of, settings_for
from tests.gateway_process import free_port
from tests.gateway_stub import Stub, running_stub

KEY = new_secret()
BEARER = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


def client(url: str, **settings: object) -> FlaskClient:
    return client_of(create_app(settings_for(url, **settings)))


def assert_refused(answer: TestResponse, slug: str, status: int, error: str) -> None:
    problem: dict[str, Any] = json.loads(answer.data)
    assert problem["type"] == f"urn:cabine:error:{slug}"
    assert (answer.status_code, problem["status"], problem["error"]) == (status, status, error)
    assert problem["message"] == problem["detail"]
    assert answer.content_type == "application/problem+json"
    assert answer.headers["X-Should-Retry"] == ("true" if KINDS[slug].retryable else "false")


def test_the_words_are_those_of_inference() -> None:
    from inference.fashn import errors

    assert set(KINDS) <= set(fashn.NAMES)
    assert {slug: errors.NAMES[slug].at_once for slug in fashn.NAMES} == dict(fashn.NAMES)
    statuses = {kind.status for kind in KINDS.values()}
    assert {ours: theirs for ours, theirs in errors.STATUSES.items() if ours in statuses} == fashn.STATUSES
    for path in ("/v1/run", "/v1/status/x", "/v1/status", "/v1/runs", "/v1/jobs/x", "/"):
        assert fashn.is_spoken_at(path) is errors.is_spoken_at(path)


@pytest.mark.parametrize("path", ["/v1/run", "/v1/status/x"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_without_a_key(stub: Stub, path: str, headers: dict[str, str]) -> None:
    guarded = client(stub.url, api_keys=f"shop:{digest_of(KEY)}")

    assert_refused(guarded.open(path, headers=headers), "unauthorized", 401, "UnauthorizedAccess")
    assert_problem(guarded.get("/v1/jobs/x", headers=headers), "unauthorized", 401)


def test_from_another_site(stub: Stub) -> None:
    answer = client(stub.url).post("/v1/run", headers={"Sec-Fetch-Site": "cross-site"})

    assert_refused(answer, "forbidden", 403, "UnauthorizedAccess")


def test_too_often(stub: Stub) -> None:
    limited = client(stub.url, api_keys=f"shop:{digest_of(KEY)}", rate_per_key="1/hour")
    limited.get("/v1/status/x", headers=BEARER)
    answer = limited.get("/v1/status/x", headers=BEARER)

    assert_refused(answer, "rate-limited", 429, "RateLimitExceeded")
    assert int(answer.headers["Retry-After"]) > 0


def test_inference_is_not_there() -> None:
    answer = client(f"http://127.0.0.1:{free_port()}").get("/v1/status/x")

    assert_refused(answer, "upstream-unavailable", 503, "InternalServerError")


def test_too_large(stub: Stub) -> None:
    answer = client(stub.url, max_request_mb=1).post("/v1/run", data=bytes(2**20 + 1))

    assert_refused(answer, "image-too-large", 400, "ImageLoadError")


def test_another_method(stub: Stub) -> None:
    assert_refused(client(stub.url).put("/v1/run"), "method-not-allowed", 405, "BadRequest")
