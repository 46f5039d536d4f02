"""Measures of a garment's outline that landmarks, sleeves and category share. Coordinates: pixels of the
mask."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.backdrop import Bool, Float
from preprocess.garment.silhouette import contour_of, main_pieces, mirror_axis, morph, reachable

SMOOTHING = 0.004
"""Radius of the smoothing that removes frills and threads, as a share of the garment's height."""


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A solid silhouette (true holes and notches kept) and what is read off it."""

    mask: Bool
    contour: Float
    """``(N, 2)`` closed, clockwise on the screen."""
    axis: float
    """x of the mirror axis."""
    symmetry: float
    left: float
    right: float
    top: float
    bottom: float
    envelope: Float
    """``(W,)`` y of the first garment pixel of each column, NaN where there is none."""

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def run(self, y: float, x: float) -> tuple[float, float] | None:
        """Ends ``(x_left, x_right)`` of the stretch of garment in row ``y`` that contains, or is nearest
        to, ``x``."""
        runs = self._runs(y)
        if not runs:
            return None
        return min(runs, key=lambda run: max(run[0] - x, x - run[1], 0.0))

    def torso(self, y: float) -> tuple[float, float] | None:
        """Ends ``(x_left, x_right)`` of what lies about the axis in row ``y``, one on either side: where the
        cloth is open there (plunging neck, cut-out, open front), from the nearest cloth on the one side to
        that on the other; a side without cloth mirrors the other."""
        runs = self._runs(y)
        starts = [run[0] for run in runs if run[0] < self.axis]
        ends = [run[1] for run in runs if run[1] > self.axis]
        if not starts and not ends:
            return None
        left = max(starts) if starts else 2 * self.axis - min(ends)
        return left, min(ends) if ends else 2 * self.axis - left

    def _runs(self, y: float) -> list[tuple[float, float]]:
        return runs_of(self.mask[int(np.clip(y, 0, self.mask.shape[0] - 1))])


def runs_of(row: Bool) -> list[tuple[float, float]]:
    """Stretches of True as ``(start, end)`` edges."""
    edges = (np.flatnonzero(row[1:] != row[:-1]) + 1.0).tolist()
    if row[0]:
        edges.insert(0, 0.0)
    if row[-1]:
        edges.append(float(len(row)))
    return list(zip(edges[::2], edges[1::2], strict=True))


def trace(mask: Bool) -> Outline:
    """Outline of the largest part of a mask that is not empty; threads count where there is nothing else."""
    ys = np.flatnonzero(mask.any(axis=1))
    radius = SMOOTHING * float(ys[-1] - ys[0] + 1)
    smooth = morph(morph(mask, cv2.MORPH_CLOSE, radius), cv2.MORPH_OPEN, radius)
    solid = main_pieces(smooth if smooth.any() else mask, 0.5)
    solid = _open_loops(solid)
    contour = contour_of(solid)
    if cv2.contourArea(contour, oriented=True) < 0:
        contour = contour[::-1]
    axis, symmetry = mirror_axis(solid)
    filled = solid.any(axis=0)
    envelope = np.where(filled, solid.argmax(axis=0).astype(np.float32), np.nan).astype(np.float32)
    low, high = contour.min(axis=0) - 0.5, contour.max(axis=0) + 0.5
    return Outline(
        mask=solid,
        contour=contour,
        axis=axis,
        symmetry=symmetry,
        left=float(low[0]),
        right=float(high[0]),
        top=float(low[1]),
        bottom=float(high[1]),
        envelope=envelope,
    )


def _open_loops(mask: Bool) -> Bool:
    """Cut open, downwards, the holes between torso and sleeves whose cuffs touch the torso."""
    x0, y0, width, height = cv2.boundingRect(mask.astype(np.uint8))
    holes = ~mask & ~reachable(~mask)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(holes.astype(np.uint8))
    opened = mask.copy()
    for index in range(1, count):
        left, top, wide, tall, area = stats[index]
        beside = abs(left + wide / 2 - (x0 + width / 2)) > 0.14 * width
        if not beside or area < 0.001 * width * height or tall < 0.08 * height:
            continue
        column = int(np.median(np.flatnonzero(labels[top + tall - 1] == index)))
        below = np.flatnonzero(~mask[top + tall + 2 :, column])
        if len(below) and below[0] < 0.25 * height:
            opened[top + tall - 2 : top + tall + 3 + below[0], max(0, column - 1) : column + 2] = False
    return opened


def top_of(outline: Outline, x: float) -> float:
    """y of the outline's upper edge in column ``x`` (nearest filled column)."""
    filled = np.flatnonzero(~np.isnan(outline.envelope))
    return float(outline.envelope[filled[np.abs(filled - x).argmin()]])


def mirrored(point: tuple[float, float], axis: float) -> tuple[float, float]:
    """A point's mirror image about the upright line ``x = axis``."""
    return 2 * axis - point[0], point[1]


def nearest_index(contour: Float, point: tuple[float, float]) -> int:
    """Index of the contour point nearest to ``point``."""
    return int(np.argmin(np.hypot(contour[:, 0] - point[0], contour[:, 1] - point[1])))


def path_between(contour: Float, start: int, end: int, *, away_from: float) -> Float:
    """The one of the two paths along a closed contour that keeps farther from the upright line ``x =
    away_from``."""
    forward = np.roll(contour, -start, axis=0)[: (end - start) % len(contour) + 1]
    backward = np.roll(contour[::-1], -(len(contour) - 1 - start), axis=0)[: (start - end) % len(contour) + 1]
    return max(forward, backward, key=lambda path: float(np.abs(path[:, 0] - away_from).mean()))


def resample(path: Float, count: int) -> Float:
    """``count`` points at equal distances along an open path."""
    steps = np.hypot(*np.diff(path, axis=0).T) if len(path) > 1 else np.zeros(0)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.linspace(0.0, along[-1], count)
    return np.stack([np.interp(at, along, path[:, k]) for k in (0, 1)], axis=1).astype(np.float32)


def line_costs(points: Float) -> NDArray[np.float64]:
    """``(N, N)``: squared distance of points i..j from their own best line y(x), for all i <= j."""
    x, y = points[:, 0].astype(np.float64), points[:, 1].astype(np.float64)
    x, y = x - x.mean(), y - y.mean()
    sums = [np.concatenate([[0.0], np.cumsum(v)]) for v in (np.ones_like(x), x, y, x * x, x * y, y * y)]
    n, sx, sy, sxx, sxy, syy = ((s[None, 1:] - s[:-1, None]) for s in sums)
    n = np.maximum(n, 1.0)
    vxx, vxy, vyy = sxx - sx * sx / n, sxy - sx * sy / n, syy - sy * sy / n
    cost = vyy - vxy * vxy / np.maximum(vxx, 1e-9)
    return np.where(np.arange(len(x))[None] >= np.arange(len(x))[:, None], np.maximum(cost, 0.0), np.inf)
