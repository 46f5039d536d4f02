"""Requests that must be refused, as data: sent to the inference service and, unchanged, through the gateway.

Each row is one HTTP request and the problem it must bring: status, slug of ``urn:cabine:error:<slug>`` and
the name of the input that was wrong. Pictures are made here: the table needs no files except the samples.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

SAMPLES = Path(__file__).parents[1] / "samples"

Part = tuple[str, tuple[str | None, bytes, str | None]]
"""``(field, (file name or None for a plain value, bytes, type))``: ``files`` of httpx and requests."""


@dataclass(frozen=True, kw_only=True)
class BadInput:
    name: str
    parts: tuple[Part, ...] = ()
    body: bytes | None = None
    """Raw body in place of ``parts``."""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    path: str = "/v1/tryon"
    status: int
    slug: str
    field_name: str | None
    says: str = ""
    """Words the detail must contain: it names the fix."""


def file(name: str, data: bytes, filename: str = "photo.jpg", kind: str = "image/jpeg") -> Part:
    return name, (filename, data, kind)


def value(name: str, text: object) -> Part:
    return name, (None, str(text).encode(), None)


@cache
def person_photo() -> bytes:
    return (SAMPLES / "people/p1_man__base.jpg").read_bytes()


@cache
def garment_photo() -> bytes:
    return (SAMPLES / "garments/tshirt_print.jpg").read_bytes()


@cache
def picture(kind: str, width: int, height: int, colour: int = 255) -> bytes:
    """An even picture: neither a person nor a garment."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), (colour, colour, colour)).save(out, kind)
    return out.getvalue()


@cache
def noise_png(width: int, height: int) -> bytes:
    """A PNG that does not compress: about ``3 * width * height`` bytes."""
    out = io.BytesIO()
    noise = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(noise).save(out, "PNG", compress_level=0)
    return out.getvalue()


