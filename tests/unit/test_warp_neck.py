"""How necklines and collars sit on the rendered samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from inference.engines.warp.body import measure
from preprocess.types import Garment, Person

People = Callable[[str], Person]
Garments = Callable[[str], Garment]
PEOPLE = ("p1_man__base", "p2_woman__base", "p4_man__base")
"""Without hair over the shoulders."""


def _with_chin_lower(person: Person, by: float) -> Person:
    x, y = person.face.chin
    return replace(person, face=replace(person.face, chin=(x, y + by)))


@pytest.mark.parametrize("lower", [0.0, 0.1])
@pytest.mark.parametrize("name", PEOPLE)
def test_the_neck_begins_on_the_outline_wherever_the_chin_is_guessed(
    people: People, name: str, lower: float
) -> None:
    person = people(name)
    body = measure(_with_chin_lower(person, lower * measure(person).shoulder_width))
    inside = (person.matte.alpha > 0.5).astype(np.uint8)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    for x, y in (body.neck_base.left.astype(int), body.neck_base.right.astype(int)):
        assert distance[y, x] < 0.04 * body.shoulder_width
