"""The legs as lines to hang cloth on: from the height of the crotch over the knee to the ankle and beyond."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.engines.warp.bone import smoothed
from inference.engines.warp.lower.stance import Array, Stance
from inference.engines.warp.rays import first_exit
from inference.engines.warp.silhouette import SIDES, SideName
from inference.engines.warp.types import Vec
from preprocess.types import Alpha

LEG_WIDTHS = (
    np.array([0.0, 0.25, 0.5, 0.58, 0.68, 0.78, 0.95, 1.15]),
    np.array([0.5, 0.42, 0.29, 0.275, 0.29, 0.27, 0.165, 0.19]),
)
"""Half width of a bare leg in half hips against the way from crotch (0) to ankle (1); means of the bare legs
of the development people."""
_STATIONS, _BEYOND = 96, 1.15
_ROUND = 4.0
"""Stations over which the knee is rounded."""
_SLIM = (0.85, 1.35)
"""Outlines this much narrower or wider than a bare leg are those of a leg in slim clothes."""


@dataclass(frozen=True, kw_only=True)
class LegLine:
    """The middle of one leg, sampled evenly."""

    points: Array
    """``(n, 2)``."""
    outward: Array
    """``(n, 2)`` unit vectors away from the other leg."""
    lengths: Array
    """``(n,)`` pixels from the height of the crotch."""
    ankle: float
    """Length at the ankle."""

    def at(self, length: float) -> Vec:
        """The point at a length; straight on beyond the end."""
        return np.array([extended(length, self.lengths, self.points[:, k]) for k in (0, 1)])

    def outward_at(self, length: float) -> Vec:
        """Direction away from the other leg."""
        vector = np.array([np.interp(length, self.lengths, self.outward[:, k]) for k in (0, 1)])
        return np.asarray(vector / max(float(np.hypot(*vector)), 1e-6))

    def along_at(self, length: float) -> Vec:
        """Direction down the leg."""
        outward = self.outward_at(length)
        along = np.array([-outward[1], outward[0]])
        return along if along @ (self.points[-1] - self.points[0]) > 0 else -along

    def bare(self, length: float, half_hips: float) -> float:
        """Usual half width of the leg."""
        return float(np.interp(length / self.ankle, *LEG_WIDTHS)) * half_hips


def leg_line(stance: Stance, side: SideName) -> LegLine:
    """The line of one leg of the picture."""
    joints = stance.legs[side]
    tip = joints.ankle + (joints.ankle - joints.knee) * 0.3
    path = np.array([thigh_top(stance, side), joints.knee, joints.ankle, tip])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    at = np.linspace(0.0, _BEYOND, _STATIONS) * along[2]
    points = smoothed(np.stack([np.interp(at, along, path[:, k]) for k in (0, 1)], axis=-1), _ROUND)
    tangent = np.gradient(points, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T)[:, None], 1e-6)
    sign = -1.0 if side == "left" else 1.0
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    return LegLine(
        points=points,
        outward=sign * np.stack([tangent[:, 1], -tangent[:, 0]], axis=-1),
        lengths=lengths,
        ankle=float(np.interp(along[2], at, lengths)),
    )


def thigh_top(stance: Stance, side: SideName) -> Vec:
    """Middle of the thigh at the height of the crotch."""
    outward = stance.across * (-1.0 if side == "left" else 1.0)
    return stance.crotch + outward * stance.half_width(side, stance.crotch_level) / 2


def leg_length(stance: Stance) -> float:
    """Pixels from crotch to ankle of the longer leg: the other is bent."""
    return max(leg_line(stance, side).ankle for side, _ in SIDES)


def outer_widths(line: LegLine, bodily: Alpha, stance: Stance, lengths: Array) -> Array:
    """Half widths ``(n,)`` on the outer side as the photo shows them, usual ones where clothes are wide.

    ``bodily``: weight of lower clothes and legs in the person's frame.
    """
    widths = []
    for length in lengths:
        bare = line.bare(float(length), stance.half_hips)
        seen = first_exit(bodily, line.at(float(length)), line.outward_at(float(length)), 2 * bare)
        plausible = seen is not None and _SLIM[0] * bare < seen < _SLIM[1] * bare
        widths.append(seen if plausible and seen is not None else bare)
    return smoothed(np.array(widths)[:, None], 2.0)[:, 0]


def extended(at: float, lengths: Array, values: Array) -> float:
    """Linear interpolation that goes straight on beyond the end."""
    beyond = max(0.0, at - float(lengths[-1]))
    slope = (values[-1] - values[-8]) / (lengths[-1] - lengths[-8])
    return float(np.interp(at, lengths, values) + beyond * slope)
