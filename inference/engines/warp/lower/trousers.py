"""Trousers and shorts: waist and crotch where the body has them, each leg round its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.engines.warp.lower.legs import LegLine, leg_length, leg_line, outer_widths, thigh_top
from inference.engines.warp.lower.shape import (
    EASE,
    FREE_WAIST,
    HANGS_FROM,
    Shape,
    mesh_of,
    place_waist,
    stretch_of,
)
from inference.engines.warp.lower.stance import Array, Stance
from inference.engines.warp.silhouette import SIDES, SideName
from preprocess.types import Alpha, Leg, LowerLandmarks, Person, Sides

_PELVIS_ROWS, _LEG_ROWS = 14, 30
_HIPS = 0.65
"""Share of the rise at which trousers go round the hips; below it shorts flare."""
_FLARE = 1.1
"""How much wider than the body cloth may stand off at the crotch."""
_HELD = 0.15
"""Growth of the half width per length below a top that hangs over the trousers and holds them to the hips."""
_FULL_LENGTH = 0.72
"""Trousers whose legs, scaled by the hips, reach this share of the person's are meant to reach the ankle:
laid flat they are photographed up to 1.3 times as wide as they are worn."""
_LONGEST = 1.06
"""Wide legs that are longer than to the ankle fall over the shoe and end on the floor."""
_WIDE_HEM = 0.75
"""Half hips from which a hem is wide enough to do so."""
_WORN = (1.2, 1.4)
"""How much longer shorts are than their width says: laid flat they show half the girth of the hips, which is
1.3 to 1.4 times what a body shows of it from the front. Between those bounds the rise decides."""
_DROP = 0.05
"""Torso lengths by which the crotch of shorts hangs below the body's."""
_APART = 0.16
"""Half hips between the legs of shorts at the hem."""
_TURN = 0.25
"""Share of the way to the ankle over which rows turn from along the hips to square to the leg."""
_SAG = 0.16
"""How far the front of an opening hangs below its sides, over half its width: a round hem seen from chest
height."""
_SAGS = 0.12
"""Share of the way to the ankle above a hem in which rows bend like it."""
_COVER = 1.04
"""Cloth covers a leg, however slim it is cut."""


@dataclass(frozen=True, kw_only=True)
class _Size:
    """Person's pixels per garment pixel, and the waist."""

    long: float
    across: float
    waist: float
    over_top: bool
    held: float
    """Level down to which a top that hangs over the waistband holds the cloth to the body."""
    hem: float
    drop: float
    """Person's pixels from the body's crotch down to the garment's."""
    shorts: bool


@dataclass(frozen=True, kw_only=True)
class Belt:
    """The waist of a jumpsuit: where its bodice ends."""

    level: float
    half_widths: Sides[float]
    """Pixels from the spine to the cloth's edge."""


def shape_trousers(
    marks: LowerLandmarks, legs: Sides[Leg], person: Person, stance: Stance, belt: Belt | None = None
) -> Shape:
    """Meshes of both halves, from the waist to the hem; from the ``belt`` where they hang from a bodice."""
    size = _size(marks, legs, person, stance, belt)
    bodily = person.parsing.weight("lower", "legs")
    lines = Sides(left=leg_line(stance, "left"), right=leg_line(stance, "right"))
    meshes = []
    for side, _ in SIDES:
        upper = _pelvis_rows(marks, legs[side], stance, side, size)
        if belt is not None:
            upper = _from_belt(upper, belt, stance, side)
        lower, leg = _leg_rows(legs[side], lines, stance, side, size, upper[-1], bodily)
        rows = np.concatenate([upper, lower[1:]])
        down = np.concatenate([np.zeros(len(upper)), leg[1:]])
        sag = _SAG * np.clip(1 - (down[-1] - down) / _SAGS, 0.0, 1.0) ** 2
        meshes.append(mesh_of(rows, down, side, sag))
    return Shape(
        meshes=tuple(meshes),
        waist=size.waist,
        hem=size.hem,
        stretch=stretch_of(tuple(meshes)),
        over_top=size.over_top,
        scale=size.across,
    )


def _size(
    marks: LowerLandmarks, legs: Sides[Leg], person: Person, stance: Stance, belt: Belt | None
) -> _Size:
    """Width by the hips, length by the legs where the garment is full-length, else by the width."""
    torso, reach = stance.body.torso_length, leg_length(stance)
    rise = float(legs.left.inner[0, 1]) - (marks.waist.left[1] + marks.waist.right[1]) / 2
    inseam = float(np.mean([np.ptp(leg.inner[:, 1]) for leg in (legs.left, legs.right)]))
    hips = marks.sides[round(_HIPS * (len(marks.sides) - 1))]
    wide = 2 * stance.half_hips * EASE / float(hips[2] - hips[1])
    ratio = inseam * wide / reach
    shorts = ratio <= _FULL_LENGTH
    drop = _DROP * torso if shorts else 0.0
    crotch = stance.crotch_level + drop / torso
    if shorts:
        old = person.waist if person.waist < HANGS_FROM else float(np.mean(FREE_WAIST))
        old = old if belt is None else belt.level
        long = wide * float(np.clip((crotch - old) * torso / (rise * wide), *_WORN))
    else:
        long = wide * float(np.clip(ratio, 1.0, _longest(legs, wide, stance))) / ratio
    free = float(np.clip(crotch - rise * long / torso, *FREE_WAIST))
    waist, over_top = place_waist(person, stance, free) if belt is None else (belt.level, True)
    across = float(np.sqrt(long * wide))
    return _Size(
        long=long,
        across=across,
        waist=waist,
        over_top=over_top,
        held=person.waist,
        hem=(drop + inseam * long) / reach,
        drop=drop,
        shorts=shorts,
    )


