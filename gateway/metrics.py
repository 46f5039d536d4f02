"""``/metrics`` for Prometheus: counts and durations, in a registry of its own for each application.

gunicorn runs one worker with threads here, so one registry sees every request; prometheus_client's mode for
several processes, which keeps its numbers in files, is not needed. Labels come from the code alone: rules,
not paths; no ids, no keys.
"""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import cast

from flask import Blueprint, Flask, Response, current_app, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from gateway.addresses import caller_address
from gateway.config import Settings
from gateway.problems import DETAILS, ProblemError

blueprint = Blueprint("metrics", __name__)

BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
"""Seconds: the page takes milliseconds, a diffusion engine minutes."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Anybody can invent another one, and each would be a new series."""

RELAYED = ("X-Forwarded-For", "Forwarded", "Via", "X-Real-Ip")
"""A request with one of these came through a proxy: its nearest address is not the caller's."""


class Metrics:
    """Safe for several threads."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        Info("cabine_build", "What runs here.", registry=registry).info(
            {"version": version("cabine"), "service": "gateway", "python": platform.python_version()}
        )
        self._requests = Counter(
            "cabine_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "cabine_http_request_seconds",
            "From the request's head to the end of its answer.",
            ["method", "route"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge("cabine_http_in_flight", "Requests not answered yet.", registry=registry)
        self._upstream = Histogram(
            "cabine_upstream_seconds",
            "Until inference began to answer, its reading of the upload included.",
            buckets=BUCKETS,
            registry=registry,
        )

    def answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """``route`` is a rule such as ``/v1/<path:rest>``."""
        method = method if method in METHODS else "other"
        self._requests.labels(method=method, route=route, status=str(status)).inc()
        self._seconds.labels(method=method, route=route).observe(seconds)

    def upstream(self, seconds: float) -> None:
        self._upstream.observe(seconds)


def metrics_of(app: Flask) -> Metrics:
    return cast(Metrics, app.extensions["cabine.metrics"])


def init_app(app: Flask) -> None:
    app.extensions["cabine.metrics"] = Metrics()
    app.register_blueprint(blueprint)


@blueprint.get("/metrics")
def metrics() -> Response:
    """To whoever sends a key; where none are set, only to this machine: nothing is public by default."""
    settings: Settings = current_app.extensions["cabine.settings"]
    allowed = g.caller.kind == "key" if settings.api_keys else _from_here()
    if not (settings.metrics and allowed):
        raise ProblemError("not-found", DETAILS["not-found"])
    return Response(generate_latest(metrics_of(current_app).registry), content_type=CONTENT_TYPE_LATEST)


def _from_here() -> bool:
    address = caller_address()
    here = address is not None and address.is_loopback
    return here and not any(name in request.headers for name in RELAYED)
