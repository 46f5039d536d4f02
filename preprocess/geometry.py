"""Frames: which part of a photo an image shows, how to cut it out, how to lay a result back.

Everything follows the half-pixel convention of :mod:`preprocess.types`: a pixel's centre is at + 0.5, so
shrinking and enlarging neither shift nor squash. ``cv2.resize`` gets exact factors, never a rounded size.
"""

from __future__ import annotations

import math
from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.types import Frame, Rgb

Box = tuple[float, float, float, float]
"""``x0, y0, x1, y1`` in photo pixels."""
Size = tuple[int, int]
"""Width and height."""

MARGIN = 0.08  # of the box's longer side: hair, shoes and the shadow of a loose garment stay inside
MAX_UPSCALE = 2.0  # beyond it there is nothing left to see, only more to compute
MIN_UPSCALE = 1.25  # a figure almost as large as the canvas is not worth the blur of resampling
WHOLE_PIXEL = 1e-6  # smaller shifts are rounding noise

Image = TypeVar("Image", NDArray[np.uint8], NDArray[np.float32])


def frame_box(
    box: Box, photo_size: Size, canvas: Size, *, margin: float = MARGIN, max_upscale: float = MAX_UPSCALE
) -> Frame:
    """The frame of a box and its surroundings, at most as large as the canvas, inside the photo.

    The whole photo stays as it is where it fits the canvas and the box fills most of it; a small box is
    enlarged.
    """
    x0, y0, x1, y1 = _grown(box, margin, photo_size)
    scale = min(canvas[0] / (x1 - x0), canvas[1] / (y1 - y0), max_upscale)
    if 1 <= scale < MIN_UPSCALE:
        scale = 1.0
        if photo_size[0] <= canvas[0] and photo_size[1] <= canvas[1]:
            return Frame.whole(*photo_size)
    width = min(canvas[0], math.ceil((x1 - x0) * scale))
    height = min(canvas[1], math.ceil((y1 - y0) * scale))
    return Frame(x0=x0, y0=y0, scale=scale, width=width, height=height)


def fit_canvas(box: Box, photo_size: Size, canvas: Size, *, margin: float = MARGIN) -> Frame:
    """The frame of exactly the canvas size that shows a box and its margin, for engines of fixed size.

    It moves to stay inside the photo and reaches beyond (padding) only where the photo is too small for it.
    """
    x0, y0, x1, y1 = _grown(box, margin, photo_size)
    scale = min(canvas[0] / (x1 - x0), canvas[1] / (y1 - y0))
    start = [
        _placed((low + high) / 2, side / scale, limit)
        for low, high, side, limit in ((x0, x1, canvas[0], photo_size[0]), (y0, y1, canvas[1], photo_size[1]))
    ]
    return Frame(x0=start[0], y0=start[1], scale=scale, width=canvas[0], height=canvas[1])


def fit_region(region: NDArray[np.bool_], frame: Frame, photo_size: Size, canvas: Size) -> Frame:
    """:func:`fit_canvas` round the True pixels of a region ``(h, w)`` of a frame; the whole frame where it is
    empty."""
    x, y, width, height = cv2.boundingRect(region.astype(np.uint8))
    if not width:
        x, y, width, height = 0, 0, frame.width, frame.height
    (x0, y0), (x1, y1) = frame.to_photo(np.array([[x, y], [x + width, y + height]], np.float32)).tolist()
    return fit_canvas((x0, y0, x1, y1), photo_size, canvas)


def frame_image(rgb: Rgb, frame: Frame) -> Rgb:
    """The photo ``uint8 (H, W, 3)`` seen through a frame; beyond the photo its border is repeated.

    Only the part inside the frame is touched. Area averages when shrinking, cubic when enlarging.
    """
    height, width = rgb.shape[:2]
    left, top = math.floor(frame.x0), math.floor(frame.y0)
    right = math.ceil(frame.x0 + frame.width / frame.scale) + 1
    bottom = math.ceil(frame.y0 + frame.height / frame.scale) + 1
    inside = rgb[_clip(top, height) : _clip(bottom, height), _clip(left, width) : _clip(right, width)]
    if not inside.size:
        raise ValueError(f"{frame} lies outside the photo of {width}x{height}")
    part = inside
    borders = (max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width))
    if any(borders):
        part = np.asarray(cv2.copyMakeBorder(inside, *borders, cv2.BORDER_REPLICATE), dtype=np.uint8)
    interpolation = cv2.INTER_AREA if frame.scale < 1 else cv2.INTER_CUBIC
    shift = ((frame.x0 - left) * frame.scale, (frame.y0 - top) * frame.scale)
    return _resample(part, frame.scale, interpolation, shift, (frame.width, frame.height))


