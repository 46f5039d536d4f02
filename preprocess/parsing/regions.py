"""What each kind of surface looks like and where it can be: seeds for the colour models and position
priors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preprocess.parsing.colour import Codes, Palette, palette
from preprocess.parsing.filters import bump, erode, smoothstep
from preprocess.parsing.layout import Layout
from preprocess.parsing.skin import Skin
from preprocess.types import Alpha

SURFACES = ("skin", "upper", "lower", "hair", "shoes")
SKIN, UPPER, LOWER, HAIR, SHOES = range(5)
MIN_SEEDS = 40
UNSEEN_HAIR = 0.08
"""Likelihood of every colour as hair where none was seen for sure (heads cut off by the frame): a shaded neck
has more of skin than this, long hair less."""

Region = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """Colour models of one photo; None = that surface was not seen."""

    skin: Skin
    upper: Palette | None
    lower: Palette | None
    hair: Palette | None
    shoes: Palette | None


def first_appearance(codes: Codes, layout: Layout, matte: Alpha, skin: Skin, waist: float) -> Appearance:
    """Colour models from where each surface is most probably seen."""
    skin_like = skin.likelihood(codes)
    solid = matte > 0.85
    hand = np.minimum(*layout.hand)
    core = (
        (np.abs(layout.across) < 0.75)
        & (layout.along > 0.12)
        & (layout.along < min(0.8, waist - 0.03))
        & solid
    )
    upper = core & (skin_like < 0.35) & (hand > 0.16)
    if upper.sum() < 0.15 * core.sum():
        upper = core & (hand > 0.16)
    thighs = np.minimum(*layout.thigh) < 0.22
    hips = (np.abs(layout.across) < 0.8) & (layout.along < 1.4)
    lower = (thighs | hips) & solid & (layout.along > waist + 0.05) & (skin_like < 0.5)
    lower &= (layout.along < waist + 0.3) & (hand > 0.15)
    hair = _hair_seeds(layout, erode(solid, 3) & (skin_like < 0.25))
    foot, below = np.minimum(*layout.foot), np.maximum(*layout.beyond_ankle)
    shoes = solid & (foot < 0.12) & (below > 0.05) & (skin_like < 0.4)
    return Appearance(
        skin=skin,
        upper=_palette(codes, upper),
        lower=_palette(codes, lower),
        hair=_palette(codes, hair),
        shoes=_palette(codes, shoes),
    )


def scores(codes: Codes, layout: Layout, appearance: Appearance, waist: float) -> NDArray[np.float32]:
    """``(h, w, 5)`` unnormalised: position prior times colour likelihood, in the order of ``SURFACES``."""
    none = np.zeros(codes.shape, np.float32)

    def colour(model: Palette | None, floor: float, missing: float) -> Alpha:
        return none + missing if model is None else floor + model.likelihood(codes)

    planes = (
        appearance.skin.likelihood(codes) * _where_skin(layout, waist),
        colour(appearance.upper, 0.06, 0.06) * _where_upper(layout, waist),
        colour(appearance.lower, 0.04, 0.15) * _where_lower(layout, waist),
        colour(appearance.hair, 0.0, UNSEEN_HAIR) * _where_hair(layout),
        colour(appearance.shoes, 0.02, 0.0) * _where_shoes(layout),
    )
    return np.stack(planes, -1).astype(np.float32) + 1e-4


def _where_skin(layout: Layout, waist: float) -> Alpha:
    hand, arm, leg = (np.minimum(*pair) for pair in (layout.hand, layout.arm, layout.leg))
    prior = 0.10 + 0.9 * bump(np.maximum(0.0, layout.face - 0.97), 0.2)
    prior += 0.75 * bump(hand, 0.13) + 0.55 * bump(arm, 0.17)
    prior += 0.6 * bump(layout.neck, 0.22)
    legs = 0.8 * bump(leg, 0.28) * smoothstep(layout.along, waist + 0.15, waist + 0.35)
    return np.asarray(np.maximum(np.minimum(prior, 1.0), legs), dtype=np.float32)


def _where_upper(layout: Layout, waist: float) -> Alpha:
    prior = smoothstep(layout.head_y, 0.75, 1.35) * smoothstep(layout.along, -0.42, -0.18)
    prior = 0.02 + 0.98 * prior
    prior *= 1.0 - 0.97 * smoothstep(layout.along, waist - 0.02, waist + 0.22)
    prior *= 1.0 - 0.97 * bump(np.maximum(0.0, layout.face - 0.75), 0.2)
    return np.asarray((prior * (1.0 - 0.85 * bump(np.minimum(*layout.hand), 0.12))), dtype=np.float32)


def _where_lower(layout: Layout, waist: float) -> Alpha:
    prior = smoothstep(layout.along, waist - 0.20, waist + 0.06)
    on_arm = (np.minimum(*layout.arm) < 0.12) & (np.abs(layout.across) > 0.9)
    shoes = smoothstep(np.maximum(*layout.beyond_ankle), -0.05, 0.1) * bump(np.minimum(*layout.foot), 0.3)
    prior = prior * (1.0 - 0.85 * bump(np.minimum(*layout.hand), 0.12))
    return np.asarray(np.where(on_arm, 0.2 * prior, prior * (1.0 - 0.7 * shoes)), dtype=np.float32)


def _where_hair(layout: Layout) -> Alpha:
    prior = bump(np.maximum(0.0, layout.face - 1.45), 0.8) * (1.0 - 0.9 * smoothstep(layout.along, 0.35, 0.7))
    prior *= smoothstep(layout.face, 0.6, 1.05)
    throat = bump(layout.neck, 0.2) * smoothstep(layout.head_y, 0.95, 1.2)
    throat *= smoothstep(layout.along, 0.1, -0.05)
    return np.asarray((prior * (1.0 - 0.95 * throat)), dtype=np.float32)


def _where_shoes(layout: Layout) -> Alpha:
    foot = np.minimum(*layout.foot)
    below = smoothstep(np.maximum(*layout.beyond_ankle), -0.12, 0.06)
    return np.asarray((bump(foot, 0.22) * below), dtype=np.float32)


def _hair_seeds(layout: Layout, not_skin: Region) -> Region:
    """A ring over the face; beside it where the picture ends above the eyes."""
    ring = not_skin & (layout.face > 1.15) & (layout.face < 2.2)
    above = ring & (layout.head_y < -0.3)
    return above if above.sum() > MIN_SEEDS else ring & (layout.head_y < 0.25) & (layout.face > 1.3)


def _palette(codes: Codes, region: Region) -> Palette | None:
    return palette(codes, region) if region.sum() > MIN_SEEDS else None
