"""Where a dress goes on the body: a bodice that is fitted like a top, and the skirt that hangs from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.fall import seen_length
from inference.engines.warp.fields import smoothstep
from inference.engines.warp.fit import Array, Fit, fit_garment
from inference.engines.warp.lay import stands_up
from inference.engines.warp.lower.legs import leg_length, leg_line
from inference.engines.warp.lower.skirt import skirt_row
from inference.engines.warp.lower.stance import Stance
from inference.engines.warp.silhouette import Silhouette, on_spine
from inference.engines.warp.sizes import cloth_half_widths, mean_y
from inference.engines.warp.types import Body
from preprocess.types import Garment, GarmentLandmarks, LowerLandmarks, Person, Sides

_ROWS = 12
"""Rows of control points below the waist."""
_WAIST = (0.40, 0.62)
"""Levels of the spine between which waists of dresses lie: empire line to low waist. A bodice that would go
on farther is of cloth that stretches: the skirt is shortened in the same proportion."""
_LONGEST = 0.97
"""A dress ends at the ankle at the latest, as a share of the leg, as far as :data:`_GATHERED` allows."""
_GATHERED = 0.75
"""How far a long dress may be pushed together: laid flat it seems longer than it hangs."""
_ALONG = (0.92, 1.1)
"""Scale of the skirt's length over that of its width: the bodice's, within what is not seen in prints."""
_WRAP = 1.2
"""Flat width of a skirt that just touches, over the frontal width of the hips."""
_LOOSE = 0.6
"""Share of the cloth beyond that which stands away sideways."""
_HIPS = 1.0
"""Level down to which a skirt lies on the body; below it falls."""
_ONSET = 0.2
"""Levels below the waist over which the bodice's width becomes the skirt's."""


@dataclass(frozen=True, kw_only=True)
class DressFit:
    """A dress on a body, as one long top."""

    marks: GarmentLandmarks
    """Outline from the armpits to the lowest cloth."""
    fit: Fit
    waist: float
    """Level of the waist on the spine."""
    hem: float
    """Where it ends along the legs: 0 = crotch, 1 = ankle."""
    bottom: float
    """y of the lowest cloth in the person's frame, perhaps beyond it."""

    def shown(self, height: int) -> float:
        """0..1: share of its length that lies above the lower border of a picture ``height`` pixels high."""
        top = float(on_spine(self.fit.fall.body, self.fit.fall.top)[1])
        return float(np.clip((height - top) / max(self.bottom - top, 1.0), 0.0, 1.0))


def waist_of(
    marks: GarmentLandmarks, person: Person, body: Body, scale: float, top: float, *, flat: bool = True
) -> tuple[float, bool]:
    """Level of the waist by the bodice's own length; nothing lies over it."""
    cloth = (mean_y(marks.hem) - mean_y(marks.neck)) * scale
    length = float(seen_length(cloth, body, flat=flat)) / body.torso_length
    return float(np.clip(top + length, *_WAIST)), False


def fit_dress(
    garment: Garment,
    marks: GarmentLandmarks,
    lower: LowerLandmarks,
    person: Person,
    stance: Stance,
    silhouette: Silhouette,
) -> DressFit:
    """Fit the bodice, then hang the skirt from its waist in the same cloth."""
    body = stance.body
    bodice = fit_bodice(garment, marks, person, body, silhouette)
    bottom = float(np.flatnonzero((garment.alpha > 0.5).any(axis=1))[-1] + 1)
    whole = replace(marks, sides=whole_sides(marks, lower), hem=lower.hem)
    heights = np.linspace(bodice.heights[-1], bottom, _ROWS + 1)[1:]
    along = _along(bodice, bottom, stance)
    levels = bodice.hem + (heights - bodice.heights[-1]) * along / body.torso_length
    halves = _halves(whole, bodice, heights, levels, stance)
    sides = lower.hem.left[1] + lower.hem.right[1]
    hem_level = bodice.hem + (sides / 2 - bodice.heights[-1]) * along / body.torso_length
    fit = lengthened(bodice, heights, levels, halves)
    below = (hem_level - stance.crotch_level) * body.torso_length
    return DressFit(
        marks=whole,
        fit=fit,
        waist=bodice.hem,
        hem=below / leg_length(stance),
        bottom=float(on_spine(body, fit.hem)[1]),
    )


