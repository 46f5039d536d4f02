"""DensePose: instances at known boxes must be laid where they belong, and ours must be chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'cabine[full]'")
pytest.importorskip("onnx", reason="onnx, which writes the tiny networks, is not installed: make setup")

from dataclasses import replace

from preprocess.errors import InputError
from preprocess.models import ModelsError
from preprocess.providers.full.body import body_box
from preprocess.providers.full.densepose import BodySurface, choose, network_input, paste
from preprocess.types import Person
from tests.figure import HEIGHT, WIDTH, figure
from tests.full_networks import body_surface

CELLS = 112


def one_hot(parts: np.ndarray, count: int = 25) -> np.ndarray:
    """Logits ``(count, n, n)`` of a part map ``(n, n)``."""
    return 8.0 * (np.arange(count)[:, None, None] == parts).astype(np.float32)


def blue() -> Person:
    """The figure, its picture blue: the tiny network sees nobody in another colour."""
    person = figure()
    image = np.zeros_like(person.image)
    image[..., 2] = 255
    return replace(person, image=image)


def halves(left: int, right: int) -> np.ndarray:
    parts = np.full((CELLS, CELLS), left)
    parts[:, CELLS // 2 :] = right
    return parts


def instances(
    person: Person, *others: tuple[tuple[float, float, float, float], float]
) -> dict[str, np.ndarray]:
    """Outputs of a network that sees parts 3 and 4 in each of ``others`` and, last, 2 and 1 in ours."""
    _, scale = network_input(person.image)
    boxes = np.array([*(box for box, _ in others), body_box(person)]) * scale
    scores = np.array([*(score for _, score in others), 0.85])
    fine = np.stack([*(one_hot(halves(3, 4)) for _ in others), one_hot(halves(2, 1))])
    coarse = np.zeros((len(boxes), 2, CELLS, CELLS), np.float32)
    coarse[:, 1] = 1.0
    coarse[:, 0, : CELLS // 4] = 2.0  # the upper quarter is background
    return {"boxes": boxes, "scores": scores, "coarse": coarse, "fine": fine}


def surface(path: Path, outputs: dict[str, np.ndarray]) -> BodySurface:
    return BodySurface.open(body_surface(path / "d.onnx", **outputs), 1)


def test_parts_lie_in_the_persons_box_and_only_on_the_foreground(tmp_path: Path) -> None:
    person = blue()
    dense = surface(tmp_path, instances(person))(person)
    assert not dense.approximate
    assert dense.frame == person.frame
    assert dense.parts.shape == (HEIGHT, WIDTH)
    x0, y0, x1, y1 = body_box(person)
    rows, columns = np.flatnonzero(dense.parts.any(axis=1)), np.flatnonzero(dense.parts.any(axis=0))
    assert abs(columns[0] - x0) <= 1
    assert abs(columns[-1] + 1 - x1) <= 1
    assert abs(rows[-1] + 1 - y1) <= 1
    assert abs(rows[0] - (y0 + 0.25 * (y1 - y0))) <= 2
    middle = int((x0 + x1) / 2)
    assert (dense.parts[rows[0] + 2 : rows[-1], columns[0] + 1 : middle - 1] == 2).all()
    assert (dense.parts[rows[0] + 2 : rows[-1], middle + 1 : columns[-1]] == 1).all()


def test_ours_is_chosen_whatever_the_order_and_the_scores(tmp_path: Path) -> None:
    person = blue()
    beside = ((0.0, 100.0, 40.0, 280.0), 0.99)
    everything = ((0.0, 0.0, float(WIDTH), float(HEIGHT)), 0.98)
    dense = surface(tmp_path, instances(person, beside, everything))(person)
    assert set(np.unique(dense.parts)) == {0, 1, 2}


def test_nobody_found_is_refused(tmp_path: Path) -> None:
    person = blue()
    nobody = {name: value[:0] for name, value in instances(person).items()}
    with pytest.raises(InputError, match="DensePose does not see the person") as caught:
        surface(tmp_path, nobody)(person)
    assert caught.value.slug == "no-person"


def test_somebody_elsewhere_is_not_our_person(tmp_path: Path) -> None:
    person = blue()
    outputs = {name: value[:1] for name, value in instances(person, ((0, 200, 60, 288), 0.99)).items()}
    with pytest.raises(InputError, match="DensePose does not see the person"):
        surface(tmp_path, outputs)(person)


def test_the_network_is_fed_bgr_of_0_to_255(tmp_path: Path) -> None:
    person = blue()
    red = replace(person, image=person.image[..., ::-1].copy())
    network = surface(tmp_path, instances(person))
    assert network(person).parts.any()
    with pytest.raises(InputError):
        network(red)


def test_the_shorter_side_becomes_800_and_the_longer_at_most_1333() -> None:
    batch, scale = network_input(np.zeros((1024, 768, 3), np.uint8))
    assert batch.shape == (1, 3, 1067, 800)
    assert scale == pytest.approx([800 / 768, 1067 / 1024] * 2)
    assert network_input(np.zeros((300, 100, 3), np.uint8))[0].shape == (1, 3, 1333, 444)


def test_unsure_instances_are_not_chosen() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11]], np.float32)
    assert choose(boxes, np.array([0.4, 0.9], np.float32), (0, 0, 10, 10)) == 1
    assert choose(boxes, np.array([0.4, 0.4], np.float32), (0, 0, 10, 10)) is None


def test_a_box_beyond_the_picture_is_cut_not_shifted() -> None:
    parts = np.zeros((20, 20), np.uint8)
    logits = one_hot(halves(7, 9))
    foreground = np.stack([np.zeros((CELLS, CELLS)), np.ones((CELLS, CELLS))]).astype(np.float32)
    paste(parts, np.array([-10, -5, 10, 15], np.float32), foreground, logits)
    assert (parts[:15, :10] == 9).all()
    assert not parts[15:].any()
    assert not parts[:, 10:].any()


def test_coarse_segmentation_may_have_fourteen_parts() -> None:
    parts = np.zeros((12, 12), np.uint8)
    coarse = np.zeros((15, CELLS, CELLS), np.float32)
    coarse[14] = 1.0
    paste(parts, np.array([0, 0, 12, 12], np.float32), coarse, one_hot(halves(23, 24)))
    assert (parts[:, :5] == 23).all()


def test_outputs_of_other_shapes_are_named(tmp_path: Path) -> None:
    person = blue()
    outputs = instances(person)
    outputs["fine"] = outputs["fine"][:, :15]
    with pytest.raises(ModelsError, match="expected \\(N, 4\\), \\(N,\\)"):
        surface(tmp_path, outputs)(person)
