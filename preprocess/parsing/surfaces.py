"""Which surface every working pixel shows: colour models and priors, smoothed along edges, learnt again
once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.parsing.colour import Codes, palette
from preprocess.parsing.filters import Guide
from preprocess.parsing.layout import Layout
from preprocess.parsing.regions import HAIR, LOWER, SHOES, SKIN, SURFACES, UPPER, Appearance, scores
from preprocess.parsing.skin import refine_skin
from preprocess.types import Alpha

ROUNDS = 2
ISLAND = 0.0006
"""Share of the working image below which a piece of a label is noise."""
CHIN_HEIGHT = 1.15
"""Mean height, in half face heights below the face's centre, above which a piece is hair rather than
cloth."""

Surfaces = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """Result at working size."""

    surface: Surfaces
    """``(h, w)`` index into ``SURFACES``; meaningful where the matte is."""
    membership: NDArray[np.float32]
    """``(h, w, 5)`` smoothed, sums to about 1."""
    appearance: Appearance


def classify(
    codes: Codes, guide: Guide, layout: Layout, matte: Alpha, appearance: Appearance, waist: float
) -> Parsed:
    """Smooth and decide, re-learn the colours from the decision, decide again; clean up."""
    for round_ in range(ROUNDS):
        raw = scores(codes, layout, appearance, waist)
        raw /= raw.sum(-1, keepdims=True)
        membership = np.stack(
            [guide.filter(np.ascontiguousarray(raw[..., k])) for k in range(len(SURFACES))], -1
        )
        surface = np.argmax(membership, -1)
        if round_ + 1 < ROUNDS:
            appearance = _learn(codes, surface, raw, matte, appearance)
    if appearance.upper is not None:
        surface = _sleeves(surface, appearance.upper.likelihood(codes), layout, waist)
    on_face = layout.face < 0.9 if layout.face_visible else np.zeros_like(matte, dtype=bool)
    surface = np.where(on_face & (surface != HAIR), SKIN, surface)  # eyes, lips, glasses, a mask
    surface = _without_islands(surface, membership, layout, matte > 0.5)
    return Parsed(surface=surface, membership=membership, appearance=appearance)


def _learn(
    codes: Codes, surface: Surfaces, raw: NDArray[np.float32], matte: Alpha, appearance: Appearance
) -> Appearance:
    """Colour models from the pixels now labelled with some certainty."""
    sure = [
        (surface == k) & (matte > 0.9) & (raw[..., k] > share)
        for k, share in ((SKIN, 0.7), (UPPER, 0.5), (LOWER, 0.6), (HAIR, 0.6))
    ]
    return replace(
        appearance,
        skin=refine_skin(appearance.skin, codes, sure[0]),
        upper=palette(codes, sure[1]) if sure[1].sum() > 100 else appearance.upper,
        lower=palette(codes, sure[2]) if sure[2].sum() > 100 else appearance.lower,
        hair=palette(codes, sure[3]) if sure[3].sum() > 100 else appearance.hair,
    )


def _sleeves(surface: Surfaces, upper: Alpha, layout: Layout, waist: float) -> Surfaces:
    """Cloth of the top's colour on the forearm bone is sleeve, even where the trousers have that colour
    too."""
    forearm = np.minimum(*layout.forearm) < 0.105
    beside = (np.abs(layout.across) > 0.95) | (layout.along < waist)
    return np.where(forearm & beside & (surface == LOWER) & (upper > 0.3), UPPER, surface)


def _without_islands(
    surface: Surfaces, membership: NDArray[np.float32], layout: Layout, person: NDArray[np.bool_]
) -> Surfaces:
    """Small pieces, and pieces of clothes beside the face, take the next best label."""
    cleaned = surface.copy()
    for k in (SKIN, UPPER, LOWER, HAIR, SHOES):
        region = ((cleaned == k) & person).astype(np.uint8)
        _, pieces, stats, _ = cv2.connectedComponentsWithStats(region, connectivity=4)
        area = stats[:, cv2.CC_STAT_AREA]
        stray = area < ISLAND * region.size
        if k in (UPPER, LOWER, SHOES):
            height = np.bincount(pieces.ravel(), weights=layout.head_y.ravel()) / area
            stray |= height < CHIN_HEIGHT
        stray[0] = False
        noise = stray[pieces]
        if noise.any():
            others = membership[noise].copy()
            others[:, k] = -1.0
            if k == UPPER:
                others[:, LOWER] = -1.0
            cleaned[noise] = others.argmax(-1)
    return cleaned
