"""Lace and sheer sleeves, drawn over a sample's outline with known opacity; opaque garments stay opaque."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.engines.warp.body import measure
from inference.engines.warp.composite import Composed, compose
from inference.engines.warp.lay import lay
from inference.engines.warp.occlusion import see_through
from inference.engines.warp.resample import cloth_for, opacity_at
from inference.engines.warp.types import SleeveLayer
from preprocess.garment.backdrop import fit_ring, to_lab
from preprocess.garment.cutout import Cutout
from preprocess.garment.sheer import opacity_of, solid_lace, unevenness, without_ground
from preprocess.types import Alpha, Garment, Person, Rgb, Sides

Garments = Callable[[str], Garment]
Float = NDArray[np.float32]

PAPER = (238, 238, 240)
RED, BLACK, NAVY, WHITE = (150, 20, 50), (25, 25, 28), (30, 40, 90), (226, 226, 222)
LAYER = 0.35
"""Opacity of one layer of the drawn sheer cloth."""
PITCH, RADIUS = 14, 4
"""Pixels between the holes of the drawn lace, and their radius."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A garment drawn flat on paper, with the opacity of one layer of it."""

    image: Rgb
    opacity: Alpha


@pytest.fixture(scope="module")
def shirt(garments: Garments) -> Garment:
    return garments("longsleeve_stripes")


def sleeves_of(shirt: Garment) -> NDArray[np.bool_]:
    assert shirt.landmarks is not None
    assert shirt.landmarks.sleeves is not None
    return np.asarray((shirt.landmarks.sleeves.left.region + shirt.landmarks.sleeves.right.region) > 0.5)


def with_sheer_sleeves(shirt: Garment, cloth: tuple[int, int, int], *, cuff: int = 2) -> Drawn:
    """Sleeves of two layers, ``cuff`` times as many in the last 14 pixels, on an opaque torso."""
    height, width = shirt.alpha.shape
    xs, ys = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    layers = np.full(shirt.alpha.shape, 2.0, np.float32)
    assert shirt.landmarks is not None
    assert shirt.landmarks.sleeves is not None
    for sleeve in (shirt.landmarks.sleeves.left, shirt.landmarks.sleeves.right):
        x, y = map(float, sleeve.outer[-1])
        end_x, end_y = map(float, sleeve.inner[-1])
        dx, dy = (np.array([end_x - x, end_y - y]) / np.hypot(end_x - x, end_y - y)).tolist()
        layers[np.abs((xs - x) * dy - (ys - y) * dx) < 14] *= cuff
    sleeves = sleeves_of(shirt)
    both = np.where(sleeves, 1 - (1 - LAYER) ** layers, 1.0)
    one = np.where(sleeves, 1 - (1 - LAYER) ** (layers / 2), 1.0).astype(np.float32)
    return Drawn(image=on_paper(shirt.alpha * both, cloth), opacity=one)


