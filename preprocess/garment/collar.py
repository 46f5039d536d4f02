"""The neck opening of a top: one parametric curve for the collar's front edge, chosen by edge evidence.

The curve lives in the neck's own frame: ``u`` runs from -1 at the left neck point to 1 at the right one,
``v`` is the depth below the line between them in units of their distance. All curves are ``v = depth (1 -
|u'|^p)^q``: ellipses, parabolas and V shapes. Following edges freely was tried in the prototype and gave
jagged collars.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.neckview import (
    NeckFrame,
    NeckView,
    neck_frame,
    rectify,
    sample,
    see_through_depth,
)
from preprocess.types import Alpha, Collar, CollarKind, GarmentLandmarks, Points, Rgb

Float = NDArray[np.float32]

ROUND = ((2.0, 0.5), (2.6, 0.45), (1.7, 0.65), (2.0, 1.0), (3.0, 1.0))
"""Exponents ``(p, q)`` of round necklines, from the half ellipse to the flat-bottomed parabola."""
POINTED = ((1.0, 1.0), (1.25, 1.0), (1.6, 1.0), (0.85, 1.0), (1.35, 0.5))
"""... and of V necklines: straight, bellied, slightly hollow, upright at the top."""
DEPTHS = np.concatenate([np.arange(0.06, 0.6, 0.02), np.arange(0.6, 2.2, 0.05)])
DEEPEST_ROUND = 1.2
SHALLOWEST_V = 0.16
INSETS = (1.0, 0.92, 0.84, 0.72)
"""Where the front edge starts, as a share of the half width: collars have a thickness."""
TIPS = (-0.24, -0.12, 0.0, 0.12, 0.24)
"""Sideways position of a V's tip; wrap tops are not symmetric."""
COLUMNS = np.linspace(-0.9, 0.9, 37, dtype=np.float32)
"""u of the columns in which curves are compared with what lies below them."""
CURVE = 49
"""Points of a candidate curve."""
OUTER = 0.4
"""Worth of an edge between cloth and background, against one between cloth and cloth."""
USUAL_DEPTH = 0.36
USUAL_V = 0.8
"""Median depth of round and of V necklines over their width; only a weak preference."""
UPRIGHT = (1.35, 0.5)
"""The V that starts upright bends most freely, so it must win clearly."""
DOUBTFUL = 0.45
"""Scores below this are chance: then an ordinary crew neck that takes the label along is assumed."""
ORDINARY = (0.3, 0.56)
"""Depths of ordinary crew necks."""
RIB = (0.04, 0.11)
"""Mean distance, in v, between the two edges of a collar's rib."""
SAME = 0.07
"""Curves closer than this (mean difference in v) are the same hypothesis."""
BANDS = (0.03, 0.06, 0.09)
"""Distances from the curve, in v, at which cloth on both sides is compared."""


class Shape(NamedTuple):
    """One candidate curve."""

    depth: float
    p: float
    q: float
    inset: float
    tip: float


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Candidates and what is computed from them alone: ``K`` curves of ``N`` points."""

    shapes: tuple[Shape, ...]
    points: Float
    """``(K, N, 2)`` u, v."""
    normals: Float
    """``(K, N, 2)`` unit normals pointing down, in u, v steps of equal pixel length: ``(2 n_u, n_v)``."""
    weights: Float
    """``(K, N)`` share of the curve's length."""
    across: Float
    """``(K, M)`` depth v in the columns ``COLUMNS``."""


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


def depth_at(shape: Shape, t: Float) -> Float:
    """Depth v at ``t`` = u / inset, -1..1."""
    side = np.where(t < shape.tip, (shape.tip - t) / (1 + shape.tip), (t - shape.tip) / (1 - shape.tip))
    height = np.maximum(0.0, 1.0 - np.clip(np.abs(side), 0.0, 1.0) ** shape.p) ** shape.q
    return (shape.depth * height).astype(np.float32)


def _depths(shapes: Float, u: Float) -> Float:
    """``(K, M)``: depth of all shapes ``(K, 5)`` in the columns ``u``; 0 beyond their ends."""
    depth, p, q, inset, tip = (shapes[:, k, None] for k in range(5))
    t = u[None] / inset
    side = np.abs(np.where(t < tip, (tip - t) / (1 + tip), (t - tip) / (1 - tip)))
    return np.asarray(depth * np.maximum(0.0, 1.0 - np.minimum(side, 1.0) ** p) ** q, np.float32)


def curve(shape: Shape, count: int = CURVE) -> Float:
    """``(count, 2)`` u, v of a candidate, from left to right."""
    # denser near the ends, where ellipses turn upright
    t = np.cos(np.linspace(np.pi, 0.0, count)).astype(np.float32)
    return np.stack([t * np.float32(shape.inset), depth_at(shape, t)], axis=1)


