"""Whether what somebody wears below the hips parts into legs, or is a skirt with shins at its hem."""

from __future__ import annotations

import numpy as np

from preprocess.garment.lower import leg_gap
from preprocess.garment.outline import trace
from preprocess.garment.silhouette import main_pieces
from preprocess.garment.stance import Stance
from preprocess.types import Alpha

__all__ = ["legged", "without_shins"]

LEGS = 0.2
"""Least share of their height along which bottoms that reach the knees part into legs (trousers: .35 to .92);
dresses have slits, or shins at the hem. Shorts part along little."""
BELOW_HIPS = 1.05
"""Level of the body (1 = hips) from which on is looked."""


def legged(cloth: Alpha, stance: Stance) -> bool:
    """Does ``cloth`` ``(H, W)`` part into legs? So does none, below the hips."""
    gap, enough = _parting(cloth, stance)
    return gap is None or len(gap) > enough


def without_shins(cloth: Alpha, stance: Stance) -> Alpha:
    """The cloth of a dress; where it parts into too little for legs, those are the wearer's."""
    gap, enough = _parting(cloth, stance)
    if gap is None or not 0 < len(gap) <= enough:
        return cloth
    dress = cloth.copy()
    dress[int(gap[0, 0]) :] = 0
    return dress


def _parting(cloth: Alpha, stance: Stance) -> tuple[Alpha | None, float]:
    """The gap between legs as :func:`leg_gap` has it, None where nothing hangs below the hips; and the rows
    that it must be longer than."""
    below = cloth.copy()
    below[: max(0, int(stance.row(BELOW_HIPS)))] = 0
    if not (below > 0.5).any():
        return None, 0.0
    outline = trace(main_pieces(below > 0.5, 0.15))
    short = outline.bottom < stance.hips[1] + stance.thigh
    return np.asarray(leg_gap(outline, below), np.float32), 0.0 if short else LEGS * outline.height
