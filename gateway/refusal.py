"""Refuse a request before its body is read, so that the client sees that and no reset connection."""

from __future__ import annotations

from functools import partial

from flask import Response, current_app, g, request

from gateway.config import Settings
from gateway.problems import ProblemError, problem
from gateway.upload_body import ChunkedUploadBody, Drain, SizedUploadBody, UploadBody


def upload() -> UploadBody | None:
    """The current request's body, still to be read; None without one."""
    settings: Settings = current_app.extensions["cabine.settings"]
    length, stream = request.content_length, request.environ["wsgi.input"]
    if length:
        length -= g.get("taken_bytes", 0)  # the token of a plain form
    if length:
        return SizedUploadBody(stream, length=length, most=settings.max_request_bytes)
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        return ChunkedUploadBody(stream, length=None, most=settings.max_request_bytes)
    return None


def drain_later(response: Response, body: UploadBody | None) -> Response:
    """Read what is left of ``body`` once the answer is out."""
    if body is not None and not body.complete:
        drain: Drain = current_app.extensions["cabine.drain"]
        response.call_on_close(partial(drain, request.environ, body))
    return response


def refuse(error: ProblemError) -> Response:
    """The answer to a request that stops before its body was looked at."""
    return drain_later(problem(error.slug, error.detail, error.headers), upload())
