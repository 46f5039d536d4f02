"""Lay a flat top onto a body: the geometric half of ``warp``."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.armhole import inside_armhole
from inference.engines.warp.assumed import assumed_landmarks
from inference.engines.warp.fit import Array, Fit, fit_garment
from inference.engines.warp.gaps import closed_at_armpits, closed_at_shoulders
from inference.engines.warp.neckline import lay_neckline, neck_opening
from inference.engines.warp.prints import print_stretch
from inference.engines.warp.resample import bleed, cloth_for, opacity_at
from inference.engines.warp.silhouette import SIDES, Silhouette, on_spine
from inference.engines.warp.sleeve_plan import plan_sleeves
from inference.engines.warp.sleeves import lay_sleeve
from inference.engines.warp.torso import stretch_of, torso_map
from inference.engines.warp.types import Body, SleeveLayer, WarpedGarment
from inference.engines.warp.wearing import Box, Wearing
from preprocess.types import Alpha, Garment, GarmentLandmarks, Person, Rgb, Sides

_AROUND = 0.25
"""Room round the garment's control points in shoulder widths: flared hems, cuffs, collars."""
_LEAST_PIECE = 0.05
"""Parts of the torso smaller than this share of the largest are crumbs."""
_UNSEEN_LANDMARKS = 0.3
"""What is left of ``measured`` when the garment's landmarks had to be assumed."""


def lay(garment: Garment, person: Person, body: Body) -> WarpedGarment:
    """The garment on the person; every array has the size of the person's frame.

    Garments without landmarks are laid as a sleeveless top that fills their box (``measured`` says so).
    Raises ``ValueError`` for an empty garment matte.
    """
    seen = garment.landmarks is not None
    marks = garment.landmarks or assumed_landmarks(garment.alpha)
    silhouette = Silhouette.of(person)
    fit = fit_garment(
        marks, person, body, silhouette, flat=garment.kind == "flat", collared=stands_up(garment)
    )
    warped = lay_fitted(garment, marks, fit, person, body, silhouette)
    return warped if seen else replace(warped, measured=warped.measured * _UNSEEN_LANDMARKS)


def stands_up(garment: Garment) -> bool:
    """Has it a collar that lay flat and is to stand up against a neck? A worn one does so already."""
    return garment.kind == "flat" and garment.collar is not None and garment.collar.kind == "collared"


def lay_fitted(
    garment: Garment, marks: GarmentLandmarks, fit: Fit, person: Person, body: Body, silhouette: Silhouette
) -> WarpedGarment:
    """The garment on the person where ``fit`` puts its landmarks."""
    torso = torso_map(garment, marks, fit, body, silhouette)
    box = _box(fit, person, body, sleeved=marks.sleeves is not None)
    wearing = Wearing(
        garment=garment, marks=marks, body=body, silhouette=silhouette, fit=fit, torso=torso, box=box
    )
    frame = person.matte.alpha.shape
    cloth_alpha, cloth_image = _torso_cloth(garment, marks)
    cloth = cloth_for(bleed(cloth_image, cloth_alpha), fit.scale)
    source = torso.dense(*box)
    thin = opacity_at(cloth, garment.opacity, source)
    neckline = lay_neckline(garment.collar, fit, torso)
    opening = neck_opening(neckline, body, (frame[0], frame[1]))
    alpha = _placed(cloth.coverage(cloth_alpha, source) * _near(fit, body, box), box, frame)
    sleeves = _sleeves(wearing, frame)
    if sleeves is not None:
        alpha = closed_at_shoulders(alpha, fit.neck, fit.shoulder, silhouette.shoulders, body)
        drawn = (sleeves.left.alpha, sleeves.right.alpha)
        alpha = closed_at_armpits(alpha, drawn, fit.armpit, person.matte.alpha, body)
    return WarpedGarment(
        rgb=_placed(cloth.colours(source), box, frame),
        alpha=alpha * (1 - opening),
        sleeves=sleeves,
        neckline=neckline,
        opening=opening,
        tucked=fit.tucked,
        hem=fit.hem,
        stretch=stretch_of(torso, fit, body),
        print_stretch=print_stretch(garment, torso, alpha, fit.scale, body.shoulder_width),
        measured=fit.measured,
        ease=fit.ease,
        opacity=None if thin is None else _placed(thin, box, frame),
    )


