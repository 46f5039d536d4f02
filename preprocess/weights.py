"""Weights that the user brings: which files belong together, where they lie, are they there and unchanged.

A set of files of one repository lies in ``<weights>/<owner>/<name>/<path inside the repository>``, beside a
``manifest.json`` with the size, the time and the SHA-256 of every file. Services, engines and preprocessing
share this: standard library only, and nothing here downloads or opens a model.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from os.path import isfile
from pathlib import Path
from typing import Literal

from preprocess.models import sha256_of

MANIFEST = "manifest.json"
GUIDE = "docs/preprocessing-models.md"


class WeightsError(RuntimeError):
    """Files are missing, damaged, refused or could not be fetched; the message names what helps."""


@dataclass(frozen=True, kw_only=True)
class WeightSet:
    """Files of one repository that belong together."""

    owner: str
    """What one asks for on the command line: an engine, or ``preprocess-full``."""
    name: str
    """Which of the owner's sets: ``base``, ``dc``, ``schp``, ..."""
    title: str
    repo: str
    """Empty: nobody publishes these files, the user makes them (:data:`GUIDE`)."""
    revision: str
    files: Mapping[str, str]
    """Path inside the repository -> SHA-256; empty where nobody confirmed it: recorded at the first pull."""
    license: str
    commercial_use: bool
    default: bool = True
    """Pulled when the owner is asked for without naming a set."""
    repo_type: Literal["model", "space"] = "model"
    converted: Mapping[str, str] = field(default_factory=dict)
    """Published pickle -> the converted file that stands in for it."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Path -> another repository that has it, at the same path, where ``repo`` has not."""
    download_mb: int = 0
    """Size of all files together, in megabytes; 0 = unknown."""

    @property
    def pull_command(self) -> str:
        variant = "" if self.default else f" --variant {self.name}"
        return f"cabine weights pull {self.owner}{variant}" + (
            "" if self.commercial_use else " --accept-license"
        )

    @property
    def remedy(self) -> str:
        """What brings the files, for the end of a sentence."""
        if self.repo:
            return f"run: {self.pull_command}"
        return f"nobody publishes this export; {GUIDE} says how to make it"

    def folder(self, weights: Path) -> Path:
        return weights / self.owner / self.name

    def missing(self, weights: Path) -> tuple[str, ...]:
        """Published paths that are not there, nor what stands in for them.

        In a folder that this user may not look into nothing is there (``Path.is_file`` would raise).
        """
        folder = self.folder(weights)
        return tuple(
            path
            for path in self.files
            if not isfile(folder / path)
            and not (path in self.converted and isfile(folder / self.converted[path]))
        )

    def unrecorded(self, weights: Path) -> bool:
        """Complete, but without a manifest, as if copied by hand: a change of its files would not be seen."""
        return not self.missing(weights) and not isfile(self.folder(weights) / MANIFEST)


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """What a file was when it was recorded; size and time tell whether to compute the digest again."""

    sha256: str
    size: int
    mtime_ns: int

    def unchanged(self, path: Path) -> bool:
        """By size and time alone."""
        stat = path.stat()
        return (stat.st_size, stat.st_mtime_ns) == (self.size, self.mtime_ns)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Where the files of a folder came from and what they are."""

    repo: str
    revision: str
    """What was asked for: a branch, a tag or a commit."""
    commit: str | None
    """What it meant then; None for a folder that was copied by hand."""
    files: Mapping[str, FileRecord]
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Other repositories that files came from -> the commit there."""

    def with_file(self, path: str, record: FileRecord) -> Manifest:
        return replace(self, files={**self.files, path: record})


def record_of(path: Path, sha256: str | None = None) -> FileRecord:
    """``sha256`` where the caller has computed it already."""
    stat = path.stat()
    return FileRecord(sha256=sha256 or sha256_of(path), size=stat.st_size, mtime_ns=stat.st_mtime_ns)


