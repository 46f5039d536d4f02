"""``python -m preprocess``: the artefacts it writes can be read back, and refusals have their exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from preprocess.cli import REFUSED, UNAVAILABLE, app
from preprocess.types import BASIC_LABELS, CollarKind


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def person_folder(tmp_path_factory: pytest.TempPathFactory, samples: Path, models: Path) -> Path:
    out = tmp_path_factory.mktemp("person")
    result = run(samples / "people" / "p4_man__base.jpg", "-o", out, "--models", models)
    assert result.exit_code == 0, result.output
    named = [line for line in result.stdout.splitlines() if line.endswith((".json", ".png"))]
    assert sorted(named) == sorted(str(path) for path in out.iterdir())
    return out


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("pose-blaze33", "blaze33"),
        ("pose-coco18", "coco18"),
        ("pose-body25", "body25"),
        ("face", "face-ellipse"),
        ("matte", "matte"),
        ("parsing-basic", "basic"),
        ("parsing-atr18", "atr18"),
        ("densepose-parts", "densepose-parts"),
        ("agnostic-upper", "agnostic"),
    ],
)
def test_every_artefact_has_tag_and_frame(name: str, tag: str, person_folder: Path) -> None:
    body = json.loads((person_folder / f"{name}.json").read_text())
    assert body["tag"] == tag
    assert body["frame"] == {"x0": 0.0, "y0": 0.0, "scale": 1.0, "width": 768, "height": 1024}
    with Image.open(person_folder / f"{name}.png") as image:
        assert image.size == (768, 1024)


@pytest.mark.parametrize(("name", "joints"), [("blaze33", 33), ("coco18", 18), ("body25", 25)])
def test_poses_have_their_joints(name: str, joints: int, person_folder: Path) -> None:
    body = json.loads((person_folder / f"pose-{name}.json").read_text())
    assert len(body["points"]) == len(body["visibility"]) == len(body["depth"]) == joints


def test_label_map_is_indexed(person_folder: Path) -> None:
    body = json.loads((person_folder / "parsing-basic.json").read_text())
    assert tuple(body["labels"]) == BASIC_LABELS
    with Image.open(person_folder / "parsing-basic.png") as image:
        assert image.mode == "P"
        labels = np.asarray(image)
    assert {"background", "upper", "lower", "hands", "face"} <= {BASIC_LABELS[k] for k in np.unique(labels)}


def test_body_parts_are_indexed_and_drawn_and_say_that_they_are_painted(person_folder: Path) -> None:
    body = json.loads((person_folder / "densepose-parts.json").read_text())
    assert body["approximate"] is True
    assert body["parts"][2] == "torso front"
    with Image.open(person_folder / "densepose-parts.png") as image:
        assert image.mode == "P"
        parts, seen = np.asarray(image), np.asarray(image.convert("RGB"))
    assert {0, 2, 3, 4, 23, 24} <= set(np.unique(parts))
    with Image.open(person_folder / "densepose-rgb.png") as image:
        assert (np.asarray(image) == seen).all()


def test_garment_that_somebody_wears(tmp_path: Path, samples: Path) -> None:
    photo = samples / "people" / "p1_man__longsleeve_stripes.jpg"

    assert run(photo, "--garment", "--worn", "-o", tmp_path).exit_code == 0
    body = json.loads((tmp_path / "garment.json").read_text())
    assert (body["kind"], body["category"], body["sleeve_length"]) == ("worn", "upper", "long")


def test_garment(tmp_path: Path, samples: Path) -> None:
    result = run(samples / "garments" / "tshirt_print.jpg", "--garment", "-o", tmp_path)
    assert result.exit_code == 0, result.output
    body = json.loads((tmp_path / "garment.json").read_text())
    assert (body["tag"], body["category"], body["sleeve_length"]) == ("garment", "upper", "short")
    with Image.open(tmp_path / "garment.png") as image:
        assert image.mode == "RGBA"
        assert image.size == (body["frame"]["width"], body["frame"]["height"])
    marks = json.loads((tmp_path / "landmarks.json").read_text())
    assert marks["shoulder"]["left"][0] < marks["centre_x"] < marks["shoulder"]["right"][0]
    collar = json.loads((tmp_path / "collar.json").read_text())
    assert collar["kind"] in get_args(CollarKind)
    with Image.open(tmp_path / "collar-opening.png") as image:
        assert image.mode == "L"


def test_refusal_names_slug_and_file(tmp_path: Path, samples: Path, models: Path) -> None:
    photo = samples / "garments" / "polo_green.jpg"
    result = run(photo, "-o", tmp_path, "--models", models)
    assert result.exit_code == REFUSED
    assert "polo_green.jpg: no-person: " in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_told(tmp_path: Path, samples: Path) -> None:
    taken = tmp_path / "file"
    taken.touch()
    result = run(samples / "garments" / "tshirt_print.jpg", "--garment", "-o", taken)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{taken}: ")


def test_categories_are_named(tmp_path: Path, samples: Path) -> None:
    result = run(samples / "garments" / "tshirt_print.jpg", "--garment", "--category", "hat", "-o", tmp_path)
    assert result.exit_code == 2
    assert "dress" in result.stderr


def test_missing_models_name_the_command(tmp_path: Path, samples: Path) -> None:
    result = run(samples / "people" / "p4_man__base.jpg", "-o", tmp_path, "--models", tmp_path / "none")
    assert result.exit_code == UNAVAILABLE
    assert "python -m preprocess.models fetch" in result.stderr


def test_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "preprocess", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Usage: python -m preprocess" in result.stdout


@pytest.mark.parametrize("module", ["preprocess", "preprocess.person", "preprocess.cli"])
def test_importing_loads_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit(any(m in sys.modules for m in ('torch', 'inference', 'gateway')))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_full_networks_wait_for_an_accepted_licence(
    tmp_path: Path, samples: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty file stands for the network: whoever opens it fails."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'cabine[full]'")
    network = tmp_path / "weights/preprocess-full/densepose/densepose.onnx"
    network.parent.mkdir(parents=True)
    network.touch()
    photo = samples / "people" / "p4_man__base.jpg"
    command = (photo, "-o", tmp_path / "out", "--models", models, "--weights", tmp_path / "weights")

    painted = run(*command)
    monkeypatch.setenv("CABINE_ACCEPTED_LICENSES", "idm-vton, preprocess-full")
    refused = run(*command)

    assert painted.exit_code == 0, painted.output
    assert json.loads((tmp_path / "out" / "densepose-parts.json").read_text())["approximate"] is True
    assert refused.exit_code == UNAVAILABLE
    assert "densepose.onnx is not a readable ONNX network" in refused.stderr
