"""How far skin would show through a garment: holes of lace and sheer sleeves, where the photo proves them.

Pale cloth looks like thin cloth over a pale background, so a colour between the two proves nothing, and
opaque cloth made transparent would be far worse than the reverse. Taken for proof are: for lace, many small
holes side by side in exactly the background's colour, with little cloth between them; for sheer sleeves,
colours on the way from the background to the opaque torso's, and a cuff, where the cloth is turned and lies
double, that is denser by just as much as double cloth must be.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.backdrop import Backdrop, Bool, Float, dot, magnitude, to_lab
from preprocess.garment.cutout import Cutout
from preprocess.types import Alpha, GarmentLandmarks, Rgb, Sleeve

CLOTH = 0.98
"""Matte from which a pixel is surely cloth."""
HOLE_LIKE = (1.0, 2.0)
"""A hole lies within this many Lab units and this many times the background's noise of the background."""
HOLE = (4, 0.0006)
"""Smallest hole in pixels and largest as a share of the longest side squared (27 x 27 px at 1100)."""
AROUND = 0.02
"""Radius over which holes are counted, as a share of the longest side: some meshes of lace."""
LEAST_HOLES = (0.08, 60)
"""Share of lace that is holes near any of it, at least, and their number."""
MOSTLY_HOLES = 0.3
"""Share of lace that is holes, at least: threads are thin, the ground between what is printed is not. Drawn
nets with flowers have .35 to .44 (.28 where the flowers are most of it: they stay opaque), an eyelet lattice
.33, white dots strewn over dark cloth .27 and less."""
ALSO_HOLES = 2
"""Windows around lace within which every light patch is a hole: between dense flowers there are few."""
AT_GROUND = 0.75
"""Share of the light patches within lace, by area, that have the background's colour; the smallest holes are
blurred. White prints are lit and shaded as the cloth is."""
EVEN = 0.3
"""Largest spread of the distances between neighbouring holes over their mean: a lattice has .02, drawn nets
of cells of all sizes with flowers in them .17 to .24, points strewn at random .52, prints of the development
photos .36 and more."""
FEW_OTHERS = 0.2
"""Largest share of larger patches in light colours within lace: white prints and stripes have them."""
CONTRAST = 25.0
"""Least Lab distance of cloth and background for anything to be seen through the cloth."""
LEAST_AREA = 0.02
"""Smallest lace, as a share of the garment."""
THREAD = (0.9, 0.8)
"""Quantiles, 0..1, of a garment's and of lace's distances from the background that are of thread alone."""
SAMPLED_HOLES = 400
"""Holes whose nearest neighbours are looked up, at most: their spread is known well enough by then."""
SHEER = (0.25, 0.85)
"""Share of the way from background to torso between which a sleeve's colour may be a mixture."""
OFF_LINE = 10.0
"""Lab units by which a mixture may lie off that way."""
CUFF = 0.04
"""Depth in which the turned cuff is looked for, as a share of the longest side."""
DOUBLE = 0.08
"""How exactly the cuff must be as dense as double cloth; other ribs are that only by chance."""
ALIKE = 0.1
"""How far the densities of both sleeves may differ."""
SLEEVE, TORSO = 0.9, 0.1
"""Weight of a sleeve's region from which a pixel is sleeve, and below which it is torso."""
LEAST_SLEEVE = 500
"""Pixels of a sleeve above its cuff: fewer say nothing about its density."""
CUFF_STITCHES = 2
"""Pixels at the very end of a sleeve that are left out: stitches and the matte's edge."""
LEAST_ROW = 10
"""Pixels in a row across the cuff: shorter rows are its corners."""
OPAQUE = 0.99
"""Opacity from which the photo's colour is the cloth's own."""
LEAST_SHOWN = 0.3
"""Share of cloth in a pixel's colour below which what it tells of the cloth is mostly noise."""


