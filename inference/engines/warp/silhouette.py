"""What the photo shows of the body's width: torso sides and arm radii, read along rays through the
parsing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.rays import first_exit, ray_values
from inference.engines.warp.types import Body, Vec
from preprocess.types import Alpha, Person

Array = NDArray[np.float64]
SideName = Literal["left", "right"]
SIDES: tuple[tuple[SideName, float], ...] = (("left", -1.0), ("right", 1.0))
"""The picture's sides with the sign of ``Body.across`` that leads there."""

_TORSO_LEVELS = (0.0, 0.25, 0.62, 1.0, 1.5)
_TORSO_HALF = (0.62, 0.575, 0.50, 0.56, 0.60)
"""Usual half width of a clothed torso in shoulder widths: shoulder line, armpits, waist, hips, below."""
_TORSO_RANGE = (0.72, 1.40)
"""Measured half widths are believed within this range of the usual ones."""
_ARM_STOP = 0.15
"""The torso ends where a ray comes this near to the bone of an arm, in shoulder widths: a sleeve's radius."""
_ARM_SHARE = 0.30
"""Upper part of the upper arm that still belongs to the shoulder and stops no ray."""
_ARM_PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)
_ARM_RADIUS = (0.135, 0.11, 0.11, 0.095, 0.075)
"""Usual radius of a bare arm in shoulder widths: shoulder, mid upper arm, elbow, mid forearm, wrist (medians
of 24 photographed people)."""
_ARM_RANGE = (0.5, 2.2)
"""Measured radii are believed within this range of the usual ones: bones lie off the middle."""
_WHOLE = 2.0
"""Half the width, in usual radii, up to which both sides of a bare arm are believed though one lies far off
the bone. By eye."""
_START = ((0.0, 0.15, 0.4, 0.5), (0.25, 0.08, 0.05, 0.0))
"""Places on the arm and how far inside its bone the outer outline is looked for there, in shoulder widths."""
_BUILD_RANGE = (0.8, 1.5)
"""Slimmest and strongest arm that the bare parts may speak for."""
_OLD_SLEEVE_PLACES = (0.0, 0.15, 0.4)
_OLD_SLEEVE = (1.2, 1.15, 1.05)
"""Radius up to which an old sleeve is believed, in usual ones: it lies on the shoulder, but what is wider
farther down is its cut, not the arm."""


@dataclass(frozen=True, kw_only=True)
class Silhouette:
    """Regions of the photo that rays are shot through, ``float32 (H, W)``."""

    torso: Alpha
    """Clothes and bare skin of the trunk, without arms and hair."""
    person: Alpha
    shoulders: Alpha
    """The person without hair."""
    hair: Alpha
    clothed: Alpha
    """Clothes of the upper body."""

    @staticmethod
    def of(person: Person) -> Silhouette:
        parsing, matte = person.parsing, person.matte.alpha
        hair = parsing.weight("hair")
        return Silhouette(
            torso=parsing.weight("upper", "lower", "neck", "legs") * matte,
            person=matte,
            shoulders=matte * (1 - hair),
            hair=hair,
            clothed=parsing.weight("upper"),
        )


def on_spine(body: Body, level: float) -> Vec:
    """Point of the spine: level 0 on the shoulder line, 1 on the hip line."""
    return body.shoulder_mid + (body.hip_mid - body.shoulder_mid) * level


def level_of(body: Body, point: Vec) -> float:
    """Inverse of :func:`on_spine` for any point, measured along the spine."""
    return float((point - body.shoulder_mid) @ -body.up) / body.torso_length


def torso_half_widths(
    silhouette: Silhouette, body: Body, levels: Iterable[float], outward: float
) -> tuple[Array, NDArray[np.bool_]]:
    """Half widths in pixels at some levels of the spine on one side, and which of them were seen.

    Where arms, hands or the frame hide the side, the usual width is taken, shifted by what was seen
    elsewhere on this side, so that a slim or broad body stays one.
    """
    levels = np.asarray(list(levels), dtype=np.float64)
    usual = usual_half_widths(body, levels)
    widths = np.array([_torso_half(silhouette, body, float(level), outward) for level in levels])
    seen = (widths > _TORSO_RANGE[0] * usual) & (widths < _TORSO_RANGE[1] * usual)
    build = float(np.median(widths[seen] / usual[seen])) if seen.any() else 1.0
    return np.where(seen, widths, usual * build), seen


def usual_half_widths(body: Body, levels: Array) -> Array:
    """Half widths in pixels that most people have at levels of the spine, thin clothes included."""
    usual: Array = np.interp(levels, _TORSO_LEVELS, _TORSO_HALF) * body.shoulder_width
    return usual


def _torso_half(silhouette: Silhouette, body: Body, level: float, outward: float) -> float:
    unit = body.shoulder_width
    direction = body.across * outward
    start = 0.15 * unit
    centre = on_spine(body, level)
    reach = first_exit(silhouette.torso, centre + direction * start, direction, 1.2 * unit)
    if reach is None:
        return np.nan
    lengths = np.arange(0.30 * unit, start + reach, max(1.0, 0.01 * unit))
    arm = body.arms.left if outward < 0 else body.arms.right
    points = centre + lengths[:, None] * direction
    below_shoulder = arm.shoulder + (arm.elbow - arm.shoulder) * _ARM_SHARE
    near = np.minimum(
        distance_to_segment(points, below_shoulder, arm.elbow),
        distance_to_segment(points, arm.elbow, arm.wrist),
    )
    stopped = np.flatnonzero(near < _ARM_STOP * unit)
    return float(lengths[stopped[0]]) if len(stopped) else start + reach


