"""What hair, hands and arms hide of a worn garment, filled in; strong light from one side, evened out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.backdrop import to_lab
from preprocess.parsing.filters import spread
from preprocess.types import Alpha, Rgb

Bool = NDArray[np.bool_]
Float = NDArray[np.float32]

ALIKE = 14.0
"""Mean Lab distance between what surrounds a hidden part and its mirror image up to which cloth is taken from
there: a print is on one side only."""
RIM = 0.05
"""Width of those surroundings, in units."""
EDGE = 0.03
"""Hidden parts are grown by this, in units: their soft edge carries skin."""
LOW = 0.12
"""Standard deviation, in units, of what counts as light rather than cloth when a patch is fitted in."""
WEAVE = 0.04
"""The same for what is continued across a hidden part's border: weave and small folds."""
MOST_DETAIL = 30.0
"""Largest deviation from its surroundings (of 255) of folds and weave: more is a print and stays."""
PATTERNED = 0.4
"""Share of the cloth that deviates more from which on it is a pattern, which goes on."""
FRINGE = 0.015
"""Width of the cloth's rim, in units, that is not continued: it carries the background's colours."""
LIT = 0.25
"""Difference of the logarithms of both sides' light from which it is evened out: strong light from a side."""
DARKEST = 0.03
"""Light of cloth below which its shades say nothing."""
MOST_LIT = 0.5
"""Most of that difference that is evened out; four times as much is two colours, not light."""


def fill_hidden(image: Rgb, cloth: Alpha, missing: Bool, axis: Float, unit: float) -> Rgb:
    """The picture with cloth where ``missing``; ``axis`` ``(H,)`` is the body's middle in each row.

    From the mirrored side where that looks alike, else continued from around.
    """
    if not missing.any():
        return image
    ys, xs = np.nonzero(missing | (cloth > 0.5))
    box = np.s_[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    filled = image.copy()
    filled[box] = _filled(image[box], cloth[box], missing[box], axis[box[0]] - np.float32(xs.min()), unit)
    return filled


def _filled(image: Rgb, cloth: Alpha, missing: Bool, axis: Float, unit: float) -> Rgb:
    hole = _grown(missing, EDGE * unit)
    known = (~_grown(cloth < 0.9, FRINGE * unit) & ~hole).astype(np.float32)
    whole = image.astype(np.float32)
    base = spread(whole, known, 0.03 * unit)
    height, width = cloth.shape
    columns = np.arange(width, dtype=np.float32)[None] + 0.5
    x = 2 * axis[:, None] - columns - 0.5
    y = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
    mirror = np.asarray(cv2.remap(whole, x, y, cv2.INTER_LINEAR), np.float32)
    there = cv2.remap(known, x, y, cv2.INTER_LINEAR) > 0.95
    light = np.maximum(known, 1e-3)
    sigma = LOW * unit
    detail = mirror - _low(mirror, there.astype(np.float32), sigma)
    filled = base + _reflected(whole, known, WEAVE * unit)
    lab, other = to_lab(image), to_lab(np.clip(np.rint(mirror), 0, 255).astype(np.uint8))
    count, pieces = cv2.connectedComponents(hole.astype(np.uint8))
    for piece in range(1, count):
        here = pieces == piece
        rim = _grown(here, RIM * unit) & (known > 0.5) & there
        if rim.sum() < 20 or np.linalg.norm(lab[rim] - other[rim], axis=1).mean() > ALIKE:
            continue
        taken = here & there
        filled[taken] = (_low(base, light, sigma) + detail)[taken]
    soft = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), 1.0)[..., None]
    soft = np.maximum(soft, hole[..., None])
    mixed = whole * (1 - soft) + filled * soft
    return np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8)


def _reflected(image: Float, known: Alpha, sigma: float) -> Float:
    """``(H, W, 3)`` folds and weave for where nothing is ``known``: those as far on its other side of the
    nearest known pixel."""
    _, labels = cv2.distanceTransformWithLabels(
        (known < 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    ys, xs = np.nonzero(known > 0.5)
    places = np.zeros((int(labels.max()) + 1, 2), np.float32)
    places[labels[ys, xs]] = np.stack([xs, ys], axis=1)
    nearest = places[labels]
    rows, columns = np.indices(known.shape, np.float32)
    x, y = 2 * nearest[..., 0] - columns, 2 * nearest[..., 1] - rows
    detail = image - _low(image, np.maximum(known, 1e-3), sigma)
    coarse = (np.abs(detail).max(axis=2) > MOST_DETAIL) & (known > 0.5)
    if coarse.sum() < PATTERNED * (known > 0.5).sum():  # a print here and there stays where it is
        detail = np.where(_grown(coarse, sigma)[..., None], np.float32(0), detail)
    there = cv2.remap(known, x, y, cv2.INTER_LINEAR)[..., None]
    return np.asarray(cv2.remap(detail, x, y, cv2.INTER_LINEAR) * there, np.float32)


def evenly_lit(image: Rgb, cloth: Alpha, axis: Float, unit: float) -> Rgb:
    """Light that comes strongly from one side taken out; folds stay.

    Brightness that grows evenly across the body is light; a pattern is alike on both sides or changes colour
    as well.
    """
    lab = to_lab(image)
    inside = cloth > 0.9
    if inside.sum() < 400:
        return image
    columns = np.arange(cloth.shape[1], dtype=np.float32)[None] + 0.5
    across = np.clip((columns - axis[:, None]) / unit, -0.7, 0.7)
    left, right = inside & (across < -0.15), inside & (across > 0.15)
    if min(left.sum(), right.sum()) < 200:
        return image
    colours = np.linalg.norm(np.median(lab[left][:, 1:], axis=0) - np.median(lab[right][:, 1:], axis=0))
    linear = np.log(
        np.maximum((image.astype(np.float32) / 255) ** 2.2 @ np.array([0.21, 0.72, 0.07], np.float32), 0.004)
    )
    tilt = float(np.median(linear[right]) - np.median(linear[left]))
    if (
        np.median(linear[inside]) < np.log(DARKEST)
        or abs(tilt) < LIT
        or abs(tilt) > 4 * MOST_LIT
        or colours > 8.0
    ):
        return image
    slope = float(np.clip(tilt, -MOST_LIT, MOST_LIT)) / 0.6
    gain = np.exp(-slope * across / 2.2).astype(np.float32)
    return np.asarray(np.clip(np.rint(image * gain[..., None]), 0, 255), np.uint8)


def _low(values: Float, weight: Float, sigma: float) -> Float:
    """Weighted mean over a neighbourhood."""
    step = max(1, int(sigma / 3))
    size = (max(1, values.shape[1] // step), max(1, values.shape[0] // step))
    total = cv2.GaussianBlur(
        cv2.resize(values * weight[..., None], size, interpolation=cv2.INTER_AREA), (0, 0), sigma / step
    )
    count = cv2.GaussianBlur(cv2.resize(weight, size, interpolation=cv2.INTER_AREA), (0, 0), sigma / step)
    mean = total / np.maximum(count, 1e-4)[..., None]
    return np.asarray(cv2.resize(mean, values.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _grown(mask: Bool, radius: float) -> Bool:
    size = 2 * max(1, round(radius)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0, bool)
