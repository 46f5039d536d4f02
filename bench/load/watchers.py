"""Many clients follow jobs through the gateway, while somebody asks for its health."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.load.client import BrokenExchangeError, Connection
from bench.load.processes import Running
from bench.load.throughput import Load, percentile_ms

HEALTH_EVERY_S = 0.05
JOIN_AT_ONCE = 32
"""Clients that connect at the same time; the next comes when one of them has its first event."""


@dataclass(kw_only=True)
class Seen:
    """What all watchers together saw."""

    joined: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    """States that `done` told."""
    faults: list[str] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    """Seconds from asking to the first event."""
    arrivals: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    """Of each numbered event of a job, at each watcher."""

    def spreads(self) -> list[float]:
        """Seconds that watchers were behind the first of them, for each event."""
        return [at - min(all_) for all_ in self.arrivals.values() if len(all_) > 1 for at in all_]


async def watch(
    gateway: Running, inference: Running, load: Load, *, watchers: int, jobs: int, seconds: float
) -> dict[str, Any]:
    """All join, are left alone for ``seconds``, then the jobs are cancelled: each must be told.

    ``load`` makes a job, which takes longer than all this.
    """
    asking = Connection(gateway.url)
    paths = [await _job(asking, load) for _ in range(jobs)]
    asking.close()  # all that joining takes, the gateway may not keep it
    seen, doors = Seen(), asyncio.Semaphore(JOIN_AT_ONCE)
    tasks = [
        asyncio.create_task(_watcher(gateway.url, paths[n % jobs], seen, doors)) for n in range(watchers)
    ]
    while seen.joined + len(seen.faults) < watchers:
        await asyncio.sleep(0.1)
    before, started = (gateway.cpu_s(), inference.cpu_s()), time.perf_counter()
    times = await asyncio.gather(
        _health(gateway.url, "/health/live", seconds),
        _health(gateway.url, "/health/ready", seconds),
        _health(inference.url, "/health/live", seconds),
    )
    elapsed = time.perf_counter() - started
    cpu = (gateway.cpu_s() - before[0]) / elapsed, (inference.cpu_s() - before[1]) / elapsed
    for path in paths:
        await asking.ask("DELETE", path)
    await asyncio.gather(*tasks)
    asking.close()
    return {
        "watchers": watchers,
        "jobs": jobs,
        "live_p99_ms": percentile_ms(times[0], 0.99),
        "ready_p99_ms": percentile_ms(times[1], 0.99),
        "inference_live_p99_ms": percentile_ms(times[2], 0.99),
        "first_event_p99_ms": percentile_ms(seen.first, 0.99),
        "events": sum(map(len, seen.arrivals.values())),
        "behind_p99_ms": percentile_ms(seen.spreads(), 0.99),
        "gateway_cpu": cpu[0],
        "inference_cpu": cpu[1],
        "told_the_end": sum(seen.ends.values()),
        "faults": len(seen.faults),
        "first_fault": seen.faults[0] if seen.faults else None,
    }


async def _job(asking: Connection, load: Load) -> str:
    answer = await asking.ask("POST", load.path, {**load.headers, "Prefer": "respond-async"}, load.body)
    if answer.status != 202:
        raise BrokenExchangeError(f"no job: {answer.status} {answer.body.decode(errors='replace')}")
    return answer.headers["location"]


async def _watcher(url: str, path: str, seen: Seen, doors: asyncio.Semaphore) -> None:
    events = Connection(url).follow(f"{path}/events")
    try:
        async with doors:
            asked = time.perf_counter()
            first = await anext(events)
        seen.first.append(first.at - asked)
        seen.joined += 1
        last = first.number or 0
        async for event in events:
            if event.name == "done":
                seen.ends[json.loads(event.data)["state"]] += 1
                return
            if event.number is not None:
                seen.arrivals[path, event.number].append(event.at)
                if event.number != last + 1:
                    seen.faults.append(f"event {event.number} came after {last}")
                last = event.number
        seen.faults.append("the events ended without the end of the job")
    except (BrokenExchangeError, StopAsyncIteration) as error:
        seen.faults.append(repr(error))


async def _health(url: str, path: str, seconds: float) -> Sequence[float]:
    """Seconds of each answer; asked at a steady pace."""
    connection, times = Connection(url), []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        times.append((await connection.ask("GET", path)).seconds)
        await asyncio.sleep(HEALTH_EVERY_S)
    connection.close()
    return times
