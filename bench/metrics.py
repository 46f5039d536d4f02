"""Measures that compare a try-on with the truth: structure, regions, prints, stripes and colours.

Pictures are ``uint8 (H, W, 3)`` RGB, masks ``bool (H, W)``, Lab is CIE L*a*b* (D65), ``float32 (H, W, 3)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.types import Rgb

BoolMask = NDArray[np.bool_]
Lab = NDArray[np.float32]

PRINT_DISTANCE = 25.0
"""CIE76 distance from the cloth's colour above which a pixel is print; folds and seams stay below 20."""
PRINT_GAP = 0.06
"""Lines of a print lie closer together than this share of the cloth's side (square root of its area)."""
PRINT_LEAST = 0.01
"""Smallest print, as a share of the cloth."""
EDGE_STEPS = (40, 120)
"""Canny thresholds on 8-bit lightness: letters and stripes, but no folds."""


@dataclass(frozen=True, kw_only=True)
class Print:
    """A print on plain cloth: which pixels, where its middle is, how large it is."""

    mask: BoolMask
    centre: tuple[float, float]
    size: float
    """Root mean square distance of its pixels from the centre, in pixels."""


def lab_of(rgb: Rgb) -> Lab:
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def ssim(a: Rgb, b: Rgb, inside: BoolMask) -> float:
    """Mean structural similarity of the lightness over ``inside``.

    Z. Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP
    13(4), 2004: Gaussian window of 11 pixels, sigma 1.5, K1 = .01, K2 = .03.
    """
    x, y = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64) for image in (a, b))

    def blur(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return cv2.GaussianBlur(values, (11, 11), 1.5)  # type: ignore[return-value]

    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    )
    return float(similarity[inside].mean())


def mean_error(a: Rgb, b: Rgb, inside: BoolMask) -> float:
    """Mean absolute difference over ``inside``, 0..255."""
    return float(np.abs(a[inside].astype(np.int16) - b[inside]).mean())


def iou(a: BoolMask, b: BoolMask) -> float:
    """Intersection over union; 1 when both are empty."""
    union = np.count_nonzero(a | b)
    return 1.0 if union == 0 else np.count_nonzero(a & b) / union


def find_print(rgb: Rgb, cloth: BoolMask) -> Print | None:
    """The largest group of pixels of ``cloth`` far from its median colour; None where there is none."""
    lab = lab_of(rgb)
    plain = np.median(lab[cloth], axis=0)
    odd = (np.linalg.norm(lab - plain, axis=-1) > PRINT_DISTANCE) & cloth
    area = np.count_nonzero(cloth)
    gap = max(3, round(PRINT_GAP * math.sqrt(area)))
    joined = cv2.morphologyEx(odd.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8))
    _, groups = cv2.connectedComponents(joined)
    sizes = np.bincount(groups[odd], minlength=2)
    mask = odd & (groups == sizes.argmax())
    if sizes.max() < PRINT_LEAST * area:
        return None
    rows, columns = np.nonzero(mask)
    x, y = float(columns.mean()), float(rows.mean())
    size = math.sqrt(float(((columns - x) ** 2 + (rows - y) ** 2).mean()))
    return Print(mask=mask, centre=(x, y), size=size)


def chamfer(a: Rgb, a_region: BoolMask, b: Rgb, b_region: BoolMask) -> float:
    """Mean distance in pixels from an edge inside one region to the nearest edge of the other, both ways."""
    edges_a, edges_b = _edges(a, a_region), _edges(b, b_region)
    if not (edges_a.any() and edges_b.any()):
        return math.inf
    there, back = _distance_to(edges_b)[edges_a], _distance_to(edges_a)[edges_b]
    return float(there.mean() + back.mean()) / 2


