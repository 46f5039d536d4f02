"""Agnostic masks: what an engine may repaint, from labels and pose alone (numpy and OpenCV, no network)."""

from __future__ import annotations

from preprocess.agnostic.default import PLANS, default_mask
from preprocess.types import Mask, Person

__all__ = ["CATEGORIES", "agnostic_mask"]

CATEGORIES = tuple(PLANS)


def agnostic_mask(person: Person, category: str) -> Mask:
    """Where an engine may change the picture for a garment of this category, in the person's frame.

    Raises ``ValueError`` for a category without a mask.
    """
    if category not in CATEGORIES:
        raise ValueError(
            f"no agnostic mask for category {category!r}; there is one for {', '.join(CATEGORIES)}"
        )
    return default_mask(person, category)
