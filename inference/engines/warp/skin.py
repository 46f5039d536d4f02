"""Bare skin where the old garment covered it: colour from the nearest visible skin, texture from the same
limb."""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import (
    Bool,
    Float,
    blur,
    box_of,
    grow,
    luma,
    mix,
    shrink,
    smooth_fill,
    smoothstep,
)
from inference.engines.warp.limbs import GRID, STATIONS, Limb, unrolled
from inference.engines.warp.pores import pores
from inference.engines.warp.relief import light_on, relief_of, shading
from inference.engines.warp.scene import Parts, Scene, garment_cover
from inference.engines.warp.seam import seam
from preprocess.types import Alpha, Sides

_SHADOWED = 0.03
"""Shoulder widths of skin beside clothes that are darker than the rest."""

_TYPICAL = 0.8
"""How far the nearest skin's colour is pulled to the usual one: keeps a shadow or a cheek's red from
spreading."""

_FAR = 0.45
"""Shoulder widths from visible skin at which that pull is full."""

_COLLARBONE = ((0.0, 0.1, 0.3, 0.42), (0.045, 0.03, -0.01, -0.03))
"""Shoulder widths from the spine and level on the spine of the collarbone, read off the bare shoulders of
the development people."""

_BONE = 0.055
"""Depth of the collarbones' shading as a share of brightness."""

_SHADE_TINT = np.array([0.8, 1.05, 1.15], np.float32)
"""Skin in the shade is redder: exponents for R, G, B of a change of brightness."""

_BESIDE_TORSO = 0.05
"""Shoulder widths by which a torso shades the arm beside it."""

_ARM_BEGINS = (0.1, 0.35)
"""Arm lengths over which shoulder becomes arm."""

_OCCLUDED = 0.3
"""Darkening of an arm right beside the torso."""

_FINE = 0.2
"""Half widths of an arm: jewellery and tattoos have details this small."""

_STANDS_OUT = 12.0
"""Levels by which such details differ from the skin around them; veins and hair do by less."""

_BAND = 2
"""Stations of the arm (``limbs.GRID``) that the widest of them takes."""

_CROSSED = 0.35
"""Share of an arm's width they take: hair and veins take less."""

_UNSHADOWED = 0.06
"""Arm lengths below an old cuff from which the skin is out of its shadow."""

_MIRROR = (0.25, 0.6)
"""Arm lengths from the bare stretch over which its mirror image, soon seen as a repeat, fades out."""

_SEAM = 0.06
"""Shoulder widths of real skin beside the plate that it has to meet."""

_SEAM_TRIM = 0.008
"""Shoulder widths of that skin's own border, mixed with cloth or background."""

_SEAM_REACH = 0.8
"""Shoulder widths over which the plate returns to its own tone."""

_LIT = 5.0
_SKIN_LIGHTNESS = 23.0
_SKIN_HUE = 13.0
"""Lab distances from the median of the visible skin within which colours are carried on: lightness around
a value ``_LIT`` lighter (the lit side of an arm is skin, the deepest shadow says nothing); a and b
together."""

_PALM = 12.0
"""Lab lightness by which palms exceed the face: 19 and 21 with the two development people who turn them to
the camera, at most 6 with the others."""

_MIN_SKIN = 200
"""Fewer pixels of skin say nothing about its colour."""

_UNKNOWN_SKIN = np.array([205.0, 165.0, 140.0], np.float32)
"""sRGB stand-in where no skin at all is visible."""


