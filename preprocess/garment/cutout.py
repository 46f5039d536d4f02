"""Background removal of product photos: flat lay or ghost mannequin on one even, coloured or graded
background."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from preprocess.errors import InputError
from preprocess.garment.backdrop import Backdrop, Bool, Lab, fit_ring, refit, to_lab
from preprocess.garment.matte import calm, largest_with, snap, soften
from preprocess.garment.silhouette import WORK_SIDE, Shape, morph, silhouettes
from preprocess.types import Alpha, Rgb

SMALLEST = 0.03
"""Share of the picture below which there is no usable garment."""
FAINT = 5.5
"""Median colour step across the outline, Lab units, below which the outline needs smoothing."""
MARGIN = 0.03
"""Background kept round the garment when its edge is refined, as a share of the longest side: three bands."""
LEAST_SCORE = 0.22
"""Hypotheses below this are edges of noise or scenery, not of a garment."""
WHOLE = 0.8
"""Share of the cloth that the largest piece of one garment has at least: all but specks on 52 photos of one,
.59 and less on eight with two side by side or cut to pieces by stripes of the background's colour."""
RECTANGLE = 0.975
"""Share of its bounding box that a mask fills when it is a rectangle; trousers and shirts stay below .9."""


@dataclass(frozen=True, kw_only=True)
class Cutout:
    """A garment's matte and how far it can be trusted."""

    alpha: Alpha
    confidence: float
    """0..1, see :func:`_confidence`."""
    contrast: float
    """Median colour step across the outline, Lab units."""
    backdrop: Backdrop
    """The background, at working resolution."""


def _refuse(what: str) -> InputError:
    return InputError(
        "no-garment",
        f"{what}; needed is one garment on an even background that takes up at least 3 % of the picture: "
        "photograph it flat or on a hanger against a plain wall or sheet, without other things around it",
    )


def refuse_pieces(alpha: Alpha) -> None:
    """Raise :class:`~preprocess.errors.InputError` ``no-garment`` if a matte ``(H, W)`` is not one piece.
    Lace has to be closed before: its dense parts may lie apart."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((alpha > 0.5).astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if len(areas) and areas.max() < WHOLE * areas.sum():
        raise _refuse("what stands out from the background are several pieces that do not hang together")


def _confidence(shape: Shape, second: Shape | None, backdrop: Backdrop) -> float:
    """Product of the doubts: edge without contrast, uneven background, ragged or lopsided outline, close
    rival."""
    clear = min(1.0, 0.35 + 0.65 * shape.step / 12.0)
    even = min(1.0, backdrop.evenness / 0.85) * min(1.0, 4.0 / max(4.0, backdrop.noise))
    calm = min(1.0, shape.smooth / 0.95) ** 2
    paired = min(1.0, 0.3 + shape.symmetry / 1.15)
    rival = 1.0
    if second is not None:
        shared = (shape.mask & second.mask).sum() / max(1, (shape.mask | second.mask).sum())
        closeness = min(1.0, second.score / max(1e-6, shape.score))
        rival = 1.0 - 0.5 * closeness**4 * min(1.0, max(0.0, 0.93 - float(shared)) / 0.3)
    return float(np.clip(shape.contrast * clear * even * calm * paired * shape.explained * rival, 0.0, 1.0))


def _rough(lab: Lab) -> tuple[Shape, Shape | None, Backdrop]:
    """Best silhouette at working resolution; the background is fitted twice, the second time from all of
    it."""
    backdrop = fit_ring(lab)
    shapes = silhouettes(lab, backdrop)
    if shapes:
        ground = ~morph(shapes[0].mask, cv2.MORPH_DILATE, 0.05 * max(lab.shape[:2]))
        if ground.mean() > 0.1 and backdrop.noise > 0.8:
            backdrop = refit(lab, ground)
            shapes = silhouettes(lab, backdrop)
    if not shapes:
        raise _refuse("nothing in the garment photo stands out from the background")
    frame = _picture_frame(shapes[0].mask)
    if frame is not None:
        return _inside(lab, frame)
    rival = next((other for other in shapes[1:] if _differs(shapes[0], other)), None)
    return shapes[0], rival, backdrop


def _picture_frame(mask: Bool) -> tuple[slice, slice] | None:
    """Inner part of a mask that is an upright rectangle: a photo pasted onto a page, not a garment."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    if mask.sum() < RECTANGLE * width * height or min(width, height) < 60:
        return None
    margin = 3
    return slice(y + margin, y + height - margin), slice(x + margin, x + width - margin)


def _inside(lab: Lab, frame: tuple[slice, slice]) -> tuple[Shape, Shape | None, Backdrop]:
    """The silhouette within a photo on a page, in the page's pixels."""
    shape, rival, backdrop = _rough(np.ascontiguousarray(lab[frame]))
    y, x = frame
    size = lab.shape[:2]
    around = ((y.start, size[0] - y.stop), (x.start, size[1] - x.stop))
    surface = np.pad(backdrop.surface, (*around, (0, 0)), mode="edge")
    return (
        replace(shape, mask=np.pad(shape.mask, around)),
        replace(rival, mask=np.pad(rival.mask, around)) if rival else None,
        replace(backdrop, surface=surface),
    )


def _differs(one: Shape, other: Shape) -> bool:
    return bool((one.mask ^ other.mask).sum() > 0.05 * one.mask.sum())


def _matte(image: Rgb, shape: Shape, backdrop: Backdrop, scale: float) -> Alpha:
    """The rough silhouette's matte at the picture's resolution, worked out in the garment's box only."""
    height, width = image.shape[:2]
    side = max(height, width)
    grown = cv2.resize(shape.mask.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    rough = cv2.GaussianBlur(grown, (0, 0), 0.5 / scale) > 0.5
    x, y, wide, high = cv2.boundingRect(rough.astype(np.uint8))
    margin = round(MARGIN * side)
    box = (
        slice(max(0, y - margin), min(height, y + high + margin)),
        slice(max(0, x - margin), min(width, x + wide + margin)),
    )
    surface = cv2.resize(backdrop.surface, (width, height))[box]
    local = replace(backdrop, surface=np.ascontiguousarray(surface, np.float32))
    lab = to_lab(image[box])
    mask = snap(lab, rough[box], local, side)
    if shape.step < FAINT:
        mask = calm(mask, side)
    alpha = np.zeros((height, width), np.float32)
    alpha[box] = largest_with(soften(lab, mask, local, side))
    return alpha


def cut_out(image: Rgb) -> Cutout:
    """Matte of the garment in a product photo ``uint8 (H, W, 3)``.

    Raises :class:`InputError` ``no-garment`` for blank pictures, noise, scenes and garments under 3 % of
    the picture.
    """
    scale = min(1.0, WORK_SIDE / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    shape, rival, backdrop = _rough(to_lab(np.asarray(small, np.uint8)))
    if shape.score < LEAST_SCORE:
        raise _refuse("the garment photo shows no garment that can be told from its surroundings")
    alpha = _matte(image, shape, backdrop, scale)
    if float(alpha.mean()) < SMALLEST:
        raise _refuse(f"the garment takes up only {100 * float(alpha.mean()):.1f} % of the photo")
    return Cutout(
        alpha=alpha, confidence=_confidence(shape, rival, backdrop), contrast=shape.step, backdrop=backdrop
    )
