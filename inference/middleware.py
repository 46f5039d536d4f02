"""Around every request: an id, one log line, headers, and a problem document for what nobody expected."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.metrics import Metrics
from inference.problems import answer, problem_of

log = structlog.get_logger("cabine.http")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
"""What is accepted from outside as an id; anything else could forge log lines or headers."""

KEY_ID = re.compile(r"[a-z0-9_-]{1,32}")
"""What the gateway calls the caller's key."""

QUIET = frozenset({"/health/live", "/health/ready", "/health/startup", "/metrics"})
"""Asked every few seconds by whoever watches the service."""


class RequestContext:
    """ASGI middleware, outermost of ours: nothing that a request raises gets past it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _begin(scope)
        self._metrics.in_flight.inc()
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Cache-Control"] = "no-store"  # photos of people must not stay in any cache
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            log.error("request failed", exc_info=error)
            if status:
                raise
            await answer(problem_of(error), scope)(scope, receive, send_with_id)
        finally:
            self._metrics.in_flight.dec()
            self._finish(scope, status, time.perf_counter() - started)

    def _finish(self, scope: Scope, status: int, seconds: float) -> None:
        """The route's pattern, not the path: ids of assets are secrets of those who uploaded them."""
        method, path = scope["method"], getattr(scope.get("route"), "path", "unmatched")
        self._metrics.answered(method=method, route=path, status=status, seconds=seconds)
        if path not in QUIET:
            log.info("request", method=method, path=path, status=status, seconds=round(seconds, 3))


def owner_of(headers: Headers) -> str | None:
    """The caller's key by its name, as the gateway says it; None where the gateway asks for none."""
    key = headers.get("x-cabine-key", "")
    return key if KEY_ID.fullmatch(key) else None


def _begin(scope: Scope) -> str:
    """The request's id, in the scope and in every log line from here on."""
    headers = Headers(scope=scope)
    request_id = _request_id(headers)
    scope["request_id"] = request_id
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    key = owner_of(headers)
    if key is not None:
        structlog.contextvars.bind_contextvars(key=key)
    return request_id


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
