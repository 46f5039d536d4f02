"""From a rough silhouette to a soft matte: gaps opened, true holes cut, edges anti-aliased without halo."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.backdrop import Backdrop, Bool, Float, Lab, dot, gradient, magnitude
from preprocess.garment.silhouette import SHADOW_DEPTH, SHADOW_TINT, disc, main_pieces, morph, reachable
from preprocess.types import Alpha

EDGE = 0.0032
"""Half width of the band in which alpha is estimated, as a share of the longest side (3.5 px at 1100)."""
NEAR = 0.022
"""Radius over which the garment's local colour is averaged, as a share of the longest side."""
LIGHTNESS = 0.6
"""Weight of L against a and b when cloth and shadow are told apart: a shadow changes L only."""
BAND = 0.009
"""How far the rough outline may be off, as a share of the longest side (10 px at 1100)."""
PALE = 10.0
"""Median Lab distance from the background below which a garment counts as pale."""
RIM = 0.006
"""Distance within which a gap's rim must show the edge of the cloth, as a share of the longest side."""
CLOTH_TOO = 0.05
"""Share of a garment's middle in the background's colour from which that is a colour of its cloth, too."""
DISTINCT = 28.0
"""Distance of the cloth from the background (weighted Lab) from which a grey fringe is surely a shadow."""
DARKER = 6.0
"""What a shadow is darker than the background at least, L: white flowers at the outline are not."""
HOLE = 0.00011
"""Smallest hole, as a share of the longest side squared: anything smaller is a button or a speck."""


def _weighted(lab: Lab) -> Lab:
    return lab * np.array([LIGHTNESS, 1.3, 1.3], np.float32)


def _mean_inside(values: Float, mask: Bool, radius: int) -> Float:
    """Box mean over the mask only; 0 where none of the mask is near."""
    size = (2 * radius + 1, 2 * radius + 1)
    weight = mask.astype(np.float32)
    total = cv2.blur(weight, size)
    picked = values * (weight if values.ndim == 2 else weight[..., None])
    mean = cv2.blur(picked, size)
    share = np.maximum(total, 1e-6)
    return np.asarray(mean / (share if values.ndim == 2 else share[..., None]), np.float32)


def _like_ground(lab: Lab, mask: Bool, backdrop: Backdrop, side: int) -> tuple[Bool, Bool]:
    """Pixels nearer to the background, shadows included, than to the cloth around them, False where
    unclear; and those of them that are cast shadows beyond doubt."""
    away = _weighted(lab - backdrop.surface)
    radius = round(NEAR * side)
    core = morph(mask, cv2.MORPH_ERODE, EDGE * side)
    coloured = core & (magnitude(away) > 10.0)
    if coloured.sum() > 0.8 * core.sum():  # else the background's colour is one of the cloth's, too
        core = coloured
    cloth = _mean_inside(away, core, radius)
    squared = dot(cloth, cloth)
    spread = np.maximum(_mean_inside(dot(away, away), core, radius) - squared, 0.0)
    share = dot(away, cloth) / np.maximum(squared, 1e-3)
    like = (squared > 100.0) & (squared > 2.5 * spread) & (share < 0.42)
    delta = lab - backdrop.surface
    shade = (np.hypot(delta[..., 1], delta[..., 2]) < SHADOW_TINT) & (delta[..., 0] > -SHADOW_DEPTH)
    shade &= delta[..., 0] < -DARKER
    shadow = like & shade & (squared > DISTINCT * DISTINCT) & (share < 0.25)
    return np.asarray(like, bool), np.asarray(shadow, bool)


