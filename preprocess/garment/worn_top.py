"""Landmarks of a top on somebody's body: from the pose and from where its cloth ends in the photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.stance import SIDES, Arm, Side, Stance
from preprocess.garment.worn_collar import worn_collar
from preprocess.garment.worn_sleeves import LEAST, WornSleeve, arm_zone, cuff_row, reach_of, worn_sleeve
from preprocess.types import Alpha, Collar, GarmentLandmarks, Sides, SleeveLength

Point = tuple[float, float]
Bool = NDArray[np.bool_]
Rows = NDArray[np.float32]

OTHER: Mapping[Side, Side] = {"left": "right", "right": "left"}
NECK_COLUMNS = (0.10, 0.52)
"""Where the collar meets the shoulder, in units off the spine."""
NECK_USUAL = (0.26, 0.20)
"""Off the spine and above the shoulder line, in units, where hair hides it."""
HIGHEST = 0.55
"""Nothing of a top lies farther above the shoulder line than this, in units."""
NEAR_TOP = 0.015
"""Height, in units, within which the upper edge counts as its highest point."""
STRAPLESS = 0.08
"""Level of the body below which an upper edge hangs on no shoulder: its ends count."""
TIP = (0.10, 0.13)
"""Shoulder tip outside and above the joint, in units, where nothing better is seen."""
ARMPIT_ALONG, ARMPIT_INWARD = 0.36, 0.07
"""The armpit from the shoulder joint along the upper arm and across it, in units."""
ARMPIT_LEVELS = (0.2, 0.42)
ARMPIT_HALF = (0.44, 0.66)
"""Levels of the body and units off the spine between which armpits lie."""
USUAL_LEVELS = (0.0, 0.25, 0.62, 1.0, 1.5)
USUAL_HALF = (0.60, 0.56, 0.50, 0.55, 0.58)
"""Usual half width of a clothed torso in units, by level."""
HALF_RANGE = (0.6, 1.9)
"""Measured half widths are believed within this range of the usual ones."""
STRAY = 0.06
"""Width, in units, up to which cloth seen beyond an arm is a shadow on it."""
ROWS = 17


@dataclass(frozen=True, kw_only=True)
class WornTop:
    """A measured top."""

    landmarks: GarmentLandmarks
    collar: Collar
    sleeve_length: SleeveLength


def measure_worn_top(cloth: Alpha, before: Alpha, arms: Alpha, stance: Stance, hem: float) -> WornTop:
    """``cloth`` ``(H, W)`` is the garment, ``before`` hair and hands, which may lie over it, ``arms`` bare
    skin; ``hem`` the row where it ends, or the waist of a dress."""
    reaches = {side: reach_of(cloth, before, stance.arms[side], stance.unit) for side, _ in SIDES}
    sleeved = max(reaches.values()) > LEAST
    reach = _alike(reaches) if sleeved else dict.fromkeys(reaches, 0.0)
    hidden = np.minimum(before + arms, 1.0)
    sleeves = np.zeros(cloth.shape, bool)
    for side, _ in SIDES:
        sleeves |= arm_zone(cloth.shape, stance, reach[side], stance.arms[side])
    top = _upper_edge(cloth, hidden, sleeves, stance)
    neck = _neck_points(top, stance)
    armpit = Sides(left=_armpit(stance, -1.0), right=_armpit(stance, 1.0))
    tips = Sides(
        left=_tip(cloth, top, stance, neck.left, -1.0, sleeved),
        right=_tip(cloth, top, stance, neck.right, 1.0, sleeved),
    )
    cuffs = Sides(
        left=cuff_row(stance, reach["left"], stance.arms.left),
        right=cuff_row(stance, reach["right"], stance.arms.right),
    )
    rows, outline = _sides(cloth, before, arms, sleeves, stance, armpit, cuffs, hem)
    found: dict[Side, WornSleeve] = {}
    if sleeved:
        for column, (side, outward) in enumerate(SIDES, start=1):
            arm: Arm = stance.arms[side]
            flank = rows[:, [column, 0]] if np.isfinite(cuffs[side]) else None
            found[side] = worn_sleeve(
                cloth, stance, arm, reach[side], tips[side], armpit[side], outward, flank
            )
        armpit = Sides(left=_begins(found["left"]), right=_begins(found["right"]))
    seen = min([outline, *(sleeve.seen for sleeve in found.values())])
    landmarks = GarmentLandmarks(
        centre_x=(neck.left[0] + neck.right[0]) / 2,
        neck=neck,
        shoulder=tips,
        armpit=armpit,
        hem=Sides(left=(float(rows[-1, 1]), hem), right=(float(rows[-1, 2]), hem)),
        sides=rows,
        sleeves=Sides(left=found["left"].sleeve, right=found["right"].sleeve) if sleeved else None,
        confidence=float(np.clip(0.35 + 0.65 * seen, 0.0, 1.0)),
    )
    lengths = {sleeve.length for sleeve in found.values()}
    length: SleeveLength = "long" if "long" in lengths else "short" if sleeved else "sleeveless"
    return WornTop(
        landmarks=landmarks, collar=worn_collar(top, neck, landmarks, cloth.shape), sleeve_length=length
    )


def _begins(worn: WornSleeve) -> Point:
    """Where the underside of a sleeve leaves the torso."""
    x, y = worn.sleeve.inner[0]
    return float(x), float(y)


def _alike(reaches: dict[Side, float]) -> dict[Side, float]:
    """A sleeve hidden behind the body or in front of it ends where the other one does."""
    longer = max(reaches.values())
    return {side: longer if reach < 0.6 * longer else reach for side, reach in reaches.items()}


def _upper_edge(cloth: Alpha, hidden: Alpha, arms: Bool, stance: Stance) -> Rows:
    """``(W,)`` y where the cloth of each column begins; NaN where it is hidden or there is none."""
    height, width = cloth.shape
    first = int(np.clip(stance.row(0.0) - HIGHEST * stance.unit, 0, height - 1))
    last = int(np.clip(stance.row(0.75), first + 2, height))
    zone = (cloth[first:last] > 0.5) & ~arms[first:last]
    begins = zone.argmax(axis=0)
    edge = (first + begins).astype(np.float32)
    edge[~zone.any(axis=0)] = np.nan
    above = np.clip(np.nan_to_num(edge).astype(int) - max(2, round(0.02 * stance.unit)), 0, height - 1)
    edge[hidden[above, np.arange(width)] > 0.5] = np.nan
    return np.asarray(edge, np.float32)


def _neck_points(top: Rows, stance: Stance) -> Sides[Point]:
    """Where the upper edge of the cloth is highest on each side: there a collar meets the neck."""
    spine = float(stance.spine(stance.row(-0.1)))
    found: dict[Side, Point | None] = {}
    for side, outward in SIDES:
        near, far = (int(round(spine + outward * share * stance.unit)) for share in NECK_COLUMNS)
        columns = np.arange(near, far, int(outward))
        columns = columns[(columns >= 0) & (columns < len(top))]
        edge = top[columns]
        found[side] = None
        if len(columns) and np.isfinite(edge).mean() > 0.6:
            highest = np.flatnonzero(edge <= np.nanmin(edge) + NEAR_TOP * stance.unit)
            strapless = np.nanmin(edge) > stance.row(STRAPLESS)
            at = highest[-1 if strapless else 0]
            found[side] = (float(columns[at]) + 0.5, float(edge[at]))
    usual = (NECK_USUAL[0] * stance.unit, stance.row(0.0) - NECK_USUAL[1] * stance.unit)
    points: dict[Side, Point] = {}
    for side, outward in SIDES:
        own, other = found[side], found[OTHER[side]]
        if own is not None:
            points[side] = own
        elif other is not None:
            points[side] = (2 * spine - other[0], other[1])
        else:
            points[side] = (spine + outward * usual[0], usual[1])
    return Sides(left=points["left"], right=points["right"])


def _tip(cloth: Alpha, top: Rows, stance: Stance, neck: Point, outward: float, sleeved: bool) -> Point:
    """Where the armhole begins: above the joint with a sleeve, else where the cloth of the shoulder ends."""
    arm = stance.arms.left if outward < 0 else stance.arms.right
    usual = arm.shoulder + np.array([outward * TIP[0], -TIP[1]]) * stance.unit
    if sleeved:
        column = int(np.clip(usual[0], 0, len(top) - 1))
        y = float(top[column]) if np.isfinite(top[column]) else float(usual[1])
        limits = arm.shoulder[1] - 0.25 * stance.unit, arm.shoulder[1] + 0.05 * stance.unit
        return _onto(cloth, (float(usual[0]), float(np.clip(y, *limits))), outward, stance.unit)
    row = int(np.clip(neck[1] + 0.06 * stance.unit, 0, cloth.shape[0] - 1))
    start = int(np.clip(neck[0], 0, cloth.shape[1] - 1))
    end = int(np.clip(arm.shoulder[0] + outward * 0.1 * stance.unit, 0, cloth.shape[1] - 1))
    columns = np.arange(start, end, int(outward)) if (end - start) * outward > 0 else np.array([start])
    inside = np.flatnonzero(cloth[row, columns] > 0.5)
    x = float(columns[inside[-1]]) + 0.5 if len(inside) else neck[0] + outward * 0.08 * stance.unit
    edge = top[int(x)]
    return x, float(edge) if np.isfinite(edge) else float(row)


def _onto(cloth: Alpha, tip: Point, outward: float, unit: float) -> Point:
    """The tip, or the nearest cloth inwards of it where there is none: joints may lie outside a body that is
    turned a little."""
    row = int(np.clip(tip[1] + 0.03 * unit, 0, cloth.shape[0] - 1))
    columns = np.clip(
        np.arange(int(tip[0]), int(tip[0] - outward * 0.35 * unit), -int(outward)), 0, cloth.shape[1] - 1
    )
    inside = np.flatnonzero(cloth[row, columns] > 0.5)
    return (float(columns[inside[0]]) + 0.5, tip[1]) if len(inside) else tip


def _armpit(stance: Stance, outward: float) -> Point:
    """Below the joint, on the inner side of the upper arm however it is held."""
    arm = stance.arms.left if outward < 0 else stance.arms.right
    bone = arm.elbow - arm.shoulder
    along = bone / max(float(np.hypot(*bone)), 1.0)
    inward = np.array([along[1], -along[0]])
    inward = inward if inward @ np.array([-outward, 0.6]) > 0 else -inward
    x, y = arm.shoulder + (along * ARMPIT_ALONG + inward * ARMPIT_INWARD) * stance.unit
    y = float(np.clip(y, stance.row(ARMPIT_LEVELS[0]), stance.row(ARMPIT_LEVELS[1])))
    spine = float(stance.spine(y))
    half = float(np.clip((x - spine) * outward / stance.unit, *ARMPIT_HALF))
    return spine + outward * half * stance.unit, y


def _sides(
    cloth: Alpha,
    before: Alpha,
    bare: Alpha,
    sleeves: Bool,
    stance: Stance,
    armpit: Sides[Point],
    cuffs: Sides[float],
    hem: float,
) -> tuple[Rows, float]:
    """``(ROWS, 3)`` rows ``y, x_left, x_right`` of the torso, and the share of its outline that was seen."""
    start = (armpit.left[1] + armpit.right[1]) / 2
    ys = np.linspace(start, max(hem, start + 4), ROWS)
    spine = stance.spine(ys)
    levels = (ys - stance.shoulders[1]) / (stance.hips[1] - stance.shoulders[1])
    usual = np.interp(levels, USUAL_LEVELS, USUAL_HALF) * stance.unit
    strip = np.ones((1, max(3, round(STRAY * stance.unit))), np.uint8)
    cloth = np.asarray(cv2.morphologyEx(cloth, cv2.MORPH_OPEN, strip), np.float32)
    halves, seen = {}, {}
    for side, outward in SIDES:
        found = [_half(cloth, before, bare, sleeves, y, x, outward) for y, x in zip(ys, spine, strict=True)]
        widths = np.array([np.nan if half is None else half for half in found])
        good = (ys > cuffs[side]) & (widths > HALF_RANGE[0] * usual) & (widths < HALF_RANGE[1] * usual)
        halves[side], seen[side] = widths, good
    for side, _ in SIDES:
        good, other = seen[side], OTHER[side]
        if good.any():
            build = np.interp(ys, ys[good], (halves[side] / usual)[good])
        elif seen[other].any():
            build = np.interp(ys, ys[seen[other]], (halves[other] / usual)[seen[other]])
        else:
            build = np.ones(ROWS)
        halves[side] = _calm(np.where(good, halves[side], build * usual))
    rows = np.stack([ys, spine - halves["left"], spine + halves["right"]], axis=1).astype(np.float32)
    return rows, float(np.mean([seen["left"], seen["right"]]))


def _half(
    cloth: Alpha, before: Alpha, bare: Alpha, arms: Bool, y: float, spine: float, outward: float
) -> float | None:
    """Distance from the spine to the torso's edge in a row, beside a bare arm too.

    None where a sleeve, a hand or hair lies over it, or the frame cuts it off.
    """
    height, width = cloth.shape
    row = int(np.clip(y, 0, height - 1))
    columns = np.arange(int(spine), width if outward > 0 else -1, int(outward))
    own = cloth[row, columns] > 0.5
    front = before[row, columns] > 0.5
    ends = np.flatnonzero(arms[row, columns] | ~(own | front | (bare[row, columns] > 0.5)))
    if not len(ends) or arms[row, columns[ends[0]]]:
        return None
    inside = np.flatnonzero(own[: ends[0]])
    if not len(inside):
        return None
    end = int(inside[-1]) + 1
    return None if front[end : end + 3].any() else float(end)


def _calm(values: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.pad(values, 2, mode="edge")
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    padded = np.pad(middle, 1, mode="edge")
    calm: NDArray[np.float64] = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return calm
