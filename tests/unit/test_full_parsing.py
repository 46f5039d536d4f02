"""SCHP: drawn pictures go through networks that know classes by colour and must come back as labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'cabine[full]'")
pytest.importorskip("onnx", reason="onnx, which writes the tiny networks, is not installed: make setup")

from preprocess.models import ModelsError
from preprocess.providers.full.letterbox import Letterbox
from preprocess.providers.full.parsing import Parser, fill_holes, network_input, strangers, with_neck
from preprocess.types import ATR_LABELS, Frame, Mask, Person
from tests.figure import figure
from tests.full_networks import PALETTE, parser

BACKGROUND, HAIR, FACE, THROAT, TOP, TROUSERS, LEFT_ARM, RIGHT_ARM = range(8)
"""Colours of the palette in the drawings."""
ATR = {
    BACKGROUND: "background",
    HAIR: "hair",
    FACE: "head",
    THROAT: "head",  # ATR knows no neck
    TOP: "upper_clothes",
    TROUSERS: "pants",
    LEFT_ARM: "left_arm",
    RIGHT_ARM: "right_arm",
}
UPPER, ARM = ATR_LABELS.index("upper_clothes"), ATR_LABELS.index("left_arm")


@pytest.fixture(scope="module")
def schp(tmp_path_factory: pytest.TempPathFactory) -> Parser:
    folder = tmp_path_factory.mktemp("schp")
    atr = {colour: ATR_LABELS.index(name) for colour, name in ATR.items()}
    lip = {colour: 13 if colour == FACE else 0 for colour in ATR}
    return Parser.open(
        parser(folder / "atr.onnx", side=512, grid=128, classes=18, colours=atr),
        parser(folder / "lip.onnx", side=473, grid=119, classes=20, colours=lip),
        threads=1,
    )


@pytest.fixture(scope="module")
def gradual(tmp_path_factory: pytest.TempPathFactory) -> Parser:
    """Knows two colours, and is as unsure at a border as their mixture is."""
    folder = tmp_path_factory.mktemp("gradual")
    two = {BACKGROUND: 0, TROUSERS: 6}
    return Parser.open(
        parser(folder / "atr.onnx", side=512, grid=128, classes=18, colours=two, sharpness=0.02),
        parser(folder / "lip.onnx", side=473, grid=119, classes=20, colours=two, sharpness=0.02),
        threads=1,
    )


def painted(drawing: np.ndarray, matte: np.ndarray | None = None) -> Person:
    """A person whose picture shows this drawing ``(H, W)`` of colour numbers."""
    height, width = drawing.shape
    frame = Frame.whole(width, height)
    alpha = (drawing > 0 if matte is None else matte).astype(np.float32)
    person = figure()
    return replace(
        person,
        frame=frame,
        image=PALETTE[drawing],
        pose=replace(person.pose, frame=frame),
        matte=Mask(tag="matte", frame=frame, alpha=alpha),
    )


def somebody(height: int = 360, width: int = 240, left: int = 70) -> np.ndarray:
    drawing = np.zeros((height, width), np.uint8)
    x = left
    drawing[20:40, x + 30 : x + 70] = HAIR
    drawing[40:80, x + 30 : x + 70] = FACE
    drawing[80:100, x + 38 : x + 62] = THROAT
    drawing[100:220, x + 16 : x + 84] = TOP
    drawing[100:210, x + 84 : x + 100] = LEFT_ARM
    drawing[100:210, x : x + 16] = RIGHT_ARM
    drawing[220:340, x + 16 : x + 84] = TROUSERS
    return drawing


def away_from_borders(drawing: np.ndarray, margin: int) -> np.ndarray:
    """Pixels whose neighbourhood is of one colour."""
    padded = np.pad(drawing, margin, mode="edge")
    height, width = drawing.shape
    same = np.ones(drawing.shape, bool)
    for y in (0, margin, 2 * margin):
        for x in (0, margin, 2 * margin):
            same &= padded[y : y + height, x : x + width] == drawing
    return same


def test_a_drawing_comes_back_as_its_labels(schp: Parser) -> None:
    drawing = somebody()
    labels = schp(painted(drawing))
    assert labels.tag == "atr18"
    assert labels.soft.shape == (*drawing.shape, 19)
    names = {**ATR, THROAT: "neck"}
    wanted = np.array([ATR_LABELS.index(names[k]) for k in sorted(names)], np.uint8)[drawing]
    inside = away_from_borders(drawing, 3)
    assert (labels.labels == wanted)[inside].all()
    assert (labels.soft.argmax(axis=-1) == labels.labels).all()
    assert np.abs(labels.soft.sum(axis=-1, dtype=np.float32) - 1).max() < 5e-3
    assert set(labels.confidence) == {ATR_LABELS[k] for k in np.unique(wanted)} - {"background"}
    assert min(labels.confidence.values()) > 0.9


@pytest.mark.parametrize("seed", range(6))
def test_edges_come_back_within_a_pixel_at_any_aspect(gradual: Parser, seed: int) -> None:
    """A rectangle goes through resizing, normalisation, the grid and back."""
    random = np.random.default_rng(seed)
    height, width = (int(value) for value in random.integers(100, 500, 2))
    top, left = int(random.uniform(0.1, 0.4) * height), int(random.uniform(0.1, 0.4) * width)
    bottom, right = int(random.uniform(0.6, 0.95) * height), int(random.uniform(0.6, 0.95) * width)
    drawing = np.zeros((height, width), np.uint8)
    drawing[top:bottom, left:right] = TROUSERS
    found = gradual(painted(drawing)).region("pants")
    middle_row, middle_column = found[(top + bottom) // 2], found[:, (left + right) // 2]
    columns, rows = np.flatnonzero(middle_row), np.flatnonzero(middle_column)
    edges = np.array([rows[0], rows[-1] + 1, columns[0], columns[-1] + 1])
    assert np.abs(edges - (top, bottom, left, right)).max() <= 1


@pytest.mark.parametrize(("width", "height"), [(300, 300), (200, 601), (733, 411), (1024, 768)])
def test_the_grid_lies_exactly_where_the_picture_was_put(width: int, height: int) -> None:
    """A ramp over the input, sampled on the output grid, read back at the picture's pixels: the same ramp."""
    box = Letterbox.centred(width, height, 512)
    at = np.arange(128) * 511 / 127 + 0.5  # input pixels of the grid's samples
    ramp = np.stack([np.broadcast_to(at, (128, 128)), np.broadcast_to(at[:, None], (128, 128))])
    x, y = box.grid(ramp.astype(np.float32), (width, height))
    inside_x = (np.arange(width) + 0.5) * box.scale + box.left
    inside_y = (np.arange(height) + 0.5) * box.scale + box.top
    assert np.abs(x - np.clip(inside_x, 0.5, 511.5)).max() < 1e-2
    assert np.abs(y.T - np.clip(inside_y, 0.5, 511.5)).max() < 1e-2


