"""The measurements: each starts the processes it needs; plain data for :mod:`bench.load.report`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.load import servers
from bench.load.client import form
from bench.load.overload import overload
from bench.load.processes import Running, gateway, inference
from bench.load.throughput import Load, side_by_side
from bench.load.watchers import watch
from inference.config import Settings

PERSON, GARMENT = Path("samples/people/p1_man__base.jpg"), Path("samples/garments/tshirt_print.jpg")
UPLOAD_BYTES = 300_000
ROUNDS = 4
"""Turns of direct and through the gateway in one measurement."""
MODULES = {"warp": "inference", "fake": "bench.load.fake_engine", "bare": "bench.load.standin"}
"""What stands behind the gateway: the real engine, a fake one in the real service, or next to nothing."""
JOB_STEPS, JOB_STEP_S = 1000, 0.5
"""Of a followed job: two events a second, longer than anybody measures."""
OVERLOAD_STEP_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Plan:
    seconds: float
    """Of each measurement."""
    clients: Sequence[int]
    delay_s: float
    """What the fake engine takes for a picture."""
    slow_s: float
    """What the upstream takes where only the gateway's own delay counts."""
    watchers: int
    queue: int
    """Places to wait in, where there is asked for ten times as many."""


Rows = list[dict[str, Any]]


def throughput(plan: Plan, engines: Sequence[str]) -> Rows:
    """A closed loop at each number of clients, directly and through the gateway, one after the other."""
    rows: Rows = []
    for engine in engines:
        with inference(MODULES[engine], {"LOAD_STEP_S": plan.delay_s}) as direct, gateway(direct.url) as ours:
            rounds = 1 if engine == "warp" else ROUNDS  # after each, its whole queue is waited for
            for clients in plan.clients:
                pair = _pair(
                    direct, ours, _load(engine), clients=clients, seconds=plan.seconds, rounds=rounds
                )
                rows += [{"engine": engine, **row} for row in pair]
    return rows


def late(plan: Plan) -> Rows:
    """Eight clients and an upstream that takes its time: what is above it is the gateway's.

    They do not march in step, as they would for ever after beginning together.
    """
    load = _load("bare", query=f"?delay={plan.slow_s}")
    seconds = max(plan.seconds, 4 * plan.slow_s)
    with inference(MODULES["bare"]) as direct, gateway(direct.url) as ours:
        return _pair(direct, ours, load, clients=8, seconds=seconds, rounds=ROUNDS, apart_s=plan.slow_s / 8)


def watchers(plan: Plan) -> Rows:
    """All at one job, then spread over as many as the service holds."""
    settings = Settings()
    return [_watchers(plan, jobs=jobs) for jobs in (1, settings.concurrency + settings.max_queue // 2)]


def overloaded(plan: Plan) -> Rows:
    """Ten times as many as have a place: requests, then jobs."""
    places = Settings().concurrency + plan.queue
    with _fake(1, OVERLOAD_STEP_S, plan.queue) as direct, gateway(direct.url) as ours:
        return [
            asyncio.run(overload(ours, _load("fake"), places=places, as_jobs=as_jobs))
            for as_jobs in (False, True)
        ]


def compared(plan: Plan) -> Rows:
    """The servers that could carry the gateway, as far as they are installed here."""
    rows: Rows = []
    with inference(MODULES["bare"]) as direct:
        for name in servers.here():
            variables = {"LOAD_SERVER": name}
            with gateway(direct.url, module="bench.load.servers", variables=variables) as ours:
                first, eight = _pair(
                    direct, ours, _load("bare"), clients=8, seconds=plan.seconds, rounds=ROUNDS
                )
                _, many = _pair(direct, ours, _load("bare"), clients=64, seconds=plan.seconds, rounds=ROUNDS)
            rows.append(
                {
                    "server": name,
                    "share": eight["per_second"] / first["per_second"],
                    "at_8": eight,
                    "at_64": many,
                    "watchers": _watchers(plan, jobs=1, server=name),
                }
            )
    return rows


def _watchers(plan: Plan, *, jobs: int, server: str | None = None) -> dict[str, Any]:
    module, variables = ("gateway", {}) if server is None else ("bench.load.servers", {"LOAD_SERVER": server})
    with (
        _fake(JOB_STEPS, JOB_STEP_S) as direct,
        gateway(direct.url, module=module, variables=variables) as ours,
    ):
        row = asyncio.run(
            watch(ours, direct, _load("fake"), watchers=plan.watchers, jobs=jobs, seconds=plan.seconds)
        )
        return {**row, "gateway_mb": ours.peak_mb(), "inference_mb": direct.peak_mb()}


@contextmanager
def _fake(steps: int, step_s: float, queue: int | None = None) -> Iterator[Running]:
    """The service with its usual store of jobs, and its usual queue unless another one is said."""
    with TemporaryDirectory() as folder:
        settings: Mapping[str, object] = {
            "LOAD_STEPS": steps,
            "LOAD_STEP_S": step_s,
            "CABINE_JOBS_STORE": "sqlite",
            "CABINE_JOBS_DIR": folder,
            "CABINE_MAX_QUEUE": "" if queue is None else queue,
        }
        with inference(MODULES["fake"], settings) as service:
            yield service


def _pair(
    direct: Running,
    ours: Running,
    load: Load,
    *,
    clients: int,
    seconds: float,
    rounds: int,
    apart_s: float = 0.0,
) -> Rows:
    """Directly, and through the gateway."""
    urls = (direct.url, ours.url)
    rows = side_by_side(urls, load, clients=clients, seconds=seconds, rounds=rounds, apart_s=apart_s)
    return [
        {"path": path, **row, "peak_mb": service.peak_mb()}
        for path, service, row in zip(("direct", "gateway"), (direct, ours), rows, strict=True)
    ]


def _load(engine: str, query: str = "") -> Load:
    files = {"person": PERSON.read_bytes(), "garment": GARMENT.read_bytes()}
    if engine == "bare":
        files = {"person": os.urandom(UPLOAD_BYTES)}
    headers, body = form(files)
    return Load(path=f"/v1/tryon{query}", headers=headers, body=body)
