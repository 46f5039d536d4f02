"""Trousers or skirt continued upwards, where the old top hung over them and the new one does not."""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import diffuse, shrink
from inference.engines.warp.grain import grain, grain_spread
from preprocess.types import Alpha

_WORK_SIDE = 320
"""Longer side in pixels of the image that is diffused."""

_MIN_SHARE = 0.002
"""Share of the picture that must be lower clothes before anything can be continued from them."""


def bottoms_plate(photo: FloatRgb, lower: Alpha, unit: float) -> FloatRgb | None:
    """``float32 (h, w, 3)`` colours of the lower clothes spread everywhere, None where there are none."""
    core = shrink(lower > 0.9, 0.015 * unit).astype(np.float32)
    if core.mean() < _MIN_SHARE:
        return None
    height, width = lower.shape
    scale = min(1.0, _WORK_SIDE / max(height, width))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    share = cv2.resize(core, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(photo * core[..., None], size, interpolation=cv2.INTER_AREA)
    colour = (small / np.maximum(share, 1e-3)[..., None]).astype(np.float32)
    filled = diffuse(colour, (share > 0.5).astype(np.float32))
    plate = cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = grain(lower.shape, grain_spread(photo, core))
    return np.asarray(np.clip(plate + noise[..., None], 0.0, 255.0), np.float32)
