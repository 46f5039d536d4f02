"""A request id for every request; when its answer is complete, one line in the log and one count."""

from __future__ import annotations

import logging
import re
import time
import uuid

import structlog
from flask import Flask, Response, current_app, g, request

from gateway.metrics import metrics_of

log = logging.getLogger("cabine.gateway.access")

ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
"""What a caller may choose as id: it goes into headers and logs and must not break out of either."""

QUIET = frozenset({"health.live", "health.ready", "health.startup", "metrics.metrics", "static"})
"""Asked every few seconds by whoever watches, or many at once by the page."""


def _begin() -> None:
    offered = request.headers.get("X-Request-Id", "")
    g.request_id = offered if ACCEPTED_ID.fullmatch(offered) else uuid.uuid4().hex
    g.started = time.monotonic()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    metrics_of(current_app).in_flight.inc()


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    # The rule, not the path: an asset's id opens a photo and must not end up in a log.
    route = request.url_rule.rule if request.url_rule else None
    line = {
        "request_id": g.request_id,
        "method": request.method,
        "route": route,
        "status": response.status_code,
    }
    if g.caller.key is not None:
        line["key"] = g.caller.key
    started: float = g.started
    metrics, quiet = metrics_of(current_app), request.endpoint in QUIET

    def write() -> None:
        seconds = time.monotonic() - started
        metrics.in_flight.dec()
        metrics.answered(
            method=line["method"], route=route or "unmatched", status=line["status"], seconds=seconds
        )
        if not quiet:
            log.info("request", extra={**line, "seconds": round(seconds, 3)})

    if response.direct_passthrough:
        write()  # a file: the server sends it by itself and never closes the response
    else:
        response.call_on_close(write)
    return response


def init_app(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_finish)
