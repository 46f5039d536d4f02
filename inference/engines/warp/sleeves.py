"""Sleeves: a strip of cloth that starts at the armhole and is bent along the bones of the arm.

Everything is planned in arm coordinates ``(a, w)``: ``a`` pixels along the bone from the shoulder joint
(negative above it), ``w`` pixels beside it, negative on the outer side of the arm. The bone is rounded at
the elbow, so rows of cloth turn with it and neither fan out nor tear.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.bone import Bone, arm_coordinates, bone_of, smoothed, unit_vector
from inference.engines.warp.fit import Fit
from inference.engines.warp.mesh import mesh_map
from inference.engines.warp.resample import Cloth
from inference.engines.warp.silhouette import SideName, Silhouette, arm_radii
from inference.engines.warp.tps import Tps
from inference.engines.warp.types import Body, SleeveLayer, Vec
from preprocess.types import Alpha, Garment, GarmentLandmarks, Sleeve

Array = NDArray[np.float64]
Box = tuple[int, int, int, int]
"""``x0, y0, width, height`` in the person's frame."""

_UPPER, _FORE = 0.80, 0.68
"""Usual lengths of upper arm and forearm in shoulder widths: shorter ones point towards the camera."""
_LONG_FROM = 0.72
"""A sleeve that covers this share of the arm ends at the wrist: sleeves of that length are long ones, and
cloth laid flat on a table is rarely stretched to its full length."""
_THREE_QUARTER = 0.60
"""The same for a garment that was classed as long-sleeved."""
_WRIST = 0.02
"""How far a long cuff lies over the wrist, in shoulder widths."""
_SKIN_GAP = 0.012
"""How far cloth stands off the arm's outline, in shoulder widths."""
_WRAP = 1.57
"""Flat width of a sleeve that just touches the arm, over the arm's visible width: half a circle against its
axis."""
_LOOSE = 0.4
"""Share of the cloth beyond that which stands away sideways."""
_LOOSEST = 1.5
"""Widest a sleeve may hang, in arm radii."""
_SHOULDER_TURN = 0.10
"""Distance along the arm within which cloth gets from the shoulder tip onto the arm's outline."""
_ROWS, _COLUMNS = 28, 9
_MARGIN = 0.18
"""Mesh beyond the sleeve's edges and cuff, in its width: there the garment's own matte makes the outline."""
_PAST_CUFF = 0.18
"""Mesh beyond the line between the cuff's corners, in cuff widths: cuffs are curved."""
_INWARD = 0.16
"""Depth of the band in which the sleeve fades into the torso, in armhole lengths."""
_INWARD_ROWS = 3
"""Mesh rows of that band."""
_SETTLE = 0.35
"""Share of the sleeve over which it turns from the torso's map into the arm's."""


def lay_sleeve(
    garment: Garment,
    marks: GarmentLandmarks,
    sleeve: Sleeve,
    cloth: Cloth,
    fit: Fit,
    body: Body,
    silhouette: Silhouette,
    torso: Tps,
    side: SideName,
    box: Box,
) -> SleeveLayer:
    """Draw one sleeve; arrays have the size of ``box``."""
    bone = bone_of(body.arms[side], body, side)
    outer, inner, reach = _edges(garment, sleeve, fit, body, silhouette, torso, bone, side)
    source, target = _grids(marks, sleeve, fit, torso, bone, outer, inner, side)
    drawn = mesh_map(source, target, *box)
    rows = drawn.grid[..., 0] - _INWARD_ROWS  # 0 at the armhole
    columns = drawn.grid[..., 1] / (_COLUMNS - 1) * 2 - 1
    fade = np.clip(1 + rows / _INWARD_ROWS, 0.0, 1.0)
    fade = fade * fade * (3 - 2 * fade)
    # The margin is there for the matte's own soft edge; where the matte has none, the mesh must not show its.
    beyond = (np.abs(columns) * (0.5 + _MARGIN) - 0.5) / _MARGIN
    past = drawn.grid[..., 0] - (_INWARD_ROWS + _ROWS - 1)
    fade = fade * np.clip(2 * (1 - np.maximum(beyond, past)), 0.0, 1.0)
    alpha = cloth.coverage(_sleeve_cover(garment, marks, sleeve, side), drawn.source) * fade * drawn.covered
    across = np.clip(columns * (1 + 2 * _MARGIN), -1.0, 1.0) * drawn.covered
    return SleeveLayer(
        rgb=cloth.colours(drawn.source),
        alpha=alpha.astype(np.float32),
        across=across.astype(np.float32),
        reach=reach,
    )


