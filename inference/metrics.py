"""What Prometheus reads at ``/metrics``: counts, durations and levels, in a registry for each application.

Labels have few values, all from the code: routes are patterns, never paths; no id, no name of a caller.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

import inference

REQUEST_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
"""Seconds: health checks take milliseconds, a diffusion engine minutes; a request ends at 300 s."""
STAGE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 150, 300)

Family = CounterMetricFamily | GaugeMetricFamily
Levels = Callable[[], Mapping[Any, int]]
"""Numbers by a name; `Any`, because keys of `Mapping` are invariant and those of jobs are literals."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Anybody can invent another one, and each would be a new series."""


@dataclass(frozen=True, kw_only=True)
class EngineMeter:
    """Told by the pipeline what a request does with one engine."""

    engine: str
    _stages: Histogram
    _steps: Counter

    def stage(self, name: str, seconds: float) -> None:
        self._stages.labels(stage=name, engine=self.engine).observe(seconds)

    def step(self) -> None:
        self._steps.labels(engine=self.engine).inc()


class Metrics:
    """Safe for several threads."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        Info("cabine_build", "What runs here.", registry=registry).info(
            {"version": inference.__version__, "service": "inference", "python": platform.python_version()}
        )
        self._requests = Counter(
            "cabine_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "cabine_http_request_seconds",
            "From the request's head to the end of its answer.",
            ["method", "route"],
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge("cabine_http_in_flight", "Requests not answered yet.", registry=registry)
        self._wait = Histogram(
            "cabine_queue_wait_seconds",
            "Waited for a turn, of those that got one.",
            ["lane"],
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self._stages = Histogram(
            "cabine_stage_seconds",
            "Stages of the pipeline.",
            ["stage", "engine"],
            buckets=STAGE_BUCKETS,
            registry=registry,
        )
        self._steps = Counter(
            "cabine_engine_steps", "Steps that engines have done.", ["engine"], registry=registry
        )

    def answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """``route`` is a pattern such as ``/v1/assets/{asset_id}``; ``status`` 0: the client got none."""
        method = method if method in METHODS else "other"
        self._requests.labels(method=method, route=route, status=str(status)).inc()
        self._seconds.labels(method=method, route=route).observe(seconds)

    def waited(self, lane: str, seconds: float) -> None:
        """A request or a job got its turn after ``seconds``."""
        self._wait.labels(lane=lane).observe(seconds)

    def meter(self, engine: str) -> EngineMeter:
        return EngineMeter(engine=engine, _stages=self._stages, _steps=self._steps)

    def watch(self, name: str, words: str, level: Callable[[], float]) -> None:
        """A gauge whose value is asked for when somebody looks."""
        Gauge(name, words, registry=self.registry).set_function(level)

    def watch_queue(self, waiting: Levels) -> None:
        """Requests that wait, by the lane in which they do."""
        words = "Requests that wait for a turn."
        self.registry.register(_Labelled(GaugeMetricFamily, "cabine_queue_waiting", words, "lane", waiting))

    def watch_jobs(self, states: Levels) -> None:
        """Jobs in the store by state."""
        self.registry.register(
            _Labelled(GaugeMetricFamily, "cabine_jobs", "Jobs in the store.", "state", states)
        )

    def watch_lookups(self, lookups: Levels) -> None:
        """Uploaded pictures asked for, by what was found; ``prepared`` is a hit of the cache."""
        words = "Uploaded pictures asked for."
        self.registry.register(
            _Labelled(CounterMetricFamily, "cabine_asset_lookups", words, "found", lookups)
        )

    def watch_reuse(self, lookups: Levels) -> None:
        """Files sent with requests, by whether the same file was there already; ``shared`` is a hit."""
        words = "Files sent with requests."
        self.registry.register(
            _Labelled(CounterMetricFamily, "cabine_reuse_lookups", words, "found", lookups)
        )

    def text(self) -> bytes:
        """The exposition format, for content type ``text/plain; version=1.0.0``."""
        return generate_latest(self.registry)


class _Labelled(Collector):
    """Numbers with one label, asked for when somebody looks."""

    def __init__(
        self,
        family: type[Family],
        name: str,
        words: str,
        label: str,
        levels: Levels,
    ) -> None:
        self._empty: Callable[[], Family] = lambda: family(name, words, labels=[label])
        self._levels = levels

    def describe(self) -> Iterator[Family]:
        yield self._empty()

    def collect(self) -> Iterator[Family]:
        family = self._empty()
        for value, level in self._levels().items():
            family.add_metric([value], level)
        yield family
