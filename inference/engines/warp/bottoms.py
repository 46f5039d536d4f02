"""Trousers or skirt continued upwards, where the old top hung over them and the new one does not."""

from __future__ import annotations

import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import shrink, smooth_fill
from inference.engines.warp.grain import grain, grain_spread
from preprocess.types import Alpha

_MIN_SHARE = 0.002
"""Share of the picture that must be lower clothes before anything can be continued from them."""


def bottoms_plate(photo: FloatRgb, lower: Alpha, unit: float) -> FloatRgb | None:
    """``float32 (h, w, 3)`` colours of the lower clothes spread everywhere, None where there are none."""
    core = shrink(lower > 0.9, 0.015 * unit)
    if core.mean() < _MIN_SHARE:
        return None
    plate = smooth_fill(photo, core)
    noise = grain(lower.shape, grain_spread(photo, core))
    return np.asarray(np.clip(plate + noise[..., None], 0.0, 255.0), np.float32)
