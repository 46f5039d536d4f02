"""Landmarks of a top seen from the front, from its silhouette (and, where a sleeve covers the torso, its
shading)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from preprocess.garment.armpits import SIDES, Armpit, Side, pair_armpits, shoulder_tip, sign_of, uncovered
from preprocess.garment.backdrop import Bool, Float, to_lab
from preprocess.garment.outline import (
    Outline,
    line_costs,
    mirrored,
    nearest_index,
    path_between,
    top_of,
    trace,
)
from preprocess.garment.sleeves import find_sleeve
from preprocess.types import Alpha, GarmentLandmarks, Points, Rgb, Sides, Sleeve, SleeveLength

ALIKE = 0.85
"""Ratio of the two sleeves' lengths below which one of them was read wrongly."""
LONG_REACH = 1.06
"""Sleeve length over the chest's width from which it counts as long (3/4 sleeves included)."""


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


def hem_row(outline: Outline, image: Rgb) -> tuple[float, bool]:
    """``(y, cut)``: where the hem ends, and whether something narrower (a bodysuit's brief) hangs below
    it."""
    ys = np.arange(int(outline.top), int(outline.bottom))
    runs = [outline.run(float(y), outline.axis) for y in ys]
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


def _neck(outline: Outline, shoulder: tuple[float, float]) -> tuple[tuple[float, float], tuple[float, float]]:
    """``(base, top)``: where the shoulder line ends at the collar, and the collar's upper corner (often the
    same)."""
    xs = np.linspace(shoulder[0], outline.axis, 72)
    ys = np.array([top_of(outline, x) for x in xs])
    dip = ys[-1] - ys.min()
    if (
        dip > 0.09 * abs(shoulder[0] - outline.axis) * 2
    ):  # see-through neck: the inner end of the shoulder's top
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
        run = outline.torso(y) or (armpits.left.point[0], armpits.right.point[0])
        ends = {"left": run[0], "right": run[1]}
        for side in SIDES:
            armpit = armpits[side]
            if (
                armpit.sleeved and y < armpit.notch[1]
            ):  # the sleeve hides the side: straight from armpit to notch
                (ax, ay), (bx, by) = armpit.point, armpit.notch
                straight = ax + (bx - ax) * (y - ay) / max(1.0, by - ay)
                ends[side] = straight
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
    limit = 0.12 * typical
    wrong_left = (np.abs(left - right) > limit) & (np.abs(left - typical) > np.abs(right - typical))
    wrong_right = (np.abs(left - right) > limit) & ~wrong_left
    rows = rows.copy()
    rows[wrong_left, 1] = axis - right[wrong_left]
    rows[wrong_right, 2] = axis + left[wrong_right]
    for column in (1, 2):  # a single row off is a fold or a thread
        near = np.stack([rows[:-2, column], rows[1:-1, column], rows[2:, column]])
        rows[1:-1, column] = np.median(near, axis=0)
    return rows


def measure_top(alpha: Alpha, image: Rgb, outline: Outline, hem: float | None = None) -> Measured:
    """Landmarks of an upper garment from its matte ``(H, W)`` and picture ``uint8 (H, W, 3)`` of the same
    frame; ``outline`` is traced from the matte. ``hem`` is where it ends, if that is known."""
    body = alpha > 0.5
    hem, cut = hem_row(outline, image) if hem is None else (hem, False)
    if cut:
        body = _without_brief(body, outline, hem)
        outline = trace(body)
    armpits = uncovered(pair_armpits(outline, hem), outline, image, hem)
    shoulders = Sides(
        left=shoulder_tip(outline, armpits.left, "left"), right=shoulder_tip(outline, armpits.right, "right")
    )
    necks = {side: _neck(outline, shoulders[side]) for side in SIDES}
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


def _without_brief(body: Bool, outline: Outline, hem: float) -> Bool:
    """The garment above the hem, and what hangs beside it: long sleeves."""
    above = np.arange(body.shape[0])[:, None] < hem
    beside = np.abs(np.arange(body.shape[1])[None] - outline.axis) > 0.28 * outline.width
    return np.asarray(body & (above | (outline.mask & beside)), bool)


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
            x = outline.axis + sign_of(side) * shared
            points[side] = (x, top_of(outline, x))
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
    """Sleeves of both sides and how alike they are, 0..1.

    Where they are not, or an armpit was mirrored, the less certain side looks for its cuff where the
    other's is.
    """

    def make(side: Side, cuff: Points | None = None) -> tuple[Sleeve, float]:
        start = nearest_index(outline.contour, shoulders[side])
        end = nearest_index(outline.contour, armpits[side].notch)
        arc = path_between(outline.contour, start, end, away_from=outline.axis)
        return find_sleeve(arc, shoulders[side], armpits[side].point, armpits[side].notch, alpha, cuff=cuff)

    made = {side: make(side) for side in SIDES}
    reach = {side: _reach(made[side][0]) for side in SIDES}
    alike = min(reach.values()) / max(1.0, max(reach.values()))
    copied = [side for side in SIDES if armpits[side].mirrored]
    if copied or alike < ALIKE:
        unsure = copied[0] if copied else max(SIDES, key=lambda side: made[side][1])
        sure = made["right" if unsure == "left" else "left"][0]
        corners = [
            mirrored((float(edge[-1, 0]), float(edge[-1, 1])), outline.axis)
            for edge in (sure.outer, sure.inner)
        ]
        made[unsure] = make(unsure, np.array(corners, np.float32))
    confidence = float(np.clip(0.3 + 0.8 * alike, 0.0, 1.0))
    return Sides(left=made["left"][0], right=made["right"][0]), confidence
