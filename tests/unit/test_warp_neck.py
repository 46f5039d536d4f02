"""How necklines and collars sit on the rendered samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from inference.engines.warp.body import measure
from inference.engines.warp.fit import fit_garment
from inference.engines.warp.gaps import closed_at_shoulders
from inference.engines.warp.lay import lay
from inference.engines.warp.silhouette import Silhouette, on_spine
from inference.engines.warp.types import Arm, Body, Vec
from preprocess.types import Garment, Person, Sides

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


def _arms_away(body: Body) -> Body:
    """Arms hide no side of the torso."""

    def moved(arm: Arm, way: Vec) -> Arm:
        return replace(arm, elbow=arm.elbow + way, wrist=arm.wrist + way)

    way = 0.6 * body.shoulder_width * body.across
    return replace(body, arms=Sides(left=moved(body.arms.left, -way), right=moved(body.arms.right, way)))


def test_the_slack_of_the_old_top_is_no_belly(people: People, garments: Garments) -> None:
    person, garment = people("p4_man__base"), garments("tshirt_print")
    body, seen = _arms_away(measure(person)), Silhouette.of(person)
    assert garment.landmarks is not None
    outline = [(-0.1, 0.5), (0.4, 0.5), (0.55, 0.66), (0.75, 0.66), (0.9, 0.5), (1.3, 0.5)]
    sides = [
        [
            on_spine(body, level) + body.across * outward * half * body.shoulder_width
            for level, half in outline
        ]
        for outward in (-1, 1)
    ]
    loose = np.zeros_like(seen.torso)
    cv2.fillPoly(loose, [np.round([*sides[0], *sides[1][::-1]]).astype(np.int32)], 1.0)
    fit = fit_garment(garment.landmarks, person, body, replace(seen, torso=loose))
    for widths in (fit.half_widths.left, fit.half_widths.right):
        assert widths.max() < 0.6 * body.shoulder_width


@pytest.mark.parametrize("name", PEOPLE)
def test_a_collar_stands_up_at_the_sides_only(people: People, garments: Garments, name: str) -> None:
    person, garment = people(name), garments("polo_green")
    assert garment.collar is not None
    assert garment.collar.kind == "collared"
    body = measure(person)
    flat = replace(garment, collar=replace(garment.collar, kind="crew"))
    stands, lies = (lay(each, person, body).neckline.astype(np.float64) for each in (garment, flat))
    for end, inward in ((0, body.across), (-1, -body.across)):
        moved = (stands[end] - lies[end]) / body.shoulder_width
        assert 0.025 < moved @ body.up < 0.1
        assert moved @ inward > 0.01
    lowest = [line[line[:, 1].argmax()] for line in (stands, lies)]
    assert abs((lowest[0] - lowest[1]) @ body.up) < 0.01 * body.shoulder_width


@pytest.mark.parametrize("name", PEOPLE)
def test_no_sliver_of_the_inner_back_is_left_above_the_collar(
    people: People, garments: Garments, name: str
) -> None:
    """Behind the cream rib of the striped top lies a navy stripe."""
    person = people(name)
    body = measure(person)
    warped = lay(garments("longsleeve_stripes"), person, body)
    front = warped.neckline[len(warped.neckline) // 5 : -len(warped.neckline) // 5]
    x, y = np.round(front - body.up * 0.01 * body.shoulder_width).astype(int).T
    assert warped.rgb[y, x].mean(axis=-1).min() > 120


def test_no_sliver_of_the_body_stands_out_above_the_shoulder(people: People) -> None:
    """Thin ones are covered, what is farther off is not."""
    body = measure(people("p1_man__base"))
    unit = body.shoulder_width
    neck, shoulder = body.neck_base, body.acromion
    y, x = np.mgrid[:1024, :768]
    along = (x - neck.right[0]) / (shoulder.right[0] - neck.right[0])
    line = neck.right[1] + along * (shoulder.right[1] - neck.right[1])
    cloth = (y > line).astype(np.float32)
    for thickness, covered in ((0.02, True), (0.055, False)):
        person = (y > line - thickness * unit).astype(np.float32)
        grown = closed_at_shoulders(cloth, neck, shoulder, person, body)
        assert (grown >= cloth).all()
        column = int(neck.right[0] + 0.5 * (shoulder.right[0] - neck.right[0]))
        top = int(line[0, column] - (thickness - 0.005) * unit)
        assert (grown[top, column] > 0.5) == covered


def test_cloth_on_a_shoulder_ends_at_its_tip(people: People) -> None:
    """Where the old sleeve stood out the new one may not: no horns beside it."""
    body = measure(people("p1_man__base"))
    neck, shoulder = body.neck_base, body.acromion
    y, x = np.mgrid[:1024, :768]
    cloth = ((x > shoulder.left[0]) & (x < shoulder.right[0]) & (y > shoulder.left[1])).astype(np.float32)
    grown = closed_at_shoulders(cloth, neck, shoulder, np.ones_like(cloth), body)
    beyond = x > shoulder.right[0] + 0.02 * body.shoulder_width
    assert grown[beyond & (y > shoulder.right[1])].max() < 0.5
