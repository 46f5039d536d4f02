"""How soon those who follow a job hear of it, directly and through the gateway; loopback only.

    python -m bench.jobs [--seconds 20] [--json bench/results/jobs.json]

- ``first``: from the 202 to the first event, on a connection that is opened for it, as a browser does;
- ``seen``: from what the store writes down (SQLite on the disk, its own clock) to the event at the client.

``idle``: one job at a time on a fake engine of ten steps. ``busy``: four jobs are always there for the real
engine ``warp``, which keeps all cores at work, while others are accepted, heard of and cancelled. The goal is
250 ms for ``first``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.load.client import BrokenExchangeError, Connection, form, photos
from bench.load.processes import gateway, inference
from bench.load.throughput import percentile_ms
from bench.table import Table, show

PERSON, GARMENT = Path("samples/people/p1_man__base.jpg"), Path("samples/garments/tshirt_print.jpg")
STEPS, STEP_S = 10, 0.02
"""Of the fake engine."""
ALWAYS = 4
"""Jobs at work or waiting where the engine is busy."""
COLUMNS = {
    "engine": "engine",
    "way": "way",
    "jobs": "jobs",
    "first_p50_ms": "first p50 ms",
    "first_p99_ms": "p99",
    "events": "events",
    "seen_p50_ms": "seen p50 ms",
    "seen_p99_ms": "p99",
}


@dataclass(kw_only=True)
class Heard:
    """What a client heard; times by :func:`time.perf_counter`."""

    first: list[float] = field(default_factory=list)
    """Seconds from the 202 to the first event."""
    events: dict[tuple[str, int], float] = field(default_factory=dict)
    """Job and number of each later event -> when it came."""


async def follow_jobs(url: str, until: float, heard: Heard, *, cancel: bool) -> None:
    """Jobs one after another, each to its end; or cancelled as soon as its first event is there."""
    headers, body = form(photos(PERSON, GARMENT), Prefer="respond-async")
    while time.perf_counter() < until:
        asking = Connection(url)
        answer = await asking.ask("POST", "/v1/tryon", headers, body)
        accepted = time.perf_counter()
        if answer.status != 202:
            raise BrokenExchangeError(f"no job: {answer.status} {answer.body.decode(errors='replace')}")
        path = answer.headers["location"]
        events = Connection(url).follow(f"{path}/events")
        heard.first.append((await anext(events)).at - accepted)
        if cancel:
            await asking.ask("DELETE", path)
        asking.close()  # servers close what is idle while the job is followed
        async for event in events:
            if event.number is not None:
                heard.events[path.rpartition("/")[2], event.number] = event.at


async def idle(url: str, seconds: float) -> Heard:
    heard = Heard()
    await follow_jobs(url, time.perf_counter() + seconds, heard, cancel=False)
    return heard


async def busy(url: str, seconds: float) -> Heard:
    """``first`` of those that come while others are at work, events of all."""
    heard, others = Heard(), Heard()
    until = time.perf_counter() + seconds
    async with asyncio.TaskGroup() as group:
        for _ in range(ALWAYS):
            group.create_task(follow_jobs(url, until, others, cancel=False))
        group.create_task(follow_jobs(url, until, heard, cancel=True))
    return Heard(first=heard.first, events=heard.events | others.events)


def measured(heard: Heard, database: Path) -> dict[str, Any]:
    """``database`` says when each event was written down."""
    offset = time.time() - time.perf_counter()
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        written = {
            (job, seq): at for job, seq, at in connection.execute("SELECT job_id, seq, at FROM events")
        }
    connection.close()
    late = [came + offset - written[name] for name, came in heard.events.items()]
    return {
        "jobs": len(heard.first),
        "first_p50_ms": percentile_ms(heard.first, 0.5),
        "first_p99_ms": percentile_ms(heard.first, 0.99),
        "events": len(late),
        "seen_p50_ms": percentile_ms(late, 0.5),
        "seen_p99_ms": percentile_ms(late, 0.99),
    }


def both_ways(
    engine: str,
    module: str,
    watch: Callable[[str, float], Coroutine[None, None, Heard]],
    seconds: float,
) -> Iterator[dict[str, Any]]:
    with TemporaryDirectory() as folder:
        variables = {
            "CABINE_JOBS_STORE": "sqlite",
            "CABINE_JOBS_DIR": folder,
            "LOAD_STEPS": STEPS,
            "LOAD_STEP_S": STEP_S,
        }
        with inference(module, variables) as direct, gateway(direct.url) as ours:
            for way, service in (("direct", direct), ("gateway", ours)):
                heard = asyncio.run(watch(service.url, seconds))
                yield {"engine": engine, "way": way, **measured(heard, Path(folder) / "jobs.sqlite3")}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.jobs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement (default: 20)")
    parser.add_argument("--json", type=Path, default=Path("bench/results/jobs.json"))
    options = parser.parse_args()
    load = os.getloadavg()[0]
    rows = [
        *both_ways("idle", "bench.load.fake_engine", idle, options.seconds),
        *both_ways("busy", "inference", busy, options.seconds),
    ]
    show([Table(columns=list(COLUMNS.values()), rows=[[row[name] for name in COLUMNS] for row in rows])])
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"rows": rows, "cores": os.cpu_count(), "load": load}, indent=1))


if __name__ == "__main__":
    main()