def bare_ground(lab: Lab, mask: Bool, backdrop: Backdrop, side: int) -> Bool:
    """Places inside a mask where the bare background shows: gaps beside sleeves, between legs, true holes.

    Such a place has the background's colour, ends at clear edges on most of its rim, and opens to the outside
    or lies beside the torso; white prints are in the middle.
    """
    away = magnitude(lab - backdrop.surface)
    if not mask.any() or float(np.median(away[mask])) < PALE:
        return np.zeros_like(mask)  # pale cloth cannot be told from a hole
    slope = gradient(lab, 0.8)
    plain = max(0.5, backdrop.noise)
    same = morph(mask & (away < max(1.3, 2.0 * backdrop.noise)), cv2.MORPH_OPEN, 1.0)
    x0, _, width, _ = cv2.boundingRect(mask.astype(np.uint8))
    chest = slice(round(x0 + 0.3 * width), round(x0 + 0.7 * width))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(same.astype(np.uint8), connectivity=4)
    if count < 2:
        return same
    smallest = HOLE * side * side
    if same[:, chest].sum() > CLOTH_TOO * mask[:, chest].sum():
        # then a gap must be larger than any such patch
        inner = np.bincount(labels[:, chest].ravel(), minlength=count)
        smallest = max(smallest, 1.5 * float(stats[inner > 0, cv2.CC_STAT_AREA][1:].max(initial=0)))
    reach = 3.0
    rim = morph(same, cv2.MORPH_DILATE, reach) & ~same & mask
    owner = _nearest_label(np.asarray(labels, np.int32), same)[rim]
    # shadows in a gap blur its rim: the cloth's edge may be a few pixels on
    steep = cv2.dilate(slope, disc(RIM * side))[rim] > max(3.0, 3.0 * plain)
    total = np.maximum(np.bincount(owner, minlength=count), 1)
    closed = np.bincount(owner, weights=steep.astype(np.float64), minlength=count) / total
    outer = np.zeros(count, bool)
    outer[labels[morph(~mask, cv2.MORPH_DILATE, reach) & same]] = True
    middle = stats[:, cv2.CC_STAT_LEFT] + stats[:, cv2.CC_STAT_WIDTH] / 2
    # prints are in the middle, gaps beside the torso
    beside = np.abs(middle - (x0 + width / 2)) > 0.2 * width
    accepted = (closed > 0.75) & (outer | beside) & (stats[:, cv2.CC_STAT_AREA] > smallest)
    accepted[0] = False
    return np.asarray(accepted[labels], bool)


def _nearest_label(labels: NDArray[np.int32], source: Bool) -> NDArray[np.int32]:
    _, index = cv2.distanceTransformWithLabels(
        (~source).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(index.max()) + 1, np.int32)
    table[index[source]] = labels[source]
    return np.asarray(table[index], np.int32)


def snap(lab: Lab, mask: Bool, backdrop: Backdrop, side: int) -> Bool:
    """Move the outline to the steepest edge near it (watershed between what is surely cloth and surely
    ground).

    A soft shadow has no steep edge, so it falls to the ground; stripes do not matter, as each has cloth
    inside.
    """
    reach = BAND * side
    bare = bare_ground(lab, mask, backdrop, side)
    inside = cv2.distanceTransform((mask & ~bare).astype(np.uint8), cv2.DIST_L2, 5)
    thick = cv2.dilate(inside, disc(reach))  # thin straps keep a core too
    like, shadow = _like_ground(lab, mask, backdrop, side)
    within = (inside > 2.0 * reach) & (inside < 5.0 * reach)
    if like[within].sum() > CLOTH_TOO * within.sum():
        like[:] = False  # pale flowers at the outline are cloth, as those inside are
    cloth = (inside > np.minimum(reach, 0.6 * thick)) & ~like
    ground = ~morph(mask, cv2.MORPH_DILATE, reach / 2) | morph(bare, cv2.MORPH_ERODE, 1.0)
    # a shadow with hard edges of its own lies along the outline; prints of its colour lie inside
    fringe = morph(shadow & (inside < 2.0 * reach), cv2.MORPH_OPEN, 1.0)
    ground |= reachable(fringe | ~mask | (inside < 3.0)) & fringe
    markers = np.zeros(mask.shape, np.int32)
    markers[cloth], markers[ground] = 1, 2
    away = lab - backdrop.surface
    # lifts the faint edges of white on white and holds back the strong ones inside prints
    relief = (128.0 + 120.0 * np.tanh(away / 20.0)).astype(np.uint8)
    found = cv2.watershed(np.ascontiguousarray(relief), markers)
    return morph((found != 2) & (found != 0) & ~ground, cv2.MORPH_OPEN, 1.0)


