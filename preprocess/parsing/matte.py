"""The person's matte: graph cut at working size, alpha from local foreground and background colours at full
size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.parsing.colour import to_lab
from preprocess.parsing.filters import Guide, dilate, ellipse, erode, resize, smoothstep, spread
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
FLAT_COLOUR = 0.4
"""Lab distance an even stretch of wall stays below."""
USUAL_NOISE = 0.25
"""Lab noise of a studio wall in a compressed photo; noisier walls get wider limits."""
OTHER_COLOUR = 3.0
"""Lab distance from a plain background beyond which a pixel the network takes for person is person."""
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
REMAP_LIMIT = 30000
"""OpenCV's remap takes at most 32767 points a row."""
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
    backdrop = _backdrop(image, far)
    bare = _bare_wall(backdrop, far) & ~_trunk(layout)
    body = _on_body(layout) & (segmentation > 0.5) & ~bare
    core = erode(segmentation > SURE_PERSON, step)
    wall, gap, other = _background_seen(backdrop, body & core, far)
    wall |= bare
    trimap = np.where((segmentation > 0.5) & ~gap, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[(core | other & (segmentation > 0.6)) & ~((gap | wall) & ~body)] = cv2.GC_FGD
    trimap[far | wall & ~body] = cv2.GC_BGD
    if core.any() and far.any():
        models = np.zeros((1, 65)), np.zeros((1, 65))
        rows, columns = _around(~far, 4 * step)
        part = np.ascontiguousarray(trimap[rows, columns])
        bgr = np.ascontiguousarray(image[rows, columns, ::-1])
        # Its colour models start from random centres, drawn from the thread's state: without this the same
        # photo would give another cut in every request.
        cv2.setRNGSeed(0)
        cv2.grabCut(bgr, part, (0, 0, 0, 0), *models, GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
        trimap[rows, columns] = part
    person = (trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)
    person = cv2.morphologyEx(person.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    return _main_parts(np.asarray(person))


def _around(mask: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    """Rows and columns of the mask's box and ``margin`` pixels more, within the image."""
    used = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    rows, columns = (slice(max(0, int(u[0]) - margin), int(u[-1]) + 1 + margin) for u in used)
    return rows, columns


def refine(image: Rgb, working: Rgb, person: NDArray[np.bool_], segmentation: Alpha) -> Alpha:
    """Anti-aliased matte ``(H, W)`` of the full frame from the cut of the working image.

    In a band round the cut each pixel is placed on the line between the nearby background and person colours;
    where these are alike, or the pixel lies off the line, a guided filter of the cut decides.
    """
    wide = 2 * BAND + 1
    unsure = (segmentation > 0.1) & (segmentation < 0.9)
    inner = erode(person, wide) & ~(unsure & ~erode(person, 3 * wide))
    outer = ~dilate(person, wide) & ~(unsure & dilate(person, 2 * wide))
    colours = working.astype(np.float32)
    front = spread(colours, inner.astype(np.float32), COLOUR_REACH)
    back = spread(colours, outer.astype(np.float32), COLOUR_REACH)
    line = Guide.of(working, GUIDE_RADIUS, GUIDE_EPSILON).line(person.astype(np.float32))
    shape = image.shape[:2]
    alpha = (resize(inner.astype(np.float32), shape) > 0.5).astype(np.float32)
    band = (alpha == 0) & (resize(outer.astype(np.float32), shape) <= 0.5)
    rows, columns = np.nonzero(band)
    if len(rows):
        at = (np.stack([columns, rows], -1) + 0.5) * (person.shape[1] / shape[1], person.shape[0] / shape[0])
        pixel, line, front, back = (
            image[band].astype(np.float32),
            *(_sample(m, at) for m in (line, front, back)),
        )
        filtered = np.einsum("nc,nc->n", line[:, :3], pixel / 255.0) + line[:, 3]
        alpha[band] = _on_colour_line(pixel, front, back, smoothstep(filtered, 0.1, 0.9))
    return alpha


def _sample(image: NDArray[np.float32], at: NDArray[np.float64]) -> NDArray[np.float32]:
    """``(n, c)`` values of ``image`` at continuous ``(x, y)`` positions, bilinear."""
    where = np.asarray(at - 0.5, dtype=np.float32)
    chunks = [
        cv2.remap(
            image, part[None, :, 0], part[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )[0]
        for part in np.array_split(where, len(where) // REMAP_LIMIT + 1)
    ]
    return np.concatenate(chunks).astype(np.float32)


def _on_colour_line(
    pixel: NDArray[np.float32], front: NDArray[np.float32], back: NDArray[np.float32], fallback: Alpha
) -> Alpha:
    """Alpha of pixels ``(n, 3)`` between ``back`` and ``front``; ``fallback`` as far as that is
    unreliable."""
    span = front - back
    contrast = np.einsum("nc,nc->n", span, span)
    alpha = np.clip(np.einsum("nc,nc->n", pixel - back, span) / np.maximum(contrast, 1.0), 0.0, 1.0)
    off = pixel - back - alpha[:, None] * span
    trust = contrast / (contrast + CONTRAST**2) * np.exp(-np.einsum("nc,nc->n", off, off) / MISFIT**2)
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


def _trunk(layout: Layout) -> NDArray[np.bool_]:
    """The middle of the torso, which no pose error moves onto the background."""
    return np.asarray((np.abs(layout.across) < 0.5) & (layout.along > 0.0) & (layout.along < 1.0))


@dataclass(frozen=True, kw_only=True)
class _Backdrop:
    """How far every pixel is from the background's colour nearby."""

    lab: NDArray[np.float32]
    difference: NDArray[np.float32]
    """``(h, w, 3)`` Lab, pixel minus background."""
    distance: Alpha
    noise: float
    """80th percentile of the distance just outside the person; at most ``PLAIN_NOISE`` for a plain wall."""
    reach: float
    """Sigma in pixels of "nearby"."""


def _backdrop(image: Rgb, far: NDArray[np.bool_]) -> _Backdrop:
    lab = to_lab(image)
    reach = GAP_REACH * image.shape[0]
    difference = lab - spread(lab, far.astype(np.float32), reach)
    distance = np.sqrt(np.square(difference).sum(-1))
    near = far & dilate(~far, round(4 * reach))
    noise = float(np.percentile(distance[near], 80)) if near.any() else np.inf
    return _Backdrop(lab=lab, difference=difference, distance=distance, noise=noise, reach=reach)


def _bare_wall(backdrop: _Backdrop, far: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels as even as the wall and of its colour, reached from the sure background: cloth has folds."""
    limit = FLAT_COLOUR * max(1.0, backdrop.noise / USUAL_NOISE)
    if backdrop.noise > PLAIN_NOISE:
        return np.zeros_like(far)
    flat = erode(cv2.blur(backdrop.distance, (3, 3)) < limit, 5) | far
    _, pieces = cv2.connectedComponents(flat.astype(np.uint8), connectivity=4)
    reached = np.isin(pieces, np.unique(pieces[far]))
    return dilate(reached, 3)


def _background_seen(
    backdrop: _Backdrop, body: NDArray[np.bool_], far: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """``(wall, gap, other)``: the background itself, what may be background in shade, what is neither.

    ``wall`` and ``other`` are only known before a plain background: the colour is that of the wall nearby,
    within its noise, in a piece that reaches the sure background or is larger than a speck.
    """
    distance, noise, reach = backdrop.distance, backdrop.noise, backdrop.reach
    inner = erode(body, round(reach / 2))
    wall = np.zeros_like(far)
    for limit in WALL_COLOURS if noise < PLAIN_NOISE else ():
        limit = limit * max(1.0, noise / USUAL_NOISE)
        wall |= _large(far | (distance < limit)) & ~_worn(inner, distance < 1.5 * limit, reach)
    shaded = backdrop.difference.copy()
    shaded[..., 0] *= np.where(shaded[..., 0] < 0, SHADOW, 1.0)
    from_body = backdrop.lab - spread(backdrop.lab, body.astype(np.float32), reach)
    back, front = (np.sqrt(np.square(d).sum(-1)) for d in (shaded, from_body))
    gap = (back < GAP_COLOUR) & (back < 0.6 * front) & ~_worn(inner, distance < GAP_COLOUR, reach)
    other = (distance > OTHER_COLOUR + 4.0 * noise) & (noise < PLAIN_NOISE)
    return wall, _large(gap), other


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
