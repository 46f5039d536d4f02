"""The embedded provider: three MediaPipe models (Apache-2.0) on the CPU, no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from preprocess.models import model_path
from preprocess.providers.base import BodyEstimate, Detection
from preprocess.providers.embedded import detector
from preprocess.providers.embedded.landmarks import Landmarks, as_batch, find_landmarks, roi_of, uncrop
from preprocess.providers.embedded.network import Network
from preprocess.types import Alpha, Rgb

MIN_LANDMARK_SCORE = 0.5  # pose_landmark_by_roi_cpu.pbtxt: below it there is no person in the region
SELFIE_SIDE = 256
DARK = 130  # 99th percentile of luma; normal photos have 200 and more
BRIGHT = 230  # what it is raised to
OTHERS = 0.2  # where the pose's segmentation is below, the selfie model sees somebody else
TILE_SCORE = 0.8  # many tiles, many chances to err: a hand taken for a body had .70, figures .97
TILES = (
    1.0,
    0.6,
)  # sides, of the shorter side: a figure in a wide picture, then one of a quarter of its height
WIDE = 1.6  # a longer picture may show a large figure that is small in the whole of it
WIDEST = 6  # a longer strip is not searched in tiles, their number would grow without bound


class EmbeddedProvider:
    """People, 33 landmarks and a segmentation; safe to share between threads."""

    def __init__(self, models: Path, threads: int) -> None:
        """Load the models; raises :class:`preprocess.models.ModelsError` naming the command that helps."""
        self._detector = Network(model_path("pose_detection.tflite", models), threads)
        self._landmarks = Network(model_path("pose_landmark_full.tflite", models), threads)
        self._selfie = Network(model_path("selfie_segmentation.tflite", models), threads)

    def find_people(self, rgb: Rgb, *, closely: bool = True) -> list[Detection]:
        """People in ``uint8 (H, W, 3)``, best score first; looks closer when nobody is found at first."""
        rgb = _exposed(rgb)
        return detector.detect(self._detector, rgb) or self._find_small(rgb, _tiles(rgb, closely))

    def _find_small(self, rgb: Rgb, tiles: Sequence[float]) -> list[Detection]:
        """Detections in overlapping tiles: the detector sees 224 px and misses small figures."""
        height, width = rgb.shape[:2]
        for share in tiles:
            side = round(share * min(height, width))
            found: list[Detection] = []
            for top in _starts(height, side):
                for left in _starts(width, side):
                    tile = np.ascontiguousarray(rgb[top : top + side, left : left + side])
                    found += [d.moved(left, top) for d in detector.detect(self._detector, tile)]
            sure = [detection for detection in found if detection.score >= TILE_SCORE]
            if sure:
                return sorted(sure, key=lambda detection: -detection.score)
        return []

    def estimate(self, rgb: Rgb, detection: Detection) -> BodyEstimate:
        """Two landmark passes, the second on the region that the first one found, then the segmentation."""
        rgb = _exposed(rgb)
        found = find_landmarks(self._landmarks, rgb, roi_of(detection))
        again = find_landmarks(self._landmarks, rgb, roi_of(_refined(found, detection.score)))
        if again.score >= MIN_LANDMARK_SCORE:
            found = again
        body = uncrop(found.segmentation, found.roi, (rgb.shape[1], rgb.shape[0]))
        person = self._segment(rgb, found)
        inside = body > 0.5
        agreement = float(person[inside].mean()) if inside.any() else 0.0
        return BodyEstimate(
            points=found.points,
            depth=found.depth,
            visibility=found.visibility,
            score=min(max(found.score, 0.0), agreement),
            segmentation=(body + person) * np.float32(0.5) * np.clip(body / OTHERS, 0, 1),
            refined=_refined(found, detection.score),
        )

    def _segment(self, rgb: Rgb, found: Landmarks) -> Alpha:
        """People around the body, by the selfie model, which wants no black borders."""
        height, width = rgb.shape[:2]
        corners = found.roi.corners()
        x0, y0 = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (width - 1, height - 1))
        x1, y1 = np.clip(np.ceil(corners.max(axis=0)).astype(int), (x0 + 1, y0 + 1), (width, height))
        small = cv2.resize(rgb[y0:y1, x0:x1], (SELFIE_SIDE, SELFIE_SIDE), interpolation=cv2.INTER_AREA)
        weight = self._selfie(as_batch(np.asarray(small, dtype=np.uint8)))["activation_10"][0, :, :, 0]
        whole = np.zeros((height, width), np.float32)
        whole[y0:y1, x0:x1] = cv2.resize(weight, (int(x1 - x0), int(y1 - y0)))
        return whole


def _refined(found: Landmarks, score: float) -> Detection:
    hip, reach = found.circle
    return Detection(
        score=score, hip=(float(hip[0]), float(hip[1])), reach=(float(reach[0]), float(reach[1]))
    )


def _exposed(rgb: Rgb) -> Rgb:
    """Dark pictures brightened: the models were trained on normally exposed ones."""
    luma = cv2.cvtColor(rgb[::8, ::8], cv2.COLOR_RGB2GRAY)
    high = float(np.percentile(luma, 99))
    if high >= DARK or high < 1:
        return rgb
    return np.asarray(cv2.convertScaleAbs(rgb, alpha=BRIGHT / high), dtype=np.uint8)


def _tiles(rgb: Rgb, closely: bool) -> Sequence[float]:
    """Sides of the tiles that are searched, of the picture's shorter side."""
    ratio = max(rgb.shape[:2]) / min(rgb.shape[:2])
    if ratio > WIDEST:
        return ()
    return TILES if closely else TILES[:1] if ratio > WIDE else ()


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin that cover a length and overlap by half or more."""
    count = math.ceil(2 * (length - side) / side) + 1
    return [round(k * (length - side) / max(1, count - 1)) for k in range(count)]
