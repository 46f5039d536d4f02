"""Coordinates along and across an arm, and the arm's width where it is bare or would be bare.

``along`` runs from 0 at the shoulder to 1 at the wrist (and a little beyond, into the hand), ``across``
from -1 to 1 between the two edges of the arm. All arrays are ``float32`` of the crop's size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.fields import Float
from inference.engines.warp.types import Arm
from preprocess.types import Alpha

Profile = NDArray[np.float64]

STATIONS = 48
"""Samples of the axis; enough that the bend of an elbow is a curve."""

BEYOND = 1.15
"""The axis goes on past the wrist so that the wrist itself has two neighbours."""

ADULT_HALF_WIDTH = (
    np.array([0.0, 0.2, 0.5, 0.75, 1.0, BEYOND]),
    np.array([0.155, 0.138, 0.108, 0.103, 0.066, 0.072]),
)
"""Half width of a bare arm in shoulder widths against ``along``: means read off bare arms of the sample
people."""

GRID = np.linspace(0.0, BEYOND, STATIONS)
"""``along`` at every station."""

PLAUSIBLE_RATIO = (0.7, 1.5)
"""A measured arm this much thinner or thicker than the mean is a sleeve's edge or another limb."""

_WRIST = 0.97
"""Where the hand begins."""

MIN_SEEN = 0.08
"""A shorter bare stretch than this share of the arm says nothing about its width."""

_BARE = (0.6, 1.8)
"""How thin and how wide bare skin may be at a station, as a share of the arm expected there, to be all of the
arm: the thickest arm of the 37 people is 1.51 times the usual one; beyond lies a torso or another limb."""

_SHIFTED = 0.4
"""Arm lengths above the bare stretch over which its shift from the assumed axis fades out."""

_ROOT = 0.2
"""Arm lengths from the shoulder in which that shift grows: the joint itself stays where the pose has it."""

_REDUCE = 6
"""Distances to the axis are smooth: they are computed on a grid this much coarser."""


@dataclass(frozen=True, kw_only=True)
class Limb:
    """The coordinate field of one arm and what is visible of it."""

    axis: NDArray[np.float64]
    """``(STATIONS, 2)`` points from shoulder to beyond the wrist."""
    normal: NDArray[np.float64]
    """``(STATIONS, 2)`` unit vectors across the arm, to the right when looking down the arm."""
    profile: Profile
    """``(STATIONS,)`` half width in pixels."""
    along: Float
    distance: Float
    """Signed pixels from the middle of the arm."""
    half_width: Float
    """Pixels, at every pixel's ``along``."""
    seen: tuple[float, float] | None
    """Stretch of ``along`` where the arm is bare in the photo, None if too short to learn from."""

    @cached_property
    def across(self) -> Float:
        return self.distance / self.half_width

    @property
    def cuff(self) -> float:
        """``along`` where an old sleeve ends: at the first bare skin, or at the wrist."""
        return self.seen[0] if self.seen else _WRIST

    @cached_property
    def inside(self) -> Alpha:
        """Soft silhouette of the arm, round at the shoulder, two pixels of ramp."""
        edge = np.clip((self.half_width - np.abs(self.distance)) / 2.0 + 0.5, 0.0, 1.0)
        return np.asarray(edge * (self.along < BEYOND - 0.02), np.float32)


def place_limb(
    arm: Arm, shape: tuple[int, ...], unit: float, widths: tuple[Profile, Profile] = ADULT_HALF_WIDTH
) -> Limb:
    """The field of one arm with the usual width; ``unit`` is the shoulder width in pixels.

    ``widths``: half widths in units against ``along``. With those of a leg, and hip, knee, ankle and toe as
    the joints, it is the field of a leg.
    """
    axis, normal = _axis(arm)
    along, distance = _coordinates(axis, normal, shape)
    profile = np.interp(GRID, *widths) * unit
    return Limb(
        axis=axis,
        normal=normal,
        profile=profile,
        along=along,
        distance=distance,
        half_width=np.interp(along, GRID, profile).astype(np.float32),
        seen=None,
    )


def measure_limb(limb: Limb, skin: Alpha, unit: float, *, least: float = MIN_SEEN, end: float = 1.0) -> Limb:
    """The same arm with the middle and width of what is bare in the photo; ``skin`` is bare arm skin down to
    ``end`` along the arm, ``least`` the share of the arm that must be bare."""
    step = float(np.hypot(*np.diff(limb.axis, axis=0).T).mean())
    reachable = skin * (np.abs(limb.distance) < 0.3 * unit)
    stations, middles, halves = _measure(limb.along, limb.distance, reachable, step, limb.profile, end)
    if len(stations) < least * STATIONS:
        return limb
    near = np.clip(1.0 - (stations[0] - GRID) / _SHIFTED, 0.0, 1.0) * np.clip(GRID / _ROOT, 0.0, 1.0)
    offset = smooth_profile(np.interp(GRID, stations, middles) * near)
    ratios = halves / np.interp(stations, GRID, limb.profile)
    usual = float(np.median(ratios))
    ratio = np.interp(GRID, stations, np.clip(ratios, 0.9 * usual, 1.1 * usual))
    profile = smooth_profile(limb.profile * np.clip(ratio, *PLAUSIBLE_RATIO))
    return replace(
        limb,
        axis=limb.axis + limb.normal * offset[:, None],
        profile=profile,
        distance=(limb.distance - np.interp(limb.along, GRID, offset)).astype(np.float32),
        half_width=np.interp(limb.along, GRID, profile).astype(np.float32),
        seen=(float(stations[0]), float(stations[-1])),
    )


