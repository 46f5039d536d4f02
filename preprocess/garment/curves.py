"""Candidate curves for the front edge of a neck opening.

A curve lives in the neck's own frame: ``u`` runs from -1 at the left neck point to 1 at the right one, ``v``
is the depth below the line between them in units of their distance. All curves are ``v = depth (1 -
|u'|^p)^q``: ellipses, parabolas and V shapes. Following edges freely was tried in the prototype and gave
jagged collars.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from preprocess.garment.backdrop import Float

ROUND = ((2.0, 0.5), (2.6, 0.45), (1.7, 0.65), (2.0, 1.0), (3.0, 1.0))
"""Exponents ``(p, q)`` of round necklines, from the half ellipse to the flat-bottomed parabola."""
POINTED = ((1.0, 1.0), (1.25, 1.0), (1.6, 1.0), (0.85, 1.0), (1.35, 0.5))
"""... and of V necklines: straight, bellied, slightly hollow, upright at the top."""
UPRIGHT = (1.35, 0.5)
"""The V that starts upright bends most freely, so it must win clearly."""
DEPTHS = np.concatenate([np.arange(0.06, 0.6, 0.025), np.arange(0.6, 2.2, 0.07)])
"""Coarse: an edge is seen from .02 away, and the best curves are refined."""
DEEPEST_ROUND = 1.2
SHALLOWEST_V = 0.16
INSETS_ROUND = (1.0, 0.9, 0.84, 0.78)
INSETS_V = (1.0, 0.9, 0.78)
"""Where the front edge starts, as a share of the half width: collars have a thickness."""
TIPS = (-0.2, 0.0, 0.2)
"""Sideways position of a V's tip; wrap tops are not symmetric."""
COLUMNS = np.linspace(-0.9, 0.9, 37, dtype=np.float32)
"""u of the columns in which curves are compared with what lies below them."""
POINTS = 49
"""Points of a candidate curve."""


class Shape(NamedTuple):
    """One candidate curve."""

    depth: float
    p: float
    q: float
    inset: float
    tip: float

    @property
    def pointed(self) -> bool:
        """A V rather than a round neckline."""
        return (self.p, self.q) in POINTED


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


def curve(shape: Shape, count: int = POINTS) -> Float:
    """``(count, 2)`` u, v of a candidate, from left to right."""
    # denser near the ends, where ellipses turn upright
    t = np.cos(np.linspace(np.pi, 0.0, count)).astype(np.float32)
    return np.stack([t * np.float32(shape.inset), depth_at(shape, t)], axis=1)


def lay_out(shapes: tuple[Shape, ...]) -> Curves:
    """Points, normals and lengths of some shapes."""
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
        for i in INSETS_V
        for tip in TIPS
    ]
    if not pointed_only:
        made += [
            Shape(float(d), p, q, i, 0.0)
            for d in DEPTHS
            if d <= DEEPEST_ROUND
            for p, q in ROUND
            for i in INSETS_ROUND
        ]
    return lay_out(tuple(made))
