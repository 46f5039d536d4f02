"""Where every row of a lower garment comes to lie: the geometry of ``lower``, free of pixels' colours.

Meshes are pairs of grids ``(rows, columns, 2)``: points on the garment and where they lie on the person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.engines.warp.bone import smoothed
from inference.engines.warp.fields import Float
from inference.engines.warp.lower.stance import Array, LegJoints, Stance
from inference.engines.warp.silhouette import SIDES, SideName
from inference.engines.warp.types import Vec
from preprocess.types import Leg, LowerLandmarks, Person, Sides

COLUMNS = np.linspace(-1.0, 1.0, 9)
_PELVIS_ROWS, _LEG_ROWS, _SKIRT_ROWS = 14, 30, 40

EASE = 1.03
"""Cloth lies this much outside the body."""
_FULL_LENGTH = 0.72
"""Trousers whose legs, scaled by the hips, reach this share of the person's are meant to reach the ankle:
laid flat they are photographed wider than they are worn."""
_LONGEST = 1.06
"""Legs longer than to the ankle end on the floor."""
_WIDE_HEM = 0.75
"""Half hips from which a hem is wide enough to fall over a shoe."""
_RISE = (0.7, 1.25)
"""How far the rise may be drawn out or pushed together so that the waistband lies where the old one lay."""
_FREE_WAIST = (0.64, 0.84)
"""Levels between which a waistband lies that nothing in the photo shows."""
HANGS_FROM = 0.87
"""Tops that end above this level end at a waistband, tucked in or cropped; lower ones hang over it."""
_LARGER = 1.2
"""How much longer than its width says a garment may become so that its waistband comes up to the waist."""
LEG_WIDTHS = (
    np.array([0.0, 0.25, 0.5, 0.7, 0.95, 1.15]),
    np.array([0.5, 0.41, 0.30, 0.29, 0.17, 0.19]),
)
"""Half width of a bare leg in half hips against the way from crotch (0) to ankle (1)."""
_BEYOND = 0.035
"""How far a mesh goes on beyond the garment's edge, as a share of its half width: the matte draws the
edge."""


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """One piece of cloth."""

    source: Array
    target: Array
    side: SideName | None
    """None for a skirt."""


def share_at(rows: Float, mesh: Mesh) -> Float:
    """0..1 of the way from crotch to hem at fractional rows of a mesh; 0 above and on skirts."""
    if mesh.side is None:
        return np.zeros_like(rows)
    return np.clip((rows - _PELVIS_ROWS) / (_LEG_ROWS - 1), 0.0, 1.0).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The garment's measures on this person."""

    meshes: tuple[Mesh, ...]
    waist: float
    """Level of the upper edge."""
    hem: float
    """Where it ends along the legs: 0 = crotch, 1 = ankle."""
    stretch: float
    """Largest ratio of the scales along and across, 1 = undistorted."""
    over_top: bool
    """The waistband lies over the top, which is tucked in."""
    scale: float
    """Person's pixels per garment pixel."""


def shape_of(marks: LowerLandmarks, bottom: float, person: Person, stance: Stance) -> Shape:
    """Lay the landmarks on the person; ``bottom`` is the lowest y of the garment's matte."""
    if marks.legs is None:
        return _skirt(marks, bottom, person, stance)
    return _trousers(marks, person, stance)


def leg_axis(stance: Stance, side: SideName, joints: LegJoints) -> Array:
    """``(96, 2)`` middle of a leg from the crotch's height over the knee to 1.15 of the way to the ankle."""
    top = thigh_top(stance, side)
    tip = joints.ankle + (joints.ankle - joints.knee) * 0.3
    path = np.array([top, joints.knee, joints.ankle, tip])
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    at = np.linspace(0.0, 1.15, 96) * lengths[2]
    points = np.stack([np.interp(at, lengths, path[:, k]) for k in (0, 1)], axis=-1)
    return smoothed(points, 4.0)


