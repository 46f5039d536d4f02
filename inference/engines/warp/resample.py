"""Cloth pixels on their way through a warp: edges free of product background, no aliasing when shrunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.base import FloatRgb
from preprocess.types import Alpha, Rgb

Pixels = TypeVar("Pixels", Rgb, Alpha)

_SURE = 0.98
"""Matte from which a pixel's colour is the cloth's alone."""


@dataclass(frozen=True, kw_only=True)
class Cloth:
    """A picture of cloth at about the size at which it will be drawn, so that sampling it does not alias."""

    rgb: Rgb
    scale: tuple[float, float]
    """Its pixels per pixel of the garment's frame, across and down."""

    def colours(self, source: NDArray[np.float32]) -> FloatRgb:
        """Colours at garment coordinates ``(h, w, 2)``; borders repeat."""
        x, y = _sample_positions(source, self.scale)
        drawn = cv2.remap(self.rgb, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(drawn, dtype=np.float32)

    def coverage(self, alpha: Alpha, source: NDArray[np.float32]) -> Alpha:
        """``alpha`` (garment's frame) at garment coordinates ``(h, w, 2)``; 0 outside."""
        x, y = _sample_positions(source, self.scale)
        fitted = _shrunk(alpha, self.scale)
        drawn = cv2.remap(fitted, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        return np.asarray(drawn, dtype=np.float32)


def opacity_at(cloth: Cloth, opacity: Alpha | None, source: NDArray[np.float32]) -> Alpha | None:
    """A garment's opacity at garment coordinates ``(h, w, 2)``; 1 outside."""
    return None if opacity is None else np.float32(1) - cloth.coverage(np.float32(1) - opacity, source)


def cloth_for(image: Rgb, scale: float) -> Cloth:
    """Prepare cloth for being drawn at ``scale`` target pixels per garment pixel (enlarging needs
    nothing)."""
    scale = float(np.clip(scale, 0.05, 1.0))
    height, width = image.shape[:2]
    scales = (max(1, round(width * scale)) / width, max(1, round(height * scale)) / height)
    return Cloth(rgb=_shrunk(image, scales), scale=scales)


def bleed(image: Rgb, alpha: Alpha) -> Rgb:
    """Continue the cloth's colours past its edge, each pixel taking the nearest one that is surely cloth."""
    sure = cv2.erode((alpha >= _SURE).astype(np.uint8), np.ones((3, 3), np.uint8))
    if not sure.any():
        return image
    _, labels = cv2.distanceTransformWithLabels(
        1 - sure, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    inside = sure > 0
    # One lookup of four bytes is much faster than three of one.
    packed = np.dstack([image, sure]).view(np.uint32)[..., 0]
    colours = np.zeros(int(labels.max()) + 1, dtype=np.uint32)
    colours[labels[inside]] = packed[inside]
    spread = np.ascontiguousarray(colours[labels].view(np.uint8).reshape(*labels.shape, 4)[..., :3])
    # Nearest-pixel rays look combed: soften what was made up, keep what was seen.
    soft = cv2.GaussianBlur(spread, (0, 0), 1.5)
    return np.asarray(np.where(inside[..., None], image, soft), dtype=np.uint8)


def _shrunk(image: Pixels, scale: tuple[float, float]) -> Pixels:
    size = (round(image.shape[1] * scale[0]), round(image.shape[0] * scale[1]))
    if size == (image.shape[1], image.shape[0]):
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=image.dtype)


def _sample_positions(
    source: NDArray[np.float32], scale: tuple[float, float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Continuous coordinates to what ``cv2.remap`` counts: whole numbers at pixel centres."""
    x, y = (np.ascontiguousarray(source[..., k] * np.float32(scale[k]) - np.float32(0.5)) for k in (0, 1))
    return x, y
