"""Where the edges of a sleeve run along an arm.

Everything is planned in arm coordinates ``(a, w)``: ``a`` pixels along the bone from the shoulder joint
(negative above it), ``w`` pixels beside it, negative on the outer side of the arm. The bone is rounded at
the elbow, so rows of cloth turn with it and neither fan out nor tear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.bone import Bone, arm_coordinates, bone_of, smoothed, unit_vector
from inference.engines.warp.silhouette import SIDES, SideName, arm_radii
from inference.engines.warp.sizes import mean_y
from inference.engines.warp.wearing import Wearing
from preprocess.types import Sides, Sleeve

Array = NDArray[np.float64]

ROWS = 28
"""Rows of the mesh from armhole to cuff: a bent elbow stays round."""

_UPPER, _FORE = 0.80, 0.68
"""Usual lengths of upper arm and forearm in shoulder widths: shorter ones point towards the camera."""
_LONG_FROM = (0.6, 0.85)
"""A sleeve that covers the second share of the arm ends at the wrist, from the first on if it hangs far
enough: cloth laid flat is rarely stretched to its full length."""
_HANGS = 1.1
"""Chest widths below the neck at which the cuffs of such a sleeve lie: short and half-length
ones of 26 garments hang 1.06 down at most, long ones of 10 garments 1.2 and more."""
_WRIST = 0.02
"""How far a long cuff lies over the wrist, in shoulder widths."""
_TOP_LENGTH = 1.3
"""Usual length of a top from neck points to hem in torso lengths: longer ones had their shoulder tips
found inside the real ones, above sleeves that lie on the torso."""
_LEAST_SCALE = 0.78
"""Least correction of a sleeve's scale from that: beyond it the garment is a tunic or a dress."""
_ON_SHOULDERS = 0.95
"""Share of the distance of the shoulder tops within which no part of a sleeve lies on the shoulder."""
_SHORTEST = 0.12
"""Least distance of a cuff from the shoulder joint, in shoulder widths."""
_MOST_SLANT = 0.12
"""Most by which a cuff's corners differ along the arm, in shoulder widths."""
_SHORTEST_INNER = 0.04
"""Least length of the underside, in shoulder widths."""
_SKIN_GAP = 0.012
"""How far cloth stands off the arm's outline, in shoulder widths."""
_WRAP = 1.57
"""Flat width of a sleeve that just touches the arm, over the arm's visible width: half a circle against its
axis."""
_LOOSE = 0.4
"""Share of the cloth beyond that which stands away sideways."""
_LOOSEST = 1.5
"""Widest a sleeve may hang, in arm radii."""
_LIES_ON = 0.5
"""Length of the arm, in shoulder widths, over which cloth that lies on the shoulder comes to stand away."""
_TAPERS_FROM = 0.7
"""Place on the arm from which it only grows thinner."""
_CUFF, _CUFF_HOLDS = 0.35, 0.8
"""Length above the wrist over which a sleeve closes, in shoulder widths, and the share of its looseness that
its cuff takes away."""
_SHOULDER_TURN = 0.05
"""Distance along the arm within which cloth gets from the shoulder tip onto the arm's outline."""
_STEEPEST = 1.2
"""... and at least this many times the way out: steeper shoulders look padded. By eye."""
_ARMPIT_TURN = 0.12
"""The same from the armpit onto the inner outline."""
_ROUND_SHOULDER = 0.25
"""Part of the arm, in shoulder widths, on which the shoulder's own roundness shows."""
_PROBES = 32
"""Places along the arm at which its outline is read."""
_PAST = 0.35
"""How far past the cuff it is read too, in shoulder widths: bare skin there tells the arm's strength."""


@dataclass(frozen=True, kw_only=True)
class SleevePlan:
    """A sleeve in arm coordinates."""

    bone: Bone
    outer: Array
    """``(ROWS, 2)`` edge from the shoulder tip to the cuff."""
    inner: Array
    """``(ROWS, 2)`` edge from the armpit to the cuff."""
    reach: float
    """How much of the arm is covered: 0 = shoulder, about .5 = elbow, 1 = wrist."""


@dataclass(frozen=True, kw_only=True)
class _Armhole:
    """Where a sleeve begins on its arm."""

    bone: Bone
    outer: Array
    """Shoulder tip in arm coordinates."""
    inner: Array
    """Armpit."""


