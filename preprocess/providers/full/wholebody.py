"""Pose by DWPose (Yang et al., "Effective Whole-body Pose Estimation with Two-stages Distillation", 2023).

Signature: one input ``float32 (1, 3, 384, 288)``, RGB, ImageNet mean and deviation; two outputs, ``simcc_x``
``float32 (1, 133, 576)`` and ``simcc_y`` ``(1, 133, 768)``: for each of COCO-WholeBody's 133 points how
likely each half pixel of the input is its column and its row (SimCC, Li et al., ECCV 2022, split ratio 2).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.geometry import Box
from preprocess.providers.full.body import body_box, coco18
from preprocess.providers.full.network import OneNetwork, Shape, Tensor
from preprocess.types import Person, Points, Pose, Rgb

WIDTH, HEIGHT = 288, 384
SHAPE: Shape = (1, 3, HEIGHT, WIDTH)
OUTPUTS = 2
SPLIT = 2
"""Bins of an output per pixel of the input."""
PADDING = 1.25
"""Of the person's box: how the network was trained (mmpose, ``GetBBoxCenterScale``)."""
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)
LEAST = 0.3
"""Confidence below which DWPose's own demo leaves a point out."""

LEFT_SHOULDER, RIGHT_SHOULDER = 5, 6
COCO17 = (0, 6, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""COCO's point for each of OpenPose's 18; number 1, the neck, is made of both shoulders."""


class WholeBody(OneNetwork):
    takes = SHAPE
    gives = OUTPUTS

    def __call__(self, person: Person) -> Pose:
        """``coco18`` in the person's frame: of ours, whoever else is in the picture."""
        to_input = input_transform(body_box(person))
        simcc_x, simcc_y = self.network(batch(person.image, to_input))[:2]
        inside, confidence = decode(simcc_x[0], simcc_y[0])
        picture = (inside - to_input[:, 2]) / to_input[0, 0] + 0.5  # index of a pixel to its centre
        points, confidence = as_openpose(picture.astype(np.float32), confidence)
        return coco18(person, points, confidence, LEAST)


def input_transform(box: Box) -> NDArray[np.float64]:
    """``(2, 3)``: pixel indices of the picture to those of the input; the padded box fills it."""
    width, height = max(box[2] - box[0], 1.0) * PADDING, max(box[3] - box[1], 1.0) * PADDING
    scale = min(WIDTH / width, HEIGHT / height)
    x, y = (box[0] + box[2]) / 2 - 0.5, (box[1] + box[3]) / 2 - 0.5
    return np.array([[scale, 0, WIDTH / 2 - scale * x], [0, scale, HEIGHT / 2 - scale * y]])


def batch(rgb: Rgb, to_input: NDArray[np.float64]) -> Tensor:
    """The picture seen through the input, ``float32 (1, 3, 384, 288)``, black beside it."""
    view = cv2.warpAffine(rgb, to_input, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    normal = (view.astype(np.float32) - MEAN) / STD
    return np.asarray(normal.transpose(2, 0, 1)[None], dtype=np.float32)


def decode(simcc_x: Tensor, simcc_y: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Pixel indices in the input ``(133, 2)`` and confidences ``(133,)`` 0..1: the lesser of both peaks."""
    points = np.stack([simcc_x.argmax(axis=1), simcc_y.argmax(axis=1)], axis=1) / SPLIT
    confidence = np.minimum(simcc_x.max(axis=1), simcc_y.max(axis=1))
    return points.astype(np.float32), np.clip(confidence, 0.0, 1.0).astype(np.float32)


def as_openpose(points: Points, confidence: NDArray[np.float32]) -> tuple[Points, NDArray[np.float32]]:
    """COCO-WholeBody's first 17 points as OpenPose's 18; a neck is as sure as the worse shoulder."""
    chosen = list(COCO17)
    body, sure = points[chosen], confidence[chosen]
    shoulders = [LEFT_SHOULDER, RIGHT_SHOULDER]
    body[1], sure[1] = points[shoulders].mean(axis=0), confidence[shoulders].min()
    return body, sure