def _edges(
    garment: Garment,
    sleeve: Sleeve,
    fit: Fit,
    body: Body,
    silhouette: Silhouette,
    torso: Tps,
    bone: Bone,
    side: SideName,
) -> tuple[Array, Array, float]:
    """Outer and inner edge ``(_ROWS, 2)`` in arm coordinates, from armhole to cuff, and the reach."""
    unit = body.shoulder_width
    corners = np.array([sleeve.outer[0], sleeve.inner[0]], dtype=np.float64)
    # Where the torso's map puts them, which is near the fitted landmarks but not exactly on them.
    corners = torso.invert(corners, np.array([fit.shoulder[side], fit.armpit[side]]))
    start_outer, start_inner = (arm_coordinates(corner, body.arms[side], bone) for corner in corners)
    cuff = _cuff_distance(garment, sleeve, fit, bone, unit, start_outer[0])
    slant = _cuff_slant(sleeve) * fit.scale
    slant = float(np.clip(slant, -0.12 * unit, 0.12 * unit))
    cuff_inner = max(cuff + slant, start_inner[0] + 0.04 * unit)
    t = np.linspace(0.0, 1.0, _ROWS)
    a_outer = start_outer[0] + (cuff - start_outer[0]) * t
    a_inner = start_inner[0] + (cuff_inner - start_inner[0]) * t
    cloth = _cloth_half_widths(sleeve) * fit.scale
    outer_radius, inner_radius = _hanging(a_outer, a_inner, cloth, body, silhouette, bone)
    # The shoulder's own roundness: from the shoulder tip straight onto the outline of the arm.
    blend = np.clip((a_outer - a_outer[0]) / (_SHOULDER_TURN * unit), 0.0, 1.0)
    blend = np.sin(blend * np.pi / 2)
    w_outer = start_outer[1] * (1 - blend) - outer_radius * blend
    blend = np.clip((a_inner - a_inner[0]) / (0.12 * unit), 0.0, 1.0)
    w_inner = start_inner[1] * (1 - blend) + inner_radius * blend
    reach = float(bone.place_of(np.array([max(cuff, 0.0)]))[0])
    return np.stack([a_outer, w_outer], axis=-1), np.stack([a_inner, w_inner], axis=-1), reach


def _hanging(
    a_outer: Array, a_inner: Array, cloth: Array, body: Body, silhouette: Silhouette, bone: Bone
) -> tuple[Array, Array]:
    """Half widths of the sleeve on both sides of the bone."""
    gap = _SKIN_GAP * body.shoulder_width
    probe = np.linspace(min(float(a_outer[0]), 0.0), max(float(a_outer[-1]), float(a_inner[-1]), 1.0), 24)
    zero = np.zeros_like(probe)
    centres = bone.at(probe, zero)
    normals = bone.at(probe, zero + 1.0) - centres
    radii = arm_radii(silhouette, body, bone.place_of(probe), centres, normals)
    widths = []
    for a, radius in zip((a_outer, a_inner), radii, strict=True):
        arm = np.interp(a, probe, smoothed(radius[:, None], 2.0)[:, 0]) + gap
        loose = _LOOSE * np.maximum(0.0, cloth - _WRAP * arm)
        widths.append(np.minimum(arm + loose, _LOOSEST * arm))
    return widths[0], widths[1]


def _cuff_distance(
    garment: Garment, sleeve: Sleeve, fit: Fit, bone: Bone, unit: float, start: float
) -> float:
    """Where the outer edge ends along the bone; projected lengths shrink where the arm points at the
    camera."""
    upper, fore = max(bone.elbow, _UPPER * unit), max(bone.wrist - bone.elbow, _FORE * unit)
    length = _arc_length(sleeve.outer) * fit.scale + start
    share = length / (upper + fore)
    if share > _LONG_FROM or (garment.sleeve_length == "long" and share > _THREE_QUARTER):
        return bone.wrist + _WRIST * unit
    if length <= upper:
        return max(length / upper * bone.elbow, 0.12 * unit)
    beyond = min((length - upper) / fore, 1.0)
    return bone.elbow + beyond * (bone.wrist - bone.elbow) + _WRIST * unit


