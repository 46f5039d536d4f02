"""The person's matte: graph cut at working size, alpha from local foreground and background colours at full
size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.parsing.colour import to_lab
from preprocess.parsing.filters import Guide, apply_line, dilate, ellipse, erode, resize, smoothstep, spread
from preprocess.parsing.layout import Layout
from preprocess.types import Alpha, Rgb

SURE_PERSON, SURE_BACKGROUND = 0.8, 0.12
"""Segmentation values beyond which the 256 px network is right but for its own blur."""
CORE = 0.008
"""Of the working height: how far inside ``SURE_PERSON`` a pixel is fixed as person."""
GRABCUT_ROUNDS = 2
PLAIN_NOISE = 3.0
"""Lab distance from its smooth part up to which a background is plain."""
WALL_COLOURS = (0.6, 1.1, 2.2)
"""Lab distances from a plain background's colour taken for background, each where no cloth nearby is as
close."""
USUAL_NOISE = 0.25
"""Lab noise of a studio wall in a compressed photo; noisier walls get wider limits."""
WORN = 0.12
"""Share of the body nearby in the background's colour above which the colour tells nothing."""
GAP_REACH = 0.03
"""Of the working height: sigma of the background's and body's colours around a gap between arm and torso."""
GAP_COLOUR = 9.0
"""Lab distance from the background's colour up to which a gap is background."""
SHADOW = 0.3
"""Weight of lightness where a gap is darker than the background: arms shade it."""
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


def cut_person(image: Rgb, segmentation: Alpha, layout: Layout) -> NDArray[np.bool_]:
    """Which pixels of the working image are person: GrabCut seeded by the segmentation, ``bool (h, w)``."""
    height = image.shape[0]
    step = max(3, round(CORE * height))
    far = ~dilate(segmentation > SURE_BACKGROUND, 2 * step + 1)
    body = _on_body(layout) & (segmentation > 0.5)
    core = erode(segmentation > SURE_PERSON, step)
    wall, gap = _background_seen(image, body & core, far)
    trimap = np.where((segmentation > 0.5) & ~gap, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[core & ~((gap | wall) & ~body)] = cv2.GC_FGD
    trimap[far | wall & ~body] = cv2.GC_BGD
    if core.any() and far.any():
        models = np.zeros((1, 65)), np.zeros((1, 65))
        bgr = np.ascontiguousarray(image[..., ::-1])
        # Its colour models start from random centres, drawn from the thread's state: without this the same
        # photo would give another cut in every request.
        cv2.setRNGSeed(0)
        cv2.grabCut(bgr, trimap, (0, 0, 0, 0), *models, GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
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
    return np.asarray(np.where(resize(outer.astype(np.float32), shape) > 0.5, 0.0, alpha), dtype=np.float32)


def _on_colour_line(
    pixel: NDArray[np.float32], front: NDArray[np.float32], back: NDArray[np.float32], fallback: Alpha
) -> Alpha:
    """Alpha of each pixel between ``back`` and ``front``; ``fallback`` as far as that is unreliable."""
    span = front - back
    contrast = np.square(span).sum(-1)
    position = ((pixel - back) * span).sum(-1) / np.maximum(contrast, 1.0)
    alpha = np.clip(position, 0.0, 1.0)
    misfit = np.square(pixel - back - alpha[..., None] * span).sum(-1)
    trust = contrast / (contrast + CONTRAST**2) * np.exp(-misfit / MISFIT**2)
    # the filter's answer bounds the line's: a person pixel that happens to match the background stays solid
    low, high = np.maximum(fallback - 0.6, 0.0), np.minimum(fallback + 0.6, 1.0)
    mixed = trust * smoothstep(alpha, 0.04, 0.96) + (1.0 - trust) * fallback
    return np.asarray(np.clip(mixed, low, high), dtype=np.float32)


def _on_body(layout: Layout) -> NDArray[np.bool_]:
    """Pixels so near a bone that they are body in any clothes; gaps between limbs lie farther out."""
    torso = (np.abs(layout.across) < 0.8) & (layout.along > -0.1) & (layout.along < 1.15)
    limbs = (np.minimum(*layout.arm) < 0.10) | (np.minimum(*layout.hand) < 0.04)
    legs = (np.minimum(*layout.leg) < 0.16) | (np.minimum(*layout.foot) < 0.10)
    return np.asarray(torso | limbs | legs | (layout.face < 1.1) | (layout.neck < 0.10))


def _background_seen(
    image: Rgb, body: NDArray[np.bool_], far: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """``(wall, gap)``: the background itself, and what may be background in shade.

    ``wall`` is only known before a plain background: the colour is that of the wall nearby, within its
    noise, in a piece that reaches the sure background or is larger than a speck.
    """
    lab = to_lab(image)
    sigma = GAP_REACH * image.shape[0]
    from_back = lab - spread(lab, far.astype(np.float32), sigma)
    distance = np.sqrt(np.square(from_back).sum(-1))
    near = far & dilate(~far, round(4 * sigma))
    noise = float(np.percentile(distance[near], 80)) if near.any() else np.inf
    inner = erode(body, round(sigma / 2))
    wall = np.zeros_like(far)
    for limit in WALL_COLOURS if noise < PLAIN_NOISE else ():
        limit = limit * max(1.0, noise / USUAL_NOISE)
        wall |= _large(far | (distance < limit)) & ~_worn(inner, distance < 1.5 * limit, sigma)
    from_back[..., 0] *= np.where(from_back[..., 0] < 0, SHADOW, 1.0)
    from_body = lab - spread(lab, body.astype(np.float32), sigma)
    back, front = (np.sqrt(np.square(d).sum(-1)) for d in (from_back, from_body))
    shaded = (back < GAP_COLOUR) & (back < 0.6 * front) & ~_worn(inner, distance < GAP_COLOUR, sigma)
    return wall, _large(shaded)


def _worn(body: NDArray[np.bool_], alike: NDArray[np.bool_], sigma: float) -> NDArray[np.bool_]:
    """Where so much of the body nearby has the background's colour that this colour tells nothing."""
    small = (max(2, round(body.shape[0] / sigma)), max(2, round(body.shape[1] / sigma)))
    both, whole = (
        cv2.GaussianBlur(resize(mask.astype(np.float32), small), (0, 0), 2.0) for mask in (body & alike, body)
    )
    share = both / np.maximum(whole, 1e-3)
    return resize(np.asarray(share, dtype=np.float32), body.shape) > WORN


def _large(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without hair-thin bridges and pieces below 0.05 % of the image."""
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, ellipse(3))
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    keep = stats[:, cv2.CC_STAT_AREA] > 0.0005 * mask.size
    keep[0] = False
    return np.asarray(keep[pieces])


def _main_parts(person: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest piece and those at least a tenth of it (a leg cut off by a bag); holes under 0.02 % are
    filled."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(person.astype(np.uint8), connectivity=8)
    if count <= 1:
        return person
    areas = stats[1:, cv2.CC_STAT_AREA]
    person = np.isin(pieces, 1 + np.flatnonzero(areas >= 0.1 * areas.max()))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((~person).astype(np.uint8), connectivity=4)
    small = 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] < 0.0002 * person.size)
    return person | np.isin(pieces, small)
