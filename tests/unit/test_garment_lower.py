"""Landmarks of trousers, shorts and skirts: drawn silhouettes with known corners, rendered samples."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from preprocess.garment.lower import measure_lower
from preprocess.garment.outline import trace
from preprocess.types import Garment, LowerLandmarks, Rgb

Prepared = Callable[[str], Garment]
CLOTH, PAPER = (60, 80, 140), (236, 236, 236)
FRAME = (900, 700)


def drawn(*polygons: list[tuple[float, float]], turned: float = 0.0) -> NDArray[np.bool_]:
    """Filled polygons on a frame of 700x900, turned about its middle by some degrees."""
    mask = np.zeros(FRAME, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [np.array(polygon, np.int32).reshape(-1, 1, 2)], 1)
    matrix = cv2.getRotationMatrix2D((350.0, 450.0), turned, 1.0)
    return np.asarray(cv2.warpAffine(mask, matrix, FRAME[::-1]) > 0)


def picture_of(mask: NDArray[np.bool_]) -> Rgb:
    grain = np.random.default_rng(1).normal(0, 2, (*FRAME, 3))
    plain = np.where(mask[..., None], np.array(CLOTH, float), np.array(PAPER, float))
    return np.asarray(np.clip(plain + grain, 0, 255), np.uint8)


def trousers(crotch: float = 310, hem: float = 800, gap: float = 30, waist: float = 100) -> NDArray[np.bool_]:
    """Legs parted from the crotch on, the gap ``gap`` wide at the hem; hips 280 wide."""
    outline = [(350 - waist, 120), (350 + waist, 120), (490, 260), (470, hem), (350 + gap / 2, hem)]
    outline += [(350, crotch), (350 - gap / 2, hem), (230, hem), (210, 260)]
    return drawn(outline)


def measured(mask: NDArray[np.bool_]) -> LowerLandmarks:
    return measure_lower(trace(mask), mask.astype(np.float32), picture_of(mask))


@pytest.mark.parametrize(("crotch", "hem"), [(300, 800), (330, 700), (270, 400)])
def test_crotch_hems_and_waist_of_parted_legs(crotch: float, hem: float) -> None:
    marks = measured(trousers(crotch, hem, gap=60))
    assert marks.legs is not None
    left, right = marks.legs.left, marks.legs.right
    for leg, outer, inner in ((left, 230, 320), (right, 470, 380)):
        assert np.allclose(leg.inner[0], (350, crotch), atol=10)
        assert np.allclose(leg.inner[-1], (inner, hem), atol=5)
        assert np.allclose(leg.outer[-1], (outer, hem), atol=5)
        assert leg.outer[0, 1] == pytest.approx(marks.sides[-1, 0], abs=1.0)
    assert np.allclose(marks.waist.left, (250, 120), atol=5)
    assert np.allclose(marks.waist.right, (450, 120), atol=5)
    assert marks.confidence > 0.9


def test_legs_that_touch_are_told_by_the_shadow_between_them() -> None:
    mask = drawn([(250, 120), (450, 120), (490, 260), (460, 800), (240, 800), (210, 260)])
    picture = picture_of(mask)
    assert measure_lower(trace(mask), mask.astype(np.float32), picture).legs is None
    cv2.line(picture, (352, 300), (347, 800), (30, 40, 80), 3, cv2.LINE_AA)
    marks = measure_lower(trace(mask), mask.astype(np.float32), picture)
    assert marks.legs is not None
    for leg in (marks.legs.left, marks.legs.right):
        assert np.abs(leg.inner[:, 0] - 350).max() < 6
        assert 260 < leg.inner[0, 1] < 380
        assert leg.inner[-1, 1] > 780
    assert 0.5 < marks.confidence < 1.0


def test_a_gap_that_ends_too_low_is_continued_along_the_shadow() -> None:
    mask = trousers(crotch=600, gap=40)
    picture = picture_of(mask)
    cv2.line(picture, (350, 310), (350, 610), (30, 40, 80), 3, cv2.LINE_AA)
    marks = measure_lower(trace(mask), mask.astype(np.float32), picture)
    assert marks.legs is not None
    assert 260 < marks.legs.left.inner[0, 1] < 380
    assert np.allclose(marks.legs.left.inner[-1], (330, 800), atol=5)


def test_pleats_of_a_skirt_are_not_legs() -> None:
    mask = drawn([(270, 120), (430, 120), (500, 800), (200, 800)])
    picture = picture_of(mask)
    for x in range(210, 500, 20):
        cv2.line(picture, (350 + (x - 350) // 2, 120), (x, 800), (30, 40, 80), 3, cv2.LINE_AA)
    assert measure_lower(trace(mask), mask.astype(np.float32), picture).legs is None


def test_the_hem_of_a_flared_skirt_hangs_lower_than_its_ends() -> None:
    arc = [(350 + 240 * np.sin(a), 640 + 80 * np.cos(a)) for a in np.linspace(np.pi / 2, -np.pi / 2, 40)]
    marks = measured(drawn([(270, 120), (430, 120), *arc]))
    assert marks.legs is None
    assert np.allclose(marks.hem.left, (110, 640), atol=35)
    assert np.allclose(marks.hem.right, (590, 640), atol=35)
    widths = marks.sides[:, 2] - marks.sides[:, 1]
    assert (np.diff(widths)[:-1] > 0).all()
    assert (np.diff(marks.sides[:, 0]) > 0).all()


@pytest.mark.parametrize("degrees", [-4.0, 3.0])
def test_corners_of_a_photo_taken_at_an_angle(degrees: float) -> None:
    corners = np.array([(250.0, 120.0), (450.0, 120.0), (470.0, 800.0), (230.0, 800.0)])
    outline = [*corners[:2].tolist(), (470, 800), (380, 800), (350, 310), (320, 800), (230, 800)]
    marks = measured(drawn([(x, y) for x, y in outline], turned=degrees))
    matrix = cv2.getRotationMatrix2D((350.0, 450.0), degrees, 1.0)
    expected = corners @ matrix[:, :2].T + matrix[:, 2]
    found = (marks.waist.left, marks.waist.right, marks.hem.right, marks.hem.left)
    assert marks.legs is not None
    assert np.allclose(found, expected, atol=6)


def test_samples(garments: Prepared) -> None:
    denim, skirt = garments("trousers_denim"), garments("skirt_navy")
    assert denim.lower is not None
    assert denim.lower.legs is not None
    assert skirt.lower is not None
    assert skirt.lower.legs is None
    for marks in (denim.lower, skirt.lower):
        assert marks.confidence > 0.9
        assert marks.waist.left[0] < marks.sides[0, 1] + 3
        centre = (marks.hem.left[0] + marks.hem.right[0]) / 2
        assert centre == pytest.approx((marks.waist.left[0] + marks.waist.right[0]) / 2, abs=10)


def test_tops_have_none(garments: Prepared) -> None:
    assert garments("tshirt_mustard").lower is None


@pytest.mark.parametrize("ends", [(150, 540), (160, 550)], ids=["left is larger", "right is larger"])
def test_a_gap_beside_the_largest_piece_parts_no_legs(ends: tuple[int, int]) -> None:
    """Of cloth in pieces the outline has one, and its matte the others too."""
    sides = ((ends[0], 340), (360, ends[1]))
    pieces = drawn(*([(x0, 120), (x1, 120), (x1, 800), (x0, 800)] for x0, x1 in sides))
    assert measured(pieces).legs is None
