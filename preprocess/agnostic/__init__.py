"""Agnostic masks: what an engine may repaint, from labels and pose alone (numpy and OpenCV, no network)."""

from __future__ import annotations

from typing import Literal

from preprocess.agnostic.default import PLANS, default_mask
from preprocess.agnostic.reference import masked_like_reference
from preprocess.types import LabelMap, Mask, Person, Pose

__all__ = ["CATEGORIES", "agnostic_mask"]

CATEGORIES = tuple(PLANS)


def agnostic_mask(
    person: Person,
    category: str,
    algorithm: Literal["default", "reference"] = "default",
    *,
    labels: LabelMap | None = None,
    pose18: Pose | None = None,
) -> Mask:
    """Where an engine may change the picture for a garment of this category, in the person's frame.

    ``default`` is made for any photo; ``reference`` is what the IDM-VTON demo does. ``labels`` (``atr18``)
    and ``pose18`` (``coco18``) replace the person's own artefacts under ``reference`` only. Raises
    ``ValueError`` for a category without a mask.
    """
    if category not in CATEGORIES:
        raise ValueError(
            f"no agnostic mask for category {category!r}; there is one for {', '.join(CATEGORIES)}"
        )
    if algorithm == "reference":
        return masked_like_reference(person, category, labels, pose18)
    return default_mask(person, category)
