"""The light of the photo, read off the face, the old clothes and the lightest greys, and what it does to
cloth round a body.

Levels are sRGB 0..255; a light's numbers are shares of brightness, so that they apply to any cloth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, Float, blur, luma, shrink, smoothstep
from inference.engines.warp.types import Body
from preprocess.types import Alpha, Person

SHEEN = 36.0
"""Levels that even black cloth gives back: folds of black cloth are seen by them."""

_STEP = 2
"""Light is smooth: it is read off every second pixel."""

_MIN_AREA = 400
"""Fewer pixels (of every second one) of face or cloth say nothing."""

_CLOTH_PER_FACE = 0.45
"""Side light on a torso over that on the face: slope over 33 people with plain tops, whose signs agree."""

_USUAL_SIDE = 0.0
_USUAL_FALL = 0.05
"""Priors where nothing is seen of the light."""

_RIDGE = 0.004
"""Weight of the priors against the mean squared error of the fit."""

_LIMITS = {"side": (-0.16, 0.16), "edge": (0.03, 0.26), "fall": (-0.04, 0.14)}
"""Stronger light than this would show on a product as a stain."""

_DEPTH = 0.6
"""Depth of a torso over its width: an ellipse, not a circle."""

_CHEST = (0.3, 0.42)
"""Where the old top is read: below this position on the spine, and to this many shoulder widths beside it."""

_EVEN = (0.03, 0.10)
"""Residual of the fit as a share of brightness: below it the old top was plain, above printed."""

_OF_PRODUCT = 0.65
"""Share of the light that is added: product photos bring some round of their own. Brightness across a
rendered try-on then agrees with its truth."""

_WHITE = 238.0
"""Level of the lightest part of a brightly lit photo, white background or white cloth."""

_FOLLOW = 0.5
"""How far the garment follows a dimmer scene: print colours must stay within delta E 5 of the product's."""

_GREY = (24.0, 0.6)
"""Levels between the channels up to which a pixel counts as grey, and share of the lightest level from which
it tells the colour of the light: darker greys are as often coloured cloth."""

_LIGHTEST = 85
"""Percentile of brightness from which greys tell the colour of the light."""

_CAST = (0.35, 0.03)
"""How far the garment follows the colour of the light, and the largest change of a channel."""


@dataclass(frozen=True, kw_only=True)
class Light:
    """How the photo's light falls on a torso."""

    side: float
    """Brighter (positive) or darker on the right of the picture, as a share, at the silhouette."""
    edge: float
    """Darkening where the surface turns away from the camera, as a share; small in flat light."""
    fall: float
    """Darkening per torso length downwards."""
    gain: Float
    """``(3,)`` exposure and colour cast as factors for R, G, B."""

    @property
    def towards(self) -> tuple[float, float]:
        """Unit vector ``x, y`` in the picture towards the light: from above, to the brighter side."""
        lean = float(np.clip(self.side / 0.1, -1.0, 1.0))
        length = float(np.hypot(lean, 1.2))
        return lean / length, -1.2 / length

    @property
    def shadow_strength(self) -> float:
        """About 1 in ordinary light, less in flat light, more in hard light."""
        return float(np.clip(0.55 + 4.0 * self.edge, 0.65, 1.5))


def light_of(person: Person, body: Body) -> Light:
    """The light of one photo; its left and right are the picture's."""
    step = (slice(None, None, _STEP), slice(None, None, _STEP))
    photo = person.image[step].astype(np.float32)
    bright = luma(photo)
    parsing = person.parsing
    side, spread = _on_face(bright, shrink(parsing.weight("face")[step] > 0.9, 2.0))
    prior = np.array([side * _CLOTH_PER_FACE, np.clip(0.03 + 0.18 * spread, 0.04, 0.16), _USUAL_FALL])
    cloth = shrink(parsing.weight("upper")[step] > 0.9, 3.0)
    found = _on_cloth(bright, cloth, body, prior)
    limited = {
        name: float(np.clip(value, *_LIMITS[name])) for name, value in zip(_LIMITS, found, strict=True)
    }
    bare = parsing.weight("face", "neck", "hands", "left_arm", "right_arm", "legs")[step] > 0.1
    return Light(gain=_gain(photo, bright, ~bare), **limited)


def turned(across: Float, depth: float = _DEPTH) -> tuple[Float, Float]:
    """Sideways and facing parts of the normal of an elliptic cylinder at -1..1 across it; ``depth`` is its
    depth over its width (1: an arm or leg)."""
    x = np.clip(across, -0.98, 0.98)
    sideways, facing = x * np.float32(depth), np.sqrt(1.0 - x * x)
    length = np.sqrt(sideways * sideways + facing * facing)
    return np.asarray(sideways / length, np.float32), np.asarray(facing / length, np.float32)


