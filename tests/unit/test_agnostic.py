"""The agnostic mask on a drawn mannequin: what it must contain, what it must never touch."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.agnostic import agnostic_mask
from preprocess.types import BASIC_LABELS, FaceRegion, Frame, LabelMap, Mask, Person, Photo, Pose

HEIGHT, WIDTH = 200, 160
INDEX = {name: i for i, name in enumerate(BASIC_LABELS)}


def mannequin(waist_row: int = 130) -> Person:
    """A standing figure of rectangles; shoulders at row 60, hips at row 140, shoulder width 50."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[10:20, 65:95] = INDEX["hair"]
    labels[20:45, 68:92] = INDEX["face"]
    labels[45:58, 72:88] = INDEX["neck"]
    labels[58:waist_row, 50:110] = INDEX["upper"]
    labels[80:140, 38:48] = INDEX["right_arm"]
    labels[80:140, 112:122] = INDEX["left_arm"]
    labels[140:155, 38:48] = labels[140:155, 112:122] = INDEX["hands"]
    labels[waist_row:190, 52:108] = INDEX["lower"]
    labels[190:200, 52:108] = INDEX["shoes"]
    soft = np.eye(len(BASIC_LABELS), dtype=np.float16)[labels]
    frame = Frame.whole(WIDTH, HEIGHT)
    points = np.zeros((33, 2), np.float32)
    points[[11, 12]] = (105, 60), (55, 60)
    points[[23, 24]] = (95, 140), (65, 140)
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    ones = np.ones(33, np.float32)
    return Person(
        photo=Photo(rgb=image, sha256="", format="PNG"),
        frame=frame,
        image=image,
        pose=Pose(tag="blaze33", frame=frame, points=points, visibility=ones, depth=0 * ones, score=1.0),
        face=FaceRegion(
            frame=frame,
            centre=(80, 32),
            half_width=12,
            half_height=13,
            down=(0, 1),
            chin=(80, 45),
            visible=True,
        ),
        matte=Mask(tag="matte", frame=frame, alpha=(labels > 0).astype(np.float32)),
        parsing=LabelMap(tag="basic", frame=frame, labels=labels, soft=soft, confidence={}),
        waist=(waist_row - 60) / 80,
        waist_confidence=1.0,
    )


def painted(person: Person, name: str, *boxes: tuple[int, int, int, int]) -> Person:
    """The same person with boxes (top, bottom, left, right) of another label."""
    labels = person.parsing.labels.copy()
    for top, bottom, left, right in boxes:
        labels[top:bottom, left:right] = INDEX[name]
    soft = np.eye(len(BASIC_LABELS), dtype=np.float16)[labels]
    return dataclasses.replace(
        person,
        matte=dataclasses.replace(person.matte, alpha=(labels > 0).astype(np.float32)),
        parsing=dataclasses.replace(person.parsing, labels=labels, soft=soft),
    )


def test_it_contains_what_a_top_may_cover() -> None:
    person = mannequin()
    mask = agnostic_mask(person, "upper")
    assert mask.tag == "agnostic"
    assert mask.alpha.dtype == np.float32
    assert mask.alpha[person.parsing.region("upper", "left_arm", "right_arm", "neck")].min() == 1.0


@pytest.mark.parametrize("name", ["face", "hair", "hands", "shoes"])
def test_it_keeps_what_is_not_the_top(name: str) -> None:
    person = mannequin()
    assert agnostic_mask(person, "upper").alpha[person.parsing.region(name)].max() == 0.0


def test_of_the_lower_clothes_only_a_strip_may_change() -> None:
    person = mannequin(waist_row=130)
    lower = agnostic_mask(person, "upper").alpha * person.parsing.region("lower")
    assert lower[130].max() == 1.0
    assert lower[140:].max() == 0.0


def test_its_edge_is_soft_and_its_margin_bounded() -> None:
    alpha = agnostic_mask(mannequin(), "upper").alpha
    assert np.unique(alpha[100]).size > 6
    assert alpha[100, :20].max() == 0.0
    assert alpha[100, 34] > 0.5


@settings(max_examples=20, deadline=None)
@given(lower=st.integers(90, 150), higher=st.integers(90, 150))
def test_a_longer_top_never_frees_less(lower: int, higher: int) -> None:
    lower, higher = sorted((lower, higher))
    short = agnostic_mask(mannequin(lower), "upper").alpha
    long = agnostic_mask(mannequin(higher), "upper").alpha
    assert (long >= short - 1e-3).all()


def test_unused_clothes_frame_is_passed_on() -> None:
    person = mannequin()
    moved = dataclasses.replace(person, frame=Frame(x0=3, y0=4, scale=0.5, width=WIDTH, height=HEIGHT))
    assert agnostic_mask(moved, "upper").frame == moved.frame


