"""Tops worn open over others: their middle is another garment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from preprocess.garment.backdrop import to_lab
from preprocess.garment.stance import Stance
from preprocess.types import Alpha, Rgb

__all__ = ["worn_open"]

LEVELS = np.linspace(0.25, 0.9, 14)
"""Levels of the body between which both garments are looked at: below collars, above hems."""
MIDDLE, FLANKS = 0.1, (0.32, 0.42)
"""Columns of the inner and of the outer garment, in units off the spine."""
APART, ALIKE = 20.0, 15.0
"""Lab distance of two garments at least, of the two halves of one at most."""
ROWS = 0.7
"""Share of the levels that must show it: a print ends sooner."""


def worn_open(image: Rgb, cloth: Alpha, stance: Stance) -> bool:
    """Do both flanks of a top differ from its middle, and not from each other, nearly all the way down?"""
    half = max(2, round(0.02 * stance.unit))
    votes = []
    for level in LEVELS:
        y = int(np.clip(stance.row(float(level)), half, len(image) - half - 1))
        rows = slice(y - half, y + half + 1)
        spine = float(stance.spine(y))
        spans = [(-MIDDLE, MIDDLE), (-FLANKS[1], -FLANKS[0]), FLANKS]
        found = [_median(image[rows], cloth[rows], spine, stance.unit, span) for span in spans]
        middle, left, right = found
        if middle is None or left is None or right is None:
            continue
        apart = min(np.linalg.norm(middle - left), np.linalg.norm(middle - right))
        votes.append(apart > APART and np.linalg.norm(left - right) < ALIKE)
    return len(votes) > len(LEVELS) / 2 and float(np.mean(votes)) > ROWS


def _median(
    image: Rgb, cloth: Alpha, spine: float, unit: float, span: tuple[float, float]
) -> NDArray[np.float32] | None:
    """Median Lab colour of the cloth in some columns; None where there is hardly any."""
    first, last = (int(np.clip(spine + share * unit, 0, image.shape[1])) for share in span)
    inside = cloth[:, first:last] > 0.5
    if inside.mean() < 0.5 if inside.size else True:
        return None
    return np.asarray(
        np.median(to_lab(np.ascontiguousarray(image[:, first:last]))[inside], axis=0), np.float32
    )
