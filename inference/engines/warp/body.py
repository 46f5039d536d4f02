"""Measures of the person's upper body, made once from pose, matte and parsing.

Points and lengths are pixels of the person's frame. Sides are the viewer's: ``left`` is whatever arm hangs
on the left of the picture, so nothing downstream has to know whether the person faces the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.rays import first_exit
from inference.engines.warp.types import Arm, Body, Vec
from preprocess.types import Alpha, Person, Pose, Sides

# Landmark numbers of BlazePose: shoulder, elbow, wrist, little finger, index finger.
_LEFT_ARM = (11, 13, 15, 17, 19)
_RIGHT_ARM = (12, 14, 16, 18, 20)

_TURNED_WIDTH = 0.5
"""Frontal shoulder joints lie 0.60 to 0.75 of the torso's length apart; below this share the body is turned,
and sizes must not collapse with the projected shoulders."""
_LEVEL_FROM = 0.8
"""Share of the yardstick from which the line through the shoulder joints is long enough for a direction."""
_ACROMION = (-0.06, 0.32)
"""Distance of the shoulder's top from the joint in shoulder widths: a joint that the pose put on the outline
or beyond it (sloping shoulders) to a padded seam on joints that it put too close together."""
_ACROMION_ASSUMED = 0.10
_WITHIN = 0.25
"""How far inside the joint the ray to the shoulder's top begins, in shoulder widths: surely on the body."""
_ACROMION_DIRECTION = (0.66, 0.75)
"""Outward and upward share of the ray from the joint to the shoulder's top."""
_NECK_HALF = (0.16, 0.22, 0.30)
"""Half the width of the neck where it meets the shoulder slope, in shoulder widths: least, usual, most."""
_NECK_HEIGHT = (0.13, 0.21, 0.38)
"""How far that point lies above the shoulder joints, in shoulder widths: square to sloping shoulders."""
_BELOW_CHIN = 0.12
"""The neck is at least this long, in shoulder widths, whatever hair makes of the outline."""
_SLOPE_FROM = 0.30
_SLOPE_SEEN = 0.7
"""Where the straight part of the shoulder slope begins, in shoulder widths off the spine, and the share of it
that must be seen to be drawn on."""
_ABOVE_SLOPE = 0.03
"""How far the slope curves up towards the neck at most, in shoulder widths."""
_HEAD = 0.12
"""What rises by more above the middle of the slope is a head before it, in shoulder widths."""
_OFF_SLOPE = 0.02
"""How far above the drawn-on slope the outline is sure to belong to the neck, in shoulder widths."""
_COLUMNS = np.linspace(0.46, 0.10, 55)
"""Where the outline is read, from the shoulder towards the neck, in shoulder widths off the spine."""
_UNDER_JAW = 0.06
_ON_NECK = (0.30, 0.42)
"""A height on the neck in shoulder widths, above every collar's base: that far below the chin, within the
range."""
_FLARE = 0.05
"""How far the base of the neck lies outside the neck's side, in shoulder widths."""
_HAIR_ABOVE = 0.035
"""How far above the outline hair is looked for, in shoulder widths: hair there hides the true outline."""


