"""Bare legs where the old garment covered them."""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, Float, blur, grow, luma, mix, shrink, smooth_fill, smoothstep
from inference.engines.warp.limbs import Limb
from inference.engines.warp.lower.view import View
from inference.engines.warp.pores import pores
from inference.engines.warp.seam import seam
from inference.engines.warp.skin import of_skin_colour
from preprocess.types import Alpha, Person

_ENOUGH = 0.004
"""Share of the picture that must be skin of one kind before its colour is taken."""
_SOURCES = (("left_arm", "right_arm"), ("neck", "face"), ("legs",), ("hands",))
"""Where the colour comes from when no leg is surely seen, the most alike first; so little of a leg may be the
shaft of a boot, and a hand may show its palm."""
_UNKNOWN = np.array([205.0, 165.0, 140.0], np.float32)
"""sRGB stand-in where no skin at all is visible."""
_EDGE_SHADE = 0.34
"""Darkening of a round leg at its silhouette, the mean of the development people's bare legs; used where too
little of a leg is seen to tell."""
_EDGES = (0.05, 0.4)
"""The least and the most darkening of theirs."""
_MIDDLE, _SIDES = 0.4, (0.7, 0.92)
"""Half widths of a leg within which its middle and its sides are compared."""
_FEWEST = 300
"""Pixels of each for that."""
_ROUNDNESS = 2.4
"""Power of the distance from the middle with which a leg darkens."""
_MEAN_SHADE = 0.9
"""Mean of that shading over a leg."""
_BETWEEN = 0.16
"""Further darkening of the inner side right below the crotch, where the other thigh takes the light."""
_BETWEEN_ENDS = 0.45
"""Share of the leg at which that ends: at the knees."""
_SHADOWED = (0.25, 0.12)
"""Half hips beside the old hem in which the skin lies in its shadow: usually, and at least, where less of it
shows."""
_BESIDE = 0.25
"""Half hips of skin beside that shadow which painted skin must meet."""
_REACH = 2.0
"""Half hips over which it returns to its own tone."""
_TYPICAL = 0.8
"""How far the nearest skin's colour is pulled to the usual one far away from it: a local shadow must not
spread over a whole leg."""
_SHOULDERS = 2.2
"""Shoulder widths per half hips, the unit of textures."""
_TINT = np.array([0.85, 1.05, 1.1], np.float32)
"""Grazing light is redder, blue falls faster than red: exponents of a change of brightness."""
_KNEE = 0.06
"""Depth of the shading round the kneecap, as a share of brightness."""


def leg_plate(person: Person, view: View, bare: Alpha) -> FloatRgb:
    """``float32 (h, w, 3)``: skin everywhere in the crop, round where the legs are; ``bare`` is where it will
    show.

    The seen skin without its shading, spread; shaded anew; with the texture of real skin; and in tune with
    the real leg where both meet.
    """
    real = shrink(view.legs > 0.9, 0.04 * view.unit)
    for shadow in _SHADOWED:
        seen = real & ~grow(view.lower > 0.5, shadow * view.unit)
        if seen.mean() > _ENOUGH:
            break
    core = of_skin_colour(view.photo, seen)
    shade = np.power(_shade(view, core)[..., None], _TINT)
    plate = _tone(person, view, core, shade) * shade
    arms = of_skin_colour(view.photo, shrink(view.arms > 0.9, 0.04 * view.unit))
    texture = pores(view.photo, (core, arms), bare > 0.02, _SHOULDERS * view.unit)
    plate = plate * (1.0 + texture[..., None])
    border = seen & grow(view.lower > 0.5, (shadow + _BESIDE) * view.unit)
    plate = plate * seam(plate, blur(view.photo, 0.02 * view.unit), border, _REACH * view.unit)
    return np.asarray(np.clip(plate, 0.0, 255.0), np.float32)


def _tone(person: Person, view: View, core: Bool, shade: FloatRgb) -> FloatRgb:
    """The skin's colour without shading: the nearest one seen, pulled to the usual one farther away."""
    if core.mean() <= _ENOUGH:
        colour = _colour(person) / np.power(_MEAN_SHADE, _TINT)
        return np.broadcast_to(colour, view.photo.shape).astype(np.float32)
    unshaded = view.photo / shade
    usual = np.median(unshaded[core], axis=0).astype(np.float32)
    distance = cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, 5)
    pull = _TYPICAL * smoothstep(np.asarray(distance, np.float32), 0.2 * view.unit, _REACH * view.unit)
    return mix(smooth_fill(unshaded, core), np.broadcast_to(usual, unshaded.shape), pull)


def _shade(view: View, core: Bool) -> Float:
    """``(h, w)`` brightness of both legs' form, as deep as the seen ones' in ``core``."""
    depth = _depth(view, core)
    left, right = view.limbs.left, view.limbs.right
    # across grows to the left of the picture: the left leg's inner side is the negative one
    nearest = np.abs(left.across) < np.abs(right.across)
    return np.where(nearest, _round(left, -1.0, depth), _round(right, 1.0, depth)).astype(np.float32)


def _depth(view: View, core: Bool) -> float:
    """How much darker than their middle the seen legs are at their silhouette."""
    out = np.minimum(np.abs(view.limbs.left.across), np.abs(view.limbs.right.across))
    middle, sides = core & (out < _MIDDLE), core & (out > _SIDES[0]) & (out < _SIDES[1])
    if min(middle.sum(), sides.sum()) < _FEWEST:
        return _EDGE_SHADE
    light = luma(view.photo)
    darker = 1 - float(np.median(light[sides])) / max(float(np.median(light[middle])), 1.0)
    return float(np.clip(darker / np.mean(_SIDES) ** _ROUNDNESS, *_EDGES))


def _colour(person: Person) -> FloatRgb:
    photo = person.image.astype(np.float32)
    for names in _SOURCES:
        region = person.parsing.region(*names)
        if region.mean() > _ENOUGH:
            core = of_skin_colour(photo, shrink(region, 3.0))
            if core.any():
                return np.asarray(np.median(photo[core], axis=0), np.float32)
    return _UNKNOWN


def _round(limb: Limb, inward: float, depth: float) -> Float:
    """``(h, w)`` factor: dark at both sides, a kneecap half way, a hint of the calf's muscle below;
    ``inward`` is the sign of ``across`` on the side of the other leg."""
    side = 1.0 - depth * np.minimum(np.abs(limb.across), 1.15) ** _ROUNDNESS
    between = smoothstep(limb.across * inward, -0.2, 1.0) * (1 - smoothstep(limb.along, 0.0, _BETWEEN_ENDS))
    knee = np.hypot((limb.along - 0.5) / 0.055, limb.across / 0.62)
    cap = np.exp(-((knee - 1.0) ** 2) / 0.18) * smoothstep(limb.along, 0.46, 0.52)
    lit = np.exp(-(knee**2) / 0.5)
    shin = 0.04 * np.exp(-(((limb.across + 0.15) / 0.35) ** 2)) * smoothstep(limb.along, 0.52, 0.65)
    return np.asarray(side - _BETWEEN * between - _KNEE * cap + 0.5 * _KNEE * lit + shin, np.float32)
