"""The agnostic mask of the published IDM-VTON demo, written anew from a description of what it does.

Source: github yisol/IDM-VTON, ``gradio_demo/utils_mask.py``. The checkpoints were trained on masks like this.
It keeps the demo's ways (hair, belts, scarfs and legs near the garment are repainted, hands as far as the
drawn arm covers them; only the largest region counts) and departs from it only where it breaks:

* an extended wrist beyond the left or upper border has a negative coordinate; the demo wraps it round as
  ``uint16`` and draws the arm across the picture, here the arm ends outside;
* a found wrist whose elbow or shoulder is missing is joined to the picture's corner there; here the arm goes
  only through the joints that were found, and not one pixel beyond the wrist when there is no elbow to
  extend it from.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.geometry import fit_region, reframe
from preprocess.labels import convert as convert_labels
from preprocess.pose import convert as convert_pose
from preprocess.types import ATR_LABELS, LabelMap, Mask, Person, Points, Pose

WORKING_SIZE = (384, 512)
"""Width and height of the label map; all lengths below are pixels of it."""
ARM_WIDTH = {"hd": 60, "dc": 45}
"""Of a drawn arm; ``dc`` for models trained on DressCode's full-length pictures."""
WRIST_REACH = 1.2
"""The wrist is drawn this far from the elbow, in lengths of the forearm."""
MISSING = 1.0
"""A joint with both coordinates up to this was not found."""
FOUND = 0.1
"""Visibility from which a joint counts: OpenPose's own threshold; a wrist in a pocket has 0.24."""
BLOCK = np.ones((5, 5), np.uint8)
GARMENT_ROUNDS, ARM_ROUNDS, NECK_ROUNDS = 5, 4, 1
"""Dilations with the block."""

GARMENT = {
    "upper": ("upper_clothes", "dress"),
    "lower": ("skirt", "pants", "left_leg", "right_leg"),
    "dress": ("upper_clothes", "skirt", "pants", "dress"),
}
ALWAYS_FIXED = ("hat", "sunglasses", "left_shoe", "right_shoe", "bag")
FIXED = {
    "upper": (*ALWAYS_FIXED, "skirt", "pants"),
    "lower": (*ALWAYS_FIXED, "upper_clothes", "left_arm", "right_arm"),
    "dress": ALWAYS_FIXED,
}
HEAD = ("hat", "sunglasses", "head")
ARMS: tuple[tuple[str, tuple[int, int, int]], ...] = (("left_arm", (5, 6, 7)), ("right_arm", (2, 3, 4)))
"""Label and ``coco18`` joints: shoulder, elbow, wrist."""

KIND: dict[str, Literal["hd", "dc"]] = {"upper": "hd", "lower": "dc", "dress": "dc"}
"""Which arms: the checkpoint that knows lower garments and dresses is the one trained on DressCode."""

Region = NDArray[np.bool_]


def masked_like_reference(
    person: Person, category: str, labels: LabelMap | None = None, pose18: Pose | None = None
) -> Mask:
    """:func:`reference_mask` of a person, in the person's frame, weights 0 and 1.

    The demo squeezes any photo into 384x512; here the person's surroundings are padded to that shape, as the
    engine's canvas is. ``labels`` (``atr18``) and ``pose18`` (``coco18``), in any frame, are derived from the
    person's own artefacts where they are not given. Raises ``ValueError`` for other conventions.
    """
    labels = labels or convert_labels(person.parsing, "atr18", person.pose)
    pose = pose18 or convert_pose(person.pose, "coco18")
    if (labels.tag, pose.tag) != ("atr18", "coco18"):
        raise ValueError(f"the reference mask needs 'atr18' and 'coco18', got {labels.tag!r}, {pose.tag!r}")
    size = (person.photo.width, person.photo.height)
    frame = fit_region(person.matte.alpha > 0.5, person.frame, size, WORKING_SIZE)
    small = reframe(labels.labels, labels.frame, frame, nearest=True)
    # pixel indices are half a pixel less than positions
    points = frame.from_photo(pose.frame.to_photo(pose.points)) - np.float32(0.5)
    points[pose.visibility < FOUND] = 0
    mask = reference_mask(small, points, category, KIND[category])
    alpha = reframe((mask > 0).astype(np.float32), frame, person.frame)
    return Mask(tag="agnostic", frame=person.frame, alpha=(alpha >= 0.5).astype(np.float32))