def unrolled(limb: Limb, along: Float, across: Float) -> tuple[Float, Float]:
    """Pixel coordinates (as ``cv2.remap`` takes them) of points given on the arm."""
    at = np.stack([np.interp(along, GRID, limb.axis[:, k]) for k in (0, 1)], axis=-1)
    side = np.stack([np.interp(along, GRID, limb.normal[:, k]) for k in (0, 1)], axis=-1)
    half = np.interp(along, GRID, limb.profile)
    spot = at + side * (across * half)[..., None] - 0.5
    return spot[..., 0].astype(np.float32), spot[..., 1].astype(np.float32)


def _axis(arm: Arm) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    upper = np.hypot(*(arm.elbow - arm.shoulder))
    fore = np.hypot(*(arm.wrist - arm.elbow))
    bend = float(np.clip(upper / max(upper + fore, 1e-3), 0.3, 0.7))
    heading = arm.hand - arm.wrist
    if np.hypot(*heading) < 1.0:
        heading = arm.wrist - arm.elbow
    tip = arm.wrist + heading / max(np.hypot(*heading), 1e-3) * (BEYOND - 1.0) * (upper + fore)
    knots = np.array([arm.shoulder, arm.elbow, arm.wrist, tip])
    points = np.stack([np.interp(GRID, [0, bend, 1, BEYOND], knots[:, k]) for k in (0, 1)], axis=-1)
    points = np.stack([smooth_profile(points[:, k]) for k in (0, 1)], axis=-1)
    tangent = np.gradient(points, axis=0)
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-6)[:, None]
    return points, np.stack([-tangent[:, 1], tangent[:, 0]], axis=-1)


def smooth_profile(values: Profile, sigma: float = 2.0) -> Profile:
    """Gaussian smoothing of a sampled curve; the ends are continued in point symmetry and so stay where
    they are."""
    radius = int(3 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(values, radius, mode="reflect", reflect_type="odd")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _coordinates(axis: Profile, normal: Profile, shape: tuple[int, ...]) -> tuple[Float, Float]:
    height, width = shape[:2]
    rows, cols = -(-height // _REDUCE), -(-width // _REDUCE)
    ys, xs = (np.mgrid[0:rows, 0:cols].astype(np.float32) + 0.5) * _REDUCE
    best = np.full((rows, cols), np.inf, np.float32)
    along, signed = np.zeros_like(best), np.zeros_like(best)
    for k, step in enumerate(np.diff(axis, axis=0)):
        dx, dy = xs - axis[k, 0], ys - axis[k, 1]
        t = np.clip((dx * step[0] + dy * step[1]) / max(float(step @ step), 1e-6), 0.0, 1.0)
        distance = np.hypot(dx - t * step[0], dy - t * step[1])
        closer = distance < best
        best[closer] = distance[closer]
        along[closer] = GRID[k] + t[closer] * GRID[1]
        signed[closer] = np.copysign(distance, dx * normal[k, 0] + dy * normal[k, 1])[closer]
    full = (cols * _REDUCE, rows * _REDUCE)
    along, signed, best = (
        np.asarray(cv2.resize(field, full)[:height, :width], np.float32) for field in (along, signed, best)
    )
    # beyond the ends of the axis the sign jumps between far sides: there is no middle to pass through
    jump = (best > _REDUCE) & (np.abs(signed) < 0.7 * best)
    return along, np.where(jump, np.copysign(best, signed), signed)


def _measure(
    along: Float, distance: Float, skin: Alpha, step: float, expected: Profile, end: float
) -> tuple[Profile, ...]:
    """Stations of the longest bare stretch, with the arm's middle and half width there in pixels."""
    bins = np.rint(along / GRID[1]).astype(np.int64).ravel()
    weight = skin.ravel()
    area = np.bincount(bins, weights=weight, minlength=STATIONS)[:STATIONS]
    shift = np.bincount(bins, weights=weight * distance.ravel(), minlength=STATIONS)[:STATIONS]
    half = area / (2.0 * step)
    bare = (half > _BARE[0] * expected) & (half < _BARE[1] * expected) & (GRID > 0.02) & (end >= GRID)
    edges = np.flatnonzero(np.diff(np.r_[0, bare.astype(np.int8), 0]))
    if len(edges) == 0:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    runs = edges.reshape(-1, 2)
    first, last = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    if last - first > 4:  # the ends are cut at a slant by sleeve and hand
        first, last = first + 1, last - 1
    return GRID[first:last], shift[first:last] / area[first:last], half[first:last]
