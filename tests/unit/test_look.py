"""Which arms hide the clothes."""

from __future__ import annotations

import numpy as np
import pytest

from inference.look import arms_cover_torso
from preprocess.types import Pose
from tests.figure import FRAME, MIDDLE, joints

LEFT_ELBOW, LEFT_WRIST = 13, 15


def pose_with(places: dict[int, tuple[float, float]], unseen: tuple[int, ...] = ()) -> Pose:
    points = joints()
    for index, place in places.items():
        points[index] = place
    visibility = np.ones(len(points), np.float32)
    visibility[list(unseen)] = 0
    depth = np.zeros(len(points), np.float32)
    return Pose(tag="blaze33", frame=FRAME, points=points, visibility=visibility, depth=depth, score=1.0)


@pytest.mark.parametrize(
    ("places", "covered"),
    [
        ({}, False),
        ({LEFT_ELBOW: (MIDDLE + 26, 112), LEFT_WRIST: (MIDDLE - 8, 106)}, True),
        ({LEFT_ELBOW: (MIDDLE + 40, 112), LEFT_WRIST: (MIDDLE + 12, 138)}, False),
        ({LEFT_ELBOW: (MIDDLE + 24, 108), LEFT_WRIST: (MIDDLE + 5, 130)}, True),
    ],
    ids=["beside the body", "folded", "hand on the hip", "hand on the belly"],
)
def test_arms_in_front_of_the_body(places: dict[int, tuple[float, float]], covered: bool) -> None:
    assert arms_cover_torso(pose_with(places)) == covered


def test_an_arm_that_is_not_seen_hides_nothing() -> None:
    folded = {LEFT_ELBOW: (MIDDLE + 26, 112.0), LEFT_WRIST: (MIDDLE - 8, 106.0)}
    assert not arms_cover_torso(pose_with(folded, unseen=(LEFT_WRIST,)))
