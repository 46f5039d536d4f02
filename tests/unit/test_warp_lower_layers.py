"""Which layer of a photo is whose, where somebody puts on bottoms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from inference.engines.warp.limbs import Limb
from inference.engines.warp.lower.compose import _beside, layers_of
from inference.engines.warp.lower.lay import LaidLower, lay
from inference.engines.warp.lower.put_on import shape_of
from inference.engines.warp.lower.stance import Stance, measure_stance
from inference.engines.warp.lower.view import View, view_of
from preprocess.types import Garment, Person, Sides

Laid = tuple[Person, Stance, LaidLower, View]


@pytest.fixture(scope="module")
def laid(people: Callable[[str], Person], garments: Callable[[str], Garment]) -> Laid:
    person, trousers = people("p4_man__base"), garments("trousers_denim")
    assert trousers.lower is not None
    stance = measure_stance(person)
    shape = replace(shape_of(trousers, trousers.lower, person, stance), over_top=True)
    drawn = lay(trousers, trousers.lower, shape, person, stance)
    return person, stance, drawn, view_of(person, stance, drawn.box)


def test_of_a_tucked_top_what_is_far_beside_the_body_hangs_over_the_waistband(laid: Laid) -> None:
    """An elbow is wider than the line of its bones, by which sleeves are told."""
    person, stance, drawn, view = laid
    none = np.zeros_like(view.upper)
    view = replace(view, upper=none + 1, sleeves=none, arms=none, head=none, shoes=none)
    front = layers_of(view, stance, drawn, person.waist).front
    beside = _beside(stance, drawn)
    assert front[beside > 1.4].min() == 1
    assert front[beside < 1.2].max() == 0


def test_a_leg_goes_only_where_a_painted_one_takes_its_place(laid: Laid) -> None:
    person, stance, drawn, view = laid
    drawn = replace(drawn, shape=replace(drawn.shape, hem=0.4))
    below = (view.level > 1.1).astype(np.float32)
    legs = view.matte * below
    bare = replace(view, legs=legs, lower=view.lower * (1 - below), shoes=np.zeros_like(legs))
    limb = view.limbs.left
    shin = (legs > 0.9) & (np.abs(limb.across) < 0.8) & (limb.along > 0.48)

    def removed(half_width: float) -> float:
        """Most of a shin that goes where painted legs are this wide, pixels."""
        limbs: list[Limb] = [
            replace(limb, half_width=np.full_like(limb.half_width, half_width))
            for limb in (view.limbs.left, view.limbs.right)
        ]
        narrow = replace(bare, limbs=Sides(left=limbs[0], right=limbs[1]))
        return float(layers_of(narrow, stance, drawn, person.waist).removed[shin].max())

    assert removed(1e-3) < 0.2 < 0.3 < removed(1e3)
