"""From bytes to decoded pictures, which the operator's policy may refuse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from inference.pictures import Picture
from inference.policy import Policy, Refused
from inference.problems import Problem
from inference.restore import Mask8
from inference.reuse import OwnReuse
from inference.tryon import GarmentRequest, Source, TryOn, garment_field
from preprocess.decode import Limits, decode
from preprocess.errors import InputError
from preprocess.types import Photo


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The pictures of a request, decoded; what is prepared of them stays with them."""

    person: Picture
    garments: tuple[Picture, ...]
    limit: Mask8 | None
    """The caller's mask on the photo's grid."""


def open_inputs(request: TryOn, limits: Limits, reuse: OwnReuse) -> Opened:
    """Person, garments and the caller's mask, decoded."""
    person = open_picture(request.person, limits, reuse, field="person")
    garments = open_garments(request.garments, limits, reuse)
    limit = None if request.mask is None else open_mask(request.mask, person.photo, limits)
    return Opened(person=person, garments=garments, limit=limit)


def open_picture(source: Source, limits: Limits, reuse: OwnReuse, *, field: str) -> Picture:
    """Decode a file; the picture of an asset, or of a file that is known, is decoded already."""
    if isinstance(source, Picture):
        return source
    with named(field):
        return reuse.picture(source, lambda data: decode(data, limits))


def open_garments(
    garments: tuple[GarmentRequest, ...], limits: Limits, reuse: OwnReuse
) -> tuple[Picture, ...]:
    count = len(garments)
    return tuple(
        open_picture(garment.source, limits, reuse, field=garment_field(index, count))
        for index, garment in enumerate(garments)
    )


def open_mask(data: bytes, photo: Photo, limits: Limits) -> Mask8:
    """The caller's mask on the photo's grid, ``uint8 (H, W)``: white = may change."""
    with named("mask"):
        image = decode(data, limits)
    if (image.width, image.height) != (photo.width, photo.height):
        raise Problem(
            "option-unsupported",
            f"The mask has {image.width}x{image.height} pixels, the upright person photo has "
            f"{photo.width}x{photo.height}; send a mask of that size, white where the picture may change.",
            field="mask",
        )
    grey = np.asarray(cv2.cvtColor(image.rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    if not grey.any():
        raise Problem("option-unsupported", "The mask is black: paint white what may change.", field="mask")
    return grey


def judge_inputs(opened: Opened, policy: Policy) -> None:
    count = len(opened.garments)
    fields = ["person", *(garment_field(index, count) for index in range(count))]
    for name, picture in zip(fields, (opened.person, *opened.garments), strict=True):
        try:
            policy.judge_input(picture.photo, name)
        except Refused as refusal:
            raise Problem("content-refused", str(refusal), field=name) from refusal


@contextmanager
def named(field: str) -> Iterator[None]:
    """Refusals from preprocessing get the name of the input that only the caller knows."""
    try:
        yield
    except InputError as error:
        if error.field is not None:
            raise
        raise InputError(error.slug, error.detail, field=field) from error
