"""Where the body parts should be: distance fields of the skeleton on the working grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preprocess.types import Alpha, FaceRegion, Points, Pose

LEFT_SHOULDER, RIGHT_SHOULDER = 11, 12
LEFT_HIP, RIGHT_HIP = 23, 24
MIN_SHOULDERS = 0.42
"""Shoulder width over torso length is never taken below this: a turned body keeps its yardstick."""

Vec = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Fields ``float32 (h, w)`` on the working grid; pairs are (own left, own right).

    Distances are in shoulder widths; ``along`` is 0 on the shoulder line and 1 on the hip line, ``across`` is -1 on
    the own right and +1 on the own left shoulder joint (mirrored for back views).
    """

    along: Alpha
    across: Alpha
    face: Alpha
    """1 on the face ellipse, 0 in its centre."""
    head_x: Alpha
    head_y: Alpha
    """Position over the face's half height, from the face centre; y towards the chin (about +1)."""
    arm: tuple[Alpha, Alpha]
    forearm: tuple[Alpha, Alpha]
    hand: tuple[Alpha, Alpha]
    beyond_wrist: tuple[Alpha, Alpha]
    """Signed distance past the wrist, along the hand."""
    leg: tuple[Alpha, Alpha]
    thigh: tuple[Alpha, Alpha]
    foot: tuple[Alpha, Alpha]
    beyond_ankle: tuple[Alpha, Alpha]
    neck: Alpha
    shoulder_width: float
    """In working pixels."""
    visibility: NDArray[np.float32]
    face_visible: bool


def layout(pose: Pose, face: FaceRegion, shape: tuple[int, int], scale: float) -> Layout:
    """Fields for a working grid of ``shape``; ``scale`` maps frame pixels to working pixels."""
    points = (pose.points * scale).astype(np.float32)
    height, width = shape
    grid_x, grid_y = np.meshgrid(
        np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32) + 0.5
    )
    shoulders = (points[LEFT_SHOULDER] + points[RIGHT_SHOULDER]) / 2
    hips = (points[LEFT_HIP] + points[RIGHT_HIP]) / 2
    spine = hips - shoulders
    length = max(float(np.hypot(*spine)), 1.0)
    unit = max(float(np.hypot(*(points[LEFT_SHOULDER] - points[RIGHT_SHOULDER]))), MIN_SHOULDERS * length)
    down = spine / length
    side = np.array([down[1], -down[0]], np.float32)  # to the right of the picture
    if side @ (points[LEFT_SHOULDER] - points[RIGHT_SHOULDER]) < 0:
        side = -side
    dx, dy = grid_x - shoulders[0], grid_y - shoulders[1]
    head_x, head_y, radius = _face_fields(face, scale, grid_x, grid_y)
    chin = np.array(face.chin, np.float32) * scale

    def bone(*joints: Vec) -> Alpha:
        parts = [_segment(grid_x, grid_y, a, b) for a, b in zip(joints, joints[1:], strict=False)]
        return np.minimum.reduce(parts) / unit

    def limb(first: int, second: int, third: int) -> tuple[Alpha, Alpha]:
        left, right = (bone(points[first + s], points[second + s], points[third + s]) for s in (0, 1))
        return left, right

    def past(start: int, ends: tuple[int, ...]) -> tuple[Alpha, Alpha]:
        left, right = (
            _past(grid_x, grid_y, points[start + s], _mean(points, ends, s)) / unit for s in (0, 1)
        )
        return left, right

    return Layout(
        along=(dx * down[0] + dy * down[1]) / length,
        across=(dx * side[0] + dy * side[1]) / (unit / 2),
        face=radius,
        head_x=head_x,
        head_y=head_y,
        arm=limb(11, 13, 15),
        forearm=(bone(points[13], points[15]), bone(points[14], points[16])),
        hand=(_hand(bone, points, 0), _hand(bone, points, 1)),
        beyond_wrist=past(15, (17, 19)),
        leg=limb(23, 25, 27),
        thigh=(bone(points[23], points[25]), bone(points[24], points[26])),
        foot=(bone(points[29], points[31]), bone(points[30], points[32])),
        beyond_ankle=_below_ankles(grid_x, grid_y, points, unit),
        neck=bone(chin, shoulders),
        shoulder_width=unit,
        visibility=pose.visibility,
        face_visible=face.visible,
    )


def _face_fields(face: FaceRegion, scale: float, grid_x: Alpha, grid_y: Alpha) -> tuple[Alpha, Alpha, Alpha]:
    down = np.array(face.down, np.float32)
    dx, dy = grid_x - face.centre[0] * scale, grid_y - face.centre[1] * scale
    half = max(face.half_height * scale, 1.0)
    head_y = (dx * down[0] + dy * down[1]) / half
    head_x = (dx * down[1] - dy * down[0]) / half
    aspect = face.half_height / max(face.half_width, 1e-3)
    return head_x, head_y, np.hypot(head_y, head_x * aspect)


def _hand(bone: object, points: Points, side: int) -> Alpha:
    """Distance to the hand: wrist to the knuckles of index and little finger, and 30 % beyond."""
    wrist, pinky, index, thumb = (points[i + side] for i in (15, 17, 19, 21))
    reach = [wrist + (tip - wrist) * 1.3 for tip in (pinky, index)]
    assert callable(bone)
    fields: list[Alpha] = [bone(wrist, tip) for tip in (*reach, thumb)]
    return np.minimum.reduce(fields)


def _below_ankles(grid_x: Alpha, grid_y: Alpha, points: Points, unit: float) -> tuple[Alpha, Alpha]:
    """Signed distance past the ankle, along the shin."""
    left, right = (
        _past(grid_x, grid_y, points[27 + s], 2 * points[27 + s] - points[25 + s]) / unit for s in (0, 1)
    )
    return left, right


def _mean(points: Points, joints: tuple[int, ...], side: int) -> Vec:
    return np.mean([points[j + side] for j in joints], axis=0, dtype=np.float32)


def _segment(grid_x: Alpha, grid_y: Alpha, start: Vec, end: Vec) -> Alpha:
    """Distance to a line segment in working pixels."""
    dx, dy = float(end[0] - start[0]), float(end[1] - start[1])
    t = ((grid_x - start[0]) * dx + (grid_y - start[1]) * dy) / max(dx * dx + dy * dy, 1e-6)
    t = np.clip(t, 0.0, 1.0)
    return np.asarray(np.hypot(grid_x - start[0] - t * dx, grid_y - start[1] - t * dy), dtype=np.float32)


def _past(grid_x: Alpha, grid_y: Alpha, start: Vec, towards: Vec) -> Alpha:
    """Signed distance beyond ``start`` in the direction of ``towards``."""
    direction = towards - start
    direction = direction / max(float(np.hypot(*direction)), 1e-6)
    return np.asarray(
        ((grid_x - start[0]) * direction[0] + (grid_y - start[1]) * direction[1]), dtype=np.float32
    )