def opacity_of(image: Rgb, alpha: Alpha, marks: GarmentLandmarks | None, backdrop: Backdrop) -> Alpha | None:
    """``(H, W)`` share of what is behind the cloth that it hides, one layer of it as on a body; None where
    nothing proves that any of it is see-through.

    ``image`` ``uint8 (H, W, 3)``, ``backdrop`` in the same pixels or fewer.
    """
    height, width = alpha.shape
    lab = to_lab(image)
    away = lab - cv2.resize(backdrop.surface, (width, height))
    holes = lace(away, alpha > CLOTH, backdrop.noise)
    sleeves = None if marks is None else sheer_sleeves(away, alpha > CLOTH, marks)
    if holes is None or sleeves is None:
        return holes if sleeves is None else sleeves
    return np.minimum(holes, sleeves)


def solid_lace(image: Rgb, cutout: Cutout) -> Alpha:
    """The garment's matte, with the holes of lace filled that the cut-out took for gaps."""
    alpha = cutout.alpha
    most = round(HOLE[1] * max(alpha.shape) ** 2)
    gaps = (alpha < CLOTH).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(gaps, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] <= most
    small[0] = False
    if small.sum() < LEAST_HOLES[1] / 2:
        return alpha
    filled = np.where(small[labels], np.float32(1), alpha)
    height, width = alpha.shape
    away = to_lab(image) - cv2.resize(cutout.backdrop.surface, (width, height))
    return alpha if lace(away, filled > CLOTH, cutout.backdrop.noise) is None else filled


def without_ground(image: Rgb, opacity: Alpha, backdrop: Backdrop) -> Rgb:
    """The cloth's own colours: what shone through is taken out, holes take the threads' colour."""
    height, width = opacity.shape
    ground = cv2.cvtColor(cv2.resize(backdrop.surface, (width, height)), cv2.COLOR_LAB2RGB) * 255.0
    shown = 1.0 - (1.0 - opacity) ** 2  # both layers of a flat garment
    thin = opacity < OPAQUE
    weight = (shown * thin)[..., None]
    own = ground + (image - ground) / np.maximum(shown, LEAST_SHOWN)[..., None]
    near = 2 * round(AROUND * max(height, width)) + 1
    around = cv2.blur(own * weight, (near, near)) / np.maximum(
        cv2.blur(weight, (near, near))[..., None], 1e-3
    )
    own = np.where(shown[..., None] < LEAST_SHOWN, around, own)
    return np.where(thin[..., None], np.clip(own, 0, 255), image).astype(np.uint8)


def lace(away: Float, cloth: Bool, noise: float) -> Alpha | None:
    """Opacity of lace; ``away`` is the Lab difference to the background, ``cloth`` where the garment is."""
    distance = magnitude(away)
    found = _open_work(distance, cloth, noise)
    if found is None:
        return None
    region, light_patch = found
    window = _window(cloth)
    opaque = float(np.quantile(distance[region], THREAD[1]))
    around = cv2.dilate(region.astype(np.uint8), np.ones((window, window), np.uint8), iterations=ALSO_HOLES)
    inner = cv2.erode(cloth.astype(np.uint8), np.ones((7, 7), np.uint8))  # edges are pale too
    single = cv2.dilate(light_patch * inner * around, np.ones((5, 5), np.uint8))
    open_work = region | (cloth & (single > 0))
    return np.where(open_work, np.clip(distance / opaque, 0.0, 1.0), 1.0).astype(np.float32)


def _window(cloth: Bool) -> int:
    """Width of the window over which holes are counted."""
    return 2 * round(AROUND * float(max(cloth.shape))) + 1


