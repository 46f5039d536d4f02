"""Armpits and shoulder tips of a top: where its sleeves begin, seen in the dents of its outline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from preprocess.garment.backdrop import Float, gradient, to_lab
from preprocess.garment.outline import Outline, mirrored, runs_of, top_of
from preprocess.garment.sleeves import covering_edge
from preprocess.types import Rgb, Sides

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")

ARMHOLE = 0.47
"""Depth of an armhole below the shoulder tip over the chest's width, laid flat (size charts: .42 to .52)."""
LOWEST_ARMPIT = 0.66
"""A notch lower than this (same measure) is the end of a sleeve lying on the torso, not the armpit."""
SHALLOWEST_ARMHOLE, DEEPEST_ARMHOLE = 0.3, 0.7
"""The same of a sleeveless garment, below its highest point: straps included."""
STEP = 0.12
"""Share of the chest's width by which the side steps out where straps end on the upper edge of a bodice."""
KINK = 0.02
"""Share of the chest's width by which the end of an armhole sticks out at least, to be seen."""
MIRROR_MISS = 0.10
"""Share of the garment's width by which two sides may differ before one of them is taken for wrong."""


@dataclass(frozen=True, kw_only=True)
class Armpit:
    """Where sleeve and torso part on one side."""

    point: tuple[float, float]
    notch: tuple[float, float]
    """Lowest visible point between sleeve and torso; equals ``point`` unless the sleeve covers the torso."""
    sleeved: bool
    mirrored: bool
    """Taken from the other side."""
    seen: float
    """0..1: 1 = found on this side, less = estimated or mirrored."""


def sign_of(side: Side) -> int:
    """-1 for left, 1 for right: the direction away from the axis."""
    return -1 if side == "left" else 1


def _defects(outline: Outline) -> list[tuple[Float, Float, Float, float]]:
    """Dents of the outline: ``(deepest point, end, end, depth)`` between neighbouring corners of its convex
    hull."""
    points = outline.contour
    hull = np.sort(cv2.convexHull(points, returnPoints=False).ravel())
    found = []
    for start, end in zip(hull, np.append(hull[1:], hull[0] + len(points)), strict=True):
        if end - start < 4:
            continue
        path = points[np.arange(start, end + 1) % len(points)]
        chord = path[-1] - path[0]
        offset = path - path[0]
        away = np.abs(offset[:, 0] * chord[1] - offset[:, 1] * chord[0]) / max(1e-6, float(np.hypot(*chord)))
        deep = int(away.argmax())
        found.append((path[deep], path[0], path[-1], float(away[deep])))
    return found


def _armpit(outline: Outline, hem: float, side: Side) -> Armpit | None:
    """Deepest dent of one side that opens outwards or downwards."""
    sign, width = sign_of(side), outline.width
    best: tuple[float, Armpit] | None = None
    for deep, one, other, depth in _defects(outline):
        # the contour runs clockwise: down the right side, up the left one
        tip, low = (one, other) if side == "right" else (other, one)
        offset = (deep[0] - outline.axis) * sign
        if depth < 0.012 * outline.height or offset < 0.12 * width:
            continue
        if not outline.top + 0.08 * outline.height < deep[1] < hem + 0.02 * outline.height:
            continue
        overhang = float((tip[0] - deep[0]) * sign)
        if low[1] < deep[1] or overhang < 0:
            continue
        rise = float(deep[1] - tip[1])
        sleeved = overhang > 0.03 * width and overhang > 0.45 * rise
        point = (float(deep[0]), float(deep[1]))
        armpit = Armpit(point=point, notch=point, sleeved=sleeved, mirrored=False, seen=1.0)
        if best is None or depth > best[0]:
            best = (depth, armpit)
    return best[1] if best else None


def _chest(outline: Outline, hem: float) -> float:
    """Width of a torso half-way down, or below that where only straps are there."""
    for y in np.arange((outline.top + hem) / 2, hem, 0.02 * outline.height):
        middle = outline.run(float(y), outline.axis)
        if middle is not None and middle[0] <= outline.axis <= middle[1]:
            return middle[1] - middle[0]
    return outline.right - outline.left