def skin_plate(scene: Scene, limbs: Sides[Limb], bare: Alpha) -> FloatRgb:
    """``float32 (h, w, 3)`` skin; ``bare`` is where the body comes to light, 0..1.

    The photo's own skin without its shading, spread; shaded anew as the hidden body is formed; the texture of
    real skin; and beside a cuff the arm itself, mirrored.
    """
    parts = scene.parts
    lit = ~grow(parts.upper > 0.5, _SHADOWED * scene.unit)
    real = shrink(parts.skin > 0.9, 0.012 * scene.unit) & lit
    if palms_shown(scene.photo, parts):
        real &= parts.hands < 0.1
    on_limb = parts.arms + parts.hands > 0.5
    core = of_skin_colour(scene.photo, real & on_limb) | of_skin_colour(scene.photo, real & ~on_limb)
    kept = scene.matte * (1.0 - parts.upper)
    relief = relief_of(scene, limbs, np.maximum(np.maximum(kept, bare), garment_cover(scene.garment)))
    body = core & (parts.face < 0.5)
    light = light_on(scene.photo, relief, (body & (parts.arms > 0.5), body & (parts.neck > 0.5)))
    shade = shading(relief, light)
    tone = _tone(scene.photo / shade, core, body, scene.unit)
    forms = collarbones(scene) * touched_by_cloth(scene, limbs)
    plate = tone * shade * np.power(forms[..., None], _SHADE_TINT)
    texture = pores(scene.photo, (body, core), bare > 0.02, scene.unit)
    plate *= 1.0 + texture[..., None]
    for limb in (limbs.left, limbs.right):
        plate = _copy_limb(plate, scene.photo, core, limb)
    plate *= seam(plate, scene.photo, _beside(parts, bare, scene.unit), _SEAM_REACH * scene.unit)
    return np.asarray(np.clip(plate, 0.0, 255.0), np.float32)


def palms_shown(photo: FloatRgb, parts: Parts) -> bool:
    """Hands are so much lighter than the face that they show dark skin's palms: no arm has their colour."""
    regions = [part > 0.9 for part in (parts.face, parts.hands)]
    if min(region.sum() for region in regions) < _MIN_SKIN:
        return False
    face, hands = (
        float(np.median(cv2.cvtColor(photo[region][None] / 255.0, cv2.COLOR_RGB2LAB)[..., 0]))
        for region in regions
    )
    return hands > face + _PALM


def _beside(parts: Parts, bare: Alpha, unit: float) -> Bool:
    """Real skin along the border of ``bare``; the face has its own colour and an edge, the chin."""
    real = shrink(parts.neck + parts.arms + parts.hands > 0.9, _SEAM_TRIM * unit)
    return real & (bare < 0.02) & grow(bare > 0.5, _SEAM * unit)


def of_skin_colour(photo: FloatRgb, region: Bool) -> Bool:
    """The part of a skin region that is like most of it: no watch, no cuff, no highlight, no deep shadow."""
    if region.sum() < _MIN_SKIN:
        return np.zeros_like(region)
    pixels = blur(photo, 1.5)[region][None] / 255.0
    lab = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB), np.float32)[0]
    gap = lab - np.median(lab, axis=0)
    usual = np.zeros_like(region)
    usual[region] = (np.abs(gap[:, 0] - _LIT) < _SKIN_LIGHTNESS) & (
        np.hypot(gap[:, 1], gap[:, 2]) < _SKIN_HUE
    )
    return usual


def _tone(unshaded: FloatRgb, core: Bool, body: Bool, unit: float) -> FloatRgb:
    """The skin's colour without shading: the nearest one seen, pulled to the usual one farther away."""
    if core.sum() < _MIN_SKIN:
        return np.broadcast_to(_UNKNOWN_SKIN, unshaded.shape).astype(np.float32)
    filled = smooth_fill(unshaded, core)
    usual = np.median(unshaded[body if body.sum() >= _MIN_SKIN else core], axis=0).astype(np.float32)
    distance = cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, 5)
    pull = _TYPICAL * smoothstep(np.asarray(distance, np.float32), 0.05 * unit, _FAR * unit)
    return mix(filled, np.broadcast_to(usual, unshaded.shape), pull)


