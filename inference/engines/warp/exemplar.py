"""Continue a busy background behind the person with pieces of itself.

Every stretch of the hole's border looks for the place in the known picture that it resembles most; the shifts
found are the candidates, and each pixel of the hole is copied by the shift that fits its nearest border best
(after He and Sun, Statistics of Patch Offsets for Image Completion, 2012; one-sided holes as narrow as what
an old sleeve leaves need no graph cut). Images are ``float32 (h, w, 3)``, shifts whole pixels ``x, y``.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, Float, blur, box_of, grow, smooth_fill, weighted_blur
from preprocess.types import Alpha

_COARSE_UNIT, _COARSE_AREA = 48.0, 24_000.0
"""Pixels of a shoulder width in the reduced picture that is searched, and of that picture at most: fewer
where it is wide."""

_WINDOW = 0.18
"""Shoulder widths: half the side of the window a stretch of border is compared in."""

_SPACING = 0.12
"""Shoulder widths between those stretches."""

_MOST_SITES = 32
"""Stretches searched at most, spread evenly: bounds the time."""

_KNOWN, _FILLS = 0.98, 0.75
"""Shares of the compared border that must be known at a source, and of the hole in the window it can fill."""

_NEAR, _FAR = 0.06, 0.2
"""Shoulder widths over which the border's fit counts for a pixel; and where no border is so near."""

_FAR_COUNTS = 0.02
"""Weight of the farther border: it decides only where there is no near one."""

_MOST_MISS = 3 * 60.0**2
"""Squared difference of two colours from which they are simply different: 60 levels in each channel."""

_SEAM = 1.2
"""Pixels over which pieces run into each other."""

_RING = 3.0
"""Pixels of known border at which copied colours are brought to those of the photo."""

_SAMPLED, _STEPS = 400, (-1, 0, 1)
"""Pixels of the border, and steps of 2 and of 1 pixels, by which a shift is refined."""

Offsets = NDArray[np.int64]
Labels = NDArray[np.int16]


@dataclass(frozen=True, kw_only=True)
class Continued:
    """The known picture continued into its hole."""

    rgb: FloatRgb
    filled: Alpha
    """1 where a piece could be copied."""


