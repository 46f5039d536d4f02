"""Skirts of people who sit lie on their thighs as far as the knees and fall straight from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from inference.engines.warp.lower.legs import leg_line
from inference.engines.warp.lower.skirt import skirt_row
from inference.engines.warp.lower.stance import Array, Stance, measure_stance
from preprocess.types import Person, Sides

People = Callable[[str], Person]


def seated(person: Person) -> Person:
    """The sample with its own right thigh, on the viewer's left, level and pointing outwards."""
    points = person.pose.points.copy()
    knee = points[26].copy()
    length = float(np.hypot(*(knee - points[24])))
    points[[26, 28, 30, 32]] += points[24] + np.array((-0.9 * length, 0.1 * length), np.float32) - knee
    return replace(person, pose=replace(person.pose, points=points))


def edges(stance: Stance, levels: Array) -> Array:
    """``(n, 2)`` half widths of rows of a skirt that is as narrow as can be."""
    lines = Sides(left=leg_line(stance, "left"), right=leg_line(stance, "right"))
    return np.array([skirt_row(stance, lines, float(level), 0.0)[1] for level in levels])


@pytest.fixture(scope="module")
def sitting(people: People) -> Stance:
    return measure_stance(seated(people("p4_man__base")))


def test_the_skirt_covers_the_knee_of_the_thigh_it_lies_on(sitting: Stance) -> None:
    assert sitting.seated
    knee = sitting.legs.left.knee
    level = 1 + float((knee - sitting.body.hip_mid) @ sitting.down) / sitting.body.torso_length
    middle = sitting.body.hip_mid
    reach = float((middle - knee) @ sitting.across)
    assert edges(sitting, np.array([level]))[0, 0] > 0.9 * reach


def test_it_falls_from_the_knee_and_does_not_come_back(sitting: Stance) -> None:
    left = edges(sitting, np.linspace(0.9, 1.9, 60))[:, 0]
    drift = 0.03 * sitting.half_hips  # of the middle, towards the knees
    assert (np.diff(left[25:]) > -drift).all()


def test_its_outline_has_no_step_below_the_lap(sitting: Stance) -> None:
    levels = np.linspace(1.3, 2.0, 60)
    assert np.abs(np.diff(edges(sitting, levels)[:, 0])).max() < 0.1 * sitting.half_hips
