"""Sleeves of a flat garment: their edges, their corners at the cuff, and the pixels that belong to them."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.backdrop import Float
from preprocess.garment.outline import resample
from preprocess.types import Alpha, Points, Sleeve

SAMPLES = 90
"""Points along the arc from shoulder to armpit when corners are looked for."""
ODD = 0.6
"""Price of an unlikely cuff against misfit of the edges; tuned by eye on 25 tops."""
ASTRAY = 4.0
"""Price of an inner edge that leaves the sleeve's way: it took part of the cuff for its own."""
TAPER = 0.3
"""How much an inner edge may come nearer to the sleeve's axis, over its length."""
EDGE_POINTS = 24
"""Points of each sleeve edge that is handed on."""


def covering_edge(
    slope: Float, notch: tuple[float, float], y: float, play: float
) -> tuple[tuple[float, float], float]:
    """Armpit hidden under a sleeve: the straight line up from the notch along which colours change most.

    ``slope`` is the colour gradient ``(H, W)``, ``y`` the height at which the armpit is expected, ``play``
    how far it may lie to either side of the notch. Returns the point and 0..1 how clear the line is.
    """
    heights = np.linspace(notch[1], y, 40, dtype=np.float32)
    share = (notch[1] - heights) / max(1.0, notch[1] - y)
    offsets = np.linspace(-play, play, 25, dtype=np.float32)
    xs = notch[0] + share[None] * offsets[:, None]
    soft = cv2.GaussianBlur(slope, (0, 0), 1.0)
    found = cv2.remap(soft, xs.astype(np.float32), np.repeat(heights[None], 25, 0), cv2.INTER_LINEAR)
    line = (
        np.minimum(found, 6.0).mean(axis=1) - 0.6 * (offsets / play) ** 2
    )  # straight up unless shown otherwise
    best = int(line.argmax())
    clear = float(np.clip((line[best] - np.median(line)) / 1.5, 0.0, 1.0))
    return (float(notch[0] + offsets[best]), float(y)), clear


@cache
def _parabolas(length: int) -> tuple[NDArray[np.float64], ...]:
    """For each count an orthonormal basis ``(count, 3)`` of the parabolas over its points."""
    t = np.linspace(0.0, 1.0, length)
    terms = np.stack([np.ones(length), t, t * t], axis=1)
    return tuple(np.linalg.qr(terms[:count])[0] for count in range(length + 1))


def _curve_costs(points: Float) -> NDArray[np.float64]:
    """``(N,)``: squared distance of the first k points from a parametric parabola."""
    costs = np.zeros(len(points))
    centred = points.astype(np.float64) - points.mean(axis=0)
    total = np.cumsum((centred * centred).sum(axis=1))
    for count, basis in enumerate(_parabolas(len(points))):
        if count >= 4:
            fitted = basis.T @ centred[:count]
            costs[count - 1] = max(0.0, total[count - 1] - float((fitted * fitted).sum()))
    return costs


def _straight_costs(points: Float) -> NDArray[np.float64]:
    """``(N, N)``: squared distance of points i..j from their best line (total least squares)."""
    p = points.astype(np.float64) - points.mean(axis=0)
    parts = (np.ones(len(p)), p[:, 0], p[:, 1], p[:, 0] ** 2, p[:, 0] * p[:, 1], p[:, 1] ** 2)
    sums = [np.concatenate([[0.0], np.cumsum(v)]) for v in parts]
    n, sx, sy, sxx, sxy, syy = (s[None, 1:] - s[:-1, None] for s in sums)
    n = np.maximum(n, 1.0)
    a, b, c = sxx - sx * sx / n, sxy - sx * sy / n, syy - sy * sy / n
    smallest = (a + c) / 2 - np.sqrt(((a - c) / 2) ** 2 + b * b)
    return np.asarray(np.maximum(smallest, 0.0), np.float64)


