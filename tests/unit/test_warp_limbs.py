"""Arms as they are measured in the photo."""

from __future__ import annotations

import numpy as np
import pytest

from inference.engines.warp.limbs import GRID, measure_limb, place_limb
from inference.engines.warp.types import Arm

_UNIT = 200.0
_ARM = Arm(
    shoulder=np.array([150.0, 40.0]),
    elbow=np.array([150.0, 200.0]),
    wrist=np.array([150.0, 360.0]),
    hand=np.array([150.0, 390.0]),
    visible=1.0,
)


@pytest.mark.parametrize("thickness", [0.75, 1.0, 1.2, 1.55])
def test_the_bare_part_of_an_arm_is_found_however_thick_it_is(thickness: float) -> None:
    # Shoulders of people who turn are short in the picture, their arms are not: 1.5 on a development photo.
    usual = place_limb(_ARM, (420, 300), _UNIT)
    bare = (usual.along > 0.5) & (usual.along < 0.97) & (np.abs(usual.across) < thickness)
    limb = measure_limb(usual, bare.astype(np.float32), _UNIT)
    assert limb.seen is not None
    assert limb.seen[0] < 0.58
    upper = limb.seen[0] > GRID
    ratio = limb.profile[upper] / usual.profile[upper]
    assert np.abs(ratio / min(thickness, 1.5) - 1).max() < 0.08


def test_a_part_that_is_wider_than_any_arm_is_none() -> None:
    usual = place_limb(_ARM, (420, 300), _UNIT)
    bare = (usual.along > 0.5) & (usual.along < 0.97) & (np.abs(usual.across) < 2.2)
    assert measure_limb(usual, bare.astype(np.float32), _UNIT).seen is None


def test_an_ankle_under_trousers_tells_where_the_shin_comes_from() -> None:
    usual = place_limb(_ARM, (460, 300), _UNIT)
    aside = np.abs(usual.distance - 12.0) < usual.half_width
    ankle = (aside & (usual.along > 0.97) & (usual.along < 1.06)).astype(np.float32)
    assert measure_limb(usual, ankle, _UNIT).seen is None
    leg = measure_limb(usual, ankle, _UNIT, least=0.04, end=1.08)
    moved = ((leg.axis - usual.axis) * usual.normal).sum(axis=1)
    assert moved[np.abs(GRID - 1.0).argmin()] == pytest.approx(12.0, abs=1.5)
    assert np.abs(moved[GRID < 0.5]).max() < 0.5
