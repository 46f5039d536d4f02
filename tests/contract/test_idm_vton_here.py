"""This installation with a tiny checkpoint: when ``auto`` means ``idm-vton``, and ``cabine try`` with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from inference.cli import app
from inference.config import Settings
from inference.installed import engines_here
from inference.problems import Problem
from inference.selection import choose

torch = pytest.importorskip("torch", reason="torch is not installed: make test")

ROOT = Path(__file__).resolve().parents[2]
PERSON = ROOT / "samples/people/p2_woman__base.jpg"
TOP = ROOT / "samples/garments/tshirt_print.jpg"


@pytest.fixture
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("_no_gpu")
@pytest.mark.parametrize(
    ("changes", "chosen", "why_not"),
    [
        ({}, "idm-vton", None),
        ({"memory_profile": "cpu", "device": "auto"}, "idm-vton", None),
        ({"accepted_licenses": ()}, "warp", "forbids commercial use"),
        ({"weights": Path("nowhere")}, "warp", "cabine weights pull idm-vton --accept-license"),
        ({"device": "auto"}, "warp", "CABINE_DEVICE=cpu"),
        ({"device": "cuda:1"}, "warp", "there is no device cuda:1"),
        ({"engines": ("warp", "idm-vton")}, "warp", None),
    ],
    ids=["all-there", "cpu-profile", "no-licence", "no-weights", "no-gpu", "no-such-gpu", "warp-preferred"],
)
def test_auto_takes_it_when_licence_weights_and_device_are_there(
    idm_vton_weights: Path, changes: dict[str, object], chosen: str, why_not: str | None
) -> None:
    given = {"weights": idm_vton_weights, "device": "cpu", "accepted_licenses": ("idm-vton",)}
    settings = Settings(models=ROOT / "models", **{**given, **changes})  # type: ignore[arg-type]
    engines = engines_here(settings)

    assert choose("auto", engines, settings).spec.name == chosen
    if why_not is not None:
        with pytest.raises(Problem, match=why_not) as raised:
            choose("idm-vton", engines, settings)
        assert raised.value.slug == "engine-unavailable"


def test_garments_it_has_no_checkpoint_for_are_told_with_the_command(idm_vton_weights: Path) -> None:
    settings = Settings(weights=idm_vton_weights, device="cpu", accepted_licenses=("idm-vton",))

    engines = engines_here(settings)

    choice = choose("idm-vton", engines, settings, {"dress"})

    assert choice.lacking.keys() == {"lower", "dress"}
    assert "cabine weights pull idm-vton --variant dc --accept-license" in choice.lacking["dress"]
    assert choose("auto", engines, settings, {"dress"}).spec.name == "warp"


def test_try_draws_with_it(idm_vton_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("CABINE_WEIGHTS", str(idm_vton_weights))
    monkeypatch.setenv("CABINE_DEVICE", "cpu")
    monkeypatch.setenv("CABINE_ACCEPTED_LICENSES", "idm-vton")
    out, mask = tmp_path / "out.png", tmp_path / "mask.png"
    options = {"engine": "idm-vton", "steps": 1, "guidance": 1, "quality": "best", "seed": 3}
    options |= {"mask-algorithm": "reference", "description": "white t-shirt", "mask-out": mask, "out": out}
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]

    run = CliRunner().invoke(app, ["try", str(PERSON), str(TOP), *words])

    assert run.exit_code == 0, run.stderr
    assert "idm-vton, confidence" in run.stdout
    assert "of DDPM, seed 3" in run.stdout
    result, photo, changed = (np.asarray(Image.open(path)) for path in (out, PERSON, mask))
    assert (result[changed == 0] == photo[changed == 0]).all()
    assert 0.05 < (changed > 0).mean() < 0.6
