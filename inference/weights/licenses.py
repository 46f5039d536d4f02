"""Licences that forbid commercial use: shown before a download, accepted by name, recorded."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from preprocess.weights import WeightSet, write_json

RECORD = "licenses.json"

TEXTS = {
    "CC BY-NC-SA 4.0": (
        "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International\n"
        "https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode\n"
        "You may use and share these weights for purposes that are not primarily commercial, naming the\n"
        "authors, and pass adaptations on only under the same licence. A shop, an agency or a paid service\n"
        "needs the authors' permission. This summary is not the licence."
    ),
}
"""Name -> what is shown; other licences are shown by their name alone."""


def words(wanted: WeightSet) -> str:
    """What a user reads before accepting."""
    return (
        f"{wanted.title} ({wanted.repo}) is licensed for non-commercial use only: {wanted.license}\n"
        + TEXTS.get(wanted.license, "Read it at the repository named above.")
    )


def accepted(weights: Path, owner: str) -> bool:
    """Did somebody accept the licence of these weights by command in this folder."""
    return owner in _records(weights)


def accept(weights: Path, wanted: WeightSet, command: str, now: datetime | None = None) -> None:
    """Record who is meant (an engine or a set of networks), which licence, when, and by which command."""
    when = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    record = {"license": wanted.license, "accepted": when, "command": command}
    write_json(weights / RECORD, {**_records(weights), wanted.owner: record})


def _records(weights: Path) -> dict[str, object]:
    """What was accepted; a record that cannot be read counts as none: accept again."""
    try:
        records = json.loads((weights / RECORD).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return records if isinstance(records, dict) else {}