def calm(mask: Bool, side: int) -> Bool:
    """A smoother outline for garments that hardly differ from the background, whose edge is found in
    pieces."""
    joined = morph(morph(mask, cv2.MORPH_CLOSE, 0.012 * side), cv2.MORPH_OPEN, 0.008 * side)
    return np.asarray(cv2.GaussianBlur(joined.astype(np.float32), (0, 0), 0.005 * side) > 0.5, bool)


def _nearest(values: Lab, source: Bool) -> tuple[Lab, NDArray[np.int32]]:
    """``(table, index)``: ``table[index]`` is for each pixel the value at the nearest source pixel."""
    _, index = cv2.distanceTransformWithLabels(
        (~source).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros((int(index.max()) + 1, 3), np.float32)
    table[index[source]] = values[source]
    return table, np.asarray(index, np.int32)


def soften(lab: Lab, mask: Bool, backdrop: Backdrop, side: int) -> Alpha:
    """Anti-aliased matte of a mask: in a thin band alpha is where the pixel lies between cloth and ground.

    Cloth is the colour of the nearest pixel surely inside, ground that of the nearest surely outside (so a
    shadow counts as ground). Where the two hardly differ, the distance to the mask's edge decides.
    """
    reach = max(2.0, EDGE * side)
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    signed = cv2.GaussianBlur(inside - outside, (0, 0), 1.2)
    # a faint edge is found roughly: smooth it
    rough = cv2.GaussianBlur(inside - outside, (0, 0), 0.8 * reach)
    plain = np.clip(0.5 + rough / 2.0, 0.0, 1.0).astype(np.float32)
    band = np.abs(signed) < reach
    # nearest pixels lie just beyond the band, no others need a label
    near = np.abs(signed) < reach + 3.0
    sure_in, sure_out = (signed >= reach) & near & mask, (signed <= -reach) & near & ~mask
    if not sure_in.any() or not sure_out.any():
        return np.asarray(plain, np.float32)
    soft = np.asarray(cv2.GaussianBlur(lab, (0, 0), 1.0), np.float32)
    table, index = _nearest(soft, sure_in)
    cloth = table[index]
    table, index = _nearest(soft, sure_out)
    alpha = (signed > 0).astype(np.float32)
    alpha[band] = _between(lab[band], cloth[band], table[index[band]], plain[band], backdrop.noise)
    # where stripes or prints meet the edge, the nearest cloth may be of the wrong colour: smooth along the
    # edge
    busy = np.clip(cv2.GaussianBlur(gradient(cloth), (0, 0), 3.0) / 3.0, 0.0, 1.0)
    even = np.clip((cv2.GaussianBlur(alpha, (0, 0), 0.6 * reach) - 0.5) * 1.8 + 0.5, 0.0, 1.0)
    alpha = busy * even + (1.0 - busy) * alpha
    # what lies outside the mask by more than half the band must be joined to it: no floating specks
    solid = morph(mask, cv2.MORPH_DILATE, reach / 2)
    return np.where(solid, alpha, 0.0).astype(np.float32)


def _between(lab: Float, cloth: Float, ground: Float, plain: Float, noise: float) -> Float:
    """Alpha of pixels ``(N, 3)`` between the colours of cloth and ground; ``plain`` where those hardly
    differ."""
    span = cloth - ground
    squared = dot(span, span)
    share = dot(lab - ground, span) / np.maximum(squared, 1e-3)
    measured = np.clip((share - 0.08) / 0.84, 0.0, 1.0)
    trust = np.clip((np.sqrt(squared) - 3.0 * noise) / 8.0, 0.0, 1.0)
    return np.asarray(trust * measured + (1.0 - trust) * plain, np.float32)


def largest_with(alpha: Alpha) -> Alpha:
    """Drop specks: only what hangs together with the main pieces at half opacity stays."""
    keep = cv2.dilate(main_pieces(alpha > 0.5).astype(np.uint8), disc(2)) > 0
    return np.where(keep, alpha, 0.0).astype(np.float32)
