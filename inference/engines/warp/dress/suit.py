"""Jumpsuits: the bodice of a dress down to the crotch, and the legs of trousers, as one piece of cloth.

The legs are drawn through the meshes of trousers. Their rows above the crotch take the cloth from where the
bodice's map has it: all of it at the waist, less and less towards the crotch, so that no seam shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from inference.engines.warp.dress.fit import DressFit, fit_bodice, lengthened, whole_sides
from inference.engines.warp.fields import mix, smoothstep
from inference.engines.warp.fit import Array, Fit
from inference.engines.warp.lay import lay_fitted
from inference.engines.warp.lower.lay import LaidLower, lay
from inference.engines.warp.lower.light import form
from inference.engines.warp.lower.shape import Mesh
from inference.engines.warp.lower.stance import Stance
from inference.engines.warp.lower.trousers import Belt, shape_trousers
from inference.engines.warp.silhouette import Silhouette
from inference.engines.warp.torso import torso_map
from inference.engines.warp.types import WarpedGarment
from preprocess.types import Alpha, Garment, GarmentLandmarks, Leg, LowerLandmarks, Person, Sides

_ROWS = 6
"""Rows of control points between waist and crotch."""
_JOINT = (0.0, 0.012)
"""Torso lengths below the waist over which the picture goes over from the bodice to the meshes."""
_OF_BODICE = 0.7
"""Share of the rise over which the meshes leave the bodice's map."""


def lay_suit(
    garment: Garment,
    marks: GarmentLandmarks,
    lower: LowerLandmarks,
    legs: Sides[Leg],
    person: Person,
    stance: Stance,
) -> tuple[DressFit, WarpedGarment]:
    """The jumpsuit on the person; arrays have the size of the person's frame."""
    body, silhouette = stance.body, Silhouette.of(person)
    bodice = fit_bodice(garment, marks, person, body, silhouette)
    belt = Belt(
        level=bodice.hem,
        half_widths=Sides(left=bodice.half_widths.left[-1], right=bodice.half_widths.right[-1]),
    )
    shape = shape_trousers(lower, legs, person, stance, belt)
    whole = replace(marks, sides=whole_sides(marks, lower))
    fit = _to_crotch(bodice, lower, stance)
    torso = torso_map(garment, whole, fit, body, silhouette)
    meshes = tuple(_joined(mesh, bodice.hem, stance, torso) for mesh in shape.meshes)
    shape = replace(shape, meshes=meshes)
    above = lay_fitted(garment, whole, fit, person, body, silhouette)
    laid = lay(_without_sleeves(garment, marks), lower, shape, person, stance)
    warped = _merged(above, laid, person, stance, bodice.hem)
    bottom = max(float(mesh.target[1:-1, :, 1].max()) for mesh in meshes)
    return DressFit(marks=whole, fit=fit, waist=bodice.hem, hem=shape.hem, bottom=bottom), warped


def _to_crotch(bodice: Fit, lower: LowerLandmarks, stance: Stance) -> Fit:
    """The bodice's fit, continued to the crotch as wide as the body."""
    heights = np.linspace(bodice.heights[-1], float(lower.sides[-1, 0]), _ROWS + 1)[1:]
    shares = np.arange(1, _ROWS + 1) / _ROWS
    levels = bodice.hem + shares * (stance.crotch_level - bodice.hem)

    blend = smoothstep(shares.astype(np.float32), 0.0, _OF_BODICE)

    def halves(side: str, waist: float) -> Array:
        hips = np.array([stance.half_width(side, float(level)) for level in levels])
        return np.asarray(waist + (hips - waist) * blend)

    left, right = (float(half[-1]) for half in (bodice.half_widths.left, bodice.half_widths.right))
    return lengthened(bodice, heights, levels, Sides(left=halves("left", left), right=halves("right", right)))


def _joined(mesh: Mesh, waist: float, stance: Stance, torso: Callable[[Array], Array]) -> Mesh:
    """The mesh with the bodice's cloth at the waist."""
    down = -(mesh.target - stance.body.shoulder_mid) @ stance.body.up / stance.body.torso_length
    end = waist + _OF_BODICE * (stance.crotch_level - waist)
    weight = 1 - smoothstep(down.astype(np.float32), waist, end)[..., None]
    weight = weight * (mesh.leg <= 0)[:, None, None]
    cloth = torso(mesh.target.reshape(-1, 2)).reshape(mesh.source.shape)
    return replace(mesh, source=mesh.source + (cloth - mesh.source) * weight)


def _without_sleeves(garment: Garment, marks: GarmentLandmarks) -> Garment:
    """Sleeves that hang beside the legs are none of theirs."""
    if marks.sleeves is None:
        return garment
    sleeves = np.maximum(marks.sleeves.left.region, marks.sleeves.right.region)
    return replace(garment, alpha=np.asarray(garment.alpha * (1 - sleeves), np.float32))


def _merged(
    above: WarpedGarment, laid: LaidLower, person: Person, stance: Stance, waist: float
) -> WarpedGarment:
    """Bodice above the waist, legs below it; shoes stay in front of the hems."""
    window = laid.box.window
    ys, xs = np.mgrid[: above.alpha.shape[0], : above.alpha.shape[1]].astype(np.float32) + 0.5
    middle, up = stance.body.shoulder_mid, stance.body.up
    down = -((xs - middle[0]) * up[0] + (ys - middle[1]) * up[1]) / stance.body.torso_length
    below = smoothstep(np.asarray(down, np.float32), waist + _JOINT[0], waist + _JOINT[1])
    rgb, alpha = np.zeros_like(above.rgb), np.zeros_like(above.alpha)
    legs = smoothstep(np.asarray(down[window], np.float32), waist, stance.crotch_level)
    rgb[window] = laid.rgb * (1 - (1 - form(laid)) * legs)[..., None]
    alpha[window] = _on_shoes(laid, person)
    drawn = np.asarray(below * (alpha > 0), np.float32)
    return replace(
        above,
        rgb=mix(above.rgb, rgb, drawn),
        alpha=np.asarray(above.alpha * (1 - below) + alpha * below, np.float32),
        stretch=max(above.stretch, laid.shape.stretch),
    )


def _on_shoes(laid: LaidLower, person: Person) -> Alpha:
    """Trousers break on shoes."""
    return np.asarray(laid.alpha * (1 - person.parsing.weight("shoes")[laid.box.window]), np.float32)
