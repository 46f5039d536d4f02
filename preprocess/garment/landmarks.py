"""Landmarks of a top seen from the front, from its silhouette (and, where a sleeve covers the torso, its shading)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from preprocess.garment.backdrop import Bool, Float, gradient, to_lab
from preprocess.garment.outline import Outline, line_costs, nearest_index, path_between, runs_of, trace
from preprocess.garment.sleeves import covering_edge, find_sleeve, mirror_sleeve
from preprocess.types import Alpha, GarmentLandmarks, Points, Rgb, Sides, Sleeve, SleeveLength

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")

ARMHOLE = 0.47
"""Depth of an armhole below the shoulder tip over the chest's width, laid flat (common size charts: .42 to .52)."""
LOWEST_ARMPIT = 0.66
"""A notch lower than this (same measure) is the end of a sleeve lying on the torso, not the armpit."""
MIRROR_MISS = 0.10
"""Share of the garment's width by which two sides may differ before one of them is taken for wrong."""
LONG_REACH = 0.95
"""Sleeve length over the chest's width from which it counts as long (3/4 sleeves included)."""


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


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Landmarks plus what only preprocessing needs."""

    landmarks: GarmentLandmarks
    sleeve_length: SleeveLength
    body: Bool
    """The garment without what hangs below the hem (briefs of a bodysuit)."""
    cut: bool
    """Something was cut off."""
    collared: bool
    """A collar stands up steeply from the shoulders."""


def _sign(side: Side) -> int:
    return -1 if side == "left" else 1


def hem_row(outline: Outline, image: Rgb) -> tuple[float, bool]:
    """``(y, cut)``: where the hem ends, and whether something narrower (a bodysuit's brief) hangs below it."""
    ys = np.arange(int(outline.top), int(outline.bottom))
    runs = [outline.run(y, outline.axis) for y in ys]
    widths = np.array([run[1] - run[0] if run else 0.0 for run in runs])
    middle = float(np.median(widths[int(0.45 * len(ys)) : int(0.75 * len(ys))]))
    wide = np.flatnonzero(widths > 0.55 * middle)
    last = int(wide[-1])
    below = (len(ys) - 1 - last) / len(ys)
    pointed = widths[-max(2, len(ys) // 40)] < 0.45 * middle and below > 0.04
    tip = runs[-2]
    central = tip is not None and abs((tip[0] + tip[1]) / 2 - outline.axis) < 0.12 * outline.width
    if not (pointed and central):
        return float(ys[last]) + 1.0, False
    strip = image[ys[0] : ys[-1] + 1, int(outline.axis - 0.1 * middle) : int(outline.axis + 0.1 * middle)]
    rows = to_lab(strip).mean(axis=1)
    reach = max(3, len(ys) // 50)
    means = cv2.blur(rows.reshape(-1, 1, 3), (1, 2 * reach + 1)).reshape(-1, 3)
    change = np.zeros(len(ys))
    change[reach:-reach] = np.linalg.norm(means[2 * reach :] - means[: -2 * reach], axis=1)
    lower = change[int(0.5 * len(ys)) : last + reach]
    if len(lower) and lower.max() > 15.0:
        last = int(0.5 * len(ys)) + int(lower.argmax())
    return float(ys[last]), True


def _defects(outline: Outline) -> list[tuple[Float, Float, Float, float]]:
    """Dents of the outline: ``(deepest point, end, end, depth)`` between neighbouring corners of its convex hull."""
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
    sign, width = _sign(side), outline.width
    best: tuple[float, Armpit] | None = None
    for deep, one, other, depth in _defects(outline):
        # the contour runs clockwise: down the right side, up the left one
        tip, low = (one, other) if side == "right" else (other, one)
        offset = (deep[0] - outline.axis) * sign
        if depth < 0.012 * outline.height or offset < 0.12 * width:
            continue
        if not outline.top + 0.08 * outline.height < deep[1] < hem - 0.02 * outline.height:
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


def _bare_armpit(outline: Outline, hem: float, side: Side) -> Armpit:
    """End of the armhole of a sleeveless garment: the row where its side stops widening."""
    sign = _sign(side)
    ys = np.arange(int(outline.top + 0.04 * outline.height), int(outline.top + 0.5 * (hem - outline.top)))
    edge = []
    for y in ys:
        runs = runs_of(outline.mask[y])
        outer = (runs[0][0] if side == "left" else runs[-1][1]) if runs else outline.axis
        edge.append((outer - outline.axis) * sign)
    reach = cv2.GaussianBlur(
        np.array(edge, np.float32).reshape(-1, 1), (0, 0), 0.008 * outline.height
    ).ravel()
    # the kink farthest outside the straight line from the shoulder's narrowest point to the hem
    start = int(reach[: len(reach) * 2 // 3].argmin()) if len(reach) > 3 else 0
    chord = np.linspace(reach[start], reach[-1], len(reach) - start)
    index = start + int(np.argmax(reach[start:] - chord))
    y = float(ys[index])
    return Armpit(
        point=(outline.axis + sign * float(reach[index]), y),
        notch=(outline.axis + sign * float(reach[index]), y),
        sleeved=False,
        mirrored=False,
        seen=0.9,
    )


def _mirror(point: tuple[float, float], axis: float) -> tuple[float, float]:
    return 2 * axis - point[0], point[1]


def _on_straps(outline: Outline) -> bool:
    """Does the garment hang on straps: near its top nothing but two narrow pieces."""
    y = int(outline.top + 0.07 * outline.height)
    runs = [run for run in runs_of(outline.mask[y]) if run[1] - run[0] > 0.01 * outline.width]
    narrow = all(run[1] - run[0] < 0.22 * outline.width for run in runs)
    return (
        narrow and any(run[1] < outline.axis for run in runs) and any(run[0] > outline.axis for run in runs)
    )


def _pair_armpits(outline: Outline, hem: float) -> Sides[Armpit]:
    """Armpits of both sides; a side without a credible one gets the other's mirror image."""
    if _on_straps(outline):
        return Sides(left=_bare_armpit(outline, hem, "left"), right=_bare_armpit(outline, hem, "right"))
    found = {side: _armpit(outline, hem, side) for side in SIDES}
    sleeved = {side: found[side] is not None and found[side].sleeved for side in SIDES}  # type: ignore[union-attr]
    if not any(sleeved.values()):
        return Sides(left=_bare_armpit(outline, hem, "left"), right=_bare_armpit(outline, hem, "right"))
    left, right = found["left"], found["right"]
    if left is None or right is None or not (sleeved["left"] and sleeved["right"]):
        good = left if sleeved["left"] else right
        return _mirrored(good, "left" if sleeved["left"] else "right", outline)  # type: ignore[arg-type]
    across = abs(_mirror(left.point, outline.axis)[0] - right.point[0])
    if max(across, abs(left.point[1] - right.point[1])) > MIRROR_MISS * outline.width:
        # the higher notch is the real armpit: ties, folds and covered torsos only make notches lower
        if left.point[1] < right.point[1]:
            return _mirrored(left, "left", outline)
        return _mirrored(right, "right", outline)
    return Sides(left=left, right=right)


def _mirrored(good: Armpit, side: Side, outline: Outline) -> Sides[Armpit]:
    point = _mirror(good.point, outline.axis)
    copy = replace(good, point=point, notch=point, mirrored=True, seen=0.5)
    return Sides(left=good, right=copy) if side == "left" else Sides(left=copy, right=good)


def _top(outline: Outline, x: float) -> float:
    """y of the outline's upper edge in column ``x`` (nearest filled column)."""
    filled = np.flatnonzero(~np.isnan(outline.envelope))
    return float(outline.envelope[filled[np.abs(filled - x).argmin()]])


def _shoulder(outline: Outline, armpit: Armpit, side: Side) -> tuple[float, float]:
    """Shoulder tip: above the armpit; without sleeves the outermost point above the armhole."""
    sign = _sign(side)
    if armpit.sleeved:
        x = armpit.point[0] - sign * 0.02 * outline.width
        return x, _top(outline, x)
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


def _neck(
    outline: Outline, shoulder: tuple[float, float], side: Side
) -> tuple[tuple[float, float], tuple[float, float]]:
    """``(base, top)``: where the shoulder line ends at the collar, and the collar's upper corner (often the same)."""
    sign = _sign(side)
    inner = outline.axis - sign * 0.0
    xs = np.linspace(shoulder[0], inner, 72)
    ys = np.array([_top(outline, x) for x in xs])
    dip = ys[-1] - ys.min()
    if dip > 0.09 * abs(shoulder[0] - inner) * 2:  # see-through neck: the inner end of the shoulder's top
        high = ys.min() + 0.015 * outline.width
        index = int(np.flatnonzero(ys <= high)[-1])
        point = (float(xs[index]), float(ys[index]))
        return point, point
    points = np.stack([np.abs(xs - xs[0]), ys], axis=1).astype(np.float32)
    cost = line_costs(points)
    count = len(points)
    best = (np.inf, 20, 40)
    for first in range(8, count - 10):
        # shoulder line to `first`, collar's side to `second`, back of the collar to the axis
        total = cost[0, first] + cost[first, first : count - 6] + cost[first : count - 6, count - 1]
        second = int(np.argmin(total))
        if total[second] < best[0]:
            best = (float(total[second]), first, first + second)
    _, first, second = best
    top = int(np.argmin(ys[first : second + 1])) + first if second > first else first
    return (float(xs[first]), float(ys[first])), (float(xs[top]), float(ys[top]))


def _torso_rows(outline: Outline, armpits: Sides[Armpit], hem: float) -> Float:
    """``(n, 3)`` rows y, x_left, x_right of the torso between armpits and hem."""
    start = (armpits.left.point[1] + armpits.right.point[1]) / 2
    rows = np.linspace(start + 1, hem - 0.012 * outline.height, 13)
    out: list[tuple[float, float, float]] = []
    for y in rows:
        run = outline.run(y, outline.axis) or (armpits.left.point[0], armpits.right.point[0])
        ends = {"left": run[0], "right": run[1]}
        for side in SIDES:
            armpit = armpits[side]
            if (
                armpit.sleeved and y < armpit.notch[1]
            ):  # the sleeve hides the side: straight from armpit to notch
                (ax, ay), (bx, by) = armpit.point, armpit.notch
                straight = ax + (bx - ax) * (y - ay) / max(1.0, by - ay)
                ends[side] = max(ends[side], straight) if side == "left" else min(ends[side], straight)
        out.append((float(y), ends["left"], ends["right"]))
    return _even_rows(_square_hem(np.array(out, np.float32)), outline.axis)


def _square_hem(rows: Float) -> Float:
    """Undo rounded corners of the hem: below four fifths a torso narrows no faster than it did above."""
    rows = rows.copy()
    start = len(rows) * 4 // 5
    for index in range(start, len(rows)):
        before, earlier = rows[index - 1], rows[index - 2]
        left, right = 2 * before[1] - earlier[1], 2 * before[2] - earlier[2]
        slack = 0.02 * (before[2] - before[1])
        if rows[index, 1] > left + slack:
            rows[index, 1] = left
        if rows[index, 2] < right - slack:
            rows[index, 2] = right
    return rows


def _even_rows(rows: Float, axis: float) -> Float:
    """Replace a side that suddenly runs out or in (tie, folded sleeve) by the mirror of the other."""
    left, right = axis - rows[:, 1], rows[:, 2] - axis
    typical = float(np.median(np.minimum(left, right)))
    limit = 0.22 * typical
    wrong_left = (np.abs(left - right) > limit) & (np.abs(left - typical) > np.abs(right - typical))
    wrong_right = (np.abs(left - right) > limit) & ~wrong_left
    rows = rows.copy()
    rows[wrong_left, 1] = axis - right[wrong_left]
    rows[wrong_right, 2] = axis + left[wrong_right]
    return rows


def _covered(armpits: Sides[Armpit], outline: Outline, image: Rgb, hem: float) -> Sides[Armpit]:
    """Where a sleeve lies on the torso, put the armpit back up and keep the visible notch."""
    chest = armpits.right.point[0] - armpits.left.point[0]
    slope: Float | None = None
    result = {}
    for side in SIDES:
        armpit = armpits[side]
        shoulder = _shoulder(outline, armpit, side)
        depth = (armpit.point[1] - shoulder[1]) / max(1.0, chest)
        if armpit.sleeved and depth > LOWEST_ARMPIT:
            slope = gradient(to_lab(image), 1.2) if slope is None else slope
            y = shoulder[1] + ARMHOLE * chest
            point, evidence = covering_edge(slope, armpit.point, y, 0.08 * chest)
            armpit = replace(armpit, point=point, seen=armpit.seen * (0.55 + 0.35 * evidence))
        result[side] = armpit
    return Sides(left=result["left"], right=result["right"])


def measure_top(alpha: Alpha, image: Rgb) -> Measured:
    """Landmarks of an upper garment from its matte ``(H, W)`` and picture ``uint8 (H, W, 3)`` of the same frame."""
    outline = trace(alpha > 0.5)
    hem, cut = hem_row(outline, image)
    body = alpha > 0.5
    if cut:
        body = body & (np.arange(alpha.shape[0])[:, None] < hem)
        long_sleeves = outline.mask & (
            np.abs(np.arange(alpha.shape[1])[None] - outline.axis) > 0.28 * outline.width
        )
        body = body | ((alpha > 0.5) & long_sleeves)
        outline = trace(body)
    armpits = _covered(_pair_armpits(outline, hem), outline, image, hem)
    shoulders = Sides(
        left=_shoulder(outline, armpits.left, "left"), right=_shoulder(outline, armpits.right, "right")
    )
    necks = {side: _neck(outline, shoulders[side], side) for side in SIDES}
    base, top = (_even_pair({s: necks[s][k] for s in SIDES}, outline) for k in (0, 1))
    rows = _torso_rows(outline, armpits, hem)
    sleeves: Sides[Sleeve] | None = None
    length: SleeveLength = "sleeveless"
    doubt = 1.0
    if armpits.left.sleeved:
        sleeves, fit = _both_sleeves(outline, shoulders, armpits, alpha)
        chest = armpits.right.point[0] - armpits.left.point[0]
        reach = max(_reach(sleeve) for sleeve in (sleeves.left, sleeves.right))
        length = "long" if reach > LONG_REACH * chest else "short"
        doubt = fit
    confidence = min(armpits.left.seen, armpits.right.seen) * doubt * min(1.0, 0.25 + outline.symmetry)
    landmarks = GarmentLandmarks(
        centre_x=float(outline.axis),
        neck=top,
        shoulder=shoulders,
        armpit=Sides(left=armpits.left.point, right=armpits.right.point),
        hem=Sides(left=(float(rows[-1, 1]), hem), right=(float(rows[-1, 2]), hem)),
        sides=rows,
        sleeves=sleeves,
        confidence=float(np.clip(confidence, 0.0, 1.0)),
    )
    return Measured(
        landmarks=landmarks, sleeve_length=length, body=body, cut=cut, collared=_stands_up(base, top)
    )


def _stands_up(base: Sides[tuple[float, float]], top: Sides[tuple[float, float]]) -> bool:
    """Does the outline rise steeply from the end of the shoulder line: a shirt's or polo's collar."""
    width = max(1.0, top.right[0] - top.left[0])
    rises = [(base[side][1] - top[side][1]) / width for side in SIDES]
    runs = [abs(base[side][0] - top[side][0]) / width for side in SIDES]
    # on 29 tops: collars rise .14 and more at slopes above 0.98, ribbed necks stay below .14 or 0.86
    return min(rises) > 0.135 and sum(rises) > 0.93 * sum(runs)


def _even_pair(points: dict[Side, tuple[float, float]], outline: Outline) -> Sides[tuple[float, float]]:
    """Make a pair of neck points symmetric when one of them clearly went astray."""
    offset = {side: abs(points[side][0] - outline.axis) for side in SIDES}
    if max(offset.values()) > 1.35 * min(offset.values()):
        shared = float(np.sqrt(offset["left"] * offset["right"]))
        for side in SIDES:
            x = outline.axis + _sign(side) * shared
            points[side] = (x, _top(outline, x))
    return Sides(left=points["left"], right=points["right"])


def _reach(sleeve: Sleeve) -> float:
    """Length of a sleeve along its outer edge, pixels."""
    return float(np.hypot(*np.diff(sleeve.outer, axis=0).T).sum())


def _both_sleeves(
    outline: Outline,
    shoulders: Sides[tuple[float, float]],
    armpits: Sides[Armpit],
    alpha: Alpha,
) -> tuple[Sides[Sleeve], float]:
    """Sleeves of both sides and how alike they are, 0..1; a mirrored armpit takes the other side's sleeve."""
    made: dict[Side, Sleeve] = {}
    for side in SIDES:
        armpit = armpits[side]
        if armpit.mirrored:
            continue
        start = nearest_index(outline.contour, shoulders[side])
        end = nearest_index(outline.contour, armpit.notch)
        arc = path_between(outline.contour, start, end, away_from=outline.axis)
        made[side] = find_sleeve(arc, shoulders[side], armpit.point, armpit.notch, alpha)
    for side in SIDES:
        other: Side = "right" if side == "left" else "left"
        if armpits[side].mirrored:
            made[side] = mirror_sleeve(made[other], outline.axis, alpha)
    lengths = sorted(_reach(made[side]) for side in SIDES)
    alike = lengths[0] / max(1.0, lengths[1])
    return Sides(left=made["left"], right=made["right"]), float(np.clip(0.3 + 0.8 * alike, 0.0, 1.0))


def hem_points(landmarks: GarmentLandmarks) -> Points:
    """Both ends of the hem, ``(2, 2)``."""
    return np.array([landmarks.hem.left, landmarks.hem.right], np.float32)
