"""Bare legs where the old garment covered them."""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, Float, blur, grow, mix, shrink, smooth_fill, smoothstep
from inference.engines.warp.grain import grain, grain_spread
from inference.engines.warp.limbs import Limb
from inference.engines.warp.lower.view import View
from inference.engines.warp.skin import of_skin_colour
from preprocess.types import Person

_ENOUGH = 0.004
"""Share of the picture that must be skin of one kind before its colour is taken."""
_SOURCES = (("legs",), ("left_arm", "right_arm"), ("neck", "face"), ("hands",))
"""Where the colour comes from, the most alike first; a hand may show its palm."""
_UNKNOWN = np.array([205.0, 165.0, 140.0], np.float32)
"""sRGB stand-in where no skin at all is visible."""
_EDGE_SHADE = 0.34
"""Darkening of a round leg at its silhouette, read off the bare legs of the development people."""
_MEAN_SHADE = 0.9
"""Mean of that shading over a leg: the colour it is laid on is a mean too."""
_SHADOWED = 0.12
"""Half hips beside the old hem in which the skin lies in its shadow."""
_FADES = 2.0
"""Half hips from the seen skin at which its local tones are forgotten, all but their mean."""
_KNEE = 0.06
"""Depth of the shading round the kneecap, as a share of brightness."""


def leg_plate(person: Person, view: View) -> FloatRgb:
    """``float32 (h, w, 3)``: skin everywhere in the crop, round where the legs are."""
    core = of_skin_colour(view.photo, shrink(view.legs > 0.9, 0.04 * view.unit))
    colour = _colour(person)
    plate = np.broadcast_to(colour, view.photo.shape).astype(np.float32)
    spread = 1.5
    if core.mean() > _ENOUGH:
        plate = smooth_fill(view.photo, core)
        plate = mix(plate, np.broadcast_to(np.median(view.photo[core], axis=0), plate.shape), _far(core))
        spread = grain_spread(view.photo, core)
    shade = np.ones(view.matte.shape, np.float32)
    nearest = np.abs(view.limbs.left.across) < np.abs(view.limbs.right.across)
    for limb, own in ((view.limbs.left, nearest), (view.limbs.right, ~nearest)):
        shade = np.where(own, _round(limb) / _MEAN_SHADE, shade)
    tint = np.array([0.85, 1.05, 1.1], np.float32)  # grazing light is redder: blue falls faster than red
    plate = plate * (1 - (1 - shade)[..., None] * tint)
    plate = _joined(np.asarray(plate, np.float32), view)
    noise = grain(view.matte.shape, max(spread, 0.8))
    return np.asarray(np.clip(plate + noise[..., None], 0.0, 255.0), np.float32)


def _joined(plate: FloatRgb, view: View) -> FloatRgb:
    """The plate with the tones of the legs that are seen, so that no line shows where they meet: what it
    differs by there is carried on over the legs, ever weaker."""
    bare = shrink(view.legs > 0.9, 0.03 * view.unit) & ~grow(view.lower > 0.5, _SHADOWED * view.unit)
    if bare.mean() < _ENOUGH:
        return plate
    missing = smooth_fill(blur(view.photo, 0.02 * view.unit) - plate, bare)
    distance = cv2.distanceTransform((~bare).astype(np.uint8), cv2.DIST_L2, 5)
    near = 1 - 0.7 * smoothstep(np.asarray(distance, np.float32), 0.3 * view.unit, _FADES * view.unit)
    return np.asarray(plate + missing * near[..., None], np.float32)


def _far(core: Bool) -> Float:
    """0 beside known skin, half far away from it: a local shadow must not spread over a whole leg."""
    near = blur(core.astype(np.float32), 0.12 * max(core.shape))
    return np.asarray(0.5 * (1 - smoothstep(near, 0.05, 0.4)), np.float32)


def _colour(person: Person) -> FloatRgb:
    photo = person.image.astype(np.float32)
    for names in _SOURCES:
        region = person.parsing.region(*names)
        if region.mean() > _ENOUGH:
            core = of_skin_colour(photo, shrink(region, 3.0))
            if core.any():
                return np.asarray(np.median(photo[core], axis=0), np.float32)
    return _UNKNOWN


def _round(limb: Limb) -> Float:
    """``(h, w)`` factor: dark at both sides, a kneecap half way, a hint of the calf's muscle below."""
    side = 1.0 - _EDGE_SHADE * np.minimum(np.abs(limb.across), 1.15) ** 2.4
    knee = np.hypot((limb.along - 0.5) / 0.055, limb.across / 0.62)
    cap = np.exp(-((knee - 1.0) ** 2) / 0.18) * smoothstep(limb.along, 0.46, 0.52)
    lit = np.exp(-(knee**2) / 0.5)
    shin = 0.04 * np.exp(-(((limb.across + 0.15) / 0.35) ** 2)) * smoothstep(limb.along, 0.52, 0.65)
    return np.asarray(side - _KNEE * cap + 0.5 * _KNEE * lit + shin, np.float32)
