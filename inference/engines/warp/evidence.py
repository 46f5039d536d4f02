"""Numbers about one composition from which its confidence is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.base import FloatRgb
from inference.engines.warp.background import detail
from inference.engines.warp.fields import grow
from inference.engines.warp.occlusion import Front
from inference.engines.warp.scene import Scene
from inference.engines.warp.undress import Stripped
from preprocess.types import Alpha

_EDGE = 20.0
"""Pixels around the person whose blurred surroundings contain the person."""


_CLEFT_GRID, _CLEFT = 48, 3
"""Pixels of a shoulder width where clefts are looked for, and half the width of the narrowest that is none:
between sleeve and body there is more."""


@dataclass(frozen=True, kw_only=True)
class Dressed:
    """The finished crop."""

    picture: FloatRgb
    cover: Alpha
    """How far the garment lies over the photo before anything in front of it is put back."""
    filled: Alpha
    """Cloth that was invented to close gaps."""
    new_arms: Alpha
    """Arms that were invented in front of the garment."""


def measures(scene: Scene, front: Front, stripped: Stripped, dressed: Dressed) -> Mapping[str, float]:
    """Shares and textures.

    Of the old garment's area: ``uncovered``, ``invented_skin``, ``background_filled``; of the new one's:
    ``gap_fill``, ``hair_over``, ``arms_over``, ``new_arms_over``, ``clefts``; in levels:
    ``background_texture`` and ``layers``, how much the old clothes differ between the middle and the sides
    of the chest.
    """
    old = max(float((scene.parts.upper > 0.5).sum()), 1.0)
    new = max(float(dressed.cover.sum()), 1.0)
    bare = stripped.removed * (1.0 - dressed.cover)
    return {
        "uncovered": float(bare.sum()) / old,
        "invented_skin": float(np.maximum(bare * stripped.skin_weight, dressed.new_arms).sum()) / old,
        "new_arms_over": float((dressed.new_arms * scene.garment.alpha).sum()) / new,
        "background_filled": float((bare * (1.0 - stripped.skin_weight)).sum()) / old,
        "gap_fill": float(dressed.filled.sum()) / new,
        "hair_over": float((front.head * scene.garment.alpha).sum()) / new,
        "arms_over": float((front.skin * scene.garment.alpha).sum()) / new,
        "clefts": clefts(dressed.cover, _clothed(scene, front), scene.unit),
        "background_texture": detail(scene.photo, ~grow(scene.matte > 0.03, _EDGE)),
        "layers": layers(scene),
    }


def _clothed(scene: Scene, front: Front) -> Alpha:
    """The person without bare skin."""
    return np.asarray(scene.matte * (1.0 - np.maximum(front.skin, scene.parts.skin)), np.float32)


def clefts(cover: Alpha, clothed: Alpha, unit: float) -> float:
    """Share of the garment's area that lies in notches too narrow for cloth on the ``clothed`` body, where a
    warp tore it; the narrow end of the gap between a sleeve and the torso shows what is behind the body."""
    cloth = _on_grid(cover, _CLEFT_GRID / unit)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _CLEFT + 1, 2 * _CLEFT + 1))
    closed = cv2.morphologyEx(cloth.astype(np.uint8), cv2.MORPH_CLOSE, disc) > 0
    torn = closed & ~cloth & _on_grid(clothed, _CLEFT_GRID / unit)
    return float(torn.sum()) / max(float(cloth.sum()), 1.0)


def _on_grid(part: Alpha, scale: float) -> NDArray[np.bool_]:
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.pad(np.asarray(small > 0.5), 2 * _CLEFT)


def layers(scene: Scene) -> float:
    """How much the middle of the old top differs from its sides in levels, nearly all the way down.

    An open jacket differs everywhere, a print only in the middle of the chest: a low percentile over bands
    of the spine tells them apart.
    """
    half = np.s_[::2, ::2]
    photo, lateral, down = scene.photo[half], np.abs(scene.lateral[half]), scene.down[half]
    cloth = scene.parts.upper[half] > 0.8
    middle = cloth & (lateral < 0.12)
    flanks = cloth & (lateral > 0.28) & (lateral < 0.48)
    gaps = []
    for top in np.arange(0.15, min(0.75, scene.waist), 0.1):
        band = (down >= top) & (down < top + 0.1)
        if (middle & band).sum() >= 50 and (flanks & band).sum() >= 50:
            inner = np.median(photo[middle & band], axis=0)
            gaps.append(float(np.abs(inner - np.median(photo[flanks & band], axis=0)).max()))
    return min(gaps, default=0.0)