def plan_sleeves(wearing: Wearing, sleeves: Sides[Sleeve]) -> Sides[SleevePlan]:
    """Lay the edges of both sleeves along the arms; they end alike.

    Both sleeves of a garment are cut alike: where they measure differently, one lies folded, or the arms
    were found at different lengths, and a sleeve to the elbow beside one to the wrist is never right.
    """
    holes = Sides(
        left=_armhole(wearing, sleeves.left, "left"), right=_armhole(wearing, sleeves.right, "right")
    )
    covered = [_covered(wearing, sleeves[side], holes[side]) for side, _ in SIDES]
    share = sum(covered) / len(covered)
    return Sides(
        left=_planned(wearing, sleeves.left, holes.left, share),
        right=_planned(wearing, sleeves.right, holes.right, share),
    )


def _planned(wearing: Wearing, sleeve: Sleeve, hole: _Armhole, share: float) -> SleevePlan:
    """One sleeve that covers ``share`` of its arm."""
    bone, start_outer, start_inner = hole.bone, hole.outer, hole.inner
    unit = wearing.body.shoulder_width
    cuff = bone.wrist + _WRIST * unit if _long(wearing, share) else _cuff_distance(bone, unit, share)
    slant = float(np.clip(_cuff_slant(sleeve) * wearing.fit.scale, -_MOST_SLANT * unit, _MOST_SLANT * unit))
    cuff_inner = max(cuff + slant, start_inner[0] + _SHORTEST_INNER * unit)
    a_outer = np.linspace(start_outer[0], cuff, ROWS)
    a_inner = np.linspace(start_inner[0], cuff_inner, ROWS)
    outer_width, inner_width = _hanging(wearing, bone, a_outer, a_inner, _cloth_half_widths(sleeve))
    jump = abs(float(np.interp(a_outer[0] + _SHOULDER_TURN * unit, a_outer, -outer_width)) - start_outer[1])
    turn = max(_SHOULDER_TURN * unit, _STEEPEST * jump)
    w_outer = _turned(start_outer[1], -outer_width, (a_outer - a_outer[0]) / turn)
    w_inner = _turned(start_inner[1], inner_width, (a_inner - a_inner[0]) / (_ARMPIT_TURN * unit))
    return SleevePlan(
        bone=bone,
        outer=np.stack([a_outer, w_outer], axis=-1),
        inner=np.stack([a_inner, w_inner], axis=-1),
        reach=float(bone.place_of(np.array([max(cuff, 0.0)]))[0]),
    )


def even(line: NDArray[np.floating], count: int) -> Array:
    """Resample a polyline at equal distances."""
    steps = np.hypot(*np.diff(line, axis=0).T)
    distances = np.concatenate([[0.0], np.cumsum(steps)])
    places = np.linspace(0.0, distances[-1], count)
    return np.stack([np.interp(places, distances, line[:, k]) for k in (0, 1)], axis=-1)


def _armhole(wearing: Wearing, sleeve: Sleeve, side: SideName) -> _Armhole:
    bone = bone_of(wearing.body.arms[side], wearing.body, side)
    corners = np.array([sleeve.outer[0], sleeve.inner[0]], dtype=np.float64)
    # Where the torso's map puts them, which is near the fitted landmarks but not exactly on them.
    fitted = np.array([wearing.fit.shoulder[side], wearing.fit.armpit[side]])
    corners = wearing.torso.invert(corners, fitted)
    outer, inner = (arm_coordinates(corner, wearing.body.arms[side], bone) for corner in corners)
    return _Armhole(bone=bone, outer=outer, inner=inner)


def _turned(start: float, widths: Array, progress: Array) -> Array:
    """From a corner of the armhole onto the outline: a quarter of a sine, complete at ``progress`` 1."""
    blend = np.sin(np.clip(progress, 0.0, 1.0) * np.pi / 2)
    turned: Array = start * (1 - blend) + widths * blend
    return turned


def _hanging(
    wearing: Wearing, bone: Bone, a_outer: Array, a_inner: Array, cloth: Array
) -> tuple[Array, Array]:
    """Half widths of the sleeve on both sides of the bone; ``cloth`` in garment pixels."""
    body = wearing.body
    end = max(float(a_outer[-1]), float(a_inner[-1]), 1.0)
    end = max(end, min(end + _PAST * body.shoulder_width, bone.wrist))
    probe = np.linspace(min(float(a_outer[0]), 0.0), end, _PROBES)
    zero = np.zeros_like(probe)
    centres = bone.at(probe, zero)
    normals = bone.at(probe, zero + 1.0) - centres
    places = bone.place_of(probe)
    radii = arm_radii(wearing.silhouette, body, places, centres, normals)
    widths = []
    for a, radius in zip((a_outer, a_inner), radii, strict=True):
        # Forearms taper: what grows again towards the wrist is the hand.
        fore = places >= _TAPERS_FROM
        radius[fore] = np.minimum.accumulate(radius[fore])
        # Where the shoulder rounds off the outline is steep: strong smoothing must not cut into it.
        near = np.clip(2 - 2 * probe / (_ROUND_SHOULDER * body.shoulder_width), 0.0, 1.0)
        strong, weak = (smoothed(radius[:, None], sigma)[:, 0] for sigma in (2.0, 0.8))
        outline = np.maximum(strong, weak * near + strong * (1 - near))
        arm = np.interp(a, probe, outline) + _SKIN_GAP * body.shoulder_width
        loose = _LOOSE * np.maximum(0.0, cloth * wearing.fit.scale - _WRAP * arm)
        loose = np.minimum(loose, (_LOOSEST - 1) * arm)
        released = np.clip(a / (_LIES_ON * body.shoulder_width), 0.0, 1.0)
        at_wrist = np.clip(1 + (a - bone.wrist) / (_CUFF * body.shoulder_width), 0.0, 1.0)
        widths.append(arm + loose * released**2 * (3 - 2 * released) * (1 - _CUFF_HOLDS * at_wrist))
    return widths[0], widths[1]


