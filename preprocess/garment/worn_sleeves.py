"""Sleeves on somebody's arms: how far they reach, and their edges along the bones however the arms hang."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.outline import resample
from preprocess.garment.sleeves import EDGE_POINTS, sleeve_region
from preprocess.garment.stance import BONE_POINTS, Arm, Stance
from preprocess.types import Alpha, Points, Sleeve, SleeveLength

Point = tuple[float, float]

RADIUS = ((0.0, 0.135), (0.5, 0.11), (1.0, 0.075))
"""Usual radius of a bare arm at shares of its length, in units (medians of 24 photographed people)."""
LOOSEST = 2.4
"""Widest sleeve that is looked for, in usual radii."""
BESIDE = 0.8
"""How far beside its bone, in usual radii, a sleeve's edge is looked for: joints may lie outside the arm."""
LEAST = 0.14
"""A cover shorter than this share of the arm is the shoulder of a sleeveless garment."""
ELBOW = 0.6
"""Share of the arm up to which a sleeve hangs loose around it."""
LONG = 0.3
"""Share of the forearm beyond which a sleeve counts as long."""
AT_WRIST = 0.88
"""Share of the arm from which a sleeve ends at the wrist: hands hide the rest."""
FREE = 0.22
"""Share of the arm from which its inner side is looked for; above it is the armpit."""
ASSUMED = 1.25
"""Inner radius of a sleeve against the torso, in usual radii, at most."""
TOUCHING = 0.4
"""Share of a sleeve's inner side that is not seen from which on it lies against the torso."""


@dataclass(frozen=True, kw_only=True)
class WornSleeve:
    """One sleeve as it was found."""

    sleeve: Sleeve
    length: SleeveLength
    seen: float
    """0..1: share of its edges that were seen rather than assumed."""


def reach_of(cloth: Alpha, hidden: Alpha, arm: Arm, unit: float) -> float:
    """Share of the arm, from the shoulder, that ``cloth`` covers; what ``hidden`` covers is no end of it."""
    bones = arm.bones()
    radii = _radii(unit)
    normals = _normals(bones)
    offsets = np.array([-0.5, 0.0, 0.5])
    across = bones[:, None] + normals[:, None] * (radii[:, None] * offsets)[..., None]
    covered = _sampled(cloth, across).mean(axis=1) > 0.5
    bare = (_sampled(cloth, across) + _sampled(hidden, across)).mean(axis=1) < 0.4
    bare[: round(0.04 * BONE_POINTS)] = False
    ends = np.flatnonzero(bare)
    last = ends[0] if len(ends) else BONE_POINTS
    seen = np.flatnonzero(covered[:last])
    reach = float(seen[-1] + 1) / BONE_POINTS if len(seen) else 0.0
    return 1.0 if reach > AT_WRIST else reach


