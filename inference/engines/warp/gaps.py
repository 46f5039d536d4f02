"""No slit at the armpit: where sleeve and torso all but meet, cloth runs on from one to the other."""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.warp.types import Body, Vec
from preprocess.types import Alpha, Sides

_REACH = 0.035
"""Half the width of a gap that is closed, in shoulder widths: cloth in an armpit is pressed together."""
_AROUND = 0.28
"""How far from the armpit gaps are closed, in shoulder widths; farther down the arm hangs free of the
body."""


def closed_at_armpits(torso: Alpha, sleeves: tuple[Alpha, ...], armpits: Sides[Vec], body: Body) -> Alpha:
    """The torso's matte grown into narrow gaps between it and the sleeves; same shape, only ever larger."""
    together = np.max([torso, *sleeves], axis=0)
    radius = max(1, round(_REACH * body.shoulder_width))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    grown = torso.copy()
    room = round(_AROUND * body.shoulder_width) + 1
    for armpit in (armpits.left, armpits.right):
        x, y = (int(v) for v in armpit)
        rows = slice(max(y - room - radius, 0), max(y + room + radius, 0))
        columns = slice(max(x - room - radius, 0), max(x + room + radius, 0))
        part = together[rows, columns]
        if part.size == 0:
            continue
        closed = cv2.morphologyEx(part, cv2.MORPH_CLOSE, disc)
        near = _fading_disc(part.shape, armpit - (columns.start, rows.start), room)
        filled = np.where(closed > part + 0.02, closed * near, 0.0)
        grown[rows, columns] = np.maximum(grown[rows, columns], filled)
    return grown


def _fading_disc(shape: tuple[int, ...], centre: Vec, radius: float) -> Alpha:
    """1 in the inner two thirds of a disc, falling to 0 at its edge."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32) + np.float32(0.5)
    distance = np.hypot(x - np.float32(centre[0]), y - np.float32(centre[1]))
    disc: Alpha = np.clip(3 * (1 - distance / np.float32(radius)), 0.0, 1.0)
    return disc
