"""What stands behind the person where the old garment stuck out."""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import diffuse, grow
from inference.engines.warp.grain import grain, grain_spread
from preprocess.types import Alpha

CLEARANCE = 0.02
"""Shoulder widths kept clear around the person: the matte's soft border still carries the person's
colours."""

_WORK_SIDE = 320
"""Longer side in pixels of the image that is diffused: the fill is smooth, the grain is added at full
size."""


def background_plate(photo: FloatRgb, matte: Alpha, unit: float) -> FloatRgb:
    """``float32 (h, w, 3)``: the photo without the person, smooth gradients and grain continued."""
    known = (~grow(matte > 0.03, CLEARANCE * unit)).astype(np.float32)
    height, width = matte.shape
    scale = min(1.0, _WORK_SIDE / max(height, width))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = cv2.resize(photo * known[..., None], size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    colour = small / np.maximum(share, 1e-3)[..., None]
    filled = diffuse(colour.astype(np.float32), (share > 0.5).astype(np.float32))
    plate = cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = grain(matte.shape, grain_spread(photo, known))
    return np.asarray(np.clip(plate + noise[..., None], 0.0, 255.0), np.float32)