def _torso_cloth(garment: Garment, marks: GarmentLandmarks) -> tuple[Alpha, Rgb]:
    """Matte and picture of the torso part: sleeves taken off at the armholes.

    Where a sleeve lies over the torso, the torso goes on underneath: its outline is known from the
    landmarks, its colours are continued from beside the sleeve.
    """
    if marks.sleeves is None:
        return garment.alpha, garment.image
    alpha = garment.alpha.copy()
    outline = _torso_outline(marks, alpha.shape)
    for side, _ in SIDES:
        # One more pixel than the sleeve itself, or its soft edge would stay behind as a thin line.
        region = cv2.dilate(marks.sleeves[side].region, np.ones((5, 5), np.uint8))
        kept = np.maximum(outline, inside_armhole(marks, alpha.shape, side))
        below = slice(round(marks.armpit[side][1]), None)  # there the torso ends at its own outline, and
        kept[below] = outline[below]  # what lies beyond is all sleeve
        alpha *= 1 - region * (1 - kept)
    alpha = _main_piece(alpha)
    covered = [marks.sleeves[side] for side, _ in SIDES if marks.sleeves[side].overlaps_torso]
    if not covered:
        return alpha, garment.image
    own = alpha * (1 - np.max([sleeve.region for sleeve in covered], axis=0))
    return alpha, bleed(garment.image, own.astype(np.float32))


def _main_piece(alpha: Alpha) -> Alpha:
    """Without the crumbs that an uneven edge of a sleeve leaves behind when the sleeve is taken off."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > 0).astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = 1 + np.flatnonzero(areas >= _LEAST_PIECE * areas.max(initial=0))
    return np.where(np.isin(labels, kept), alpha, np.float32(0))


def _torso_outline(marks: GarmentLandmarks, shape: tuple[int, ...]) -> Alpha:
    left, right = marks.sides[:, [1, 0]], marks.sides[::-1, [2, 0]]
    region = np.zeros(shape, dtype=np.uint8)
    outline = np.round(np.concatenate([left, right])).astype(np.int32)
    cv2.fillPoly(region, [outline.reshape(-1, 1, 2)], 255, lineType=cv2.LINE_AA)
    return region.astype(np.float32) / np.float32(255)


def _sleeves(wearing: Wearing, frame: tuple[int, ...]) -> Sides[SleeveLayer] | None:
    sleeves = wearing.marks.sleeves
    if sleeves is None:
        return None
    garment = wearing.garment
    cloth = cloth_for(bleed(garment.image, garment.alpha), wearing.fit.scale)
    plans = plan_sleeves(wearing, sleeves)
    layers: dict[str, SleeveLayer] = {}
    for side, _ in SIDES:
        layer, box = lay_sleeve(wearing, sleeves[side], side, plans[side], cloth)
        layers[side] = SleeveLayer(
            rgb=_placed(layer.rgb, box, frame),
            alpha=_placed(layer.alpha, box, frame),
            across=_placed(layer.across, box, frame),
            reach=layer.reach,
            opacity=None if layer.opacity is None else _placed(layer.opacity, box, frame),
        )
    return Sides(left=layers["left"], right=layers["right"])


def _box(fit: Fit, person: Person, body: Body, *, sleeved: bool) -> Box:
    """Part of the frame that the garment can reach: ``x0, y0, width, height``."""
    room = _AROUND * body.shoulder_width
    points = list(_outline(fit, body))
    if sleeved:
        points += [joint for side, _ in SIDES for joint in (body.arms[side].elbow, body.arms[side].wrist)]
    height, width = person.matte.alpha.shape
    low = np.floor(np.min(points, axis=0) - room)
    high = np.ceil(np.max(points, axis=0) + room)
    x0, y0 = int(np.clip(low[0], 0, width - 1)), int(np.clip(low[1], 0, height - 1))
    x1, y1 = int(np.clip(high[0], x0 + 1, width)), int(np.clip(high[1], y0 + 1, height))
    return x0, y0, x1 - x0, y1 - y0


def _outline(fit: Fit, body: Body) -> Array:
    points = [fit.neck.left, fit.neck.right, fit.shoulder.left, fit.shoulder.right]
    for level, left, right in zip(fit.side_levels, fit.half_widths.left, fit.half_widths.right, strict=True):
        spine = on_spine(body, level)
        points += [spine - body.across * left, spine + body.across * right]
    return np.array(points)


def _near(fit: Fit, body: Body, box: Box) -> Alpha:
    """``(h, w)`` of the box: 1 near the torso, 0 far away, where the map could come round a second
    time."""
    x0, y0, width, height = box
    hull = cv2.convexHull((_outline(fit, body) - (x0, y0)).astype(np.float32)).reshape(-1, 1, 2)
    region = np.zeros((height, width), dtype=np.uint8)
    cv2.fillConvexPoly(region, np.round(hull).astype(np.int32), 1)
    distance = cv2.distanceTransform(1 - region, cv2.DIST_L2, cv2.DIST_MASK_5)
    room = np.float32(_AROUND * body.shoulder_width)
    near: Alpha = np.clip((room - distance) / np.float32(4), 0.0, 1.0)
    return near


def _placed(part: NDArray[np.float32], box: Box, frame: tuple[int, ...]) -> NDArray[np.float32]:
    x0, y0, width, height = box
    whole = np.zeros((frame[0], frame[1], *part.shape[2:]), dtype=np.float32)
    whole[y0 : y0 + height, x0 : x0 + width] = part
    return whole
