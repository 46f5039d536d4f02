"""A closer look at an uploaded picture: what a try-on would find, before anybody asks for one.

What is prepared for it stays with the asset, so that the try-on itself is quicker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from inference.assets import Asset
from inference.pictures import Picture
from inference.preparation import CANVAS, Preparation
from preprocess.errors import InputError
from preprocess.pose import (
    LEFT_ELBOW,
    LEFT_HIP,
    LEFT_SHOULDER,
    LEFT_WRIST,
    MIN_VISIBILITY,
    RIGHT_ELBOW,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)
from preprocess.types import Notice, Pose

FOREARM_POINTS = 9
COVERED = 0.5
"""Share of a forearm in front of the torso from which on it hides the clothes: folded arms have all of it,
arms beside the body and hands on the hips at most a third."""


@dataclass(frozen=True, kw_only=True)
class Look:
    category: str | None
    """Of a garment, as far as it was recognised; None for a person."""
    refusal: Notice | None
    """What a try-on would be refused for: its slug, and what to do."""
    warnings: tuple[Notice, ...]


def look_at(asset: Asset, preparation: Preparation) -> Look:
    """The first checks, and what only preparing the picture shows; takes about a second."""
    looks: dict[str, Callable[[Picture, Preparation], Look]] = {"person": _person, "garment": _garment}
    try:
        found = looks[asset.kind](asset.picture, preparation)
    except InputError as error:
        found = Look(category=None, refusal=Notice(name=error.slug, detail=error.detail), warnings=())
    refused = found.refusal.name if found.refusal else ""
    named = {notice.name: notice for notice in (*found.warnings, *asset.checks.warnings)}
    named.pop(refused, None)
    return Look(category=found.category, refusal=found.refusal, warnings=tuple(named.values()))


def _person(picture: Picture, preparation: Preparation) -> Look:
    person = picture.person(preparation, CANVAS)
    crossed = (ARMS_OVER_TORSO,) if arms_cover_torso(person.pose) else ()
    return Look(category=None, refusal=None, warnings=(*person.notices, *crossed))


def _garment(picture: Picture, preparation: Preparation) -> Look:
    if picture.kind(preparation, "auto") == "worn":
        return Look(category=None, refusal=None, warnings=(GARMENT_WORN,))
    garment = picture.garment(preparation, category="auto", kind="flat", description="")
    return Look(category=garment.category, refusal=None, warnings=garment.notices)


ARMS_OVER_TORSO = Notice(
    name="arms-over-torso", detail="Arms in front of the body hide the clothes; let them hang beside it."
)
GARMENT_WORN = Notice(
    name="garment-worn", detail="Somebody wears the garment; not every engine can take it from a person."
)


def arms_cover_torso(pose: Pose) -> bool:
    """Does a forearm lie in front of the body? ``pose``: ``blaze33``."""
    torso = pose.points[[LEFT_SHOULDER, RIGHT_SHOULDER, RIGHT_HIP, LEFT_HIP]].astype(np.float32)
    return any(
        pose.visibility[[elbow, wrist]].min() >= MIN_VISIBILITY
        and _share_inside(torso, pose.points[elbow], pose.points[wrist]) >= COVERED
        for elbow, wrist in ((LEFT_ELBOW, LEFT_WRIST), (RIGHT_ELBOW, RIGHT_WRIST))
    )


def _share_inside(outline: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """Of the points between ``start`` and ``end``, how many lie inside the polygon ``float32 (N, 2)``."""
    steps = np.linspace(0, 1, FOREARM_POINTS)[:, None]
    points = start + steps * (end - start)
    return float(
        np.mean([cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0 for x, y in points])
    )
