"""Body measures and laid garments on the rendered samples, against their truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.engines.warp.body import measure
from inference.engines.warp.lay import lay
from inference.engines.warp.types import WarpedGarment
from preprocess.types import Garment, Person

People = Callable[[str], Person]
Garments = Callable[[str], Garment]

PEOPLE = ("p1_man__base", "p2_woman__base", "p3_woman__base", "p4_man__base")
HEAD_AND_HANDS, UPPER = (1, 2, 5), 6  # labels of samples/truth/*.parts.png


def _parts(samples: Path, name: str) -> np.ndarray:
    parts = cv2.imread(str(samples / "truth" / f"{name}.parts.png"), cv2.IMREAD_GRAYSCALE)
    assert parts is not None
    return np.asarray(parts)


def _coverage(warped: WarpedGarment) -> np.ndarray:
    layers = [warped.alpha]
    if warped.sleeves is not None:
        layers += [warped.sleeves.left.alpha, warped.sleeves.right.alpha]
    return np.asarray(np.max(layers, axis=0))


@pytest.mark.parametrize("name", PEOPLE)
def test_shoulders_and_neck_are_found_on_the_outline(people: People, name: str) -> None:
    person = people(name)
    body = measure(person)
    outside = person.matte.alpha * (1 - person.parsing.weight("hair")) < 0.5
    distance = cv2.distanceTransform((~outside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    for point in (body.acromion.left, body.acromion.right, body.neck_base.left, body.neck_base.right):
        x, y = (int(v) for v in point)
        assert distance[y, x] < 0.08 * body.shoulder_width  # collars and hair make it less than exact
    order = [body.acromion.left, body.neck_base.left, body.neck_base.right, body.acromion.right]
    assert (np.diff([point[0] for point in order]) > 0.1 * body.shoulder_width).all()
    assert body.chin[1] < min(body.neck_base.left[1], body.neck_base.right[1]) < body.shoulder_mid[1]
    assert not body.back_view


def test_seen_from_behind_sides_stay_the_viewers(people: People) -> None:
    person = people("p1_man__base")
    points = person.pose.points.copy()
    pairs = [(left, left + 1) for left in (11, 13, 15, 17, 19, 21, 23, 25)]
    for left, right in pairs:
        points[[left, right]] = points[[right, left]]
    front = measure(person)
    behind = measure(replace(person, pose=replace(person.pose, points=points)))
    assert behind.back_view
    assert np.allclose(front.arms.left.elbow, behind.arms.left.elbow)
    assert np.allclose(front.across, behind.across)


def test_a_turned_body_keeps_its_size(people: People) -> None:
    person = people("p1_man__base")
    points = person.pose.points.copy()
    middle = points[[11, 12]].mean(axis=0)
    points[[11, 12]] = middle + (points[[11, 12]] - middle) * 0.2
    turned = measure(replace(person, pose=replace(person.pose, points=points)))
    assert turned.shoulder_width > 0.6 * measure(person).shoulder_width


@pytest.mark.parametrize(
    ("garment", "least", "most"), [("tshirt_print", 0.88, 1.18), ("longsleeve_stripes", 0.86, 1.2)]
)
def test_laid_garment_covers_the_true_region(
    people: People, garments: Garments, samples: Path, garment: str, least: float, most: float
) -> None:
    person = people("p1_man__base")
    warped = lay(garments(garment), person, measure(person))
    seen = ~np.isin(_parts(samples, "p1_man__base"), HEAD_AND_HANDS)
    ours = (_coverage(warped) > 0.5) & seen
    true = _parts(samples, f"p1_man__{garment}") == UPPER
    assert (ours & true).sum() / (ours | true).sum() > least
    assert warped.stretch < most
    assert warped.measured > 0.8


@pytest.mark.parametrize("garment", ["tshirt_print", "polo_green", "tank_rose", "longsleeve_stripes"])
@pytest.mark.parametrize("name", PEOPLE)
def test_every_sample_fits_everybody(people: People, garments: Garments, name: str, garment: str) -> None:
    person = people(name)
    body = measure(person)
    warped = lay(garments(garment), person, body)
    assert 0.8 < warped.hem < 1.4
    assert 0.8 < warped.ease < 1.4
    assert warped.stretch < 1.35
    covered = _coverage(warped) > 0.5
    middle = body.shoulder_mid + (body.hip_mid - body.shoulder_mid) * 0.5
    assert covered[int(middle[1]), int(middle[0])]
    assert covered.sum() > 0.15 * person.matte.alpha.sum()


@pytest.mark.parametrize("name", PEOPLE)
def test_a_crew_neck_ends_at_the_base_of_the_neck(people: People, garments: Garments, name: str) -> None:
    person = people(name)
    line = lay(garments("tshirt_print"), person, measure(person)).neckline
    width = line[-1, 0] - line[0, 0]
    depth = line[:, 1].max() - (line[0, 1] + line[-1, 1]) / 2
    assert 0.10 < depth / width < 0.38
