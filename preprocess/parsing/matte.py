"""The person's matte: graph cut at working size, alpha from local foreground and background colours at full size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.parsing.filters import Guide, apply_line, dilate, erode, resize, smoothstep, spread
from preprocess.types import Alpha, Rgb

SURE_PERSON, SURE_BACKGROUND = 0.8, 0.12
"""Segmentation values beyond which the 256 px network is right but for its own blur."""
CORE = 0.008
"""Of the working height: how far inside ``SURE_PERSON`` a pixel is fixed as person."""
GRABCUT_ROUNDS = 2
GUIDE_RADIUS = 4
GUIDE_EPSILON = 1e-4
BAND = 3
"""Working pixels on either side of the cut whose alpha is computed from colours."""
COLOUR_REACH = 7.0
"""Sigma in working pixels of the local foreground and background colours."""
CONTRAST = 26.0
"""RGB distance of foreground and background at which their colour line is trusted by half."""
MISFIT = 22.0
"""RGB distance from the colour line at which it is no longer trusted."""


def cut_person(image: Rgb, segmentation: Alpha) -> NDArray[np.bool_]:
    """Which pixels of the working image are person: GrabCut seeded by the segmentation, ``bool (h, w)``."""
    height = image.shape[0]
    step = max(3, round(CORE * height))
    far = ~dilate(segmentation > SURE_BACKGROUND, 2 * step + 1)
    core = erode(segmentation > SURE_PERSON, step)
    core &= ~_looks_like_background(image, core, far) | erode(segmentation > SURE_PERSON, 6 * step)
    trimap = np.where(segmentation > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[core] = cv2.GC_FGD
    trimap[far] = cv2.GC_BGD
    if core.any() and far.any():
        models = np.zeros((1, 65)), np.zeros((1, 65))
        bgr = np.ascontiguousarray(image[..., ::-1])
        cv2.grabCut(bgr, trimap, None, *models, GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
    person = (trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)
    person = cv2.morphologyEx(person.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    return _main_parts(np.asarray(person))


def refine(image: Rgb, working: Rgb, person: NDArray[np.bool_], segmentation: Alpha) -> Alpha:
    """Anti-aliased matte ``(H, W)`` of the full frame from the cut of the working image.

    In a band round the cut each pixel is placed on the line between the nearby background and person colours;
    where these are alike, or the pixel lies off the line, a guided filter of the cut decides.
    """
    solid = person.astype(np.float32)
    unsure = (segmentation > 0.1) & (segmentation < 0.9)
    wide = 2 * BAND + 1
    inner = erode(person, wide) & ~(unsure & ~erode(person, 3 * wide))
    outer = ~dilate(person, wide) & ~(unsure & dilate(person, 2 * wide))
    colours = working.astype(np.float32)
    front = spread(colours, inner.astype(np.float32), COLOUR_REACH)
    back = spread(colours, outer.astype(np.float32), COLOUR_REACH)
    guided = Guide.of(working, GUIDE_RADIUS, GUIDE_EPSILON).line(solid)
    shape = image.shape[:2]
    pixel = image.astype(np.float32)
    smooth = smoothstep(apply_line(guided, pixel / 255.0), 0.1, 0.9)
    alpha = _on_colour_line(pixel, resize(front, shape), resize(back, shape), smooth)
    alpha = np.where(resize(inner.astype(np.float32), shape) > 0.5, 1.0, alpha)
    return np.where(resize(outer.astype(np.float32), shape) > 0.5, 0.0, alpha).astype(np.float32)


def _on_colour_line(
    pixel: NDArray[np.float32], front: NDArray[np.float32], back: NDArray[np.float32], fallback: Alpha
) -> Alpha:
    """Alpha of each pixel between ``back`` and ``front``, mixed with ``fallback`` as far as that is unreliable."""
    span = front - back
    contrast = np.square(span).sum(-1)
    position = ((pixel - back) * span).sum(-1) / np.maximum(contrast, 1.0)
    alpha = np.clip(position, 0.0, 1.0)
    misfit = np.square(pixel - back - alpha[..., None] * span).sum(-1)
    trust = contrast / (contrast + CONTRAST**2) * np.exp(-misfit / MISFIT**2)
    # the filter's answer bounds the line's: a person pixel that happens to match the background stays solid
    low, high = np.maximum(fallback - 0.6, 0.0), np.minimum(fallback + 0.6, 1.0)
    return np.clip(trust * smoothstep(alpha, 0.04, 0.96) + (1.0 - trust) * fallback, low, high).astype(np.float32)


def _looks_like_background(image: Rgb, core: NDArray[np.bool_], far: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels whose colour is that of the nearby background rather than of the nearby person (the gap at an arm)."""
    colours = image.astype(np.float32)
    sigma = 0.03 * image.shape[0]
    back = spread(colours, far.astype(np.float32), sigma)
    to_back = np.linalg.norm(colours - back, axis=-1)
    front = spread(colours, (core & (to_back > 20.0)).astype(np.float32), sigma)
    to_front = np.linalg.norm(colours - front, axis=-1)
    return np.asarray((to_back < 14.0) & (to_back < 0.4 * to_front))


def _main_parts(person: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest piece and those at least a tenth of it (a leg cut off by a bag); holes under 0.02 % are filled."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(person.astype(np.uint8), connectivity=8)
    if count <= 1:
        return person
    areas = stats[1:, cv2.CC_STAT_AREA]
    person = np.isin(pieces, 1 + np.flatnonzero(areas >= 0.1 * areas.max()))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((~person).astype(np.uint8), connectivity=4)
    small = 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] < 0.0002 * person.size)
    return person | np.isin(pieces, small)
