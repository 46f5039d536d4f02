"""How much of a picture speaks for each candidate curve of a collar."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.backdrop import Float, magnitude
from preprocess.garment.curves import COLUMNS, POINTS, UPRIGHT, Curves
from preprocess.garment.neckview import NeckView, sample, see_through_depth

OUTER = 0.4
"""Worth of an edge between cloth and background, against one between cloth and cloth."""
DEEP = (0.8, 0.65)
"""Deeper than this a neckline must be seen on at least this share of its way: prints offer edges there."""
USUAL_DEPTH = 0.36
USUAL_V = 0.8
"""Median depth of round and of V necklines over their width; only a weak preference."""
BANDS = (0.03, 0.06, 0.09)
"""Distances from the curve, in v, at which cloth on both sides is compared."""
LABEL = (0.6, 0.34)
"""Half width and depth within which a neck label may lie just above the front edge."""
SEE_THROUGH = 0.2
"""Depth v to which the neck must be open to the background to show little of its inner back..."""
INNER = 0.1
"""... and mean height, in v, of the inner back below it that costs nothing."""
LABEL_COST = 0.9
"""What a label left below the curve costs."""
LABEL_DOUBT = 0.3
"""How much a change of cloth counts there: labels differ from the back panel by design."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What speaks for each candidate, arrays ``(K,)``."""

    total: NDArray[np.float64]
    seen: Float
    """Share of the curve that lies on an edge."""
    worth: Float
    """The same, weak places and the outer silhouette counting less."""
    label: Float
    """Share of a neck label left below."""


def _edge(view: NeckView, curves: Curves) -> tuple[Float, Float]:
    """``(K,)`` share of each curve on an edge running along it: worth for choosing, and plain for
    confidence."""
    nu, nv = curves.normals[..., :1] / 2, curves.normals[..., 1:]
    across = sample(view.gu, curves.points) * nu + sample(view.gv, curves.points) * nv
    seen = np.minimum(magnitude(across) / view.clear, 1.0)
    # on the outer silhouette any curve finds an edge: that speaks little for a front edge
    above = sample(view.cloth, curves.points - 0.045 * curves.normals)
    worth = np.where(above > 0.5, 1.0, OUTER)
    parts = np.array_split(np.arange(POINTS), 4)
    quarters = [
        (seen * worth * curves.weights)[:, part].sum(axis=1) / curves.weights[:, part].sum(axis=1)
        for part in parts
    ]
    # a neckline shows on all of its way; chance edges of prints and folds do not
    whole = (seen * worth * curves.weights).sum(axis=1)
    return 0.6 * whole + 0.4 * np.min(quarters, axis=0), (seen * curves.weights).sum(axis=1)


def _parting(view: NeckView, curves: Curves) -> tuple[Float, Float]:
    """``(K,)`` -.6..1: along how much of the curve the cloth below is lighter than that above.

    Compared are means over a quarter of the curve: stripes even out, the shade of the inner back panel does
    not. Second value ``(K,)`` 0..1: how much the cloth above changes along the curve; the back panel hardly
    does, whereas a curve through a print passes from cloth to print.
    """
    sides: list[Float] = []
    worth = np.ones_like(curves.weights)
    for sign in (-1.0, 1.0):
        total = np.zeros((*curves.weights.shape, 3), np.float32)
        cloth = np.zeros_like(curves.weights)
        for distance in BANDS:
            points = curves.points + sign * distance * curves.normals
            present = (sample(view.cloth, points) > 0.5).astype(np.float32)
            total = total + sample(view.lab, points) * present[..., None]
            cloth = cloth + present
        worth *= cloth > 0
        sides.append((total / np.maximum(cloth, 1.0)[..., None]).astype(np.float32))
    shown = worth[..., None].astype(np.float32)
    above = _along(sides[0] * shown)
    usual = np.median(above, axis=1, keepdims=True)  # a label takes less than half of the way
    middle = (np.abs(curves.points[..., 0]) < LABEL[0]) & (curves.points[..., 1] < LABEL[1])
    away = np.minimum(magnitude(above - usual), 25.0) * worth * np.where(middle, LABEL_DOUBT, 1.0)
    change = (away * curves.weights).sum(axis=1) / np.maximum((worth * curves.weights).sum(axis=1), 1e-3)
    step = _along((sides[1] - sides[0]) * shown)
    lighter = np.clip(step[..., 0] / view.clear, -1.0, 1.0)
    colour = np.minimum(magnitude(step) / (1.4 * view.clear), 1.0)
    parting = ((0.6 * lighter + 0.4 * colour) * curves.weights).sum(axis=1)
    return parting.astype(np.float32), np.minimum(change / 16.0, 1.0).astype(np.float32)


def _along(values: Float) -> Float:
    """Means over a quarter of each curve, ``(K, N, 3)``."""
    count, points, channels = values.shape
    flat = np.ascontiguousarray(values.transpose(1, 0, 2)).reshape(points, -1)
    flat = np.asarray(cv2.blur(flat, (1, POINTS // 4)), np.float32)
    return np.asarray(flat.reshape(points, count, channels).transpose(1, 0, 2), np.float32)


def _left_label(view: NeckView, curves: Curves) -> Float:
    """``(K,)`` 0..1: how much of a neck label would stay below the curve."""
    middle = np.abs(COLUMNS) <= 0.45
    reach = curves.across[:, middle] + 0.01
    below = np.stack([np.broadcast_to(COLUMNS[middle], reach.shape), reach], axis=-1)
    kept = sample(view.label_above, below).mean(axis=1)
    return np.asarray(np.minimum(kept, 1.0), np.float32)


def weigh(view: NeckView, curves: Curves) -> Scores:
    """Weigh all candidates."""
    worth, seen = _edge(view, curves)
    shapes = np.array(curves.shapes)
    pointed = np.array([shape.pointed for shape in curves.shapes])
    usual = (
        0.11 * np.abs(np.log(shapes[:, 0] / np.where(pointed, USUAL_V, USUAL_DEPTH))) ** 1.5 + 0.03 * pointed
    )
    parting, change = _parting(view, curves)
    odd = 0.04 * (shapes[:, 3] < 0.9) + 0.2 * np.abs(shapes[:, 4]) + 0.04 * (shapes[:, 1] == UPRIGHT[0])
    odd += np.where(shapes[:, 0] > DEEP[0], np.maximum(0.0, DEEP[1] - seen), 0.0)
    visible = see_through_depth(view, COLUMNS)
    missed = np.maximum(0.0, visible - curves.across).mean(axis=1)
    beyond = np.maximum(0.0, curves.across - visible)[:, visible > SEE_THROUGH].sum(axis=1) / len(visible)
    label = _left_label(view, curves)
    odd += 2.0 * np.maximum(0.0, beyond - INNER)
    score = worth + 0.45 * parting - 0.5 * change - usual - odd - 8.0 * missed - LABEL_COST * label
    return Scores(total=score.astype(np.float64), seen=seen, worth=worth, label=label)
