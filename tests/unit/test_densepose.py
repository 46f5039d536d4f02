from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from preprocess.densepose import PARTS, approximate_densepose, render
from preprocess.pose import convert
from preprocess.types import DensePose, Person
from tests.figure import FRAME, HEIGHT, MIDDLE, WIDTH, figure, joints, mirror

OTHER_SIDE = np.array([0, 1, 2, *(part + 1 if part % 2 else part - 1 for part in range(3, 25))], np.uint8)
"""The part seen in a mirror: DensePose lists right and left one after the other."""


def parts_of(person: Person) -> np.ndarray:
    return approximate_densepose(person).parts


def share(parts: np.ndarray, *wanted: int) -> float:
    return float(np.isin(parts, wanted).mean())


def at(parts: np.ndarray, x: float, y: float) -> str:
    return PARTS[parts[int(y), int(x)]]


def test_colours_of_the_picture_are_those_of_opencvs_parula_in_rgb() -> None:
    dense = DensePose(
        tag="densepose-parts", frame=FRAME, parts=np.arange(25, dtype=np.uint8)[None], approximate=False
    )
    picture = render(dense)
    assert picture.shape == (1, 25, 3)
    assert picture.dtype == np.uint8
    assert picture[0, 0].tolist() == [0, 0, 0]  # background, not parula's dark blue
    assert picture[0, 2].tolist() == [20, 80, 194]  # torso front: grey level 21
    assert picture[0, 14].tolist() == [114, 189, 130]
    assert picture[0, 24].tolist() == [249, 251, 14]
    assert len(np.unique(picture[0], axis=0)) == 25


def test_every_part_lies_where_that_part_of_the_body_is() -> None:
    parts = parts_of(figure())
    assert at(parts, MIDDLE, 110) == "torso front"
    assert at(parts, MIDDLE - 5, 46) == "right head"
    assert at(parts, MIDDLE + 5, 46) == "left head"
    assert at(parts, MIDDLE + 30, 147) == "left hand"
    assert at(parts, MIDDLE - 30, 147) == "right hand"
    assert at(parts, MIDDLE + 13, 180) == "left upper leg front"
    assert at(parts, MIDDLE - 13, 215) == "right lower leg front"
    assert at(parts, MIDDLE + 16, 256) == "left foot"
    assert at(parts, MIDDLE - 16, 256) == "right foot"
    assert at(parts, MIDDLE + 24, 100).startswith("left upper arm")
    assert at(parts, MIDDLE - 28, 128).startswith("right lower arm")


def test_a_person_and_the_mirror_image_have_mirrored_parts() -> None:
    person = figure(depth={15: -20.0, 12: 9.0})
    same = parts_of(mirror(person)) == OTHER_SIDE[parts_of(person)][:, ::-1]
    assert same.mean() > 0.999


def test_of_somebody_seen_from_behind_backs_are_shown() -> None:
    parts = parts_of(figure(behind=True))
    assert share(parts, 1) > 0.03
    assert share(parts, 2) < 0.002
    assert at(parts, MIDDLE - 13, 180) == "left upper leg back"


def test_nothing_is_painted_outside_the_silhouette() -> None:
    person = figure()
    assert not parts_of(person)[person.matte.alpha == 0].any()


def test_it_is_the_body_that_is_painted_not_a_wide_skirt() -> None:
    body, dressed = figure(), figure(skirt=26)
    cloth = (dressed.matte.alpha > 0) & (body.matte.alpha == 0)
    painted = parts_of(dressed) > 0
    assert painted[cloth].mean() < 0.2
    assert painted[body.matte.alpha > 0].mean() > 0.95


@pytest.mark.parametrize(("z", "seen"), [(-30.0, True), (40.0, False)])
def test_an_arm_in_sleeves_is_before_or_behind_the_trunk_by_its_depth(z: float, seen: bool) -> None:
    points = joints()
    points[[15, 17, 19, 21]] = [[MIDDLE - 4, 118], [MIDDLE - 14, 118], [MIDDLE - 14, 116], [MIDDLE - 10, 112]]
    clothed = figure(depth={15: z, 13: z / 3, 17: z, 19: z, 21: z})
    person = replace(clothed, pose=replace(clothed.pose, points=points))
    labels = np.where(np.isin(person.parsing.labels, (4, 6)), 7, person.parsing.labels).astype(np.uint8)
    person = replace(person, parsing=replace(person.parsing, labels=labels))
    where = parts_of(person)[118, int(MIDDLE)]
    assert (where in (19, 21, 4)) is seen


def test_hands_that_are_seen_win_over_whatever_depth_says() -> None:
    points = joints()
    points[[15, 17, 19, 21]] = [[MIDDLE + 2, 118], [MIDDLE - 8, 119], [MIDDLE - 8, 116], [MIDDLE - 4, 112]]
    person = figure(points=points, depth={15: 60.0, 13: 40.0})
    hand = person.parsing.region("hands")[100:130]
    assert share(parts_of(person)[100:130][hand], 4, 19, 21) == 1.0
    assert share(parts_of(person)[100:130][hand], 4) > 0.5


def test_it_says_that_it_is_approximate_and_lies_in_the_persons_frame() -> None:
    dense = approximate_densepose(figure())
    assert dense.approximate
    assert dense.frame == FRAME
    assert dense.parts.shape == (HEIGHT, WIDTH)


def test_other_conventions_are_refused_by_name() -> None:
    person = figure()
    with pytest.raises(ValueError, match="coco18"):
        approximate_densepose(replace(person, pose=convert(person.pose, "coco18")))


def test_joints_outside_the_picture_do_no_harm() -> None:
    person = figure()
    points = person.pose.points + np.float32(4000)
    assert parts_of(replace(person, pose=replace(person.pose, points=points))).shape == (HEIGHT, WIDTH)


@pytest.mark.parametrize("name", ["p1_man__base", "p2_woman__base", "p4_man__base"])
def test_sample_photos_are_covered_by_the_right_parts(people: Callable[[str], Person], name: str) -> None:
    person = people(name)
    parts = parts_of(person)
    labels = person.parsing
    assert (parts[labels.region("face")] >= 23).mean() > 0.97
    assert np.isin(parts[labels.region("hands")], (3, 4, 19, 20, 21, 22)).mean() > 0.99
    assert np.isin(parts[labels.region("left_arm")], (15, 17, 19, 21, 4)).all()
    assert 0.85 < (parts[person.matte.alpha > 0.5] > 0).mean() < 0.999
