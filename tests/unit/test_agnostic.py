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
