"""Body landmarks between conventions, and the face region that follows from them.

``blaze33`` is MediaPipe's BlazePose order, ``coco18`` and ``body25`` are OpenPose's. BODY_25 taken for
COCO-18 puts hips where knees belong without any error, hence adapters that know both tags or refuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from preprocess.types import FaceRegion, Pose

NOSE = 0
LEFT_EYE, RIGHT_EYE = 2, 5
LEFT_EAR, RIGHT_EAR = 7, 8
MOUTH_LEFT, MOUTH_RIGHT = 9, 10
LEFT_SHOULDER, RIGHT_SHOULDER = 11, 12
LEFT_ELBOW, RIGHT_ELBOW = 13, 14
LEFT_WRIST, RIGHT_WRIST = 15, 16
LEFT_HIP, RIGHT_HIP = 23, 24
LEFT_KNEE, RIGHT_KNEE = 25, 26
LEFT_ANKLE, RIGHT_ANKLE = 27, 28
LEFT_HEEL, RIGHT_HEEL = 29, 30
LEFT_TOE, RIGHT_TOE = 31, 32
"""Indices of ``blaze33``; left and right are the person's own."""

_NECK = (LEFT_SHOULDER, RIGHT_SHOULDER)  # a pair stands for its middle
_MID_HIP = (LEFT_HIP, RIGHT_HIP)
_RIGHT_ARM = (RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST)
_LEFT_ARM = (LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST)
_RIGHT_LEG = (RIGHT_HIP, RIGHT_KNEE, RIGHT_ANKLE)
_LEFT_LEG = (LEFT_HIP, LEFT_KNEE, LEFT_ANKLE)
_HEAD = (RIGHT_EYE, LEFT_EYE, RIGHT_EAR, LEFT_EAR)

# The nose, three points of each eye, then pairs of left and right.
_MIRRORED = [0, 4, 5, 6, 1, 2, 3, *(k + 1 if k % 2 else k - 1 for k in range(7, 33))]

Source = int | tuple[int, int] | None
"""One landmark, the middle of two, or None where BlazePose has no such joint."""

_COCO18: tuple[Source, ...] = (NOSE, _NECK, *_RIGHT_ARM, *_LEFT_ARM, *_RIGHT_LEG, *_LEFT_LEG, *_HEAD)
# BlazePose knows one point at the toes: the big toe; the small one stays unknown.
_BODY25: tuple[Source, ...] = (
    *(NOSE, _NECK, *_RIGHT_ARM, *_LEFT_ARM, _MID_HIP, *_RIGHT_LEG, *_LEFT_LEG, *_HEAD),
    *(LEFT_TOE, None, LEFT_HEEL, RIGHT_TOE, None, RIGHT_HEEL),
)

# Proportions of a face along its axis, in units of the distance from the eyes to the mouth measured on
# the rendered samples: chin 1.9 to 2.2, hairline .7 to .9).
FOREHEAD = 0.85
CHIN = 1.9
LEAST_WIDTH = 0.62  # of the half height: a face seen from the side
MIN_VISIBILITY = 0.5


def convert(pose: Pose, tag: Literal["blaze33", "coco18", "body25"]) -> Pose:
    """The same body in another convention; joints that BlazePose does not know get visibility 0.

    Raises ``ValueError`` for pairs of conventions that have no adapter.
    """
    if pose.tag == tag:
        return pose
    tables = {"coco18": _COCO18, "body25": _BODY25}
    if pose.tag != "blaze33" or tag not in tables:
        raise ValueError(f"no adapter from {pose.tag!r} to {tag!r}; there are blaze33 to {', '.join(tables)}")
    sources = tables[tag]
    known = np.array([source is not None for source in sources], np.float32)
    pairs = np.array([_pair(source) for source in sources])
    return Pose(
        tag=tag,
        frame=pose.frame,
        points=pose.points[pairs].mean(axis=1) * known[:, None],
        visibility=pose.visibility[pairs].min(axis=1) * known,
        depth=pose.depth[pairs].mean(axis=1) * known,
        score=pose.score,
    )


def _pair(source: Source) -> tuple[int, int]:
    if isinstance(source, tuple):
        return source
    return (source or 0, source or 0)


def seen_from_behind(pose: Pose) -> bool:
    """The person's own left shoulder is on the viewer's left, and the nose is farther away than the ears."""
    _require_blaze(pose)
    nose_behind = pose.depth[NOSE] > pose.depth[[LEFT_EAR, RIGHT_EAR]].mean()
    mirrored = pose.points[LEFT_SHOULDER, 0] < pose.points[RIGHT_SHOULDER, 0]
    return bool(mirrored and nose_behind)


def facing_front(pose: Pose) -> Pose:
    """The same joints with left and right exchanged where the pose is a back view.

    Without a head in the picture nothing tells front from back, and the model's guess changes with every
    small shift; almost all such photos are fashion shots cut off at the chin.
    """
    _require_blaze(pose)
    if pose.points[LEFT_SHOULDER, 0] >= pose.points[RIGHT_SHOULDER, 0]:
        return pose
    return replace(
        pose,
        points=pose.points[_MIRRORED],
        visibility=pose.visibility[_MIRRORED],
        depth=-pose.depth[_MIRRORED],
    )


def face_region(pose: Pose) -> FaceRegion:
    """Ellipse over the face from ``blaze33`` landmarks, not visible when hidden or seen from behind."""
    _require_blaze(pose)
    eyes = _middle(pose, (LEFT_EYE, RIGHT_EYE))
    mouth = _middle(pose, (MOUTH_LEFT, MOUTH_RIGHT))
    axis = mouth - eyes
    length = max(float(np.hypot(*axis)), 1e-3)
    down = axis / length
    across = np.array([-down[1], down[0]])
    sides = (pose.points[[NOSE, LEFT_EYE, RIGHT_EYE, LEFT_EAR, RIGHT_EAR]] - eyes) @ across
    half_height = (FOREHEAD + CHIN) / 2 * length
    half_width = max(float(np.ptp(sides)) / 2, LEAST_WIDTH * half_height)
    centre = eyes + down * (CHIN - FOREHEAD) / 2 * length + across * (sides.max() + sides.min()) / 2
    chin = eyes + down * CHIN * length
    parts = [NOSE, LEFT_EYE, RIGHT_EYE, MOUTH_LEFT, MOUTH_RIGHT]
    seen = float(np.median(pose.visibility[parts])) >= MIN_VISIBILITY
    return FaceRegion(
        frame=pose.frame,
        centre=(float(centre[0]), float(centre[1])),
        half_width=half_width,
        half_height=half_height,
        down=(float(down[0]), float(down[1])),
        chin=(float(chin[0]), float(chin[1])),
        visible=seen and not seen_from_behind(pose),
    )


def _middle(pose: Pose, indices: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.asarray(pose.points[list(indices)].mean(axis=0), dtype=np.float32)


def _require_blaze(pose: Pose) -> None:
    if pose.tag != "blaze33":
        raise ValueError(f"needs a pose of convention 'blaze33', got {pose.tag!r}")
