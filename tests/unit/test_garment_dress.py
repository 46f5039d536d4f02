"""Landmarks of dresses and jumpsuits: drawn ones with known waists, and the rendered sample."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from preprocess.decode import Limits, decode
from preprocess.garment import collar, prepare_garment
from preprocess.garment.curves import candidates
from preprocess.garment.dress import MeasuredDress, measure_dress, waist_row
from preprocess.garment.evidence import Scores
from preprocess.garment.neckview import CLEAR, GRID_U, GRID_V, NeckView
from preprocess.garment.outline import trace
from preprocess.types import Garment, Rgb
from tests.jumpsuits import CROTCH_ROW, HEM_ROW, STRAPS, TOPS, WAIST_ROW, jumpsuit, png

Prepared = Callable[[str], Garment]
FRAME = (900, 700)
NECK = [(300, 100), (325, 125), (375, 125), (400, 100)]
SKIRT = [(440, 370), (520, 800), (180, 800), (260, 370)]


def drawn(*polygons: list[tuple[int, int]]) -> NDArray[np.bool_]:
    mask = np.zeros(FRAME, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [np.array(polygon, np.int32).reshape(-1, 1, 2)], 1)
    return np.asarray(mask > 0)


def sleeveless(skirt: list[tuple[int, int]]) -> NDArray[np.bool_]:
    """Shoulders 240, chest 240, waist 180 wide where the skirt begins."""
    return drawn([*NECK, (460, 120), (448, 190), (470, 240), *skirt, (230, 240), (252, 190), (240, 120)])


def sleeved(cuff: int) -> NDArray[np.bool_]:
    """Sleeves hang down to the row ``cuff``, beside waist and skirt."""
    arm = [(455, 120), (590, cuff), (545, cuff + 12), (462, 230)]
    other = [(700 - x, y) for x, y in arm]
    return drawn([*NECK, (455, 120), (462, 230), *SKIRT, (238, 230), (245, 120)], arm, other)


def measured(mask: NDArray[np.bool_]) -> MeasuredDress:
    grain = np.random.default_rng(2).normal(0, 2, (*FRAME, 3))
    plain = np.where(mask[..., None], np.array((150, 60, 70), float), 236.0)
    picture: Rgb = np.asarray(np.clip(plain + grain, 0, 255), np.uint8)
    return measure_dress(mask.astype(np.float32), picture, trace(mask))


@pytest.mark.parametrize(
    "opening",
    [[(325, 100), (375, 100), (352, 355), (346, 355)], [(320, 200), (385, 200), (385, 340), (320, 340)]],
)
def test_a_plunging_neck_or_a_cut_out_has_the_torso_on_both_sides(opening: list[tuple[int, int]]) -> None:
    closed = sleeveless(SKIRT)
    torso = measured(closed & ~drawn(opening)).top.landmarks.sides
    whole = measured(closed).top.landmarks.sides
    torso = torso[torso[:, 0] > whole[0, 0]]
    for column in (1, 2):
        assert np.allclose(torso[:, column], np.interp(torso[:, 0], whole[:, 0], whole[:, column]), atol=6)


@pytest.mark.parametrize(
    "mask", [sleeveless(SKIRT), sleeved(260), sleeved(480)], ids=["bare", "short", "long"]
)
def test_the_waist_is_the_narrowest_row_and_shared_by_both_parts(mask: NDArray[np.bool_]) -> None:
    dress = measured(mask)
    top, lower = dress.top.landmarks, dress.lower
    assert top.hem.left[1] == pytest.approx(370, abs=12)
    assert lower.waist == top.hem
    assert tuple(lower.sides[0]) == pytest.approx((top.hem.left[1], top.hem.left[0], top.hem.right[0]), abs=1)
    assert top.hem.left[0] == pytest.approx(260, abs=6)
    assert top.hem.right[0] == pytest.approx(440, abs=6)
    assert np.allclose(lower.hem.left, (180, 800), atol=6)
    assert np.allclose(lower.hem.right, (520, 800), atol=6)
    assert top.armpit.left[1] == pytest.approx(235, abs=30)
    assert lower.legs is None
    assert min(top.confidence, lower.confidence) > 0.8


@pytest.mark.parametrize(("cuff", "length"), [(260, "short"), (480, "long")])
def test_sleeves_beside_the_skirt_belong_to_the_top(cuff: int, length: str) -> None:
    dress = measured(sleeved(cuff))
    sleeves = dress.top.landmarks.sleeves
    assert sleeves is not None
    assert dress.top.sleeve_length == length
    assert sleeves.right.outer[-1, 1] == pytest.approx(cuff, abs=12)
    assert dress.lower.sides[:, 2].max() < 525


def test_a_straight_dress_gets_the_usual_waist_and_less_trust() -> None:
    straight = measured(sleeveless([(470, 800), (230, 800)]))
    fitted = measured(sleeveless(SKIRT))
    assert 270 < straight.top.landmarks.hem.left[1] < 400
    assert straight.lower.confidence < fitted.lower.confidence


def test_a_button_line_does_not_make_legs_of_a_skirt() -> None:
    mask = sleeveless(SKIRT)
    picture = np.where(mask[..., None], np.array((150, 60, 70), np.uint8), np.uint8(236))
    cv2.line(picture, (350, 380), (350, 800), (60, 20, 30), 3, cv2.LINE_AA)
    assert measure_dress(mask.astype(np.float32), picture, trace(mask)).lower.legs is None


@pytest.mark.parametrize(
    "side",
    [[(452, 115), (447, 150), (449, 200), (485, 250)], [(452, 115), (530, 205), (520, 215), (484, 245)]],
    ids=["deep armhole", "sleeve that ends aslant"],
)
def test_no_waist_lies_right_below_an_armhole_or_a_sleeve(side: list[tuple[int, int]]) -> None:
    """The torso is as wide as below them, not as in them."""
    half = [*side, (484, 330), (505, 480), (500, 850), (370, 850), (355, 540), (350, 540)]
    mask = drawn([*NECK, *half, *((700 - x, y) for x, y in half[::-1])])
    assert 320 < measured(mask).top.landmarks.hem.left[1] < 420


BELL = [(round(350 + 80 * np.exp(-y / 220)), 230 + y) for y in range(0, 580, 20)]
TRUMPET = [(10, 100), (690, 100), (690, 200), *BELL, *((700 - x, y) for x, y in BELL[::-1]), (10, 200)]


@pytest.mark.parametrize(
    "outline",
    [
        [(150, 100), (550, 100), (352, 800), (348, 800)],
        [(348, 100), (352, 100), (690, 800), (10, 800)],
        [(10, 300), (690, 300), (690, 630), (10, 630)],
        [(330, 100), (370, 100), (370, 140), (330, 140)],
        TRUMPET,
    ],
    ids=["pennant", "tent", "banner", "patch", "trumpet"],
)
def test_what_is_no_dress_is_measured_too(outline: list[tuple[int, int]]) -> None:
    mask = drawn(outline)
    waist, narrow = waist_row(trace(mask))
    rows = np.flatnonzero(mask.any(axis=1))
    assert rows[0] <= waist <= rows[-1]
    assert narrow >= 0


def test_jumpsuits_have_legs() -> None:
    legs = [(440, 370), (465, 480), (450, 850), (375, 850), (350, 540), (325, 850), (250, 850), (235, 480)]
    dress = measured(sleeveless([*legs, (260, 370)]))
    assert dress.top.landmarks.hem.left[1] == pytest.approx(370, abs=15)
    assert dress.lower.legs is not None
    assert np.allclose(dress.lower.legs.left.inner[0], (350, 540), atol=10)


@pytest.mark.parametrize("legs", [1.0, 0.25])
@pytest.mark.parametrize("top", [*TOPS, "strapped"])
def test_drawn_jumpsuits_and_playsuits(top: str, legs: float) -> None:
    suit = prepare_garment(decode(png(jumpsuit(top, legs=legs)), Limits()))
    assert suit.category == "dress"
    assert suit.landmarks is not None
    assert suit.lower is not None
    assert suit.lower.legs is not None
    assert suit.landmarks.hem == suit.lower.waist
    assert WAIST_ROW - 105 < suit.lower.waist.left[1] < WAIST_ROW + 20
    assert suit.lower.legs.left.inner[0, 1] == pytest.approx(CROTCH_ROW, abs=12)
    assert suit.lower.confidence > 0.9
    assert suit.lower.legs.left.outer[-1, 1] == pytest.approx(
        CROTCH_ROW + legs * (HEM_ROW - CROTCH_ROW), abs=25
    )
    assert (suit.landmarks.sleeves is not None) == (top in ("long", "short"))


def test_armpits_of_a_strapped_bodice_lie_where_its_straps_end() -> None:
    suit = prepare_garment(decode(png(jumpsuit("strapped")), Limits()))
    assert suit.landmarks is not None
    assert suit.landmarks.armpit.left[1] == pytest.approx(WAIST_ROW - 105, abs=6)
    assert suit.landmarks.armpit.left[0] < 384 - STRAPS[0] - STRAPS[1]


def test_a_strapless_bodice_gets_the_shoulders_it_would_have_and_little_trust() -> None:
    suit = prepare_garment(decode(png(jumpsuit("strapless", legs=0.5)), Limits()), category="dress")
    assert suit.landmarks is not None
    marks, edge = suit.landmarks, WAIST_ROW - 105
    for pit in (marks.armpit.left, marks.armpit.right):
        assert pit[1] == pytest.approx(edge, abs=8)
        assert abs(pit[0] - 384) > 80
    assert marks.neck.left[1] == marks.neck.right[1]
    assert marks.neck.left[1] < marks.shoulder.left[1] < edge - 60
    assert marks.shoulder.left[0] < marks.neck.left[0] < marks.neck.right[0] < marks.shoulder.right[0]
    assert (np.diff(marks.sides[:, 0]) > 0).all()
    assert marks.confidence < 0.5


def test_sample(garments: Prepared) -> None:
    garment = garments("dress_floral")
    assert garment.category == "dress"
    assert garment.landmarks is not None
    assert garment.lower is not None
    assert garment.collar is not None
    assert garment.collar.kind == "scoop"
    assert garment.sleeve_length == "sleeveless"
    rows = [garment.landmarks.neck, garment.landmarks.armpit, garment.landmarks.hem, garment.lower.hem]
    heights = [pair.left[1] for pair in rows]
    assert heights == sorted(heights)
    assert garment.lower.waist == garment.landmarks.hem
    assert garment.lower.confidence > 0.9


@pytest.mark.parametrize(("best", "deepest"), [(0.6, 0.3), (1.2, 1.0)])
def test_on_busy_prints_a_deep_neckline_must_be_seen_clearly(best: float, deepest: float) -> None:
    """Where most curves find edges, one that is hardly better than the others is a print's."""
    curves = candidates(pointed_only=False)
    depth = np.array([shape.depth for shape in curves.shapes])
    seen = np.full(len(depth), 0.6, np.float32)
    total = np.where(np.abs(depth - 1.0) < 0.05, best, 0.2)
    scores = Scores(total=total, seen=seen, worth=seen, label=np.zeros_like(seen))
    grid = np.ones((GRID_V, GRID_U), np.float32)
    flat = np.zeros((GRID_V, GRID_U, 3), np.float32)
    view = NeckView(lab=flat, gu=flat, gv=flat, cloth=grid, clear=CLEAR[1], label_above=0 * grid)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collar, "_refine", lambda _, shape: (shape, best if shape.depth > 0.9 else 0.2))
        assert depth[collar._choose(view, curves, scores)] == pytest.approx(deepest, abs=0.2)
