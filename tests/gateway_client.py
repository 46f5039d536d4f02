"""A client of the gateway's application inside the test process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway import Settings

SAMPLES = Path(__file__).parents[1] / "samples"


def settings_for(url: str, **changes: object) -> Settings:
    return Settings.model_validate({"inference_url": url, "samples": SAMPLES, **changes})


class Client(FlaskClient):
    """Reads every answer to its end and closes it, as a server does."""

    def open(self, *args: Any, **options: Any) -> TestResponse:
        return super().open(*args, buffered=True, **options)


def client_of(app: Flask) -> FlaskClient:
    app.test_client_class = Client
    return app.test_client()


def assert_problem(response: TestResponse, slug: str, status: int) -> dict[str, object]:
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    body: dict[str, object] = json.loads(response.data)
    assert body["type"] == f"urn:cabine:error:{slug}"
    assert body["status"] == status
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert set(body) == {"type", "title", "status", "detail", "retryable", "field", "request_id"}
    return body
