"""Measures of the person from the waist down, made once from pose, matte and parsing.

Points and lengths are pixels of the person's frame; sides are the viewer's. Heights on the pelvis are levels
of the spine as in ``Person.waist``: 0 = shoulder line, 1 = hip line, more below it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.body import measure
from inference.engines.warp.rays import first_exit
from inference.engines.warp.types import Body, Vec
from preprocess.pose import (
    LEFT_ANKLE,
    LEFT_HIP,
    LEFT_KNEE,
    LEFT_TOE,
    MIN_VISIBILITY,
    RIGHT_ANKLE,
    RIGHT_HIP,
    RIGHT_KNEE,
    RIGHT_TOE,
)
from preprocess.types import Alpha, Person, Sides

Array = NDArray[np.float64]

LEVELS = np.linspace(0.55, 1.3, 31)
"""Where the pelvis is measured."""
_SHAPE = (np.array([0.55, 0.68, 0.8, 1.0, 1.15, 1.3]), np.array([0.8, 0.78, 0.86, 0.98, 1.0, 0.98]))
"""Half width of a body against its level, as a share of the hips'; means of the development people whose old
clothes are slim."""
_ROOM = (0.88, 1.12)
"""How far a measured outline may depart from that shape: what reaches farther is a loose top, a sleeve or a
bag and says nothing about the body."""
_HALF_HIPS = (0.30, 0.36, 0.47)
"""Half the width of the hips in torso lengths: least, usual, most of the development people."""
_HIP_LEVELS = (0.98, 1.16)
"""Between these levels the hips are widest."""
_CROTCH = (0.16, 0.25, 0.32)
"""How far the crotch lies below the hip line in torso lengths: least, usual, most; slim trousers have .16 to
.30, a gap that begins lower is the hem of shorts or a skirt."""
_SEATED = 35.0
"""Degrees that a thigh leans on somebody who sits."""
_THIGH, _SHIN = 0.82, 0.78
"""Lengths of thigh and shin in torso lengths, of standing people; used for legs outside the picture."""


@dataclass(frozen=True, kw_only=True)
class LegJoints:
    """One leg; joints outside the picture lie where usual proportions put them."""

    hip: Vec
    knee: Vec
    ankle: Vec
    toe: Vec
    knee_seen: bool
    ankle_seen: bool


@dataclass(frozen=True, kw_only=True)
class Stance:
    """How the person stands, and how wide they are."""

    body: Body
    across: Vec
    """Unit vector along the hips, to the right of the picture."""
    down: Vec
    """Unit vector at right angles to it."""
    crotch: Vec
    crotch_level: float
    half_hips: float
    """The yardstick: half the width of the hips."""
    outline: Sides[Array]
    """Half widths ``(len(LEVELS),)`` from :meth:`axis` outwards."""
    measured: float
    """0..1: share of that outline that was seen rather than assumed."""
    legs: Sides[LegJoints]

    @property
    def thigh_angle(self) -> float:
        """Degrees between straight down and the thigh that leans most, of those whose knee is seen."""
        thighs = [leg.knee - leg.hip for leg in (self.legs.left, self.legs.right) if leg.knee_seen]
        return max((_angle(thigh, self.down) for thigh in thighs), default=0.0)

    @property
    def seated(self) -> bool:
        """Does a thigh lean so much that cloth lies on it."""
        return self.thigh_angle > _SEATED

    def axis(self, level: float) -> Vec:
        """The middle of the body at a level: the spine, below the hip line on towards the crotch."""
        body = self.body
        if level <= 1:
            return body.shoulder_mid + (body.hip_mid - body.shoulder_mid) * level
        share = (level - 1) / (self.crotch_level - 1)
        return body.hip_mid + (self.crotch - body.hip_mid) * share

    def half_width(self, side: str, level: float) -> float:
        """Pixels from the middle to the outline."""
        return float(np.interp(level, LEVELS, self.outline.left if side == "left" else self.outline.right))


def _angle(limb: Vec, down: Vec) -> float:
    """Degrees between a limb and straight down."""
    return float(np.degrees(np.arccos(np.clip(limb @ down / max(float(np.hypot(*limb)), 1e-6), -1.0, 1.0))))


def measure_stance(person: Person) -> Stance:
    """Read the lower body of a person whose pose is in ``blaze33`` (``ValueError`` otherwise)."""
    body = measure(person)
    legs = _legs(person, body)
    across, down = _pelvis(body, legs)
    bodily = person.parsing.weight("lower", "upper", "neck", "legs")
    half = _half_hips(bodily, body, across)
    crotch = _crotch(person, body, legs, down)
    outlines, seen = [], []
    for sign in (-1.0, 1.0):
        outline, share = _outline(bodily, body, across * sign, half)
        outlines.append(outline)
        seen.append(share)
    return Stance(
        body=body,
        across=across,
        down=down,
        crotch=crotch,
        crotch_level=1 + float((crotch - body.hip_mid) @ down) / body.torso_length,
        half_hips=half,
        outline=Sides(left=outlines[0], right=outlines[1]),
        measured=float(np.mean(seen)),
        legs=legs,
    )


def _legs(person: Person, body: Body) -> Sides[LegJoints]:
    pose, height = person.pose, person.frame.height
    own_left = _leg(pose.points, pose.visibility, (LEFT_HIP, LEFT_KNEE, LEFT_ANKLE, LEFT_TOE), body, height)
    own_right = _leg(
        pose.points, pose.visibility, (RIGHT_HIP, RIGHT_KNEE, RIGHT_ANKLE, RIGHT_TOE), body, height
    )
    if own_left.hip[0] < own_right.hip[0]:
        return Sides(left=own_left, right=own_right)
    return Sides(left=own_right, right=own_left)


def _leg(
    points: NDArray[np.float32],
    visibility: NDArray[np.float32],
    joints: tuple[int, int, int, int],
    body: Body,
    height: int,
) -> LegJoints:
    hip, knee, ankle, toe = (points[k].astype(np.float64) for k in joints)
    knee_seen, ankle_seen = (bool(visibility[k] >= MIN_VISIBILITY) for k in joints[1:3])
    fall = -body.up
    if not knee_seen:  # the model's guess has the right direction, more or less, and is too short
        knee = hip + _direction(0.5 * _direction(knee - hip) + fall) * _THIGH * body.torso_length
        knee[1] = max(knee[1], height - 1.0) if not ankle_seen and knee[1] < height else knee[1]
    if not ankle_seen:
        ankle = knee + _direction(0.5 * _direction(knee - hip) + fall) * _SHIN * body.torso_length
        toe = ankle + fall * 0.2 * body.torso_length
    return LegJoints(hip=hip, knee=knee, ankle=ankle, toe=toe, knee_seen=knee_seen, ankle_seen=ankle_seen)


def _direction(vector: Vec) -> Vec:
    return vector / max(float(np.hypot(*vector)), 1e-6)


def _pelvis(body: Body, legs: Sides[LegJoints]) -> tuple[Vec, Vec]:
    """Axes of the pelvis: the hips' own tilt and that of the spine, half and half."""
    line = legs.right.hip - legs.left.hip
    across = _direction(_direction(line) + body.across) if line @ body.across > 0 else body.across
    down = np.array([-across[1], across[0]])
    return across, down


