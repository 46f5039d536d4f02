"""Prints, buttons, seams: where cloth shows that it is stretched, and by how much a map stretches it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.freeform import FreeForm
from inference.engines.warp.types import PrintStretch
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
_ALL_OVER = (0.75, 0.9)
"""Share of the cloth with detail between which a print becomes a pattern all over, which no plain cloth
around it can spare the strain: prints cover up to 0.67 of the development garments, stripes 0.9."""
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


@dataclass(frozen=True, kw_only=True)
class Held:
    """What of the cloth's shape is to be kept, ``(n,)`` each, 0..1."""

    within: Array
    """0 at the outline to 1 within it."""
    printed: Array
    """Detail there, which must not be distorted: none of a pattern all over."""
    detailed: Array
    """Detail there, patterns included."""


def held(garment: Garment, scale: float, unit: float, places: Array) -> Held:
    """How far cloth at garment points ``(n, 2)`` is held in shape; ``scale`` and ``unit`` as in
    :func:`detail`."""
    seen = detail(garment, scale, unit)
    pattern = _pattern(garment, seen)
    distance = _at(border_distance(garment), places) * scale / unit
    within = np.clip((distance - _BORDER[0]) / (_BORDER[1] - _BORDER[0]), 0.0, 1.0)
    detailed = _at(seen, places) * within
    return Held(within=within, printed=detailed * (1 - pattern), detailed=detailed)


def _pattern(garment: Garment, seen: Alpha) -> float:
    """0 for a print with plain cloth around it, 1 for a pattern all over."""
    cloth = cv2.resize(garment.alpha, seen.shape[::-1], interpolation=cv2.INTER_AREA) > 0.9
    share = float(seen[cloth].mean()) if cloth.any() else 0.0
    return float(np.clip((share - _ALL_OVER[0]) / (_ALL_OVER[1] - _ALL_OVER[0]), 0.0, 1.0))


def print_stretch(garment: Garment, torso: FreeForm, alpha: Alpha, scale: float, unit: float) -> PrintStretch:
    """What happens to what is printed of the garment where ``alpha (H, W)`` of the person's frame shows it;
    ``scale`` and ``unit`` as in :func:`detail`."""
    places = torso.lattice.middles(_PER_CELL)
    height, width = alpha.shape
    x, y = (places[:, k].astype(int) for k in (0, 1))
    within = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    shown = np.zeros(len(places), dtype=bool)
    shown[within] = alpha[y[within], x[within]] > 0.5
    places = places[shown]
    shape = held(garment, scale, unit, torso(places))
    printed = places[np.minimum(shape.within, shape.detailed) > _PRINTED]
    if len(printed) == 0:
        return PrintStretch(whole=1.0, local=1.0)
    logo = places[np.minimum(shape.within, shape.printed) > _PRINTED]
    return PrintStretch(
        whole=float(_ratio(torso.jacobian(logo).mean(axis=0))) if len(logo) else 1.0,
        local=float(np.percentile(_ratio(torso.jacobian(printed)), _WORST)),
    )


def _ratio(jacobian: Array) -> Array:
    """Of the two axes of maps ``(..., 2, 2)``."""
    axes = np.linalg.svd(jacobian, compute_uv=False)
    ratio: Array = axes[..., 0] / np.maximum(axes[..., 1], 1e-9)
    return ratio


def _at(values: Alpha, places: Array) -> Array:
    """Values of a picture ``_WORK`` times smaller than the garment's frame; 0 outside."""
    x, y = ((places[:, k] / _WORK - 0.5).astype(np.float32)[None] for k in (0, 1))
    sampled = cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(sampled[0], dtype=np.float64)