def _curves(shapes: tuple[Shape, ...]) -> Curves:
    points = np.stack([curve(shape) for shape in shapes])
    step = np.gradient(points, axis=1) * np.array([0.5, 1.0], np.float32)  # u is half a width, v a whole one
    length = np.maximum(np.hypot(step[..., 0], step[..., 1]), 1e-6)
    normals = np.stack([-2.0 * step[..., 1], step[..., 0]], axis=-1) / length[..., None]
    return Curves(
        shapes=shapes,
        points=points,
        normals=normals.astype(np.float32),
        weights=(length / length.sum(axis=1, keepdims=True)).astype(np.float32),
        across=_depths(np.array(shapes, np.float32), COLUMNS),
    )


@lru_cache(maxsize=2)
def candidates(pointed_only: bool) -> Curves:
    """All curves that are tried; collared garments open in a V."""
    made = [
        Shape(float(d), p, q, i, tip)
        for d in DEPTHS
        if d >= SHALLOWEST_V
        for p, q in POINTED
        for i in INSETS
        for tip in TIPS
    ]
    if not pointed_only:
        made += [
            Shape(float(d), p, q, i, 0.0)
            for d in DEPTHS
            if d <= DEEPEST_ROUND
            for p, q in ROUND
            for i in INSETS
        ]
    return _curves(tuple(made))


def _edge(view: NeckView, curves: Curves) -> tuple[Float, Float]:
    """``(K,)`` share of each curve on an edge running along it: worth for choosing, and plain for
    confidence."""
    nu, nv = curves.normals[..., :1] / 2, curves.normals[..., 1:]
    across = sample(view.gu, curves.points) * nu + sample(view.gv, curves.points) * nv
    seen = np.minimum(np.linalg.norm(across, axis=-1) / view.clear, 1.0)
    # on the outer silhouette any curve finds an edge: that speaks little for a front edge
    above = sample(view.cloth, curves.points - 0.045 * curves.normals)
    worth = np.where(above > 0.5, 1.0, OUTER)
    parts = np.array_split(np.arange(CURVE), 4)
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
    away = np.minimum(np.linalg.norm(above - usual, axis=-1), 25.0) * worth
    change = (away * curves.weights).sum(axis=1) / np.maximum((worth * curves.weights).sum(axis=1), 1e-3)
    step = _along((sides[1] - sides[0]) * shown)
    lighter = np.clip(step[..., 0] / view.clear, -1.0, 1.0)
    colour = np.minimum(np.linalg.norm(step, axis=-1) / (1.4 * view.clear), 1.0)
    parting = ((0.6 * lighter + 0.4 * colour) * curves.weights).sum(axis=1)
    return parting.astype(np.float32), np.minimum(change / 16.0, 1.0).astype(np.float32)


