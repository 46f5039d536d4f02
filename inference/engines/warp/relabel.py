"""Second thoughts about the parsing once the old garment's colour is known: stray pieces, cuffs, sleeve
rests."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from inference.engines.warp.fields import Bool, Float, blur, box_of, dot, ellipse, grow, largest_gap, shrink
from inference.engines.warp.limbs import Limb
from inference.engines.warp.scene import Scene
from preprocess.types import Sides

_SLIVER = 0.008
"""Shoulder widths: old garment thinner than twice this is a border effect along skin and hair."""

_SMALL_PIECE = 0.04
"""A piece of old garment smaller than this share of the largest is a mistake."""

_NEAR = 0.05
"""Shoulder widths: how far around the old garment its missed remains are looked for along the arms."""

_OTHER_COLOUR = 17.0
"""Lab distance from the label's own colour at which a pixel may be something else."""


_RIM = 0.015
"""Shoulder widths: half the width of the thinnest piece of arm or hand that stays bare beside a cuff."""

_CRUMB = 0.06
"""Shoulder widths: radius of the roundest corner of a chin."""

_SLEEVE, _WIDE_CUFF = 1.5, 2.6
"""Half widths from an arm's middle in which its old sleeve, or a wide cuff of it, lies."""

_UNDER_HEM = 0.05
"""Torso lengths by which what hangs below a hem begins above it."""

_BESIDE_WAIST, _ALIKE = 0.2, 2.0
"""Torso lengths above and below the waist in which mean colours are compared, and the Lab distance up to
which both are one garment: .2 to .7 with the dresses of the development people, 3.6 to 5.6 where top and
bottoms are alike."""

_ENOUGH = 200
"""Pixels that have a colour worth comparing."""

_SAME_COLOUR = 10.0
"""Lab distance from the old garment's colour within which it is taken for the garment."""

_CUFF = 0.12
"""Shoulder widths beyond the old garment in which a cuff may be taken for arm or hand."""


_COLLAR = 0.05
"""Shoulder widths between neck and old collar, and across what was taken for hair there: locks are wider."""

_BODICE = 0.4
"""Shoulder widths below the neck in which the colour of straps is looked up: a skirt may have another."""

_SHADED_SIDE = 0.06
"""Shoulder widths of an arm's side, turned to the body, that its shadow may pass off as cloth."""

_CUFF_LENGTH = 0.15
"""Arm lengths on both sides of the first bare skin in which a cuff may have been taken for an arm."""


def relabel(scene: Scene, limbs: Sides[Limb]) -> Scene:
    """Move pixels between the old garment and its neighbours where colour or shape contradicts them."""
    parts, unit = scene.parts, scene.unit
    on_arm = np.maximum(limbs.left.inside, limbs.right.inside) > 0.5
    upper = main_region(parts.upper > 0.5, _SLIVER * unit)
    if not upper.any():
        return scene
    strays = like_cloth(scene, upper, limbs)
    bare = np.clip(parts.skin + parts.hair, 0.0, 1.0)
    strays |= on_arm & (scene.matte > 0.5) & (bare < 0.5) & grow(upper, _NEAR * unit)
    # stripes as light as the background are missing from the matte: the sleeve around them is closed
    closed = cv2.morphologyEx(upper.astype(np.uint8), cv2.MORPH_CLOSE, ellipse(_NEAR * unit))
    aside = np.minimum(np.abs(limbs.left.across), np.abs(limbs.right.across))
    strays |= (closed > 0) & (aside < _SLEEVE) & (bare < 0.5) & (parts.lower < 0.5)
    strays |= half_cuffs(scene, upper) & (aside < _WIDE_CUFF)
    strays |= thin_straps(scene, upper)
    strays |= slivers((parts.arms > 0.5) & ~strays, unit) & grow(strays, _NEAR * unit)
    shadow = collar_shadow(scene, upper)
    strays |= shadow
    shaded = like_skin(scene, upper, limbs)
    upper &= ~shaded
    strays &= ~(upper | shaded)
    rest = 1.0 - blur(strays.astype(np.float32), 0.6)
    skirt = one_piece(scene, upper, limbs)
    crumbs = under_chin(scene, upper)
    return replace(
        scene,
        parts=replace(
            parts,
            upper=np.maximum(parts.upper * (grow(upper, 2.0) & ~shaded & ~skirt), strays).astype(np.float32),
            face=np.where(crumbs, 0.0, parts.face).astype(np.float32),
            hair=np.where(grow(shadow, 2.0), 0.0, parts.hair).astype(np.float32),
            neck=np.where(crumbs, parts.face, parts.neck * rest).astype(np.float32),
            arms=np.where(shaded, parts.upper, parts.arms * rest).astype(np.float32),
            hands=parts.hands * rest,
            lower=np.where(skirt, parts.upper + parts.lower, parts.lower * rest).astype(np.float32),
        ),
    )


