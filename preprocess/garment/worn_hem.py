"""The lower end of a worn top: where it ends in the photo, as a line, and what a waistband hides of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from preprocess.garment.stance import Stance
from preprocess.types import Alpha, GarmentLandmarks

__all__ = ["hem_curve", "hem_row", "tucked_in"]

Rows = NDArray[np.float64]

MIDDLE, COVERED = 0.3, 0.55
"""Half the columns that tell the last row of cloth, in units, and their share that is cloth."""
TUCKED_BELOW = 0.95
"""Level of the body below which a top that ends at a waistband hangs over it."""
NARROWER = ((0.6, 0.72), (0.7, 0.97))
"""Most of the bottoms' width that a tucked top has at its end, by level: one that ends high is rather
cropped."""
BANDED = 0.6
"""Share of a tucked top's width along which the bottoms begin right below it."""
BELOW = (0.02, 0.1)
"""How far below its end they are looked for, in units."""
HEM_WITHIN = 0.16
"""How far from its usual row the ends of a hem are believed, in units."""
HEM_TILT, HEM_CURVE = 0.12, (-0.03, 0.07)
"""How far a hem rises to its end, and hangs in the middle, in units: more is what it lies on."""
HEM_INSET = 0.02
"""The last of the cloth carries the colours of what is below, in units."""
LEAST_COLUMNS = 20


def hem_row(cloth: Alpha, stance: Stance) -> float | None:
    """Row below the last one in which most of the body's middle is cloth."""
    off_spine = _off_spine(cloth, stance)
    within = (off_spine < MIDDLE * stance.unit).sum(axis=1)
    covered = ((cloth > 0.5) & (off_spine < MIDDLE * stance.unit)).sum(axis=1)
    rows = np.flatnonzero(covered > COVERED * np.maximum(within, 1))
    return float(rows[-1] + 1) if len(rows) else None


def tucked_in(cloth: Alpha, bottoms: Alpha, stance: Stance, hem: float) -> bool:
    """Does a top end within the waistband of its wearer's ``bottoms``, high on the body?"""
    level = (hem - stance.row(0.0)) / stance.torso
    if not NARROWER[0][0] < level < TUCKED_BELOW:
        return False
    above, first, last = (
        int(np.clip(hem + share * stance.unit, 0, len(bottoms) - 1)) for share in (-BELOW[0], *BELOW)
    )
    near = (_off_spine(bottoms, stance) < MIDDLE * stance.unit)[first : last + 1]
    banded = float((bottoms[first : last + 1] > 0.5)[near].mean())
    wide, below = (int((row > 0.5).sum()) for row in (cloth[above], bottoms[last]))
    return banded > BANDED and wide < float(np.interp(level, *NARROWER)) * below


def _off_spine(plane: Alpha, stance: Stance) -> Rows:
    """``(H, W)`` pixels from the spine."""
    height, width = plane.shape
    spine = stance.spine(np.arange(height, dtype=np.float64) + 0.5)
    away: Rows = np.abs(np.arange(width)[None] + 0.5 - spine[:, None])
    return away


def hem_curve(cloth: Alpha, marks: GarmentLandmarks, row: float, unit: float) -> Rows:
    """``(W,)`` y where the cloth ends, near ``row``: the parabola nearest to its end in most columns."""
    width = cloth.shape[1]
    first, last = (int(np.clip(point[0], 0, width - 1)) for point in (marks.hem.left, marks.hem.right))
    inset = int(0.04 * unit)
    columns = np.arange(first + inset, last - inset)
    straight = np.full(width, row)
    if len(columns) < LEAST_COLUMNS:
        return straight
    solid = cloth[:, columns] > 0.5
    ends = (cloth.shape[0] - np.argmax(solid[::-1], axis=0)).astype(np.float64)
    near = solid.any(axis=0) & (np.abs(ends - row) < HEM_WITHIN * unit)
    if near.sum() < max(LEAST_COLUMNS, 0.4 * len(columns)):
        return straight
    x = (np.arange(width) - columns.mean()) / max(len(columns) / 2, 1.0)
    terms = np.stack([np.ones(width), x, x * x], axis=1)
    known, ends = terms[columns[near]], ends[near]
    weight = np.ones(len(ends))
    for _ in range(6):  # least absolute deviations: a fringe must not draw the hem
        root = np.sqrt(weight)
        found = np.linalg.lstsq(known * root[:, None], ends * root, rcond=None)[0]
        weight = 1 / np.maximum(np.abs(known @ found - ends), 1.0)
    residual = ends - known[:, 1:] @ _within(found[1:], unit)
    curve: Rows = np.median(residual) + terms[:, 1:] @ _within(found[1:], unit) - HEM_INSET * unit
    return curve


def _within(bend: Rows, unit: float) -> Rows:
    """Tilt and curvature ``(2,)`` of a hem, held to what hems do; y grows downwards."""
    tilt = np.clip(bend[0], -HEM_TILT * unit, HEM_TILT * unit)
    return np.array([tilt, np.clip(bend[1], -HEM_CURVE[1] * unit, -HEM_CURVE[0] * unit)])