def thigh_top(stance: Stance, side: SideName) -> Vec:
    """Middle of the thigh at the height of the crotch."""
    outward = stance.across * (-1.0 if side == "left" else 1.0)
    return stance.crotch + outward * stance.half_width(side, stance.crotch_level) / 2


def leg_length(stance: Stance) -> float:
    """Pixels from crotch to ankle, the longer leg: the other is bent."""
    lengths = [
        float(np.hypot(*np.diff(leg_axis(stance, side, stance.legs[side])[:84], axis=0).T).sum())
        for side, _ in SIDES
    ]
    return max(lengths)


def _trousers(marks: LowerLandmarks, person: Person, stance: Stance) -> Shape:
    legs = marks.legs
    if legs is None:
        raise ValueError("trousers need landmarks of legs")
    torso, reach = stance.body.torso_length, leg_length(stance)
    waist_y = (marks.waist.left[1] + marks.waist.right[1]) / 2
    crotch_y = float(legs.left.inner[0, 1])
    rise = crotch_y - waist_y
    hips = float((marks.sides[:, 2] - marks.sides[:, 1]).max())
    inseam = float(np.mean([np.ptp(leg.inner[:, 1]) for leg in (legs.left, legs.right)]))
    wide = 2 * stance.half_hips * EASE / hips
    ratio = inseam * wide / reach
    lowest = rise_level(stance, rise * wide)
    larger = (stance.crotch_level - _FREE_WAIST[1]) / max(stance.crotch_level - lowest, 1e-3)
    long = wide * float(np.clip(larger, 1.0, _LARGER))
    if ratio > _FULL_LENGTH:
        long = wide * float(np.clip(ratio, 1.0, _longest(legs, wide, stance))) / ratio
    free = float(np.clip(rise_level(stance, rise * long), *_FREE_WAIST))
    waist, over = _waist(person, stance, free)
    drawn = (stance.crotch_level - waist) * torso / (rise * wide)
    meshes = []
    across = float(np.sqrt(long * wide))
    for side, _ in SIDES:
        leg = legs[side]
        upper = _pelvis_rows(marks, leg, stance, side, waist)
        lower = _leg_rows(leg, stance, side, along=long, across=across)
        rows = np.concatenate([upper, lower[1:]])
        source, target = (_columns(rows[:, k]) for k in (0, 1))
        meshes.append(Mesh(source=source, target=target, side=side))
    ratios = [long / across, drawn, 1.0]
    return Shape(
        meshes=tuple(meshes),
        waist=waist,
        hem=inseam * long / reach,
        stretch=max(ratios) / min(ratios),
        over_top=over,
        scale=across,
    )


def _longest(legs: Sides[Leg], scale: float, stance: Stance) -> float:
    """Narrow trousers stop at the ankle, wide ones fall over the shoe."""
    hems = [float(np.hypot(*(leg.outer[-1] - leg.inner[-1]))) for leg in (legs.left, legs.right)]
    return _LONGEST if np.mean(hems) * scale > _WIDE_HEM * stance.half_hips else 1.0


def rise_level(stance: Stance, rise: float) -> float:
    """Level of a waistband ``rise`` pixels above the crotch."""
    return stance.crotch_level - rise / stance.body.torso_length


def _waist(person: Person, stance: Stance, free: float) -> tuple[float, bool]:
    """``(level, over the top)``: where the old waistband shows, the new one takes its place, as far as the
    cloth goes; under a hanging top it lies where its own rise puts it."""
    if person.waist >= HANGS_FROM:
        return free, False
    length = stance.crotch_level - free
    least, most = (stance.crotch_level - share * length for share in (_RISE[1], _RISE[0]))
    return float(np.clip(person.waist - 0.015, least, most)), True


