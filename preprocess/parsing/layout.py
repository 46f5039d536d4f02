"""Where the body parts should be: distance fields of the skeleton on the working grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from preprocess.types import Alpha, FaceRegion, Points, Pose

LEFT_SHOULDER, RIGHT_SHOULDER = 11, 12
LEFT_HIP, RIGHT_HIP = 23, 24
STERNUM = 0.2
"""Torso lengths below the shoulder line that usual necklines show."""
SHOULDER_LINE = 1.2
"""The shoulders count as a little farther away than they are: collars cover them more often than the
throat."""
FINGERS = 1.3
"""Reach of the fingers over that of the knuckles, which is where the pose's landmarks lie."""
MIN_SHOULDERS = 0.42
"""Shoulder width over torso length is never taken below this: a turned body keeps its yardstick."""

Vec = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Fields ``float32 (h, w)`` on the working grid; pairs are (own left, own right).

    Distances are in shoulder widths; ``along`` is 0 on the shoulder line and 1 on the hip line, ``across``
    is -1 on the own right and +1 on the own left shoulder joint (mirrored for back views).
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
    """From chin to breastbone and shoulder to shoulder: where bare skin shows above a top."""
    shoulder_width: float
    """In working pixels."""
    visibility: NDArray[np.float32]
    face_visible: bool


def layout(pose: Pose, face: FaceRegion, shape: tuple[int, int], scale: float) -> Layout:
    """Fields for a working grid of ``shape``; ``scale`` maps frame pixels to working pixels."""
    points = (pose.points * scale).astype(np.float32)
    shoulders = (points[LEFT_SHOULDER] + points[RIGHT_SHOULDER]) / 2
    spine = (points[LEFT_HIP] + points[RIGHT_HIP]) / 2 - shoulders
    length = max(float(np.hypot(*spine)), 1.0)
    apart = points[LEFT_SHOULDER] - points[RIGHT_SHOULDER]
    unit = max(float(np.hypot(*apart)), MIN_SHOULDERS * length)
    across = np.array([spine[1], -spine[0]], np.float32) / length
    grid = _Grid(shape, points, unit)
    head_x, head_y = grid.head(face, scale)
    chin = np.array(face.chin, np.float32) * scale
    neckline = grid.bone(chin, shoulders + STERNUM * spine)
    return Layout(
        along=grid.position(shoulders, spine / length) * (unit / length),
        across=grid.position(shoulders, across if across @ apart >= 0 else -across) * 2,
        face=np.hypot(head_y, head_x * (face.half_height / max(face.half_width, 1e-3))),
        head_x=head_x,
        head_y=head_y,
        arm=grid.pair(11, 13, 15),
        forearm=grid.pair(13, 15),
        hand=(grid.hand(0), grid.hand(1)),
        beyond_wrist=(grid.beyond_wrist(0), grid.beyond_wrist(1)),
        leg=grid.pair(23, 25, 27),
        thigh=grid.pair(23, 25),
        foot=grid.pair(29, 31),
        beyond_ankle=(grid.beyond_ankle(0), grid.beyond_ankle(1)),
        neck=np.minimum(neckline, SHOULDER_LINE * grid.bone(points[LEFT_SHOULDER], points[RIGHT_SHOULDER])),
        shoulder_width=unit,
        visibility=pose.visibility,
        face_visible=face.visible,
    )


class _Grid:
    """Pixel centres and the joints among them; every distance comes out in shoulder widths."""

    def __init__(self, shape: tuple[int, int], points: Points, unit: float) -> None:
        self.x = np.arange(shape[1], dtype=np.float32)[None] + 0.5
        self.y = np.arange(shape[0], dtype=np.float32)[:, None] + 0.5
        self.points = points
        self.unit = unit

    def position(self, origin: Vec, direction: Vec) -> Alpha:
        """Signed distance from ``origin`` along a unit ``direction``."""
        x, y = (self.x - origin[0]) * direction[0], (self.y - origin[1]) * direction[1]
        return np.asarray((x + y) / self.unit, dtype=np.float32)

    def bone(self, *joints: Vec) -> Alpha:
        """Distance to the polyline through ``joints``."""
        parts = [self._segment(start, end) for start, end in pairwise(joints)]
        return np.asarray(np.minimum.reduce(parts) / self.unit, dtype=np.float32)

    def pair(self, *joints: int) -> tuple[Alpha, Alpha]:
        """Distances to the polyline through the own left joints, and their right neighbours."""
        left, right = (self.bone(*(self.points[joint + side] for joint in joints)) for side in (0, 1))
        return left, right

    def hand(self, side: int) -> Alpha:
        """Distance to wrist, thumb, and the knuckles of index and little finger and a bit beyond."""
        wrist, pinky, index, thumb = (self.points[joint + side] for joint in (15, 17, 19, 21))
        tips = (wrist + (pinky - wrist) * FINGERS, wrist + (index - wrist) * FINGERS, thumb)
        return np.asarray(np.minimum.reduce([self.bone(wrist, tip) for tip in tips]), dtype=np.float32)

    def beyond_wrist(self, side: int) -> Alpha:
        wrist = self.points[15 + side]
        return self.position(wrist, _unit((self.points[17 + side] + self.points[19 + side]) / 2 - wrist))

    def beyond_ankle(self, side: int) -> Alpha:
        ankle = self.points[27 + side]
        return self.position(ankle, _unit(ankle - self.points[25 + side]))

    def head(self, face: FaceRegion, scale: float) -> tuple[Alpha, Alpha]:
        """Position from the face's centre, across and towards the chin, over the face's half height."""
        centre, down = np.array(face.centre, np.float32) * scale, np.array(face.down, np.float32)
        size = self.unit / max(face.half_height * scale, 1.0)
        side = np.array([down[1], -down[0]], np.float32)
        return self.position(centre, side) * size, self.position(centre, down) * size

    def _segment(self, start: Vec, end: Vec) -> Alpha:
        """Distance to a line segment in working pixels."""
        dx, dy = float(end[0] - start[0]), float(end[1] - start[1])
        t = ((self.x - start[0]) * dx + (self.y - start[1]) * dy) / max(dx * dx + dy * dy, 1e-6)
        t = np.clip(t, 0.0, 1.0)
        return np.asarray(np.hypot(self.x - start[0] - t * dx, self.y - start[1] - t * dy), dtype=np.float32)


def _unit(vector: Vec) -> Vec:
    return np.asarray(vector / max(float(np.hypot(*vector)), 1e-6), dtype=np.float32)
