"""Everything one composition works on, cropped to the part of the picture that can change.

All arrays are ``float32`` of the crop's size ``(h, w)``; colours are sRGB 0..255; sides are the viewer's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import blur, grow
from inference.engines.warp.types import Arm, Body, SleeveLayer, Vec, WarpedGarment
from preprocess.types import Alpha, LabelMap, Person, Sides

MARGIN = 0.25
"""Border around old and new garment in shoulder widths: enough background to continue into what is
uncovered."""

REACH = 0.03
"""Share of the visible body's height around old and new garment that may change."""

_PRESENT = 0.02
"""A weight below this is not part of a region when boxes are drawn."""

_CRUMB = 0.015
"""Shoulder widths: rows and columns with less of a region hold nothing but misread specks."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """Half-open pixel box in the person's frame."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Index of the box in an image array."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Soft body parts of the photo, 0..1, inside the person's matte."""

    hair: Alpha
    face: Alpha
    neck: Alpha
    arms: Alpha
    """Bare skin of both arms, hands excluded."""
    hands: Alpha
    upper: Alpha
    lower: Alpha
    legs: Alpha

    @property
    def skin(self) -> Alpha:
        """All bare skin above the legs."""
        return np.asarray(self.face + self.neck + self.arms + self.hands, np.float32)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One person and one warped garment in the coordinates of the crop."""

    box: Box
    photo: FloatRgb
    matte: Alpha
    parts: Parts
    garment: WarpedGarment
    arms: Sides[Arm]
    unit: float
    """The shoulder width in pixels: the yardstick of every distance."""
    down: Alpha
    """Position along the spine: 0 = shoulder line, 1 = hip line."""
    lateral: Alpha
    """Signed distance from the spine in shoulder widths, positive to the right of the picture."""
    waist: float
    reach: Alpha
    """Where anything may change: old garment, new garment and a soft margin."""


def scene_box(person: Person, body: Body, garment: WarpedGarment) -> Box:
    """Box around the old and the new garment with a margin, inside the frame."""
    covered = (garment_cover(garment) > _PRESENT) | (person.parsing.weight("upper") > 0.25)
    least = _CRUMB * body.shoulder_width
    ys = np.flatnonzero(covered.sum(axis=1) > least)
    xs = np.flatnonzero(covered.sum(axis=0) > least)
    height, width = covered.shape
    if len(ys) == 0 or len(xs) == 0:
        return Box(x0=0, y0=0, x1=width, y1=height)
    pad = int(MARGIN * body.shoulder_width) + 1
    return Box(
        x0=max(0, int(xs[0]) - pad),
        y0=max(0, int(ys[0]) - pad),
        x1=min(width, int(xs[-1]) + 1 + pad),
        y1=min(height, int(ys[-1]) + 1 + pad),
    )


def build_scene(person: Person, body: Body, garment: WarpedGarment) -> Scene:
    """Crop every input to the box of what can change."""
    box = scene_box(person, body, garment)
    window = box.window
    origin = np.array([box.x0, box.y0], np.float64)
    ys, xs = np.mgrid[window].astype(np.float32) + 0.5
    from_top = (xs - body.shoulder_mid[0], ys - body.shoulder_mid[1])
    along = -(from_top[0] * body.up[0] + from_top[1] * body.up[1])
    side = from_top[0] * body.across[0] + from_top[1] * body.across[1]
    down = along / body.torso_length
    return Scene(
        box=box,
        photo=person.image[window].astype(np.float32),
        matte=np.ascontiguousarray(person.matte.alpha[window], np.float32),
        parts=_parts(person.parsing, window),
        garment=_crop_garment(garment, window, origin),
        arms=Sides(left=_shift_arm(body.arms.left, origin), right=_shift_arm(body.arms.right, origin)),
        unit=body.shoulder_width,
        down=down.astype(np.float32),
        lateral=(side / body.shoulder_width).astype(np.float32),
        waist=body.waist,
        reach=_reach(person, garment)[window],
    )


def _reach(person: Person, garment: WarpedGarment) -> Alpha:
    rows = np.flatnonzero((person.matte.alpha > 0.5).any(axis=1))
    margin = REACH * float(rows[-1] - rows[0]) if len(rows) else 0.0
    region = (person.parsing.weight("upper") > 0.2) | (garment_cover(garment) > 0.2)
    return blur(grow(region, 0.65 * margin).astype(np.float32), 0.08 * margin)


def garment_cover(garment: WarpedGarment) -> Alpha:
    """Alpha of torso and sleeves together."""
    if garment.sleeves is None:
        return garment.alpha
    return np.maximum(garment.alpha, np.maximum(garment.sleeves.left.alpha, garment.sleeves.right.alpha))


def _parts(parsing: LabelMap, window: tuple[slice, slice]) -> Parts:
    crop = replace(parsing, labels=parsing.labels[window], soft=parsing.soft[window])
    return Parts(
        hair=crop.weight("hair"),
        face=crop.weight("face"),
        neck=crop.weight("neck"),
        arms=crop.weight("left_arm", "right_arm"),
        hands=crop.weight("hands"),
        upper=crop.weight("upper"),
        lower=crop.weight("lower"),
        legs=crop.weight("legs", "shoes"),
    )


def _shift_arm(arm: Arm, origin: Vec) -> Arm:
    return replace(
        arm,
        shoulder=arm.shoulder - origin,
        elbow=arm.elbow - origin,
        wrist=arm.wrist - origin,
        hand=arm.hand - origin,
    )


def _crop_garment(
    garment: WarpedGarment,
    window: tuple[slice, slice],
    origin: Vec,
) -> WarpedGarment:
    sleeves = garment.sleeves
    return replace(
        garment,
        rgb=garment.rgb[window],
        alpha=garment.alpha[window],
        opening=garment.opening[window],
        opacity=None if garment.opacity is None else garment.opacity[window],
        neckline=(garment.neckline - origin).astype(np.float32),
        sleeves=None
        if sleeves is None
        else Sides(left=_crop_sleeve(sleeves.left, window), right=_crop_sleeve(sleeves.right, window)),
    )


def _crop_sleeve(sleeve: SleeveLayer, window: tuple[slice, slice]) -> SleeveLayer:
    return replace(
        sleeve,
        rgb=sleeve.rgb[window],
        alpha=sleeve.alpha[window],
        across=sleeve.across[window],
        opacity=None if sleeve.opacity is None else sleeve.opacity[window],
    )
