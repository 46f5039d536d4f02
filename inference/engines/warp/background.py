"""What stands behind the person where the old garment stuck out."""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.exemplar import continued
from inference.engines.warp.fields import (
    Bool,
    Float,
    blur,
    grow,
    luma,
    mix,
    smooth_fill,
    smoothstep,
    weighted_blur,
)
from inference.engines.warp.grain import grain, grain_spread
from preprocess.types import Alpha

CLEARANCE = 0.02
"""Shoulder widths kept clear around the person: the matte's soft border still carries the person's
colours."""

_BUSY = (2.0, 4.0)
"""Levels of middle-sized detail nearby from which a background is no longer a wall, and surely is busy: photo
walls have up to 1.9, curtains about 3, leaves, beams and letters 6 to 10."""

_FINE_AND_COARSE = (1.5, 8.0)
"""Pixels (sigma) between which detail is neither grain nor a gradient."""

_FAINT = 0.1
"""Share of copied pieces below which they are not worth looking for."""

_NEARBY = 0.2
"""Shoulder widths that count as nearby."""

_DEEP = 0.5
"""Shoulder widths from the border at which copied pieces have faded out: deeper in nothing fits them."""


def background_plate(photo: FloatRgb, matte: Alpha, unit: float, needed: Bool) -> FloatRgb:
    """``float32 (h, w, 3)``: the photo without the person. Walls go on smoothly everywhere, busy surroundings
    are continued with pieces of themselves where they are ``needed``."""
    return with_surroundings(wall_plate(photo, matte, unit), photo, matte, unit, needed)


def with_surroundings(wall: FloatRgb, photo: FloatRgb, matte: Alpha, unit: float, needed: Bool) -> FloatRgb:
    """The :func:`wall_plate` of the same photo and matte with pieces of busy surroundings in it."""
    known = _known(matte, unit)
    busy = smoothstep(_busyness(photo, known, unit), *_BUSY)
    hole = needed & ~known & (busy > 0.0)
    if not (hole & (busy > _FAINT)).any():  # a wall all over: copied pieces would not be seen
        return wall
    pieces = continued(photo, known, hole, unit)
    depth = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 5)
    near = smoothstep(-np.asarray(depth, np.float32), -_DEEP * unit, -0.5 * _DEEP * unit)
    return mix(wall, pieces.rgb, busy * near * pieces.filled * ~known)


def _busyness(photo: FloatRgb, known: Bool, unit: float) -> Float:
    """Levels of detail of the surroundings nearby; the person's own edge is none of it."""
    weight, light = known.astype(np.float32), luma(photo)
    fine, coarse = (weighted_blur(light, weight, sigma) for sigma in _FINE_AND_COARSE)
    return weighted_blur(np.abs(fine - coarse), weight, _NEARBY * unit)


def wall_plate(photo: FloatRgb, matte: Alpha, unit: float) -> FloatRgb:
    """The photo without the person, gradients and grain continued, as far as it is a wall."""
    known = _known(matte, unit)
    noise = grain(matte.shape, grain_spread(photo, known))
    return np.asarray(np.clip(smooth_fill(photo, known) + noise[..., None], 0.0, 255.0), np.float32)


def detail(photo: FloatRgb, region: Bool) -> float:
    """Mean absolute detail in levels of what is coarser than grain and finer than gradients."""
    return 0.0 if region.sum() < 100 else float(_detail(photo)[region].mean())


def _detail(photo: FloatRgb) -> Float:
    light = luma(photo)
    fine, coarse = (blur(light, sigma) for sigma in _FINE_AND_COARSE)
    return np.asarray(np.abs(fine - coarse), np.float32)


def _known(matte: Alpha, unit: float) -> Bool:
    return ~grow(matte > 0.03, CLEARANCE * unit)
