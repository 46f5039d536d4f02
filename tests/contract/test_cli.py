"""The ``cabine`` program, with the real engine and models."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from inference.cli import app
from inference.config import Settings
from inference.console import REFUSED, UNAVAILABLE
from inference.doctor import Finding, artefacts, examine, python, runtime_build, weights
from tests.fakes import FakeEngine, registry, spec

ROOT = Path(__file__).resolve().parents[2]
PERSON = str(ROOT / "samples/people/p1_man__base.jpg")
GARMENT = str(ROOT / "samples/garments/tshirt_print.jpg")


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "200")


def cabine(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_try_writes_picture_and_mask(tmp_path: Path) -> None:
    out, mask = tmp_path / "new" / "out.png", tmp_path / "other" / "mask.png"

    code, said, _ = cabine("try", PERSON, GARMENT, "-o", str(out), "--mask-out", str(mask))

    assert code == 0
    assert "warp (a preview, not a photo)" in said
    assert "confidence" in said
    assert "engine" in said
    changed = np.asarray(Image.open(mask))
    result, photo = np.asarray(Image.open(out)), np.asarray(Image.open(PERSON))
    assert 0.1 < (changed > 0).mean() < 0.6
    assert (result[changed == 0] == photo[changed == 0]).all()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((GARMENT, GARMENT, "-o", "x.png"), REFUSED, "no-person (person)"),
        ((PERSON, GARMENT, GARMENT, "-o", "x.png"), REFUSED, "category-conflict (garment[1])"),
        ((PERSON, GARMENT, "-o", "x.png", "--steps", "9"), REFUSED, "option-unsupported (steps)"),
        ((PERSON, GARMENT, "-o", "x.png", "--engine", "magic"), REFUSED, "engine-unknown (engine)"),
        ((PERSON, GARMENT, "-o", "x.png", "--photo", "selfie"), REFUSED, "option-unsupported (photo)"),
        ((PERSON, GARMENT, "-o", "x.bmp"), 2, ".png"),
        (("missing.jpg", GARMENT, "-o", "x.png"), 2, "does not exist"),
        ((PERSON, "-o", "x.png"), 2, "garment"),
    ],
)
def test_refusals_are_one_line_with_a_code(arguments: tuple[str, ...], code: int, says: str) -> None:
    got, _, complaint = cabine("try", *arguments)

    assert got == code
    assert says in complaint
    assert "Traceback" not in complaint


def test_unwritable_result_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    code, _, complaint = cabine("try", PERSON, GARMENT, "-o", str(tmp_path / "file" / "out.png"))

    assert code == 1
    assert complaint.startswith("file: ")


def test_missing_models_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CABINE_MODELS", str(tmp_path))

    code, _, complaint = cabine("try", PERSON, GARMENT, "-o", str(tmp_path / "x.png"))
    doctor, findings, _ = cabine("doctor")

    assert code == UNAVAILABLE
    assert "python -m preprocess.models fetch" in complaint
    assert doctor == 1
    assert "python -m preprocess.models fetch" in findings


def test_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CABINE_MAX_QUEUE", "many")

    code, _, complaint = cabine("engines")

    assert code == 2
    assert complaint.startswith("CABINE_MAX_QUEUE:")


def test_engines_lists_warp() -> None:
    code, said, _ = cabine("engines")

    assert code == 0
    assert "warp" in said
    assert "ready" in said


def test_doctor_is_content_here() -> None:
    code, said, _ = cabine("doctor")

    assert code == 0
    assert "engine warp: can run" in said
    assert "bad" not in said


def test_doctor_says_where_the_runtime_has_no_build() -> None:
    assert runtime_build("Darwin", "arm64").state == "ok"
    assert "no build for Intel Macs" in runtime_build("Darwin", "x86_64").words
    assert "WSL" in runtime_build("Windows", "AMD64").words
    assert python((3, 10, 4)).state == "bad"


def test_doctor_tells_what_keeps_an_engine_away() -> None:
    engines = registry(FakeEngine(spec=spec()))

    findings = {
        finding.subject: finding for finding in examine(Settings(engine="gpu-only", fallback="wrap"), engines)
    }

    assert ".[torch]" in findings["engine gpu-only"].words
    assert findings["engine=auto"].state == "bad"
    assert "there is no engine 'wrap'" in findings["CABINE_FALLBACK"].words


def test_doctor_lists_all_that_an_engine_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CABINE_WEIGHTS", str(tmp_path))

    code, said, _ = cabine("doctor")

    lacks = [line for line in said.splitlines() if line.startswith("note engine idm-vton: ")]
    assert code == 0
    assert any("forbids commercial use" in line for line in lacks)
    assert any("files are missing" in line and "cabine weights pull idm-vton" in line for line in lacks)


def test_doctor_prints_the_memory_plan_of_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.doctor.memory_plan", lambda of, runtime: (f"{runtime.profile}: 9 GB",))

    findings = examine(Settings(memory_profile="12gb"), registry(FakeEngine(spec=spec())))

    assert Finding(state="ok", subject="engine warp, memory", words="12gb: 9 GB") in findings


def test_doctor_marks_what_other_machines_would_need(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ("it needs a GPU", "24gb: 17.9 GB on the GPU")
    monkeypatch.setattr("inference.doctor.memory_plan", lambda of, runtime: lines)
    engines = replace(registry(FakeEngine(spec=spec())), requirements=(lambda of: f"{lines[0]}.",))

    memory = [each for each in examine(Settings(), engines) if each.subject == "engine warp, memory"]

    assert memory == [Finding(state="note", subject="engine warp, memory", words=lines[1])]


@pytest.mark.parametrize("closed", ["weights", "weights/idm-vton/base", "weights/idm-vton/base/unet.bin"])
def test_doctor_tells_weights_that_it_may_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    """Permissions are pretended: they do not hold for root, whom containers run tests as."""
    file = tmp_path / "weights/idm-vton/base/unet.bin"
    file.parent.mkdir(parents=True)
    file.touch()
    settings = Settings(weights=tmp_path / "weights")
    allowed = weights(settings)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, how: path != tmp_path / closed and access(path, how))

    finding = weights(settings)

    assert (allowed.state, allowed.words) == ("ok", str(settings.weights))
    assert finding.state == "bad"
    assert finding.words.startswith(f"{tmp_path / closed}: the user that runs this may not read it")
    assert "chmod" in finding.words


def test_doctor_tells_networks_that_nobody_accepted(tmp_path: Path) -> None:
    file = tmp_path / "preprocess-full/densepose/densepose.onnx"
    file.parent.mkdir(parents=True)
    file.touch()

    (_, waiting) = artefacts(Settings(weights=tmp_path))
    accepted = artefacts(Settings(weights=tmp_path, accepted_licenses=("preprocess-full",)))

    assert (waiting.state, waiting.subject) == ("note", "artefacts")
    assert waiting.words.startswith("here, but not used: preprocess-full densepose")
    assert "cabine weights pull preprocess-full --variant densepose --accept-license" in waiting.words
    assert "CABINE_ACCEPTED_LICENSES=preprocess-full" in waiting.words
    assert len(accepted) == 1


def test_doctor_knows_whose_licences_can_be_accepted() -> None:
    engines = registry(FakeEngine(spec=spec()))
    settings = Settings(accepted_licenses=("preprocess-full", "warp", "wrap"))

    told = [each.words for each in examine(settings, engines) if each.subject == "CABINE_ACCEPTED_LICENSES"]

    assert told == ["there is no engine 'wrap'; known: warp, gpu-only, preprocess-full"]


def test_doctor_needs_no_folder_of_weights(tmp_path: Path) -> None:
    finding = weights(Settings(weights=tmp_path / "none"))

    assert (finding.state, "nothing was pulled yet" in finding.words) == ("ok", True)
