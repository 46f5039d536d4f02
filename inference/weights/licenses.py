"""Licences that forbid commercial use: shown before a download, accepted by name, recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from preprocess.licenses import RECORD, accepted, records
from preprocess.weights import WeightSet, write_json

__all__ = ["RECORD", "accept", "accepted", "words"]

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


def accept(weights: Path, wanted: WeightSet, command: str, now: datetime | None = None) -> None:
    """Record whose weights (an engine's or a set of networks), which licence, when, and by which command."""
    when = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    before = records(weights)
    mine = {**before.get(wanted.owner, {}), wanted.license: {"accepted": when, "command": command}}
    write_json(weights / RECORD, {**before, wanted.owner: mine})
