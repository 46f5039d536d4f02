"""Are the files of a set complete and what they were: every digest computed again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from preprocess.weights import (
    Manifest,
    WeightsError,
    WeightSet,
    damaged_words,
    examine,
    missing_words,
    present,
    read_manifest,
    record_of,
    write_manifest,
)


def verify(wanted: WeightSet, weights: Path, say: Callable[[str], None]) -> None:
    """Compare with the manifest; a folder that was copied by hand has none and gets one.

    Raises :class:`WeightsError` naming every missing file, or every file that changed, with the command.
    """
    absent = wanted.missing(weights)
    if absent:
        raise WeightsError(missing_words(wanted, absent, most=len(absent)))
    folder = wanted.folder(weights)
    manifest = read_manifest(folder)
    if manifest is None:
        _record(wanted, folder, say)
        return
    damaged = []
    for path, right in examine(folder, wanted, manifest):
        say(f"{'ok ' if right else 'BAD'} {path}")
        if not right:
            damaged.append(path)
    if damaged:
        raise WeightsError(damaged_words(wanted, damaged))
    source = f"{manifest.repo} at {manifest.commit[:12]}" if manifest.commit else "a folder copied by hand"
    say(f"{wanted.owner} {wanted.name}: complete and unchanged, from {source}")


def _record(wanted: WeightSet, folder: Path, say: Callable[[str], None]) -> None:
    """The first look at a folder: digests that the set itself knows are compared, the others noted."""
    files, wrong = {}, []
    for path in present(folder, wanted):
        record = record_of(folder / path)
        say(f"{record.sha256[:16]} {path}")
        files[path] = record
        if wanted.files.get(path) not in {"", None, record.sha256}:
            wrong.append(path)
    if wrong:
        raise WeightsError(damaged_words(wanted, wrong))
    manifest = Manifest(repo=wanted.repo, revision=wanted.revision, commit=None, files=files)
    write_manifest(folder, manifest)
    say(f"{wanted.owner} {wanted.name}: complete; recorded, later changes will be seen")
