"""Lay the layers over each other: background, bare legs, the garment, and what stays in front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.background import background_plate, detail
from inference.engines.warp.fields import Bool, blur, grow, largest_gap, mix, shrink, smoothstep, unmix
from inference.engines.warp.light import light_of, shaded
from inference.engines.warp.lower.lay import LaidLower
from inference.engines.warp.lower.light import light_factor
from inference.engines.warp.lower.skin import leg_plate
from inference.engines.warp.lower.stance import Stance
from inference.engines.warp.lower.view import View, view_of
from inference.engines.warp.shading import cast
from preprocess.types import Alpha, Person, Rgb

_SPILL = 0.035
"""Half hips around the old garment that still show its colour or its shadow."""
_SEAM = 0.25
"""Half hips over which painted skin runs into the seen one."""
_GHOST = 0.1
"""The same where the background is even, so that all of it may be painted anew."""
_EVEN = 4.0
"""Levels of detail below which a background is even."""
_ABOVE = 0.35
"""Torso lengths above the waistband in which a bare midriff is looked for."""
_MIDRIFF = 0.03
"""Square half hips of bare skin there that are one."""
_WIDENS = 0.4
"""Pixels a garment widens per pixel below the top that it comes out of: a waistband under a hem is not wider
than the hem."""
_AWAY = 1.3
"""Half widths of the body from its middle beyond which an old top is a sleeve: outlines depart from the usual
ones by at most 1.12 (``stance``)."""
_WITHIN = 0.8
"""Half widths of the body from its middle that are surely not beside it."""
_CALM = 0.05
"""Half hips over which the edge of a top is evened before it is gone on with."""
_LEAST_CHANGE = 1.0
"""Levels: a smaller difference to the photo is no change."""
_BELOW_HEM = 0.3
"""Depth of the shadow that a hem throws on bare legs, as ``shading.cast`` counts it."""
_HEM = 0.04
"""Leg lengths by which legs are cleared beyond the hem that covers them."""


@dataclass(frozen=True, kw_only=True)
class Composed:
    """A finished picture in the person's frame; weights ``float32 (H, W)``."""

    rgb: Rgb
    alpha: Alpha
    """0 = untouched photo pixel."""
    parts: Mapping[str, Alpha]
    """Share of each pixel that shows a part now, by label of the ``basic`` parsing."""
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Soft layers of the crop."""

    front: Alpha
    """The photo's own pixels that stay in front."""
    cover: Alpha
    """What shows of the garment."""
    removed: Alpha
    """Where the old garment, or legs that will be hidden, must go."""
    skin: Alpha
    """Bare legs under the garment."""
    above: Alpha
    """Between the top and a waistband that lies lower than the old one."""


def compose(person: Person, stance: Stance, laid: LaidLower) -> Composed:
    """Dress the person in a garment laid on them. Deterministic."""
    view = view_of(person, stance, laid.box)
    layers = layers_of(view, stance, laid, person.waist)
    background = background_plate(
        view.photo, view.matte, view.unit, layers.removed * (1 - layers.cover) > 0.0
    )
    light = light_of(person, stance.body)
    skin = (
        leg_plate(person, view, layers.skin * layers.removed)
        * (1 - _BELOW_HEM * cast(laid.alpha, 0.07 * view.unit, light))[..., None]
    )
    under = mix(background, skin, layers.skin)
    core = shrink(_next_above(view, laid.shape.waist) > 0.9, 0.03 * view.unit)
    if core.any():
        under = mix(under, continued(view.photo, core, _CALM * view.unit), layers.above)
    picture = mix(view.photo, under, layers.removed)
    factor = light_factor(view, laid, layers.front, light)
    picture = mix(picture, shaded(laid.rgb, factor, light), layers.cover)
    own = unmix(view.photo, np.maximum(layers.front, 1 - view.matte), 0.1 * view.unit)
    picture = mix(picture, own, layers.front * smoothstep(layers.removed + layers.cover, 0.0, 0.3))
    alpha = _changed(view.photo, picture, view.unit)
    return _in_frame(person, laid, layers, picture, alpha, _metrics(view, laid, layers, background))