def test_an_unknown_category_is_named() -> None:
    with pytest.raises(ValueError, match=r"'hat'.*upper"):
        agnostic_mask(mannequin(), "hat")


CLOTHES = {
    "upper": ("upper", "left_arm", "right_arm", "neck"),
    "lower": ("lower", "legs"),
    "dress": ("upper", "lower", "legs", "left_arm", "right_arm", "neck"),
}
LOWER_KEEPS = ("face", "hair", "hands", "shoes", "left_arm", "right_arm")
KEPT = {"lower": LOWER_KEEPS, "dress": ("face", "hair", "hands", "shoes")}
SHINS = (165, 190, 52, 75), (165, 190, 85, 108)
GAP = (165, 190, 75, 85)


def in_shorts() -> Person:
    """Bare shins with a gap of 10 pixels between them."""
    return painted(painted(mannequin(), "legs", *SHINS), "background", GAP)


@pytest.mark.parametrize("category", ["lower", "dress"])
def test_it_hides_all_of_the_old_garment_and_bare_limbs(category: str) -> None:
    person = in_shorts()
    assert agnostic_mask(person, category).alpha[person.parsing.region(*CLOTHES[category])].min() == 1.0


@pytest.mark.parametrize(("category", "name"), [(c, name) for c, names in KEPT.items() for name in names])
def test_it_keeps_what_another_garment_does_not_cover(category: str, name: str) -> None:
    person = in_shorts()
    assert agnostic_mask(person, category).alpha[person.parsing.region(name)].max() == 0.0


def test_of_the_upper_clothes_only_a_strip_may_change() -> None:
    person = mannequin(waist_row=130)
    alpha = agnostic_mask(person, "lower").alpha
    assert alpha[129, 60:100].min() == 1.0
    assert alpha[58:123, 52:108].max() == 0.0


def test_a_sleeve_beside_the_hips_belongs_to_the_top() -> None:
    person = painted(mannequin(), "upper", (80, 150, 38, 48), (80, 150, 112, 122))
    person.pose.points[[13, 14]] = (117, 100), (43, 100)
    person.pose.points[[15, 16]] = (117, 150), (43, 150)
    alpha = agnostic_mask(person, "lower").alpha
    assert alpha[80:148, 40:46].max() == 0.0
    assert alpha[80:148, 114:120].max() == 0.0


@pytest.mark.parametrize("category", ["lower", "dress"])
def test_a_skirt_finds_room_between_the_legs(category: str) -> None:
    top, bottom, left, right = GAP
    assert agnostic_mask(in_shorts(), category).alpha[top:bottom, left:right].min() == 1.0
    assert agnostic_mask(in_shorts(), "upper").alpha[top:bottom, left:right].max() == 0.0


def test_legs_are_not_joined_to_the_edge_of_the_picture() -> None:
    person = painted(mannequin(), "lower", (150, 190, 20, 52))
    assert agnostic_mask(person, "lower").alpha[160:180, :5].max() == 0.0


def test_the_margin_grows_down_to_the_knees() -> None:
    alpha = agnostic_mask(mannequin(), "lower").alpha
    widths = (alpha[[155, 175, 188]] > 0.5).sum(axis=1)
    assert widths[0] < widths[1] < widths[2]
    assert alpha[:, :30].max() == alpha[:, 130:].max() == 0.0


def test_a_crumb_has_no_margin() -> None:
    person = painted(mannequin(), "upper", (30, 34, 20, 24))
    assert agnostic_mask(person, "upper").alpha[30:34, 20:24].min() == 1.0
    assert agnostic_mask(person, "upper").alpha[22:42, 5:17].max() == 0.0


def test_a_speck_of_hand_in_the_cloth_is_cloth() -> None:
    person = painted(mannequin(), "hands", (90, 92, 80, 82))
    assert agnostic_mask(person, "upper").alpha[90:92, 80:82].min() > 0.999


def test_light_hair_above_the_middle_of_the_face_is_no_throat() -> None:
    person = painted(mannequin(), "neck", (10, 30, 95, 120))
    assert agnostic_mask(person, "dress").alpha[10:28, 95:120].max() == 0.0


@pytest.mark.parametrize("category", ["lower", "dress"])
def test_bare_feet_stay(category: str) -> None:
    person = painted(mannequin(), "legs", (165, 200, 52, 108))
    person.pose.points[[25, 26]] = (95, 160), (65, 160)
    person.pose.points[[27, 28]] = (95, 185), (65, 185)
    alpha = agnostic_mask(person, category).alpha
    assert alpha[165:185, 55:105].min() == 1.0
    assert alpha[190:, 55:75].max() == alpha[190:, 88:105].max() == 0.0
    unseen = dataclasses.replace(person.pose, visibility=np.zeros(33, np.float32))
    person = dataclasses.replace(person, pose=unseen)
    assert agnostic_mask(person, category).alpha[190:, 55:105].min() == 1.0
