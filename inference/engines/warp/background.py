"""What stands behind the person where the old garment stuck out."""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, blur, grow, luma, mix, smooth_fill, smoothstep
from inference.engines.warp.grain import grain, grain_spread
from preprocess.types import Alpha

CLEARANCE = 0.02
"""Shoulder widths kept clear around the person: the matte's soft border still carries the person's
colours."""


_BUSY = (5.0, 9.0)
"""Levels of middle-sized detail from which a background is no longer a wall, and surely is busy."""

_DEEP = 0.3
"""Shoulder widths from the border at which mirrored detail has faded out: further in it shows as a mirror."""


def background_plate(photo: FloatRgb, matte: Alpha, unit: float) -> FloatRgb:
    """``float32 (h, w, 3)``: the photo without the person; gradients, grain and coarse detail continued."""
    known = ~grow(matte > 0.03, CLEARANCE * unit)
    plate = smooth_fill(photo, known)
    noise = grain(matte.shape, grain_spread(photo, known))
    plate = np.asarray(np.clip(plate + noise[..., None], 0.0, 255.0), np.float32)
    busy = float(smoothstep(np.full(1, detail(photo, known), np.float32), *_BUSY)[0])
    return plate if busy == 0.0 else _mirrored(photo, plate, known, busy, _DEEP * unit)


def detail(photo: FloatRgb, region: Bool) -> float:
    """Mean absolute detail in levels of what is coarser than grain and finer than gradients."""
    if region.sum() < 100:
        return 0.0
    light = luma(photo)
    return float(np.abs(blur(light, 1.5) - blur(light, 8.0))[region].mean())


def _mirrored(photo: FloatRgb, plate: FloatRgb, known: Bool, busy: float, deep: float) -> FloatRgb:
    """The plate with the known surroundings mirrored in at their border: leaves and letters run on."""
    distance, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    ys, xs = np.nonzero(known)
    border = np.zeros((int(labels.max()) + 1, 2), np.float32)
    border[labels[known]] = np.stack([xs, ys], axis=-1)
    here = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in known.shape[::-1])), axis=-1)
    across = 2.0 * border[labels] - here
    copied = cv2.remap(photo, across[..., 0], across[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    seen = cv2.remap(known.astype(np.float32), across[..., 0], across[..., 1], cv2.INTER_NEAREST)
    weight = (
        busy
        * blur(np.asarray(seen, np.float32), 2.0)
        * smoothstep(-np.asarray(distance, np.float32), -deep, -0.5 * deep)
    )
    return mix(plate, np.asarray(copied, np.float32), weight)