def half_cuffs(scene: Scene, upper: Bool) -> Bool:
    """Crumbs of lower clothes that hang on the old garment and are rather of its colour: parts of cuffs."""
    lower = scene.parts.lower > 0.5
    main = main_region(lower, _SLIVER * scene.unit)
    crumbs = joined(lower & ~main, upper)
    if crumbs.any() and main.any():
        to_upper, to_lower = (
            largest_gap(scene.photo, np.median(scene.photo[region], axis=0)) for region in (upper, main)
        )
        crumbs &= to_upper < to_lower
    return crumbs


def thin_straps(scene: Scene, upper: Bool) -> Bool:
    """Straps of the old garment on bare skin: slivers of it that hang on it and are of its colour."""
    neck = scene.parts.neck > 0.9
    thin = (scene.parts.upper > 0.5) & ~upper & grow(neck, _NEAR * scene.unit)
    bodice = upper & grow(neck, _BODICE * scene.unit)
    if not (thin.any() and bodice.any()):
        return np.zeros_like(upper)
    to_cloth, to_skin = (
        largest_gap(scene.photo, np.median(scene.photo[region], axis=0)) for region in (bodice, neck)
    )
    return joined(thin & (to_cloth < to_skin), upper)


def one_piece(scene: Scene, upper: Bool, limbs: Sides[Limb]) -> Bool:
    """Old cloth below the new hem that is one with the lower clothes, a dress: it stays, like a skirt."""
    below = upper & (scene.down > scene.garment.hem - _UNDER_HEM)
    for limb in (limbs.left, limbs.right):
        beside = np.abs(limb.across) > 1.3
        below &= beside if limb.seen is None else beside | (limb.along > limb.cuff)
    middle = np.abs(scene.lateral) < 0.3
    gap = scene.down - scene.waist
    top = middle & upper & (gap > -_BESIDE_WAIST) & (gap < 0.0)
    bottom = middle & (scene.parts.lower > 0.9) & (gap < _BESIDE_WAIST)
    if scene.garment.tucked or not below.any() or min(top.sum(), bottom.sum()) < _ENOUGH:
        return np.zeros_like(upper)
    colours = np.stack([scene.photo[region].mean(axis=0) for region in (top, bottom)])[None] / 255.0
    lab = cv2.cvtColor(colours.astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    return below if np.hypot.reduce(lab[0] - lab[1]) < _ALIKE else np.zeros_like(upper)


def under_chin(scene: Scene, upper: Bool) -> Bool:
    """Crumbs of the face's lower edge where a collar meets the chin: their shadow is no chin."""
    face = scene.parts.face > 0.1
    found = np.zeros_like(face)
    if not face.any():  # the head is out of the frame
        return found
    window = box_of(face, int(_CRUMB * scene.unit) + 2)
    round_chin = cv2.morphologyEx(face[window].astype(np.uint8), cv2.MORPH_OPEN, ellipse(_CRUMB * scene.unit))
    collar = grow(upper[window], 2 * _CRUMB * scene.unit)
    found[window] = face[window] & (round_chin == 0) & collar
    return found


def collar_shadow(scene: Scene, upper: Bool) -> Bool:
    """Thin hair between neck and old collar: the collar's shadow, as dark as hair."""
    hair, unit = scene.parts.hair > 0.02, scene.unit
    between = grow(scene.parts.neck > 0.5, _COLLAR * unit) & grow(upper, _COLLAR * unit)
    lock = cv2.morphologyEx(hair.astype(np.uint8), cv2.MORPH_OPEN, ellipse(0.5 * _COLLAR * unit))
    return np.asarray(hair & between & ~grow(lock > 0, 0.5 * _COLLAR * unit), np.bool_)


def slivers(region: Bool, unit: float) -> Bool:
    """What is too thin to be a limb: the rim of a cuff that differs from its middle."""
    core = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_OPEN, ellipse(_RIM * unit))
    return np.asarray(region & (core == 0), np.bool_)


