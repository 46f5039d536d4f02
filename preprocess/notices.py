"""Warnings about a photo of a person that can be used, but will not give its best."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.pose import (
    LEFT_HIP,
    LEFT_KNEE,
    LEFT_SHOULDER,
    MIN_VISIBILITY,
    RIGHT_HIP,
    RIGHT_KNEE,
    RIGHT_SHOULDER,
    seen_from_behind,
)
from preprocess.types import Alpha, Notice, Pose, Rgb

# Set on 40 photos of people, each as it is, blurred and darkened.
LOW_TORSO = 155  # torso of a figure of 512 px height, in photo pixels
TURNED = (
    0.45  # shoulder width over torso: .51 to .73 from the front, so the body is turned by about 50 degrees
)
BLURRED = 0.75  # sharp photos have 1.28 and more, Gaussian blur of sigma 2 leaves .35 to .73
SEATED = (
    0.45  # thigh along the spine over torso: .13 to .27 for those who sit, .60 and more for those who stand
)
TOO_DARK = 70  # 95th percentile of luma on the figure: 120 and more in normal photos


def person_notices(image: Rgb, pose: Pose, matte: Alpha) -> tuple[Notice, ...]:
    """Named warnings about a photo that can be used, but will not give its best."""
    found = []
    torso = _torso_length(pose)
    if torso / pose.frame.scale < LOW_TORSO:
        detail = "the person is small in the picture; a larger or closer photo gives a sharper result"
        found.append(Notice(name="low-resolution", detail=detail))
    shoulders = float(np.hypot(*(pose.points[LEFT_SHOULDER] - pose.points[RIGHT_SHOULDER])))
    if seen_from_behind(pose) or shoulders < TURNED * torso:
        detail = "the person is turned away; garments sit best on a photo taken from the front"
        found.append(Notice(name="turned-away", detail=detail))
    if _thigh_drop(pose) < SEATED:
        detail = "the person sits; what is worn below the waist needs a photo of somebody standing"
        found.append(Notice(name="seated", detail=detail))
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    figure = matte > 0.5
    if pose.frame.scale <= 1 and figure.any() and _sharpness(grey, figure) < BLURRED:
        found.append(Notice(name="blurred", detail="the photo is blurred; a sharp one gives a better result"))
    if figure.any() and np.percentile(grey[figure], 95) < TOO_DARK:
        found.append(Notice(name="too-dark", detail="the photo is very dark; use one taken in good light"))
    return tuple(found)


def _torso_length(pose: Pose) -> float:
    """From the middle of the shoulders to the middle of the hips, frame pixels."""
    pairs = [[LEFT_SHOULDER, RIGHT_SHOULDER], [LEFT_HIP, RIGHT_HIP]]
    shoulders, hips = pose.points[pairs].mean(axis=1)
    return float(np.hypot(*(hips - shoulders)))


def _thigh_drop(pose: Pose) -> float:
    """How far the higher of the visible knees lies below its hip, along the spine, in torso lengths; 1 when
    none is seen."""
    pairs = [[LEFT_SHOULDER, RIGHT_SHOULDER], [LEFT_HIP, RIGHT_HIP]]
    shoulders, hips = pose.points[pairs].mean(axis=1)
    down = (hips - shoulders) / max(float(((hips - shoulders) ** 2).sum()), 1e-6)
    drops = [
        float((pose.points[knee] - pose.points[hip]) @ down)
        for hip, knee in ((LEFT_HIP, LEFT_KNEE), (RIGHT_HIP, RIGHT_KNEE))
        if pose.visibility[knee] >= MIN_VISIBILITY
    ]
    return min(drops, default=1.0)


def _sharpness(grey: NDArray[np.float32], figure: NDArray[np.bool_]) -> float:
    """How abrupt the strongest edges are: second over first derivative, so that contrast cancels out."""
    inner = cv2.erode(figure.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if not inner.any():
        return float("inf")
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(grey, cv2.CV_32F, 0, 1) / 8)[inner]
    bend = np.abs(cv2.Laplacian(grey, cv2.CV_32F))[inner]
    return float(np.percentile(bend, 99.5) / max(np.percentile(slope, 99.5), 1e-3))
