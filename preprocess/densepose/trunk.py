"""DensePose's torso and head, painted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from preprocess import pose as joints
from preprocess.densepose.skeleton import (
    Region,
    Skeleton,
    at_points,
    direction,
    distance_inside,
    offsets,
    visible_surface,
)
from preprocess.types import Alpha, Person

FRONT, BACK = 2, 1
LEFT_HEAD, RIGHT_HEAD = 24, 23

NECK = (0.13, -0.21)
"""Where the trunk's upper edge meets the neck: from the spine and down it, in trunk lengths."""
ACROMION = (0.05, -0.09)
"""Shoulder tip, from the shoulder joint."""
OUTLINE = ((0.25, 0.34), (0.6, 0.285), (1.0, 0.375), (1.25, 0.375))
"""Down the spine, half width: armpits, waist, hips, thighs."""
CROTCH = 1.2
DEPTH = 0.62
"""Of a trunk, over its width: what is seen from the side."""
SLIM, STOUT = 0.9, 1.2
"""Range of what the silhouette may say about the trunk, times the usual width: loose cloth is not flesh."""

HEAD_HEIGHT = 1.95
"""Half, in distances from the eyes to the mouth: the eyes are half way up the skull, the chin 1.9 below."""
HEAD_WIDTH, HEAD_LENGTH = 0.68, 0.85
"""Over the height: seen from the front, seen from the side."""
NECK_RADIUS = 0.13
COLLAR = (-0.06, -0.14)
"""Lower edge of the neck, down the spine in trunk lengths: in the middle and at its sides."""


def paint_trunk(parts: NDArray[np.uint8], body: Skeleton, matte: Region, skin: Region) -> None:
    """Into ``parts``: the trunk within ``matte``, and bare ``skin`` beside it."""
    shoulders = body.middle((joints.LEFT_SHOULDER, joints.RIGHT_SHOULDER))
    x, y = offsets(shoulders, parts.shape)
    side = np.array([-body.down[1], body.down[0]])
    side = side if side @ body.left[:2] >= 0 else -side  # towards the person's own left
    along = (x * body.down[0] + y * body.down[1]) / body.unit
    across = (x * side[0] + y * side[1]) / body.unit
    turn = float(np.hypot(*body.left[:2]))
    narrow = float(np.hypot(turn, DEPTH * np.sqrt(max(0.0, 1 - turn * turn))))
    narrow *= _stoutness(body, matte, narrow)
    half = np.empty_like(across)
    for sign, joint in ((1, joints.LEFT_SHOULDER), (-1, joints.RIGHT_SHOULDER)):
        width = _half_width(body, joint, sign * side, narrow, along)
        half = np.where(across * sign >= 0, width, half)
    hips = np.interp(1.0, *np.array(OUTLINE).T) * narrow
    bottom = CROTCH - (CROTCH - 1.0) * np.clip(np.abs(across) / hips, 0.0, 1.0)
    region = (np.abs(across) <= half) & (along <= bottom) & matte
    region |= skin & (along > NECK[1] / 2) & (along < 1.0)
    facing = float(body.forward[:2] @ side), -float(body.forward[2])
    surface = visible_surface(across / np.maximum(half, 1e-3), facing, (FRONT, BACK))
    parts[region] = surface[region]


def _stoutness(body: Skeleton, matte: Region, narrow: float) -> float:
    """Silhouette over the usual width, from the ribs to the hips."""
    shoulders = body.middle((joints.LEFT_SHOULDER, joints.RIGHT_SHOULDER))
    thickness = distance_inside(matte)
    along = np.linspace(0.4, 0.9, 11)
    expected = np.interp(along, *np.array(OUTLINE).T) * narrow * body.unit
    ratios = at_points(thickness, shoulders[:2] + along[:, None] * body.unit * body.down[:2]) / expected
    return float(np.clip(np.median(ratios[ratios > 0]), SLIM, STOUT)) if (ratios > 0).any() else 1.0


def _half_width(
    body: Skeleton, joint: int, outwards: NDArray[np.floating], narrow: float, along: Alpha
) -> Alpha:
    """Of the trunk on one side, in trunk lengths, at every position down the spine; negative above it."""
    shoulders = body.middle((joints.LEFT_SHOULDER, joints.RIGHT_SHOULDER))
    arm = (body.at[joint] - shoulders)[:2] / body.unit
    tip = max(float(arm @ outwards), 0.0) + ACROMION[0], float(arm @ body.down[:2]) + ACROMION[1]
    chest = [(at, width * narrow) for at, width in OUTLINE]
    rows = [(NECK[1] - 1e-3, -1.0), (NECK[1], NECK[0]), (tip[1], max(tip[0], NECK[0])), *chest]
    positions, widths = np.array(sorted(rows)).T
    return np.asarray(np.interp(along, positions, widths), dtype=np.float32)


def paint_head(parts: NDArray[np.uint8], body: Skeleton, person: Person, matte: Region) -> None:
    """Into ``parts``: skull, face and neck, divided where the person's left and right meet."""
    face = person.face
    labels = person.parsing
    down = np.array(face.down, np.float32)
    side = np.array([-down[1], down[0]], np.float32)
    eyes = body.middle((joints.LEFT_EYE, joints.RIGHT_EYE))
    ears = body.middle((joints.LEFT_EAR, joints.RIGHT_EAR))
    left = direction(body.at[joints.LEFT_EAR] - body.at[joints.RIGHT_EAR])
    centre = eyes[:2] + side * float((ears - eyes)[:2] @ side)
    height = HEAD_HEIGHT * 2 * face.half_height / (joints.FOREHEAD + joints.CHIN)
    seen = float(np.hypot(left[0], left[1]))
    width = height * (HEAD_WIDTH * seen + HEAD_LENGTH * (1 - seen))
    x, y = offsets(np.array([*centre, 0], np.float32), parts.shape)
    across, along = (x * side[0] + y * side[1]) / width, (x * down[0] + y * down[1]) / height
    skull = (np.hypot(across, along) <= 1) & matte
    neck = _neck(body, face.chin, labels.region("neck"), matte)
    face_near = labels.region("face") & (np.hypot(across, along) <= 1.3)
    region = skull | neck | face_near
    facing = float(left[:2] @ side), -float(left[2])
    surface = visible_surface(across, facing, (LEFT_HEAD, RIGHT_HEAD))
    parts[region] = surface[region]


def _neck(body: Skeleton, chin: tuple[float, float], skin: Region, matte: Region) -> Region:
    """Between the chin and the collar bones, which hang down a little in the middle."""
    shoulders = body.middle((joints.LEFT_SHOULDER, joints.RIGHT_SHOULDER))
    x, y = offsets(shoulders, skin.shape)
    along = (x * body.down[0] + y * body.down[1]) / body.unit
    across = np.abs(y * body.down[0] - x * body.down[1]) / body.unit
    top = (np.array(chin) - shoulders[:2]) @ body.down[:2] / body.unit
    bottom = COLLAR[0] + (COLLAR[1] - COLLAR[0]) * (across / NECK_RADIUS) ** 2
    column = (across <= NECK_RADIUS) & (along > top - NECK_RADIUS) & matte
    return np.asarray((column | skin) & (along < bottom))