def continued(photo: FloatRgb, known: Bool, needed: Bool, unit: float) -> Continued:
    """Fill the unknown pixels of ``needed`` and around it; ``unit`` is the shoulder width, pixels."""
    scale = min(1.0, _COARSE_UNIT / unit, (_COARSE_AREA / known.size) ** 0.5)
    size = (max(8, round(photo.shape[1] * scale)), max(8, round(photo.shape[0] * scale)))
    small = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.float32)
    seen = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    wanted = cv2.resize(needed.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.0
    coarse = unit * scale
    nothing = Continued(rgb=photo, filled=np.zeros(known.shape, np.float32))
    shifts = _shifts(small, seen, grow(wanted & ~seen, _SPACING * coarse), coarse)
    if len(shifts) == 0:
        return nothing
    choice = _fitting(small, seen, shifts, coarse)
    whole = cv2.resize(choice.astype(np.int16), known.shape[::-1], interpolation=cv2.INTER_NEAREST)
    labels = np.asarray(whole, np.int16)
    return _copied(photo, known, needed & ~known, labels, np.rint(shifts / scale).astype(np.int64))


def _shifts(image: FloatRgb, known: Bool, zone: Bool, unit: float) -> Offsets:
    """Shifts ``(n, 2)`` by which the stretches of border in ``zone`` are found again in the known picture."""
    border = known & grow(~known, 1.0) & zone
    ys, xs = np.nonzero(border)
    if len(ys) == 0:
        return np.zeros((0, 2), np.int64)
    cell = max(1, round(_SPACING * unit))
    _, first = np.unique(ys // cell * known.shape[1] + xs // cell, return_index=True)
    first = first[:: -(-len(first) // _MOST_SITES)]
    seen = known.astype(np.float32)
    parts = seen, image * seen[..., None], (image**2).sum(axis=2) * seen
    radius = max(2, round(_WINDOW * unit))
    found = {_source(image, known, parts, int(xs[i]), int(ys[i]), radius) for i in first}
    return np.array(sorted(shift for shift in found if shift is not None), np.int64).reshape(-1, 2)


def _source(
    image: FloatRgb, known: Bool, parts: tuple[Float, Float, Float], x: int, y: int, radius: int
) -> tuple[int, int] | None:
    """The shift by which the surroundings of one border pixel are found again; None where nothing can be."""
    seen, colour, square = parts
    x0, y0 = max(0, x - radius), max(0, y - radius)
    window = np.s_[y0 : y + radius + 1, x0 : x + radius + 1]
    mine = known[window].astype(np.float32)
    hole = 1.0 - mine
    if hole.sum() == 0:
        return None

    def along(picture: Float, pattern: Float) -> Float:
        return np.asarray(cv2.matchTemplate(picture, pattern, cv2.TM_CCORR), np.float32)

    patch = image[window] * mine[..., None]
    shared, fills = along(seen, mine), along(seen, hole)
    miss = along(seen, np.asarray((patch**2).sum(axis=2), np.float32)) + along(square, mine)
    miss = (miss - 2.0 * along(colour, patch)) / np.maximum(shared, 1.0)
    usable = (shared > _KNOWN * mine.sum()) & (fills > _FILLS * hole.sum())
    if not usable.any():
        return None
    best = int(np.argmin(np.where(usable, miss, np.inf)))
    return best % miss.shape[1] - x0, best // miss.shape[1] - y0


def _fitting(image: FloatRgb, known: Bool, shifts: Offsets, unit: float) -> NDArray[np.int64]:
    """Index of the shift whose copy fits the border nearest to each pixel best, ``(h, w)``; -1: none can."""
    costs = np.full((len(shifts), *known.shape), np.inf, np.float32)
    for cost, (dx, dy) in zip(costs, shifts, strict=True):
        other, valid = _shifted(image, dx, dy), _shifted(known.astype(np.float32), dx, dy) > 0.5
        both = (known & valid).astype(np.float32)
        miss = np.minimum(np.square(image - other).sum(axis=2), _MOST_MISS) * both
        near, far = (blur(both, s * unit) for s in (_NEAR, _FAR))
        total = blur(miss, _NEAR * unit) + _FAR_COUNTS * blur(miss, _FAR * unit)
        mean = total / (near + _FAR_COUNTS * far + 1e-5)
        cost[valid] = mean[valid]
    return np.where(np.isfinite(costs.min(axis=0)), costs.argmin(axis=0), -1)


def _shifted(image: Float, dx: int, dy: int) -> Float:
    """``image`` read at ``x + dx, y + dy``; 0 outside."""
    move = np.array([[1, 0, -dx], [0, 1, -dy]], np.float32)
    return np.asarray(cv2.warpAffine(image, move, image.shape[1::-1], flags=cv2.INTER_NEAREST), np.float32)


def _copied(photo: FloatRgb, known: Bool, hole: Bool, labels: Labels, shifts: Offsets) -> Continued:
    """The pieces copied at full resolution, run into each other and brought to the border's colours."""
    ring = known & grow(hole, 3 * _RING)
    zone = ring | (grow(hole, _RING) & ~known)
    total, colour = np.zeros(known.shape, np.float32), np.zeros_like(photo)
    for index in np.unique(labels[zone & (labels >= 0)]):
        piece = zone & (labels == index)
        at = box_of(piece, 4)
        dx, dy = _refined(photo, known, ring & piece, shifts[index])
        weight = blur(piece[at].astype(np.float32), _SEAM)
        weight *= _read(known.astype(np.float32), at, dx, dy)
        total[at] += weight
        colour[at] += _read(photo, at, dx, dy) * weight[..., None]
    colour /= np.maximum(total, 1e-3)[..., None]
    border = ring & (total > 0.5)
    at = box_of(zone, 1)
    miss = weighted_blur((photo - colour)[at], border[at].astype(np.float32), _RING)
    colour[at] += smooth_fill(miss, border[at])
    filled = blur((total > 0.5).astype(np.float32), 1.0) * (total > 0.5)
    return Continued(rgb=np.clip(colour, 0.0, 255.0), filled=np.asarray(filled, np.float32))


def _read(image: Float, at: tuple[slice, slice], dx: int, dy: int) -> Float:
    """The part of ``image`` that lies ``dx, dy`` from the box ``at``; 0 outside."""
    rows, columns = at
    move = np.array([[1, 0, -dx - columns.start], [0, 1, -dy - rows.start]], np.float32)
    return np.asarray(
        cv2.warpAffine(image, move, image[at].shape[1::-1], flags=cv2.INTER_NEAREST), np.float32
    )


def _refined(photo: FloatRgb, known: Bool, ring: Bool, shift: NDArray[np.int64]) -> tuple[int, int]:
    """The shift near a coarse one that fits the border best, pixel for pixel."""
    ys, xs = np.nonzero(ring)
    step = max(1, len(ys) // _SAMPLED)
    ys, xs = ys[::step], xs[::step]
    mine, best = photo[ys, xs], (int(shift[0]), int(shift[1]))

    def miss(candidate: tuple[int, int]) -> float:
        y, x = ys + candidate[1], xs + candidate[0]
        there = (y >= 0) & (x >= 0) & (y < known.shape[0]) & (x < known.shape[1])
        there[there] = known[y[there], x[there]]
        if there.sum() <= 0.5 * len(ys):
            return np.inf
        return float(np.abs(mine[there] - photo[y[there], x[there]]).mean())

    for stride in (2, 1):
        around = [(best[0] + stride * dx, best[1] + stride * dy) for dy in _STEPS for dx in _STEPS]
        best = min([best, *around], key=miss)
    return best
