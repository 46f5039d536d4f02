"""Soft borders: shares and colours of hair and skin in front of whatever was behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from inference.engines.warp.body import measure
from inference.engines.warp.fields import Bool, Float, grow, mix, shrink
from inference.engines.warp.lay import lay
from inference.engines.warp.matting import freed
from inference.engines.warp.relabel import collar_shadow
from inference.engines.warp.scene import build_scene
from inference.engines.warp.strands import like_old_top
from preprocess.types import Garment, Person

WALL = np.array([236.0, 236.0, 234.0], np.float32)
KNIT = (np.array([70.0, 120.0, 190.0], np.float32), np.array([240.0, 238.0, 230.0], np.float32))
HAIR = np.array([88.0, 54.0, 34.0], np.float32)
NEW = np.array([20.0, 110.0, 60.0], np.float32)
SIZE = 160


def strands() -> Float:
    """Share of a head of hair with single strands a pixel and a half wide that run out of it."""
    drawn = np.zeros((4 * SIZE, 4 * SIZE), np.uint8)
    cv2.circle(drawn, (0, 2 * SIZE), 260, 255, -1)
    for k in range(12):
        end = (340 + 8 * (k % 4), 130 + 36 * k)
        cv2.line(drawn, (220, 160 + 28 * k), end, 255, 6)
    return np.asarray(cv2.resize(drawn, (SIZE, SIZE), interpolation=cv2.INTER_AREA) / 255.0, np.float32)


def backdrop(kind: str) -> Float:
    """A wall, or a knit of two colours in stripes of ten pixels."""
    if kind == "wall":
        return np.broadcast_to(WALL, (SIZE, SIZE, 3)).astype(np.float32)
    stripe = (np.arange(SIZE) // 10 % 2)[:, None, None]
    return np.broadcast_to(np.where(stripe == 1, *KNIT), (SIZE, SIZE, 3)).astype(np.float32)


def case(kind: str) -> tuple[Float, Float, Float, Bool, Bool]:
    """Photo, true share, first guess, and what is surely hair and surely not."""
    truth = strands()
    lights = np.random.default_rng(3).normal(0.0, 6.0, (SIZE, SIZE, 1)).astype(np.float32)
    photo = np.clip(mix(backdrop(kind), HAIR + lights, truth), 0, 255)
    body = cv2.morphologyEx((truth > 0.5).astype(np.uint8), cv2.MORPH_OPEN, np.ones((9, 9), np.uint8)) > 0
    guess = body.astype(np.float32)
    return photo, truth, guess, shrink(body, 4.0), ~grow(body, 34.0)


@pytest.mark.parametrize(("kind", "share"), [("wall", 0.4), ("knit", 0.7)])
def test_strands_are_found_beyond_the_first_guess(kind: str, share: float) -> None:
    photo, truth, guess, inside, outside = case(kind)
    band = ~(inside | outside)
    layer = freed(photo, guess, inside, outside, band)
    before, after = (np.abs(alpha - truth)[band].mean() for alpha in (guess, layer.alpha))
    assert after < share * before
    assert layer.alpha[band & (truth == 0) & ~grow(truth > 0, 2.0)].mean() < 0.03


@pytest.mark.parametrize("kind", ["wall", "knit"])
def test_nothing_of_the_old_background_shines_on_the_new_one(kind: str) -> None:
    photo, truth, guess, inside, outside = case(kind)
    band = ~(inside | outside)
    layer = freed(photo, guess, inside, outside, band)
    edge = (truth > 0.15) & (truth < 0.85)
    new = np.broadcast_to(NEW, photo.shape).astype(np.float32)
    wanted = mix(new, np.broadcast_to(HAIR, photo.shape).astype(np.float32), truth)
    fringe = np.abs(mix(new, layer.colour, layer.alpha) - wanted)[edge].mean()
    assert fringe < 16.0
    assert fringe < 0.35 * np.abs(mix(new, photo, truth) - wanted)[edge].mean()


def test_outside_the_band_the_photo_and_the_guess_stay() -> None:
    photo, _, guess, inside, outside = case("wall")
    band = ~(inside | outside)
    band[:80] = False
    layer = freed(photo, guess, inside, outside, band)
    np.testing.assert_array_equal(layer.colour[~band], photo[~band])
    np.testing.assert_array_equal(layer.alpha[~band], guess[~band])


def test_cloth_between_fingers_is_no_skin_but_painted_nails_are() -> None:
    photo = np.broadcast_to(np.array([150.0, 95.0, 70.0], np.float32), (50, 40, 3)).copy()
    photo[10:14] = photo[40:] = 220.0
    photo[20:24] = 170.0, 10.0, 30.0
    photo[30:40] *= 0.6
    top = np.zeros((50, 40), np.bool_)
    top[40:] = True
    other = like_old_top(photo, ~top, top)
    assert other[10:14].all()
    assert not np.delete(other, np.s_[10:14], axis=0).any()
    assert not like_old_top(photo, top & ~top, top).any()


def test_a_collar_s_shadow_is_no_lock_of_hair(
    people: Callable[[str], Person], garments: Callable[[str], Garment]
) -> None:
    person = people("p1_man__base")
    body = measure(person)
    scene = build_scene(person, body, lay(garments("tshirt_print"), person, body))
    edge = round(0.03 * scene.unit)
    none = np.zeros_like(scene.matte)
    neck, hair, upper = none.copy(), none.copy(), none.copy()
    neck[20:100, 50:250], upper[100 + edge : 300, 50:250] = 1.0, 1.0
    hair[100 : 100 + edge, 50:250] = 1.0
    lock = np.s_[20 : 110 + edge, 180:240]
    hair[lock] = 1.0
    drawn = replace(scene, parts=replace(scene.parts, neck=neck * (1 - hair), hair=hair, upper=upper))
    found = collar_shadow(drawn, upper > 0.5)
    assert found[100 : 100 + edge, 60:160].all()
    assert not found[lock].any()
    assert not found[hair == 0].any()