def _pelvis_rows(marks: LowerLandmarks, leg: Leg, stance: Stance, side: SideName, waist: float) -> Array:
    """``(rows, 2, 2, 2)``: garment and person, outer and inner point, from the waist to the crotch."""
    sign, column = (-1.0, 1) if side == "left" else (1.0, 2)
    start, crotch = marks.sides[0], leg.inner[0].astype(np.float64)
    middle = (start[1] + start[2]) / 2
    rows = []
    for share in np.linspace(0.0, 1.0, _PELVIS_ROWS):
        y = start[0] + share * (crotch[1] - start[0])
        outer = np.array([np.interp(y, marks.sides[:, 0], marks.sides[:, column]), y])
        inner = np.array([middle + share * (crotch[0] - middle), y])
        level = waist + share * (stance.crotch_level - waist)
        spot = stance.axis(level)
        reach = stance.half_width(side, level) * EASE
        rows.append([[outer, inner], [spot + stance.across * sign * reach, spot]])
    return np.array(rows)


def _leg_rows(leg: Leg, stance: Stance, side: SideName, *, along: float, across: float) -> Array:
    """The same from the crotch to the hem; the leg's middle follows the bone."""
    sign = -1.0 if side == "left" else 1.0
    axis = leg_axis(stance, side, stance.legs[side])
    steps = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(axis, axis=0).T))])
    tangent = np.gradient(axis, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T)[:, None], 1e-6)
    normal = sign * np.stack([tangent[:, 1], -tangent[:, 0]], axis=-1)
    shares = np.linspace(0.0, 1.0, _LEG_ROWS)
    outer, inner = (_at_shares(edge.astype(np.float64), shares) for edge in (leg.outer, leg.inner))
    hips = stance.across * sign
    rows = []
    for k, share in enumerate(shares):
        cloth = float(np.hypot(*(outer[k] - inner[k]))) / 2
        depth = float((outer[k] + inner[k])[1] - (outer[0] + inner[0])[1]) / 2 * along
        spot = np.array([_extended(depth, steps, axis[:, m]) for m in (0, 1)])
        turn = np.clip(share / 0.25, 0.0, 1.0)
        side_ways = (1 - turn) * hips + turn * np.array(
            [np.interp(depth, steps, normal[:, m]) for m in (0, 1)]
        )
        side_ways /= np.hypot(*side_ways)
        place = depth / steps[83]
        bare = float(np.interp(place, *LEG_WIDTHS)) * stance.half_hips
        top = float(np.hypot(*(thigh_top(stance, side) - stance.crotch)))
        own = max(cloth * across, bare * 1.04)
        half = (1 - turn) * top + turn * own
        slant = np.array([0.0, (outer[k] - inner[k])[1] / 2 * along]) * turn
        outward = half * (EASE if share else 1.0)
        rows.append(
            [[outer[k], inner[k]], [spot + side_ways * outward + slant, spot - side_ways * half - slant]]
        )
    return np.array(rows)


def _extended(at: float, lengths: Array, values: Array) -> float:
    """Linear interpolation that goes straight on beyond the end."""
    beyond = max(0.0, at - float(lengths[-1]))
    slope = (values[-1] - values[-8]) / (lengths[-1] - lengths[-8])
    return float(np.interp(at, lengths, values) + beyond * slope)


def _at_shares(edge: Array, shares: Array) -> Array:
    """Points of a line at shares of its length."""
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(edge, axis=0).T))])
    return np.stack([np.interp(shares * lengths[-1], lengths, edge[:, k]) for k in (0, 1)], axis=-1)