def collarbones(scene: Scene) -> Float:
    """``(h, w)`` factor: the hollows above and the light on both collarbones, the notch between them."""
    out = np.abs(scene.lateral)
    bone = scene.down - np.interp(out, *_COLLARBONE).astype(np.float32)
    ridge = np.exp(-((bone / 0.022) ** 2)) - 0.9 * np.exp(-(((bone + 0.05) / 0.03) ** 2))
    ridge -= 0.4 * np.exp(-(((bone - 0.05) / 0.03) ** 2))
    there = smoothstep(out, 0.03, 0.09) * (1.0 - smoothstep(out, 0.28, 0.42))
    notch = np.exp(-((out / 0.035) ** 2) - ((scene.down - _COLLARBONE[1][0]) / 0.03) ** 2)
    hollow = np.exp(-((out / 0.03) ** 2)) * smoothstep(scene.down, 0.08, 0.2)
    return np.asarray(1.0 + _BONE * (ridge * there - 1.3 * notch - 0.4 * hollow), np.float32)


def touched_by_cloth(scene: Scene, limbs: Sides[Limb]) -> Float:
    """``(h, w)`` factor: an arm is darker where the clothed torso beside it keeps the light away."""
    near = blur(scene.garment.alpha, _BESIDE_TORSO * scene.unit)
    on_arm = np.zeros_like(near)
    for limb in (limbs.left, limbs.right):
        on_arm = np.maximum(on_arm, smoothstep(limb.along, *_ARM_BEGINS) * (np.abs(limb.across) < 1.5))
    return np.asarray(1.0 - _OCCLUDED * near * on_arm, np.float32)


def jewellery(photo: FloatRgb, skin: Bool, limb: Limb) -> Bool:
    """Stretches of an arm on whose ``skin`` something lies from side to side: bracelets, watches, the edge
    of a tattoo. One of each is enough."""
    arm = skin & (np.abs(limb.across) < 0.8)
    if not arm.any():
        return arm
    window = box_of(arm, int(limb.profile.max()))
    light = luma(photo[window])
    fine = _FINE * float(limb.profile.mean())
    bold = blur(np.abs(light - blur(light, fine)), 1.0) > _STANDS_OUT
    station = np.minimum(np.rint(limb.along / GRID[1]).astype(np.int64), STATIONS - 1)
    width = np.bincount(station[arm], minlength=STATIONS)
    share = np.bincount(station[window][arm[window] & bold], minlength=STATIONS) / np.maximum(width, 1)
    crossed = (share > _CROSSED) & (width > 0.5 * np.median(width[width > 0]))
    long = np.convolve(crossed, np.ones(_BAND + 1), "same") > _BAND  # muscles and hair, not a band
    worn = np.convolve(crossed & ~(np.convolve(long, np.ones(_BAND + 1), "same") > 0), np.ones(3), "same")
    return np.asarray(worn[station] > 0, np.bool_)


def _copy_limb(plate: FloatRgb, photo: FloatRgb, core: Bool, limb: Limb) -> FloatRgb:
    """Mirror the visible stretch of the limb into the hidden one: real tone, real shading, real texture."""
    if limb.seen is None:
        return plate
    first, last = limb.seen
    low, high = first + _UNSHADOWED, last - 0.02
    if high - low < 0.06:
        return plate
    beyond = np.maximum(low - limb.along, limb.along - high)
    window = box_of((np.abs(limb.across) < 1.3) & (beyond > -0.02) & (beyond < _MIRROR[1]))
    along, across, beyond = limb.along[window], limb.across[window], beyond[window]
    period = 2.0 * (high - low)
    phase = np.abs(np.mod(along - low, period))
    source = np.asarray(low + np.minimum(phase, period - phase), np.float32)
    at = unrolled(limb, source, np.clip(across, -0.97, 0.97))
    copied = cv2.remap(photo, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    plain = core & ~jewellery(photo, core, limb)
    valid = cv2.remap(plain.astype(np.float32), *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    weight = blur(np.asarray(valid, np.float32), _FINE * float(limb.profile.mean())) * smoothstep(
        -np.abs(across), -1.3, -1.0
    )
    weight *= smoothstep(beyond, -0.02, 0.0) * (1.0 - smoothstep(beyond, *_MIRROR))
    mixed = plate.copy()
    mixed[window] = mix(plate[window], np.asarray(copied, np.float32), weight)
    return mixed