def fit_bodice(
    garment: Garment, marks: GarmentLandmarks, person: Person, body: Body, silhouette: Silhouette
) -> Fit:
    """The part above the waist, fitted like a top that ends there."""
    return fit_garment(
        marks,
        person,
        body,
        silhouette,
        flat=garment.kind == "flat",
        collared=stands_up(garment),
        ends=waist_of,
    )


def lengthened(bodice: Fit, heights: Array, levels: Array, halves: Sides[Array]) -> Fit:
    """The bodice's fit, continued by rows below its waist: ``heights`` in garment pixels, ``levels`` of the
    spine, ``halves`` in pixels from the spine, each ``(n,)``."""
    above = bodice.half_widths
    return replace(
        bodice,
        hem=float(levels[-1]),
        heights=np.concatenate([bodice.heights, heights]),
        levels=np.concatenate([bodice.levels, levels]),
        side_levels=np.concatenate([bodice.side_levels, levels]),
        half_widths=Sides(
            left=np.concatenate([above.left, halves.left]),
            right=np.concatenate([above.right, halves.right]),
        ),
    )


def whole_sides(marks: GarmentLandmarks, lower: LowerLandmarks) -> NDArray[np.float32]:
    """Outline of both parts, ``(n, 3)`` rows of ``y, left, right`` as in ``GarmentLandmarks.sides``."""
    return np.concatenate([marks.sides[marks.sides[:, 0] < lower.sides[0, 0]], lower.sides])


def _along(bodice: Fit, bottom: float, stance: Stance) -> float:
    """Person's pixels per garment pixel down the skirt."""
    length = bottom - bodice.heights[-1]
    least, most = (share * bodice.scale for share in _ALONG)
    along = float(np.clip(bodice.fall.scale, least, most))
    body = stance.body
    cloth = (bodice.fall.hem_y - bodice.fall.neck_y) * bodice.fall.scale
    natural = float(seen_length(cloth, body, flat=bodice.fall.flat)) / body.torso_length
    along *= min(1.0, (bodice.hem - bodice.fall.top) / natural)
    to_crotch = (stance.crotch_level - bodice.hem) * body.torso_length
    room = to_crotch + _LONGEST * leg_length(stance)
    return along * float(np.clip(room / max(length * along, 1.0), _GATHERED, 1.0))


def _halves(
    marks: GarmentLandmarks, bodice: Fit, heights: Array, levels: Array, stance: Stance
) -> Sides[Array]:
    """Pixels from the spine to both edges of every row below the waist.

    Down to the hips the skirt is as wide as the body and what loose cloth adds; below them it grows and
    narrows as its own cut does, never narrower than the legs.
    """
    body = stance.body
    cloth = cloth_half_widths(marks, heights) * bodice.scale
    at_hips = float(np.interp(_HIPS, levels, cloth))
    lines = Sides(left=leg_line(stance, "left"), right=leg_line(stance, "right"))
    onset = smoothstep(levels.astype(np.float32), bodice.hem, bodice.hem + _ONSET)
    rows = []
    for level, width, share in zip(levels, cloth, onset, strict=True):
        spot, least = skirt_row(stance, lines, float(level), 0.0)
        drift = float((spot - on_spine(body, float(level))) @ body.across)
        hips = [stance.half_width(side, min(float(level), _HIPS)) for side in ("left", "right")]
        reference = min(width, at_hips) if level < _HIPS else at_hips
        fallen = width - at_hips if level > _HIPS else 0.0
        row = []
        for sign, hip, own, waist in zip(
            (-1.0, 1.0),
            hips,
            least,
            (bodice.half_widths.left[-1], bodice.half_widths.right[-1]),
            strict=True,
        ):
            hung = hip + _LOOSE * max(0.0, reference - _WRAP * hip) + fallen
            row.append(waist + (max(hung, own) - waist) * float(share) + sign * drift)
        rows.append(row)
    edges = np.array(rows)
    return Sides(left=edges[:, 0], right=edges[:, 1])
