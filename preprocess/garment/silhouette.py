"""Which pixels are garment: several floods of the background compete, and the most plausible shape wins.

A flood enters from the border and stops at colour steps ("walls"). How strong a step must be to stop it
differs from photo to photo: low walls catch white cloth on white but also soft shadows, high walls let
shadows go but leak into pale cloth. So each wall height gives one hypothesis and the outlines are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from preprocess.garment.backdrop import NOISE_FLOOR, Backdrop, Bool, Float, Lab, gradient, magnitude, ring_of

WALLS = (1.6, 2.5, 4.0, 7.0, 12.0)
"""Wall heights as multiples of the gradient that 99 % of the border ring stays below."""
BRIDGES = (0, 2, 4)
"""Radii in pixels by which broken walls are joined (at ``WORK_SIDE``)."""
WORK_SIDE = 480
"""Longest side at which hypotheses are made: walls are still one to two pixels wide there."""
CLOSE = (1.0, 1.8, 3.5, 7.0, 14.0)
"""Lab distances within which a pixel is the background itself (hypotheses without shadows, for even
paper)."""
SHADOW_DEPTH = 32.0
"""A cast shadow on a studio background darkens it by at most about this much L."""
SHADOW_TINT = 5.0
"""... and changes its a, b by at most this much."""
ALIKE = 0.0015
"""Share of a mask in which two hypotheses may differ to count as one: a few pixels of the outline."""
MIN_PIECE = 0.06
"""Parts smaller than this share of the largest one are dust or props."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One hypothesis with what speaks for it, all 0..1."""

    mask: Bool
    contrast: float
    """Share of the outline with a visible colour step."""
    step: float
    """Median colour step across the outline, Lab units (not bounded by 1)."""
    smooth: float
    """Length of the smoothed outline over the length of the outline."""
    symmetry: float
    """Overlap of the mask with its mirror image."""
    explained: float
    """1 = no edges left outside the mask."""
    score: float


def disc(radius: float) -> cv2.typing.MatLike:
    """Round structuring element."""
    size = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


def morph(mask: Bool, operation: int, radius: float) -> Bool:
    """Binary morphology with a disc; a radius below half a pixel changes nothing."""
    if radius < 0.5:
        return mask
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), operation, disc(radius)) > 0, bool)


def reachable(passable: Bool) -> Bool:
    """Passable pixels connected to the border of the picture."""
    _, labels = cv2.connectedComponents(passable.astype(np.uint8), connectivity=4)
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    allowed = np.zeros(int(labels.max()) + 1, bool)
    allowed[border] = True
    allowed[0] = False
    return np.asarray(allowed[labels], bool)


def main_pieces(mask: Bool, share: float = MIN_PIECE) -> Bool:
    """The largest connected part and others not much smaller."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return np.asarray((areas >= share * areas.max())[labels] & mask, bool)


def touching(parts: Bool, other: Bool) -> Bool:
    """The connected pieces of ``parts`` that overlap ``other``."""
    _, labels = cv2.connectedComponents(parts.astype(np.uint8))
    reached = np.zeros(int(labels.max()) + 1, bool)
    reached[labels[other]] = True
    reached[0] = False
    return np.asarray(reached[labels], bool)


def contour_of(mask: Bool) -> Float:
    """Outer contour of the largest part as ``(N, 2)`` pixel centres."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(contours, key=cv2.contourArea).reshape(-1, 2).astype(np.float32) + 0.5


def perimeter(mask: Bool) -> float:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return float(sum(cv2.arcLength(contour, True) for contour in contours))


def mirror_axis(mask: Bool) -> tuple[float, float]:
    """``(x, overlap)``: the upright axis about which the mask mirrors best and the IoU it reaches there."""
    small_height = 160
    scale = small_height / mask.shape[0]
    width = max(8, round(mask.shape[1] * scale))
    small = cv2.resize(mask.astype(np.float32), (width, small_height), interpolation=cv2.INTER_AREA)
    area, rows = float(small.sum()), small.sum(axis=0)
    if area < 1:
        return mask.shape[1] / 2, 0.0
    mean = float((rows * (np.arange(width) + 0.5)).sum() / area)
    best = (0.0, mean)
    for twice in range(round(2 * mean - 0.24 * width), round(2 * mean + 0.24 * width) + 1):
        # mirrored column j comes from column twice - 1 - j
        source = twice - 1 - np.arange(width)
        valid = (source >= 0) & (source < width)
        shared = np.minimum(small[:, valid], small[:, source[valid]]).sum()
        best = max(best, (float(shared / (2 * area - shared)), twice / 2))
    return best[1] / width * mask.shape[1], best[0]


