"""Points of a whole picture's people narrowed to ours: what pose networks share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from preprocess.geometry import Box
from preprocess.pose import MIN_VISIBILITY
from preprocess.types import Person, Points, Pose


def body_box(person: Person) -> Box:
    """Box round the person's matte and visible landmarks, in pixels of the person's frame."""
    corners = [person.pose.points[person.pose.visibility >= MIN_VISIBILITY]]
    body = person.matte.alpha > 0.5
    rows, columns = np.flatnonzero(body.any(axis=1)), np.flatnonzero(body.any(axis=0))
    if len(rows):
        corners.append(np.array([[columns[0], rows[0]], [columns[-1] + 1, rows[-1] + 1]], np.float32))
    every = np.concatenate(corners)
    size = np.array([person.frame.width, person.frame.height])
    if not len(every):
        return 0.0, 0.0, float(size[0]), float(size[1])
    low, high = np.clip(every.min(axis=0), 0, size), np.clip(every.max(axis=0), 0, size)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def coco18(person: Person, points: Points, confidence: NDArray[np.float32], least: float) -> Pose:
    """A pose in the person's frame; points found with less than ``least`` are unknown: visibility 0, (0, 0).

    ``points`` ``(18, 2)`` in pixels of the frame, ``confidence`` ``(18,)`` 0..1.
    """
    known = confidence >= least
    return Pose(
        tag="coco18",
        frame=person.frame,
        points=(points * known[:, None]).astype(np.float32),
        visibility=(confidence * known).astype(np.float32),
        depth=np.zeros(18, np.float32),
        score=float(confidence[known].mean()) if known.any() else 0.0,
    )
