"""The pictures the network sees, all of exactly its canvas, and the way its result goes back onto the photo.

Deviations from the published demo, which stretches everything to 3:4 and returns the bare canvas: person
and garment are padded instead; CLIP gets the garment where its centre crop sees all of it; and the result
replaces the photo only inside the mask, so that face and background are the photo's own pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.base import EngineImage, Prepared
from inference.engines.idm_vton.architecture import CANVAS
from preprocess.densepose import render
from preprocess.geometry import Size, fit_region, footprint, frame_image, reframe
from preprocess.types import Alpha, DensePose, Frame, Garment, Person, Rgb

PAINTED = 0.1
"""Mask weight from which a pixel is repainted: low, so that no half-covered pixel of the old garment is left
to be continued; not 0, since rounding of a caller's mask is no wish."""
FEATHER = 1 / 64
"""Of the canvas width: over this length from the mask's border the result fades in."""
GARMENT_MARGIN = 0.04
"""Of the canvas: white round the garment."""
SURE = 0.6
"""Cut-out confidence from which the garment is laid on white; below it the photo is used as it is (the same
threshold as the notice ``garment-outline-unsure``)."""
SEEN = 0.02
"""Matte value from which a pixel counts towards the garment's extent."""
WORN_OUT = {"upper": ("upper",), "lower": ("lower",), "dress": ("upper", "lower")}
"""``basic`` labels of the clothes that the garment replaces, by category."""


@dataclass(frozen=True, kw_only=True)
class CanvasInputs:
    """What one garment's pass is given; every array has the canvas' height and width."""

    frame: Frame
    """Where the canvas lies on the photo."""
    person: Rgb
    """``uint8 (H, W, 3)``, with the garments already put on; the photo's border is repeated beyond it."""
    mask: NDArray[np.bool_]
    """``(H, W)`` True = repaint."""
    alpha: Alpha
    """``float32 (H, W)`` 0..1: how much of the result replaces the photo; 0 wherever ``mask`` is False."""
    pose: Rgb
    """Dense pose in the colours of the reference, black background."""
    garment: Rgb
    """The garment on white, as large as fits."""
    clip: Rgb
    """The same for CLIP, which sees the middle square only: not larger than that."""


def compose_inputs(
    prepared: Prepared, k: int, canvas: Size = CANVAS, under: EngineImage | None = None
) -> CanvasInputs:
    """Lay out person, mask, pose and garment ``k``.

    ``under`` is the picture of the garments before it, made on this canvas. Raises ``ValueError`` without a
    dense pose, or when ``under`` has another frame.
    """
    person, garment, dense = prepared.person, prepared.garments[k], prepared.densepose
    if dense is None:
        raise ValueError("idm-vton needs a dense pose: name densepose-rgb among the engine's artefacts")
    frame = canvas_frame(prepared, canvas)
    if under is not None and under.frame != frame:
        raise ValueError(f"the picture to go on with has {under.frame}, this canvas is {frame}")
    soft = _on_canvas(prepared.agnostic[k].alpha, person, frame)
    mask = soft > PAINTED
    rgb = frame_image(person.photo.rgb, frame)
    parts = reframe(dense.parts, dense.frame, frame, nearest=True)
    return CanvasInputs(
        frame=frame,
        person=rgb if under is None else _over(under.rgb, under.alpha, rgb),
        mask=mask,
        alpha=_feathered(soft, mask, _old_clothes(person, frame, garment.category)),
        pose=render(DensePose(tag=dense.tag, frame=frame, parts=parts, approximate=dense.approximate)),
        garment=garment_picture(garment, canvas, canvas),
        clip=garment_picture(garment, canvas, (min(canvas), min(canvas))),
    )


def to_image(inputs: CanvasInputs, rgb: Rgb, under: EngineImage | None = None) -> EngineImage:
    """What the network painted, ``uint8 (H, W, 3)``, with how much of it replaces the photo.

    With ``under`` the two pictures are joined into one (Porter and Duff 1984, "over"): pasted once, it gives
    what pasting one after the other would.
    """
    if rgb.shape != inputs.person.shape:
        raise ValueError(f"the picture has shape {rgb.shape}, the canvas {inputs.person.shape}")
    if under is None:
        return EngineImage(frame=inputs.frame, rgb=rgb, alpha=inputs.alpha)
    below = under.alpha * (1 - inputs.alpha)
    total = inputs.alpha + below
    share = np.divide(inputs.alpha, total, out=np.ones_like(total), where=total > 0)
    return EngineImage(frame=inputs.frame, rgb=_over(rgb, share, under.rgb), alpha=np.minimum(total, 1.0))


