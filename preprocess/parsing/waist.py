"""Where the upper clothes end: a change of colour down the torso."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from preprocess.parsing.colour import BINS, Codes, smoothed
from preprocess.types import Alpha

ROWS = np.linspace(0.05, 1.6, 63)
"""Rows tried, in torso lengths below the shoulder line."""
USUAL = 0.95
"""Where tops usually end; a change elsewhere counts a little less."""
NEIGHBOURHOOD = 14
"""Rows (of 0.025 torso lengths) compared above and below a candidate."""
MIN_PIXELS = 150
MIN_LABELLED = 50
HIP_LINE = 1.02
"""Waist assumed when the colours do not change (a dress)."""
MIN_CHANGE = 0.30
"""Histogram difference below which a change is shading."""


def colour_change(codes: Codes, along: Alpha, column: NDArray[np.bool_]) -> tuple[float, float]:
    """``(waist, change)``: the row where the colours of ``column`` change most, and by how much (0..1)."""
    row = np.digitize(along[column], ROWS)
    cells = np.bincount(row * BINS**3 + codes[column], minlength=(len(ROWS) + 1) * BINS**3)
    counts = cells.reshape(-1, BINS**3).astype(np.float32)
    total = np.cumsum(smoothed(counts, 1.0), 0)
    pixels = np.cumsum(counts.sum(1))
    best, waist = 0.0, HIP_LINE
    for i in range(12, 54):
        first, last = max(0, i - NEIGHBOURHOOD), min(len(ROWS), i + NEIGHBOURHOOD)
        if min(pixels[i] - pixels[first], pixels[last] - pixels[i]) < MIN_PIXELS:
            continue
        above, below = total[i] - total[first], total[last] - total[i]
        change = 1.0 - float(np.minimum(above / above.sum(), below / below.sum()).sum())
        change *= 1.0 - 0.25 * abs(ROWS[i] - USUAL)
        if change > best:
            best, waist = change, float(ROWS[i])
    return (waist, best) if best > MIN_CHANGE else (HIP_LINE, best)


def waist_of_labels(
    along: Alpha, upper: NDArray[np.bool_], lower: NDArray[np.bool_]
) -> tuple[float, float] | None:
    """``(waist, purity)``: the row that best separates the labels, and the share of pixels on the right
    side of it.

    ``upper`` and ``lower`` are restricted to the torso's column by the caller; None when one is missing.
    """
    rows = np.linspace(0.3, 1.5, 61)
    if upper.sum() < MIN_LABELLED or lower.sum() < MIN_LABELLED:
        return None
    tops = np.bincount(np.digitize(along[upper], rows), minlength=62).astype(float)
    bottoms = np.bincount(np.digitize(along[lower], rows), minlength=62).astype(float)
    bottoms_above = np.concatenate([[0.0], np.cumsum(bottoms)])
    tops_below = tops.sum() - np.concatenate([[0.0], np.cumsum(tops)])
    wrong = (bottoms_above + tops_below)[1:61]
    best = int(np.argmin(wrong))
    return float(rows[best]), float(1.0 - wrong[best] / (tops.sum() + bottoms.sum()))
