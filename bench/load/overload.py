"""Ten times as many requests at once as the service takes: most are refused, none that it took is lost."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from bench.load.client import Answer, BrokenExchangeError, Connection
from bench.load.processes import Running
from bench.load.throughput import Load, Tally, summary

TIMES = 10
FINISH_S = 120.0
"""Longest wait for accepted jobs to end."""
LOOK_S = 0.2


async def overload(gateway: Running, load: Load, *, places: int, as_jobs: bool) -> dict[str, Any]:
    """Each of ``10 x places`` clients asks once; ``places`` is what may run and wait together."""
    clients = TIMES * places
    headers = {**load.headers, "Prefer": "respond-async"} if as_jobs else load.headers
    started = time.perf_counter()
    answers = await asyncio.gather(
        *(_once(gateway.url, Load(path=load.path, headers=headers, body=load.body)) for _ in range(clients))
    )
    tally = Tally()
    for answer in answers:
        if isinstance(answer, BrokenExchangeError):
            tally.faults.append(str(answer))
        else:
            tally.add(answer)
    tally.elapsed_s = time.perf_counter() - started
    paths = [
        answer.headers["location"]
        for answer in answers
        if isinstance(answer, Answer) and answer.status == 202
    ]
    lost = await _unfinished(gateway.url, paths)
    kind = "jobs" if as_jobs else "requests"
    return {"kind": kind, "clients": clients, **summary(tally), "lost": len(lost)}


async def _once(url: str, load: Load) -> Answer | BrokenExchangeError:
    connection = Connection(url)
    try:
        return await connection.ask("POST", load.path, load.headers, load.body)
    except BrokenExchangeError as error:
        return error
    finally:
        connection.close()


async def _unfinished(url: str, paths: list[str]) -> list[str]:
    """Those that have not succeeded when the time is up."""
    connection, until = Connection(url), time.perf_counter() + FINISH_S
    left = list(paths)
    while left and time.perf_counter() < until:
        states = [json.loads((await connection.ask("GET", path)).body).get("state") for path in left]
        left = [path for path, state in zip(left, states, strict=True) if state != "succeeded"]
        await asyncio.sleep(LOOK_S)
    connection.close()
    return left