def _open_work(distance: Float, cloth: Bool, noise: float) -> tuple[Bool, Bool] | None:
    """``(region, light_patch)``: where holes lie side by side as in lace, and the small light patches
    anywhere; None where nothing proves that they are holes."""
    if not cloth.any() or (thread := float(np.quantile(distance[cloth], THREAD[0]))) < CONTRAST:
        return None
    light = cloth & (distance < 0.5 * thread)
    count, labels, stats, centres = cv2.connectedComponentsWithStats(light.astype(np.uint8), connectivity=4)
    size = stats[:, cv2.CC_STAT_AREA]
    patch = (size >= HOLE[0]) & (size <= HOLE[1] * max(cloth.shape) ** 2)
    patch[0] = False
    nearest = np.full(count, np.inf, np.float32)
    np.minimum.at(nearest, labels[light].astype(np.intp), distance[light])
    hole = patch & (nearest < HOLE_LIKE[0] + HOLE_LIKE[1] * noise)
    if hole.sum() < LEAST_HOLES[1]:
        return None
    window = _window(cloth)
    dense = cv2.blur(hole[labels].astype(np.float32), (window, window)) > LEAST_HOLES[0]
    region = cloth & cv2.morphologyEx(
        dense.astype(np.uint8), cv2.MORPH_OPEN, np.ones((window, window), np.uint8)
    ).astype(bool)
    at = np.rint(centres).astype(int)
    light_patch, patch = patch, patch & region[at[:, 1], at[:, 0]]
    hole &= patch
    if region.sum() < LEAST_AREA * cloth.sum() or hole.sum() < LEAST_HOLES[1]:
        return None
    holes, patches = size[hole].sum(), size[patch].sum()
    others = (light & region).sum() - patches
    if (
        holes < max(MOSTLY_HOLES * region.sum(), AT_GROUND * patches)
        or others > FEW_OTHERS * holes
        or unevenness(centres[hole]) > EVEN
    ):
        return None
    return np.asarray(region, np.bool_), np.asarray(light_patch[labels], np.bool_)


def unevenness(points: NDArray[np.float64]) -> float:
    """Spread of the distances to the nearest neighbour over their mean, ``points`` ``(N, 2)``: 0 on a
    lattice."""
    some = points[np.linspace(0, len(points) - 1, min(len(points), SAMPLED_HOLES)).astype(int)]
    gaps = np.hypot(*(some[:, None] - points[None]).transpose(2, 0, 1))
    nearest = np.sort(gaps, axis=1)[:, 1]
    return float(nearest.std() / max(float(nearest.mean()), 1e-6))


def sheer_sleeves(away: Float, cloth: Bool, marks: GarmentLandmarks) -> Alpha | None:
    """Opacity of one layer of both sleeves, where they are sheer."""
    if marks.sleeves is None:
        return None
    sleeves = (marks.sleeves.left, marks.sleeves.right)
    regions = [cloth & (sleeve.region > SLEEVE) for sleeve in sleeves]
    torso = cloth & (sleeves[0].region + sleeves[1].region < TORSO)
    if not torso.any():
        return None
    opaque = np.median(away[torso], axis=0)
    length = float(np.linalg.norm(opaque))
    if length < CONTRAST:
        return None
    share = np.asarray(dot(away, np.broadcast_to(opaque, away.shape)), np.float32) / np.float32(length**2)
    off = magnitude(away - share[..., None] * opaque)
    left, right = (density(share, off, *side) for side in zip(sleeves, regions, strict=True))
    if left is None or right is None or abs(left - right) > ALIKE:
        return None
    layer = 1.0 - np.sqrt(1.0 - np.clip(share, 0.0, 1.0))  # the photo shows front and back of a sleeve
    return np.where(regions[0] | regions[1], layer, 1.0).astype(np.float32)


def density(share: Float, off: Float, sleeve: Sleeve, region: Bool) -> float | None:
    """Median ``share`` of a sleeve if its cuff proves it sheer, else None; ``off`` is the distance from the
    line of mixtures."""
    depth = CUFF * max(region.shape)
    outer, inner = sleeve.outer[-1], sleeve.inner[-1]
    across = (inner - outer) / max(float(np.linalg.norm(inner - outer)), 1e-6)
    ys, xs = np.nonzero(region)
    inwards = np.abs((xs + 0.5 - outer[0]) * across[1] - (ys + 0.5 - outer[1]) * across[0])
    values, strays = share[ys, xs], off[ys, xs]
    body = inwards > 2 * depth
    if body.sum() < LEAST_SLEEVE:
        return None
    thin = float(np.median(values[body]))
    if not SHEER[0] < thin < SHEER[1] or float(np.median(strays[body])) > OFF_LINE:
        return None
    levels = np.floor(inwards).astype(int)
    rows = [values[levels == level] for level in range(CUFF_STITCHES, round(depth))]
    cuff = max((float(np.median(row)) for row in rows if len(row) >= LEAST_ROW), default=0.0)
    double = 1.0 - (1.0 - thin) ** 2
    return thin if abs(cuff - double) < DOUBLE else None
