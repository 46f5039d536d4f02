"""A closed loop: each of ``clients`` sends its next upload once it has the answer to the one before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.load.client import Answer, BrokenExchangeError, Connection

PAUSE_S = 1.0
"""Longest pause after a refusal, whatever its Retry-After asks for: the bench is short."""
REFUSALS = frozenset({429, 503})


@dataclass(kw_only=True)
class Tally:
    """What became of requests; seconds of each."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Neither: a refusal without Retry-After, another status, half an answer."""
    elapsed_s: float = 0.0

    def add(self, answer: Answer) -> None:
        if answer.status in {200, 202}:
            self.answered.append(answer.seconds)
        elif answer.status in REFUSALS and answer.retry_after_s is not None:
            self.refused.append(answer.seconds)
        else:
            self.faults.append(f"{answer.status} {answer.body[:200].decode(errors='replace')}")


@dataclass(frozen=True, kw_only=True)
class Load:
    """One upload, to be sent again and again."""

    path: str
    headers: Mapping[str, str]
    body: bytes


def side_by_side(
    urls: Sequence[str], load: Load, *, clients: int, seconds: float, rounds: int, apart_s: float = 0.0
) -> list[dict[str, Any]]:
    """The closed loop at each address, in turns, so that what else the machine does meets all alike.

    Clients begin ``apart_s`` after each other.
    """
    tallies = [Tally() for _ in urls]
    for _ in range(rounds):
        for url, tally in zip(urls, tallies, strict=True):
            loop = _closed_loop(url, load, tally, clients, seconds / rounds, apart_s)
            asyncio.run(loop)
    return [{"clients": clients, **summary(tally)} for tally in tallies]


async def _closed_loop(
    url: str, load: Load, tally: Tally, clients: int, seconds: float, apart_s: float
) -> None:
    """No new request after ``seconds``; those under way are waited for, and belong to the throughput."""
    started = time.perf_counter()
    until = started + seconds
    await asyncio.gather(*(_client(url, load, until, tally, number * apart_s) for number in range(clients)))
    tally.elapsed_s += time.perf_counter() - started


async def _client(url: str, load: Load, until: float, tally: Tally, after_s: float) -> None:
    await asyncio.sleep(after_s)
    connection = Connection(url)
    try:
        while time.perf_counter() < until:
            try:
                answer = await connection.ask("POST", load.path, load.headers, load.body)
            except BrokenExchangeError as error:
                tally.faults.append(str(error))
                await asyncio.sleep(PAUSE_S)
                continue
            tally.add(answer)
            if answer.status in REFUSALS:
                pause = min(PAUSE_S, answer.retry_after_s or PAUSE_S)
                await asyncio.sleep(min(pause, max(0.0, until - time.perf_counter())))
    finally:
        connection.close()


def summary(tally: Tally) -> dict[str, Any]:
    """Rates per second, times in milliseconds; None where nothing was counted."""
    return {
        "answered": len(tally.answered),
        "per_second": len(tally.answered) / tally.elapsed_s,
        "p50_ms": percentile_ms(tally.answered, 0.5),
        "p99_ms": percentile_ms(tally.answered, 0.99),
        "refused": len(tally.refused),
        "refused_p99_ms": percentile_ms(tally.refused, 0.99),
        "faults": len(tally.faults),
        "first_fault": tally.faults[0] if tally.faults else None,
    }


def percentile_ms(seconds: Sequence[float], share: float) -> float | None:
    """The value that ``share`` of all stay at or below."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]
