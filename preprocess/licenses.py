"""Licences that forbid commercial use: which of them somebody accepted, by command or by setting."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from preprocess.weights import WeightSet

RECORD = "licenses.json"
"""In the folder of all weights, written by ``cabine weights pull --accept-license``."""


def records(weights: Path) -> dict[str, dict[str, dict[str, str]]]:
    """Owner -> licence -> when and how; a file that cannot be read counts as empty: accept again."""
    try:
        found = json.loads((weights / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {owner: licences for owner, licences in entries if isinstance(licences, dict)}


def accepted(weights: Path, owner: str, license_name: str) -> bool:
    """Did somebody accept this very licence by command: an owner's weights may have several."""
    return license_name in records(weights).get(owner, {})


def may_use(wanted: WeightSet, weights: Path, owners: Collection[str]) -> bool:
    """Needs a set no acceptance, or was it given: by setting (``owners``) or by command."""
    return wanted.commercial_use or wanted.owner in owners or accepted(weights, wanted.owner, wanted.license)


def acceptance_words(wanted: WeightSet) -> str:
    """One sentence: what was not accepted, and both ways to do so."""
    return (
        f"{wanted.owner} {wanted.name} is for non-commercial use only ({wanted.license}), which the operator "
        f"accepts with {wanted.pull_command}, or for files that are there already with "
        f"CABINE_ACCEPTED_LICENSES={wanted.owner}"
    )