def reference_mask(
    labels: NDArray[np.uint8], points: Points, category: str, kind: Literal["hd", "dc"] = "hd"
) -> NDArray[np.uint8]:
    """The region to repaint, ``uint8 (512, 384)``, 255 = repaint.

    ``labels`` is ``uint8 (512, 384)`` in the ``atr18`` convention, ``points`` ``(18, 2)`` of ``coco18`` in
    pixels of it, (0, 0) = not found; ``kind`` says how wide arms are drawn. Raises ``ValueError`` for other
    shapes and categories.
    """
    _check(labels, points, category)
    fixed = _any(labels, FIXED[category])
    changeable = ~fixed
    fixed = fixed | _any(labels, HEAD)
    reach = _dilated(_any(labels, GARMENT[category]), GARMENT_ROUNDS)
    if category != "lower":
        arms, hands = _arms(labels, points, ARM_WIDTH[kind])
        fixed |= hands
        reach |= _dilated(_any(labels, ("neck",)), NECK_ROUNDS) & ~_any(labels, HEAD)
        reach |= _dilated(arms, ARM_ROUNDS)
    keep = changeable & ~reach | fixed
    return _largest(~keep)


def _check(labels: NDArray[np.uint8], points: Points, category: str) -> None:
    if labels.shape != WORKING_SIZE[::-1] or labels.dtype != np.uint8:
        raise ValueError(
            f"the reference mask works on uint8 labels of {WORKING_SIZE[0]}x{WORKING_SIZE[1]} pixels, "
            f"got {labels.dtype} of shape {labels.shape}"
        )
    if points.shape != (18, 2):
        raise ValueError(f"the reference mask needs the 18 points of coco18, got shape {points.shape}")
    if category not in GARMENT:
        raise ValueError(
            f"no reference mask for category {category!r}; there is one for {', '.join(GARMENT)}"
        )


def _any(labels: NDArray[np.uint8], names: tuple[str, ...]) -> Region:
    return np.isin(labels, [ATR_LABELS.index(name) for name in names])


def _dilated(region: Region, rounds: int) -> Region:
    return np.asarray(cv2.dilate(region.astype(np.uint8), BLOCK, iterations=rounds) > 0)


def _arms(labels: NDArray[np.uint8], points: Points, width: float) -> tuple[Region, Region]:
    """Both arms as they are drawn, and the hands: what the parsing calls arm beyond them."""
    arms = np.zeros(labels.shape, np.bool_)
    hands = np.zeros(labels.shape, np.bool_)
    for name, joints in ARMS:
        parsed = _any(labels, (name,))
        shoulder, elbow, wrist = (_found(points[joint]) for joint in joints)
        if wrist is None or (elbow is None and shoulder is None):
            arms |= parsed
            continue
        if elbow is not None:
            wrist = elbow + WRIST_REACH * (wrist - elbow)
        drawn = _limb([joint for joint in (shoulder, elbow) if joint is not None], wrist, width, labels.shape)
        arms |= drawn
        hands |= parsed & ~drawn
    return arms, hands


def _found(point: NDArray[np.float32]) -> NDArray[np.float64] | None:
    return None if (point <= MISSING).all() else np.asarray(point, dtype=np.float64)


def _limb(
    joints: list[NDArray[np.float64]], end: NDArray[np.float64], width: float, shape: tuple[int, ...]
) -> Region:
    """Thick lines through ``joints`` to ``end``, round at every joint and cut off straight at the end."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    region = np.zeros(shape, np.bool_)
    for a, b in pairwise([*joints, end]):
        region |= np.hypot(x - a[0], y - a[1]) <= width / 2
        length = max(float(np.hypot(*(b - a))), 1e-6)
        along = ((x - a[0]) * (b[0] - a[0]) + (y - a[1]) * (b[1] - a[1])) / length
        across = ((x - a[0]) * (b[1] - a[1]) - (y - a[1]) * (b[0] - a[0])) / length
        region |= (along >= 0) & (along <= length) & (np.abs(across) <= width / 2)
    return region


def _largest(region: Region) -> NDArray[np.uint8]:
    """The largest connected part without its holes; the picture's outermost pixels never belong to it."""
    inner = region.astype(np.uint8)
    inner[[0, -1]] = inner[:, [0, -1]] = 0
    # outer contours filled are the parts without holes: flood filling from a corner gives the same
    contours, _ = cv2.findContours(inner, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    mask = np.zeros(region.shape, np.uint8)
    if contours:
        largest = max(contours, key=cv2.contourArea)
        cv2.drawContours(mask, [largest], 0, 255, cv2.FILLED)
    return mask
