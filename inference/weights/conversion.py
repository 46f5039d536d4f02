"""Pickles to safetensors, once: how is the engine's (its ``convert.py``), where and the record are ours."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path

import inference.engines
from inference.engines.registry import folder_name
from inference.weights.pull import readable
from preprocess.weights import (
    WeightsError,
    WeightSet,
    missing_words,
    read_manifest,
    record_of,
    write_manifest,
)

Progress = Callable[[int, int], None]
Convert = Callable[[Path, Path, Progress], str]
"""Source, target, progress -> SHA-256 of what was written."""


def pickles(wanted: WeightSet, weights: Path) -> tuple[str, ...]:
    """Pickles that are here and not yet converted."""
    folder = wanted.folder(weights)
    return tuple(
        pickle
        for pickle, stand_in in wanted.converted.items()
        if (folder / pickle).is_file() and not (folder / stand_in).is_file()
    )


def leftovers(wanted: WeightSet, weights: Path) -> tuple[Path, ...]:
    """Pickles that are not needed any more."""
    folder = wanted.folder(weights)
    return tuple(
        folder / pickle
        for pickle, stand_in in wanted.converted.items()
        if (folder / pickle).is_file() and (folder / stand_in).is_file()
    )


def convert(wanted: WeightSet, weights: Path, progress: Progress) -> tuple[str, ...]:
    """Convert every pickle that needs it; returns the paths written. Raises :class:`WeightsError`."""
    folder, todo = wanted.folder(weights), pickles(wanted, weights)
    absent = wanted.missing(weights)
    if any(path in wanted.converted for path in absent):
        raise WeightsError(missing_words(wanted, absent))
    need = sum((folder / pickle).stat().st_size for pickle in todo) // 2
    if todo and need > shutil.disk_usage(folder).free:
        raise WeightsError(f"the disk of {folder} needs {readable(need)} more for the conversion; make room")
    for pickle in todo:
        _convert_one(_converter(wanted.owner), folder, pickle, wanted.converted[pickle], progress)
    return tuple(wanted.converted[pickle] for pickle in todo)


def _convert_one(convert_file: Convert, folder: Path, pickle: str, stand_in: str, progress: Progress) -> None:
    """Convert, read back (the pickle may be deleted after this), record; only then give it its name.

    Stopped anywhere on the way, the folder still has its pickle to convert and nothing that is not recorded.
    """
    unproven = folder / f"{stand_in}.unproven"
    try:
        digest = convert_file(folder / pickle, unproven, progress)
        record = record_of(unproven)
        if record.sha256 != digest:
            raise WeightsError(f"{stand_in} is not on the disk as it was written; check the disk of {folder}")
        manifest = read_manifest(folder)
        if manifest is not None:  # a folder copied by hand has none until it is verified
            write_manifest(folder, manifest.with_file(stand_in, record))
        unproven.replace(folder / stand_in)
    finally:
        unproven.unlink(missing_ok=True)


def _converter(owner: str) -> Convert:
    """Imports the engine's module, and torch with it."""
    try:
        module = importlib.import_module(f"{inference.engines.__name__}.{folder_name(owner)}.convert")
    except ImportError as error:
        raise WeightsError(
            f"converting the weights of {owner} needs torch: pip install -e '.[torch]' (docs/install.md), "
            f"then run: cabine weights convert {owner}"
        ) from error
    converter: Convert = module.convert
    return converter
