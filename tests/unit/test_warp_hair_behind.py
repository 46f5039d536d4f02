"""Hair that an old collar stood before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from inference.engines.warp.body import measure
from inference.engines.warp.hair_behind import hair_behind
from inference.engines.warp.lay import lay
from inference.engines.warp.scene import Scene, build_scene
from inference.engines.warp.types import Body
from preprocess.types import Garment, Person


@pytest.fixture(scope="module")
def collared(people: Callable[[str], Person], garments: Callable[[str], Garment]) -> tuple[Scene, Body]:
    """A woman whose collar stands before her long hair."""
    person = people("p3_woman__base")
    body = measure(person)
    return build_scene(person, body, lay(garments("tank_rose"), person, body)), body


def test_hair_beside_a_collar_goes_on_behind_it(collared: tuple[Scene, Body]) -> None:
    scene, body = collared
    weight, plate = hair_behind(scene, body)
    behind = (weight > 0.9) & (scene.parts.upper > 0.9)
    for side in (scene.lateral < 0, scene.lateral > 0):
        assert (behind & side).sum() > 0.001 * scene.unit**2
    hair = np.median(scene.photo[scene.parts.hair > 0.9], axis=0)
    assert np.abs(np.median(plate[behind], axis=0) - hair).max() < 20
    assert (
        np.abs(plate[behind].mean(axis=-1) - hair.mean()).max() < 60
    )  # nothing of the green collar, no wall


def test_shoulders_and_neck_stay_skin(collared: tuple[Scene, Body]) -> None:
    scene, body = collared
    weight, _ = hair_behind(scene, body)
    assert not (weight > 0)[scene.down > 0.0].any()
    neck = (scene.lateral < 0.0) & (scene.lateral > -0.2)  # it flares to there under the collar's left leaf
    assert not (weight > 0.5)[neck].any()


def test_without_hair_beside_it_nothing_is_behind_a_collar(collared: tuple[Scene, Body]) -> None:
    scene, body = collared
    bald = replace(scene, parts=replace(scene.parts, hair=np.zeros_like(scene.matte)))
    assert not hair_behind(bald, body)[0].any()
    elsewhere = (scene.down < -0.35, np.abs(scene.lateral) > 0.6)
    for place in elsewhere:
        parts = replace(scene.parts, hair=place.astype(np.float32))
        assert not hair_behind(replace(scene, parts=parts), body)[0].any()


def test_a_round_neck_before_short_hair_hides_none(
    people: Callable[[str], Person], garments: Callable[[str], Garment]
) -> None:
    person = people("p2_woman__base")
    body = measure(person)
    scene = build_scene(person, body, lay(garments("tank_rose"), person, body))
    assert not hair_behind(scene, body)[0].any()
