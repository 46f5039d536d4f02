"""The narrow end of the gap between two legs: ground in deep shadow, which was taken for cloth."""

from __future__ import annotations

import cv2
import numpy as np

from preprocess.garment.backdrop import Bool, Float, to_lab
from preprocess.garment.lower import leg_gap
from preprocess.garment.outline import Outline, runs_of
from preprocess.types import Alpha, Rgb

ABOVE, BELOW, BESIDE = 0.12, 0.07, 0.07
"""Part of the picture looked at round the gap's upper end: shares of the garment's height up and down, of its
width to each side."""
COLOURED = 0.06
"""Difference of chroma over lightness from which cloth and ground are told apart in any shadow; cream cotton
has .11 on white, JPEG noise in shadows .03."""
THINNEST = 3
"""Width of the gap's end, pixels: edges of stitches are thinner."""
WIDENING = 1.15
"""Width of a row of the gap over that of the row below which is still no widening."""


def _hue(lab: Float) -> Float:
    """``(..., 2)`` chroma over lightness, which shadows leave as it is."""
    soft = np.asarray(cv2.GaussianBlur(lab, (0, 0), 1.0), np.float32)
    return np.asarray(soft[..., 1:] / (soft[..., :1] + 5.0), np.float32)


def clear_crotch(alpha: Alpha, image: Rgb, outline: Outline) -> Alpha:
    """The matte ``(H, W)`` with the gap between the legs open up to its end; unchanged where there is none or
    where cloth and ground have the same hue. ``image`` is ``uint8 (H, W, 3)`` of the same frame."""
    gap = leg_gap(outline, alpha)
    if not len(gap):
        return alpha
    top, middle = gap[0, 0], gap[0, 1:].mean()
    height, width = outline.height, outline.width
    box = np.s_[
        int(max(outline.top, top - ABOVE * height)) : int(min(outline.bottom, top + BELOW * height)),
        int(max(0, middle - BESIDE * width)) : int(middle + BESIDE * width),
    ]
    matte = alpha[box]
    ground, cloth = matte < 0.05, cv2.erode(matte, np.ones((9, 9), np.uint8)) > 0.95
    if not ground.any() or not cloth.any():
        return alpha
    hue = _hue(to_lab(image[box]))
    base, span = (
        np.median(hue[ground], axis=0),
        np.median(hue[cloth], axis=0) - np.median(hue[ground], axis=0),
    )
    length = float(np.hypot(*span))
    if length < COLOURED:
        return alpha
    away = np.hypot(*(hue - base).transpose(2, 0, 1)) / length
    found = _wedge((away < 0.45) | ground, float(middle) - box[1].start)
    near = cv2.dilate(found.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    cleared = alpha.copy()
    cleared[box] = np.where(near, np.minimum(matte, np.clip((away - 0.25) / 0.5, 0.0, 1.0)), matte)
    return cleared


def _wedge(ground: Bool, x: float) -> Bool:
    """The stretch of ground that goes up from the last row at ``x``, as long as it does not widen: seams and
    stitches beyond its end do."""
    wedge = np.zeros_like(ground)
    near, widest = (x, x), np.inf
    for y in range(len(ground) - 1, -1, -1):
        runs = [run for run in runs_of(ground[y]) if run[0] <= near[1] and run[1] >= near[0]]
        run = max(runs, key=lambda run: run[1] - run[0], default=None)
        if run is None or not THINNEST <= run[1] - run[0] <= widest:
            break
        wedge[y, int(run[0]) : int(run[1])] = True
        near, widest = run, min(widest, WIDENING * (run[1] - run[0]) + 1)
    return wedge