def _half_hips(bodily: Alpha, body: Body, across: Vec) -> float:
    """Median of what both sides show between hip line and thighs."""
    least, usual, most = (share * body.torso_length for share in _HALF_HIPS)
    widths = []
    for level in np.linspace(*_HIP_LEVELS, 7):
        origin = body.shoulder_mid - body.up * body.torso_length * level
        sides = [first_exit(bodily, origin, across * sign, 2 * most) for sign in (-1.0, 1.0)]
        if sides[0] is not None and sides[1] is not None:
            widths.append((sides[0] + sides[1]) / 2)
    return float(np.clip(np.median(widths), least, most)) if widths else usual


def _outline(bodily: Alpha, body: Body, outward: Vec, half: float) -> tuple[Array, float]:
    """Half widths at ``LEVELS``, held near the usual shape, and the share that was seen."""
    usual = np.interp(LEVELS, *_SHAPE) * half
    rows, seen = usual.copy(), 0
    for k, level in enumerate(LEVELS):
        origin = body.shoulder_mid - body.up * body.torso_length * level
        exit_at = first_exit(bodily, origin, outward, 2.0 * half)
        if exit_at is not None and exit_at < _ROOM[1] * usual[k]:
            rows[k] = max(exit_at, _ROOM[0] * usual[k])
            seen += exit_at > 0.8 * usual[k]
    padded = np.pad(rows, 2, mode="edge")
    return np.convolve(padded, np.full(5, 0.2), mode="valid"), seen / len(LEVELS)


def _crotch(person: Person, body: Body, legs: Sides[LegJoints], down: Vec) -> Vec:
    """Where the gap between the legs begins, if it can be seen, else where it usually does."""
    knees = (legs.left.knee + legs.right.knee) / 2
    lean = knees - body.hip_mid
    heading = _direction(down + 0.5 * _direction(lean)) if lean @ down > 0 else down
    least, usual, most = (share * body.torso_length for share in _CROTCH)
    alpha = person.matte.alpha
    half = 0.25 * _HALF_HIPS[1] * body.torso_length
    for depth in np.arange(least, most, 2.0):
        at = body.hip_mid + heading * depth
        y, x0, x1 = int(at[1]), int(at[0] - half), int(at[0] + half)
        if 0 <= y < alpha.shape[0] and 0 <= x0 < x1 <= alpha.shape[1]:
            row = alpha[y, x0:x1]
            if row.min() < 0.3:
                return np.array([x0 + float(np.median(np.flatnonzero(row < 0.3))) + 0.5, float(y)])
    return body.hip_mid + heading * usual
