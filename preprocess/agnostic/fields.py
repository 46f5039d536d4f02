"""Where a pixel lies on the body: along the spine, beside a bone, at a distance from a region."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.pose import LEFT_HIP, LEFT_SHOULDER, RIGHT_HIP, RIGHT_SHOULDER
from preprocess.types import Alpha, Person

MIN_SHOULDERS = 0.42
"""Of the torso's length: the yardstick of a turned body."""


def spine(person: Person) -> tuple[Alpha, float]:
    """Position of every pixel along the spine (0 = shoulder line, 1 = hip line), and the shoulder width in
    pixels."""
    left, right, left_hip, right_hip = person.pose.points[
        [LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP]
    ]
    top = (left + right) / 2
    down = (left_hip + right_hip) / 2 - top
    length = max(float(np.hypot(*down)), 1.0)
    height, width = person.image.shape[:2]
    x = np.arange(width, dtype=np.float32)[None] + 0.5 - top[0]
    y = np.arange(height, dtype=np.float32)[:, None] + 0.5 - top[1]
    along = (x * down[0] + y * down[1]) / length**2
    return along.astype(np.float32), max(float(np.hypot(*(left - right))), MIN_SHOULDERS * length)


def bone_distance(person: Person, start: int, end: int) -> Alpha:
    """``float32 (H, W)`` pixels from the line between two landmarks of the ``blaze33`` pose."""
    a, b = person.pose.points[start], person.pose.points[end]
    height, width = person.image.shape[:2]
    x = np.arange(width, dtype=np.float32)[None] + 0.5 - a[0]
    y = np.arange(height, dtype=np.float32)[:, None] + 0.5 - a[1]
    dx, dy = float(b[0] - a[0]), float(b[1] - a[1])
    t = np.clip((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-6), 0.0, 1.0)
    return np.asarray(np.hypot(x - t * dx, y - t * dy), dtype=np.float32)


def past(person: Person, start: int, end: int) -> Alpha:
    """``float32 (H, W)`` pixels beyond landmark ``end``, going on in the direction from ``start``."""
    a, b = person.pose.points[start], person.pose.points[end]
    way = (b - a) / max(float(np.hypot(*(b - a))), 1e-6)
    height, width = person.image.shape[:2]
    x = np.arange(width, dtype=np.float32)[None] + 0.5 - b[0]
    y = np.arange(height, dtype=np.float32)[:, None] + 0.5 - b[1]
    return np.asarray(x * way[0] + y * way[1], dtype=np.float32)


def distance_to(mask: NDArray[np.bool_]) -> Alpha:
    """``float32 (H, W)`` pixels from the nearest pixel of the mask, 0 on it."""
    outside = (~mask).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), dtype=np.float32)


def step(x: Alpha, width: float) -> Alpha:
    """Linear ramp of a ``width`` from 0 to 1, one half at 0."""
    return np.asarray(np.clip(x / width + 0.5, 0.0, 1.0), dtype=np.float32)
