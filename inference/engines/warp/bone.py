"""The bone of an arm as a coordinate system: along it, and square to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.silhouette import SideName
from inference.engines.warp.types import Arm, Body, Vec

Array = NDArray[np.float64]

_ROUND = 0.13
"""Radius over which the elbow is rounded, in shoulder widths."""
_BEYOND = 0.35
"""How far the bone is continued past shoulder and wrist, in shoulder widths."""


@dataclass(frozen=True, kw_only=True)
class Bone:
    """The rounded bone, evenly sampled."""

    lengths: Array
    """``(n,)`` distance from the shoulder joint, negative above it."""
    points: Array
    normals: Array
    """Unit vectors to the inner side: that of the armpit."""
    turn: float
    """1 on the left of the picture, -1 on the right: which way the normals are turned from the bone."""
    elbow: float
    wrist: float

    def at(self, a: Array, w: Array) -> Array:
        """Arm coordinates to the person's frame; straight on beyond the ends."""
        first, last = self.lengths[0], self.lengths[-1]
        held = np.clip(a, first, last)
        point = np.stack([np.interp(held, self.lengths, self.points[:, k]) for k in (0, 1)], axis=-1)
        normal = np.stack([np.interp(held, self.lengths, self.normals[:, k]) for k in (0, 1)], axis=-1)
        normal /= np.maximum(np.hypot(normal[..., 0], normal[..., 1])[..., None], 1e-9)
        along = self.turn * np.stack([-normal[..., 1], normal[..., 0]], axis=-1)
        placed: Array = point + normal * w[..., None] + along * (a - held)[..., None]
        return placed

    def place_of(self, a: Array) -> Array:
        """Distances to shares of the arm: 0 shoulder, 0.5 elbow, 1 wrist."""
        places: Array = np.interp(a, [0.0, self.elbow, max(self.wrist, self.elbow + 1)], [0.0, 0.5, 1.0])
        return places


def bone_of(arm: Arm, body: Body, side: SideName) -> Bone:
    """Rounded bone of one arm, continued straight beyond shoulder and wrist."""
    unit = body.shoulder_width
    upper, fore = arm.elbow - arm.shoulder, arm.wrist - arm.elbow
    upper_length, fore_length = float(np.hypot(*upper)), float(np.hypot(*fore))
    # An arm that points at the camera has no direction of its own: the shorter, the more it is taken to hang.
    start = unit_vector(upper - body.up * max(0.0, 0.4 * unit - upper_length))
    end = unit_vector(fore + start * max(0.0, 0.3 * unit - fore_length))
    corners = [arm.shoulder - start * _BEYOND * unit, arm.shoulder, arm.elbow, arm.wrist]
    corners.append(arm.wrist + end * _BEYOND * unit)
    path = np.array(corners)
    distances = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))]) - _BEYOND * unit
    count = 240
    lengths = np.linspace(distances[0], distances[-1], count)
    points = np.stack([np.interp(lengths, distances, path[:, k]) for k in (0, 1)], axis=-1)
    sigma = _ROUND * unit / max(lengths[1] - lengths[0], 1e-6)
    points = smoothed(points, sigma)
    tangents = np.gradient(points, axis=0)
    tangents /= np.maximum(np.hypot(tangents[:, 0], tangents[:, 1])[:, None], 1e-9)
    turn = 1.0 if side == "left" else -1.0
    normals = turn * np.stack([tangents[:, 1], -tangents[:, 0]], axis=-1)
    return Bone(
        lengths=lengths,
        points=points,
        normals=normals,
        turn=turn,
        elbow=upper_length,
        wrist=upper_length + fore_length,
    )


def arm_coordinates(point: Vec, arm: Arm, bone: Bone) -> Vec:
    """``(a, w)`` of a point near the shoulder, in the frame of the upper arm."""
    k = int(np.argmin(np.abs(bone.lengths - 0.3 * bone.elbow)))
    normal = bone.normals[k]
    along = bone.points[k + 1] - bone.points[k]
    offset = point - arm.shoulder
    return np.array([offset @ unit_vector(along), offset @ normal])


def smoothed(values: Array, sigma: float) -> Array:
    """Gaussian along the first axis; ends are continued by point reflection so that they stay in place."""
    radius = min(int(3 * sigma) + 1, len(values) - 1)
    if radius < 1:
        return values
    before = 2 * values[0] - values[radius:0:-1]
    after = 2 * values[-1] - values[-2 : -radius - 2 : -1]
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(sigma, 1e-6)) ** 2)
    kernel /= kernel.sum()
    padded = np.concatenate([before, values, after])
    return np.stack([np.convolve(padded[:, k], kernel, "valid") for k in range(values.shape[1])], axis=-1)


def unit_vector(vector: Vec) -> Vec:
    return vector / max(float(np.hypot(*vector)), 1e-9)
