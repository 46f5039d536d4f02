"""The clean shape of a worn top: smooth sides, hem and cuffs, whatever the parsing frayed or hid."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.stance import SIDES
from preprocess.types import Alpha, GarmentLandmarks

__all__ = ["Shape", "shape_of"]

Bool = NDArray[np.bool_]
Rows = NDArray[np.float64]

ROOM = 0.035
"""How far cloth goes beyond the straight lines between a top's landmarks above the armpits, in units."""
SLEEVE_ROOM = 0.05
"""The same for the edges of a sleeve."""
SHADOW = 0.06
"""Width of the shadow that a sleeve throws on the torso beside it, in units."""
SUBPIXEL = 4
"""Fractional bits of polygon corners."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Where a top's cloth can be, ``(H, W)``."""

    most: Alpha
    """1 where there may be cloth: torso and sleeves with a little room, hem and sides exact."""
    torso: Bool
    """The torso between neck points, shoulders, sides and hem."""
    body: Bool
    """Its part below the armpits, which is cloth throughout."""
    beside: Bool
    """Torso along sleeves that hang against it: their shadow, and the background that shows between."""


def shape_of(marks: GarmentLandmarks, hem: Rows | None, shape: tuple[int, int], unit: float) -> Shape:
    """Shape of a measured top that ends at ``hem`` ``(W,)``; a dress's bodice ends straight at its waist."""
    if hem is None:
        hem = np.full(shape[1], (marks.hem.left[1] + marks.hem.right[1]) / 2)
    y = np.arange(shape[0])[:, None] + 0.5
    above_hem = np.clip(hem[None] - y + 0.5, 0.0, 1.0).astype(np.float32)
    bottom = float(hem.max()) + 4
    left, right = (np.append(marks.sides[:, k], marks.sides[-1, k]) for k in (1, 2))
    rows = np.append(marks.sides[:, 0], max(bottom, float(marks.sides[-1, 0])))
    flanks = np.concatenate([np.stack([left, rows], 1), np.stack([right, rows], 1)[::-1]])
    chest = [
        marks.neck.left,
        marks.shoulder.left,
        flanks[0],
        flanks[-1],
        marks.shoulder.right,
        marks.neck.right,
    ]
    body = _filled(flanks, shape)
    upper = _filled(np.array(chest), shape)
    most = np.maximum(body, _grown(upper, ROOM * unit) * (y < marks.sides[0, 0] + ROOM * unit))
    if marks.sleeves is not None:
        # cloth between an armpit that was estimated and the sleeve's inner edge
        corners = [
            np.array([marks.shoulder[side], marks.armpit[side], flanks[0 if side == "left" else -1]])
            for side, _ in SIDES
        ]
        most = np.maximum.reduce([most, *(_filled(points, shape) for points in corners)])
    most = most * above_hem
    beside = np.zeros(shape, bool)
    if marks.sleeves is not None:
        for side, _ in SIDES:
            sleeve = marks.sleeves[side]
            covered = _filled(np.concatenate([sleeve.outer, sleeve.inner[::-1]]), shape)
            most = np.maximum(most, _grown(covered, SLEEVE_ROOM * unit))
            if sleeve.overlaps_torso:
                beside |= (_grown(covered, SHADOW * unit) > 0.5) & (covered < 0.5)
    torso = np.maximum(body, upper) * above_hem > 0.5
    cloth = np.asarray(body * above_hem > 0.5, bool)
    return Shape(most=most, torso=torso, body=cloth, beside=beside & cloth)


def _filled(polygon: NDArray[np.floating], shape: tuple[int, int]) -> Alpha:
    """``(H, W)`` a polygon with soft edges."""
    plane = np.zeros(shape, np.uint8)
    corners = np.round((polygon - 0.5) * 2**SUBPIXEL).astype(np.int32).reshape(-1, 1, 2)
    cv2.fillPoly(plane, [corners], 255, cv2.LINE_AA, SUBPIXEL)
    return plane.astype(np.float32) / np.float32(255)


def _grown(plane: Alpha, radius: float) -> Alpha:
    size = 2 * max(1, round(radius)) + 1
    return np.asarray(
        cv2.dilate(plane, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))), np.float32
    )
