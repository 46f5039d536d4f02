"""Where the upper clothes end: a change of colour down the torso."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from preprocess.parsing.colour import BINS, Codes, palette_of_counts
from preprocess.types import Alpha

ROWS = np.linspace(0.05, 1.6, 63)
"""Rows tried, in torso lengths below the shoulder line."""
USUAL = 0.95
"""Where tops usually end; a change elsewhere counts a little less."""
NEIGHBOURHOOD = 14
"""Rows (of 0.025 torso lengths) compared above and below a candidate."""
MIN_PIXELS = 150
HIP_LINE = 1.02
"""Waist assumed when the colours do not change (a dress)."""
MIN_CHANGE = 0.30
"""Histogram difference below which a change is shading."""
DRESS_CHANGE = 0.45
"""Change below which upper and lower clothes count as possibly one garment."""


def colour_change(codes: Codes, along: Alpha, column: NDArray[np.bool_]) -> tuple[float, float]:
    """``(waist, change)``: the row where the colours of ``column`` change most, and by how much (0..1)."""
    row = np.digitize(along[column], ROWS)
    counts = np.zeros((len(ROWS) + 1, BINS**3), np.float32)
    np.add.at(counts, (row, codes[column]), 1.0)
    total = np.cumsum(counts, 0)
    best, waist = 0.0, HIP_LINE
    for i in range(12, 54, 1):
        above = total[i] - total[max(0, i - NEIGHBOURHOOD)]
        below = total[min(len(ROWS), i + NEIGHBOURHOOD)] - total[i]
        if above.sum() < MIN_PIXELS or below.sum() < MIN_PIXELS:
            continue
        change = 1.0 - palette_of_counts(above, 1.0).overlap(palette_of_counts(below, 1.0))
        change *= 1.0 - 0.25 * abs(ROWS[i] - USUAL)
        if change > best:
            best, waist = change, float(ROWS[i])
    return (waist, best) if best > MIN_CHANGE else (HIP_LINE, best)


def waist_of_labels(along: Alpha, upper: NDArray[np.bool_], lower: NDArray[np.bool_]) -> float | None:
    """The row that best separates the two labels within the torso column; None when one is missing."""
    rows = np.linspace(0.3, 1.5, 61)
    if upper.sum() < 50 or lower.sum() < 50:
        return None
    tops = np.bincount(np.digitize(along[upper], rows), minlength=62).astype(float)
    bottoms = np.bincount(np.digitize(along[lower], rows), minlength=62).astype(float)
    bottoms_above = np.concatenate([[0.0], np.cumsum(bottoms)])
    tops_below = tops.sum() - np.concatenate([[0.0], np.cumsum(tops)])
    wrong = (bottoms_above + tops_below)[1:61]
    return float(rows[int(np.argmin(wrong))])
