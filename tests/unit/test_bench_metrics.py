"""The measures of the benchmarks against values that are known."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from bench.metrics import (
    chamfer,
    delta_e_2000,
    find_print,
    iou,
    palette_difference,
    ssim,
    stripe_period,
    stripe_profile,
    stripe_shift,
)
from bench.parsing import JOINTS, joint_error
from bench.report import PAGE, TABLES
from bench.table import Table
from bench.truth_sheets import CAPTION, HEIGHT, row
from preprocess.types import Frame
from scripts.render_docs import replace_block

WHITE, NAVY, RED = (235, 235, 230), (30, 50, 90), (200, 60, 50)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [  # Sharma, Wu and Dalal 2005, table 1
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_ciede2000_matches_the_published_pairs(first, second, expected):
    assert delta_e_2000(np.array(first), np.array(second)) == pytest.approx(expected, abs=1e-4)


def test_ssim_is_one_for_equal_pictures_and_falls_with_noise():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    noisy = np.clip(picture + rng.normal(0, 40, picture.shape), 0, 255).astype(np.uint8)
    everywhere = np.ones((64, 64), bool)
    assert ssim(picture, picture, everywhere) == pytest.approx(1)
    assert 0.3 < ssim(picture, noisy, everywhere) < 0.95


def test_iou():
    a, b = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert iou(a, b) == 1
    a[:2], b[1:3] = True, True
    assert iou(a, b) == pytest.approx(1 / 3)


def shirt(x: int, y: int, scale: float = 1.0) -> np.ndarray:
    """A white square of 200 pixels with a navy disc and a red bar as its print."""
    picture = np.full((200, 200, 3), WHITE, np.uint8)
    cv2.circle(picture, (x, y), round(30 * scale), NAVY, -1)
    cv2.rectangle(picture, (x - round(30 * scale), y + 40), (x + round(30 * scale), y + 50), RED, -1)
    return picture


def test_a_print_is_found_where_it_lies():
    cloth = np.ones((200, 200), bool)
    first, moved, small = (find_print(shirt(*at), cloth) for at in ((80, 80), (100, 90), (80, 80, 0.7)))
    assert first is not None
    assert moved is not None
    assert small is not None
    assert np.subtract(moved.centre, first.centre) == pytest.approx([20, 10], abs=0.01)
    assert small.size < 0.9 * first.size
    assert find_print(np.full((200, 200, 3), WHITE, np.uint8), cloth) is None


def test_edges_of_a_print_tell_how_far_it_moved():
    everywhere = np.ones((200, 200), bool)
    assert chamfer(shirt(80, 80), everywhere, shirt(80, 80), everywhere) == 0
    assert 1 < chamfer(shirt(80, 80), everywhere, shirt(86, 80), everywhere) < 6
    assert chamfer(shirt(80, 80), everywhere, np.full_like(shirt(80, 80), 90), everywhere) == math.inf


def test_colours_of_a_print_are_compared_whatever_its_place():
    product, cloth = shirt(80, 80), np.ones((200, 200), bool)
    darker = (shirt(110, 90) * 0.8).astype(np.uint8)
    prints = [find_print(picture, cloth) for picture in (product, shirt(110, 90), darker)]
    masks = [found.mask for found in prints if found is not None]
    assert palette_difference(product, masks[0], shirt(110, 90), masks[1], colours=2) == pytest.approx(
        0, abs=0.1
    )
    assert palette_difference(product, masks[0], darker, masks[2], colours=2) > 3


def stripes(period: float, shift: float) -> np.ndarray:
    wave = np.sin((np.arange(300) - shift) * 2 * np.pi / period) > 0.5
    return np.where(wave[:, None, None], NAVY, WHITE).astype(np.uint8).repeat(40, axis=1)


def test_stripes_are_measured_by_period_and_phase():
    rows, columns = slice(0, 300), slice(0, 40)
    truth = stripe_profile(stripes(25, 0), rows, columns)
    assert stripe_period(truth) == pytest.approx(25, abs=0.3)
    assert stripe_period(stripe_profile(stripes(31, 0), rows, columns)) == pytest.approx(31, abs=0.3)
    assert stripe_shift(stripe_profile(stripes(25, 5), rows, columns), truth, 25) == pytest.approx(0.2)
    assert stripe_period(stripe_profile(np.full((300, 40, 3), 200, np.uint8), rows, columns)) is None


def test_a_table_reads_the_same_on_the_terminal_and_on_the_page():
    table = Table(
        title="Times", columns=("stage", "s"), rows=[["decode", 0.01234], ["all", 123.4], ["x", None]]
    )
    assert table.text().splitlines() == [
        "Times",
        "stage        s",
        "------  ------",
        "decode  0.0123",
        "all        123",
        "x",
    ]
    assert table.markdown().splitlines()[2:] == [
        "| stage | s |",
        "| --- | --- |",
        "| decode | 0.0123 |",
        "| all | 123 |",
        "| x |  |",
    ]


@pytest.mark.parametrize("shift", [0.0, 10.0])
def test_joints_are_measured_on_the_photo_whatever_the_frame(samples, shift):
    truth = samples / "truth/p4_man__base.joints.json"
    known = {joint["name"]: joint["xy"] for joint in json.loads(truth.read_text())["keypoints"]}
    frame = Frame(x0=20, y0=-5, scale=0.5, width=400, height=500)
    points = np.zeros((33, 2), np.float32)
    for name, index in JOINTS.items():
        points[index] = np.add(known[name], (0, shift))
    person = SimpleNamespace(frame=frame, pose=SimpleNamespace(points=frame.from_photo(points)))
    assert joint_error(person, truth) == pytest.approx(shift, abs=1e-3)


def test_a_sheet_shows_pictures_of_one_height_with_captions():
    tall, wide = np.zeros((100, 50, 3), np.uint8), np.zeros((50, 100, 3), np.uint8)
    sheet = row([(tall, "tall"), (wide, "wide")])
    assert sheet.size == (HEIGHT // 2 + HEIGHT * 2, HEIGHT + CAPTION)
    assert np.asarray(sheet)[:HEIGHT].max() == 0
    assert (np.asarray(sheet)[HEIGHT:] < 128).any()


@pytest.mark.parametrize("name", TABLES)
def test_every_benchmark_has_its_place_on_the_page(name):
    assert "new numbers" in replace_block(PAGE.read_text(), name, "new numbers")
