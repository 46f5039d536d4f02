"""Cut-out, landmarks, collar and category of garment photos, on the rendered samples and drawn pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from preprocess.errors import InputError
from preprocess.garment import prepare_garment
from preprocess.garment.armpits import pair_armpits
from preprocess.garment.category import resolve
from preprocess.garment.cutout import cut_out
from preprocess.garment.outline import trace
from preprocess.types import Garment, Photo, Rgb

Prepared = Callable[[str], Garment]


def photo_of(rgb: Rgb) -> Photo:
    return Photo(rgb=rgb, sha256=hashlib.sha256(rgb.tobytes()).hexdigest(), format="PNG")


def drawn_outline() -> NDArray[np.uint8]:
    """Where the drawn T-shirt is, 0..255, 480x400."""
    outline = np.array(
        [(150, 90), (180, 80), (220, 80), (250, 90), (340, 170), (305, 205), (265, 175)]
        + [(265, 400), (135, 400), (135, 175), (95, 205), (60, 170)],
        np.int32,
    )
    mask = np.zeros((480, 400), np.uint8)
    cv2.fillPoly(mask, [outline.reshape(-1, 1, 2)], 255, lineType=cv2.LINE_AA)
    return np.asarray(mask, np.uint8)


def drawn_shirt(cloth: tuple[int, int, int], paper: tuple[int, int, int], noise: float = 1.0) -> Rgb:
    """A flat T-shirt with a soft shadow below, 480x400."""
    mask = drawn_outline()
    soft = mask[..., None] / 255.0
    shade = cv2.GaussianBlur(np.roll(mask, 8, axis=0), (0, 0), 9)[..., None] / 255.0
    light = np.linspace(1.0, 0.95, 480)[:, None, None]
    picture = np.array(paper) * light * (1 - 0.12 * shade) * (1 - soft) + np.array(cloth) * soft
    grain = np.random.default_rng(7).normal(0, noise, picture.shape)
    return np.asarray(np.clip(picture + grain, 0, 255), np.uint8)


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("dress_floral", 0.99),
        ("longsleeve_stripes", 0.97),  # white cuffs on near-white paper
        ("polo_green", 0.99),
        ("skirt_navy", 0.99),
        ("tank_rose", 0.99),
        ("trousers_denim", 0.99),
        ("tshirt_mustard", 0.99),
        ("tshirt_print", 0.98),  # near-white cloth
    ],
)
def test_cutout_matches_the_true_mask(garments: Prepared, samples: Path, name: str, least: float) -> None:
    truth = np.asarray(Image.open(samples / "truth" / f"garment__{name}.mask.png")) > 127
    found = garments(name).alpha > 0.5
    assert (found & truth).sum() / (found | truth).sum() >= least


def test_matte_is_soft_and_carries_no_background(garments: Prepared, samples: Path) -> None:
    garment = garments("skirt_navy")
    assert garment.alpha.dtype == np.float32
    assert 0.0 <= garment.alpha.min() <= garment.alpha.max() <= 1.0
    half = (garment.alpha > 0.1) & (garment.alpha < 0.9)
    assert 300 < half.sum() < 0.02 * half.size
    # nearly opaque pixels have the cloth's darkness, not the paper's
    assert garment.image[garment.alpha > 0.95].mean(axis=1).max() < 190


@pytest.mark.parametrize(
    ("cloth", "paper"),
    [
        ((250, 250, 248), (235, 235, 235)),  # lighter than the paper
        ((250, 250, 248), (214, 190, 170)),
        ((222, 214, 200), (235, 235, 235)),  # pale on pale
        ((200, 40, 40), (214, 190, 170)),
    ],
)
def test_drawn_shirts_of_any_colour_are_cut_out(
    cloth: tuple[int, int, int], paper: tuple[int, int, int]
) -> None:
    found = cut_out(drawn_shirt(cloth, paper)).alpha > 0.5
    truth = drawn_outline() > 127
    assert (found & truth).sum() / (found | truth).sum() > 0.93


def test_pale_flowers_at_the_outline_are_cloth() -> None:
    picture, truth = drawn_shirt((90, 150, 220), (236, 236, 232)), drawn_outline() > 127
    flowers = np.zeros(truth.shape, np.uint8)
    for y in range(90, 400, 26):
        for x in range(64 + 13 * (y // 26 % 2), 340, 26):
            cv2.circle(flowers, (x, y), 8, 1, -1, cv2.LINE_AA)
    picture[(flowers > 0) & truth] = (236, 236, 232)
    found = cut_out(picture).alpha > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.96


def test_confidence_falls_with_contrast() -> None:
    clear = cut_out(drawn_shirt((20, 30, 90), (235, 235, 235))).confidence
    faint = cut_out(drawn_shirt((236, 236, 234), (236, 236, 236))).confidence
    assert clear > 0.85
    assert faint < clear - 0.1


def _blank() -> Rgb:
    return np.full((400, 300, 3), 240, np.uint8)


def _noise() -> Rgb:
    return np.random.default_rng(3).integers(0, 255, (400, 300, 3), dtype=np.uint8)


def _speck() -> Rgb:
    picture = _blank()
    picture[180:210, 130:160] = 30
    return picture


def _gradient() -> Rgb:
    ramp = np.linspace(40, 220, 400)[:, None, None]
    return np.broadcast_to(ramp, (400, 300, 3)).astype(np.uint8)


def _two_shirts() -> Rgb:
    shirt = drawn_shirt((40, 60, 120), (236, 236, 236))
    return np.hstack([shirt, shirt])


def _behind_bars() -> Rgb:
    shirt = drawn_shirt((40, 60, 120), (236, 236, 236))
    for at in range(20, 400, 60):
        shirt[:, at : at + 30] = 236
    return shirt


@pytest.mark.parametrize("make", [_blank, _noise, _speck, _gradient, _two_shirts, _behind_bars])
def test_pictures_without_a_garment_are_refused(make: Callable[[], Rgb]) -> None:
    with pytest.raises(InputError) as refusal:
        prepare_garment(photo_of(make()))
    assert refusal.value.slug == "no-garment"
    assert "photograph it" in refusal.value.detail


@pytest.mark.parametrize(
    ("name", "length", "collar"),
    [
        ("tshirt_mustard", "short", {"crew", "scoop"}),
        ("tshirt_print", "short", {"crew", "scoop"}),
        ("longsleeve_stripes", "long", {"crew", "scoop"}),
        ("polo_green", "short", {"collared"}),
        ("tank_rose", "sleeveless", {"scoop"}),
    ],
)
def test_tops_have_their_sleeves_and_collar(
    garments: Prepared, name: str, length: str, collar: set[str]
) -> None:
    garment = garments(name)
    assert garment.category == "upper"
    assert garment.sleeve_length == length
    assert garment.collar is not None
    assert garment.collar.kind in collar
    assert garment.landmarks is not None
    assert (garment.landmarks.sleeves is None) == (length == "sleeveless")
    assert garment.landmarks.confidence > 0.6


@pytest.mark.parametrize("name", ["tshirt_mustard", "tshirt_print", "longsleeve_stripes", "polo_green"])
def test_landmarks_mirror_and_lie_in_order(garments: Prepared, name: str) -> None:
    marks = garments(name).landmarks
    assert marks is not None
    width = marks.armpit.right[0] - marks.armpit.left[0]
    for pair in (marks.neck, marks.shoulder, marks.armpit, marks.hem):
        assert pair.left[0] < marks.centre_x < pair.right[0]
        assert abs((pair.left[0] + pair.right[0]) / 2 - marks.centre_x) < 0.05 * width
    assert marks.neck.left[1] < marks.shoulder.left[1] < marks.armpit.left[1] < marks.hem.left[1]
    assert (np.diff(marks.sides[:, 0]) > 0).all()
    assert (marks.sides[:, 1] < marks.sides[:, 2]).all()


@pytest.mark.parametrize("name", ["tshirt_mustard", "longsleeve_stripes", "polo_green"])
def test_sleeve_regions_lie_on_the_cloth_beside_the_torso(garments: Prepared, name: str) -> None:
    garment = garments(name)
    marks = garment.landmarks
    assert marks is not None
    assert marks.sleeves is not None
    columns = np.arange(garment.alpha.shape[1])
    for sleeve, armpit, outward in (
        (marks.sleeves.left, marks.armpit.left, -1),
        (marks.sleeves.right, marks.armpit.right, 1),
    ):
        inside = sleeve.region > 0.5
        assert 0.03 < inside.sum() / (garment.alpha > 0.5).sum() < 0.35
        assert not (inside & (garment.alpha <= 0)).any()
        beside = (columns - armpit[0]) * outward > -0.1 * garment.alpha.shape[1]
        assert inside[:, beside].sum() > 0.98 * inside.sum()
        assert np.hypot(*(sleeve.outer[0] - sleeve.outer[-1])) > 40


@pytest.mark.parametrize("name", ["tshirt_mustard", "tshirt_print", "longsleeve_stripes", "tank_rose"])
def test_opening_takes_label_and_inner_back_but_no_front(garments: Prepared, name: str) -> None:
    garment = garments(name)
    assert garment.collar is not None
    opening = garment.collar.opening > 0.5
    front = garment.collar.front
    lowest = int(front[:, 1].max())
    middle = round(float(front[len(front) // 2, 0]))
    cloth = garment.alpha[: lowest - 2, middle] > 0.05
    assert opening[: lowest - 2, middle][cloth].all()
    assert not opening[lowest + 2 :, middle].any()
    # just below the front edge the cloth is lighter than the shaded inside just above it
    grey = garment.image.mean(axis=-1)
    points = front[20:-20].round().astype(int)
    above = np.median([grey[y - 6, x] for x, y in points])
    below = np.median([grey[y + 8, x] for x, y in points])
    assert below > above
    turn = np.diff(front, n=2, axis=0)
    assert np.abs(turn).max() < 2.5  # smooth: no step from one point to the next


@pytest.mark.parametrize(
    ("name", "category"), [("skirt_navy", "lower"), ("trousers_denim", "lower"), ("dress_floral", "dress")]
)
def test_bottoms_and_dresses_are_told_from_tops(garments: Prepared, name: str, category: str) -> None:
    garment = garments(name)
    assert garment.category == category
    assert (garment.landmarks is None) == (garment.collar is None) == (category == "lower")
    assert garment.lower is not None


@pytest.mark.parametrize("name", ["skirt_navy", "trousers_denim"])
def test_a_claim_that_is_clearly_wrong_is_refused(garments: Prepared, name: str) -> None:
    with pytest.raises(InputError) as refusal:
        resolve("upper", trace(garments(name).alpha > 0.5))
    assert refusal.value.slug == "category-conflict"
    assert "category=lower" in refusal.value.detail


@pytest.mark.parametrize(
    ("name", "claim", "warned"),
    [
        ("dress_floral", "dress", False),
        ("dress_floral", "upper", True),  # knee-long tunics have its shape, too
        ("tshirt_mustard", "upper", False),
        ("longsleeve_stripes", "upper", False),
    ],
)
def test_any_other_claim_stands(garments: Prepared, name: str, claim: str, warned: bool) -> None:
    category, notices = resolve(claim, trace(garments(name).alpha > 0.5))
    assert category == claim
    assert [notice.name for notice in notices] == ["garment-category-unsure"] * warned


def test_a_print_below_the_neck_does_not_pull_the_collar_down() -> None:
    """White tee, faint neckline, a dark print right below it: the curve stays above the print."""
    picture = drawn_shirt((250, 250, 248), (226, 226, 226), noise=0.4)
    cv2.ellipse(picture, (200, 80), (22, 10), 0, 0, 180, (236, 236, 234), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (200, 80), (22, 10), 0, 0, 180, (215, 215, 213), 1, cv2.LINE_AA)
    for x in (180, 220):
        cv2.circle(picture, (x, 118), 16, (25, 20, 20), -1, cv2.LINE_AA)
    cv2.rectangle(picture, (188, 118), (212, 150), (190, 20, 30), -1)
    garment = prepare_garment(photo_of(picture), category="upper")
    assert garment.collar is not None
    lowest = garment.frame.to_photo(garment.collar.front)[:, 1].max()
    assert 84 < lowest < 104


def test_the_frame_is_bounded_and_leads_back_to_the_photo(samples: Path) -> None:
    photo = photo_of(np.asarray(Image.open(samples / "garments" / "tshirt_mustard.jpg")))
    garment = prepare_garment(photo, max_side=700, description="a mustard tee")
    assert max(garment.frame.width, garment.frame.height) == 700
    assert garment.alpha.shape == garment.image.shape[:2] == (garment.frame.height, garment.frame.width)
    corner = garment.frame.to_photo(np.array([[garment.frame.width, garment.frame.height]], np.float32))
    assert np.allclose(corner, [[photo.width, photo.height]], atol=1.0)
    assert garment.description == "a mustard tee"
    assert garment.kind == "flat"


def test_a_chest_of_a_few_pixels_has_armpits() -> None:
    mask = np.zeros((300, 300), bool)
    mask[10:290, 146:154] = True
    mask[150:290, 60:240] = True
    pits = pair_armpits(trace(mask), hem=286.0)
    for pit in (pits.left, pits.right):
        assert 10 <= pit.point[1] < 290
        assert 60 <= pit.point[0] <= 240


def test_a_photo_pasted_onto_a_page_is_cut_out_inside_it() -> None:
    page = np.full((700, 600, 3), 255, np.uint8)
    page[110:590, 100:500] = drawn_shirt((20, 30, 90), (240, 240, 240), noise=0.5)
    found = cut_out(page).alpha > 0.5
    assert 0.8 < found.sum() / (drawn_outline() > 127).sum() < 1.2