def _long(wearing: Wearing, share: float) -> bool:
    """Does a sleeve that covers ``share`` of the arm end at the wrist?"""
    marks = wearing.marks
    sleeves = marks.sleeves
    assert sleeves is not None
    cuffs = (sleeves.left.outer[-1, 1] + sleeves.right.outer[-1, 1]) / 2
    drop = float(cuffs) - mean_y(marks.neck)
    hangs = drop > _HANGS * (marks.armpit.right[0] - marks.armpit.left[0])
    return bool(share > _LONG_FROM[0 if hangs else 1])


def _cuff_distance(bone: Bone, unit: float, share: float) -> float:
    """Where an outer edge that covers ``share`` of the arm ends along the bone; projected lengths shrink
    where the arm points at the camera."""
    upper, fore = _arm_lengths(bone, unit)
    length = share * (upper + fore)
    if length <= upper:
        return max(length / upper * bone.elbow, _SHORTEST * unit)
    beyond = min((length - upper) / fore, 1.0)
    return bone.elbow + beyond * (bone.wrist - bone.elbow) + _WRIST * unit


def _arm_lengths(bone: Bone, unit: float) -> tuple[float, float]:
    """Upper arm and forearm as long as they are, not as they are seen."""
    return max(bone.elbow, _UPPER * unit), max(bone.wrist - bone.elbow, _FORE * unit)


def _covered(wearing: Wearing, sleeve: Sleeve, hole: _Armhole) -> float:
    """Share of the arm, shoulder to wrist, that the sleeve is long enough for."""
    length = _outer_length(wearing, sleeve) + hole.outer[0]
    return float(length) / sum(_arm_lengths(hole.bone, wearing.body.shoulder_width))


def _outer_length(wearing: Wearing, sleeve: Sleeve) -> float:
    """Length of cloth from the top of the person's shoulder to the cuff, person's pixels.

    Shoulders found too narrow make the whole garment too large and leave the rest of the shoulder to the
    sleeve: its scale comes from the length of the body, and what lies on the shoulder is taken off.
    """
    marks, body, scale = wearing.marks, wearing.body, wearing.fit.scale
    if wearing.garment.kind == "flat":
        top = max(mean_y(marks.hem) - mean_y(marks.neck), 1.0) * scale
        scale *= float(np.clip(_TOP_LENGTH * body.torso_length / top, _LEAST_SCALE, 1.0))
    tips = (marks.shoulder.right[0] - marks.shoulder.left[0]) * scale
    span = float(np.hypot(*(body.acromion.right - body.acromion.left)))
    cloth = float(np.hypot(*np.diff(sleeve.outer, axis=0).T).sum()) * scale
    return cloth - max(0.0, (_ON_SHOULDERS * span - tips) / 2)


def _cuff_slant(sleeve: Sleeve) -> float:
    """How much farther along the sleeve the cuff's inner corner lies than its outer one, garment pixels."""
    outer, inner = even(sleeve.outer, 8), even(sleeve.inner, 8)
    direction = unit_vector(unit_vector(outer[-1] - outer[-4]) + unit_vector(inner[-1] - inner[-4]))
    return float((inner[-1] - outer[-1]) @ direction)


def _cloth_half_widths(sleeve: Sleeve) -> Array:
    """Half widths along the sleeve, square to it, garment pixels."""
    outer, inner = even(sleeve.outer, ROWS), even(sleeve.inner, ROWS)
    axis = unit_vector((outer[-1] + inner[-1]) - (outer[0] + inner[0]))
    normal = np.array([-axis[1], axis[0]])
    widths: Array = np.abs((outer - inner) @ normal) / 2
    return widths
