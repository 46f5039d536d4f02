"""The engine's numbers against a run of the reference, quantity by quantity, with and without its savings."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import NO_TORCH, ROOT
from tests.parity.conftest import CASES, load_whole

torch = pytest.importorskip("torch", reason=NO_TORCH)

from inference.engines.idm_vton.attention import NO_SAVINGS, Savings  # noqa: E402 - after the skip
from inference.engines.idm_vton.models import Models  # noqa: E402
from inference.engines.idm_vton.parity import BOUNDS, Case, Report, bound, replay  # noqa: E402

EACH_OFF = {
    f"without {field.name}": dataclasses.replace(Savings(), **{field.name: False})
    for field in dataclasses.fields(Savings)
    if field.default is True
}
SAVINGS = {
    "all": Savings(),
    "none": NO_SAVINGS,
    "with uncond_lse": Savings(uncond_lse=True),
    **EACH_OFF,
}


def out_of_bounds(report: Report) -> dict[str, float]:
    return {what: apart for what, apart in report.differences.items() if not apart <= bound(what)}


@pytest.mark.parametrize("savings", SAVINGS.values(), ids=SAVINGS)
@pytest.mark.parametrize("name", CASES)
def test_the_engine_computes_what_the_reference_does(
    name: str, savings: Savings, idm_vton_models: Models, idm_vton_cases: dict[str, Case]
) -> None:
    assert not out_of_bounds(replay(idm_vton_models, name, idm_vton_cases[name], savings))


@pytest.mark.parametrize("savings", ["all", "none", "with uncond_lse"])
@pytest.mark.parametrize("name", ["app_b1_cfg2", "batch2_nocfg"])
def test_the_engine_computes_what_the_published_code_did(
    name: str, savings: str, idm_vton_goldens: Path
) -> None:
    case = Case.read(idm_vton_goldens / f"{name}.npz", idm_vton_goldens / "index.json")
    models = load_whole(idm_vton_goldens / "checkpoint")
    assert not out_of_bounds(replay(models, name, case, SAVINGS[savings]))


def test_every_recorded_quantity_is_compared(
    idm_vton_models: Models, idm_vton_cases: dict[str, Case]
) -> None:
    case = idm_vton_cases["guided"]
    differences = replay(idm_vton_models, "guided", case, Savings()).differences
    once = set(BOUNDS) - {"garment_features", "unet_input", "noise_prediction", "latents"}
    each_step = {"garment_features", "noise_prediction", "latents"}
    assert set(differences) == once | {"unet_input.0"} | {
        f"{what}.{k}" for what in each_step for k in range(case.steps)
    }


def test_a_quantity_that_never_came_up_or_is_no_number_is_out_of_bounds(
    idm_vton_models: Models, idm_vton_cases: dict[str, Case]
) -> None:
    case = idm_vton_cases["guided"]
    recorded = dict(case.arrays)
    recorded["latents_step1"] = np.full_like(recorded["latents_step1"], np.nan)
    recorded["garment_feat_step0.022"] = recorded["garment_feat_step0.021"]
    recorded["unet_out_step0"] = recorded["unet_out_step0"][:1]
    report = replay(idm_vton_models, "x", dataclasses.replace(case, arrays=recorded), Savings())
    assert set(out_of_bounds(report)) == {"latents.1", "garment_features.0", "noise_prediction.0"}
    assert json.loads(report.json())["latents.1"] is None


def parity(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inference.engines.idm_vton.parity", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_prints_one_line_and_says_by_its_status_whether_all_is_well(
    idm_vton_checkpoint: Path, idm_vton_recorded: Path, tmp_path: Path
) -> None:
    index = idm_vton_recorded / "index.json"
    given = ("--checkpoint", idm_vton_checkpoint, "--index", index, "--reference-maths")
    good = parity(*given, "--case", idm_vton_recorded / "guided.npz")
    assert (good.returncode, good.stderr, good.stdout.count("\n")) == (0, "", 1)
    printed = json.loads(good.stdout)
    assert printed["within_bounds"] is True
    assert printed["latents.2"] < 5e-4

    with np.load(idm_vton_recorded / "guided.npz") as stored:
        arrays = dict(stored)
    arrays["unet_out_step1"] = arrays["unet_out_step1"] + np.float32(2e-4)
    np.savez(tmp_path / "guided.npz", **arrays)
    bad = parity(*given, "--case", tmp_path / "guided.npz")
    assert (bad.returncode, json.loads(bad.stdout)["within_bounds"]) == (1, False)


def test_the_command_refuses_what_it_cannot_compare(
    idm_vton_checkpoint: Path, idm_vton_recorded: Path, tmp_path: Path
) -> None:
    index = idm_vton_recorded / "index.json"
    (tmp_path / "other.npz").write_bytes((idm_vton_recorded / "guided.npz").read_bytes())
    unknown = parity("--checkpoint", idm_vton_checkpoint, "--index", index, "--case", tmp_path / "other.npz")
    assert unknown.returncode == 2
    assert "other" in unknown.stderr
    assert not unknown.stdout
