"""Every error of the gateway as RFC 9457 ``application/problem+json``, without exception texts."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WsgiResponse

from gateway import fashn

PROBLEM_TYPE = "application/problem+json"

log = logging.getLogger("cabine.gateway")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One sort of error: its status, its title, and whether the same request may succeed later."""

    status: int
    title: str
    retryable: bool = False


KINDS: Mapping[str, Kind] = {
    "request-malformed": Kind(status=400, title="The request cannot be parsed"),
    "unauthorized": Kind(status=401, title="A key is needed"),
    "forbidden": Kind(status=403, title="This is not allowed"),
    "not-found": Kind(status=404, title="There is nothing here"),
    "method-not-allowed": Kind(status=405, title="This address takes another method"),
    "cancelled": Kind(status=409, title="The request was cancelled"),
    "image-too-large": Kind(status=413, title="The image is too large"),
    "busy": Kind(status=429, title="The service is busy", retryable=True),
    "rate-limited": Kind(status=429, title="Too many requests", retryable=True),
    "internal": Kind(status=500, title="Something went wrong on this side"),
    "upstream-bad": Kind(status=502, title="The inference service answered nonsense", retryable=True),
    "upstream-unavailable": Kind(status=503, title="The inference service cannot be reached", retryable=True),
    "not-ready": Kind(status=503, title="The service is starting", retryable=True),
    "deadline-exceeded": Kind(status=504, title="The request took too long", retryable=True),
    "upstream-timeout": Kind(
        status=504, title="The inference service did not answer in time", retryable=True
    ),
}
"""Errors the gateway itself gives: a part of the API's table, held equal to it by a test.

Those of inference pass through unchanged.
"""

RETRY_AFTER_S = {"busy": 2, "upstream-unavailable": 5, "not-ready": 5}
"""A try-on of the CPU engine takes seconds; a restarting service needs a few more."""

SLUG_OF_STATUS = {404: "not-found", 405: "method-not-allowed", 413: "image-too-large"}

DETAILS = {
    "not-found": "There is no such page; the API lies under /v1, /upload and /compose.",
    "method-not-allowed": "This address exists, but not for this method.",
    "image-too-large": "The request body is larger than this server accepts; send smaller photos.",
    "request-malformed": "The request could not be understood.",
    "internal": "The request id finds it in the log of the gateway.",
}
"""What is said about errors that the framework raises; its own texts are not passed on."""


class ProblemError(Exception):
    """Ends a request with one of :data:`KINDS`."""

    def __init__(self, slug: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.slug = slug
        self.detail = detail
        self.headers = headers or {}


def problem(slug: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer for one error, in the words of the address that was asked."""
    kind = KINDS[slug]
    body: dict[str, Any] = {
        "type": f"urn:cabine:error:{slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "retryable": kind.retryable,
        "field": None,
        "request_id": g.request_id,
    }
    more: dict[str, str] = {}
    if fashn.is_spoken_at(request.path):
        body = fashn.translated(slug, body)
        more = fashn.retry_header(body)
    response = Response(json.dumps(body), body["status"], headers=more, content_type=PROBLEM_TYPE)
    if slug in RETRY_AFTER_S:
        response.headers["Retry-After"] = str(RETRY_AFTER_S[slug])
    response.headers.update(headers or {})
    return response


def _of_problem(error: ProblemError) -> Response:
    return problem(error.slug, error.detail, error.headers)


def _of_http(error: HTTPException) -> WsgiResponse:
    status = error.code or 500
    original = error.get_response()
    if status < 400:
        return original
    slug = SLUG_OF_STATUS.get(status, "request-malformed" if status < 500 else "internal")
    response = problem(slug, DETAILS[slug])
    if "Allow" in original.headers:
        response.headers["Allow"] = original.headers["Allow"]
    return response


def _of_bug(error: Exception) -> Response:
    log.exception("request %s failed", g.request_id, exc_info=error)
    return problem("internal", DETAILS["internal"])


def init_app(app: Flask) -> None:
    app.register_error_handler(ProblemError, _of_problem)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _of_bug)
