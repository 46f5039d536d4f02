"""Verdicts of people held against the engine's confidence: a confusion table."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from bench.table import Cell, Table

Verdict = Literal["good", "acceptable", "wrong"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
COLUMNS = ("person", "garment", "category", "verdict", "why")
PHOTO_COLUMNS = ("person", "what is hard")
BANDS = ((0.0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.85), (0.85, 1.01))
"""Of the confidence, from .. up to (exclusive)."""
TRUSTED = 0.5
"""Confidence from which a service may show a picture without a question."""

Identity = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One judged picture."""

    person: str
    category: str
    verdict: Verdict
    confidence: float
    half: str


def read_judgements(path: Path) -> dict[Identity, Verdict]:
    """Verdicts by person, garments and category; ``ValueError`` names a line that is not one."""
    found: dict[Identity, Verdict] = {}
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        if tuple(rows.fieldnames or ()) != COLUMNS:
            raise ValueError(f"{path}: columns {','.join(COLUMNS)} expected, got {rows.fieldnames}")
        for row in rows:
            verdict = next((known for known in VERDICTS if known == row["verdict"]), None)
            if verdict is None:
                raise ValueError(
                    f"{path}, line {rows.line_num}: {row['verdict']!r} is none of {', '.join(VERDICTS)}"
                )
            found[row["person"], row["garment"], row["category"]] = verdict
    return found


def read_hard_photos(path: Path) -> dict[str, tuple[str, ...]]:
    """What makes the photo of each person hard, in words; ``ValueError`` for other columns."""
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        if tuple(rows.fieldnames or ()) != PHOTO_COLUMNS:
            raise ValueError(f"{path}: columns {','.join(PHOTO_COLUMNS)} expected, got {rows.fieldnames}")
        return {row["person"]: tuple(row["what is hard"].split(";")) for row in rows}


def matched(verdicts: Mapping[Identity, Verdict], key: Sequence[Mapping[str, Any]]) -> list[Case]:
    """Pictures of the key that were judged; what was refused has no picture."""
    cases = []
    for entry in key:
        verdict = verdicts.get((entry["person"], entry["garment"], entry["category"]))
        if verdict is not None and "refused" not in entry:
            cases.append(
                Case(
                    person=entry["person"],
                    category=entry["category"],
                    verdict=verdict,
                    confidence=entry["confidence"],
                    half=entry["half"],
                )
            )
    return cases


def tables(cases: Sequence[Case], key: Sequence[Mapping[str, Any]]) -> tuple[Table, ...]:
    """Verdicts by category; confidence by verdict for both halves of the people; what a threshold catches."""
    halves = [half for half in ("tuned", "held out") if any(case.half == half for case in cases)]
    return (
        _by_category(cases, key),
        *(_by_confidence(half, [case for case in cases if case.half == half]) for half in halves),
        _caught({half: [case for case in cases if case.half == half] for half in halves} | {"all": cases}),
    )


def _by_category(cases: Sequence[Case], key: Sequence[Mapping[str, Any]]) -> Table:
    refused = [entry["category"] for entry in key if "refused" in entry]
    names = list(dict.fromkeys([*(case.category for case in cases), *refused]))

    def row(name: str, mine: Sequence[Case], turned_away: int) -> list[Cell]:
        counts = [sum(case.verdict == verdict for case in mine) for verdict in VERDICTS]
        unwarned = sum(case.verdict == "wrong" and case.confidence >= TRUSTED for case in mine)
        return [name, *counts, unwarned, turned_away]

    rows = [
        row(name, [case for case in cases if case.category == name], refused.count(name)) for name in names
    ]
    return Table(
        title="Verdicts",
        columns=("category", *VERDICTS, "wrong, trusted", "refused"),
        rows=[*rows, row("all", cases, len(refused))],
    )


def by_photo(cases: Sequence[Case], hard: Mapping[str, Sequence[str]]) -> Table:
    """Verdicts by what makes a photo hard; a picture counts for everything that is hard in its photo."""
    found = dict.fromkeys(word for words in hard.values() for word in words)
    rows: list[list[Cell]] = []
    for word in found:
        mine = [case for case in cases if word in hard.get(case.person, ())]
        rows.append(
            [
                word,
                *(sum(case.verdict == verdict for case in mine) for verdict in VERDICTS),
                sum(case.verdict == "wrong" and case.confidence >= TRUSTED for case in mine),
            ]
        )
    return Table(title="Hard photos", columns=("photo", *VERDICTS, "wrong, trusted"), rows=rows)


def _by_confidence(half: str, cases: Sequence[Case]) -> Table:
    rows = [
        [verdict, *(sum(_within(case, verdict, band) for case in cases) for band in BANDS)]
        for verdict in VERDICTS
    ]
    titles = [f"{low:g} to {min(high, 1):g}" for low, high in BANDS]
    return Table(title=f"Confidence, people {half}", columns=("verdict", *titles), rows=rows)


def _within(case: Case, verdict: Verdict, band: tuple[float, float]) -> bool:
    return case.verdict == verdict and band[0] <= case.confidence < band[1]


def _caught(groups: Mapping[str, Sequence[Case]]) -> Table:
    """How many of each verdict lie below the threshold."""
    rows = [
        [name, *(_share([case for case in cases if case.verdict == verdict]) for verdict in VERDICTS)]
        for name, cases in groups.items()
    ]
    return Table(title=f"Below {TRUSTED:g}", columns=("people", *VERDICTS), rows=rows)


def _share(cases: Sequence[Case]) -> str:
    below = sum(case.confidence < TRUSTED for case in cases)
    return f"{below} of {len(cases)}" + (f" ({below / len(cases):.0%})" if cases else "")
