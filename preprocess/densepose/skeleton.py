"""The body behind the landmarks: its directions, its yardstick and limbs as tapered capsules."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess import pose as joints
from preprocess.types import Alpha, Pose

Vec = NDArray[np.float32]
"""``(3,)``: x to the right, y down, z away from the camera, frame pixels."""
Region = NDArray[np.bool_]

LEAST_TURN = 0.45
"""Of the body's depth differences: BlazePose exaggerates them for people who face the camera."""
RIM = 0.95
"""Of a limb's radius: nearer to its outline a few degrees decide which surface is seen, and no landmark is
that exact."""


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """Landmarks in three dimensions with the directions of the trunk."""

    at: NDArray[np.float32]
    """``(33, 3)`` frame pixels, z relative to the hips, away from the camera."""
    unit: float
    """Frame pixels between the shoulder line and the hip line: what all widths are measured in."""
    down: Vec
    """Unit vectors of the trunk: along the spine, to the person's own left, to where the chest points."""
    left: Vec
    forward: Vec

    def middle(self, pair: tuple[int, int]) -> Vec:
        return np.asarray((self.at[pair[0]] + self.at[pair[1]]) / 2, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Limb:
    """A bone with its flesh: a capsule whose radius changes from one end to the other."""

    start: Vec
    end: Vec
    radius: tuple[float, float]
    """Frame pixels at the start and at the end."""
    facing: Vec
    """Direction of the surface that carries ``parts[0]``; the opposite one carries ``parts[1]``."""
    parts: tuple[int, int]

    @property
    def depth(self) -> float:
        return float(self.start[2] + self.end[2]) / 2


@dataclass(frozen=True, kw_only=True)
class Field:
    """A limb seen from every pixel, ``float32 (H, W)`` each."""

    gap: Alpha
    """Pixels to the limb's outline, negative inside."""
    along: Alpha
    """Pixels along the bone from its start; negative before it."""
    parts: NDArray[np.uint8]
    """Which surface of the limb the pixel would show."""


def skeleton(pose: Pose) -> Skeleton:
    """Of a ``blaze33`` pose; a body without any extent still gets directions and a yardstick of 1."""
    at = np.column_stack([pose.points, pose.depth]).astype(np.float32)
    shoulders = (at[joints.LEFT_SHOULDER] + at[joints.RIGHT_SHOULDER]) / 2
    hips = (at[joints.LEFT_HIP] + at[joints.RIGHT_HIP]) / 2
    spine = hips - shoulders
    across = at[joints.LEFT_SHOULDER] - at[joints.RIGHT_SHOULDER]
    across = across + (at[joints.LEFT_HIP] - at[joints.RIGHT_HIP])
    across[2] *= LEAST_TURN
    length = float(np.hypot(spine[0], spine[1]))
    # a foreshortened trunk (bent towards the camera) is still as long as its shoulders are wide
    unit = max(length, float(np.hypot(*across[:2])) / 2, 1.0)
    down = direction(np.array([spine[0], spine[1], 0], np.float32))
    left = direction(across - down * float(across @ down))
    return Skeleton(at=at, unit=unit, down=down, left=left, forward=direction(np.cross(down, left)))


def direction(vector: NDArray[np.floating]) -> Vec:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-6), dtype=np.float32)


def limb_field(limb: Limb, shape: tuple[int, ...]) -> Field:
    """Distances and visible surface of a limb on a grid of ``shape`` = (H, W), pixel centres at + 0.5."""
    x, y = offsets(limb.start, shape)
    bone = limb.end[:2] - limb.start[:2]
    length = max(float(np.hypot(*bone)), 1e-3)
    axis = bone / length
    along = x * axis[0] + y * axis[1]
    across = y * axis[0] - x * axis[1]
    share = np.clip(along / length, 0.0, 1.0)
    radius = limb.radius[0] + (limb.radius[1] - limb.radius[0]) * share
    gap = np.hypot(across, along - share * length) - radius
    parts = visible_surface(across / radius, _towards(limb, axis), limb.parts)
    return Field(gap=gap.astype(np.float32), along=along.astype(np.float32), parts=parts)


def offsets(origin: NDArray[np.float32], shape: tuple[int, ...]) -> tuple[Alpha, Alpha]:
    """``(1, W)`` and ``(H, 1)``: x and y of the pixel centres seen from a point."""
    x = np.arange(shape[1], dtype=np.float32)[None] + np.float32(0.5) - origin[0]
    y = np.arange(shape[0], dtype=np.float32)[:, None] + np.float32(0.5) - origin[1]
    return x, y


def _towards(limb: Limb, axis: NDArray[np.floating]) -> tuple[float, float]:
    """The facing direction across the bone in the picture, and towards the camera."""
    return float(limb.facing[1] * axis[0] - limb.facing[0] * axis[1]), -float(limb.facing[2])


def visible_surface(across: Alpha, facing: tuple[float, float], parts: tuple[int, int]) -> NDArray[np.uint8]:
    """Which of two opposite surfaces of an upright cylinder each pixel shows.

    ``across`` is the position over the radius (clipped to -1..1), ``facing`` the first surface's direction:
    across and towards the camera. The surface's normal at ``across`` is ``(across, sqrt(1 - across^2))``.
    """
    u = np.clip(across, -RIM, RIM)
    first = u * facing[0] + np.sqrt(1.0 - u * u) * facing[1] > 0
    return np.where(first, parts[0], parts[1]).astype(np.uint8)


def distance_inside(region: Region) -> Alpha:
    """Pixels to the nearest pixel outside the region; what lies beyond the picture counts as inside."""
    inside = region.astype(np.uint8)
    return np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), dtype=np.float32)


def at_points(values: Alpha, points: NDArray[np.floating]) -> Alpha:
    """The values under continuous points ``(N, 2)``, 0 outside the picture."""
    cells = np.floor(points).astype(int)
    inside = np.all((cells >= 0) & (cells < values.shape[::-1]), axis=1)
    cells = np.clip(cells, 0, np.array(values.shape[::-1]) - 1)
    return np.asarray(values[cells[:, 1], cells[:, 0]] * inside, dtype=np.float32)
