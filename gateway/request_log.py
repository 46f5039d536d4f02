"""A request id for every request, and one JSON line in the log when its answer is complete."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid

from flask import Flask, Response, g, request

log = logging.getLogger("cabine.gateway.access")

ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
"""What a caller may choose as id: it goes into headers and logs and must not break out of either."""


def _begin() -> None:
    offered = request.headers.get("X-Request-Id", "")
    g.request_id = offered if ACCEPTED_ID.fullmatch(offered) else uuid.uuid4().hex
    g.started = time.monotonic()


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    # The rule, not the path: an asset's id opens a photo and must not end up in a log.
    line = {
        "request_id": g.request_id,
        "method": request.method,
        "route": request.url_rule.rule if request.url_rule else None,
        "status": response.status_code,
    }
    started: float = g.started

    def write() -> None:
        log.info(json.dumps({**line, "ms": round(1000 * (time.monotonic() - started))}))

    if response.direct_passthrough:
        write()  # a file: the server sends it by itself and never closes the response
    else:
        response.call_on_close(write)
    return response


def init_app(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_finish)