def test_the_input_is_bgr_with_imagenets_mean_and_deviation() -> None:
    rgb = np.zeros((4, 4, 3), np.uint8)
    rgb[...] = (255, 51, 0)  # 1, .2, 0
    tensor = network_input(rgb)
    assert tensor.shape == (1, 3, 4, 4)
    assert tensor.dtype == np.float32
    blue, green, red = -0.406 / 0.225, (0.2 - 0.456) / 0.224, (1 - 0.485) / 0.229
    assert tensor[0, :, 2, 3].tolist() == pytest.approx([blue, green, red], abs=1e-6)


def test_large_pictures_are_averaged() -> None:
    checks = (np.indices((1024, 1024)).sum(axis=0) % 2 * 255).astype(np.uint8)
    small = Letterbox.centred(1024, 1024, 512).picture(np.dstack([checks] * 3))
    assert np.abs(small.astype(int) - 128).max() <= 1


def test_head_that_lip_does_not_call_face_is_neck() -> None:
    labels = np.array([[11, 11, 4, 2]], np.uint8)
    face = np.array([[True, False, False, True]])
    assert with_neck(labels, face).tolist() == [[11, 18, 4, 2]]


def test_small_holes_between_clothes_and_arms_become_clothes() -> None:
    labels = np.zeros((512, 384), np.uint8)
    labels[100:400, 100:300] = UPPER
    labels[100:400, 280:300] = ARM
    labels[150:180, 150:180] = 16  # a bag: 900 pixels
    labels[200:260, 150:200] = 0  # background seen through the arm: 3000 pixels, stays
    labels[390:400, 200:220] = 6  # open to the outside
    filled = fill_holes(labels)
    assert (filled[150:180, 150:180] == UPPER).all()
    assert (filled[200:260, 150:200] == 0).all()
    assert (filled[390:400, 200:220] == 6).all()
    assert (filled[100:400, 280:300] == ARM).all()


def test_a_hole_that_only_a_corner_opens_is_closed() -> None:
    labels = np.full((200, 200), UPPER, np.uint8)
    labels[0, 0] = labels[1, 1] = 0
    assert fill_holes(labels)[1, 1] == UPPER
    assert fill_holes(labels)[0, 0] == 0


def test_a_hole_may_have_as_many_pixels_as_in_the_reference() -> None:
    labels = np.full((512, 384), UPPER, np.uint8)
    labels[[0, -1]] = 0
    labels[100:140, 100:150] = 8  # 2000 pixels
    labels[300:340, 100:150] = 8
    labels[299, 100] = 8  # 2001
    filled = fill_holes(labels)
    assert (filled[100:140, 100:150] == UPPER).all()
    assert (filled[300:340, 100:150] == 8).all()


def test_other_people_are_background(schp: Parser) -> None:
    one, other = somebody(width=400, left=30), somebody(width=400, left=250)
    labels = schp(painted(np.maximum(one, other), matte=one > 0))
    assert (labels.labels[:, :150] > 0).sum() > 0.95 * (one > 0).sum()
    assert not labels.labels[:, 240:].any()
    assert (labels.soft[:, 240:, 0] == 1).all()


def test_strangers_are_pieces_apart_from_the_matte() -> None:
    people = np.zeros((10, 20), bool)
    people[2:8, 2:6] = people[2:8, 12:16] = True
    matte = np.zeros((10, 20), bool)
    matte[4, 4] = True
    assert strangers(people, matte).sum() == 24
    assert not strangers(people, matte)[:, :10].any()


def test_exchanged_files_are_refused(tmp_path: Path) -> None:
    small = {0: 0, 1: 1}
    atr = parser(tmp_path / "a.onnx", side=512, grid=8, classes=20, colours=small)
    lip = parser(tmp_path / "l.onnx", side=473, grid=8, classes=18, colours=small)
    with pytest.raises(ModelsError, match="20 classes, expected 18: the files of ATR and LIP are exchanged"):
        Parser.open(atr, lip, 1)(painted(somebody()))
    with pytest.raises(ModelsError, match="another network: it takes"):
        Parser.open(lip, atr, 1)
