"""A painted surface that meets the real one beside it without a line."""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, smooth_fill, smoothstep

_LIMIT = 0.6
"""Logarithm of the largest ratio between real and painted: more is another material, not another light."""

_TINT = 0.25
"""Largest difference of that logarithm between R, G and B: shade reddens skin by less, a white cuff is whiter
by more."""

_SPEAKS_FOR = 3.0
"""How far at most a border speaks, as a multiple of the root of its area: a sliver of an ankle says nothing
about a shin. By eye."""

_DARKEST = 8.0
"""Levels below which ratios are noise."""


def seam(painted: FloatRgb, photo: FloatRgb, border: Bool, reach: float) -> FloatRgb:
    """``float32 (h, w, 3)`` factor for ``painted``, 1 where nothing is known.

    A membrane stretched over the ratio of the two colours on ``border``, pixels of ``photo`` that show the
    real surface (Perez et al., Poisson Image Editing, 2003), slack ``reach`` pixels away from it, sooner from
    a small one.
    """
    ratio = np.log(np.maximum(photo, _DARKEST) / np.maximum(painted, _DARKEST))
    border = border & (np.abs(ratio).max(axis=-1) < _LIMIT) & (np.ptp(ratio, axis=-1) < _TINT)
    if not border.any():
        return np.ones_like(painted)
    reach = min(reach, _SPEAKS_FOR * float(np.sqrt(border.sum())))
    distance = cv2.distanceTransform((~border).astype(np.uint8), cv2.DIST_L2, 5)
    hold = 1.0 - smoothstep(np.asarray(distance, np.float32), 0.0, reach)
    return np.asarray(np.exp(smooth_fill(ratio, border) * hold[..., None]), np.float32)
