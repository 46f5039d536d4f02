"""Runs recorded with the tests' own reference, on the tests' own checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import NO_TORCH

if TYPE_CHECKING:
    from inference.engines.idm_vton.models import Models
    from inference.engines.idm_vton.parity import Case

CASES = ("guided", "unguided", "pair")


@pytest.fixture(scope="session")
def idm_vton_recorded(idm_vton_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with ``<case>.npz`` for all :data:`CASES` and ``index.json``."""
    from tests.idm_vton_reference import Reference, Run, record

    folder = tmp_path_factory.mktemp("recorded")
    reference = Reference(idm_vton_checkpoint)
    for run in (
        Run(name="guided", captions=("shirt",)),
        Run(name="unguided", captions=("shirt", "a low dress"), guidance=1.0, seed=7),
        # neither side divisible by 32: the UNets are told the sizes on the way up
        Run(name="pair", captions=("shirt", "a low dress"), guidance=2.5, seed=3, width=56, height=72),
    ):
        record(reference, run, folder)
    return folder


@pytest.fixture(scope="session")
def idm_vton_cases(idm_vton_recorded: Path) -> dict[str, Case]:
    from inference.engines.idm_vton.parity import Case

    index = idm_vton_recorded / "index.json"
    return {name: Case.read(idm_vton_recorded / f"{name}.npz", index) for name in CASES}


@pytest.fixture(scope="session")
def idm_vton_models(idm_vton_checkpoint: Path) -> Models:
    """The checkpoint in float32, with the garment UNet's unused end."""
    return load_whole(idm_vton_checkpoint)


def load_whole(checkpoint: Path) -> Models:
    """A checkpoint in float32, with the garment UNet's unused end."""
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    from inference.engines.idm_vton.loading import Checkpoint
    from inference.engines.idm_vton.models import load_models

    return load_models(
        Checkpoint(checkpoint), device=torch.device("cpu"), dtype=torch.float32, whole_garment=True
    )