def worn_sleeve(
    cloth: Alpha,
    stance: Stance,
    arm: Arm,
    reach: float,
    tip: Point,
    armpit: Point,
    outward: float,
    flank: Points | None,
) -> WornSleeve:
    """Edges and region of the sleeve that covers ``reach`` of an arm; ``flank``: the torso's edge ``(n, 2)``
    beside a short one, over which it does not reach: a print there is the torso's. The inner edge begins at
    the armpit, moved out to that edge."""
    bones = arm.bones()
    count = max(4, round(reach * BONE_POINTS))
    bones, normals, radii = bones[:count], _normals(bones)[:count], _radii(stance.unit)[:count]
    if normals[: max(2, count // 3), 0].mean() * outward < 0:
        normals = -normals  # towards the outer side of the arm
    outer, outer_seen = _widths(cloth, bones, normals, radii)
    inner, inner_seen = _widths(cloth, bones, -normals, radii)
    places = np.arange(count) / BONE_POINTS
    inner_seen &= places > FREE
    outer = _completed(outer, outer_seen, inner, inner_seen, radii)
    inner = _completed(inner, inner_seen, np.minimum(outer, ASSUMED * radii), outer_seen, radii)
    start = int(np.searchsorted(places, 0.06))
    below = max(start + 1, int(np.searchsorted(places, FREE * min(1.0, reach / 0.4))))
    outer_line = _line(tip, bones[start:] + normals[start:] * outer[start:, None])
    inner_line = _line(armpit, (bones - normals * inner[:, None])[min(below, count - 2) :])
    if flank is not None:
        edge = outward * np.interp(inner_line[:, 1], flank[:, 1], flank[:, 0])
        order = np.argsort(outer_line[:, 1])
        most = outward * np.interp(inner_line[:, 1], outer_line[order, 1], outer_line[order, 0]) - radii[0]
        inner_line[:, 0] = outward * np.maximum(outward * inner_line[:, 0], np.minimum(edge, most))
    free = places > FREE
    hidden = float(1 - inner_seen[free].mean()) if free.any() else 0.0
    polygon = np.concatenate([outer_line, inner_line[::-1]])
    elbow = arm.elbow_at
    return WornSleeve(
        sleeve=Sleeve(
            outer=outer_line,
            inner=inner_line,
            region=sleeve_region(polygon, cloth),
            overlaps_torso=hidden > TOUCHING,
        ),
        length="long" if reach > elbow + LONG * (1 - elbow) else "short",
        seen=float(outer_seen.mean() * (1 - 0.5 * hidden)),
    )


def cuff_row(stance: Stance, reach: float, arm: Arm) -> float:
    """Row down to which a short sleeve hides the torso's side; a long one is told apart along its bones."""
    if not 0 < reach < ELBOW:
        return -np.inf
    at = min(round(reach * BONE_POINTS), BONE_POINTS - 1)
    return float(arm.bones()[at, 1] + 0.5 * _radii(stance.unit)[at])


def arm_zone(shape: tuple[int, ...], stance: Stance, reach: float, arm: Arm) -> NDArray[np.bool_]:
    """``(H, W)``: pixels of a sleeved arm below its armpit, which are no part of the torso."""
    zone = np.zeros(shape[:2], np.uint8)
    bones, radii = arm.bones(), 1.25 * _radii(stance.unit)
    for k in range(round(FREE * BONE_POINTS), round(reach * BONE_POINTS)):
        x, y = np.round(bones[k] * 16 - 8).astype(int)
        cv2.circle(zone, (int(x), int(y)), round(radii[k] * 16), 1, -1, shift=4)
    return zone > 0


def _radii(unit: float) -> NDArray[np.float64]:
    shares, radii = zip(*RADIUS, strict=True)
    return np.interp(np.linspace(0.0, 1.0, BONE_POINTS), shares, radii) * unit


def _normals(bones: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit normals, turning smoothly at the elbow."""
    along = np.gradient(bones, axis=0)
    padded = np.pad(along, ((8, 8), (0, 0)), mode="edge")
    calm = np.stack([np.convolve(padded[:, k], np.ones(17) / 17, mode="valid") for k in (0, 1)], axis=1)
    normals = np.stack([calm[:, 1], -calm[:, 0]], axis=1)
    unit: NDArray[np.float64] = normals / np.maximum(np.hypot(*normals.T), 1e-6)[:, None]
    return unit


def _sampled(plane: Alpha, points: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = (np.ascontiguousarray(points[..., k].reshape(-1, 1) - 0.5, np.float32) for k in (0, 1))
    found = cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float64).reshape(points.shape[:-1])


def _widths(
    cloth: Alpha, bones: NDArray[np.float64], normals: NDArray[np.float64], radii: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Distance from the bones to the cloth's edge along ``normals``, and where there is one."""
    steps = np.linspace(-BESIDE, LOOSEST, 65)
    rays = bones[:, None] + normals[:, None] * (radii[:, None] * steps)[..., None]
    inside = _sampled(cloth, rays) > 0.5
    started = inside[:, steps < 0.4].any(axis=1)
    first = np.where(started, inside.argmax(axis=1), 0)
    out = ~inside & (np.arange(len(steps)) > first[:, None])
    end = out.argmax(axis=1)
    seen = started & out.any(axis=1) & (steps[end] > -0.4 * BESIDE)
    return radii * steps[end], seen


def _completed(
    widths: NDArray[np.float64],
    seen: NDArray[np.bool_],
    other: NDArray[np.float64],
    other_seen: NDArray[np.bool_],
    radii: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Where an edge was not seen the other one's distance stands in, or the usual arm; smoothed."""
    filled = np.where(seen, widths, np.where(other_seen, other, 1.15 * radii))
    size = max(3, len(filled) // 6 | 1)
    padded = np.pad(filled, size // 2, mode="edge")
    calm = np.median(np.lib.stride_tricks.sliding_window_view(padded, size), axis=1)
    padded = np.pad(calm, size // 2, mode="edge")
    smooth: NDArray[np.float64] = np.convolve(padded, np.ones(size) / size, mode="valid")
    return smooth


def _line(start: Point, points: NDArray[np.float64]) -> Points:
    line = np.concatenate([np.array([start]), points]).astype(np.float32)
    return resample(line, EDGE_POINTS)