def _next_above(view: View, waist: float) -> Alpha:
    """What goes on down to a waistband lower than the old one: a bare midriff, else the top."""
    near = (view.level > waist - _ABOVE) & (view.level < waist + 0.1)
    bare = view.neck * near
    return bare if (bare > 0.9).sum() > _MIDRIFF * view.unit**2 else (view.upper - view.sleeves) * near


def continued(photo: FloatRgb, core: Bool, calm: float) -> FloatRgb:
    """What ``core`` shows, gone on with below its lower edge as its mirror image; ``calm``: pixels over which
    that edge is evened."""
    columns = np.flatnonzero(core.any(axis=0))
    lowest = len(core) - 1 - core[::-1, columns].argmax(axis=0)
    highest = core[:, columns].argmax(axis=0)
    xs = np.arange(core.shape[1])
    edge = np.interp(xs, columns, np.minimum(lowest, blur(lowest[None].astype(np.float32), calm)[0]))
    top = np.interp(xs, columns, highest)
    ys = np.arange(len(core))[:, None]
    deep = np.maximum(edge - top, 1.0)
    mirrored = edge - np.abs((ys - edge + deep) % (2 * deep) - deep)
    known = columns[np.searchsorted(columns, xs).clip(0, len(columns) - 1)]
    across = np.broadcast_to(known, core.shape)
    rows = np.where(ys > edge, mirrored, ys)
    return np.asarray(
        cv2.remap(photo, across.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR), np.float32
    )


def layers_of(view: View, stance: Stance, laid: LaidLower, person_waist: float) -> Layers:
    """Decide for every pixel what is in front, what goes and what lies under it."""
    shape, beside = laid.shape, _beside(stance, laid)
    hanging, misread = view.upper, np.zeros_like(view.upper)
    if shape.over_top:  # below the waistband only sleeves are left of a top that is tucked in
        hanging = np.where(beside > _AWAY, view.upper, view.sleeves)  # an elbow is wider than its bones' line
        misread = (view.upper - hanging) * smoothstep(view.level, shape.waist + 0.04, shape.waist + 0.08)
    long_skirt = len(shape.meshes) == 1  # falls over the shoes it reaches, trousers break on them
    shoes = view.shoes * (1 - laid.alpha) if long_skirt else view.shoes
    front = np.clip(hanging + view.arms + view.head + shoes, 0.0, 1.0)
    cover = laid.alpha * (1 - front)
    if not shape.over_top:  # what is wider than the top must not show beside it
        cover = cover * np.maximum(_room_below_top(view, stance, laid, beside), view.matte)
    left, right = view.limbs.left, view.limbs.right
    along = np.where(np.abs(left.across) < np.abs(right.across), left.along, right.along)
    hidden = view.legs * (along < shape.hem + _HEM)
    old = np.maximum(view.lower + misread, hidden) > 0.3
    gone = grow(old, _SPILL * view.unit)
    clear = view.matte < 0.03
    if detail(view.photo, clear) < _EVEN:
        gone |= grow(old, _GHOST * view.unit) & (view.matte < 0.5)
    gone &= ~((view.legs > 0.7) & (along > shape.hem + _HEM) & ~grow(view.lower > 0.5, _SPILL * view.unit))
    kept = np.clip(front + view.upper - misread + view.neck, 0.0, 1.0)
    if shape.over_top and shape.waist > person_waist:  # the edge of the old waistband goes too
        kept = kept * ~grow(old, _SPILL * view.unit)
        kept = np.maximum(kept, front)
    removed = blur(gone.astype(np.float32), 1.0)
    seam = blur(grow(old, 0.5 * _SEAM * view.unit).astype(np.float32), 0.5 * _SEAM * view.unit)
    limbs = np.maximum(left.inside, right.inside) * smoothstep(along, shape.hem - 0.12, shape.hem - 0.08)
    # a real leg goes only where a painted one takes its place
    removed = np.maximum(removed, seam * view.legs * limbs) * (1 - kept)
    inside = smoothstep(view.matte, 0.3, 0.7) * (view.level < shape.waist + 0.05)
    return Layers(
        front=np.asarray(front, np.float32),
        cover=np.asarray(cover, np.float32),
        removed=np.asarray(removed, np.float32),
        skin=np.asarray(limbs, np.float32),
        above=np.asarray(inside * blur((beside < 1.0).astype(np.float32), 1.0), np.float32),
    )