def _longest(legs: Sides[Leg], scale: float, stance: Stance) -> float:
    """Narrow trousers stop at the ankle, wide ones fall over the shoe."""
    hems = [float(np.hypot(*(leg.outer[-1] - leg.inner[-1]))) for leg in (legs.left, legs.right)]
    return _LONGEST if np.mean(hems) * scale > _WIDE_HEM * stance.half_hips else 1.0


def _pelvis_rows(marks: LowerLandmarks, leg: Leg, stance: Stance, side: SideName, size: _Size) -> Array:
    """``(rows, 2, 2, 2)``: garment and person, outer and inner point, from the waist to the crotch."""
    sign, column = (-1.0, 1) if side == "left" else (1.0, 2)
    start, crotch = marks.sides[0], leg.inner[0].astype(np.float64)
    middle = (start[1] + start[2]) / 2
    lowest = stance.crotch_level + size.drop / stance.body.torso_length
    rows = []
    for share in np.linspace(0.0, 1.0, _PELVIS_ROWS):
        y = start[0] + share * (crotch[1] - start[0])
        outer = np.array([np.interp(y, marks.sides[:, 0], marks.sides[:, column]), y])
        inner = np.array([middle + share * (crotch[0] - middle), y])
        level = size.waist + share * (lowest - size.waist)
        spot = stance.axis(level)
        body = stance.half_width(side, level) * EASE
        cloth = abs(float(outer[0] - inner[0])) * size.across
        reach = body + share**3 * float(np.clip(cloth - body, 0.0, (_FLARE - 1) * body))
        if not size.over_top:
            grown = max(0.0, level - size.held) * stance.body.torso_length * _HELD
            reach = min(reach, stance.half_width(side, size.held) + grown)
        rows.append([[outer, inner], [spot + stance.across * sign * reach, spot]])
    return np.array(rows)


def _from_belt(rows: Array, belt: Belt, stance: Stance, side: SideName) -> Array:
    """Rows whose outer ends on the person start at the belt's and go over to their own."""
    sign = -1.0 if side == "left" else 1.0
    edge = stance.axis(belt.level) + stance.body.across * sign * belt.half_widths[side]
    fades = (1 - np.linspace(0.0, 1.0, len(rows))) ** 2
    moved = rows.copy()
    moved[:, 1, 0] += (edge - rows[0, 1, 0]) * fades[:, None]
    return moved


def _leg_rows(
    leg: Leg,
    lines: Sides[LegLine],
    stance: Stance,
    side: SideName,
    size: _Size,
    crotch: Array,
    bodily: Alpha,
) -> tuple[Array, Array]:
    """The same from the crotch to the hem, and how far down the leg the rows lie; ``crotch`` is the row
    above."""
    line = lines[side]
    shares = np.linspace(0.0, 1.0, _LEG_ROWS)
    outer, inner = (_at_shares(edge.astype(np.float64), shares) for edge in (leg.outer, leg.inner))
    depths = size.drop + (outer + inner - outer[0] - inner[0])[:, 1] / 2 * size.long
    fall = (outer + inner)[-1] - (outer + inner)[0]
    slants = (
        (outer - inner)
        @ fall
        / max(float(np.hypot(*fall)), 1e-6)
        / 2
        * size.long
        * np.minimum(1.0, shares / _TURN)
    )
    seen = outer_widths(line, bodily, stance, depths)
    away_at_top = float(np.hypot(*(crotch[1, 0] - thigh_top(stance, side))))
    hips = stance.across * (-1.0 if side == "left" else 1.0)
    rows = []
    for k, depth in enumerate(depths):
        turn = min(1.0, float(depth) / (_TURN * line.ankle))
        away = (1 - turn) * hips + turn * line.outward_at(float(depth))
        away /= np.hypot(*away)
        cloth = float(np.hypot(*(outer[k] - inner[k]))) / 2 * size.across
        inside = _inside(lines, side, stance, float(depth), cloth, turn)
        if size.shorts:
            inside = min(inside, _room(lines, stance, float(depth), float(shares[k])))
        outside = (1 - turn) * away_at_top + turn * max(cloth, float(seen[k])) * EASE
        spot, slant = line.at(float(depth)), line.along_at(float(depth)) * slants[k]
        rows.append([[outer[k], inner[k]], [spot + away * outside + slant, spot - away * inside - slant]])
    return np.array(rows), depths / line.ankle


def _inside(
    lines: Sides[LegLine], side: SideName, stance: Stance, depth: float, cloth: float, turn: float
) -> float:
    """Pixels from the middle of a leg to the inner edge of its cloth."""
    top = float(np.hypot(*(thigh_top(stance, side) - stance.crotch)))
    return (1 - turn) * top + turn * max(cloth, lines[side].bare(depth, stance.half_hips) * _COVER)


def _room(lines: Sides[LegLine], stance: Stance, depth: float, share: float) -> float:
    """Pixels from the middle of a leg to where the other leg of shorts may begin, ``share`` of the way to
    the hem."""
    between = float(np.hypot(*(lines.left.at(depth) - lines.right.at(depth))))
    parted = _APART * stance.half_hips * float(np.sqrt(share))  # steep first: the end of the gap is round
    return (between - parted) / 2


def _at_shares(edge: Array, shares: Array) -> Array:
    """Points of a line at shares of its length."""
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(edge, axis=0).T))])
    return np.stack([np.interp(shares * lengths[-1], lengths, edge[:, k]) for k in (0, 1)], axis=-1)
