"""What was measured as tables, and the goals it is held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bench.table import Cell, Table

Row = dict[str, Any]
Results = dict[str, Any]

LATE_MS, SHARE, HEALTH_MS, MEMORY_MB = 30.0, 0.36, 100.0, 320.0
"""Goals: added by the gateway at p99; of direct throughput at 8 clients; health, memory with all watchers."""


LATE = ("path", "p50_ms", "p99_ms", "faults")
LOOP = (
    "engine",
    "path",
    "clients",
    "answered",
    "per_second",
    "p50_ms",
    "p99_ms",
    "refused",
    "refused_p99_ms",
)
WATCHERS = (
    *("watchers", "jobs", "live_p99_ms", "ready_p99_ms", "inference_live_p99_ms", "first_event_p99_ms"),
    *("events", "behind_p99_ms", "gateway_cpu", "inference_cpu", "gateway_mb", "inference_mb"),
    *("told_the_end", "faults"),
)
OVERLOAD = ("kind", "clients", "answered", "refused", "refused_p99_ms", "lost", "faults")
TABLES = {
    "throughput": ("Closed loop", (*LOOP, "peak_mb", "faults")),
    "late": ("An upstream that takes its time, 8 clients", LATE),
    "watchers": ("Clients that follow jobs through the gateway", WATCHERS),
    "overload": ("Ten times as much as there is room for, through the gateway", OVERLOAD),
}


def table(part: str, rows: list[Row]) -> Table:
    """Of one part of the bench."""
    return _servers(rows) if part == "servers" else _named(*TABLES[part], rows)


def goals_table(results: Results) -> Table:
    """Of all parts that were measured."""
    columns = ("goal", "measured", "at most", "at least", "met")
    return Table(title="Goals", columns=columns, rows=list(goals(results)))


def _named(title: str, names: tuple[str, ...], rows: Iterable[Row]) -> Table:
    columns = [name.replace("_ms", ", ms").replace("_mb", ", MB").replace("_", " ") for name in names]
    return Table(title=title, columns=columns, rows=[[row[name] for name in names] for row in rows])


def _servers(rows: list[Row]) -> Table:
    def cells(row: Row) -> list[Cell]:
        eight, many, followed = row["at_8"], row["at_64"], row["watchers"]
        return [
            *(row["server"], eight["per_second"], eight["p99_ms"], row["share"]),
            *(many["per_second"], many["p99_ms"], many["peak_mb"]),
            *(followed["live_p99_ms"], followed["behind_p99_ms"], followed["gateway_mb"]),
            eight["faults"] + many["faults"] + followed["faults"],
        ]

    columns = (
        *("server", "c=8, per second", "p99, ms", "of direct", "c=64, per second", "p99, ms", "MB"),
        *("watched: live p99, ms", "behind p99, ms", "MB", "faults"),
    )
    return Table(title="Servers for the gateway", columns=columns, rows=[cells(row) for row in rows])


def goals(results: Results) -> Iterator[list[Cell]]:
    """Name, measured, at most, at least, met."""
    if rows := results.get("late"):
        added = rows[1]["p99_ms"] - rows[0]["p99_ms"]
        yield ["added by the gateway at p99, ms", added, LATE_MS, None, _met(added <= LATE_MS)]
    for engine in ("fake", "bare"):
        if share := _share(results.get("throughput", []), engine):
            yield [f"share of direct throughput, {engine}, c=8", share, None, SHARE, _met(share >= SHARE)]
    for row in results.get("watchers", []):
        for name in ("live_p99_ms", "ready_p99_ms"):
            words = f"{name.split('_')[0]} p99 while {row['watchers']} follow {row['jobs']} jobs, ms"
            yield [words, row[name], HEALTH_MS, None, _met(row[name] < HEALTH_MS)]
        yield [
            "memory of the gateway then, MB",
            row["gateway_mb"],
            MEMORY_MB,
            None,
            _met(row["gateway_mb"] < MEMORY_MB),
        ]


def faults(results: Results) -> list[str]:
    """Everything that was neither an answer nor a proper refusal, or was lost."""
    found = [row["first_fault"] for part in _parts(results) for row in part if row.get("first_fault")]
    lost = [f"{row['lost']} accepted jobs were lost" for row in results.get("overload", []) if row["lost"]]
    silent = [
        f"{row['watchers'] - row['told_the_end']} watchers were not told the end"
        for row in results.get("watchers", [])
        if row["told_the_end"] != row["watchers"]
    ]
    return [*found, *lost, *silent]


def _parts(results: Results) -> Iterator[list[Row]]:
    for name in ("throughput", "late", "watchers", "overload"):
        yield results.get(name, [])
    for row in results.get("servers", []):
        yield [row["at_8"], row["at_64"], row["watchers"]]


def _share(rows: list[Row], engine: str) -> float | None:
    rates = {row["path"]: row["per_second"] for row in rows if (row["engine"], row["clients"]) == (engine, 8)}
    return rates["gateway"] / rates["direct"] if len(rates) == 2 else None


def _met(met: bool) -> str:
    return "yes" if met else "no"
