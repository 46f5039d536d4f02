"""A drawn person whose joints, silhouette and labels are known exactly, for tests without models."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from preprocess.pose import face_region
from preprocess.types import BASIC_LABELS, Frame, LabelMap, Mask, Person, Photo, Points, Pose

WIDTH, HEIGHT = 192, 288
FRAME = Frame.whole(WIDTH, HEIGHT)
MIDDLE = WIDTH / 2
SHOULDERS, HIPS = 80.0, 140.0

# The person's own left half, which the viewer sees at the right; x from the middle of the body.
JOINTS = {
    **{0: (0, 46), 1: (4, 42), 2: (5, 42), 3: (7, 42), 7: (13, 45), 9: (4, 54), 11: (21, SHOULDERS)},
    **{13: (26, 112), 15: (30, 140), 17: (33, 150), 19: (30, 150), 21: (28, 146)},
    **{23: (12, HIPS), 25: (13, 192), 27: (14, 244), 29: (14, 250), 31: (17, 258)},
}
RIGHT_OF = {0: 0, 1: 4, 2: 5, 3: 6, 7: 8, 9: 10, **{k: k + 1 for k in range(11, 33, 2)}}
"""Joint of the left -> the same joint of the right, as ``blaze33`` numbers them."""


def joints() -> Points:
    points = np.zeros((33, 2), np.float32)
    for index, (x, y) in JOINTS.items():
        points[RIGHT_OF[index]] = MIDDLE - x, y
        points[index] = MIDDLE + x, y
    return points


def figure(
    *,
    points: Points | None = None,
    depth: dict[int, float] | None = None,
    skirt: int = 0,
    behind: bool = False,
) -> Person:
    """Somebody in a sleeveless top and shorts who faces the camera, ``192x288``, one unit of body 60 px.

    ``points`` moves joints, ``depth`` pushes some of them away from the camera, ``skirt`` is how many pixels
    the lower clothes stand out, ``behind`` shows the back.
    """
    at = joints() if points is None else points
    if behind:  # the person's own left is now on the viewer's left; nose farther away than the ears
        at = np.column_stack([WIDTH - at[:, 0], at[:, 1]]).astype(np.float32)
    z = np.zeros(33, np.float32)
    z[0] = 8.0 if behind else -8.0
    for index, value in (depth or {}).items():
        z[index] = value
    pose = Pose(tag="blaze33", frame=FRAME, points=at, visibility=np.ones(33, np.float32), depth=z, score=1.0)
    labels = _labels(at, skirt)
    soft = np.eye(len(BASIC_LABELS), dtype=np.float16)[labels]
    image = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    image[labels > 0] = 90
    return Person(
        photo=Photo(rgb=image, sha256="0" * 64, format="PNG"),
        frame=FRAME,
        image=image,
        pose=pose,
        face=replace(face_region(pose), visible=not behind),
        matte=Mask(tag="matte", frame=FRAME, alpha=(labels > 0).astype(np.float32)),
        parsing=LabelMap(
            tag="basic",
            frame=FRAME,
            labels=labels,
            soft=soft,
            confidence={BASIC_LABELS[k]: 0.9 for k in np.unique(labels)},
        ),
        waist=0.9,
        waist_confidence=1.0,
    )


def _labels(at: Points, skirt: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    middle = int(MIDDLE)
    for side in (0, 1):
        _limb(canvas, at, [23 + side, 25 + side, 27 + side], 16, "legs")
        _limb(canvas, at, [27 + side, 31 + side], 10, "shoes")
    hips = np.array(
        [[middle - 22, 128], [middle + 22, 128], [middle + 24 + skirt, 186], [middle - 24 - skirt, 186]]
    )
    cv2.fillConvexPoly(canvas, hips.astype(np.int32), _value("lower"))
    cv2.rectangle(canvas, (middle - 7, 56), (middle + 7, 82), _value("neck"), -1)
    top = np.array(
        [[middle - 24, 76], [middle + 24, 76], [middle + 19, 116], [middle + 20, 134], [middle - 20, 134]]
    )
    top = np.vstack([top, [[middle - 19, 116]]])
    cv2.fillPoly(canvas, [top.astype(np.int32)], _value("upper"))
    cv2.ellipse(canvas, (middle, 38), (16, 22), 0, 0, 360, _value("hair"), -1)
    cv2.ellipse(canvas, (middle, 46), (12, 16), 0, 0, 360, _value("face"), -1)
    for side, name in ((0, "left_arm"), (1, "right_arm")):
        _limb(canvas, at, [11 + side, 13 + side, 15 + side], 11, name)
        _limb(canvas, at, [15 + side, 19 + side], 10, "hands")
    return canvas


def _limb(canvas: np.ndarray, at: Points, indices: list[int], width: int, name: str) -> None:
    line = np.round(at[indices]).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(canvas, [line], False, _value(name), width)


def _value(name: str) -> int:
    return BASIC_LABELS.index(name)


def mirror(person: Person) -> Person:
    """The same person seen in a mirror: what was left is right."""
    width = person.frame.width
    others = [RIGHT_OF.get(k, 0) for k in range(33)]
    for left, right in RIGHT_OF.items():
        others[right] = left
    points = person.pose.points[others] * (-1, 1) + (width, 0)
    pose = replace(
        person.pose,
        points=points.astype(np.float32),
        visibility=person.pose.visibility[others],
        depth=person.pose.depth[others],
    )
    names = {"left_arm": "right_arm", "right_arm": "left_arm"}
    swap = np.array([BASIC_LABELS.index(names.get(name, name)) for name in BASIC_LABELS])
    parsing = person.parsing
    return replace(
        person,
        image=person.image[:, ::-1].copy(),
        pose=pose,
        face=replace(face_region(pose), visible=person.face.visible),
        matte=replace(person.matte, alpha=person.matte.alpha[:, ::-1].copy()),
        parsing=replace(
            parsing,
            labels=swap[parsing.labels[:, ::-1]].astype(np.uint8),
            soft=parsing.soft[:, ::-1][..., swap].copy(),
        ),
    )