def arm_radii(
    silhouette: Silhouette, body: Body, places: Array, centres: Array, normals: Array
) -> tuple[Array, Array]:
    """Radii ``(n,)`` of an arm towards ``-normals`` (outer) and ``+normals`` (inner) at points of its bone.

    ``places`` runs from 0 at the shoulder over 0.5 at the elbow to 1 at the wrist. A side that touches the
    torso takes the other side's radius, or the rest of an arm whose bone was found near its outline; where
    both are hidden the usual arm stands in.
    """
    usual = np.interp(places, _ARM_PLACES, _ARM_RADIUS) * body.shoulder_width
    cloth = [ray_values(silhouette.clothed, centre, np.zeros(2), np.zeros(1))[0] for centre in centres]
    clothed = np.array(cloth) > 0.5
    # The bone of a sloping shoulder may lie on the outline or outside of it: rays start inside, and where
    # they leave the body is believed however near to the bone that is.
    within = np.interp(places, *_START) * body.shoulder_width
    seen = _exits(silhouette.person, centres, normals, within, 2 * _ARM_RANGE[1] * usual + within)
    sides = _believed(seen, usual, within, clothed)
    shares = [side[~clothed] / usual[~clothed] for side in sides]
    build = _build(np.concatenate(shares), 1.0)
    # A strong arm is strong at its elbow too, whose outline lies farthest off the bone where it is bent.
    least, most = (share * usual for share in _ARM_RANGE)
    strong = ~clothed & np.isnan(sides[0]) & (seen[0] > least) & (seen[0] < most * build)
    sides = [np.where(strong, found, side) for found, side in zip(seen, sides, strict=True)]
    arm = usual * build
    under_sleeve = np.interp(places, _OLD_SLEEVE_PLACES, _OLD_SLEEVE) * usual
    for side, bare in zip(sides, shares, strict=True):
        # A bone off the middle of the bare arm is as far off it under the old sleeve.
        limit = under_sleeve * max(build, _build(bare, build))
        side[clothed] = np.minimum(side, limit)[clothed]
    outer = np.where(np.isnan(sides[0]), sides[1], sides[0])
    # What the outer side lacks because its bone lies near the outline, the hidden inner side has more.
    inner = np.where(np.isnan(sides[1]), np.maximum(sides[0], 2 * arm - sides[0]), sides[1])
    return np.where(np.isnan(outer), arm, outer), np.where(np.isnan(inner), arm, inner)


def _exits(
    person: Alpha, centres: Array, normals: Array, within: Array, limits: Array
) -> tuple[Array, Array]:
    """Distances ``(n,)`` from the bone at which rays leave the person, outwards and inwards; nan beyond the
    limit. Those outwards start ``within`` the bone."""
    sides = []
    for sign, back in ((-1.0, within), (1.0, np.zeros_like(within))):
        starts = centres - sign * normals * back[:, None]
        found = [
            first_exit(person, start, sign * normal, float(limit))
            for start, normal, limit in zip(starts, normals, limits, strict=True)
        ]
        sides.append(np.array([np.nan if exit_ is None else exit_ for exit_ in found]) - back)
    return sides[0], sides[1]


def _believed(
    seen: tuple[Array, Array], usual: Array, within: Array, clothed: NDArray[np.bool_]
) -> list[Array]:
    """Which of the exits are an arm's outline; nan for the others."""
    least, most = (share * usual for share in _ARM_RANGE)
    outer = (seen[0] > np.where(within > 0, -within, least)) & (seen[0] < most)
    # An old sleeve may be as wide as it likes, what is too wide for an arm is not one.
    outer |= clothed & (seen[0] >= most)
    inner = (seen[1] > least) & (seen[1] < most)
    # A bone may lie at the very edge of a bare arm: together both sides are one.
    whole = ~clothed & (np.maximum(*seen) >= most) & (sum(seen) < 2 * _WHOLE * usual)
    return [np.where(known | whole, side, np.nan) for known, side in zip((outer, inner), seen, strict=True)]


def _build(shares: Array, otherwise: float) -> float:
    """How strong an arm is: median of its bare radii in usual ones; ``otherwise`` where none was seen."""
    seen = shares[shares > _ARM_RANGE[0]]
    return float(np.clip(np.median(seen), *_BUILD_RANGE)) if len(seen) else otherwise


def distance_to_segment(points: Array, start: Vec, end: Vec) -> Array:
    """Distance of ``(n, 2)`` points to the segment from ``start`` to ``end``."""
    along = end - start
    share = np.clip((points - start) @ along / max(float(along @ along), 1e-9), 0.0, 1.0)
    gap = points - (start + share[:, None] * along)
    distance: Array = np.hypot(gap[:, 0], gap[:, 1])
    return distance