def cuff_corners(
    arc: Float, shoulder: tuple[float, float], armpit: tuple[float, float]
) -> tuple[int, int, float]:
    """Indices of the cuff's outer and inner corner on the resampled arc from shoulder to armpit (or notch).

    The arc is explained as curved outer edge, straight cuff, curved inner edge; the best explanation wins.
    The inner edge may be missing, when the sleeve lies on the torso down to the cuff. A cuff stands across
    the sleeve and is about as long as the armhole or shorter. The third value is what the explanation
    leaves open, 0 = nothing.
    """
    head, tail = _curve_costs(arc), _curve_costs(arc[::-1])[::-1]
    cuff = _straight_costs(arc)
    armhole = float(np.hypot(armpit[0] - shoulder[0], armpit[1] - shoulder[1]))
    middle = np.array([(armpit[0] + shoulder[0]) / 2, (armpit[1] + shoulder[1]) / 2])
    doubt = ODD * armhole * armhole  # costs are squared pixels: make the two comparable
    best = (np.inf, len(arc) // 2, len(arc) // 2 + 4)
    for first in range(len(arc) // 10, len(arc) - 4):
        seconds = np.arange(first + 3, len(arc))
        across = arc[seconds] - arc[first]
        along = (arc[seconds] + arc[first]) / 2 - middle
        span = np.hypot(*across.T)
        skew = np.abs((across * along).sum(axis=1)) / np.maximum(span * np.hypot(*along.T), 1e-6)
        odd = np.maximum(0.0, span / max(1.0, armhole) - 1.05) + np.maximum(
            0.0, 0.3 - span / max(1.0, armhole)
        )
        total = head[first] + cuff[first, seconds] + tail[seconds]
        total = total + doubt * (4.0 * odd * odd + np.maximum(0.0, skew - 0.35) ** 2)
        total = total + doubt * ASTRAY * _astray(arc[seconds] - arc[-1], along, max(1.0, armhole)) ** 2
        index = int(total.argmin())
        if total[index] < best[0]:
            best = (float(total[index]), first, int(seconds[index]))
    return best[1], best[2], best[0] / max(1.0, doubt)


def _astray(inner: Float, along: Float, armhole: float) -> NDArray[np.float64]:
    """``(n,)`` how far inner edges leave the way of the sleeve, in armholes; ``inner (n, 2)`` are their ends
    seen from armpit or notch, ``along`` the sleeve's.

    They run along it, never up again, and come nearer to its axis only as far as a sleeve tapers.
    """
    heading = along / np.maximum(np.hypot(*along.T), 1e-6)[:, None]
    beside = np.abs(inner[:, 0] * heading[:, 1] - inner[:, 1] * heading[:, 0])
    behind = np.maximum(0.0, -(inner * heading).sum(axis=1))
    rise = np.maximum(0.0, -inner[:, 1])
    spare = TAPER * np.hypot(*inner.T)
    return np.asarray((np.maximum(0.0, beside - spare) + behind + rise) / armhole, np.float64)


def find_sleeve(
    arc: Float,
    shoulder: tuple[float, float],
    armpit: tuple[float, float],
    notch: tuple[float, float],
    alpha: Alpha,
    *,
    cuff: Points | None = None,
) -> tuple[Sleeve, float]:
    """One sleeve from the outline's arc between its shoulder tip and the visible end of its inner edge.

    ``cuff`` ``(2, 2)`` says where the cuff's outer and inner corner are expected (the other sleeve's,
    mirrored); without it they are looked for. Second value: how badly the sleeve fits its model, 0 =
    perfectly.
    """
    points = resample(arc, SAMPLES)
    if cuff is None:
        first, second, misfit = cuff_corners(points, shoulder, armpit)
    else:
        gaps = np.hypot(*(points[:, None] - cuff[None]).transpose(2, 0, 1))
        first = int(np.clip(gaps[:, 0].argmin(), 3, SAMPLES - 5))
        second = int(np.clip(gaps[:, 1].argmin(), first + 3, SAMPLES - 1))
        misfit = float(gaps[[first, second], [0, 1]].sum())
    covered = notch != armpit
    inner = points[second:][::-1]
    if covered:
        inner = np.concatenate([np.array([armpit], np.float32), inner])
    outer = np.concatenate([np.array([shoulder], np.float32), points[1 : first + 1]])
    polygon = np.concatenate([outer, points[first:second], inner[::-1]])
    sleeve = Sleeve(
        outer=resample(outer, EDGE_POINTS),
        inner=resample(inner, EDGE_POINTS),
        region=sleeve_region(polygon, alpha),
        overlaps_torso=covered,
    )
    return sleeve, misfit


def sleeve_region(polygon: Points, alpha: Alpha) -> Alpha:
    """``(H, W)``: the polygon's share of the garment, its soft rim included, fading over a pixel at the
    armhole."""
    scale = 4  # sub-pixel precision of the polygon, as a power of two for fillPoly's shift
    margin = 12  # reach of the rim and of the fading
    height, width = alpha.shape
    low, high = polygon.min(axis=0).astype(int) - margin, polygon.max(axis=0).astype(int) + margin
    x0, y0, x1, y1 = max(0, low[0]), max(0, low[1]), min(width, high[0]), min(height, high[1])
    matte = alpha[y0:y1, x0:x1]
    inside = np.zeros(matte.shape, np.uint8)
    corners = np.round((polygon - 0.5 - (x0, y0)) * 2**scale).astype(np.int32).reshape(-1, 1, 2)
    cv2.fillPoly(inside, [corners], 255, shift=scale)
    grown = cv2.dilate(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))
    # the soft rim outside the polygon is the sleeve's, except where it borders on more cloth
    rim = (matte < 0.9) & (grown > 0)
    faded = cv2.GaussianBlur(inside, (0, 0), 0.8).astype(np.float32) / 255.0
    region = np.zeros(alpha.shape, np.float32)
    region[y0:y1, x0:x1] = np.where(rim, 1.0, faded) * (matte > 0)
    return region
