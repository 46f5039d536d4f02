"""The photo's own noise, so that what is painted in does not look airbrushed."""

from __future__ import annotations

import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, Float, blur, luma

SEED = 20240607
"""Fixed: the same request gives the same picture."""

_FINE = 1.2
"""Pixels: what is finer than this is grain and pores, what is coarser is shape."""

_MAX_SPREAD = 6.0
"""Levels; more is texture of the place measured, not noise."""


def grain_spread(photo: FloatRgb, region: Bool) -> float:
    """Standard deviation in levels of the finest detail inside a region (robust: from the median)."""
    if region.sum() < 64:
        return 1.0
    light = luma(photo)
    fine = np.abs(light - blur(light, _FINE))[region]
    return float(min(np.median(fine) / 0.6745, _MAX_SPREAD))


def grain(shape: tuple[int, ...], spread: float) -> Float:
    """``(h, w)`` noise with a given spread and the softness of a photo's."""
    noise = np.random.default_rng(SEED).standard_normal(shape[:2], dtype=np.float32)
    soft = blur(noise, 0.7)
    return np.asarray(soft * (spread / max(float(soft.std()), 1e-6)), np.float32)
