"""Folds of worn cloth: those of the old garment where it was plain, made-up ones elsewhere.

Made-up folds are a height field over the body: creases that start where cloth is held (armpit, elbow,
waistband) and soft waves where it hangs. Their slope towards the light becomes brightness. Lengths are
shoulder widths, heights in shoulder widths times a thousand; everything is deterministic, and mirrored when
the photo is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Float, blur, grow, luma, shrink, smoothstep, weighted_blur
from inference.engines.warp.light import SHEEN, Light
from preprocess.types import Alpha

_FOLD = (0.14, 0.09)
"""Largest darkening and brightening by a fold, as shares of brightness."""

_PLAIN = (2.5, 7.0)
"""Spread in levels of the old garment's middle frequencies: below it is plain and its folds are light,
above print."""

_MIN_CLOTH = 500
"""Fewer pixels of plain cloth say nothing about folds."""

_PRINT = 0.2
"""Share of brightness by which a print differs from the cloth around it; folds of plain cloth differ less."""

_REDUCE = 2
"""Folds are computed on a grid this much coarser."""


@dataclass(frozen=True, kw_only=True)
class OldFolds:
    """Folds and creases of the old garment, ``(h, w)``."""

    factor: Float
    """About 1: brightness by folds; 1 where nothing is known."""
    known: Alpha
    """How far the old garment shows where cloth folds on this body."""


@dataclass(frozen=True, kw_only=True)
class Crease:
    """A ridge that runs from ``x, y`` at ``angle`` and widens and fades as it goes."""

    x: float
    y: float
    angle: float
    """Degrees from the x axis, clockwise in the picture."""
    length: float
    width: float
    height: float
    bend: float = 0.0
    """Sideways shift of its end."""


def old_folds(photo: FloatRgb, worn: Alpha, unit: float) -> OldFolds:
    """What the plain parts of the old garment show; ``worn`` is its soft region, ``unit`` the shoulder width
    in pixels."""
    flat = OldFolds(factor=np.ones_like(worn), known=np.zeros_like(worn))
    cloth = shrink(worn > 0.85, 0.012 * unit).astype(np.float32)
    if cloth.sum() < _MIN_CLOTH:
        return flat
    light = luma(photo) + SHEEN
    broad = weighted_blur(light, cloth, 0.10 * unit)
    # buttons, logos and stripes are no folds
    printed = (cloth > 0.5) & (np.abs(light - broad) > _PRINT * np.maximum(broad, 40.0))
    cloth = cloth * ~grow(printed, 0.02 * unit)
    if cloth.sum() < _MIN_CLOTH:
        return flat
    fine = weighted_blur(light, cloth, 0.012 * unit)
    broad = weighted_blur(light, cloth, 0.12 * unit)
    inside = cloth > 0.5
    spread = 1.5 * float(np.median(np.abs(fine - broad)[inside]))
    plain = 1.0 - float(smoothstep(np.array([spread], np.float32), *_PLAIN)[0])
    known = plain * blur(shrink(inside, 0.02 * unit).astype(np.float32), 0.03 * unit)
    folds = np.clip((fine - broad) / np.maximum(broad, 30.0), -_FOLD[0], _FOLD[1])
    return OldFolds(factor=np.asarray(1.0 + known * folds, np.float32), known=known)


def torso_creases(armpit: float, waist: float, half: float) -> tuple[Crease, ...]:
    """Creases of a top that hangs on the shoulders, in shoulder widths below the shoulder line; ``half`` is
    half the width of the chest. The right side of the list is the lit one."""
    held = armpit + 0.02
    return (
        Crease(x=half, y=held, angle=152, length=0.42, width=0.030, height=9.0, bend=0.05),
        Crease(x=half, y=held + 0.05, angle=128, length=0.50, width=0.036, height=8.0, bend=0.06),
        Crease(x=half * 0.98, y=held + 0.13, angle=108, length=0.45, width=0.034, height=6.0, bend=0.03),
        Crease(x=-half, y=held + 0.01, angle=34, length=0.38, width=0.032, height=8.5, bend=-0.05),
        Crease(x=-half, y=held + 0.07, angle=57, length=0.54, width=0.038, height=8.0, bend=-0.07),
        Crease(x=half, y=waist - 0.16, angle=166, length=0.48, width=0.034, height=7.0, bend=0.05),
        Crease(x=half, y=waist - 0.04, angle=186, length=0.40, width=0.036, height=7.0, bend=-0.06),
        Crease(x=-half, y=waist - 0.22, angle=22, length=0.42, width=0.034, height=7.0, bend=-0.05),
        Crease(x=-half, y=waist - 0.07, angle=4, length=0.52, width=0.038, height=7.5, bend=0.06),
    )


def crease_heights(x: Float, y: Float, creases: tuple[Crease, ...]) -> Float:
    """Height of some creases at ``x, y`` in shoulder widths."""
    height = np.zeros_like(x)
    for crease in creases:
        angle = np.deg2rad(crease.angle)
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        dx, dy = x - np.float32(crease.x), y - np.float32(crease.y)
        along = np.asarray((dx * cos + dy * sin) / np.float32(crease.length), np.float32)
        beside = dy * cos - dx * sin - np.float32(crease.bend) * along * along
        width = crease.width * (0.7 + 0.9 * np.clip(along, 0.0, 1.0))
        reach = smoothstep(along, -0.08, 0.12) * (1.0 - smoothstep(along, 0.3, 1.0))
        height += crease.height * reach * np.exp(-((beside / width) ** 2))
    return np.asarray(height, np.float32)


def waves(x: Float, y: Float, hem: float, loose: float) -> Float:
    """Soft folds of cloth that hangs free down to ``hem``: they start above it and deepen towards it.
    ``loose`` 0..1 is how much wider the cloth is than the body. Also skirts and trouser legs."""
    drift = 0.05 * np.sin(4.1 * y + 1.3) + 0.03 * np.sin(7.3 * x + 0.4)
    across = x + drift.astype(np.float32)
    wave = np.sin(across * 23.0 + 0.7) + 0.7 * np.sin(across * 37.0 + 2.1)
    depth = smoothstep(y, hem - 0.55, hem) * (2.0 + 6.0 * loose)
    return np.asarray(wave * depth, np.float32)


def sleeve_heights(along: Float, across: Float, cuff: float) -> Float:
    """Folds round an arm between shoulder and ``cuff``: slanted at the armpit, pushed together at the elbow
    and above a long cuff. ``along`` 0 = shoulder, about .5 = elbow, 1 = wrist; ``across`` 1 is the
    lit side."""
    slant = along + 0.05 * across + 0.02 * np.sin(5.0 * across + 1.0)
    pit = np.sin(slant * 62.0 + 0.6) * (1.0 - smoothstep(np.abs(along - 0.20), 0.05, 0.16))
    elbow = np.sin(slant * 74.0) * (1.0 - smoothstep(np.abs(along - 0.5), 0.06, 0.18))
    wrist = np.sin(slant * 85.0 + 2.0) * (1.0 - smoothstep(np.abs(along - cuff + 0.1), 0.03, 0.12))
    long = 1.0 if cuff > 0.6 else 0.0
    height = 2.5 * pit + long * (4.0 * elbow + 2.5 * wrist)
    return np.asarray(height * smoothstep(along, 0.06, 0.16), np.float32)


def relief(height: Float, unit: float, light: Light) -> Float:
    """Factor about 1 of a height field's brightness: slopes towards the light brighter, hollows darker.
    ``unit`` is the shoulder width in pixels of the field's own grid."""
    lean, rise = light.towards
    down, right = np.gradient(height)
    toward = -(right * np.float32(lean) + down * np.float32(rise)) * np.float32(unit / 1000.0)
    hollow = np.minimum(height - blur(height, 0.05 * unit), 0.0) * np.float32(0.004)
    shade = np.clip(0.35 * toward + hollow, -_FOLD[0], _FOLD[1])
    return np.asarray(1.0 + light.shadow_strength * shade, np.float32)


def reduced(field: Float) -> Float:
    """A field on the grid that folds are computed on."""
    height, width = field.shape
    size = (-(-width // _REDUCE), -(-height // _REDUCE))
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_LINEAR), np.float32)


def enlarged(field: Float, shape: tuple[int, ...]) -> Float:
    """Back from that grid to ``shape``."""
    return np.asarray(cv2.resize(field, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)
