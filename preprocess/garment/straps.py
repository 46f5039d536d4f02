"""Gaps between the straps of a garment that hangs: the wall, or what it was retouched to, shows in them."""

from __future__ import annotations

import cv2
import numpy as np

from preprocess.garment.backdrop import Backdrop, Bool, magnitude, to_lab
from preprocess.types import Alpha, Rgb

NARROW = 0.12
"""Share of the garment's width below which what lies side by side is straps: a sleeve is wider. Like the
next three set by eye on one garment with open straps; no pixel of 46 others is changed by them."""
LIKE_WALL = 12.0
"""Lab distance from the background up to which a gap shows it: some photos have pure white in gaps and a grey
wall around."""
UNLIKE_CLOTH = 25.0
"""Lab distance of the cloth from the background, at least: in white straps nothing can be told."""
LEAST = (0.002, 12)
"""Smallest strap as a share of the garment, and smallest gap in pixels: less is a frayed edge or a gleam."""


def open_straps(alpha: Alpha, image: Rgb, backdrop: Backdrop) -> Alpha:
    """The matte ``(H, W)`` of a garment without sleeves, open where its straps are apart.

    ``image`` ``uint8 (H, W, 3)``, ``backdrop`` in the same pixels or fewer.
    """
    cloth = alpha > 0.5
    columns = np.flatnonzero(cloth.any(axis=0))
    if not len(columns):
        return alpha
    wide = np.ones((1, max(3, round(NARROW * (columns[-1] - columns[0])))), np.uint8)
    narrow = cloth & (cv2.morphologyEx(cloth.astype(np.uint8), cv2.MORPH_OPEN, wide) == 0)
    straps = _pieces(narrow, LEAST[0] * float(cloth.sum()))
    away = magnitude(to_lab(image) - cv2.resize(backdrop.surface, (alpha.shape[1], alpha.shape[0])))
    inner = cv2.erode(straps.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    gaps = _pieces(inner & (away < LIKE_WALL), LEAST[1])
    if not gaps.any() or float(np.median(away[straps])) < UNLIKE_CLOTH:
        return alpha
    opened = cv2.dilate(gaps.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    return np.asarray(alpha * (1.0 - cv2.GaussianBlur(opened, (0, 0), 0.7)), np.float32)


def _pieces(region: Bool, least: float) -> Bool:
    """The pieces of a region that have at least so many pixels."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= least
    large[0] = False
    return np.asarray(large[pieces], np.bool_)