def with_lace_yoke(shirt: Garment, cloth: tuple[int, int, int], *, even: bool = True) -> Drawn:
    """Round holes above the armpits, in rows or strewn at random."""
    assert shirt.landmarks is not None
    bottom = int(min(shirt.landmarks.armpit.left[1], shirt.landmarks.armpit.right[1]))
    height, width = shirt.alpha.shape
    holes = np.zeros((height, width), np.uint8)
    rng = np.random.default_rng(5)
    for y in range(0, bottom - RADIUS, PITCH):
        for x in range((y // PITCH % 2) * PITCH // 2, width, PITCH):
            strewn = (int(rng.integers(0, width)), int(rng.integers(0, bottom)))
            cv2.circle(holes, (x, y) if even else strewn, RADIUS, 255, -1, cv2.LINE_AA)
    opacity = (1 - holes / 255).astype(np.float32)
    return Drawn(image=on_paper(shirt.alpha * opacity, cloth), opacity=opacity)


def with_net(shirt: Garment, cloth: tuple[int, int, int], *, flowers: int) -> Drawn:
    """Threads round cells of all sizes, with flowers of solid cloth among them, above the armpits."""
    assert shirt.landmarks is not None
    bottom = int(min(shirt.landmarks.armpit.left[1], shirt.landmarks.armpit.right[1]))
    height, width = shirt.alpha.shape
    rng = np.random.default_rng(7)
    apart = np.ones((height, width), np.uint8)
    count = height * width // PITCH**2
    apart[rng.integers(0, height, count), rng.integers(0, width, count)] = 0
    _, cells = cv2.distanceTransformWithLabels(apart, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    borders = np.zeros((height, width), np.uint8)
    borders[:, 1:] |= cells[:, 1:] != cells[:, :-1]
    borders[1:] |= cells[1:] != cells[:-1]
    threads = cv2.dilate(borders, np.ones((2, 2), np.uint8)) * 255
    for _ in range(flowers):
        middle = (int(rng.integers(0, width)), int(rng.integers(0, bottom)))
        for petal in range(5):
            cv2.ellipse(threads, middle, (2 * PITCH, PITCH // 2), 72.0 * petal, 0, 360, 255, -1)
    threads[bottom:] = 255
    opacity = (threads / 255).astype(np.float32)
    return Drawn(image=on_paper(shirt.alpha * opacity, cloth), opacity=opacity)


def on_paper(alpha: Float, cloth: tuple[int, int, int]) -> Rgb:
    soft = cv2.GaussianBlur(alpha.astype(np.float32), (0, 0), 0.6)[..., None]
    grain = np.random.default_rng(3).normal(0, 0.8, (*alpha.shape, 3))
    picture = np.array(PAPER) * (1 - soft) + np.array(cloth) * soft + grain
    return np.clip(picture, 0, 255).astype(np.uint8)


def found(shirt: Garment, image: Rgb) -> Alpha | None:
    return opacity_of(image, shirt.alpha, shirt.landmarks, fit_ring(to_lab(image)))


@pytest.mark.parametrize("cloth", [RED, BLACK])
def test_sheer_sleeves_let_through_what_one_layer_lets_through(
    shirt: Garment, cloth: tuple[int, int, int]
) -> None:
    drawn = with_sheer_sleeves(shirt, cloth)
    opacity = found(shirt, drawn.image)
    assert opacity is not None
    inside = sleeves_of(shirt) & (shirt.alpha > 0.98)
    assert np.abs(opacity - drawn.opacity)[inside].mean() < 0.06
    assert (opacity[~cv2.dilate(sleeves_of(shirt).astype(np.uint8), np.ones((5, 5))).astype(bool)] == 1).all()


def test_paler_sleeves_without_a_double_cuff_are_no_sheer_ones(shirt: Garment) -> None:
    assert found(shirt, with_sheer_sleeves(shirt, BLACK, cuff=1).image) is None


def test_ribbed_cuffs_denser_than_double_cloth_are_no_proof(shirt: Garment) -> None:
    assert found(shirt, with_sheer_sleeves(shirt, BLACK, cuff=4).image) is None


def test_lace_shows_the_background_through_its_holes(shirt: Garment) -> None:
    drawn = with_lace_yoke(shirt, NAVY)
    opacity = found(shirt, drawn.image)
    assert opacity is not None
    yoke = cv2.blur(drawn.opacity, (61, 61)) < 0.85
    sure = (shirt.alpha > 0.98) & yoke
    assert opacity[sure & (drawn.opacity == 0)].mean() < 0.15
    assert opacity[sure & (cv2.erode(drawn.opacity, np.ones((3, 3))) == 1)].mean() > 0.9


@pytest.mark.parametrize("flowers", [0, 20])
def test_lace_of_uneven_cells_with_flowers_lets_through(shirt: Garment, flowers: int) -> None:
    drawn = with_net(shirt, NAVY, flowers=flowers)
    opacity = found(shirt, drawn.image)
    assert opacity is not None
    sure = (shirt.alpha > 0.98) & (cv2.blur(drawn.opacity, (61, 61)) < 0.8)
    assert opacity[sure & (cv2.dilate(drawn.opacity, np.ones((3, 3))) == 0)].mean() < 0.1
    assert opacity[sure & (cv2.erode(drawn.opacity, np.ones((5, 5))) == 1)].mean() > 0.9
    below = np.flatnonzero((drawn.opacity == 1).all(axis=1))[0] + 40
    assert opacity[below:][cv2.erode(shirt.alpha, np.ones((5, 5)))[below:] > 0.98].min() > 0.95


def test_strewn_white_dots_are_a_print(shirt: Garment) -> None:
    assert found(shirt, with_lace_yoke(shirt, NAVY, even=False).image) is None


def test_pale_cloth_on_pale_paper_stays_opaque(shirt: Garment) -> None:
    assert found(shirt, with_lace_yoke(shirt, WHITE).image) is None
    assert found(shirt, with_sheer_sleeves(shirt, WHITE).image) is None


@pytest.mark.parametrize(
    "name",
    ["dress_floral", "longsleeve_stripes", "polo_green", "tank_rose", "tshirt_mustard", "tshirt_print"],
)
def test_samples_are_opaque(garments: Garments, name: str) -> None:
    garment = garments(name)
    assert garment.opacity is None
    assert not [notice for notice in garment.notices if notice.name == "garment-see-through"]


def test_holes_that_the_cut_out_took_for_gaps_are_filled_in_lace_only(shirt: Garment) -> None:
    for even in (True, False):
        drawn = with_lace_yoke(shirt, NAVY, even=even)
        backdrop = fit_ring(to_lab(drawn.image))
        cutout = Cutout(alpha=shirt.alpha * drawn.opacity, confidence=1.0, contrast=60.0, backdrop=backdrop)
        mended = solid_lace(drawn.image, cutout)
        if even:
            assert mended[(shirt.alpha > 0.98) & (drawn.opacity == 0)].mean() > 0.95
        else:
            assert (mended == cutout.alpha).all()


def test_colours_of_sheer_cloth_are_freed_of_the_paper(shirt: Garment) -> None:
    drawn = with_sheer_sleeves(shirt, RED)
    own = without_ground(drawn.image, drawn.opacity, fit_ring(to_lab(drawn.image)))
    inside = cv2.erode((sleeves_of(shirt) & (shirt.alpha > 0.98)).astype(np.uint8), np.ones((9, 9))) > 0
    assert np.abs(np.median(own[inside], axis=0) - RED).max() < 8
    opaque = drawn.opacity == 1
    assert (own[opaque] == drawn.image[opaque]).all()


def test_spacing_tells_rows_from_chance() -> None:
    rows = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0)), axis=-1).reshape(-1, 2)
    chance = np.random.default_rng(1).uniform(0, 20, (400, 2))
    assert unevenness(rows) == 0
    assert 0.45 < unevenness(chance) < 0.6


def test_arms_show_through_sheer_sleeves_only() -> None:
    def layer(opacity: float | None) -> SleeveLayer:
        plane = np.ones((8, 8), np.float32)
        return SleeveLayer(
            rgb=np.zeros((8, 8, 3), np.float32),
            alpha=plane,
            across=plane,
            reach=1.0,
            opacity=None if opacity is None else plane * np.float32(opacity),
        )

    assert see_through(Sides(left=layer(0.4), right=layer(0.5)))
    assert not see_through(Sides(left=layer(0.4), right=layer(1.0)))
    assert not see_through(Sides(left=layer(None), right=layer(None)))


def test_what_lies_outside_the_garment_is_opaque() -> None:
    cloth = cloth_for(np.zeros((10, 10, 3), np.uint8), 1.0)
    source = np.array([[[5.0, 5.0], [50.0, 5.0]]], np.float32)
    drawn = opacity_at(cloth, np.full((10, 10), 0.3, np.float32), source)
    assert drawn is not None
    assert drawn[0] == pytest.approx([0.3, 1.0])


def worn(person: Person, garment: Garment) -> Composed:
    body = measure(person)
    return compose(person, body, lay(garment, person, body))


def test_skin_shows_at_arms_and_shoulders_never_at_the_chest(
    shirt: Garment, people: Callable[[str], Person]
) -> None:
    person = people("p1_man__base")
    opacity = np.full(shirt.alpha.shape, 0.4, np.float32)
    thin, opaque = (
        worn(person, replace(shirt, opacity=each)).rgb.astype(np.float32) for each in (opacity, None)
    )
    body = measure(person)
    lined = body.shoulder_mid - body.up * 0.4 * body.torso_length
    yoke = body.shoulder_mid - body.up * 0.12 * body.torso_length + body.across * 0.3 * body.shoulder_width
    arm = 0.5 * (body.arms.left.elbow + body.arms.left.wrist)
    changes = [
        np.abs(thin - opaque)[int(y) - 4 : int(y) + 4, int(x) - 4 : int(x) + 4] for x, y in (arm, yoke)
    ]
    assert min(float(change.mean()) for change in changes) > 15
    x, y = map(int, lined)
    assert np.abs(thin - opaque)[y : y + 60, x - 60 : x + 60].max() <= 1
