"""Bites out of one half of a matte, mended from the other half: a strap of white cloth on a white wall may be
lost on the left and whole on the right."""

from __future__ import annotations

import cv2
import numpy as np

from preprocess.garment.backdrop import Bool, magnitude, to_lab
from preprocess.types import Alpha, Rgb

ALIKE = 0.88
"""Least overlap of a garment with its mirror image for one half to speak for the other."""
OFF = 0.008
"""How far the halves may lie off each other's mirror image, as a share of the longest side."""
SMALLEST = 0.002
"""Smallest bite that is mended, as a share of the garment's area: below it the halves merely differ."""
HELD = 0.3
"""Least share of a bite's rim that is cloth: what sticks out on one side only is no bite."""
RATHER = 0.7
"""The place must differ from the other half by less than this share of what the cloth differs from the
ground."""
STEPS = 3
"""Steps of up to that many times ``OFF`` are closed."""
EDGE = 0.8
"""Softness of a mended edge, pixels (sigma)."""
PALE = 12.0
"""Lab distance of cloth and ground above which a matte does not lose cloth."""


def mended(alpha: Alpha, image: Rgb, axis: float) -> Alpha:
    """``alpha (H, W)`` with its bites filled; ``image uint8 (H, W, 3)``, ``axis`` the x of the garment's
    middle."""
    solid = alpha > 0.5
    twin = _mirrored(alpha, axis) > 0.5
    both = float((solid & twin).sum())
    if both < ALIKE * float((solid | twin).sum()):
        return alpha
    side = max(alpha.shape)
    reach = max(1, round(OFF * side))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    missing = cv2.morphologyEx((twin & ~solid).astype(np.uint8), cv2.MORPH_OPEN, disc)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(missing, connectivity=4)
    filled = alpha
    for piece in range(1, count):
        if stats[piece, cv2.CC_STAT_AREA] < SMALLEST * solid.sum():
            continue
        bite = pieces == piece
        rim = (cv2.dilate(bite.astype(np.uint8), disc) > 0) & ~bite
        if (rim & solid).sum() < HELD * rim.sum() or not _is_cloth(image, bite, solid | twin, axis):
            continue
        # the halves are not quite alike: the steps where they meet are closed
        joined = cv2.morphologyEx((solid | bite).astype(np.uint8), cv2.MORPH_CLOSE, disc, iterations=STEPS)
        near = cv2.dilate(bite.astype(np.uint8), disc, iterations=2 * STEPS) > 0
        place = (near & (joined > 0)).astype(np.float32)
        filled = np.maximum(filled, cv2.GaussianBlur(place, (0, 0), EDGE))
    return filled


def _is_cloth(image: Rgb, bite: Bool, garment: Bool, axis: float) -> bool:
    """Does the picture look there as it does on the other half, and unlike the ground?"""
    lab = to_lab(image)
    ground = lab[~garment]
    there = lab[_mirrored(bite.astype(np.float32), axis) > 0.5]
    if len(ground) == 0 or len(there) == 0:
        return False
    wall, twin, here = (np.median(part, axis=0) for part in (ground, there, lab[bite]))
    apart = float(magnitude(twin - wall))
    return 0.0 < apart < PALE and float(magnitude(here - twin)) < RATHER * apart


def _mirrored(values: Alpha, axis: float) -> Alpha:
    """The picture turned over about the upright line at ``axis``; 0 where nothing comes from."""
    height, width = values.shape
    turn = np.array([[-1.0, 0.0, 2 * axis - 1], [0.0, 1.0, 0.0]])
    return np.asarray(cv2.warpAffine(values, turn, (width, height), flags=cv2.INTER_LINEAR), np.float32)
