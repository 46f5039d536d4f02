"""Numbers about one composition from which its confidence is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, blur, luma
from inference.engines.warp.occlusion import Front
from inference.engines.warp.scene import Scene
from inference.engines.warp.undress import Stripped
from preprocess.types import Alpha


@dataclass(frozen=True, kw_only=True)
class Dressed:
    """The finished crop."""

    picture: FloatRgb
    cover: Alpha
    """How far the garment lies over the photo before anything in front of it is put back."""
    filled: Alpha
    """Cloth that was invented to close gaps."""


def measures(scene: Scene, front: Front, stripped: Stripped, dressed: Dressed) -> Mapping[str, float]:
    """Shares and textures.

    Of the old garment's area: ``uncovered``, ``invented_skin``, ``background_filled``; of the new garment's:
    ``gap_fill``, ``hair_over``, ``arms_over``; in levels: ``background_texture`` and ``layers``, how much
    the old
    clothes differ between the middle and the sides of the chest.
    """
    old = max(float((scene.parts.upper > 0.5).sum()), 1.0)
    new = max(float(dressed.cover.sum()), 1.0)
    bare = stripped.removed * (1.0 - dressed.cover)
    return {
        "uncovered": float(bare.sum()) / old,
        "invented_skin": float((bare * stripped.skin_weight).sum()) / old,
        "background_filled": float((bare * (1.0 - stripped.skin_weight)).sum()) / old,
        "gap_fill": float(dressed.filled.sum()) / new,
        "hair_over": float((front.head * scene.garment.alpha).sum()) / new,
        "arms_over": float((front.skin * scene.garment.alpha).sum()) / new,
        "background_texture": texture(scene.photo, scene.matte < 0.03),
        "layers": layers(scene),
    }


def texture(photo: FloatRgb, region: Bool) -> float:
    """Mean absolute detail in levels of what is coarser than grain and finer than gradients."""
    if region.sum() < 100:
        return 0.0
    light = luma(photo)
    return float(np.abs(blur(light, 1.5) - blur(light, 8.0))[region].mean())


def layers(scene: Scene) -> float:
    """How far the colour of the old top's middle is from that of its sides, in levels: an open jacket
    shows."""
    cloth = (scene.parts.upper > 0.8) & (scene.down > 0.15) & (scene.down < min(0.7, scene.waist))
    middle = cloth & (np.abs(scene.lateral) < 0.12)
    flanks = cloth & (np.abs(scene.lateral) > 0.28) & (np.abs(scene.lateral) < 0.48)
    if middle.sum() < 200 or flanks.sum() < 200:
        return 0.0
    return float(
        np.abs(np.median(scene.photo[middle], axis=0) - np.median(scene.photo[flanks], axis=0)).max()
    )