def read_manifest(folder: Path) -> Manifest | None:
    """None where there is none; raises :class:`WeightsError` for one that cannot be read."""
    path = folder / MANIFEST
    try:
        data = json.loads(path.read_text())
        files = {name: FileRecord(**record) for name, record in data["files"].items()}
        return Manifest(
            repo=data["repo"],
            revision=data["revision"],
            commit=data["commit"],
            files=files,
            elsewhere=dict(data.get("elsewhere", {})),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        place = f"{folder.parent.name}/{folder.name}/{MANIFEST}"  # in the weights' folder: clients read this
        raise WeightsError(f"{place} is damaged: delete it, then run cabine weights verify") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Whole or not at all."""
    write_json(folder / MANIFEST, asdict(manifest))


def write_json(path: Path, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(json.dumps(data, indent=1) + "\n")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error  # a full disk names no file


def checked(weights: Path, wanted: WeightSet) -> Path:
    """Folder of a set whose needed files are all there and what its manifest says.

    Files whose size and time are those of the manifest are taken for unchanged; of others the digest is
    computed, once in a process. A folder copied by hand has no manifest until ``cabine weights verify``
    writes one; until then only names are looked at. Raises :class:`WeightsError`.
    """
    absent = wanted.missing(weights)
    if absent:
        raise WeightsError(missing_words(wanted, absent))
    folder = wanted.folder(weights)
    manifest = read_manifest(folder)
    if manifest is None:
        return folder
    damaged = [path for path in needed(folder, wanted) if not _right(folder / path, path, wanted, manifest)]
    if damaged:
        raise WeightsError(damaged_words(wanted, damaged))
    return folder


def _right(file: Path, path: str, wanted: WeightSet, manifest: Manifest) -> bool:
    """Is a file what the set and the manifest say."""
    known, record = wanted.files.get(path), manifest.files.get(path)
    if record is None or (known and known != record.sha256):
        return False  # a file that was never recorded may be left from another commit
    if record.unchanged(file):
        return True
    stat = file.stat()
    return _cached_sha256(file, stat.st_size, stat.st_mtime_ns) == record.sha256


@cache
def _cached_sha256(path: Path, size: int, mtime_ns: int) -> str:
    """Keyed by size and time: a folder that cannot be written to is read once, a changed file again."""
    return sha256_of(path)


def needed(folder: Path, wanted: WeightSet) -> tuple[str, ...]:
    """What is loaded: converted files in place of their pickles where they are there."""
    return tuple(
        stand_in if (stand_in := wanted.converted.get(path)) and (folder / stand_in).is_file() else path
        for path in wanted.files
    )


def present(folder: Path, wanted: WeightSet) -> tuple[str, ...]:
    """Everything of the set that is here, pickles beside what was made of them included."""
    stand_ins = wanted.converted.values()
    return tuple(path for path in (*wanted.files, *stand_ins) if (folder / path).is_file())


def examine(folder: Path, wanted: WeightSet, manifest: Manifest) -> Iterator[tuple[str, bool]]:
    """Compute every digest again: pairs of path and whether it is what was recorded.

    A digest in the set itself (confirmed by whoever wrote it) counts above the manifest.
    """
    for path in present(folder, wanted):
        record = manifest.files.get(path)
        expected = wanted.files.get(path) or (record.sha256 if record else None)
        yield path, sha256_of(folder / path) == expected


def missing_words(wanted: WeightSet, absent: tuple[str, ...], *, most: int = 3) -> str:
    """One sentence: how many are missing, the first ``most`` by name, and the command."""
    total = len(wanted.files)
    named = ", ".join(absent[:most]) + (", ..." if len(absent) > most else "")
    return (
        f"{wanted.owner} has no complete weights ({wanted.name}): {len(absent)} of {total} files are missing "
        f"({named}); {wanted.remedy}"
    )


def unrecorded_words(wanted: WeightSet) -> str:
    return (
        "not recorded yet, so changed files would not be seen: "
        f"cabine weights verify {wanted.owner} --variant {wanted.name}"
    )


def damaged_words(wanted: WeightSet, damaged: list[str]) -> str:
    return (
        f"weights of {wanted.owner} ({wanted.name}) are not what was recorded: {', '.join(damaged)}; "
        f"{wanted.remedy}; or, if you changed them yourself, delete {MANIFEST} of that folder and run: "
        f"cabine weights verify {wanted.owner} --variant {wanted.name}"
    )