def main_region(region: Bool, radius: float) -> Bool:
    """The larger pieces of a region, slivers thinner than twice ``radius`` taken off."""
    opened = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_OPEN, ellipse(radius))
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA]
    area[0] = 0
    return np.asarray((area > _SMALL_PIECE * max(area.max(), 1))[pieces], np.bool_)


def like_cloth(scene: Scene, upper: Bool, limbs: Sides[Limb]) -> Bool:
    """Pixels of other labels, joined to the old garment, whose colour is the garment's and not their own.

    Straps on bare shoulders and cuffs at the hand are such; trousers are looked at only under the arms.
    """
    parts = scene.parts
    size = upper.shape[1] // 2, upper.shape[0] // 2
    small = np.asarray(cv2.resize(scene.photo, size, interpolation=cv2.INTER_AREA), np.float32)
    lab = np.asarray(cv2.cvtColor(small / 255.0, cv2.COLOR_RGB2LAB), np.float32)
    halved = [
        cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        for part in (upper.astype(np.float32), parts.skin - parts.face, parts.lower)
    ]
    cloth, skin, lower = (np.asarray(part > 0.6, np.bool_) for part in halved)
    if cloth.sum() < 100:
        return np.zeros_like(upper)
    to_cloth = _colour_distance(lab, cloth)
    far = ~grow(cloth, _NEAR * scene.unit)
    found = np.zeros_like(cloth)
    for label in (skin, lower):
        if (label & far).sum() >= 50:
            to_own = _colour_distance(lab, label & far)
            found |= (to_own > _OTHER_COLOUR) & (to_cloth < np.minimum(_SAME_COLOUR, 0.4 * to_own))
    full = cv2.resize(found.astype(np.uint8), upper.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    near = grow(upper, _CUFF * scene.unit) & (around_cuff(limbs.left) | around_cuff(limbs.right))
    straps = (parts.neck > 0.5) | ((parts.upper > 0.5) & ~upper)
    cuffs = near & (parts.arms + parts.hands + parts.lower > 0.5)
    full &= straps | cuffs
    return joined(full, upper)


def like_skin(scene: Scene, upper: Bool, limbs: Sides[Limb]) -> Bool:
    """Pixels of the old garment beside a bare arm that are the arm's shaded side."""
    arm = scene.parts.arms > 0.6
    zone = np.zeros_like(upper)
    for limb in (limbs.left, limbs.right):
        if limb.seen is not None:
            middle, reach = 0.5 * sum(limb.seen), 0.5 * (limb.seen[1] - limb.seen[0]) + _CUFF_LENGTH / 2
            zone |= (np.abs(limb.across) < 1.3) & (np.abs(limb.along - middle) < reach)
    zone &= (scene.parts.upper > 0.3) & grow(arm, _SHADED_SIDE * scene.unit)
    window = box_of(zone, int(0.3 * scene.unit))
    found = np.zeros_like(upper)
    if not zone.any():
        return found
    cloth = shrink(upper[window], 0.03 * scene.unit)
    if cloth.sum() < 100 or arm[window].sum() < 100:
        return found
    lab = np.asarray(cv2.cvtColor(blur(scene.photo[window], 0.8) / 255.0, cv2.COLOR_RGB2LAB), np.float32)
    to_arm, to_cloth = _colour_distance(lab, arm[window]), _colour_distance(lab, cloth)
    found[window] = zone[window] & (to_arm < 0.7 * to_cloth)
    return joined(found, arm)


def around_cuff(limb: Limb) -> Bool:
    """Where the end of an old sleeve may lie."""
    return np.asarray((np.abs(limb.across) < 1.8) & (np.abs(limb.along - limb.cuff) < _CUFF_LENGTH), np.bool_)


def joined(candidates: Bool, region: Bool) -> Bool:
    """The candidates that hang together with a region."""
    either = grow(candidates | region, 1.5)
    _, pieces = cv2.connectedComponents(either.astype(np.uint8), connectivity=8)
    kept = np.zeros(int(pieces.max()) + 1, np.bool_)
    kept[np.unique(pieces[region])] = True
    kept[0] = False
    return np.asarray(candidates & kept[pieces], np.bool_)


def _colour_distance(lab: Float, region: Bool) -> Float:
    """Distance in Lab to a region's median colour; lightness counts half, since it varies with shading."""
    middle = np.median(lab[region], axis=0).astype(np.float32)
    gap = (lab - middle) * np.array([0.5, 1.0, 1.0], np.float32)
    return np.sqrt(dot(gap, gap))