def _outline_steps(lab: Lab, mask: Bool) -> Float:
    """Colour step across the outline, one value per contour pixel, Lab units."""
    reach = 3.0  # pixels to either side: beyond the blur of the edge, short of the next seam
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2.0)
    nx, ny = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    y, x = np.nonzero(morph(mask, cv2.MORPH_GRADIENT, 1) & mask)
    length = np.maximum(np.hypot(nx[y, x], ny[y, x]), 1e-3)
    dx, dy = reach * nx[y, x] / length, reach * ny[y, x] / length

    def at(sign: float) -> Lab:
        at_x = (x + sign * dx).astype(np.float32).reshape(-1, 1)
        at_y = (y + sign * dy).astype(np.float32).reshape(-1, 1)
        found = cv2.remap(lab, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found, np.float32).reshape(-1, 3)

    inner = (x > reach) & (y > reach) & (x < mask.shape[1] - reach - 1) & (y < mask.shape[0] - reach - 1)
    steps = magnitude(at(1.0) - at(-1.0))[inner]
    return steps if len(steps) else np.zeros(1, np.float32)


def judge(lab: Lab, mask: Bool, noise: float, edges: Bool, bare: Bool) -> Shape:
    """Measure how much a mask looks like a garment cut out along real edges.

    ``edges``: where colours change; ``bare``: pixels of the background's own colour.
    """
    steps = _outline_steps(lab, mask)
    contrast = float((steps > max(1.2, 1.5 * noise)).mean())
    calm = morph(morph(mask, cv2.MORPH_CLOSE, 2), cv2.MORPH_OPEN, 4)
    smooth = min(1.0, perimeter(calm) / max(1.0, perimeter(mask)))
    _, symmetry = mirror_axis(mask)
    step = float(np.median(steps))
    edge = float(np.minimum(steps, 12.0).mean()) / 12.0  # beyond 12 an edge is as clear as it needs to be
    # a print cut out of its white shirt leaves the shirt's own outline behind: about as many edge pixels as 4
    # sides
    around = morph(mask, cv2.MORPH_DILATE, 0.02 * max(mask.shape))
    missed = float((edges & ~around).sum()) / (4.0 * float(np.sqrt(mask.sum())))
    explained = float(np.exp(-2.0 * missed))
    score = contrast * (0.5 + 0.5 * edge) * smooth**2 * (0.4 + 0.6 * symmetry) * explained
    score *= 1.0 - 0.4 * float(bare[mask].mean())
    return Shape(
        mask=mask,
        contrast=contrast,
        step=step,
        smooth=smooth,
        symmetry=symmetry,
        explained=explained,
        score=score,
    )


def _passable(lab: Lab, backdrop: Backdrop) -> Bool:
    """Pixels whose colour may be background, in light or in a soft shadow."""
    delta = lab - backdrop.surface
    tint = np.hypot(delta[..., 1], delta[..., 2])
    margin = 2.0 * backdrop.noise
    shade = (delta[..., 0] > -SHADOW_DEPTH) & (delta[..., 0] < max(6.0, margin))
    return np.asarray((tint < max(SHADOW_TINT, margin)) & shade, bool)


def _floods(passable: Bool, away: Float, slope: Float, quiet: float, noise: float) -> Iterator[Bool]:
    """Pixels taken for background under each hypothesis."""
    for wall in WALLS:
        barrier = slope > wall * quiet
        for bridge in BRIDGES if wall < WALLS[3] else BRIDGES[:1]:
            flood = reachable(passable & ~morph(barrier, cv2.MORPH_CLOSE, bridge))
            # the flood stops at the foot of the wall; the edge itself is the top of it
            yield morph(flood, cv2.MORPH_DILATE, 1.0) if bridge else flood
    for close in CLOSE:
        if close > 1.2 * noise:
            yield reachable(away < close)


def _alike(one: Bool, other: Bool) -> bool:
    """The same hypothesis but for single pixels: judged once."""
    return int(np.count_nonzero(one ^ other)) < ALIKE * int(np.count_nonzero(other))


def silhouettes(lab: Lab, backdrop: Backdrop) -> list[Shape]:
    """All plausible hypotheses at the resolution of ``lab``, best first."""
    slope = gradient(lab)
    quiet = max(0.15, float(np.percentile(slope[ring_of(lab.shape[:2])], 90)))
    away = magnitude(lab - backdrop.surface)
    edges = slope > max(WALLS[1] * quiet, 2.5 * (backdrop.noise - NOISE_FLOOR))  # not traces of compression
    bare = (away < backdrop.noise + 2.0) & (slope < quiet + 0.3)
    found: list[Shape] = []
    for ground in _floods(_passable(lab, backdrop), away, slope, quiet, backdrop.noise):
        mask = main_pieces(morph(~ground, cv2.MORPH_OPEN, 1.5))
        if 0.01 < mask.mean() < 0.97 and not any(_alike(mask, other.mask) for other in found):
            found.append(judge(lab, mask, backdrop.noise, edges, bare))
    return sorted(found, key=lambda shape: -shape.score)
