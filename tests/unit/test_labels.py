from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from preprocess.labels import convert
from preprocess.pose import convert as convert_pose
from preprocess.types import ATR_LABELS, BASIC_LABELS, Frame, LabelMap, Person, Pose
from tests.figure import MIDDLE, figure, mirror


def atr(person: Person) -> LabelMap:
    return convert(person.parsing, "atr18", person.pose)


def test_conventions_have_their_published_numbers_of_labels() -> None:
    assert len(BASIC_LABELS) == 11
    assert len(ATR_LABELS) == 19  # 18 and neck
    assert ATR_LABELS.index("head") == 11
    assert ATR_LABELS.index("scarf") == 17
    assert atr(figure()).soft.shape[-1] == 19


def test_names_of_another_convention_are_refused() -> None:
    person = figure()
    with pytest.raises(ValueError, match="'basic' has no labels \\['upper_clothes'\\]"):
        person.parsing.region("upper_clothes")
    with pytest.raises(ValueError, match="'atr18' has no labels \\['upper'\\]"):
        atr(person).weight("upper")
    with pytest.raises(ValueError, match="no names"):
        replace(person.parsing, tag="lip20").region("background")


def test_no_labels_weigh_nothing_and_all_weigh_one(people: Callable[[str], Person]) -> None:
    parsing = people("p1_man__base").parsing
    assert parsing.weight().shape == parsing.labels.shape
    assert not parsing.weight().any()
    np.testing.assert_allclose(parsing.weight(*BASIC_LABELS), 1.0, atol=0.02)


def test_sides_are_the_persons_own() -> None:
    labels = atr(figure())
    for left, right in (("left_leg", "right_leg"), ("left_shoe", "right_shoe"), ("left_arm", "right_arm")):
        assert np.flatnonzero(labels.region(left).any(axis=0)).min() >= MIDDLE
        assert np.flatnonzero(labels.region(right).any(axis=0)).max() < MIDDLE
        assert labels.region(left).sum() == pytest.approx(labels.region(right).sum(), rel=0.1)


def test_hands_belong_to_arms() -> None:
    person = figure()
    hands = person.parsing.region("hands")
    assert atr(person).region("left_arm", "right_arm")[hands].all()


def test_crossed_legs_keep_their_sides() -> None:
    person = figure()
    points = person.pose.points.copy()
    points[[27, 28, 29, 30, 31, 32]] = points[[28, 27, 30, 29, 32, 31]]
    person = replace(person, pose=replace(person.pose, points=points))
    assert np.flatnonzero(atr(person).region("left_shoe").any(axis=0)).max() < MIDDLE


def test_there_and_back_is_the_same_parsing() -> None:
    person = figure()
    back = convert(atr(person), "basic", person.pose)
    assert (back.labels == person.parsing.labels).mean() > 0.995
    assert np.abs(back.soft.sum(axis=-1, dtype=np.float32) - 1).max() < 2e-3


@pytest.mark.parametrize("name", ["p2_woman__base", "p4_man__base"])
def test_there_and_back_on_photos(people: Callable[[str], Person], name: str) -> None:
    person = people(name)
    labels = atr(person)
    assert np.abs(labels.soft.sum(axis=-1, dtype=np.float32) - 1).max() < 2e-3
    assert set(labels.confidence) == {ATR_LABELS[k] for k in np.unique(labels.labels)} - {"background"}
    back = convert(labels, "basic", person.pose)
    assert (back.labels == person.parsing.labels).mean() > 0.995


def test_a_mirror_image_has_mirrored_labels() -> None:
    person = figure()
    swapped = [name.replace("left_", "RIGHT_").replace("right_", "left_").lower() for name in ATR_LABELS]
    swap = np.array([ATR_LABELS.index(name) for name in swapped])
    same = atr(mirror(person)).labels == swap[atr(person).labels][:, ::-1]
    assert same.mean() > 0.999


def test_clothes_of_atr_that_basic_lacks_become_the_nearest_of_it() -> None:
    person = figure()
    labels = atr(person)

    def only(name: str) -> LabelMap:
        hard = np.full_like(labels.labels, ATR_LABELS.index(name))
        soft = np.eye(len(ATR_LABELS), dtype=np.float16)[hard]
        return convert(replace(labels, labels=hard, soft=soft), "basic", person.pose)

    assert only("hat").region("hair").all()
    assert only("sunglasses").region("face").all()
    assert only("scarf").region("upper").all()
    assert only("belt").region("lower").all()
    assert only("skirt").region("lower").all()
    dress = only("dress")
    assert dress.region("upper")[:138].all()
    assert dress.region("lower")[142:].all()


def test_a_pose_of_coco18_divides_as_well() -> None:
    person = figure()
    same = convert(person.parsing, "atr18", convert_pose(person.pose, "coco18"))
    assert (same.labels == atr(person).labels).mean() > 0.999


def test_legs_without_any_known_joint_are_divided_by_the_bodys_middle() -> None:
    person = figure()
    pose = convert_pose(person.pose, "coco18")
    visibility = pose.visibility.copy()
    visibility[8:14] = 0.0
    labels = convert(person.parsing, "atr18", replace(pose, visibility=visibility))
    assert labels.region("left_leg")[200:, int(MIDDLE) :].any()
    assert not labels.region("left_leg")[200:, : int(MIDDLE) - 1].any()


def test_unknown_pairs_and_strange_frames_are_refused() -> None:
    person = figure()
    with pytest.raises(ValueError, match="no adapter from parsing 'lip20' to 'basic'"):
        convert(replace(person.parsing, tag="lip20"), "basic", person.pose)
    elsewhere: Pose = replace(person.pose, frame=Frame.whole(10, 10))
    with pytest.raises(ValueError, match="another frame"):
        convert(person.parsing, "atr18", elsewhere)