def reframe(image: Image, source: Frame, target: Frame, *, nearest: bool = False) -> Image:
    """A weight ``(h, w)``, label map or picture of one frame on the grid of another, 0 beyond the source.

    Linear, or ``nearest`` for labels, whose values must not mix. Meant for frames of about the same scale:
    nothing is averaged.
    """
    if image.shape[:2] != (source.height, source.width):
        raise ValueError(f"the image has shape {image.shape}, the frame is {source.width}x{source.height}")
    ratio = source.scale / target.scale
    # centres are at + 0.5 in both grids, OpenCV counts from the centre of the first pixel
    shift = [
        (to - start) * source.scale + 0.5 * ratio - 0.5
        for to, start in ((target.x0, source.x0), (target.y0, source.y0))
    ]
    move = np.array([[ratio, 0, shift[0]], [0, ratio, shift[1]]], np.float64)
    flags = (cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    return cast(Image, cv2.warpAffine(image, move, (target.width, target.height), flags=flags))


def footprint(frame: Frame, photo_size: Size) -> tuple[slice, slice]:
    """Rows and columns of the photo whose pixel centres lie inside the frame (possibly empty)."""
    width, height = photo_size
    rows = _covered(frame.y0, frame.height / frame.scale, height)
    columns = _covered(frame.x0, frame.width / frame.scale, width)
    return rows, columns


def unframe_patch(image: Image, frame: Frame, photo_size: Size) -> Image:
    """A frame-sized image or weight resampled onto the photo's grid, only the pixels of :func:`footprint`.

    Identical values where the frame has scale 1. Images ``(h, w, 3)`` are enlarged cubically,
    weights ``(h, w)`` linearly: they are in 0..1 and must not overshoot.
    """
    if image.shape[:2] != (frame.height, frame.width):
        raise ValueError(f"the image has shape {image.shape}, the frame is {frame.width}x{frame.height}")
    rows, columns = footprint(frame, photo_size)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    if min(size) == 0:
        return np.zeros((size[1], size[0], *image.shape[2:]), image.dtype)
    enlarged = cv2.INTER_CUBIC if image.ndim == 3 else cv2.INTER_LINEAR
    interpolation = cv2.INTER_AREA if frame.scale > 1 else enlarged
    shift = (columns.start - frame.x0, rows.start - frame.y0)
    patch = _resample(image, 1 / frame.scale, interpolation, shift, size)
    # interpolating ones in float32 gives up to 1.0000001
    return np.clip(patch, 0, 1) if image.ndim == 2 and image.dtype == np.float32 else patch


def unframe(image: Image, frame: Frame, photo_size: Size) -> Image:
    """:func:`unframe_patch` on a whole photo-sized array, 0 outside the frame."""
    whole = np.zeros((photo_size[1], photo_size[0], *image.shape[2:]), image.dtype)
    whole[footprint(frame, photo_size)] = unframe_patch(image, frame, photo_size)
    return whole


def _resample(
    image: Image, factor: float, interpolation: int, shift: tuple[float, float], size: Size
) -> Image:
    """Scale by an exact factor, then cut ``size`` pixels from ``shift`` on (may be a fraction of a pixel)."""
    if factor != 1:
        image = cast(Image, _scaled(image, factor, interpolation))
    left, top = round(shift[0]), round(shift[1])
    part = image[max(0, top) : top + size[1], max(0, left) : left + size[0]]
    whole_pixels = max(abs(shift[0] - left), abs(shift[1] - top)) < WHOLE_PIXEL
    if whole_pixels and part.shape[:2] == (size[1], size[0]):
        return part
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cast(Image, cv2.warpAffine(image, move, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _scaled(image: Image, factor: float, interpolation: int) -> cv2.typing.MatLike:
    """Scaled by an exact factor to at least one pixel: of less, OpenCV makes none and fails."""
    least = math.ceil(1 / factor)
    missing = [max(0, least - side) for side in image.shape[:2]]
    if any(missing):
        image = cast(Image, cv2.copyMakeBorder(image, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE))
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=interpolation)


def _grown(box: Box, margin: float, photo_size: Size) -> tuple[int, int, int, int]:
    """The box with its margin, on whole pixels, inside the photo."""
    width, height = photo_size
    extra = margin * max(box[2] - box[0], box[3] - box[1])
    x0, y0 = _clip(math.floor(box[0] - extra), width - 1), _clip(math.floor(box[1] - extra), height - 1)
    x1, y1 = _clip(math.ceil(box[2] + extra), width), _clip(math.ceil(box[3] + extra), height)
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def _placed(middle: float, length: float, limit: int) -> int:
    """Start of a stretch of this length around ``middle``, moved into ``0..limit``; centred where it is
    longer.

    A whole pixel, so that no image has to be shifted by a fraction.
    """
    if length >= limit:
        return math.floor((limit - length) / 2 + WHOLE_PIXEL)
    return math.floor(min(max(middle - length / 2, 0.0), limit - length) + WHOLE_PIXEL)


def _covered(start: float, length: float, limit: int) -> slice:
    first = _clip(math.ceil(start - 0.5), limit)
    return slice(first, max(first, _clip(math.ceil(start + length - 0.5), limit)))


def _clip(value: int, limit: int) -> int:
    return min(max(value, 0), limit)