def _room_below_top(view: View, stance: Stance, laid: LaidLower, beside: Alpha) -> Alpha:
    """1 where the garment may be wider than the body: no more than ``_WIDENS`` lets it come out of the top.

    Between the legs it may be whatever it is.
    """
    below = (view.level - _hem_of_top(view, laid, beside)) * stance.body.torso_length
    beyond = cv2.distanceTransform((view.matte < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    beyond[beside < _WITHIN] = 0.0
    return smoothstep(np.asarray(_WIDENS * below - beyond, np.float32), -1.0, 1.0)


def _hem_of_top(view: View, laid: LaidLower, beside: Alpha) -> float:
    """Level at which the top ends over the hips: the lower clothes begin there."""
    middle = (view.lower > 0.5) & (beside < _WITHIN)
    if middle.sum() < 100:
        return laid.shape.waist
    return max(laid.shape.waist, float(np.percentile(view.level[middle], 4)))


def _beside(stance: Stance, laid: LaidLower) -> Alpha:
    """Distance from the middle of the waist over the body's half width there, ``(h, w)``."""
    ys, xs = np.mgrid[laid.box.window].astype(np.float32) + 0.5
    waist = stance.axis(laid.shape.waist)
    offset = (xs - waist[0]) * stance.across[0] + (ys - waist[1]) * stance.across[1]
    half = np.where(
        offset < 0,
        stance.half_width("left", laid.shape.waist),
        stance.half_width("right", laid.shape.waist),
    )
    return np.asarray(np.abs(offset) / half, np.float32)


def _changed(photo: FloatRgb, picture: FloatRgb, unit: float) -> Alpha:
    """Where the picture differs from the photo, with a short ramp outside."""
    gap = largest_gap(picture, photo)
    window = max(3, round(0.1 * unit)) | 1
    most = blur((gap > _LEAST_CHANGE).astype(np.float32), window / 3) > 0.5
    alpha = blur(grow(most | (gap > 4 * _LEAST_CHANGE), 2.0).astype(np.float32), 1.0)
    return np.where(alpha < 0.01, 0.0, np.where(alpha > 0.99, 1.0, alpha)).astype(np.float32)


def _in_frame(
    person: Person,
    laid: LaidLower,
    layers: Layers,
    picture: FloatRgb,
    alpha: Alpha,
    metrics: Mapping[str, float],
) -> Composed:
    window, shape = laid.box.window, person.matte.alpha.shape
    rgb = person.image.copy()
    rgb[window] = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    gone = layers.removed * (1 - layers.cover)
    crop = {
        "lower": layers.cover,
        "legs": gone * layers.skin,
        "upper": gone * (1 - layers.skin) * layers.above,
        "background": gone * (1 - layers.skin) * (1 - layers.above),
    }
    full = np.zeros(shape, np.float32)
    full[window] = alpha
    parts = {}
    for name, share in crop.items():
        parts[name] = np.zeros(shape, np.float32)
        parts[name][window] = share
    return Composed(rgb=rgb, alpha=full, parts=parts, metrics=metrics)


def _metrics(view: View, laid: LaidLower, layers: Layers, background: FloatRgb) -> dict[str, float]:
    """Shares of the visible garment's area, and levels of detail."""
    area = max(float(layers.cover.sum()), 1.0)
    gone = layers.removed * (1 - layers.cover)
    clear = ~grow(view.matte > 0.03, 0.05 * view.unit)
    return {
        "invented_skin": float((gone * layers.skin).sum()) / area,
        "uncovered": float((gone * (1 - layers.skin)).sum()) / area,
        "filled_above": float((gone * (1 - layers.skin) * layers.above).sum()) / area,
        "arms_over": float((laid.alpha * view.arms).sum()) / area,
        "background_texture": detail(view.photo, clear),
        "old_pattern": view.pattern,
        "garment_shown": area / max(laid.whole_area, 1.0),
    }