@cache
def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and carries almost no data: a decompression bomb's first bytes."""

    def chunk(tag: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


PERSON = file("person", person_photo())
GARMENT = file("garment", garment_photo())
PAIR = (PERSON, GARMENT)
UNKNOWN_ASSET = "0123456789abcdefghijkl"


def _bad(name: str, *parts: Part, status: int, slug: str, field: str | None, **more: object) -> BadInput:
    return BadInput(name=name, parts=parts, status=status, slug=slug, field_name=field, **more)  # type: ignore[arg-type]


def _person(name: str, data: bytes, *, status: int, slug: str, **more: object) -> BadInput:
    return _bad(name, file("person", data), GARMENT, status=status, slug=slug, field="person", **more)


def _option(name: str, *parts: Part, field: str, says: str = "") -> BadInput:
    return _bad(name, *PAIR, *parts, status=422, slug="option-unsupported", field=field, says=says)


def _raw(name: str, body: bytes, kind: str, *, status: int, slug: str, **more: object) -> BadInput:
    return BadInput(
        name=name,
        body=body,
        headers={"content-type": kind},
        status=status,
        slug=slug,
        field_name=None,
        **more,  # type: ignore[arg-type]
    )


BAD_INPUTS: tuple[BadInput, ...] = (
    _bad("no person field", GARMENT, status=422, slug="field-missing", field="person", says="person"),
    _bad("no garment field", PERSON, status=422, slug="field-missing", field="garment"),
    _bad("empty person", value("person", ""), GARMENT, status=422, slug="field-missing", field="person"),
    _bad("empty form", value("engine", "auto"), status=422, slug="field-missing", field="person"),
    _bad("two people fields", PERSON, *PAIR, status=422, slug="option-unsupported", field="person"),
    _bad(
        "five garments",
        PERSON,
        *([GARMENT] * 5),
        status=422,
        slug="option-unsupported",
        field="garment",
        says="4",
    ),
    _bad(
        "two uppers",
        *(PERSON, GARMENT, GARMENT, value("category", "upper"), value("category", "upper")),
        **{"status": 422, "slug": "category-conflict", "field": "garment[1]"},
    ),
    _bad(
        "garment is blank",
        PERSON,
        file("garment", picture("PNG", 400, 500)),
        status=422,
        slug="no-garment",
        field="garment",
    ),
    _bad(
        "garment is text",
        PERSON,
        file("garment", b"a shirt"),
        status=415,
        slug="unsupported-media-type",
        field="garment",
    ),
    _bad(
        "second garment is broken",
        *(
            PERSON,
            GARMENT,
            file("garment", garment_photo()[:4000]),
        ),
        **{"status": 422, "slug": "image-unreadable", "field": "garment[1]"},
    ),
    _person("empty file", b"", status=422, slug="image-unreadable"),
    _person("text file", b"this is not a picture\n" * 40, status=415, slug="unsupported-media-type"),
    _person("svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", status=415, slug="unsupported-media-type"),
    _person("gif", picture("GIF", 400, 500), status=415, slug="unsupported-media-type", says="JPEG"),
    _person("truncated jpeg", person_photo()[:6000], status=422, slug="image-unreadable"),
    _person("one pixel", picture("PNG", 1, 1), status=422, slug="image-too-small", says="160"),
    _person("20000 x 10 header", png_header(20_000, 10), status=422, slug="image-too-small"),
    _person("bomb", png_header(30_000, 30_000), status=413, slug="image-too-large", says="40"),
    _person("too many bytes", noise_png(2800, 2800), status=413, slug="image-too-large", says="20"),
    _person("nobody in the picture", picture("JPEG", 600, 800, 200), status=422, slug="no-person"),
    _option("unknown field", value("stpes", 20), field="stpes", says="steps"),
    _option("steps on warp", value("engine", "warp"), value("steps", 20), field="steps", says="warp"),
    _option(
        "guidance on warp", value("engine", "warp"), value("guidance", 2.5), field="guidance", says="warp"
    ),
    _option("samples over the limit", value("samples", 9), field="samples", says="1 to 4"),
    _option(
        "several samples on warp", value("engine", "warp"), value("samples", 2), field="samples", says="warp"
    ),
    _option("samples is not a number", value("samples", "two"), field="samples"),
    _option("negative seed", value("seed", -1), field="seed"),
    _option("steps is not finite", value("guidance", "nan"), field="guidance"),
    _option("bad category", value("category", "hat"), field="category", says="upper"),
    _option(
        "more categories than garments",
        value("category", "upper"),
        value("category", "lower"),
        field="category",
    ),
    _option("bad photo kind", value("photo", "selfie"), field="photo", says="flat"),
    _option("bad format", value("format", "bmp"), field="format", says="png"),
    _option("bad quality", value("quality", "ultra"), field="quality"),
    _option("engine given twice", value("engine", "warp"), value("engine", "auto"), field="engine"),
    _bad(
        "unknown engine",
        *PAIR,
        value("engine", "magic"),
        status=422,
        slug="engine-unknown",
        field="engine",
        says="warp",
    ),
    _option("black mask", file("mask", picture("PNG", 768, 1024, 0)), field="mask", says="white"),
    _bad(
        "mask of the wrong size",
        *PAIR,
        file("mask", picture("PNG", 300, 400)),
        status=422,
        slug="option-unsupported",
        field="mask",
    ),
    _bad(
        "unknown asset", value("person", UNKNOWN_ASSET), GARMENT, status=404, slug="not-found", field="person"
    ),
    _bad(
        "person path instead of a file",
        value("person", "../me.jpg"),
        GARMENT,
        status=404,
        slug="not-found",
        field="person",
    ),
    _bad(
        "photo sent as a plain value",
        ("person", (None, person_photo(), None)),
        GARMENT,
        status=422,
        slug="option-unsupported",
        field="person",
        says="file",
    ),
    _bad(
        "accepts neither picture nor JSON",
        *PAIR,
        headers={"accept": "text/html"},
        status=406,
        slug="not-acceptable",
        field=None,
    ),
    _bad(
        "accepts another picture than asked for",
        *PAIR,
        value("format", "jpeg"),
        headers={"accept": "image/png"},
        status=406,
        slug="not-acceptable",
        field=None,
    ),
    _raw(
        "json body",
        b'{"person": "me.jpg"}',
        "application/json",
        status=415,
        slug="unsupported-media-type",
        says="multipart",
    ),
    _raw("picture as the body", person_photo(), "image/jpeg", status=415, slug="unsupported-media-type"),
    _raw("multipart without boundary", b"--x--", "multipart/form-data", status=400, slug="request-malformed"),
    _raw(
        "multipart cut short",
        b"--x\r\nContent-Disposition: form-data; name=person\r\n\r\nabc",
        "multipart/form-data; boundary=x",
        status=400,
        slug="request-malformed",
    ),
    _raw(
        "multipart garbage",
        b"\x00\x01garbage",
        "multipart/form-data; boundary=x",
        status=400,
        slug="request-malformed",
    ),
    _raw(
        "too many parts",
        b"".join(b'--x\r\nContent-Disposition: form-data; name="seed"\r\n\r\n1\r\n' for _ in range(300))
        + b"--x--\r\n",
        "multipart/form-data; boundary=x",
        status=400,
        slug="request-malformed",
    ),
    BadInput(name="wrong method", method="GET", status=405, slug="method-not-allowed", field_name=None),
    BadInput(name="unknown path", path="/v1/try-on", status=404, slug="not-found", field_name=None),
    BadInput(
        name="slash at the end",
        method="GET",
        path="/v1/engines/",
        status=404,
        slug="not-found",
        field_name=None,
    ),
    BadInput(
        name="unknown asset to read",
        method="GET",
        path=f"/v1/assets/{UNKNOWN_ASSET}",
        status=404,
        slug="not-found",
        field_name=None,
    ),
    BadInput(
        name="unknown asset to delete",
        method="DELETE",
        path=f"/v1/assets/{UNKNOWN_ASSET}",
        status=404,
        slug="not-found",
        field_name=None,
    ),
    _bad(
        "asset without a file",
        value("kind", "person"),
        path="/v1/assets",
        status=422,
        slug="field-missing",
        field="image",
    ),
    _bad(
        "asset of a bad kind",
        file("image", person_photo()),
        value("kind", "pet"),
        path="/v1/assets",
        status=422,
        slug="option-unsupported",
        field="kind",
    ),
    _bad(
        "asset that is no picture",
        file("image", b"hello"),
        path="/v1/assets",
        status=415,
        slug="unsupported-media-type",
        field="image",
    ),
    _bad(
        "unknown preprocessing step",
        PERSON,
        path="/v1/preprocess/nothing",
        status=404,
        slug="not-found",
        field=None,
    ),
    _bad(
        "pose without a person",
        GARMENT,
        path="/v1/preprocess/pose",
        status=422,
        slug="option-unsupported",
        field="garment",
        says="person",
    ),
    _bad(
        "unknown pose convention",
        PERSON,
        value("tag", "coco99"),
        path="/v1/preprocess/pose",
        status=422,
        slug="option-unsupported",
        field="tag",
        says="coco18",
    ),
)
