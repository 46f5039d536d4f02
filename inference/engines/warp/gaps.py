"""No slit at the armpit, no sliver of skin on the shoulder: where cloth all but meets what it should, it runs
on."""

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
_STRIP, _SLIVER = 0.06, 0.03
"""How far from the line of the shoulder, and from the cloth, a sliver of the body may lie that cloth is drawn
over, in shoulder widths: maps miss the outline by as much."""
_FROM_NECK = 0.15
"""Share of the shoulder beside the neck where skin may show."""
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
        trunk = torso[rows, columns]
        if trunk.size == 0:
            continue
        arm = np.max([sleeve[rows, columns] for sleeve in sleeves], axis=0)
        solid = (np.maximum(trunk, arm) > 0.5).astype(np.uint8)
        closed = _closing(solid, _REACH * unit) & (person[rows, columns] > 0.5)
        closed |= _closing(solid, _HAIRLINE * unit)
        # Closing also fills the steps of a slanting outline: gaps have cloth of both on their sides.
        closed &= between(trunk, arm, 2 * _REACH * unit)
        closed &= _disc(solid.shape, armpit - (columns.start, rows.start), _AROUND * unit)
        # Two soft borders that meet would let the photo shine through: the fill runs on beneath both.
        seam = cv2.dilate(closed & (1 - solid), np.ones((5, 5), np.uint8)) & (closed | solid)
        fill = cv2.GaussianBlur(seam.astype(np.float32), (0, 0), _EDGE)
        grown[rows, columns] = np.maximum(grown[rows, columns], fill)
    return grown


def closed_at_shoulders(
    torso: Alpha, neck: Sides[Vec], shoulder: Sides[Vec], person: Alpha, body: Body
) -> Alpha:
    """The torso's matte grown over slivers of the ``person`` that stand out above it at the shoulders."""
    unit = body.shoulder_width
    strip = np.zeros(torso.shape, dtype=np.uint8)
    for start, end in ((neck.left, shoulder.left), (neck.right, shoulder.right)):
        # It ends square at the shoulder's tip: a sleeve hangs from there, however wide the old one was.
        across = np.array([start[1] - end[1], end[0] - start[0]])
        across *= _STRIP * unit / max(float(np.hypot(*across)), 1e-6)
        first = start + (end - start) * _FROM_NECK
        corners = np.round([first - across, end - across, end + across, first + across]).astype(np.int32)
        cv2.fillConvexPoly(strip, corners.reshape(-1, 1, 2), 1)
    x, y, width, height = cv2.boundingRect(strip)
    if width == 0 or height == 0:
        return torso
    window = np.s_[y : y + height, x : x + width]
    solid = (torso[window] > 0.5).astype(np.uint8)
    distance = cv2.distanceTransform(1 - solid, cv2.DIST_L2, cv2.DIST_MASK_3)
    sliver = (strip[window] > 0) & (distance < _SLIVER * unit) & (person[window] > 0.5)
    grown = torso.copy()
    fill = cv2.GaussianBlur((sliver | (solid > 0)).astype(np.float32), (0, 0), _EDGE)
    grown[window] = np.where(strip[window] > 0, np.maximum(grown[window], fill), grown[window])
    return grown


def _closing(solid: Region, radius: float) -> Region:
    pixels = max(1, round(radius))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return np.asarray(cv2.morphologyEx(solid, cv2.MORPH_CLOSE, disc), dtype=np.uint8)


def between(torso: Alpha, sleeve: Alpha, radius: float) -> NDArray[np.bool_]:
    """Pixels at most ``radius`` away from either of two layers."""
    away = [cv2.distanceTransform((part <= 0.5).astype(np.uint8), cv2.DIST_L2, 3) for part in (torso, sleeve)]
    return np.asarray(np.maximum(*away) <= radius + 1.0, dtype=np.bool_)


def _disc(shape: tuple[int, ...], centre: Vec, radius: float) -> Region:
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    return np.asarray(np.hypot(x - centre[0], y - centre[1]) < radius, dtype=np.uint8)
