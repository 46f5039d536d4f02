"""Parsing of the rendered samples against their truth, and what must hold for any photo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from preprocess.parsing import Parsing, parse
from preprocess.types import BASIC_LABELS, FaceRegion, Frame, LabelMap, Person, Pose

People = Callable[[str], Person]
NAMES = (
    "p1_man__base",
    "p1_man__longsleeve_stripes",
    "p1_man__tshirt_print",
    "p2_woman__base",
    "p3_woman__base",
    "p4_man__base",
)
TRUTH = {"hair": 1, "face": 2, "neck": 3, "arms": 4, "hands": 5, "upper": 6, "lower": 7, "shoes": 8}
ARMS = ("left_arm", "right_arm")


def true_parts(samples: Path, name: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(samples / "truth" / f"{name}.parts.png"), dtype=np.uint8)


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


def region(labels: LabelMap, part: str) -> NDArray[np.bool_]:
    return labels.region(*ARMS) if part == "arms" else labels.region(part)


@pytest.mark.parametrize("name", NAMES)
def test_clothes_are_found(people: People, samples: Path, name: str) -> None:
    parts, labels = true_parts(samples, name), people(name).parsing
    assert iou(parts == TRUTH["upper"], labels.region("upper")) > 0.94
    assert iou(parts == TRUTH["lower"], labels.region("lower")) > 0.96


@pytest.mark.parametrize(
    ("name", "part", "least"),
    [
        ("p1_man__base", "hair", 0.9),
        ("p1_man__base", "face", 0.9),
        ("p1_man__base", "neck", 0.8),
        ("p1_man__base", "arms", 0.92),
        ("p1_man__base", "hands", 0.88),
        ("p2_woman__base", "arms", 0.92),
        ("p2_woman__base", "face", 0.9),
        ("p3_woman__base", "hair", 0.9),
        ("p3_woman__base", "neck", 0.8),
        ("p3_woman__base", "hands", 0.88),
        ("p4_man__base", "face", 0.75),
        ("p4_man__base", "shoes", 0.8),
    ],
)
def test_parts_are_found(people: People, samples: Path, name: str, part: str, least: float) -> None:
    assert iou(true_parts(samples, name) == TRUTH[part], region(people(name).parsing, part)) > least


@pytest.mark.parametrize("name", NAMES)
def test_the_matte_follows_the_silhouette(people: People, samples: Path, name: str) -> None:
    alpha = np.asarray(Image.open(samples / "truth" / f"{name}.alpha.png"), dtype=np.float32) / 255
    assert np.abs(people(name).matte.alpha - alpha).mean() < 0.015


def test_the_gap_between_arm_and_torso_is_open(people: People, samples: Path) -> None:
    parts = true_parts(samples, "p1_man__base")
    inside = np.zeros(parts.shape, bool)
    for row in range(500, 800):
        person = np.flatnonzero(parts[row])
        inside[row, person[0] : person[-1]] = True
    gap = cv2.erode((inside & (parts == 0)).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert gap.sum() > 500
    assert people("p1_man__base").matte.alpha[gap].max() < 0.05


def test_the_persons_own_sides(people: People) -> None:
    labels = people("p1_man__base").parsing
    left, right = (np.nonzero(labels.region(arm))[1].mean() for arm in ARMS)
    assert right < left  # seen from the front, the own right arm is on the viewer's left


@pytest.mark.parametrize("name", ["p1_man__base", "p4_man__base"])
def test_memberships(people: People, name: str) -> None:
    person = people(name)
    soft = person.parsing.soft.astype(np.float32)
    height, width = person.image.shape[:2]
    assert soft.shape == (height, width, len(BASIC_LABELS))
    np.testing.assert_allclose(soft.sum(-1), 1.0, atol=0.01)
    np.testing.assert_array_equal(person.parsing.labels, person.parsing.soft.argmax(-1))
    np.testing.assert_allclose(1.0 - soft[..., 0], person.matte.alpha, atol=0.01)
    partial = ((soft > 0.1) & (soft < 0.9)).any(-1)
    assert 0.002 < partial.mean() < 0.06  # soft at borders, decided elsewhere


def test_confidence_names_what_is_there(people: People) -> None:
    labels = people("p2_woman__base").parsing
    present = {BASIC_LABELS[k] for k in np.unique(labels.labels)} - {"background"}
    assert set(labels.confidence) >= present
    assert all(0.0 <= value <= 1.0 for value in labels.confidence.values())
    assert labels.confidence["upper"] > 0.6


def test_where_the_top_ends(people: People) -> None:
    person = people("p1_man__base")
    assert person.waist == pytest.approx(1.02, abs=0.06)
    assert person.waist_confidence > 0.7


def parse_again(person: Person, image: NDArray[np.uint8]) -> Parsing:
    return parse(image, person.pose, person.face, person.matte.alpha)


def test_the_same_photo_gives_the_same_labels(people: People) -> None:
    person = people("p3_woman__base")
    first, second = (parse_again(person, person.image) for _ in range(2))
    np.testing.assert_array_equal(first.labels.labels, second.labels.labels)
    np.testing.assert_array_equal(first.matte.alpha, second.matte.alpha)


def test_a_dress_is_divided_at_the_hips_with_a_notice(people: People, samples: Path) -> None:
    person = people("p3_woman__base")
    parts = true_parts(samples, "p3_woman__base")
    cloth = np.isin(parts, (TRUTH["upper"], TRUTH["lower"]))
    noise = np.random.default_rng(0).normal(0, 3, person.image.shape)
    plain = np.clip((60, 90, 170) + noise, 0, 255).astype(np.uint8)
    parsed = parse_again(person, np.where(cloth[..., None], plain, person.image))
    assert "waist-unclear" in {notice.name for notice in parsed.notices}
    assert parsed.waist_confidence < 0.4
    assert 0.85 < parsed.waist < 1.2
    assert parsed.labels.region("upper", "lower")[cloth].mean() > 0.95


def test_a_small_frame(people: People) -> None:
    person = people("p2_woman__base")
    small = Frame(x0=0.0, y0=0.0, scale=0.3, width=230, height=307)
    image = cv2.resize(person.image, (small.width, small.height), interpolation=cv2.INTER_AREA)
    pose = Pose(
        tag="blaze33",
        frame=small,
        points=person.pose.points * 0.3,
        visibility=person.pose.visibility,
        depth=person.pose.depth * 0.3,
        score=person.pose.score,
    )
    matte = cv2.resize(person.matte.alpha, (small.width, small.height), interpolation=cv2.INTER_AREA)
    parsed = parse(
        np.asarray(image, np.uint8), pose, scaled(person.face, small), np.asarray(matte, np.float32)
    )
    enlarged = cv2.resize(parsed.labels.labels, person.image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    assert parsed.matte.frame == small
    assert iou(enlarged == BASIC_LABELS.index("upper"), person.parsing.region("upper")) > 0.9


def scaled(face: FaceRegion, frame: Frame) -> FaceRegion:
    return FaceRegion(
        frame=frame,
        centre=(face.centre[0] * frame.scale, face.centre[1] * frame.scale),
        half_width=face.half_width * frame.scale,
        half_height=face.half_height * frame.scale,
        down=face.down,
        chin=(face.chin[0] * frame.scale, face.chin[1] * frame.scale),
        visible=face.visible,
    )


def test_an_empty_segmentation_finds_nobody(people: People) -> None:
    person = people("p1_man__base")
    nothing = np.zeros(person.image.shape[:2], np.float32)
    parsed = parse(person.image, person.pose, person.face, nothing)
    assert parsed.matte.alpha.max() == 0.0
    assert (parsed.labels.labels == 0).all()
    assert parsed.labels.confidence == {}


def test_another_convention_is_refused(people: People) -> None:
    person = people("p1_man__base")
    pose = Pose(
        tag="coco18",
        frame=person.pose.frame,
        points=person.pose.points[:18],
        visibility=person.pose.visibility[:18],
        depth=person.pose.depth[:18],
        score=1.0,
    )
    with pytest.raises(ValueError, match="blaze33"):
        parse(person.image, pose, person.face, person.matte.alpha)
