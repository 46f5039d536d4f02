"""Agnostic masks: what an engine may repaint, from labels and pose alone (numpy and OpenCV, no network)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.types import Alpha, Mask, Person

CATEGORIES = ("upper",)
KEPT = ("face", "hair", "hands", "legs", "shoes")
"""Never repainted for a top."""
MARGIN = 0.12
"""Shoulder widths round the old clothes and arms: room for a looser garment, about 2.5 % of the body."""
OVERLAP = 0.06
"""Torso lengths below the waist where the lower clothes may be covered by a hem."""
NECK_MARGIN = 0.03
STRIP_EDGE = 0.02
"""Torso lengths over which the strip below the waist fades out."""
SOFT_EDGE = 0.015
"""Shoulder widths: sigma of the mask's edge."""
MIN_SHOULDERS = 0.42
"""Of the torso's length: the yardstick of a turned body."""


def agnostic_mask(person: Person, category: str) -> Mask:
    """Where an engine may change the picture, soft at its edge, in the person's frame.

    ``upper``: old top, bare arms, neck and torso skin, and a margin round them; not face, hair, hands and
    legs, and of the lower clothes only a strip below the waist. Raises ``ValueError`` for a category without
    a mask.
    """
    if category not in CATEGORIES:
        raise ValueError(
            f"no agnostic mask for category {category!r}; there is one for {', '.join(CATEGORIES)}"
        )
    labels = person.parsing
    along, yardstick = _spine(person)
    bottoms = _step(along - (person.waist + OVERLAP), STRIP_EDGE)
    clothes = labels.region("upper", "left_arm", "right_arm") | labels.region("lower") & (bottoms < 0.5)
    skin = labels.region("neck") & (bottoms < 0.5)
    # no room beside the neck: a wide margin there would repaint the background up to the ears
    reach = _dilate(clothes, MARGIN * yardstick) | _dilate(skin, NECK_MARGIN * yardstick)
    sigma = max(0.7, SOFT_EDGE * yardstick)
    alpha = np.asarray(cv2.GaussianBlur(reach.astype(np.float32), (0, 0), sigma), dtype=np.float32)
    alpha = np.maximum(alpha, clothes | skin)
    kept = labels.weight(*KEPT) + labels.weight("lower") * bottoms
    return Mask(tag="agnostic", frame=person.frame, alpha=np.clip(np.minimum(alpha, 1.0 - kept), 0.0, 1.0))


def _step(x: Alpha, width: float) -> Alpha:
    """Linear ramp of a ``width`` from 0 to 1, one half at 0."""
    return np.asarray(np.clip(x / width + 0.5, 0.0, 1.0), dtype=np.float32)


def _spine(person: Person) -> tuple[Alpha, float]:
    """Position of every pixel along the spine (0 = shoulder line, 1 = hip line), and the shoulder width."""
    left, right, left_hip, right_hip = person.pose.points[[11, 12, 23, 24]]
    top = (left + right) / 2
    spine = (left_hip + right_hip) / 2 - top
    length = max(float(np.hypot(*spine)), 1.0)
    height, width = person.image.shape[:2]
    x = np.arange(width, dtype=np.float32)[None] + 0.5 - top[0]
    y = np.arange(height, dtype=np.float32)[:, None] + 0.5 - top[1]
    along = (x * spine[0] + y * spine[1]) / length**2
    return along.astype(np.float32), max(float(np.hypot(*(left - right))), MIN_SHOULDERS * length)


def _dilate(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Everything within ``radius`` pixels of the mask; a distance map costs the same for any radius."""
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= radius)