def measure(person: Person) -> Body:
    """Read the yardsticks of the upper body from a person whose pose is in ``blaze33``.

    Joints outside the picture are kept where the pose puts them; nothing here fails on them.
    """
    pose = person.pose
    if pose.tag != "blaze33":
        raise ValueError(f"measures need a blaze33 pose, got {pose.tag}; preprocess.pose converts it")
    points = pose.points.astype(np.float64)
    back_view = bool(points[11, 0] < points[12, 0])
    arms = Sides(
        left=_arm(pose, _LEFT_ARM if back_view else _RIGHT_ARM),
        right=_arm(pose, _RIGHT_ARM if back_view else _LEFT_ARM),
    )
    shoulder_mid, hip_mid = points[[11, 12]].mean(axis=0), points[[23, 24]].mean(axis=0)
    torso_length, up = _length_and_direction(shoulder_mid - hip_mid)
    across = np.array([-up[1], up[0]])
    if across @ (arms.right.shoulder - arms.left.shoulder) < 0:
        across = -across
    joints = float(np.hypot(*(points[11] - points[12])))
    width = max(joints, _TURNED_WIDTH * torso_length, 1.0)
    axes = _shoulder_axes(arms, shoulder_mid, up, across, width)
    return Body(
        arms=arms,
        shoulder_mid=shoulder_mid,
        hip_mid=hip_mid,
        up=up,
        across=across,
        shoulder_width=width,
        torso_length=torso_length,
        acromion=Sides(
            left=_acromion(person, arms.left.shoulder, axes, -1.0),
            right=_acromion(person, arms.right.shoulder, axes, 1.0),
        ),
        neck_base=_neck_base(person, axes),
        chin=np.asarray(person.face.chin, dtype=np.float64),
        waist=person.waist,
        back_view=back_view,
    )


def _length_and_direction(spine: Vec) -> tuple[float, Vec]:
    """Pixels, at least 1, and the unit vector; upright where hips and shoulders coincide."""
    length = float(np.hypot(*spine))
    return (length, spine / length) if length >= 1 else (1.0, np.array([0.0, -1.0]))


@dataclass(frozen=True, kw_only=True)
class _Axes:
    """The body's own axes: origin between the shoulder joints, lengths in shoulder widths."""

    origin: Vec
    up: Vec
    across: Vec
    width: float

    def at(self, off_spine: float, height: float) -> Vec:
        return self.origin + (self.across * off_spine + self.up * height) * self.width


def _shoulder_axes(arms: Sides[Arm], origin: Vec, up: Vec, across: Vec, width: float) -> _Axes:
    """Shoulders tilt against the spine of somebody who leans: what lies on them follows their own line."""
    line = arms.right.shoulder - arms.left.shoulder
    length = float(np.hypot(*line))
    if length <= _LEVEL_FROM * width:
        return _Axes(origin=origin, up=up, across=across, width=width)
    along = line / length
    return _Axes(origin=origin, up=_upward(along, up), across=along, width=width)


def _upward(along: Vec, up: Vec) -> Vec:
    normal = np.array([along[1], -along[0]])
    return normal if normal @ up > 0 else -normal


def _arm(pose: Pose, joints: tuple[int, int, int, int, int]) -> Arm:
    shoulder, elbow, wrist, little, index = (pose.points[k].astype(np.float64) for k in joints)
    return Arm(
        shoulder=shoulder,
        elbow=elbow,
        wrist=wrist,
        hand=(little + index) / 2,
        visible=float(pose.visibility[joints[2]]),
    )


def _acromion(person: Person, joint: Vec, axes: _Axes, outward: float) -> Vec:
    """Top of the shoulder: where a slanted ray from the joint leaves the silhouette, hair not counted."""
    direction = axes.across * (outward * _ACROMION_DIRECTION[0]) + axes.up * _ACROMION_DIRECTION[1]
    direction /= np.hypot(*direction)
    least, most = (share * axes.width for share in _ACROMION)
    hair = person.parsing.weight("hair")
    bare = person.matte.alpha * (1 - hair)
    within = _WITHIN * axes.width
    start = joint - direction * within
    length = first_exit(bare, start, direction, within + 1.5 * most)
    if length is None or _covered(hair, start + direction * (length + _HAIR_ABOVE * axes.width)):
        # Under hair the outline is that of the hair: the shoulder ends no farther out.
        outline = first_exit(person.matte.alpha, start, direction, within + most)
        length = min(within + _ACROMION_ASSUMED * axes.width, within + most if outline is None else outline)
    return joint + direction * float(np.clip(length - within, least, most))


def _covered(hair: Alpha, point: Vec) -> bool:
    x, y = (int(v) for v in point)
    height, width = hair.shape
    return 0 <= x < width and 0 <= y < height and bool(hair[y, x] > 0.3)


