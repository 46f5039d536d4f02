"""An engine's picture laid back onto the photo: the same size, and untouched outside the mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.engines.base import EngineImage
from preprocess.geometry import footprint, unframe_patch
from preprocess.types import Frame, Photo, Rgb

Mask8 = NDArray[np.uint8]
"""``uint8 (H, W)`` on the photo's grid: 0 = the photo's own pixel, 255 = replaced."""

MARGIN = 4
"""Frame pixels around the changed region that take part in resampling: the reach of a cubic kernel, twice."""
STRIP_ROWS = 256
"""Rows blended at once: keeps 16-bit copies of a 25 megapixel photo small."""


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
    changed = _changed(image)
    if changed is not None:
        size = (photo.width, photo.height)
        place = footprint(changed.frame, size)
        alpha = unframe_patch(changed.alpha, changed.frame, size)
        mask[place] = np.rint(np.clip(alpha, 0.0, 1.0) * 255).astype(np.uint8)
        if limit is not None:
            mask[place] = np.minimum(mask[place], limit[place])
        _blend(rgb[place], unframe_patch(changed.rgb, changed.frame, size), mask[place])
    return Restored(rgb=rgb, mask=mask)


def _changed(image: EngineImage) -> EngineImage | None:
    """The part of the engine's picture around everything that replaces the photo; None where nothing does."""
    rows = np.flatnonzero(image.alpha.any(axis=1))
    columns = np.flatnonzero(image.alpha.any(axis=0))
    if rows.size == 0:
        return None
    frame = image.frame
    top, left = max(0, rows[0] - MARGIN), max(0, columns[0] - MARGIN)
    bottom = min(frame.height, rows[-1] + 1 + MARGIN)
    right = min(frame.width, columns[-1] + 1 + MARGIN)
    part = Frame(
        x0=frame.x0 + left / frame.scale,
        y0=frame.y0 + top / frame.scale,
        scale=frame.scale,
        width=int(right - left),
        height=int(bottom - top),
    )
    inside = (slice(top, bottom), slice(left, right))
    return EngineImage(frame=part, rgb=image.rgb[inside], alpha=image.alpha[inside])


def _blend(under: Rgb, over: Rgb, mask: Mask8) -> None:
    """Blend ``over`` into ``under`` in place; exact where the mask is 0 or 255."""
    for start in range(0, mask.shape[0], STRIP_ROWS):
        rows = slice(start, start + STRIP_ROWS)
        weight = mask[rows, :, None].astype(np.uint16)
        mixed = under[rows] * (255 - weight) + over[rows] * weight
        under[rows] = (mixed + 127) // 255
