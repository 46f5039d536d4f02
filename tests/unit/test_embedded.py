"""Preparation as the service does it: who is asked for which artefact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inference.config import Settings
from inference.embedded import EmbeddedPreparation
from inference.engines.base import EngineUnavailable
from preprocess.models import ModelsError
from preprocess.types import Person
from preprocess.weights import WeightsError


@pytest.fixture
def preparation(models: Path, tmp_path: Path) -> EmbeddedPreparation:
    return EmbeddedPreparation(Settings(models=models, weights=tmp_path, threads=1))


def test_without_full_networks_dense_pose_is_painted_and_says_so(
    preparation: EmbeddedPreparation, people: Callable[[str], Person]
) -> None:
    person = people("p1_man__base")

    dense = preparation.densepose(person)

    assert dense.approximate
    assert dense.frame == person.frame
    assert (dense.parts[person.matte.alpha > 0.9] > 0).mean() > 0.5


def test_algorithms_give_masks_of_their_own(
    preparation: EmbeddedPreparation, people: Callable[[str], Person]
) -> None:
    person = people("p1_man__base")

    masks = [preparation.agnostic(person, "upper", name).alpha > 0.5 for name in ("default", "reference")]

    assert all(0.1 < mask.mean() < 0.6 for mask in masks)
    assert 0.5 < (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum() < 0.98


@pytest.mark.parametrize(("accepted", "served"), [((), "painted"), (("preprocess-full",), "refused")])
def test_networks_copied_by_hand_wait_for_their_licence(
    models: Path, tmp_path: Path, people: Callable[[str], Person], accepted: tuple[str, ...], served: str
) -> None:
    """An empty file stands for the network: whoever opens it fails."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'cabine[full]'")
    file = tmp_path / "preprocess-full/densepose/densepose.onnx"
    file.parent.mkdir(parents=True)
    file.touch()
    settings = Settings(models=models, weights=tmp_path, threads=1, accepted_licenses=accepted)
    preparation, person = EmbeddedPreparation(settings), people("p1_man__base")

    if served == "painted":
        assert preparation.densepose(person).approximate
    else:
        with pytest.raises(EngineUnavailable, match="not a readable ONNX network"):
            preparation.densepose(person)


@pytest.mark.parametrize("damage", [ModelsError("densepose.onnx is damaged"), WeightsError("not recorded")])
def test_damaged_networks_are_told_and_not_replaced_silently(
    preparation: EmbeddedPreparation,
    people: Callable[[str], Person],
    monkeypatch: pytest.MonkeyPatch,
    damage: Exception,
) -> None:
    def fails(*given: object) -> np.ndarray:
        raise damage

    for name in ("densepose", "labels_atr18"):
        monkeypatch.setattr(f"preprocess.providers.artefacts.Artefacts.{name}", fails)
    person = people("p1_man__base")

    with pytest.raises(EngineUnavailable, match=str(damage)):
        preparation.densepose(person)
    with pytest.raises(EngineUnavailable, match=str(damage)):
        preparation.agnostic(person, "upper", "reference")
