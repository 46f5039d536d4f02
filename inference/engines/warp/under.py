"""What comes to light under the old garment: skin and lower clothes.

Weights are soft, ``float32 (h, w)`` 0..1 in the crop.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inference.engines.warp.fields import Bool, blur, grow, shrink, smoothstep
from inference.engines.warp.limbs import Limb
from inference.engines.warp.occlusion import SLANT, Front, beside_sleeve, see_through
from inference.engines.warp.scene import Scene, garment_cover
from preprocess.types import Alpha, Points, Sides

_ROUND = 0.04
"""Shoulder widths by which the guessed outline of the bare body is rounded."""

_CLOTHED = 0.03
"""Shoulder widths by which the outline of the clothes is softened where it bounds the body."""

_STRIP = 0.06
"""Shoulder widths: a lower strip of midriff is none (2 to 3 cm). By eye."""

_THREAD = 0.02
"""Half the width, in shoulder widths, up to which what lies between old hem and skin is not the bottoms.
By eye."""

_BREAST, _BREAST_ENDS, _BREAST_REACH = 0.37, 0.1, 0.3
"""From where down the torso on, to how far above the hem (one that hangs aslant ends higher), and shoulder
widths to either side: there an opening of the cloth (a plunging neck, a cut-out) shows skin. Farther out old
clothes are often wider than the body. By eye, on a cardigan and a plunging dress, two people each."""

_SHOULDER = 0.2
"""Along the arm: where the shoulder's cap ends, which fills its sleeve."""


@dataclass(frozen=True, kw_only=True)
class Under:
    """What comes to light under the old garment; the rest is background."""

    skin: Alpha
    lower: Alpha


def under_layers(scene: Scene, limbs: Sides[Limb], front: Front, removed: Alpha, chest: Points) -> Under:
    """Guess the bare body below the clothes. ``chest`` is the outline of neck and shoulders, crop pixels."""
    hem = scene.garment.hem
    outline = np.zeros(scene.matte.shape, np.float32)
    cv2.fillPoly(outline, [np.round(chest).astype(np.int32).reshape(-1, 1, 2)], 1.0)
    core = np.abs(scene.lateral) < np.interp(scene.down, [0.3, 0.6, 1.0], [0.46, 0.42, 0.46])
    arms = bare_outline(scene, limbs, front)
    bare = np.maximum(outline * (scene.down < min(0.42, hem)), arms)
    # shoulder, neck and arm run into each other without corners, inside the clothes that covered them
    bare = smoothstep(blur(bare.astype(np.float32), _ROUND * scene.unit), 0.42, 0.58)
    clothed = blur(np.maximum(scene.matte, scene.parts.upper), _CLOTHED * scene.unit)
    bare = bare * smoothstep(clothed, 0.4, 0.6)
    midriff = core * (scene.down >= hem - 0.05) * (scene.down < scene.waist + 0.05)
    breast = (scene.down > _BREAST) & (scene.down < hem - _BREAST_ENDS)
    breast &= np.abs(scene.lateral) < _BREAST_REACH
    skin = np.maximum(bare, np.maximum(midriff, breast) * smoothstep(scene.matte, 0.2, 0.8))
    below_waist = scene.down > min(scene.waist, hem + 0.5) - 0.02
    below_waist |= narrow_strip(scene, (midriff > 0.0) & ~below_waist & (removed > 0.5))
    hips = below_waist & (core | nearer_to_lower(scene, removed)) & (scene.matte > 0.5)
    bare = np.maximum(arms, scene.parts.skin)
    hips &= ~threads(hips & (bare < 0.5), _THREAD * scene.unit)
    lower = blur((hips * (1.0 - bare)).astype(np.float32), 1.0)
    return Under(
        skin=np.asarray(skin * (1.0 - lower), np.float32),
        lower=lower,
    )


def threads(region: Bool, radius: float) -> Bool:
    """What of a region is no wider than twice ``radius``, but for its corners: the shadow of an old hem on
    bare skin is no waistband."""
    return region & ~grow(shrink(region, radius), 2 * radius)


def narrow_strip(scene: Scene, midriff: Bool) -> Bool:
    """The parts of a bare ``midriff`` between new hem and bottoms that are too low to be one: there an old
    hem, that hung a little lower or aslant, lay over the bottoms."""
    seen = (midriff & (garment_cover(scene.garment) < 0.5)).astype(np.uint8)
    tall = np.ones((max(3, round(_STRIP * scene.unit)), 1), np.uint8)
    return np.asarray((seen > 0) & (cv2.morphologyEx(seen, cv2.MORPH_OPEN, tall) == 0), np.bool_)


def bare_outline(scene: Scene, limbs: Sides[Limb], front: Front) -> Alpha:
    """Silhouette of the arms as far as the new garment leaves them bare."""
    left, right = _hidden(limbs.left), _hidden(limbs.right)
    sleeves = scene.garment.sleeves
    if sleeves is not None:
        left, right = left * front.free.left, right * front.free.right
        if see_through(sleeves):  # the arm's slanted end would leave its shoulder out
            left = np.maximum(left, sleeves.left.alpha * (limbs.left.along < _SHOULDER))
            right = np.maximum(right, sleeves.right.alpha * (limbs.right.along < _SHOULDER))
    visible = grow(scene.parts.arms + scene.parts.hands > 0.5, 1.5) & ~beside_sleeve(scene, limbs, front)
    return np.maximum(np.maximum(left, right), visible.astype(np.float32))


def _hidden(limb: Limb) -> Alpha:
    """Silhouette of an arm where it is not bare in the photo."""
    if limb.seen is None:
        return limb.inside
    first, last = limb.seen
    bare = (limb.along > first + SLANT) & (limb.along < last - SLANT)
    return np.asarray(limb.inside * ~bare, np.float32)


def nearer_to_lower(scene: Scene, removed: Alpha) -> Bool:
    """Pixels from which the kept lower clothes are nearer than the background."""
    kept_lower = (scene.parts.lower > 0.5) & (removed < 0.5)
    background = scene.matte < 0.1
    to_lower = cv2.distanceTransform((~kept_lower).astype(np.uint8), cv2.DIST_L2, 5)
    to_background = cv2.distanceTransform((~background).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(to_lower < to_background, np.bool_)
