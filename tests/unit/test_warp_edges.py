"""The garment's outline on the body: scraps of the product's cut-out do not reach the picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from inference.engines.warp.background import background_plate
from inference.engines.warp.body import measure
from inference.engines.warp.composite import compose
from inference.engines.warp.edges import even_edges, even_hem
from inference.engines.warp.fields import grow
from inference.engines.warp.lay import lay
from preprocess.types import Garment, Person

People = Callable[[str], Person]
Garments = Callable[[str], Garment]

UNIT = 250.0
"""Shoulder width in pixels of the drawn shirts."""
SHADOW_BAND = 0.07
"""Shoulder widths below the hem that the garment's shadow may darken."""


def drawn_shirt(bend: float) -> tuple[np.ndarray, np.ndarray]:
    """Alpha of a torso with a bent hem, and the row of the hem at every column (-1 = no cloth)."""
    rows = np.arange(400, dtype=np.float32)[:, None]
    columns = np.arange(400, dtype=np.float32)
    hem = np.where((columns >= 60) & (columns < 340), 330 + bend * ((columns - 200) / 140) ** 2, -1)
    return np.clip(hem - rows + 0.5, 0, 1).astype(np.float32), hem


@pytest.mark.parametrize("bend", [0.0, -18.0, 12.0])
def test_scraps_below_a_hem_are_cut_off(bend: float) -> None:
    clean, hem = drawn_shirt(bend)
    torn = clean.copy()
    for start, width, depth in ((90, 14, 4), (150, 25, 3), (230, 8, 6), (300, 18, 4)):
        for column in range(start, start + width):
            torn[: int(hem[column]) + depth, column] = 1.0
    assert np.abs(torn - clean).sum() > 100
    even = even_hem(torn, UNIT)
    assert np.abs(even - clean).max(axis=1)[:290].max() == 0
    assert np.abs(even - clean).sum() < 0.2 * np.abs(torn - clean).sum()


def test_slits_stay() -> None:
    shirt, _ = drawn_shirt(0.0)
    shirt[280:, 70:90] = 0.0
    assert even_hem(shirt, UNIT)[300:, 72:88].max() < 0.01


@pytest.mark.parametrize(
    ("person_name", "garment_name"),
    [("p1_man__base", "tshirt_print"), ("p3_woman__base", "longsleeve_stripes")],
)
def test_below_the_hem_only_its_shadow_falls(
    people: People, garments: Garments, person_name: str, garment_name: str
) -> None:
    person, garment = people(person_name), garments(garment_name)
    body = measure(person)
    warped = lay(garment, person, body)
    composed = compose(person, body, warped)
    torso = even_edges(warped, body.shoulder_width).alpha
    columns = np.flatnonzero((torso > 0.5).sum(axis=0) > 0.5 * body.torso_length)
    hem = torso.shape[0] - 1 - np.argmax(torso[::-1, columns] > 0.5, axis=0)
    assert np.abs(np.diff(hem[8:-8])).max() <= 2, "one line, no steps"
    rows = np.arange(torso.shape[0])[:, None]
    below = np.zeros(torso.shape, bool)
    below[:, columns] = rows > hem + SHADOW_BAND * body.shoulder_width
    old = grow(person.parsing.weight("upper") > 0.2, 0.05 * body.shoulder_width)
    trousers = below & (person.parsing.weight("lower") > 0.9) & ~old
    assert trousers.sum() > 5000
    assert (composed.alpha[trousers] == 0).mean() > 0.99


def test_busy_backgrounds_run_on_behind_the_body() -> None:
    rng = np.random.default_rng(1)
    columns = np.arange(240)
    stripes = np.where(columns // 12 % 2 == 0, 60.0, 200.0)
    photo = np.repeat(np.tile(stripes, (200, 1))[..., None], 3, axis=2).astype(np.float32)
    photo += rng.normal(0, 2, photo.shape).astype(np.float32)
    matte = np.zeros((200, 240), np.float32)
    matte[80:, 96:144] = 1.0
    dressed = photo.copy()
    dressed[matte > 0] = (250, 20, 20)
    everywhere = np.ones_like(matte, np.bool_)
    plate = background_plate(dressed, matte, 100.0, everywhere)
    strip = np.s_[84:92, 100:140]
    assert np.abs(plate[strip] - photo[strip]).mean() < 8
    again = background_plate(dressed, matte, 100.0, everywhere)
    np.testing.assert_array_equal(plate, again)
    plain = background_plate(np.full_like(photo, 128.0), matte, 100.0, everywhere)
    assert np.abs(plain - 128.0).max() < 8


@pytest.mark.parametrize(
    ("person_name", "garment_name"),
    [("p1_man__longsleeve_stripes", "tshirt_print"), ("p3_woman__base", "longsleeve_stripes")],
)
def test_hands_and_hair_in_front_are_the_photo_s_own(
    people: People, garments: Garments, person_name: str, garment_name: str
) -> None:
    """White sleeves are no reason to take pale fingers for cloth."""
    person, garment = people(person_name), garments(garment_name)
    body = measure(person)
    warped = lay(garment, person, body)
    composed = compose(person, body, warped)
    old = grow(person.parsing.region("upper"), 0.1 * body.shoulder_width)
    sleeves = warped.sleeves
    assert sleeves is not None
    new = grow(np.maximum(sleeves.left.alpha, sleeves.right.alpha) > 0.02, 0.1 * body.shoulder_width)
    untouched = person.parsing.region("hands", "hair", "face") & ~old & ~new
    assert untouched.sum() > 5000
    assert composed.alpha[untouched].max() == 0.0


def test_no_teeth_where_a_sleeve_ends_inside_the_old_one(people: People, garments: Garments) -> None:
    person = people("p4_man__base")
    body = measure(person)
    warped = lay(garments("polo_green"), person, body)
    even = even_edges(warped, body.shoulder_width)
    assert even.sleeves is not None
    shown = compose(person, body, warped).cover
    for sleeve in (even.sleeves.left, even.sleeves.right):
        outline = (sleeve.alpha > 0.0) & (sleeve.alpha < 1.0) & ~grow(even.alpha > 0.0, 30.0)
        assert outline.sum() > 50
        assert np.abs(shown - sleeve.alpha)[outline].mean() < 0.02