def _edges(rgb: Rgb, region: BoolMask) -> BoolMask:
    lightness = np.clip(lab_of(rgb)[..., 0] * 2.55, 0, 255).astype(np.uint8)
    near = cv2.dilate(region.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return np.asarray((cv2.Canny(lightness, *EDGE_STEPS) > 0) & near)


def _distance_to(edges: BoolMask) -> NDArray[np.float32]:
    return np.asarray(cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def stripe_profile(rgb: Rgb, rows: slice, columns: slice) -> NDArray[np.float64]:
    """Lightness down a band, without its slow changes (folds, light): ``float64 (n,)``."""
    lightness = lab_of(rgb)[rows, columns, 0].astype(np.float64).mean(axis=1)
    slow = cv2.GaussianBlur(lightness[:, None], (1, 0), sigmaX=1, sigmaY=len(lightness) / 8)[:, 0]
    return np.asarray(lightness - slow)


def stripe_period(profile: NDArray[np.float64]) -> float | None:
    """Pixels from stripe to stripe by the first peak of the autocorrelation; None where nothing repeats."""
    centred = profile - profile.mean()
    energy = float((centred**2).sum())
    if energy < len(profile):  # less than one L* of contrast: plain cloth
        return None
    correlation = np.correlate(centred, centred, "full")[len(centred) - 1 :] / energy
    inner = correlation[1:-1]
    peaks = np.nonzero((inner > correlation[:-2]) & (inner >= correlation[2:]) & (inner > 0.3))[0] + 1
    if len(peaks) == 0:
        return None
    k = int(peaks[0])
    before, at, after = correlation[k - 1 : k + 2]
    return k + 0.5 * float(before - after) / float(before - 2 * at + after)


def stripe_shift(profile: NDArray[np.float64], truth: NDArray[np.float64], period: float) -> float:
    """By how much of a period the stripes lie too low (positive) or too high, -0.5..0.5."""
    reach = math.ceil(period / 2)
    lags = range(-reach, reach + 1)
    padded = np.pad(truth, reach)
    score = [float((profile * padded[reach - lag : reach - lag + len(profile)]).sum()) for lag in lags]
    return max(-0.5, min(0.5, lags[int(np.argmax(score))] / period))


def palette_difference(
    product: Rgb, product_mask: BoolMask, result: Rgb, result_mask: BoolMask, *, colours: int = 4
) -> float:
    """CIEDE2000 between the main colours of a print on the product and on the result, weighted by share.

    Pixels of both are dealt to the product's main colours (k-means in Lab); medians of each lot are compared.
    """
    want, got = lab_of(product)[product_mask], lab_of(result)[result_mask]
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 50, 0.1)
    cv2.setRNGSeed(0)
    _, lots, centres = cv2.kmeans(want, colours, None, stop, 5, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    dealt = np.linalg.norm(got[:, None] - centres[None], axis=-1).argmin(axis=1)
    total = weight = 0.0
    for k in range(colours):
        mine, theirs = want[lots.ravel() == k], got[dealt == k]
        if len(theirs) == 0:
            return math.inf
        total += len(mine) * delta_e_2000(np.median(mine, axis=0), np.median(theirs, axis=0))
        weight += len(mine)
    return total / weight


def delta_e_2000(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Colour difference CIEDE2000 of two Lab triples.

    G. Sharma, W. Wu, E. Dalal, "The CIEDE2000 color-difference formula", Color Research & Application 30(1),
    2005.
    """
    (l1, a1, b1), (l2, a2, b2) = (map(float, lab) for lab in (first, second))
    mean_chroma = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    stretch = 1 + 0.5 * (1 - math.sqrt(mean_chroma**7 / (mean_chroma**7 + 25.0**7)))
    c1, c2 = math.hypot(a1 * stretch, b1), math.hypot(a2 * stretch, b2)
    h1, h2 = (math.degrees(math.atan2(b, a * stretch)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = ((h2 - h1 + 180) % 360) - 180 if c1 * c2 else 0.0
    d_light, d_chroma, d_hue = l2 - l1, c2 - c1, 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2))
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    hue = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2
    t = (
        1
        - 0.17 * _cos(hue - 30)
        + 0.24 * _cos(2 * hue)
        + 0.32 * _cos(3 * hue + 6)
        - 0.20 * _cos(4 * hue - 63)
    )
    s_light = 1 + 0.015 * (light - 50) ** 2 / math.sqrt(20 + (light - 50) ** 2)
    s_chroma, s_hue = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    rotation = 2 * math.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    rotation *= -math.sin(math.radians(60 * math.exp(-(((hue - 275) / 25) ** 2))))
    x, y, z = d_light / s_light, d_chroma / s_chroma, d_hue / s_hue
    return math.sqrt(x * x + y * y + z * z + rotation * y * z)


def _cos(degrees: float) -> float:
    return math.cos(math.radians(degrees))