def form(light: Light, across: Float, depth: float = _DEPTH) -> Float:
    """Factor about 1 of the light on a round body part; ``across`` is -1..1 from its left to its right."""
    sideways, facing = turned(across, depth)
    added = light.side * sideways - light.edge * (1.0 - facing)
    return np.asarray(1.0 + _OF_PRODUCT * added, np.float32)


def across_rows(alpha: Alpha, shoulders: bool = False) -> Float:
    """-1..1 from the left to the right edge of a torso, skirt or leg, row by row.

    ``shoulders``: the upper third narrows to the neck and faces up, so its slopes are no sides.
    """
    inside = alpha > 0.5
    rows = np.flatnonzero(inside.any(axis=1))
    height, width = alpha.shape
    if len(rows) == 0:
        return np.zeros_like(alpha)
    first = inside[rows].argmax(axis=1).astype(np.float64)
    last = width - inside[rows, ::-1].argmax(axis=1).astype(np.float64)
    middle, half = 0.5 * (first + last), 0.5 * (last - first)
    if shoulders:
        upper = slice(0, max(1, len(rows) // 3))
        half[upper] = np.maximum(half[upper], half[len(rows) // 3 : 2 * len(rows) // 3 + 1].max())
        middle[upper] = np.median(middle)
    every = np.arange(height)
    lines = [np.interp(every, rows, values).astype(np.float32)[:, None] for values in (middle, half)]
    middle, half = (blur(line, 0.02 * height)[:, :1] for line in lines)
    xs = np.arange(width, dtype=np.float32)[None] + 0.5
    return np.clip((xs - middle) / np.maximum(half, 2.0), -1.0, 1.0).astype(np.float32)


def shaded(rgb: FloatRgb, factor: Float, light: Light) -> FloatRgb:
    """Cloth of product colours under a local brightness ``factor`` (1 = as the product) in this light."""
    lit = (rgb + SHEEN) * factor[..., None] - SHEEN
    return np.asarray(np.clip(lit * light.gain, 0.0, 255.0), np.float32)


def _on_face(bright: Float, face: Bool) -> tuple[float, float]:
    """Slope of brightness from the middle of the face to its right edge, and its spread, as shares."""
    if face.sum() < _MIN_AREA:
        return _USUAL_SIDE, 0.4
    values = blur(bright, 2.0)[face]
    level = max(float(np.median(values)), 30.0)
    xs = np.nonzero(face)[1].astype(np.float64)
    x = (xs - xs.mean()) / max(1.7 * float(xs.std()), 1.0)
    slope = float((x * (values - values.mean())).mean() / (x * x).mean()) / level
    low, high = np.percentile(values, (10, 90))
    return slope, float(high - low) / level


def _on_cloth(bright: Float, cloth: Bool, body: Body, prior: Float) -> Float:
    """Side, edge and fall fitted to the old top below the chest, where it is plain; else the prior."""
    ys, xs = np.nonzero(cloth)
    from_top = np.stack([xs, ys], axis=-1) * _STEP + 0.5 - body.shoulder_mid
    down = -(from_top @ body.up) / body.torso_length
    across = (from_top @ body.across) / (_CHEST[1] * body.shoulder_width)
    used = (down > _CHEST[0]) & (down < body.waist) & (np.abs(across) < 1.0)
    if used.sum() < _MIN_AREA:
        return prior
    values = bright[ys[used], xs[used]] + SHEEN
    values = values / np.median(values) - 1.0
    sideways, facing = turned(across[used].astype(np.float32))
    basis = np.stack([sideways, facing - 1.0, 0.6 - down[used]], axis=-1).astype(np.float64)
    basis, target = basis - basis.mean(axis=0), values - values.mean()
    normal = basis.T @ basis / len(basis) + _RIDGE * np.eye(3)
    fitted = np.linalg.solve(normal, basis.T @ target / len(basis) + _RIDGE * prior)
    residual = np.array([np.median(np.abs(target - basis @ fitted))], np.float32)
    trust = 1.0 - float(smoothstep(residual, *_EVEN)[0])
    return np.asarray(prior + trust * (fitted - prior))


def _gain(photo: FloatRgb, bright: Float, no_skin: Bool) -> Float:
    lightest = float(np.percentile(bright, 98))
    exposure = float(np.clip(1.0 - _FOLLOW * (1.0 - lightest / _WHITE), 0.8, 1.0))
    grey = bright > max(float(np.percentile(bright, _LIGHTEST)), _GREY[1] * lightest)
    grey &= no_skin
    grey &= photo.max(axis=-1) - photo.min(axis=-1) < _GREY[0]
    if grey.sum() < _MIN_AREA:
        return np.full(3, exposure, np.float32)
    tint = photo[grey].mean(axis=0)
    cast = np.clip(1.0 + _CAST[0] * (tint / luma(tint[None])[0] - 1.0), 1.0 - _CAST[1], 1.0 + _CAST[1])
    return np.asarray(exposure * cast, np.float32)
