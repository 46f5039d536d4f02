"""BlazePose person detector: anchors, decoding, weighted non-maximum suppression.

Constants are those of MediaPipe 0.10.21, ``mediapipe/modules/pose_detection/pose_detection_cpu.pbtxt``.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.providers.base import Detection
from preprocess.providers.embedded.network import Network, sigmoid
from preprocess.types import Rgb

SIDE = 224
STRIDES = (8, 16, 32, 32, 32)
ANCHORS_PER_CELL = 2  # aspect ratio 1 and the interpolated scale; both of fixed size 1
MIN_SCORE = 0.5
MAX_OVERLAP = 0.3  # min_suppression_threshold, intersection over union

Floats = NDArray[np.float32]


def anchor_centres() -> Floats:
    """``(2254, 2)`` centres in 0..1; layers of equal stride share their cells."""
    layers = []
    for stride in sorted(set(STRIDES)):
        cells = SIDE // stride
        repeats = ANCHORS_PER_CELL * STRIDES.count(stride)
        axis = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        x, y = np.meshgrid(axis, axis)
        layers.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), repeats, axis=0))
    return np.concatenate(layers)


_ANCHORS = anchor_centres()


def detect(network: Network, rgb: Rgb) -> list[Detection]:
    """People in ``uint8 (H, W, 3)``, in its pixels, best score first."""
    height, width = rgb.shape[:2]
    scale = SIDE / max(height, width)
    inner_w, inner_h = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (SIDE - inner_w) // 2, (SIDE - inner_h) // 2
    batch = np.full((1, SIDE, SIDE, 3), -1, np.float32)
    shrunk = cv2.resize(rgb, (inner_w, inner_h), interpolation=cv2.INTER_AREA)
    batch[0, top : top + inner_h, left : left + inner_w] = shrunk.astype(np.float32) / 127.5 - 1
    outputs = network(batch)
    scores = sigmoid(outputs["Identity_1"].reshape(-1))
    kept = scores >= MIN_SCORE
    raw = outputs["Identity"].reshape(-1, 12)[kept] / np.float32(SIDE)
    # rows: centre, size, then four points (hip, reach of the whole body, shoulder, reach of the upper body)
    raw[:, 0:2] += _ANCHORS[kept]
    raw[:, 4:] += np.tile(_ANCHORS[kept], 4)
    found = _weighted_suppression(raw, scores[kept])
    offset = np.array([left, top], np.float32)
    ratio = np.array([width / inner_w, height / inner_h], np.float32)
    return [_detection(row, score, offset, ratio) for row, score in found]


def _detection(row: Floats, score: float, offset: Floats, ratio: Floats) -> Detection:
    hip, reach = ((row[i : i + 2] * SIDE - offset) * ratio for i in (4, 6))
    return Detection(
        score=score, hip=(float(hip[0]), float(hip[1])), reach=(float(reach[0]), float(reach[1]))
    )


def _weighted_suppression(rows: Floats, scores: Floats) -> list[tuple[Floats, float]]:
    """Overlapping detections become one: their mean weighted by score, with the best of the scores."""
    found = []
    order = np.argsort(-scores)
    while order.size:
        near = _overlap(rows[order[0]], rows[order]) > MAX_OVERLAP
        near[0] = True
        group = order[near]
        found.append((np.average(rows[group], axis=0, weights=scores[group]), float(scores[order[0]])))
        order = order[~near]
    return found


def _overlap(box: Floats, boxes: Floats) -> Floats:
    """Intersection over union of one box with many, rows ``centre x, centre y, width, height, ...``."""
    low = np.maximum(box[:2] - box[2:4] / 2, boxes[:, :2] - boxes[:, 2:4] / 2)
    high = np.minimum(box[:2] + box[2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2)
    inner = np.prod(np.clip(high - low, 0, None), axis=1)
    union = box[2] * box[3] + boxes[:, 2] * boxes[:, 3] - inner
    return np.asarray(inner / np.maximum(union, 1e-9), dtype=np.float32)
