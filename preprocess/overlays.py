"""Artefacts drawn over their image, to be looked at; all pictures are ``uint8 (H, W, 3)`` RGB."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.pose import MIN_VISIBILITY
from preprocess.types import LABELS, Alpha, FaceRegion, Garment, LabelMap, Points, Pose, Rgb

Colour = tuple[int, int, int]

LABEL_COLOURS: tuple[Colour, ...] = (
    *((0, 0, 0), (120, 70, 20), (255, 200, 150), (255, 150, 120), (230, 80, 180), (150, 90, 240)),
    *((255, 230, 60), (60, 140, 255), (40, 190, 120), (240, 120, 60), (130, 130, 130)),
)
"""One for each of the ``basic`` labels."""

SEEN, HIDDEN = (60, 220, 90), (230, 60, 60)
LEFT, RIGHT, MIDDLE = (255, 170, 40), (60, 170, 255), (240, 240, 240)

BONES = {
    "blaze33": (
        *((11, 12), (11, 23), (12, 24), (23, 24), (11, 13), (13, 15), (12, 14), (14, 16), (15, 19), (16, 20)),
        *(
            (23, 25),
            (25, 27),
            (27, 31),
            (24, 26),
            (26, 28),
            (28, 32),
            (0, 2),
            (0, 5),
            (2, 7),
            (5, 8),
            (9, 10),
        ),
    ),
    "coco18": (
        *(
            (1, 2),
            (2, 3),
            (3, 4),
            (1, 5),
            (5, 6),
            (6, 7),
            (1, 8),
            (8, 9),
            (9, 10),
            (1, 11),
            (11, 12),
            (12, 13),
        ),
        *((1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),
    ),
    "body25": (
        *(
            (1, 2),
            (2, 3),
            (3, 4),
            (1, 5),
            (5, 6),
            (6, 7),
            (1, 8),
            (8, 9),
            (9, 10),
            (10, 11),
            (8, 12),
            (12, 13),
        ),
        *((13, 14), (1, 0), (0, 15), (15, 17), (0, 16), (16, 18), (14, 19), (14, 21), (11, 22), (11, 24)),
    ),
}
"""Pairs of joints, by convention."""


def draw_pose(image: Rgb, pose: Pose) -> Rgb:
    """Bones in white, joints green where visible and red where not; unknown ones are left out."""
    canvas = image.copy()
    size = max(1, round(max(image.shape) / 250))
    for start, end in BONES[pose.tag]:
        if min(pose.visibility[start], pose.visibility[end]) >= MIN_VISIBILITY:
            cv2.line(canvas, _pixel(pose.points[start]), _pixel(pose.points[end]), MIDDLE, size, cv2.LINE_AA)
    for point, visibility in zip(pose.points, pose.visibility, strict=True):
        colour = SEEN if visibility >= MIN_VISIBILITY else HIDDEN
        if visibility > 0:
            cv2.circle(canvas, _pixel(point), size + 1, colour, -1, cv2.LINE_AA)
    return canvas


def draw_face(image: Rgb, face: FaceRegion) -> Rgb:
    """The face's ellipse and chin, red where the face is not visible."""
    canvas = image.copy()
    colour = SEEN if face.visible else HIDDEN
    angle = float(np.degrees(np.arctan2(face.down[1], face.down[0]))) - 90
    axes = (max(1, round(face.half_width)), max(1, round(face.half_height)))
    cv2.ellipse(canvas, _pixel(face.centre), axes, angle, 0, 360, colour, 2, cv2.LINE_AA)
    cv2.circle(canvas, _pixel(face.chin), 3, colour, -1, cv2.LINE_AA)
    return canvas


def palette(tag: str) -> NDArray[np.uint8]:
    """One colour for each label of a convention, ``(K, 3)``."""
    if tag == "basic":
        return np.array(LABEL_COLOURS, np.uint8)
    number = np.arange(len(LABELS[tag]))
    hue = number * (180 * 0.618) % 180  # golden ratio: neighbours in the list differ
    wheel = np.stack([hue, np.full_like(hue, 190), 255 - 60 * (number % 2)], axis=-1)
    colours = cv2.cvtColor(wheel[None].astype(np.uint8), cv2.COLOR_HSV2RGB)[0]
    colours[0] = 0
    return np.asarray(colours, dtype=np.uint8)


def draw_labels(image: Rgb, labels: LabelMap) -> Rgb:
    """Label colours over the picture, mixed by the soft memberships."""
    colours = labels.soft.astype(np.float32) @ palette(labels.tag).astype(np.float32)
    person = 1 - labels.weight("background")[..., None]
    blended = image * (1 - 0.6 * person) + colours * 0.6 * person
    return np.asarray(blended.round(), dtype=np.uint8)


def mixed(image: Rgb, picture: Rgb, where: NDArray[np.bool_]) -> Rgb:
    """Another picture of the same size laid over the image, half seen through."""
    blended = np.where(where[..., None], image * 0.45 + picture * 0.55, image)
    return np.asarray(blended.round(), dtype=np.uint8)


def draw_mask(image: Rgb, alpha: Alpha, colour: Colour = HIDDEN) -> Rgb:
    """A soft region tinted."""
    weight = alpha[..., None] * 0.55
    tinted = image * (1 - weight) + np.array(colour, np.float32) * weight
    return np.asarray(tinted.round(), dtype=np.uint8)


def draw_garment(garment: Garment) -> Rgb:
    """Cut-out tinted outside, landmarks and collar; orange is the viewer's left, blue the viewer's right."""
    canvas = draw_mask(garment.image, 1 - garment.alpha)
    marks = garment.landmarks
    if marks is not None:
        _curve(canvas, marks.sides[:, [1, 0]], LEFT)
        _curve(canvas, marks.sides[:, [2, 0]], RIGHT)
        for pair in (marks.neck, marks.shoulder, marks.armpit, marks.hem):
            cv2.circle(canvas, _pixel(pair.left), 5, LEFT, -1, cv2.LINE_AA)
            cv2.circle(canvas, _pixel(pair.right), 5, RIGHT, -1, cv2.LINE_AA)
        if marks.sleeves is not None:
            for sleeve, colour in ((marks.sleeves.left, LEFT), (marks.sleeves.right, RIGHT)):
                _curve(canvas, sleeve.outer, colour)
                _curve(canvas, sleeve.inner, colour)
    if garment.collar is not None:
        canvas = draw_mask(canvas, garment.collar.opening, SEEN)
        _curve(canvas, garment.collar.front, SEEN)
    return canvas


def _curve(canvas: Rgb, points: Points, colour: Colour) -> None:
    """Drawn into ``canvas``."""
    line = np.round(points - 0.5).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(canvas, [line], False, colour, 2, cv2.LINE_AA)


def _pixel(point: Sequence[float] | NDArray[np.float32]) -> tuple[int, int]:
    """Index of the pixel under a continuous point."""
    return int(np.floor(point[0])), int(np.floor(point[1]))
