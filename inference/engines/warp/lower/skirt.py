"""Skirts: they hang from the waist, touch the hips, and fall straight below them."""

from __future__ import annotations

import numpy as np

from inference.engines.warp.lower.legs import LegLine, extended, leg_length, leg_line
from inference.engines.warp.lower.shape import EASE, FREE_WAIST, Shape, mesh_of, place_waist, stretch_of
from inference.engines.warp.lower.stance import Array, Stance
from inference.engines.warp.silhouette import SIDES
from inference.engines.warp.types import Vec
from preprocess.types import LowerLandmarks, Person, Sides

_ROWS = 40
_BELOW_HEM = 4.0
"""Garment pixels that the mesh goes on below the lowest cloth."""
_WAIST = FREE_WAIST[1] - 0.08
"""Level of a skirt's waistband under a hanging top: the waist proper."""
_WIDER = 1.12
"""How much larger than its waist says a skirt may be drawn so that it goes over the hips."""
_LONGEST = 0.92
"""A skirt ends above the ankle, as a share of the leg, as far as :data:`_GATHERED` allows."""
_GATHERED = 0.72
"""How far a long skirt may be pushed together: photographed at its widest it seems longer than it is."""
_KNEES = 0.85
"""Torso lengths over which the middle of a skirt goes from the hips to the knees."""
_THIGH = 0.58
"""Share of the leg down to which a skirt lies on it: the knee."""
_HELD = 0.55
"""Growth of the half width per length below a top that hangs over the skirt and holds it to the hips."""


def shape_skirt(marks: LowerLandmarks, bottom: float, person: Person, stance: Stance) -> Shape:
    """One mesh from the waist to ``bottom``, the lowest y of the garment's matte."""
    torso = stance.body.torso_length
    waist, over_top = place_waist(person, stance, _WAIST)
    sides = marks.sides.astype(np.float64)
    scale = _scale(sides, waist, stance)
    length = float(sides[-1, 0] - sides[0, 0])
    to_crotch = (stance.crotch_level - waist) * torso
    room = to_crotch + _LONGEST * leg_length(stance)
    long = scale * float(np.clip(room / (length * scale), _GATHERED, 1.0))
    lines = Sides(left=leg_line(stance, "left"), right=leg_line(stance, "right"))
    held = waist if over_top else person.waist
    rows = []
    for y in np.linspace(sides[0, 0], bottom + _BELOW_HEM, _ROWS):
        left, right = (extended(float(y), sides[:, 0], sides[:, k]) for k in (1, 2))
        level = waist + (y - sides[0, 0]) * long / torso
        most = stance.half_hips * EASE + max(0.0, level - held) * torso * _HELD
        cloth = (right - left) / 2 * scale
        spot, halves = skirt_row(stance, lines, level, cloth if over_top else min(cloth, most))
        ends = [spot - stance.across * halves[0], spot + stance.across * halves[1]]
        rows.append([[np.array([left, y]), np.array([right, y])], ends])
    meshes = (mesh_of(np.array(rows), np.zeros(_ROWS), None),)
    return Shape(
        meshes=meshes,
        waist=waist,
        hem=(length * long - to_crotch) / leg_length(stance),
        stretch=stretch_of(meshes),
        over_top=over_top,
        scale=scale,
    )


def _scale(sides: Array, waist: float, stance: Stance) -> float:
    """Person's pixels per garment pixel, by the waist and, up to a limit, by the hips."""
    body = (stance.half_width("left", waist) + stance.half_width("right", waist)) * EASE
    widths = sides[:, 2] - sides[:, 1]
    scale = body / float(widths[0])
    hips_y = sides[0, 0] + (1.05 - waist) * stance.body.torso_length / scale
    tight = 2 * stance.half_hips * EASE / (float(np.interp(hips_y, sides[:, 0], widths)) * scale)
    return scale * float(np.clip(tight, 1.0, _WIDER))


def skirt_row(
    stance: Stance, lines: Sides[LegLine], level: float, cloth: float
) -> tuple[Vec, tuple[float, float]]:
    """Middle and half widths of a row: at least as wide as the hips above, as the legs below."""
    spot = _middle(stance, level)
    halves = []
    for side, sign in SIDES:
        least = stance.half_width(side, level) * EASE if level <= stance.crotch_level else 0.0
        if stance.seated:
            least = max(least, _lap(lines[side], stance, spot, sign))
        elif level > stance.crotch_level:
            least = _beside_leg(lines[side], stance, spot, sign)
        halves.append(max(cloth, least))
    return spot, (halves[0], halves[1])


def _beside_leg(line: LegLine, stance: Stance, spot: Vec, sign: float) -> float:
    """Pixels from ``spot`` to the outer side of a leg one stands on."""
    depth = float((spot - stance.body.hip_mid) @ stance.down)
    depths = (line.points - stance.body.hip_mid) @ stance.down
    if depth >= depths[-1]:
        return 0.0
    beside = float(np.interp(depth, depths, (line.points - spot) @ stance.across)) * sign
    bare = line.bare(float(np.interp(depth, depths, line.lengths)), stance.half_hips)
    return (beside + bare) * EASE


def _lap(line: LegLine, stance: Stance, spot: Vec, sign: float) -> float:
    """Pixels from ``spot`` to the outer side of a thigh one sits with, or of the cloth that falls from it."""
    thigh = line.lengths <= _THIGH * line.ankle
    points = (line.points - spot)[thigh]
    above = -points @ stance.down
    radii = np.array([line.bare(float(length), stance.half_hips) for length in line.lengths[thigh]])
    touched = above > -radii
    if not touched.any():
        return 0.0
    chord = np.sqrt(np.maximum(radii**2 - np.minimum(above, 0.0) ** 2, 0.0))
    return float((points @ stance.across * sign + chord)[touched].max()) * EASE


def _middle(stance: Stance, level: float) -> Vec:
    """The spine, below the hip line straight down with a drift towards the middle of the knees."""
    if level <= 1:
        return stance.axis(level)
    torso, hips = stance.body.torso_length, stance.body.hip_mid
    knees = (stance.legs.left.knee + stance.legs.right.knee) / 2
    drift = np.clip((knees - hips) @ stance.across, -0.5 * stance.half_hips, 0.5 * stance.half_hips)
    depth = (level - 1.0) * torso
    spot: Vec = (
        hips + stance.down * depth + stance.across * drift * np.clip(depth / (_KNEES * torso), 0.0, 1.0)
    )
    return spot
