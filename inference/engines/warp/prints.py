"""Prints, buttons, seams: where cloth shows that it is stretched, and by how much a map stretches it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.freeform import FreeForm
from preprocess.types import Alpha, Garment

Array = NDArray[np.float64]

_WORK = 4
"""Details are looked for in a picture this many times smaller than the garment's frame."""
_STEP = (10.0, 35.0)
"""Levels of grey or colour between neighbours from which cloth counts as detailed, and surely does: folds of
white cloth stay below, outlines of letters lie above."""
_SPREAD = 0.03
"""How far detail spreads over the plain cloth it encloses, in shoulder widths (sigma)."""
_BORDER = (0.06, 0.25)
"""Distance from the outline in shoulder widths between which cloth is held in shape: the bands at neck,
armholes and sides take up the difference between garment and body."""
_PRINTED = 0.7
"""Detail, and distance from the outline in shares of the band, from which the stretch of a print counts."""
_PER_CELL = 2
"""Places per cell of the map and axis that are looked at."""
_WORST = 95
"""Percentile over a print of what is called its stretch: single knots of the outline do not count."""


def detail(garment: Garment, scale: float, unit: float) -> Alpha:
    """How much there is to see on the cloth, 0..1, ``_WORK`` times smaller than the garment's frame.

    ``scale`` is person's pixels per garment pixel, ``unit`` the shoulder width in person's pixels.
    """
    height, width = garment.alpha.shape
    size = (max(1, width // _WORK), max(1, height // _WORK))
    small = cv2.resize(garment.image, size, interpolation=cv2.INTER_AREA)
    cloth = cv2.resize(garment.alpha, size, interpolation=cv2.INTER_AREA)
    inside = cv2.erode((cloth > 0.99).astype(np.uint8), np.ones((5, 5), np.uint8))
    step = cv2.morphologyEx(small, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).max(axis=-1)
    seen = np.clip((step.astype(np.float32) - _STEP[0]) / (_STEP[1] - _STEP[0]), 0.0, 1.0) * inside
    reach = max(1.0, _SPREAD * unit / (scale * _WORK))
    spread = cv2.GaussianBlur(seen, (0, 0), reach) * 2
    return np.asarray(np.clip(spread, 0.0, 1.0), np.float32)


def border_distance(garment: Garment) -> Alpha:
    """Distance from the outline and from the neckline, garment pixels, ``_WORK`` times smaller."""
    height, width = garment.alpha.shape
    size = (max(1, width // _WORK), max(1, height // _WORK))
    cloth = garment.alpha if garment.collar is None else garment.alpha * (1 - garment.collar.opening)
    solid = (cv2.resize(cloth, size, interpolation=cv2.INTER_AREA) > 0.5).astype(np.uint8)
    framed = np.pad(solid, 1)
    return np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1] * _WORK, np.float32)


def held(garment: Garment, scale: float, unit: float, places: Array) -> tuple[Array, Array]:
    """``(n,)`` each: 0 at the outline to 1 within it, and the detail there, of garment points ``(n, 2)``."""
    distance = _at(border_distance(garment), places) * scale / unit
    within = np.clip((distance - _BORDER[0]) / (_BORDER[1] - _BORDER[0]), 0.0, 1.0)
    return within, _at(detail(garment, scale, unit), places) * within


def print_stretch(garment: Garment, torso: FreeForm, alpha: Alpha, scale: float, unit: float) -> float:
    """Largest ratio of the two axes of the map, 1 = undistorted, over what is printed of the garment where
    ``alpha (H, W)`` of the person's frame shows it; 1 where nothing is."""
    places = torso.lattice.middles(_PER_CELL)
    height, width = alpha.shape
    x, y = (places[:, k].astype(int) for k in (0, 1))
    within = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    shown = np.zeros(len(places), dtype=bool)
    shown[within] = alpha[y[within], x[within]] > 0.5
    places = places[shown]
    within, detailed = held(garment, scale, unit, torso(places))
    printed = places[np.minimum(within, detailed) > _PRINTED]
    if len(printed) == 0:
        return 1.0
    axes = np.linalg.svd(torso.jacobian(printed), compute_uv=False)
    return float(np.percentile(axes[:, 0] / np.maximum(axes[:, 1], 1e-9), _WORST))


def _at(values: Alpha, places: Array) -> Array:
    """Values of a picture ``_WORK`` times smaller than the garment's frame; 0 outside."""
    x, y = ((places[:, k] / _WORK - 0.5).astype(np.float32)[None] for k in (0, 1))
    sampled = cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(sampled[0], dtype=np.float64)
