"""No slit at the armpit: where sleeve and torso all but meet, cloth runs on from one to the other."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.types import Body, Vec
from preprocess.types import Alpha, Sides

Region = NDArray[np.uint8]
"""``(h, w)`` 0 or 1."""

_REACH = 0.035
"""Half the width of a gap that is closed, in shoulder widths: cloth in an armpit is pressed together."""
_AROUND = 0.28
"""How far from the armpit gaps are closed, in shoulder widths; farther down the arm hangs free of the
body."""
_HAIRLINE = 0.008
"""Half the width of a slit that is closed even where the photo shows background through it."""
_EDGE = 0.8
"""Softness of the fill's border, pixels (sigma)."""


def closed_at_armpits(
    torso: Alpha, sleeves: tuple[Alpha, ...], armpits: Sides[Vec], person: Alpha, body: Body
) -> Alpha:
    """The torso's matte grown into narrow gaps between it and the sleeves; same shape, only ever larger.

    Where the photo shows background between arm and body (``person`` below a half) it stays.
    """
    unit = body.shoulder_width
    grown = torso.copy()
    room = round((_AROUND + _REACH) * unit) + 2
    for armpit in (armpits.left, armpits.right):
        x, y = (int(v) for v in armpit)
        rows = slice(max(y - room, 0), max(y + room, 0))
        columns = slice(max(x - room, 0), max(x + room, 0))
        cover = np.max([part[rows, columns] for part in (torso, *sleeves)], axis=0)
        if cover.size == 0:
            continue
        solid = (cover > 0.5).astype(np.uint8)
        closed = _closing(solid, _REACH * unit) & (person[rows, columns] > 0.5)
        closed |= _closing(solid, _HAIRLINE * unit)
        closed &= _disc(solid.shape, armpit - (columns.start, rows.start), _AROUND * unit)
        # Two soft borders that meet would let the photo shine through: the fill runs on beneath both.
        seam = cv2.dilate(closed & (1 - solid), np.ones((5, 5), np.uint8)) & (closed | solid)
        fill = cv2.GaussianBlur(seam.astype(np.float32), (0, 0), _EDGE)
        grown[rows, columns] = np.maximum(grown[rows, columns], fill)
    return grown


def _closing(solid: Region, radius: float) -> Region:
    pixels = max(1, round(radius))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return np.asarray(cv2.morphologyEx(solid, cv2.MORPH_CLOSE, disc), dtype=np.uint8)


def _disc(shape: tuple[int, ...], centre: Vec, radius: float) -> Region:
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    return np.asarray(np.hypot(x - centre[0], y - centre[1]) < radius, dtype=np.uint8)
