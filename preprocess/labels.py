"""Human parsing between the conventions ``basic`` and ``atr18``, both ways.

``basic`` tells fewer clothes apart than ATR, ATR no hands from arms: what one side does not know is taken
from the pose or stays the most common label, as said at the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from preprocess.pose import convert as convert_pose
from preprocess.types import LABELS, Alpha, LabelMap, Pose

Share = Callable[["Body"], Alpha]
Rows = tuple[tuple[str, str, Share | None], ...]
"""From which label to which, and what share of each pixel; None = all of it."""

NECK, HIPS = 1, (8, 11)
ARMS, LEGS = ((5, 6, 7), (2, 3, 4)), ((11, 12, 13), (8, 9, 10))
"""``coco18`` joints of the left and the right limb, from the root to the tip."""
HAND = 0.35
"""Finger tips from the wrist, in lengths of the forearm; the middle of the hand is half as far."""
WRIST = 0.04
"""Forearm lengths before the wrist joint where the hand begins."""


class Body:
    """Which pixels lie on which side of a body."""

    def __init__(self, pose: Pose, shape: tuple[int, int]) -> None:
        pose = convert_pose(pose, "coco18")
        self._points = pose.points
        self._known = pose.visibility > 0
        self._x = np.arange(shape[1], dtype=np.float32)[None] + np.float32(0.5)
        self._y = np.arange(shape[0], dtype=np.float32)[:, None] + np.float32(0.5)

    def left_arm(self) -> Alpha:
        return self._nearer(*ARMS)

    def left_leg(self) -> Alpha:
        return self._nearer(*LEGS)

    def above_hips(self) -> Alpha:
        """1 above the hip line, across the spine."""
        if not self._known[[NECK, *HIPS]].all():
            return np.ones((len(self._y), self._x.shape[1]), np.float32)
        hips = self._points[list(HIPS)].mean(axis=0)
        down = hips - self._points[NECK]
        below = (self._x - hips[0]) * down[0] + (self._y - hips[1]) * down[1] > 0
        return np.asarray(~below, dtype=np.float32)

    def hand(self, side: int) -> Alpha:
        """1 beyond the wrist of the left (0) or right (1) arm, as far as fingers reach."""
        _, elbow, wrist = ARMS[side]
        if not self._known[[elbow, wrist]].all():
            return np.zeros((len(self._y), self._x.shape[1]), np.float32)
        forearm = self._points[wrist] - self._points[elbow]
        length = max(float(np.hypot(*forearm)), 1.0)
        x, y = self._x - self._points[wrist][0], self._y - self._points[wrist][1]
        beyond = (x * forearm[0] + y * forearm[1]) / length > -WRIST * length
        return np.asarray(beyond & (np.hypot(x, y) < 2 * HAND * length), dtype=np.float32)

    def _nearer(self, left: tuple[int, ...], right: tuple[int, ...]) -> Alpha:
        """1 where the left limb is nearer than the right one."""
        one, other = self._distance(left), self._distance(right)
        if one is not None and other is not None:
            return (one < other).astype(np.float32)
        middle = self._points[self._known, 0].mean() if self._known.any() else self._x.shape[1] / 2
        return np.broadcast_to(self._x > middle, (len(self._y), self._x.shape[1])).astype(np.float32)

    def _distance(self, joints: tuple[int, ...]) -> Alpha | None:
        """Pixels to the known bones of a limb, lengthened at its tip; None where no bone is known."""
        bones = [pair for pair in zip(joints, joints[1:], strict=False) if self._known[list(pair)].all()]
        parts = [self._segment(start, end, HAND if end == joints[-1] else 0.0) for start, end in bones]
        return np.minimum.reduce(parts) if parts else None

    def _segment(self, start: int, end: int, beyond: float) -> Alpha:
        a = self._points[start]
        d = (self._points[end] - a) * (1 + beyond)
        x, y = self._x - a[0], self._y - a[1]
        share = np.clip((x * d[0] + y * d[1]) / max(float(d @ d), 1e-6), 0.0, 1.0)
        return np.asarray(np.hypot(x - share * d[0], y - share * d[1]), dtype=np.float32)


def _right_arm(body: Body) -> Alpha:
    return 1 - body.left_arm()


def _right_leg(body: Body) -> Alpha:
    return 1 - body.left_leg()


def _below_hips(body: Body) -> Alpha:
    return 1 - body.above_hips()


TO_ATR: Rows = (
    ("background", "background", None),
    ("hair", "hair", None),  # hats too: basic counts them as hair
    ("face", "head", None),  # sunglasses too
    ("neck", "neck", None),  # bare skin of the torso too, for which ATR has no label
    ("left_arm", "left_arm", None),
    ("right_arm", "right_arm", None),
    ("hands", "left_arm", Body.left_arm),
    ("hands", "right_arm", _right_arm),
    ("upper", "upper_clothes", None),  # scarfs, the upper half of dresses and bags too
    ("lower", "pants", None),  # skirts, belts and the lower half of dresses too
    ("legs", "left_leg", Body.left_leg),
    ("legs", "right_leg", _right_leg),
    ("shoes", "left_shoe", Body.left_leg),
    ("shoes", "right_shoe", _right_leg),
)
"""``basic`` to ``atr18``."""

TO_BASIC: Rows = (
    ("background", "background", None),
    ("hat", "hair", None),
    ("hair", "hair", None),
    ("sunglasses", "face", None),
    ("head", "face", None),
    ("neck", "neck", None),
    ("left_arm", "hands", lambda body: body.hand(0)),
    ("left_arm", "left_arm", lambda body: 1 - body.hand(0)),
    ("right_arm", "hands", lambda body: body.hand(1)),
    ("right_arm", "right_arm", lambda body: 1 - body.hand(1)),
    ("upper_clothes", "upper", None),
    ("scarf", "upper", None),
    ("dress", "upper", Body.above_hips),
    ("dress", "lower", _below_hips),
    ("bag", "upper", Body.above_hips),
    ("bag", "lower", _below_hips),
    ("skirt", "lower", None),
    ("pants", "lower", None),
    ("belt", "lower", None),
    ("left_leg", "legs", None),
    ("right_leg", "legs", None),
    ("left_shoe", "shoes", None),
    ("right_shoe", "shoes", None),
)
"""``atr18`` to ``basic``."""

TABLES: Mapping[tuple[str, str], Rows] = {("basic", "atr18"): TO_ATR, ("atr18", "basic"): TO_BASIC}


def convert(labels: LabelMap, tag: Literal["basic", "atr18"], pose: Pose) -> LabelMap:
    """The same parsing in another convention; ``pose`` (``blaze33`` or ``coco18``, same frame) divides sides.

    Raises ``ValueError`` for pairs of conventions that have no adapter, and for a pose of another frame.
    """
    if labels.tag == tag:
        return labels
    rows = TABLES.get((labels.tag, tag))
    if rows is None:
        pairs = ", ".join(f"{source} to {target}" for source, target in TABLES)
        raise ValueError(f"no adapter from parsing {labels.tag!r} to {tag!r}; there are {pairs}")
    if pose.frame != labels.frame:
        raise ValueError("the pose that divides left from right lies in another frame than the parsing")
    source, target = LABELS[labels.tag], LABELS[tag]
    height, width = labels.labels.shape
    body = Body(pose, (height, width))
    soft = np.zeros((height, width, len(target)), np.float16)
    confidence: dict[str, float] = {}
    for name, new, share in rows:
        plane: NDArray[np.floating] = labels.soft[..., source.index(name)]
        soft[..., target.index(new)] += plane if share is None else (plane * share(body)).astype(np.float16)
        if name in labels.confidence:
            confidence[new] = min(labels.confidence[name], confidence.get(new, 1.0))
    hard = soft.argmax(-1).astype(np.uint8)
    seen = {target[k] for k in np.unique(hard)}
    return LabelMap(
        tag=tag,
        frame=labels.frame,
        labels=hard,
        soft=soft,
        confidence={name: value for name, value in confidence.items() if name in seen},
    )
