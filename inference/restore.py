"""An engine's picture laid back onto the photo: the same size, and untouched outside the mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.engines.base import EngineImage
from preprocess.geometry import footprint, unframe_patch
from preprocess.types import Photo, Rgb

Mask8 = NDArray[np.uint8]
"""``uint8 (H, W)`` on the photo's grid: 0 = the photo's own pixel, 255 = replaced."""

STRIP_ROWS = 128
"""Rows blended at once: keeps the 16-bit copies small, also for 25 megapixels."""


@dataclass(frozen=True, kw_only=True)
class Restored:
    rgb: Rgb
    """``uint8 (H, W, 3)``, the photo's size; equal to the photo wherever ``mask`` is 0."""
    mask: Mask8


def restore(photo: Photo, image: EngineImage, *, limit: Mask8 | None = None) -> Restored:
    """Resample the changed region onto the photo and blend it in by the 8-bit mask that is returned.

    ``limit``: the caller's own mask on the photo's grid; nothing changes beyond it.
    """
    rgb = photo.rgb.copy()
    mask = np.zeros(photo.rgb.shape[:2], np.uint8)
    size = (photo.width, photo.height)
    place = footprint(image.frame, size)
    alpha = unframe_patch(image.alpha, image.frame, size)
    if alpha.size:
        mask[place] = np.rint(np.clip(alpha, 0.0, 1.0) * 255).astype(np.uint8)
        if limit is not None:
            mask[place] = np.minimum(mask[place], limit[place])
        _blend(rgb[place], unframe_patch(image.rgb, image.frame, size), mask[place])
    return Restored(rgb=rgb, mask=mask)


def _blend(under: Rgb, over: Rgb, mask: Mask8) -> None:
    """Blend ``over`` into ``under`` in place; exact where the mask is 0 or 255."""
    for start in range(0, mask.shape[0], STRIP_ROWS):
        strip = slice(start, start + STRIP_ROWS)
        columns = np.flatnonzero(mask[strip].any(axis=0))
        if columns.size == 0:
            continue
        part = (strip, slice(columns[0], columns[-1] + 1))
        weight = mask[part][..., None].astype(np.uint16)
        mixed = under[part] * (255 - weight) + over[part] * weight
        under[part] = (mixed + 127) // 255
