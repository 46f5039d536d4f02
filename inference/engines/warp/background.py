"""What stands behind the person where the old garment stuck out."""

from __future__ import annotations

import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import grow, smooth_fill
from inference.engines.warp.grain import grain, grain_spread
from preprocess.types import Alpha

CLEARANCE = 0.02
"""Shoulder widths kept clear around the person: the matte's soft border still carries the person's
colours."""


def background_plate(photo: FloatRgb, matte: Alpha, unit: float) -> FloatRgb:
    """``float32 (h, w, 3)``: the photo without the person, smooth gradients and grain continued."""
    known = ~grow(matte > 0.03, CLEARANCE * unit)
    plate = smooth_fill(photo, known)
    noise = grain(matte.shape, grain_spread(photo, known))
    return np.asarray(np.clip(plate + noise[..., None], 0.0, 255.0), np.float32)
