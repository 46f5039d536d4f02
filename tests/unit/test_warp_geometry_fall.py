"""Where cloth comes to lie below the neck, and what is closed at the armpits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inference.engines.warp.fall import Fall, seen_length
from inference.engines.warp.gaps import closed_at_armpits
from inference.engines.warp.types import Arm, Body
from preprocess.types import Sides

UNIT = 100.0


@pytest.fixture
def body() -> Body:
    arm = Arm(
        shoulder=np.array([100.0, 100.0]),
        elbow=np.array([90.0, 180.0]),
        wrist=np.array([85.0, 250.0]),
        hand=np.array([85.0, 265.0]),
        visible=1.0,
    )
    point = np.array([150.0, 100.0])
    return Body(
        arms=Sides(left=arm, right=arm),
        shoulder_mid=point,
        hip_mid=np.array([150.0, 240.0]),
        up=np.array([0.0, -1.0]),
        across=np.array([1.0, 0.0]),
        shoulder_width=UNIT,
        torso_length=140.0,
        acromion=Sides(left=point, right=point),
        neck_base=Sides(left=point, right=point),
        chin=np.array([150.0, 60.0]),
        waist=1.0,
        back_view=False,
    )


@pytest.fixture
def fall(body: Body) -> Fall:
    return Fall(neck_y=50.0, hem_y=250.0, scale=0.9, top=-0.15, hem=1.02, body=body)


def test_cloth_before_the_neck_is_foreshortened_and_hangs_true_below(body: Body) -> None:
    crew, chest, hem = (float(seen_length(cloth, body)) for cloth in (20.0, 60.0, 160.0))
    assert crew < 18.0
    assert hem - chest == pytest.approx(100.0)


def test_levels_run_from_the_neck_to_the_hem_without_turning_back(fall: Fall) -> None:
    levels = fall.levels(np.linspace(50.0, 250.0, 60))
    assert levels[0] == pytest.approx(fall.top)
    assert levels[-1] == pytest.approx(fall.hem)
    assert (np.diff(levels) > 0).all()


def test_surplus_is_gathered_near_the_hem(fall: Fall) -> None:
    fall = replace(fall, hem=fall.hem + 0.08)
    short = replace(fall, hem=fall.hem - 0.08)
    heights = np.linspace(100.0, 250.0, 16)
    lost = np.diff(fall.levels(heights)) - np.diff(short.levels(heights))
    assert lost[0] < 0.5 * lost[-1]


def test_a_slit_is_closed_but_background_between_arm_and_body_stays(body: Body) -> None:
    torso, sleeve = np.zeros((120, 120), np.float32), np.zeros((120, 120), np.float32)
    torso[:, 60:] = 1.0
    sleeve[:, :55] = 1.0
    armpits = Sides(left=np.array([57.0, 60.0]), right=np.array([400.0, 60.0]))
    person = np.ones_like(torso)
    closed = closed_at_armpits(torso, (sleeve,), armpits, person, body)
    assert closed[60, 55:60].min() > 0.9
    assert closed[5, 57] == 0.0  # far from the armpit
    person[:, 55:60] = 0.0
    closed = closed_at_armpits(torso, (sleeve,), armpits, person, body)
    assert closed[60, 57] == 0.0
    assert (closed >= torso).all()