def _grids(
    marks: GarmentLandmarks,
    sleeve: Sleeve,
    fit: Fit,
    torso: Tps,
    bone: Bone,
    outer: Array,
    inner: Array,
    side: SideName,
) -> tuple[Array, Array]:
    """Mesh in the garment and on the person, ``(rows, columns, 2)``: inward band, sleeve, margin past the
    cuff."""
    across = np.linspace(-_MARGIN, 1 + _MARGIN, _COLUMNS)[None, :, None]
    source_outer, source_inner = _even(sleeve.outer, _ROWS), _even(sleeve.inner, _ROWS)
    source = source_outer[:, None] * (1 - across) + source_inner[:, None] * across
    planned = outer[:, None] * (1 - across) + inner[:, None] * across
    target = bone.at(planned[..., 0], planned[..., 1])

    # The armhole itself is where the torso's map puts it; the difference fades out along the sleeve.
    chord = source[0]
    armhole = torso.invert(chord, target[0])
    gone = np.clip(1 - np.linspace(0.0, 1.0, _ROWS) / _SETTLE, 0.0, 1.0) ** 2
    target = target + (armhole - target[0])[None] * gone[:, None, None]

    outward = _chord_normal(marks, side)
    depth = _INWARD * float(np.hypot(*(source_outer[0] - source_inner[0])))
    bands_source, bands_target = [], []
    for k in range(_INWARD_ROWS, 0, -1):
        band = chord - outward * depth * k / _INWARD_ROWS
        bands_source.append(band)
        bands_target.append(torso.invert(band, armhole))
    room = _PAST_CUFF * float(np.hypot(*(source_outer[-1] - source_inner[-1])))
    past_source = source[-1] + _directions(source) * room
    past_target = target[-1] + _directions(target) * room * fit.scale
    return (
        np.concatenate([np.stack(bands_source), source, past_source[None]]),
        np.concatenate([np.stack(bands_target), target, past_target[None]]),
    )


def _directions(grid: Array) -> Array:
    """Unit vectors ``(columns, 2)`` in which a mesh runs at its last row."""
    along = grid[-1] - grid[-4]
    directions: Array = along / np.maximum(np.hypot(along[:, 0], along[:, 1])[:, None], 1e-9)
    return directions


def _sleeve_cover(garment: Garment, marks: GarmentLandmarks, sleeve: Sleeve, side: SideName) -> Alpha:
    """Matte of the sleeve with the band of torso inside the armhole that it fades into."""
    near = cv2.dilate(sleeve.region, np.ones((5, 5), np.uint8))
    cover: Alpha = garment.alpha * np.maximum(near, inside_armhole(marks, garment.alpha.shape, side))
    return cover


def inside_armhole(marks: GarmentLandmarks, shape: tuple[int, ...], side: SideName) -> Alpha:
    """``(h, w)`` 1 on the torso's side of the line from shoulder tip to armpit, 0 beyond it, soft on the
    line."""
    normal = _chord_normal(marks, side)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32) + np.float32(0.5)
    tip = marks.shoulder[side]
    beyond = (x - np.float32(tip[0])) * np.float32(normal[0]) + (y - np.float32(tip[1])) * np.float32(
        normal[1]
    )
    inside: Alpha = np.clip(np.float32(0.5) - beyond, 0.0, 1.0)
    return inside


def _chord_normal(marks: GarmentLandmarks, side: SideName) -> Vec:
    """Unit normal of the armhole line that points into the sleeve."""
    chord = np.array(marks.armpit[side]) - np.array(marks.shoulder[side])
    normal = unit_vector(np.array([chord[1], -chord[0]]))
    away = -1.0 if side == "left" else 1.0
    return normal if normal[0] * away >= 0 else -normal


def _cuff_slant(sleeve: Sleeve) -> float:
    """How much farther along the sleeve the cuff's inner corner lies than its outer one, garment pixels."""
    outer, inner = _even(sleeve.outer, 8), _even(sleeve.inner, 8)
    direction = unit_vector(unit_vector(outer[-1] - outer[-4]) + unit_vector(inner[-1] - inner[-4]))
    return float((inner[-1] - outer[-1]) @ direction)


def _cloth_half_widths(sleeve: Sleeve) -> Array:
    """Half widths along the sleeve, square to it, garment pixels."""
    outer, inner = _even(sleeve.outer, _ROWS), _even(sleeve.inner, _ROWS)
    axis = unit_vector((outer[-1] + inner[-1]) - (outer[0] + inner[0]))
    normal = np.array([-axis[1], axis[0]])
    widths: Array = np.abs((outer - inner) @ normal) / 2
    return widths


def _even(line: NDArray[np.floating], count: int) -> Array:
    """Resample a polyline at equal distances."""
    steps = np.hypot(*np.diff(line, axis=0).T)
    distances = np.concatenate([[0.0], np.cumsum(steps)])
    places = np.linspace(0.0, distances[-1], count)
    return np.stack([np.interp(places, distances, line[:, k]) for k in (0, 1)], axis=-1)


def _arc_length(line: NDArray[np.floating]) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())
