"""What hair, hands and arms hide of a worn garment, filled in; strong light from one side, evened out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.backdrop import to_lab
from preprocess.garment.silhouette import touching
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
SOFT = 0.02
"""Standard deviation, in units, over which a filled part passes into the cloth around it."""
WEAVE = 0.04
"""The same for what is continued across a hidden part's border: weave and small folds."""
MOST_DETAIL = 24.0
"""Largest mean deviation from its surroundings (of 255) of folds and weave: more is a print and stays."""
PATTERNED = 0.7
"""Share of the cloth that deviates more from which on it is a pattern, which goes on."""
FRINGE = 0.015
"""Width of the cloth's rim, in units, that is not continued: it carries the background's colours."""
LIT = 0.25
"""Difference of the logarithms of both sides' light from which it is evened out: strong light from a side."""
DARKEST = 0.03
"""Light of cloth below which its shades say nothing."""
MOST_LIT = 0.5
"""Most of that difference that is evened out; four times as much is two colours, not light."""


def fill_hidden(image: Rgb, cloth: Alpha, missing: Bool, shaded: Bool, axis: Float, unit: float) -> Rgb:
    """The picture with cloth where ``missing``; ``axis`` ``(H,)`` is the body's middle in each row.

    From the mirrored side where that looks alike, else continued from around. What is only ``shaded`` is
    replaced likewise unless the cloth is patterned: a pattern is seen in the shade too.
    """
    if not (missing | shaded).any():
        return image
    ys, xs = np.nonzero(missing | shaded | (cloth > 0.5))
    box = np.s_[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    filled = image.copy()
    axis = axis[box[0]] - np.float32(xs.min())
    filled[box] = _filled(image[box], cloth[box], missing[box], shaded[box], axis, unit)
    return filled


def _filled(image: Rgb, cloth: Alpha, missing: Bool, shaded: Bool, axis: Float, unit: float) -> Rgb:
    whole = image.astype(np.float32)
    rim = _grown(cloth < 0.9, FRINGE * unit)
    seen = ~rim & ~missing
    detail, coarse = _weave(whole, seen & ~shaded, unit)
    hole = _grown(missing, EDGE * unit)
    if coarse is not None:
        printed = _coarse(whole, seen, unit)[1]
        hole |= shaded & ~_grown(touching(printed, coarse & ~shaded), WEAVE * unit)
    known = (~rim & ~hole).astype(np.float32)
    calm = known if coarse is None else np.where(coarse, np.float32(0), known)
    base = spread(whole, calm, 0.03 * unit)
    height, width = cloth.shape
    columns = np.arange(width, dtype=np.float32)[None] + 0.5
    x = 2 * axis[:, None] - columns - 0.5
    y = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
    mirror = np.asarray(cv2.remap(whole, x, y, cv2.INTER_LINEAR), np.float32)
    there = cv2.remap(known, x, y, cv2.INTER_LINEAR) > 0.95
    light = np.maximum(known, 1e-3)
    sigma = LOW * unit
    folds = mirror - _low(mirror, there.astype(np.float32), sigma)
    filled = base + _reflected(detail, known)
    lab, other = to_lab(image), to_lab(np.clip(np.rint(mirror), 0, 255).astype(np.uint8))
    count, pieces = cv2.connectedComponents(hole.astype(np.uint8))
    for piece in range(1, count):
        here = pieces == piece
        rim = _grown(here, RIM * unit) & (known > 0.5) & there
        if rim.sum() < 20 or np.linalg.norm(lab[rim] - other[rim], axis=1).mean() > ALIKE:
            continue
        taken = here & there
        filled[taken] = (_low(base, light, sigma) + folds)[taken]
    soft = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), SOFT * unit)[..., None]
    soft = np.maximum(soft, hole[..., None])
    mixed = whole * (1 - soft) + filled * soft
    return np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8)


def _weave(image: Float, seen: Bool, unit: float) -> tuple[Float, Bool | None]:
    """``(H, W, 3)`` folds and weave of the cloth that is ``seen``, and where on it prints are, without which
    the first is; None where it is patterned all over."""
    detail, coarse = _coarse(image, seen, unit)
    if coarse.sum() > PATTERNED * seen.sum():
        return detail, None
    coarse = _grown(coarse, WEAVE * unit)
    return np.where(coarse[..., None], np.float32(0), detail), coarse


def _coarse(image: Float, seen: Bool, unit: float) -> tuple[Float, Bool]:
    """``(H, W, 3)`` what deviates from its surroundings, and where on the ``seen`` cloth that is a print."""
    sigma = WEAVE * unit
    detail = image - _low(image, np.maximum(seen, np.float32(1e-3)), sigma)
    size = 2 * max(1, round(sigma)) + 1
    return detail, (cv2.blur(np.abs(detail).max(axis=2), (size, size)) > MOST_DETAIL) & seen


def _reflected(detail: Float, known: Alpha) -> Float:
    """``(H, W, 3)`` the detail for where nothing is ``known``: that as far on the other side of the nearest
    known pixel."""
    _, labels = cv2.distanceTransformWithLabels(
        (known < 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    ys, xs = np.nonzero(known > 0.5)
    places = np.zeros((int(labels.max()) + 1, 2), np.float32)
    places[labels[ys, xs]] = np.stack([xs, ys], axis=1)
    nearest = places[labels]
    rows, columns = np.indices(known.shape, np.float32)
    x, y = 2 * nearest[..., 0] - columns, 2 * nearest[..., 1] - rows
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
