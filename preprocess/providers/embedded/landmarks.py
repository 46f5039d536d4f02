"""BlazePose landmarks (full) and its segmentation in a rotated square around the body.

Constants are those of MediaPipe 0.10.21, ``mediapipe/modules/pose_landmark/``
(``pose_detection_to_roi.pbtxt``, ``tensors_to_pose_landmarks_and_segmentation.pbtxt``).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.providers.base import Detection
from preprocess.providers.embedded.network import Network, sigmoid
from preprocess.types import Alpha, Points, Rgb

SIDE = 256
ROI_SCALE = 1.25  # the square is this much larger than the circle around the body
BODY_POINTS = 33
ALL_POINTS = 39  # 33 body points, the two points of the circle, four unused
HEAT_SIDE = 64
HEAT_RADIUS = 3  # kernel_size 7
MIN_HEAT = 0.5  # min_confidence_to_refine

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Roi:
    """The crop given to the landmark model: ``to_image`` is the affine map ``(2, 3)`` of its square."""

    to_image: NDArray[np.float64]
    pixel: float
    """Size of one crop pixel in image pixels."""

    def corners(self) -> NDArray[np.float64]:
        """``(4, 2)`` corners of the square in image pixels."""
        square = np.array([[0, 0], [SIDE, 0], [0, SIDE], [SIDE, SIDE]])
        return square @ self.to_image[:, :2].T + self.to_image[:, 2]


@dataclass(frozen=True, kw_only=True)
class Landmarks:
    points: Points
    depth: Floats
    visibility: Floats
    score: float
    circle: Points
    """``(2, 2)`` hip centre and reach, as in :class:`Detection`."""
    segmentation: Alpha
    """``(256, 256)`` in the crop."""
    roi: Roi


def roi_of(detection: Detection) -> Roi:
    """Upright square around the body's circle, turned so that the head is up."""
    hip = np.array(detection.hip)
    dx, dy = np.array(detection.reach) - hip
    pixel = 2 * ROI_SCALE * detection.radius / SIDE
    angle = np.arctan2(dx, -dy)  # 0 = the reach is straight above the hip
    cos, sin = np.cos(angle) * pixel, np.sin(angle) * pixel
    turn = np.array([[cos, -sin], [sin, cos]])
    shift = hip - turn @ np.full(2, SIDE / 2)
    return Roi(to_image=np.hstack([turn, shift[:, None]]), pixel=pixel)


def crop(rgb: Rgb, roi: Roi) -> Rgb:
    """``(256, 256, 3)`` of the picture; black where it ends (border_mode zero)."""
    # Big pictures are shrunk first: bilinear sampling of every fourth pixel would alias.
    factor = 1.0
    if roi.pixel > 2:
        factor = 1 / roi.pixel
        shrunk = cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        rgb = np.asarray(shrunk, dtype=np.uint8)
    to_pixels = _centred(np.vstack([roi.to_image * factor, [0, 0, 1]]))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(rgb, to_pixels, (SIDE, SIDE), flags=flags), dtype=np.uint8)


def as_batch(square: Rgb) -> Floats:
    """``uint8 (H, W, 3)`` to ``float32 (1, H, W, 3)`` in 0..1, as these models take it."""
    return square[None].astype(np.float32) / np.float32(255)


def uncrop(weights: Alpha, roi: Roi, size: tuple[int, int]) -> Alpha:
    """A map of the crop laid back onto the picture ``(width, height)``, 0 outside."""
    to_pixels = _centred(np.vstack([roi.to_image, [0, 0, 1]]))
    return np.asarray(cv2.warpAffine(weights, to_pixels, size, flags=cv2.INTER_LINEAR), dtype=np.float32)


def _centred(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map of continuous coordinates ``(3, 3)`` to one of pixel indices ``(2, 3)``: centres are at + 0.5."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return np.asarray((np.linalg.inv(half) @ matrix @ half)[:2])


def find_landmarks(network: Network, rgb: Rgb, roi: Roi) -> Landmarks:
    """Run the landmark model on one region of ``uint8 (H, W, 3)``."""
    outputs = network(as_batch(crop(rgb, roi)))
    rows = outputs["Identity"].reshape(ALL_POINTS, 5)  # x, y, z in crop pixels, visibility, presence
    points = _refine(rows[:, :2], sigmoid(outputs["Identity_3"][0]))
    image = points @ roi.to_image[:, :2].T + roi.to_image[:, 2]
    return Landmarks(
        points=image[:BODY_POINTS].astype(np.float32),
        depth=(rows[:BODY_POINTS, 2] * roi.pixel).astype(np.float32),
        visibility=sigmoid(rows[:BODY_POINTS, 3]),
        score=float(outputs["Identity_1"].item()),
        circle=image[BODY_POINTS : BODY_POINTS + 2].astype(np.float32),
        segmentation=sigmoid(outputs["Identity_2"][0, :, :, 0]),
        roi=roi,
    )


def _refine(points: Floats, heat: Floats) -> Floats:
    """Centre of the heat ``(64, 64, 39)`` around every point, where it is warm enough; crop pixels."""
    cell = SIDE // HEAT_SIDE
    offsets = np.arange(-HEAT_RADIUS, HEAT_RADIUS + 1)
    padded = np.pad(heat, ((HEAT_RADIUS, HEAT_RADIUS), (HEAT_RADIUS, HEAT_RADIUS), (0, 0)))
    centre = np.floor(points / cell).astype(int)
    inside = ((centre >= 0) & (centre < HEAT_SIDE)).all(axis=1)
    safe = np.clip(centre, 0, HEAT_SIDE - 1)
    columns = safe[:, 0, None, None] + offsets[None, None, :]
    rows = safe[:, 1, None, None] + offsets[None, :, None]
    weight = padded[rows + HEAT_RADIUS, columns + HEAT_RADIUS, np.arange(len(points))[:, None, None]]
    total = weight.sum(axis=(1, 2))
    use = inside & (weight.max(axis=(1, 2)) >= MIN_HEAT)
    x = (weight * columns).sum(axis=(1, 2)) / np.maximum(total, 1e-9)
    y = (weight * rows).sum(axis=(1, 2)) / np.maximum(total, 1e-9)
    return np.where(use[:, None], np.stack([x, y], axis=1) * cell, points).astype(np.float32)
