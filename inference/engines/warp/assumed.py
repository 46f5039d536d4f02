"""Landmarks for a garment on which none were found."""

from __future__ import annotations

import numpy as np

from preprocess.types import Alpha, GarmentLandmarks, Sides

_NECK, _SHOULDER = 0.16, 0.40
"""Usual half widths of neck opening and shoulders of a sleeveless top, in widths of its box."""
_ARMPIT = 0.30
"""Usual depth of the armpits, in heights of the box."""


def assumed_landmarks(alpha: Alpha) -> GarmentLandmarks:
    """Landmarks of a sleeveless top that fills the bounding box of ``alpha`` ``(h, w)``; confidence 0.

    Raises ``ValueError`` when there is no cloth at all.
    """
    rows = np.flatnonzero((alpha > 0.5).any(axis=1))
    columns = np.flatnonzero((alpha > 0.5).any(axis=0))
    if len(rows) == 0:
        raise ValueError("the garment's matte is empty; prepare the garment again")
    top, bottom = float(rows[0]), float(rows[-1] + 1)
    left, right = float(columns[0]), float(columns[-1] + 1)
    width, height, centre = right - left, bottom - top, (left + right) / 2
    armpit = top + _ARMPIT * height
    heights = np.linspace(armpit, bottom, 5, dtype=np.float32)
    return GarmentLandmarks(
        centre_x=centre,
        neck=Sides(left=(centre - _NECK * width, top), right=(centre + _NECK * width, top)),
        shoulder=Sides(
            left=(centre - _SHOULDER * width, top + 0.04 * height),
            right=(centre + _SHOULDER * width, top + 0.04 * height),
        ),
        armpit=Sides(left=(left, armpit), right=(right, armpit)),
        hem=Sides(left=(left, bottom), right=(right, bottom)),
        sides=np.stack([heights, np.full_like(heights, left), np.full_like(heights, right)], axis=-1),
        sleeves=None,
        confidence=0.0,
    )