def _along(values: Float) -> Float:
    """Means over a quarter of each curve, ``(K, N, 3)``."""
    count, length, channels = values.shape
    flat = np.ascontiguousarray(values.transpose(1, 0, 2)).reshape(length, -1)
    flat = np.asarray(cv2.blur(flat, (1, CURVE // 4)), np.float32)
    return np.asarray(flat.reshape(length, count, channels).transpose(1, 0, 2), np.float32)


def _left_label(view: NeckView, curves: Curves) -> Float:
    """``(K,)`` 0..1: how much of a neck label would stay below the curve."""
    middle = np.abs(COLUMNS) <= 0.45
    reach = curves.across[:, middle] + 0.02
    below = np.stack([np.broadcast_to(COLUMNS[middle], reach.shape), reach], axis=-1)
    kept = sample(view.label_above, below).mean(axis=1)
    return np.asarray(np.minimum(kept, 1.0), np.float32)


def _score(view: NeckView, curves: Curves) -> Scores:
    """Weigh all candidates."""
    worth, seen = _edge(view, curves)
    shapes = np.array(curves.shapes)
    pointed = np.array([(shape.p, shape.q) in POINTED for shape in curves.shapes])
    usual = (
        0.11 * np.abs(np.log(shapes[:, 0] / np.where(pointed, USUAL_V, USUAL_DEPTH))) ** 1.5 + 0.03 * pointed
    )
    parting, change = _parting(view, curves)
    odd = 0.04 * (shapes[:, 3] < 0.9) + 0.2 * np.abs(shapes[:, 4]) + 0.04 * (shapes[:, 1] == UPRIGHT[0])
    missed = np.maximum(0.0, see_through_depth(view, COLUMNS) - curves.across).mean(axis=1)
    label = _left_label(view, curves)
    score = worth + 0.45 * parting - 0.5 * change - usual - odd - 8.0 * missed - 0.6 * label
    return Scores(total=score.astype(np.float64), seen=seen, worth=worth, label=label)


def _choose(curves: Curves, scores: Scores) -> int:
    """Index of the best candidate, after two corrections from what collars are like."""
    first = int(scores.total.argmax())
    if scores.total[first] < DOUBTFUL:
        depth = np.array([shape.depth for shape in curves.shapes])
        pointed = np.array([(shape.p, shape.q) in POINTED for shape in curves.shapes])
        ordinary = (depth > ORDINARY[0]) & (depth < ORDINARY[1]) & ~pointed
        likely = scores.total - np.abs(depth - USUAL_DEPTH)
        return int(np.where(ordinary, likely, -np.inf).argmax()) if ordinary.any() else first
    # a rib in another colour has two strong edges, the upper one is the front edge: take it if it is no
    # weaker
    higher = (curves.points[first][:, 1] - curves.points[..., 1]).mean(axis=1)
    bend = np.array([(s.p, s.q, s.tip) for s in curves.shapes])
    upper = (higher > RIB[0]) & (higher < RIB[1]) & (bend == bend[first]).all(axis=1)
    upper &= (scores.worth > scores.worth[first] + 0.03) & (scores.label < 0.1)
    return int(np.where(upper, scores.worth, -np.inf).argmax()) if upper.any() else first


def _polish(view: NeckView, shape: Shape) -> Shape:
    """Small changes of depth, width and tip as long as the score grows."""
    for _ in range(3):
        tries = [shape]
        for d in (-0.012, 0.0, 0.012):
            for i in (-0.02, 0.0, 0.02):
                for t in (-0.03, 0.0, 0.03):
                    inset = float(np.clip(shape.inset + i, 0.7, 1.0))
                    tries.append(
                        shape._replace(depth=max(0.05, shape.depth + d), inset=inset, tip=shape.tip + t)
                    )
        best = tries[int(_score(view, _curves(tuple(tries))).total.argmax())]
        if best == shape:
            break
        shape = best
    return shape


def _kind(shape: Shape, collared: bool, landmarks: GarmentLandmarks, see_through: float) -> CollarKind:
    width = landmarks.neck.right[0] - landmarks.neck.left[0]
    shoulders = landmarks.shoulder.right[0] - landmarks.shoulder.left[0]
    strap = (shoulders - width) / 2
    if landmarks.sleeves is None and see_through > 0.15 and strap < 0.16 * shoulders:
        return "straps"
    if collared:
        return "collared"
    if (shape.p, shape.q) in POINTED and shape.depth > 0.3:
        return "v"
    if shape.depth < 0.25 and width > 0.5 * shoulders:
        return "boat"
    return "crew" if shape.depth < 0.5 else "scoop"


def find_collar(image: Rgb, alpha: Alpha, landmarks: GarmentLandmarks, *, collared: bool) -> Collar:
    """Fit the front edge of the neck opening of a top.

    ``image`` ``uint8 (H, W, 3)`` and ``alpha`` ``(H, W)`` are the garment's frame; ``collared`` says that a
    collar stands above the shoulders: it stays, and the opening lies between its leaves.
    """
    frame = neck_frame(landmarks.neck.left, landmarks.neck.right)
    view = rectify(image, alpha, frame)
    curves = candidates(collared)
    scores = _score(view, curves)
    first = _choose(curves, scores)
    apart = np.abs(curves.points[..., 1] - curves.points[first][:, 1]).mean(axis=1) > SAME
    second = float(scores.total[apart].max()) if apart.any() else 0.0
    shape = _polish(view, curves.shapes[first])
    front = frame.place(curve(shape, 81))
    margin = float(np.clip((scores.total[first] - second) / 0.15, 0.0, 1.0))
    confidence = float(np.clip(scores.seen[first], 0, 1)) ** 0.5 * (0.4 + 0.6 * margin)
    see_through = float((see_through_depth(view, np.linspace(-0.3, 0.3, 9, dtype=np.float32)) > 0.15).mean())
    return Collar(
        kind=_kind(shape, collared, landmarks, see_through),
        front=front,
        opening=opening_mask(front, frame, alpha.shape),
        confidence=float(np.clip(confidence, 0.0, 1.0)),
    )


def opening_mask(front: Points, frame: NeckFrame, shape: tuple[int, ...]) -> Alpha:
    """``(H, W)``: everything above the front edge between its ends, anti-aliased along the edge."""
    up = 0.6 * np.array(frame.down, np.float32)
    polygon = np.concatenate([front, [front[-1] - up], [front[0] - up]])
    shift = 4
    mask = np.zeros(shape[:2], np.uint8)
    fixed = np.round((polygon - 0.5) * 2**shift).astype(np.int32).reshape(-1, 1, 2)
    cv2.fillPoly(mask, [fixed], 255, lineType=cv2.LINE_AA, shift=shift)
    return mask.astype(np.float32) / 255.0
