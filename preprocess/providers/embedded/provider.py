"""The embedded provider: three MediaPipe models (Apache-2.0) on the CPU, no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from preprocess.models import model_path
from preprocess.providers.base import BodyEstimate, Detection
from preprocess.providers.embedded import detector
from preprocess.providers.embedded.landmarks import Landmarks, as_batch, crop, find_landmarks, roi_of, uncrop
from preprocess.providers.embedded.network import Network
from preprocess.types import Alpha, Rgb

MIN_LANDMARK_SCORE = 0.5  # pose_landmark_by_roi_cpu.pbtxt: below it there is no person in the region
POSE_SHARE = 0.65  # of the segmentation; the rest is the selfie model's (prototype: IoU 0.975 with MediaPipe)


class EmbeddedProvider:
    """People, 33 landmarks and a segmentation; safe to share between threads."""

    def __init__(self, models: Path, threads: int) -> None:
        """Load the models; raises :class:`preprocess.models.ModelsError` naming the command that helps."""
        self._detector = Network(model_path("pose_detection.tflite", models), threads)
        self._landmarks = Network(model_path("pose_landmark_full.tflite", models), threads)
        self._selfie = Network(model_path("selfie_segmentation.tflite", models), threads)

    def find_people(self, rgb: Rgb) -> list[Detection]:
        """People in ``uint8 (H, W, 3)``, best score first; looks closer when nobody is found at first."""
        return detector.detect(self._detector, rgb)

    def estimate(self, rgb: Rgb, detection: Detection) -> BodyEstimate:
        """Two landmark passes, the second on the region that the first one found, then the segmentation."""
        found = find_landmarks(self._landmarks, rgb, roi_of(detection))
        again = find_landmarks(self._landmarks, rgb, roi_of(_refined(found, detection.score)))
        if again.score >= MIN_LANDMARK_SCORE:
            found = again
        return BodyEstimate(
            points=found.points,
            depth=found.depth,
            visibility=found.visibility,
            score=min(1.0, max(0.0, found.score)),
            segmentation=self._segment(rgb, found),
            refined=_refined(found, detection.score),
        )

    def _segment(self, rgb: Rgb, found: Landmarks) -> Alpha:
        """Both segmentations in the body's square, laid back onto the picture."""
        selfie = self._selfie(as_batch(crop(rgb, found.roi)))["activation_10"][0, :, :, 0]
        both = POSE_SHARE * found.segmentation + (1 - POSE_SHARE) * selfie
        return uncrop(np.ascontiguousarray(both), found.roi, (rgb.shape[1], rgb.shape[0]))


def _refined(found: Landmarks, score: float) -> Detection:
    hip, reach = found.circle
    return Detection(
        score=score, hip=(float(hip[0]), float(hip[1])), reach=(float(reach[0]), float(reach[1]))
    )