def _neck_base(person: Person, axes: _Axes) -> Sides[Vec]:
    """Where neck and shoulder slope meet, from the outline; usual proportions under hair."""
    hair = person.parsing.weight("hair")
    bare = person.matte.alpha * (1 - hair)
    outlines = [_outline_heights(bare, hair, axes, outward) for outward in (-1.0, 1.0)]
    chin = float((np.asarray(person.face.chin) - axes.origin) @ axes.up) / axes.width
    on_neck = float(np.clip(chin - _UNDER_JAW, *_ON_NECK))
    sides = [_neck_side(heights, on_neck) for heights in outlines]
    known = [side for side in sides if side is not None]
    usual = float(np.mean(known)) if known else _NECK_HALF[1]
    highest = float(np.clip(chin - _BELOW_CHIN, _NECK_HEIGHT[0], _NECK_HEIGHT[2]))
    points = []
    for outward, side, heights in zip((-1.0, 1.0), sides, outlines, strict=True):
        # A turned head or hair on one side spoils one of them: each side leans on what both say together.
        half = float(np.clip(usual if side is None else (side + usual) / 2, _NECK_HALF[0], _NECK_HALF[2]))
        height = float(np.interp(half, _COLUMNS[::-1], heights[::-1]))
        height = _NECK_HEIGHT[1] if np.isnan(height) else height
        slope = _slope_at(heights, np.array(half))
        most = highest if slope is None else float(slope) + _ABOVE_SLOPE
        points.append(axes.at(outward * half, float(np.clip(height, _NECK_HEIGHT[0], most))))
    return Sides(left=points[0], right=points[1])


def _slope_at(heights: NDArray[np.float64], off_spine: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Heights of the straight shoulder slope, drawn on to places ``off_spine``, all in shoulder widths; None
    where too little of it is seen. The chin is an estimate, the slope is what a collar lies on."""
    outer = (_COLUMNS >= _SLOPE_FROM) & np.isfinite(heights)
    seen = outer & (heights < (np.median(heights[outer]) if outer.any() else 0.0) + _HEAD)
    if seen.sum() < _SLOPE_SEEN * (_COLUMNS >= _SLOPE_FROM).sum():
        return None
    rise, start = np.polyfit(_COLUMNS[seen], heights[seen], 1)
    return np.asarray(np.minimum(start + rise * off_spine, _NECK_HEIGHT[2]), np.float64)


def _outline_heights(bare: Alpha, hair: Alpha, axes: _Axes, outward: float) -> NDArray[np.float64]:
    """Height of the outline over ``_COLUMNS`` in shoulder widths; nan where hair or the frame hides it."""
    heights = np.full(len(_COLUMNS), np.nan)
    for k, column in enumerate(_COLUMNS):
        start = axes.at(outward * column, 0.05)
        rise = first_exit(bare, start, axes.up, axes.width)
        if rise is not None and not _covered(hair, start + axes.up * (rise + _HAIR_ABOVE * axes.width)):
            heights[k] = 0.05 + rise / axes.width
    return heights


def _neck_side(heights: NDArray[np.float64], on_neck: float) -> float | None:
    """Distance off the spine at which the shoulder slope turns into the neck; None where it is hidden.

    The slope may be a smooth curve without a corner, but the neck rises straight: its base lies a little
    outside of where the outline has come up to ``on_neck``, and above where the slope would be. An outline
    that is seen all the way and never does so has a neck that leans over the spine.
    """
    slope = _slope_at(heights, _COLUMNS)
    up = np.flatnonzero(heights >= (on_neck if slope is None else np.maximum(on_neck, slope + _OFF_SLOPE)))
    if len(up) == 0:
        return None if np.isnan(heights).any() else float(_COLUMNS[-1]) + _FLARE
    if np.isnan(heights[: up[0]]).any() or _COLUMNS[up[0]] > _NECK_HALF[2]:
        return None  # hair, or a head that leans out over the shoulder
    return float(_COLUMNS[up[0]]) + _FLARE
