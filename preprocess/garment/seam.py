"""The line between two legs that lie side by side: a thin dark shadow, where the silhouette shows no gap."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.backdrop import Float
from preprocess.types import Points, Rgb

ROWS = 240
"""Rows a line is looked for in: shadows between legs are wider than one of them."""
DARK = 5.0
"""Grey levels of 255 by which a line must be darker than the cloth beside it to count as fully seen."""
BESIDE = 0.012
"""Distance at which the cloth beside is taken, as a share of the searched height."""
STRAY = (0.14, 0.36)
"""Distances from the middle, as shares of the width, where creases and pleats are looked for instead."""
OUTDONE = 1.35
"""How much clearer than any of those the line must be: the pleats of a skirt are alike."""


def _ridge(grey: Float, step: int) -> Float:
    """``(H, W)`` 0..1: how much darker each pixel is than the cloth ``step`` pixels to both of its sides."""
    padded = cv2.copyMakeBorder(grey, 0, 0, step, step, cv2.BORDER_REPLICATE)
    beside = np.minimum(padded[:, : -2 * step], padded[:, 2 * step :])
    return np.asarray(np.clip((beside - grey) / DARK, 0.0, 1.0), np.float32)


def _best_paths(worth: Float) -> tuple[Float, NDArray[np.int8]]:
    """Worth of the best path from the first row to each pixel of the last, and the steps leading there."""
    total = worth[0].copy()
    steps = np.zeros(worth.shape, np.int8)
    for row in range(1, len(worth)):
        padded = np.pad(total, 1, constant_values=-np.inf)
        choices = np.stack([total, padded[:-2], padded[2:]])  # straight down wins ties
        chosen = choices.argmax(axis=0)
        steps[row] = np.array([0, -1, 1], np.int8)[chosen]
        total = choices.max(axis=0) + worth[row]
    return total, steps


def find_seam(image: Rgb, axis: float, rows: tuple[float, float], width: float) -> tuple[Points, float]:
    """The darkest line down the middle of a garment ``uint8 (H, W, 3)`` between two heights.

    ``axis`` is the x of the middle, ``width`` the garment's there. Returns its points from top to bottom in
    pixels, and 0..1 how much of it is seen: 0 too where creases beside it are as clear.
    """
    top, bottom = rows
    left, right = axis - STRAY[1] * width, axis + STRAY[1] * width
    scale = ROWS / (bottom - top)
    size = (max(8, round((right - left) * scale)), ROWS)
    crop = image[round(top) : round(bottom), max(0, round(left)) : round(right)]
    grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    worth = _ridge(grey.astype(np.float32), max(2, round(BESIDE * ROWS)))
    away = np.abs((np.arange(size[0]) + 0.5) / scale + left - axis) / width
    total, steps = _best_paths(np.where(away < STRAY[0], worth, -1.0).astype(np.float32))
    stray, _ = _best_paths(np.where(away > STRAY[0], worth, -1.0).astype(np.float32))
    column = int(total.argmax())
    seen = float(total[column]) / ROWS if total[column] > OUTDONE * stray.max() else 0.0
    path = np.empty(ROWS, np.float32)
    at = column
    for row in range(ROWS - 1, -1, -1):
        path[row] = at
        at += int(steps[row, at])
    points = np.stack([(path + 0.5) / scale + left, (np.arange(ROWS) + 0.5) / scale + top], axis=1)
    return points.astype(np.float32), seen
