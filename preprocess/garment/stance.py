"""How somebody who wears a garment stands: the yardsticks by which it is measured on the body.

Coordinates are pixels of the person's frame, sides the viewer's; people stand upright, so rows of the picture
stand for levels of the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from preprocess.pose import (
    LEFT_ELBOW,
    LEFT_HIP,
    LEFT_KNEE,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_ELBOW,
    RIGHT_HIP,
    RIGHT_KNEE,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)
from preprocess.types import Person, Pose, Sides

Vec = NDArray[np.float64]
Side = Literal["left", "right"]
SIDES: tuple[tuple[Side, float], ...] = (("left", -1.0), ("right", 1.0))
"""The picture's sides with the direction of x that leads there."""

BONE_POINTS = 64
"""Points of an arm's bones at equal distances, from shoulder to wrist."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One arm."""

    shoulder: Vec
    elbow: Vec
    wrist: Vec

    @property
    def length(self) -> float:
        """Shoulder to wrist along the bones, as they show in the picture."""
        return float(np.hypot(*(self.elbow - self.shoulder)) + np.hypot(*(self.wrist - self.elbow)))

    @property
    def elbow_at(self) -> float:
        """Share of the length that is upper arm."""
        return float(np.hypot(*(self.elbow - self.shoulder))) / max(self.length, 1.0)

    def bones(self) -> NDArray[np.float64]:
        """``(BONE_POINTS, 2)`` from shoulder to wrist."""
        joints = np.stack([self.shoulder, self.elbow, self.wrist])
        places = np.linspace(0.0, 1.0, BONE_POINTS)
        known = (0.0, self.elbow_at, 1.0)
        return np.stack([np.interp(places, known, joints[:, k]) for k in (0, 1)], axis=1)


@dataclass(frozen=True, kw_only=True)
class Stance:
    """Joints and lengths of a body seen from the front."""

    arms: Sides[Arm]
    shoulders: Vec
    """Middle of the shoulder joints."""
    hips: Vec
    unit: float
    """Distance of the shoulder joints, the yardstick; at least half of the torso's length."""
    torso: float
    """Shoulder line to hip line."""
    thigh: float
    """Hips to knees, downwards: short where somebody sits."""
    depth: float
    """How much nearer one shoulder is than the other, in units."""

    @staticmethod
    def of(person: Person) -> Stance:
        """Of a ``blaze33`` pose."""
        pose = person.pose
        points = pose.points.astype(np.float64)
        shoulders = points[[LEFT_SHOULDER, RIGHT_SHOULDER]].mean(axis=0)
        hips = points[[LEFT_HIP, RIGHT_HIP]].mean(axis=0)
        torso = max(float(hips[1] - shoulders[1]), 1.0)
        wide = float(np.hypot(*(points[LEFT_SHOULDER] - points[RIGHT_SHOULDER])))
        unit = max(wide, 0.5 * torso)
        arms = [_arm(pose, (LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST))]
        arms.append(_arm(pose, (RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST)))
        left, right = sorted(arms, key=lambda arm: float(arm.shoulder[0]))
        depths = pose.depth[[LEFT_SHOULDER, RIGHT_SHOULDER]]
        return Stance(
            arms=Sides(left=left, right=right), shoulders=shoulders, hips=hips, unit=unit, torso=torso,
            thigh=float(points[[LEFT_KNEE, RIGHT_KNEE], 1].mean() - hips[1]),
            depth=float(abs(depths[0] - depths[1])) / unit,
        )  # fmt: skip

    def row(self, level: float) -> float:
        """y of a level of the body: 0 = shoulder line, 1 = hip line."""
        return float(self.shoulders[1] + level * (self.hips[1] - self.shoulders[1]))

    def spine(self, y: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """x of the spine in rows ``y``; straight down below the hips."""
        level = (np.asarray(y, np.float64) - self.shoulders[1]) / (self.hips[1] - self.shoulders[1])
        x: NDArray[np.float64] = self.shoulders[0] + np.clip(level, -0.5, 1.0) * (
            self.hips[0] - self.shoulders[0]
        )
        return x


def _arm(pose: Pose, joints: tuple[int, int, int]) -> Arm:
    shoulder, elbow, wrist = (pose.points[k].astype(np.float64) for k in joints)
    return Arm(shoulder=shoulder, elbow=elbow, wrist=wrist)
