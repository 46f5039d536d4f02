"""How far a region reaches along a straight line: the ruler of all body measures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.types import Vec
from preprocess.types import Alpha

_LEVEL = 0.5
"""A soft region ends where its weight falls below a half."""


def ray_values(region: Alpha, origin: Vec, direction: Vec, lengths: NDArray[np.float64]) -> Alpha:
    """Weights of ``region`` at ``origin + lengths * direction``, ``(n,)``; 0 outside the picture."""
    points = origin + lengths[:, None] * direction - 0.5  # continuous coordinates -> sample positions
    x, y = (np.ascontiguousarray(points[:, k], dtype=np.float32)[None] for k in (0, 1))
    sampled = cv2.remap(region, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(sampled[0], dtype=np.float32)


def first_exit(region: Alpha, origin: Vec, direction: Vec, reach: float) -> float | None:
    """Distance at which a ray that starts inside ``region`` leaves it, to a fraction of a pixel.

    ``direction`` is a unit vector. None where it starts outside or does not leave within ``reach`` pixels.
    """
    if reach < 1:
        return None
    lengths = np.arange(0.0, reach + 1.0, 0.5)
    values = ray_values(region, origin, direction, lengths)
    if values[0] < _LEVEL:
        return None
    outside = np.flatnonzero(values < _LEVEL)
    if len(outside) == 0:
        return None
    k = int(outside[0])
    fraction = (values[k - 1] - _LEVEL) / max(float(values[k - 1] - values[k]), 1e-6)
    return float(lengths[k - 1] + 0.5 * fraction)
