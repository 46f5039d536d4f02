"""What stays in front of the new garment, what of the old one must go, and what lies under it.

Weights are soft, ``float32 (h, w)`` 0..1 in the crop.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import blur, dilate, erode, smoothstep, unmix, weighted_blur
from inference.engines.warp.limbs import Limb
from inference.engines.warp.scene import Scene
from preprocess.types import Alpha, Points, Sides

_HAIR_BAND = 0.035
"""Shoulder widths on both sides of the hair's border in which strands are matted by colour."""

_SKIN_BAND = 0.008
"""Shoulder widths: the parsing of arms and hands is this exact."""

_SPILL = 0.014
"""Shoulder widths around the old garment that still show its colour or its contact shadow."""

_ARM_STARTS = (0.22, 0.42)
"""Along the arm: the shoulder is part of the torso garment, further down the arm is in front of it."""


@dataclass(frozen=True, kw_only=True)
class Front:
    """The photo's own pixels that stay in front, with their colours freed from what was behind them."""

    colour: FloatRgb
    head: Alpha
    """Hair and face: in front of everything."""
    arms: Sides[Alpha]
    """Bare arms and hands, each pixel given to the nearer arm."""
    hands: Alpha
    lower: Alpha
    """Lower clothes in front of the hem; 0 where the garment hangs over them."""

    @property
    def skin(self) -> Alpha:
        return np.asarray(np.maximum(self.arms.left, self.arms.right), np.float32)


def front_layers(scene: Scene, limbs: Sides[Limb]) -> Front:
    """Find what covers the garment and clean its soft borders."""
    parts, unit = scene.parts, scene.unit
    hair = matte_by_colour(scene.photo, parts.hair, _HAIR_BAND * unit)
    head = np.clip(hair + parts.face, 0.0, 1.0)
    bare = np.clip(parts.arms + parts.hands, 0.0, 1.0)
    bare = matte_by_colour(scene.photo, bare, _SKIN_BAND * unit)
    left_is_nearer = np.abs(limbs.left.across) <= np.abs(limbs.right.across)
    hands = np.minimum(bare, dilate(parts.hands, 2.0))
    arms = [
        bare * mine * np.maximum(smoothstep(limb.along, *_ARM_STARTS), parts.hands)
        for limb, mine in ((limbs.left, left_is_nearer), (limbs.right, ~left_is_nearer))
    ]
    lower = _lower_in_front(scene)
    whole = np.clip(head + bare + lower, 0.0, 1.0).astype(np.float32)
    return Front(
        colour=unmix(scene.photo, whole, 0.05 * unit),
        head=head.astype(np.float32),
        arms=Sides(left=arms[0].astype(np.float32), right=arms[1].astype(np.float32)),
        hands=hands.astype(np.float32),
        lower=lower,
    )


def _lower_in_front(scene: Scene) -> Alpha:
    if not scene.garment.tucked:
        return np.zeros_like(scene.matte)
    onset = smoothstep(scene.down, scene.waist - 0.12, scene.waist - 0.04)
    return np.asarray(scene.parts.lower * onset, np.float32)


def matte_by_colour(photo: FloatRgb, alpha: Alpha, band: float) -> Alpha:
    """Sharpen a soft region's border: where the colours on its two sides differ, colour decides the share."""
    inner = (erode(alpha, band) > 0.9).astype(np.float32)
    outer = (dilate(alpha, band) < 0.1).astype(np.float32)
    front = weighted_blur(photo, inner, 1.5 * band)
    back = weighted_blur(photo, outer, 1.5 * band)
    gap = front - back
    contrast = np.sqrt((gap**2).sum(axis=-1))
    share = ((photo - back) * gap).sum(axis=-1) / np.maximum(contrast**2, 1.0)
    known = np.minimum(blur(inner, 1.5 * band), blur(outer, 1.5 * band)) > 0.01
    trust = smoothstep(contrast, 30.0, 70.0) * known * (1.0 - inner) * (1.0 - outer)
    return np.asarray(alpha + (np.clip(share, 0.0, 1.0) - alpha) * trust, np.float32)


def old_garment(scene: Scene, front: Front) -> Alpha:
    """What has to be painted over: the old garment, its spill and its edge shadow."""
    parts = scene.parts
    spill = _SPILL * scene.unit
    body = np.clip(parts.face + parts.hands + parts.neck + parts.arms + parts.lower + parts.legs, 0.0, 1.0)
    keep = np.maximum(erode(body.astype(np.float32), spill), front.head)
    cloth = blur(dilate(np.asarray(smoothstep(parts.upper, 0.1, 0.6)), spill), 0.8)
    return np.asarray(cloth * (1.0 - keep), np.float32)


@dataclass(frozen=True, kw_only=True)
class Under:
    """What comes to light under the old garment; the rest is background."""

    skin: Alpha
    lower: Alpha


def under_layers(scene: Scene, limbs: Sides[Limb], chest: Points) -> Under:
    """Guess the bare body below the clothes. ``chest`` is the outline of neck and shoulders, crop pixels."""
    hem = scene.garment.hem
    outline = np.zeros(scene.matte.shape, np.float32)
    cv2.fillPoly(outline, [np.round(chest).astype(np.int32).reshape(-1, 1, 2)], 1.0)
    chest_zone = outline * (scene.down < min(0.42, hem))
    core = (np.abs(scene.lateral) < np.interp(scene.down, [0.3, 0.6, 1.0], [0.46, 0.42, 0.46])) * 1.0
    midriff = core * (scene.down >= hem - 0.05) * (scene.down < scene.waist + 0.05)
    lower_zone = (scene.down > min(scene.waist, hem + 0.5) - 0.02) * 1.0
    arms = np.maximum(limbs.left.inside, limbs.right.inside)
    skin = np.maximum(np.maximum(blur(chest_zone.astype(np.float32), 1.0), arms), midriff)
    lower = blur((lower_zone * (1.0 - np.maximum(arms, scene.parts.skin))).astype(np.float32), 1.5)
    return Under(
        skin=np.asarray(skin * (1 - lower) * smoothstep(scene.matte, 0.2, 0.8), np.float32),
        lower=np.asarray(lower * smoothstep(scene.matte, 0.2, 0.8), np.float32),
    )
