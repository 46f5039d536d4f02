"""From surfaces to the ``basic`` labels: skin by body part, soft memberships at full size, confidence."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.parsing.filters import Guide, apply_line, dilate, smoothstep
from preprocess.parsing.layout import Layout
from preprocess.parsing.regions import HAIR, LOWER, SHOES, SKIN, UPPER
from preprocess.parsing.surfaces import Surfaces
from preprocess.types import BASIC_LABELS, Alpha, Rgb

EDGE_RADIUS = 3
"""Working pixels: how far the labels' border may move to reach an edge of the photo."""
EDGE_EPSILON = 1e-4
INDEX = {name: i for i, name in enumerate(BASIC_LABELS)}
CLOTH = {UPPER: "upper", LOWER: "lower", HAIR: "hair", SHOES: "shoes"}
WRIST = -0.03
"""Shoulder widths before the wrist joint where the hand begins."""
HAND_REACH = 0.28
"""Shoulder widths from the hand's bones to its outline, generous where no other skin is near."""
HAND_ON_LEG = 0.14
CRUMBLING = ("legs", "left_arm", "right_arm", "neck")
SPECK = 0.0006
"""Share of the working image below which a piece of bare skin is the edge of something else."""
EARS = 2.0
"""On the face ellipse, at the height of the eyes."""


def part_labels(
    surface: Surfaces, layout: Layout, waist: float, person: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """``(h, w)`` ``basic`` labels, meaningful where ``person`` is: skin is divided by the skeleton."""
    labels = np.zeros(surface.shape, np.uint8)
    for kind, name in CLOTH.items():
        labels[surface == kind] = INDEX[name]
    labels = np.where(surface == SKIN, _skin_part(layout, waist), labels).astype(np.uint8)
    return _without_specks(labels, person)


def _skin_part(layout: Layout, waist: float) -> NDArray[np.uint8]:
    """The label a pixel would have if it were skin."""
    left_arm, right_arm = layout.arm
    arm, leg = np.minimum(left_arm, right_arm), np.minimum(*layout.leg)
    part = np.full(arm.shape, INDEX["neck"], np.uint8)
    below = smoothstep(layout.along, waist, waist + 0.1) > 0.5
    part[below & ((leg < arm) | (layout.along > 1.5))] = INDEX["legs"]
    beside = (np.abs(layout.across) > 0.92) & (layout.along > -0.12)
    beside |= (np.abs(layout.across) > 0.8) & (layout.along > 0.2) & (arm < 0.2)
    on_arm = (beside & (arm < 0.30) & ~(below & (leg < 0.8 * arm))) | (arm < 0.12) & (layout.along > 0.1)
    part[on_arm & (left_arm <= right_arm)] = INDEX["left_arm"]
    part[on_arm & (left_arm > right_arm)] = INDEX["right_arm"]
    for side in range(2):
        reach = HAND_ON_LEG + (HAND_REACH - HAND_ON_LEG) * smoothstep(leg, 0.15, 0.3)
        part[(layout.hand[side] < reach) & (layout.beyond_wrist[side] > WRIST)] = INDEX["hands"]
    ears = (np.abs(layout.head_y) < 0.45) & (layout.face < EARS)
    jaw = (layout.head_y < 0.6) & (layout.face < 1.35)
    part[(layout.face < 1.0) | (layout.head_y < 0.3) & (layout.face < 1.6) | jaw | ears] = INDEX["face"]
    return part


def _without_specks(labels: NDArray[np.uint8], person: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Crumbs that the division of skin left over take the label most common round them."""
    cleaned = labels.copy()
    for name in CRUMBLING:
        region = ((labels == INDEX[name]) & person).astype(np.uint8)
        count, pieces, stats, _ = cv2.connectedComponentsWithStats(region, connectivity=8)
        for piece in range(1, count):
            x, y, width, height, area = stats[piece]
            if area > SPECK * region.size:
                continue
            box = np.s_[max(0, y - 2) : y + height + 2, max(0, x - 2) : x + width + 2]
            crumb = pieces[box] == piece
            ring = dilate(crumb, 5) & ~crumb & person[box]
            if ring.any():
                cleaned[box][crumb] = np.bincount(labels[box][ring]).argmax()
    return cleaned


def soft_labels(image: Rgb, working: Rgb, labels: NDArray[np.uint8], matte: Alpha) -> NDArray[np.float16]:
    """``(H, W, 11)`` memberships at full size: working labels upsampled along the photo's edges, times the
    matte."""
    guide = Guide.of(working, EDGE_RADIUS, EDGE_EPSILON)
    full = image.astype(np.float32) / 255.0
    total = np.full(matte.shape, 1e-6, np.float32)
    planes: list[tuple[int, tuple[slice, slice], Alpha]] = []
    for k in np.unique(labels):
        region = labels == k
        small, large = _boxes(region, matte.shape, 4 * EDGE_RADIUS)
        line = guide.crop(*small).line(region[small].astype(np.float32))
        # the planes sum to 1; their cubes narrow the transition to about the photo's own
        plane = np.clip(apply_line(line, full[large]), 0.0, 1.0) ** 3
        planes.append((int(k), large, plane))
        total[large] += plane
    soft = np.zeros((*matte.shape, len(BASIC_LABELS)), np.float16)
    share = matte / total
    for k, box, plane in planes:
        soft[(*box, k)] = plane * share[box]
    soft[..., 0] = 1.0 - matte
    return soft


def _boxes(
    region: NDArray[np.bool_], shape: tuple[int, ...], margin: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Rows and columns round a region at working size, and the same box at full size."""
    small, large = [], []
    for axis in (0, 1):
        used = np.flatnonzero(region.any(axis=1 - axis))
        first, last = max(0, int(used[0]) - margin), min(region.shape[axis], int(used[-1]) + 1 + margin)
        scale = shape[axis] / region.shape[axis]
        small.append(slice(first, last))
        large.append(slice(round(first * scale), round(last * scale)))
    return (small[0], small[1]), (large[0], large[1])
