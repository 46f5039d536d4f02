"""Lay the layers over each other: photo, what was hidden, garment, what stays in front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.drape import (
    bare_arms,
    cast_by_garment,
    close_gaps,
    shadow_zone,
    tuck,
)
from inference.engines.warp.edges import even_edges
from inference.engines.warp.evidence import Dressed, measures
from inference.engines.warp.fields import grow, largest_gap, mix, smoothstep
from inference.engines.warp.light import Light, light_of, shaded
from inference.engines.warp.limbs import Limb, measure_limb, place_limb
from inference.engines.warp.occlusion import Front, front_layers, see_through
from inference.engines.warp.relabel import relabel
from inference.engines.warp.scene import Scene, build_scene
from inference.engines.warp.shading import light_factor, sleeve_cover
from inference.engines.warp.types import Body, WarpedGarment
from inference.engines.warp.undress import Stripped, strip
from preprocess.types import Alpha, Person, Rgb, Sides

_LEAST_CHANGE = 0.6
"""Levels: a smaller difference to the photo is no change, and the pixel stays the photo's own."""

_SEEN_CHANGE = 4.0
"""Levels: a difference that could be seen; such a pixel is always replaced."""

_BORDER_WINDOW = 0.08
"""Shoulder widths: the neighbourhood whose majority decides on unseen changes."""

_LEAST_ALPHA = 1.0 / 512.0
"""Less than half a level of a white pixel on black: numerical dust of the blurred margin."""

_LINED = (0.16, 0.26)
"""Position on the spine where see-through cloth becomes lined; armpits are at about .36."""

_SMALL_ISLAND = 0.01
"""Changed spots smaller than this share of the largest one are dropped."""


@dataclass(frozen=True, kw_only=True)
class Composed:
    """A finished picture in the person's frame."""

    rgb: Rgb
    alpha: Alpha
    """``(H, W)`` 0 = untouched photo pixel."""
    cover: Alpha
    """``(H, W)`` how much of each pixel shows the new garment."""
    metrics: Mapping[str, float]


def compose(person: Person, body: Body, warped: WarpedGarment) -> Composed:
    """Dress the person in a garment laid on them. Deterministic."""
    even = even_edges(warped, body.shoulder_width)
    scene = build_scene(person, body, even)
    shape = scene.matte.shape
    usual = Sides(
        left=place_limb(scene.arms.left, shape, scene.unit),
        right=place_limb(scene.arms.right, shape, scene.unit),
    )
    scene = relabel(scene, bare_limbs(scene, usual))
    limbs = bare_limbs(scene, usual)
    front = front_layers(scene, limbs)
    stripped = strip(scene, limbs, front, body)
    dressed = dress(scene, limbs, front, stripped, light_of(person, body))
    alpha = changed(scene, dressed.picture)
    rgb = person.image.copy()
    full = np.zeros(person.matte.alpha.shape, np.float32)
    rgb[scene.box.window] = np.clip(np.rint(dressed.picture), 0, 255).astype(np.uint8)
    full[scene.box.window] = alpha
    cover = np.zeros_like(full)
    cover[scene.box.window] = dressed.cover * (1 - np.maximum(front.head, front.skin))
    trimmed = float(np.maximum(warped.alpha - even.alpha, 0.0).sum()) / body.shoulder_width**2
    metrics = {**measures(scene, front, stripped, dressed), "trimmed": trimmed}
    return Composed(rgb=rgb, alpha=full, cover=cover, metrics=metrics)


def bare_limbs(scene: Scene, usual: Sides[Limb]) -> Sides[Limb]:
    """Both arms with the width of their bare skin."""
    return Sides(
        left=measure_limb(usual.left, scene.parts.arms, scene.unit),
        right=measure_limb(usual.right, scene.parts.arms, scene.unit),
    )


def dress(scene: Scene, limbs: Sides[Limb], front: Front, stripped: Stripped, light: Light) -> Dressed:
    """Torso, arms, sleeves, then what is in front of all."""
    garment = scene.garment
    torso_rgb, closed = close_gaps(scene, front)
    torso = tuck(scene, limbs, closed)
    sleeve_alpha = sleeve_cover(scene)
    factor = light_factor(scene, front, limbs, torso, light)
    cover = np.maximum(torso, sleeve_alpha)
    shadow = cast_by_garment(scene, stripped.body, cover)
    picture = stripped.rgb * shadow[..., None]
    picture = mix(picture, shaded(torso_rgb, factor, light), torso * torso_opacity(scene))
    new_arms = bare_arms(scene, limbs, front, stripped)
    if garment.sleeves is not None and see_through(garment.sleeves):  # no skin beside the sleeve it is in
        new_arms = new_arms * np.maximum(sleeve_alpha, 1.0 - torso)
    picture = mix(picture, stripped.skin, new_arms)
    picture = mix(picture, front.colour, np.maximum(front.lower, front.skin))
    if garment.sleeves is not None:
        for sleeve, other in (
            (garment.sleeves.left, front.arms.right),
            (garment.sleeves.right, front.arms.left),
        ):
            visible = np.asarray(sleeve.alpha * (1.0 - np.maximum(front.hands, other)), np.float32)
            if sleeve.opacity is not None:
                visible *= sleeve.opacity
            picture = mix(picture, shaded(sleeve.rgb, factor, light), visible)
    picture = mix(picture, front.colour, np.maximum(front.head, front.hands))
    touched = np.maximum(np.maximum(stripped.removed, cover), shadow_zone(shadow))
    return Dressed(
        picture=mix(scene.photo, picture, smoothstep(touched, 0.0, 0.1)),
        cover=cover,
        filled=closed - garment.alpha,
        new_arms=new_arms * (1.0 - front.skin),
    )


def torso_opacity(scene: Scene) -> Alpha | float:
    """How far the torso part hides what is behind it: see-through cloth is lined from the chest down, so
    that nobody is undressed."""
    opacity = scene.garment.opacity
    return 1.0 if opacity is None else np.maximum(opacity, smoothstep(scene.down, *_LINED))


def changed(scene: Scene, picture: FloatRgb) -> Alpha:
    """Where the picture differs from the photo, with a short ramp outside, within the permitted reach.

    What cannot be seen (grain on a refilled background) counts by the majority of its neighbours, so that the
    border is smooth. Scattered islands away from the garment are dropped: noise of the layers' borders.
    """
    gap = largest_gap(picture, scene.photo)
    window = max(3, round(_BORDER_WINDOW * scene.unit)) | 1
    most = cv2.boxFilter((gap > _LEAST_CHANGE).astype(np.float32), -1, (window, window)) > 0.5
    different = (most | (gap > _SEEN_CHANGE)).astype(np.uint8)
    _, islands, stats, _ = cv2.connectedComponentsWithStats(different, connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA]
    area[0] = 0
    kept = (area > _SMALL_ISLAND * area.max())[islands]
    alpha = cv2.blur(grow(kept, 2.0).astype(np.float32), (3, 3))
    alpha = alpha * scene.reach
    alpha = np.where(alpha < _LEAST_ALPHA, 0.0, alpha)
    return np.where(alpha > 1.0 - _LEAST_ALPHA, 1.0, alpha).astype(np.float32)
