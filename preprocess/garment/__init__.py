"""Garment photos: cut-out, category, landmarks and collar, as one :class:`~preprocess.types.Garment`."""

from __future__ import annotations

import cv2
import numpy as np

from preprocess.garment.category import resolve
from preprocess.garment.collar import find_collar
from preprocess.garment.crotch import clear_crotch
from preprocess.garment.cutout import cut_out, refuse_pieces
from preprocess.garment.dress import measure_dress
from preprocess.garment.landmarks import Measured, measure_top
from preprocess.garment.lower import measure_lower
from preprocess.garment.mended import mended
from preprocess.garment.outline import Outline, trace
from preprocess.garment.sheer import opacity_of, solid_lace, without_ground
from preprocess.garment.straps import open_straps
from preprocess.types import Alpha, Category, Frame, Garment, LowerLandmarks, Notice, Photo, Rgb

__all__ = ["prepare_garment"]

SMALLEST_SIDE = 640
"""Thumbnails are enlarged to this longest side: outlines and collars are measured in whole pixels."""
SURE = 0.6
"""Cut-out confidence below which the result carries a warning."""
OUTLINE_UNSURE = Notice(
    name="garment-outline-unsure",
    detail="the garment's outline is hard to see; a photo on a background of another colour works better",
)
SEE_THROUGH = Notice(
    name="garment-see-through",
    detail="lace or sheer cloth shows the skin at arms and shoulders; from the chest down it is drawn lined",
)


def working_frame(photo: Photo, max_side: int) -> Frame:
    """The whole photo, scaled to a bounded size."""
    longest = max(photo.width, photo.height)
    scale = min(max_side, max(longest, SMALLEST_SIDE)) / longest
    return Frame(
        x0=0.0, y0=0.0, scale=scale, width=round(photo.width * scale), height=round(photo.height * scale)
    )


def _scaled(photo: Photo, frame: Frame) -> Rgb:
    if frame.scale == 1.0:
        return photo.rgb
    how = cv2.INTER_AREA if frame.scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(photo.rgb, (frame.width, frame.height), interpolation=how).astype(np.uint8)


def prepare_garment(
    photo: Photo,
    *,
    category: Category = "auto",
    description: str = "",
    max_side: int = 1100,
) -> Garment:
    """Cut a garment out of its product photo and measure it.

    ``category`` ``auto`` takes the one the silhouette shows. Landmarks and collar are measured for
    ``upper``, ``lower`` for ``lower`` and all of them for ``dress``. Photos of somebody who wears the
    garment are for :func:`preprocess.garment.worn.take_off`. Raises
    :class:`~preprocess.errors.InputError` ``no-garment``, or ``category-conflict`` when the photo clearly
    shows another category than the one given.
    """
    frame = working_frame(photo, max_side)
    image = _scaled(photo, frame)
    cutout = cut_out(image)
    alpha = solid_lace(image, cutout)
    refuse_pieces(alpha)
    outline = trace(alpha > 0.5)
    resolved, notices = resolve(category, outline)
    if resolved in ("upper", "dress"):
        alpha = mended(alpha, image, outline.axis)
        outline = trace(alpha > 0.5)
    if cutout.confidence < SURE:
        notices = (*notices, OUTLINE_UNSURE)
    if resolved == "lower":
        alpha = clear_crotch(alpha, image, outline)
    top, lower = _measured(resolved, alpha, image, outline)
    opacity = opacity_of(image, alpha, top.landmarks, cutout.backdrop) if top else None
    if opacity is not None:
        image = without_ground(image, opacity, cutout.backdrop)
        notices = (*notices, SEE_THROUGH)
    if top is not None and top.landmarks.sleeves is None:
        alpha = open_straps(alpha, image, cutout.backdrop)
    if top is not None and top.cut:
        alpha = (alpha * cv2.GaussianBlur(top.body.astype(np.float32), (0, 0), 0.7)).astype(np.float32)
    return Garment(
        photo=photo, frame=frame, image=image, alpha=alpha, category=resolved, kind="flat",
        sleeve_length=top.sleeve_length if top else "sleeveless",
        landmarks=top.landmarks if top else None,
        collar=find_collar(image, alpha, top.landmarks, collared=top.collared) if top else None,
        lower=lower,
        cutout_confidence=cutout.confidence, description=description, opacity=opacity, notices=notices,
    )  # fmt: skip


def _measured(
    category: Category, alpha: Alpha, image: Rgb, outline: Outline
) -> tuple[Measured | None, LowerLandmarks | None]:
    """What a garment of this category has of a top and of a lower garment."""
    if category == "lower":
        return None, measure_lower(outline, alpha, image)
    if category == "dress":
        dress = measure_dress(alpha, image, outline)
        return dress.top, dress.lower
    if category == "upper":
        return measure_top(alpha, image, outline), None
    return None, None
