"""Busy backgrounds go on behind the person with pieces of themselves."""

from __future__ import annotations

import numpy as np
import pytest

from inference.engines.base import FloatRgb
from inference.engines.warp.background import background_plate, wall_plate
from inference.engines.warp.exemplar import _refined, continued
from inference.engines.warp.fields import Bool

UNIT = 60.0


def wall_of_letters() -> FloatRgb:
    """A wall with the same sign every 48 x 56 pixels, lit from the left."""
    sign = np.full((56, 48, 3), 220.0, np.float32)
    sign[12:40, 10:16] = sign[12:18, 10:34] = sign[26:31, 10:28] = (190, 30, 50)
    wall = np.tile(sign, (5, 6, 1))
    return np.asarray(wall * np.linspace(1.0, 0.85, wall.shape[1], dtype=np.float32)[:, None], np.float32)


@pytest.fixture(scope="module")
def hole() -> Bool:
    """A narrow strip, as an old sleeve leaves it, across signs and wall."""
    hole = np.zeros(wall_of_letters().shape[:2], np.bool_)
    hole[50:230, 110:132] = True
    return hole


def test_signs_are_completed(hole: Bool) -> None:
    wall = wall_of_letters()
    photo = np.where(hole[..., None], np.float32(0.0), wall).astype(np.float32)
    found = continued(photo, ~hole, hole, UNIT)
    assert found.filled[hole].mean() > 0.97
    miss = np.abs(found.rgb - wall)[hole & (found.filled > 0.9)]
    assert np.median(miss) < 3.0
    assert (miss > 40.0).mean() < 0.06


def test_the_same_twice_and_nothing_of_the_hole(hole: Bool) -> None:
    wall = wall_of_letters()
    found = []
    for inside in (0.0, 255.0, 0.0):
        photo = np.where(hole[..., None], np.float32(inside), wall).astype(np.float32)
        found.append(continued(photo, ~hole, hole, UNIT).rgb[hole])
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_allclose(found[0], found[1], atol=1e-3)


def test_a_picture_without_any_source_is_left_as_it_is() -> None:
    photo = wall_of_letters()
    known = np.zeros(photo.shape[:2], np.bool_)
    known[:, :4] = True
    assert continued(photo, known, ~known, UNIT).filled[:, 30:].max() == 0.0


def test_walls_stay_smooth(hole: Bool) -> None:
    plain = np.full((*hole.shape, 3), 200.0, np.float32)
    plate = background_plate(plain, hole.astype(np.float32), UNIT, hole)
    assert np.abs(plate - 200.0).max() < 8.0


def test_deep_inside_nothing_is_copied() -> None:
    photo = wall_of_letters()
    wide = np.zeros(photo.shape[:2], np.bool_)
    wide[40:240, 60:230] = True
    deep = np.zeros_like(wide)
    deep[72:180, 100:190] = True
    dressed = np.where(wide[..., None], 0.0, photo).astype(np.float32)
    plate = background_plate(dressed, wide.astype(np.float32), UNIT, wide)
    wall = wall_plate(dressed, wide.astype(np.float32), UNIT)
    np.testing.assert_allclose(plate[deep], wall[deep], atol=0.05)
    assert plate[45:60, 70:220].std() > 20.0


def test_a_shift_is_found_to_the_pixel() -> None:
    turn = np.arange(192) * (2.0 * np.pi / 64.0)
    waves = np.sin(turn)[:, None] + np.cos(turn)[None] + np.sin(turn[:, None] + 2.0 * turn[None])
    photo = np.repeat(waves[..., None], 3, axis=2).astype(np.float32) * 40.0 + 128.0
    ring = np.zeros(photo.shape[:2], np.bool_)
    ring[70:110, 70:110] = True
    known = np.ones_like(ring)
    for near in ((63, -1), (66, 2), (61, 3)):
        assert _refined(photo, known, ring, np.array(near)) == (64, 0)