def _skirt(marks: LowerLandmarks, bottom: float, person: Person, stance: Stance) -> Shape:
    """A skirt hangs from the waist, touches the hips, and falls straight below them."""
    torso = stance.body.torso_length
    waist, over = _waist(person, stance, _FREE_WAIST[1] - 0.08)
    width = float(marks.sides[0, 2] - marks.sides[0, 1])
    scale = (stance.half_width("left", waist) + stance.half_width("right", waist)) * EASE / width
    hip_depth = (1.05 - waist) * torso
    at_hips = np.interp(
        hip_depth / scale + marks.sides[0, 0], marks.sides[:, 0], marks.sides[:, 2] - marks.sides[:, 1]
    )
    tight = 2 * stance.half_hips * EASE / (float(at_hips) * scale)
    scale *= float(np.clip(tight, 1.0, 1.12))
    rows = []
    sides = marks.sides.astype(np.float64)
    end = bottom + 4.0
    length = float(marks.sides[-1, 0]) - float(marks.sides[0, 0])
    room = (stance.crotch_level - waist) * torso + _LONGEST_SKIRT * leg_length(stance)
    long = scale * float(np.clip(room / (length * scale), _GATHERED, 1.0))
    for y in np.linspace(marks.sides[0, 0], end, _SKIRT_ROWS):
        depth = (y - marks.sides[0, 0]) * long
        ends = [_extended(float(y), sides[:, 0], sides[:, k]) for k in (1, 2)]
        middle, half = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2
        spot, halves = _skirt_row(stance, waist + depth / torso, half * scale)
        rows.append(
            [
                [np.array([middle - half, y]), np.array([middle + half, y])],
                [spot - stance.across * halves[0], spot + stance.across * halves[1]],
            ]
        )
    grid = np.array(rows)
    below_crotch = length * long - (stance.crotch_level - waist) * torso
    return Shape(
        meshes=(Mesh(source=_columns(grid[:, 0]), target=_columns(grid[:, 1]), side=None),),
        waist=waist,
        hem=below_crotch / leg_length(stance),
        stretch=float(max(1.0, tight / 1.12, scale / long)),
        over_top=over,
        scale=scale,
    )


def _skirt_row(stance: Stance, level: float, cloth: float) -> tuple[Vec, tuple[float, float]]:
    """Middle and half widths of a row: at least as wide as the hips above, as the legs below."""
    knees = (stance.legs.left.knee + stance.legs.right.knee) / 2
    drift = np.clip(
        (knees - stance.body.hip_mid) @ stance.across, -0.5 * stance.half_hips, 0.5 * stance.half_hips
    )
    depth = (level - 1.0) * stance.body.torso_length
    share = np.clip(depth / (_THIGH_SHARE * stance.body.torso_length), 0.0, 1.0)
    spot = (
        stance.axis(level)
        if level <= 1
        else stance.body.hip_mid + stance.down * depth + stance.across * drift * share
    )
    if level <= stance.crotch_level:
        return spot, (
            max(cloth, stance.half_width("left", level) * EASE),
            max(cloth, stance.half_width("right", level) * EASE),
        )
    halves = []
    for side, sign in SIDES:
        axis = leg_axis(stance, side, stance.legs[side])
        depths = (axis - stance.body.hip_mid) @ stance.down
        beside = float(np.interp(depth, depths, (axis - spot) @ stance.across)) * sign
        place = float(np.interp(depth, depths, np.linspace(0, 1.15, len(axis))))
        bare = float(np.interp(place, *LEG_WIDTHS)) * stance.half_hips
        halves.append(max(cloth, (beside + bare) * EASE if depth < depths[-1] else 0.0))
    return spot, (halves[0], halves[1])


_LONGEST_SKIRT = 0.92
"""A skirt ends above the ankle, as a share of the leg, as far as :data:`_GATHERED` allows."""
_GATHERED = 0.72
"""How far a long skirt may be pushed together: photographed at its widest it seems longer than it is."""
_THIGH_SHARE = 0.85
"""Torso lengths over which the middle of a skirt goes from the hips to the knees."""


def _columns(ends: Array) -> Array:
    """``(rows, 2, 2)`` end points to a grid that goes on beyond them on all sides."""
    middle, half = ends.mean(axis=1), (ends[:, 1] - ends[:, 0]) / 2
    shares = np.concatenate([[-1.0 - _BEYOND], COLUMNS, [1.0 + _BEYOND]])
    grid = middle[:, None] + half[:, None] * shares[None, :, None]
    first, last = grid[0] - (grid[1] - grid[0]) * 0.3, grid[-1] + (grid[-1] - grid[-2]) * 0.5
    extended: Array = np.concatenate([first[None], grid, last[None]])
    return extended