def canvas_frame(prepared: Prepared, canvas: Size = CANVAS) -> Frame:
    """The frame of the canvas' shape round the person and everything that may change, with some margin."""
    person = prepared.person
    region = person.matte.alpha > 0.5
    for mask in prepared.agnostic:
        region = region | (mask.alpha > PAINTED)
    return fit_region(region, person.frame, (person.photo.width, person.photo.height), canvas)


def garment_picture(garment: Garment, canvas: Size, room: Size) -> Rgb:
    """The garment in the middle of a canvas, within ``room`` pixels around its centre, never stretched.

    On white where it was cut out well; otherwise, and when it is worn, the whole photo with its border
    repeated.
    """
    size = (garment.photo.width, garment.photo.height)
    if garment.kind == "worn" or garment.cutout_confidence < SURE:
        return frame_image(garment.photo.rgb, _centred((0, 0, *size), canvas, canvas))
    x, y, width, height = cv2.boundingRect((garment.alpha > SEEN).astype(np.uint8))
    corners = garment.frame.to_photo(np.array([[x, y], [x + width, y + height]], np.float32))
    (x0, y0), (x1, y1) = corners.tolist()
    free = 1 - 2 * GARMENT_MARGIN
    frame = _centred((x0, y0, x1, y1), canvas, (free * room[0], free * room[1]))
    alpha = reframe(garment.alpha, garment.frame, frame)
    return _over(
        frame_image(garment.photo.rgb, frame), alpha, np.full((canvas[1], canvas[0], 3), 255, np.uint8)
    )


def _centred(box: tuple[float, float, float, float], canvas: Size, room: tuple[float, float]) -> Frame:
    """The frame of the canvas with a box of the photo, as large as ``room`` allows, in its middle."""
    x0, y0, x1, y1 = box
    scale = min(room[0] / (x1 - x0), room[1] / (y1 - y0))
    return Frame(
        # whole pixels: a picture shifted by a fraction would be blurred
        x0=round((x0 + x1 - canvas[0] / scale) / 2),
        y0=round((y0 + y1 - canvas[1] / scale) / 2),
        scale=scale,
        width=canvas[0],
        height=canvas[1],
    )


def _on_canvas(alpha: Alpha, person: Person, frame: Frame) -> Alpha:
    """A weight of the person's frame on the canvas; beyond the photo its border goes on, as the picture's
    does: what is repeated there of the old garment must be hidden, too."""
    moved = reframe(alpha, person.frame, frame)
    on_canvas = Frame(
        x0=-frame.x0 * frame.scale,
        y0=-frame.y0 * frame.scale,
        scale=1 / frame.scale,
        width=person.photo.width,
        height=person.photo.height,
    )
    rows, columns = footprint(on_canvas, (frame.width, frame.height))
    around = ((rows.start, frame.height - rows.stop), (columns.start, frame.width - columns.stop))
    return np.pad(moved[rows, columns], around, mode="edge")


def _old_clothes(person: Person, frame: Frame, category: str) -> Alpha:
    """How much of each pixel is cloth that has to disappear; everything the person wears for categories
    without a label."""
    names = WORN_OUT.get(category)
    weight = person.matte.alpha if names is None else person.parsing.weight(*names)
    return _on_canvas(weight, person, frame)


def _feathered(soft: Alpha, mask: NDArray[np.bool_], old_clothes: Alpha) -> Alpha:
    """The mask, fading out inwards over background and skin, where a seam would show.

    Not over the old clothes: there the photo would shine through as a fringe in the old colour, so that only
    the mask's own soft edge remains.
    """
    width = max(1.0, FEATHER * mask.shape[1])
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ramp = np.clip(inside / width, 0.0, 1.0)
    alpha = np.minimum(soft, 1.0 - (1.0 - np.clip(old_clothes, 0.0, 1.0)) * (1.0 - ramp))
    return np.asarray(np.where(mask, alpha, 0.0), dtype=np.float32)


def _over(rgb: Rgb, alpha: Alpha, under: Rgb) -> Rgb:
    """``rgb`` laid over ``under`` by ``alpha``; exact where alpha is 0 or 1."""
    mixed = under + alpha[..., None] * (rgb.astype(np.float32) - under)
    return np.asarray(np.rint(mixed), dtype=np.uint8)
