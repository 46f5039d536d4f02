"""What a composed picture must keep, change and leave behind, on people and garments of the samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from inference.engines.warp.body import measure
from inference.engines.warp.composite import Composed, compose
from inference.engines.warp.fields import diffuse, grow, nearest, unmix
from inference.engines.warp.lay import lay
from inference.engines.warp.types import WarpedGarment
from preprocess.types import Garment, Person

People = Callable[[str], Person]
Garments = Callable[[str], Garment]

CASES = [
    ("p1_man__base", "tshirt_print"),
    ("p2_woman__base", "polo_green"),
    ("p3_woman__base", "tank_rose"),
    ("p4_man__base", "longsleeve_stripes"),
]
BODY_HEIGHT_MARGIN = 0.03
"""Share of the body's height by which the change may reach beyond old and new garment."""


@dataclass(frozen=True)
class Case:
    name: str
    person: Person
    garment: Garment
    warped: WarpedGarment
    composed: Composed

    @property
    def worn(self) -> np.ndarray:
        """Where the new garment lies, sleeves included."""
        cover = self.warped.alpha
        if self.warped.sleeves is not None:
            cover = np.maximum.reduce(
                [cover, self.warped.sleeves.left.alpha, self.warped.sleeves.right.alpha]
            )
        return cover

    @property
    def result(self) -> np.ndarray:
        alpha = self.composed.alpha[..., None]
        return self.person.image * (1 - alpha) + self.composed.rgb * alpha


@pytest.fixture(scope="module")
def cases(people: People, garments: Garments) -> dict[str, Case]:
    made = {}
    for person_name, garment_name in CASES:
        person, garment = people(person_name), garments(garment_name)
        body = measure(person)
        warped = lay(garment, person, body)
        name = f"{person_name}+{garment_name}"
        made[name] = Case(name, person, garment, warped, compose(person, body, warped))
    return made


@pytest.fixture(params=[f"{p}+{g}" for p, g in CASES])
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    return cases[request.param]


def test_shapes_and_ranges(case: Case) -> None:
    assert case.composed.rgb.shape == case.person.image.shape
    assert case.composed.rgb.dtype == np.uint8
    alpha = case.composed.alpha
    assert alpha.shape == case.person.image.shape[:2]
    assert alpha.dtype == np.float32
    assert alpha.min() >= 0.0
    assert alpha.max() <= 1.0
    assert all(np.isfinite(value) for value in case.composed.metrics.values())


def test_change_stays_near_old_and_new_garment(case: Case) -> None:
    rows = np.flatnonzero((case.person.matte.alpha > 0.5).any(axis=1))
    margin = BODY_HEIGHT_MARGIN * (rows[-1] - rows[0])
    allowed = grow((case.person.parsing.weight("upper") > 0.2) | (case.worn > 0.2), margin)
    assert case.composed.alpha[~allowed].max() == 0.0


def test_face_hair_and_fingers_are_the_photo(case: Case) -> None:
    result = np.rint(case.result)
    changed = np.abs(result - case.person.image).max(axis=-1) > 2
    head = case.person.parsing.region("hair", "face")
    assert changed[head].mean() < 0.01
    hands = case.person.parsing.region("hands")
    cloth = grow(case.person.parsing.region("upper") | (case.worn > 0.1), 24)
    fingers = hands & ~cloth
    assert fingers.sum() > 50
    assert changed[fingers].mean() < 0.01


def test_old_garment_leaves_no_scraps(case: Case) -> None:
    """Where the old garment was, nothing of it may be left: every pixel of its core is replaced."""
    core = case.person.parsing.weight("upper") > 0.95
    assert (case.composed.alpha[core] < 0.5).mean() < 0.005


def test_colours_stay_the_product_s(case: Case) -> None:
    """Median colour of the torso within delta E 5 of the product as it was laid down."""
    inside = cv2.erode((case.warped.alpha > 0.99).astype(np.uint8), np.ones((31, 31), np.uint8)) > 0
    inside &= case.composed.alpha > 0.99
    inside &= ~case.person.parsing.region("left_arm", "right_arm", "hands", "hair")
    assert inside.sum() > 1000
    product = case.warped.rgb[inside].mean(axis=0)
    shown = case.result[inside].mean(axis=0)
    pair = np.array([[product, shown]], np.float32) / 255
    lab = cv2.cvtColor(pair, cv2.COLOR_RGB2LAB)[0]
    assert np.linalg.norm(lab[0] - lab[1]) < 5.0


def test_no_hard_steps_in_the_mask(case: Case) -> None:
    """The mask ramps at its border instead of jumping from 0 to 1."""
    alpha = case.composed.alpha
    steps = np.abs(np.diff(alpha, axis=1)).max()
    assert steps < 0.7


def test_diffuse_keeps_known_pixels_and_runs_gradients_on() -> None:
    ramp = np.repeat(np.linspace(0, 200, 64, dtype=np.float32)[None, :, None], 48, axis=0)
    image = np.repeat(ramp, 3, axis=2)
    known = np.ones((48, 64), np.float32)
    known[16:32, 20:44] = 0
    damaged = image * known[..., None]
    filled = diffuse(damaged, known)
    assert np.abs(filled - image)[known > 0].max() < 1e-3
    assert np.abs(filled - image)[known == 0].mean() < 12


def test_nearest_takes_the_closest_colour() -> None:
    image = np.zeros((5, 9, 3), np.float32)
    image[:, 0] = 10
    image[:, 8] = 90
    known = np.zeros((5, 9), bool)
    known[:, [0, 8]] = True
    filled = nearest(image, known)
    assert (filled[:, 2] == 10).all()
    assert (filled[:, 6] == 90).all()


def test_unmix_frees_a_soft_border_from_its_background() -> None:
    alpha = np.repeat(np.clip((np.arange(64, dtype=np.float32) - 28) / 8, 0, 1)[None], 32, axis=0)
    front, back = np.float32([200, 120, 80]), np.float32([20, 20, 220])
    image = back + (front - back) * alpha[..., None]
    clean = unmix(image.astype(np.float32), alpha, 12.0)
    border = (alpha > 0.3) & (alpha < 0.9)
    assert np.abs(clean[border] - front).mean() < 12
    assert np.abs(image[border] - front).mean() > 40