def _bare_armpit(outline: Outline, hem: float, side: Side) -> Armpit:
    """End of the armhole of a sleeveless garment: the row where its side stops widening."""
    sign = sign_of(side)
    chest = _chest(outline, hem)
    lowest = outline.top + min(DEEPEST_ARMHOLE * chest, 0.75 * (hem - outline.top))
    first = int(outline.top + 0.04 * outline.height)
    ys = np.arange(first, max(first + 1, int(lowest)))  # a chest of a few pixels: cloth torn to strips
    edge = []
    for row in ys:
        runs = runs_of(outline.mask[row])
        outer = (runs[0][0] if side == "left" else runs[-1][1]) if runs else outline.axis
        edge.append((outer - outline.axis) * sign)
    column = np.array(edge, np.float32).reshape(-1, 1)
    reach = cv2.GaussianBlur(column, (0, 0), 0.008 * outline.height).ravel()
    # the kink farthest outside the straight line from the shoulder's narrowest point to the last row
    start = int(reach[: len(reach) * 2 // 3].argmin()) if len(reach) > 3 else 0
    kink = reach[start:] - np.linspace(reach[start], reach[-1], len(reach) - start)
    index = start + int(kink.argmax())
    # straight from the shoulder's corner down: where armholes usually end
    if kink.max() < KINK * chest or ys[index] < outline.top + SHALLOWEST_ARMHOLE * chest:
        index = int(np.clip(outline.top + ARMHOLE * chest - ys[0], 0, len(ys) - 1))
    rows = max(2, round(0.02 * outline.height))
    steps = reach[rows:] - reach[:-rows]
    if len(steps) and steps.max() > STEP * chest:
        index = int(steps.argmax()) + rows
    y = float(ys[index])
    return Armpit(
        point=(outline.axis + sign * float(reach[index]), y),
        notch=(outline.axis + sign * float(reach[index]), y),
        sleeved=False,
        mirrored=False,
        seen=0.9,
    )


def _on_straps(outline: Outline) -> bool:
    """Does the garment hang on straps: near its top nothing but two narrow pieces."""
    y = int(outline.top + 0.07 * outline.height)
    runs = [run for run in runs_of(outline.mask[y]) if run[1] - run[0] > 0.01 * outline.width]
    # near the hem there are no sleeves in the row of the torso
    torso = outline.torso(outline.top + 0.9 * outline.height) or (outline.left, outline.right)
    narrow = all(run[1] - run[0] < 0.22 * (torso[1] - torso[0]) for run in runs)
    return (
        narrow and any(run[1] < outline.axis for run in runs) and any(run[0] > outline.axis for run in runs)
    )


def pair_armpits(outline: Outline, hem: float) -> Sides[Armpit]:
    """Armpits of both sides; a side without a credible one gets the other's mirror image."""
    if _on_straps(outline):
        return Sides(left=_bare_armpit(outline, hem, "left"), right=_bare_armpit(outline, hem, "right"))
    left, right = (_armpit(outline, hem, side) for side in SIDES)
    left_found, right_found = left is not None and left.sleeved, right is not None and right.sleeved
    if left is None or right is None or not (left_found and right_found):
        if left is not None and left_found:
            return _copied(left, "left", outline)
        if right is not None and right_found:
            return _copied(right, "right", outline)
        return Sides(left=_bare_armpit(outline, hem, "left"), right=_bare_armpit(outline, hem, "right"))
    across = abs(mirrored(left.point, outline.axis)[0] - right.point[0])
    lower = abs(left.point[1] - right.point[1])
    # the higher notch is the real armpit: ties, folds and covered torsos only make notches lower
    upper: Side = "left" if left.point[1] < right.point[1] else "right"
    if max(across, 0.5 * lower) > MIRROR_MISS * outline.width:
        return _copied(left if upper == "left" else right, upper, outline)
    if lower < 0.5 * MIRROR_MISS * outline.width:
        return Sides(left=left, right=right)
    if upper == "left":
        return Sides(left=left, right=replace(right, point=mirrored(left.point, outline.axis), seen=0.8))
    return Sides(left=replace(left, point=mirrored(right.point, outline.axis), seen=0.8), right=right)


def _copied(good: Armpit, side: Side, outline: Outline) -> Sides[Armpit]:
    point, notch = mirrored(good.point, outline.axis), mirrored(good.notch, outline.axis)
    copy = replace(good, point=point, notch=notch, mirrored=True, seen=0.65)
    return Sides(left=good, right=copy) if side == "left" else Sides(left=copy, right=good)


def shoulder_tip(outline: Outline, armpit: Armpit, side: Side) -> tuple[float, float]:
    """Shoulder tip: above the armpit; without sleeves the outermost point above the armhole."""
    sign = sign_of(side)
    if armpit.sleeved:
        x = armpit.point[0] - sign * 0.02 * outline.width
        return x, top_of(outline, x)
    rows = np.arange(int(outline.top) + 1, int(outline.top + 0.55 * (armpit.point[1] - outline.top)) + 2)
    reach = []
    for y in rows:
        runs = [
            r for r in runs_of(outline.mask[y]) if ((r[0] + r[1]) / 2 - outline.axis) * sign > 0
        ] or runs_of(outline.mask[y])
        outer = (runs[0][0] if side == "left" else runs[-1][1]) if runs else outline.axis
        reach.append((outer - outline.axis) * sign)
    values = np.array(reach)
    index = int(np.argmax(values >= 0.97 * values.max()))
    return outline.axis + sign * float(values[index]), float(rows[index])


def uncovered(armpits: Sides[Armpit], outline: Outline, image: Rgb, hem: float) -> Sides[Armpit]:
    """Where a sleeve lies on the torso, put the armpit back up and keep the visible notch."""
    chest = armpits.right.point[0] - armpits.left.point[0]
    slope: Float | None = None
    result = {}
    for side in SIDES:
        armpit = armpits[side]
        shoulder = shoulder_tip(outline, armpit, side)
        depth = (armpit.point[1] - shoulder[1]) / max(1.0, chest)
        if armpit.sleeved and depth > LOWEST_ARMPIT:
            slope = gradient(to_lab(image), 1.2) if slope is None else slope
            y = shoulder[1] + ARMHOLE * chest
            point, evidence = covering_edge(slope, armpit.notch, y, 0.08 * chest)
            armpit = replace(armpit, point=point, seen=armpit.seen * (0.7 + 0.25 * evidence))
        result[side] = armpit
    return Sides(left=result["left"], right=result["right"])
