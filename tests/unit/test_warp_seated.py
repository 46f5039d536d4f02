"""Trousers and shorts of people who sit: the outline of the old ones is all that is known of their thighs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from inference.engines.warp.fields import shrink
from inference.engines.warp.lower.lay import LaidLower, lay
from inference.engines.warp.lower.put_on import put_on, shape_of
from inference.engines.warp.lower.seated import over_lap, without_rags
from inference.engines.warp.lower.stance import measure_stance
from preprocess.types import Garment, Person

People = Callable[[str], Person]
Garments = Callable[[str], Garment]
TROUSERS = "trousers_denim"


@pytest.fixture(scope="module")
def seated(people: People) -> Person:
    """A sample whose thighs, says the pose, lean outwards by half a right angle."""
    person = people("p4_man__base")
    points = person.pose.points.copy()
    for hip, below in ((23, (25, 27, 29, 31)), (24, (26, 28, 30, 32))):
        thigh = points[below[0]] - points[hip]
        points[list(below)] += (0.5 * thigh[1], -0.5 * thigh[1])  # the knee, and with it the shin
    return replace(person, pose=replace(person.pose, points=points))


def laid_on(person: Person, garment: Garment, hem: float | None = None) -> LaidLower:
    """The garment laid; ``hem``: taken to end at this share of the legs."""
    stance = measure_stance(person)
    assert garment.lower is not None
    shape = shape_of(garment, garment.lower, person, stance)
    return lay(garment, garment.lower, shape if hem is None else replace(shape, hem=hem), person, stance)


def test_trousers_take_the_outline_of_the_old_ones(seated: Person, garments: Garments) -> None:
    tried_on = put_on(seated, garments(TROUSERS), lambda _, work: work())
    assert measure_stance(seated).thigh_angle > 35
    old = shrink(seated.parsing.region("lower"), 4)
    assert (tried_on.person.parsing.weight("lower")[old] > 0.9).mean() > 0.98
    assert "seated" in {notice.name for notice in tried_on.notices}


def test_where_the_pattern_does_not_reach_the_cloth_goes_on_with_its_own_texture() -> None:
    stripes = np.where(np.arange(300) // 6 % 2, 200.0, 90.0).astype(np.float32)
    rgb = np.broadcast_to(stripes[None, :, None], (240, 300, 3)).copy()
    alpha, old = np.zeros((2, 240, 300), np.float32)
    alpha[40:200, 30:180] = 1.0
    old[40:200, 30:260] = 1.0
    cloth, outline = over_lap(rgb * alpha[..., None], alpha, old, 60.0, long=True)
    assert outline[50:190, 190:250].min() == 1.0
    filled = cloth[60:180, 190:240, 0]
    assert filled.std() > 0.5 * stripes.std()  # smeared colours have no stripes
    short = over_lap(rgb * alpha[..., None], alpha, old, 60.0, long=False)[1]
    assert short[60:180, 230:].max() == 0.0


def test_shorts_stay_inside_the_outline(seated: Person, garments: Garments) -> None:
    laid = laid_on(seated, garments(TROUSERS), hem=0.5)
    outside = seated.parsing.weight("lower", "legs")[laid.box.window] < 0.3
    assert laid.alpha[outside].max() == 0.0


def test_sleeves_and_shafts_of_boots_are_no_part_of_the_thighs() -> None:
    cloth = np.zeros((200, 300), np.float32)
    cloth[60:180, 40:260] = 1.0
    cloth[10:60, 150:160] = 1.0  # an arm of a tenth of the hips' width
    kept = without_rags(cloth, 50.0)
    assert kept[10:55, 150:160].max() == 0.0
    assert kept[64:176, 44:256].min() == 1.0
