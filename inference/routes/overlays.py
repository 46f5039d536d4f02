"""Pictures that show an artefact to a person."""

from __future__ import annotations

import cv2
import numpy as np

from preprocess.types import Pose, Rgb

LIMBS = {
    "coco18": "0-1 1-2 2-3 3-4 1-5 5-6 6-7 1-8 8-9 9-10 1-11 11-12 12-13 0-14 0-15 14-16 15-17",
    "body25": "0-1 1-2 2-3 3-4 1-5 5-6 6-7 1-8 8-9 9-10 10-11 8-12 12-13 13-14 0-15 15-17 0-16 16-18 "
    "11-22 14-19",
    "blaze33": "0-2 2-7 0-5 5-8 11-12 11-13 13-15 15-19 12-14 14-16 16-20 11-23 12-24 23-24 23-25 25-27 "
    "27-31 24-26 26-28 28-32",
}
"""Joints that a bone connects, by convention."""

MIN_VISIBILITY = 0.3
BONE = (255, 190, 0)
JOINT = (220, 0, 90)


def draw_pose(image: Rgb, pose: Pose) -> Rgb:
    """A copy of ``image`` (in the pose's frame) with bones and joints; hidden joints are left out."""
    canvas = np.ascontiguousarray(image.copy())
    width = max(1, round(image.shape[0] / 300))
    seen = pose.visibility >= MIN_VISIBILITY
    points = [(int(x), int(y)) for x, y in pose.points]
    for bone in LIMBS[pose.tag].split():
        start, end = (int(joint) for joint in bone.split("-"))
        if seen[start] and seen[end]:
            cv2.line(canvas, points[start], points[end], BONE, width, cv2.LINE_AA)
    for point, visible in zip(points, seen, strict=True):
        if visible:
            cv2.circle(canvas, point, 2 * width, JOINT, -1, cv2.LINE_AA)
    return canvas
