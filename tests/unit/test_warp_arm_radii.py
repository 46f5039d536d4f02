"""Widths of arms: bones that lie off the middle, strong arms under old sleeves, wide old sleeves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.engines.warp.body import measure
from inference.engines.warp.silhouette import Silhouette, arm_radii
from inference.engines.warp.types import Body
from preprocess.types import Alpha, Person

Array = NDArray[np.float64]

_UPPER = np.linspace(0.05, 0.4, 8)
"""Places along the upper arm."""
_FORE = np.linspace(0.6, 0.9, 8)
"""Places along the forearm."""
_USUAL = 0.115
"""Usual radius there in shoulder widths, within a tenth."""


@pytest.fixture(scope="module")
def body(people: Callable[[str], Person]) -> Body:
    return measure(people("p2_woman__base"))


def _arm(
    body: Body,
    outer: float,
    *,
    inner: float = 1.5,
    cloth: float = 0.0,
    places: Array = _UPPER,
    elbow: float = 0.0,
) -> tuple[Array, Array]:
    """Radii of a straight arm that hangs on the right of a torso.

    Its bone lies ``outer`` shoulder widths inside the outline and ``inner`` off its other edge (or the torso
    goes on there), a sleeve covers the ``cloth`` first share of the places, and it stands out by ``elbow``
    at the third and fourth.
    """
    unit = body.shoulder_width
    rows = np.linspace(0.2, 1.2, len(places)) * unit
    person: Alpha = np.zeros((int(1.5 * unit), int(2 * unit)), dtype=np.float32)
    person[:, round(max(1.5 - outer - inner, 0) * unit) : round(1.5 * unit)] = 1
    middle = (rows[2:5] - 0.5 * (rows[1] - rows[0])).astype(int)
    person[middle[0] : middle[-1], round(1.5 * unit) : round((1.5 + elbow) * unit)] = 1
    clothed = np.zeros_like(person)
    if cloth:
        clothed[: int(rows[max(int(cloth * len(rows)) - 1, 0)] + 2)] = person[0]
    silhouette = Silhouette(
        torso=person, person=person, shoulders=person, hair=np.zeros_like(person), clothed=clothed
    )
    centres = np.stack([np.full(len(rows), round(1.5 * unit) - outer * unit), rows], axis=-1)
    inward = np.tile([-1.0, 0.0], (len(rows), 1))
    return arm_radii(silhouette, body, places, centres, inward)


@pytest.mark.parametrize("outer", [0.02, 0.05, 0.09])
def test_a_bone_near_the_outline_does_not_widen_the_arm_beyond_it(body: Body, outer: float) -> None:
    found, inner = _arm(body, outer)
    assert np.abs(found / body.shoulder_width - outer).max() < 0.01
    assert np.all(inner / body.shoulder_width + outer > 1.5 * _USUAL)


def test_a_bone_at_the_inner_edge_leaves_the_rest_of_the_arm_to_the_outer_side(body: Body) -> None:
    found, inner = _arm(body, 0.25, inner=0.03, places=_FORE)
    assert np.abs(found / body.shoulder_width - 0.25).max() < 0.01
    assert np.abs(inner / body.shoulder_width - 0.03).max() < 0.01


def test_a_strong_arm_is_strong_at_its_elbow_too(body: Body) -> None:
    around = np.linspace(0.42, 0.7, 8)
    found, _ = _arm(body, 0.18, inner=0.17, places=around, elbow=0.1)
    assert found[2:4] / body.shoulder_width == pytest.approx([0.28, 0.28], abs=0.01)
    slim, _ = _arm(body, 0.11, inner=0.1, places=around, elbow=0.3)
    assert slim[2:4].max() < 0.15 * body.shoulder_width


def test_what_is_too_wide_for_an_arm_is_none_on_either_side(body: Body) -> None:
    found, inner = _arm(body, 0.4, inner=0.03, places=_FORE)
    assert found.max() < 0.15 * body.shoulder_width
    assert inner.max() < 0.15 * body.shoulder_width


def test_a_bone_outside_of_the_arm_is_drawn_in_to_its_outline(body: Body) -> None:
    found, _ = _arm(body, -0.02)
    assert np.abs(found / body.shoulder_width + 0.02).max() < 0.01


def test_an_old_sleeve_is_no_narrower_than_the_bare_arm_below_it(body: Body) -> None:
    found, _ = _arm(body, 0.16, inner=0.1, cloth=0.75)
    assert found[2:].min() / body.shoulder_width > 0.15  # above that rays start in the torso


def test_a_wide_old_sleeve_is_not_taken_for_the_arm(body: Body) -> None:
    found, _ = _arm(body, 0.24, cloth=1.0)
    assert found.max() / body.shoulder_width < 1.35 * _USUAL
