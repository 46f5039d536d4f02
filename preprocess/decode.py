"""Bytes to :class:`Photo`: the only place where untrusted picture files are opened.

The container is told by its first bytes and only that one decoder is tried; size limits are checked from the
header, before any pixel is decoded.
"""

from __future__ import annotations

import hashlib
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from preprocess.errors import InputError
from preprocess.types import Photo, Rgb

ACCEPTED = "JPEG, PNG, WebP, AVIF or HEIC"

# What Pillow's decoders raise on damaged files (found by the mutation test of tests/unit/test_decode.py).
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,
    struct.error,
    zlib.error,
)

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})

# Containers people send by mistake, so that the refusal can say what was got.
_REFUSED_MAGIC = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF or camera raw file"),
    (b"MM\0*", "a TIFF or camera raw file"),
    (b"%PDF", "a PDF"),
    (b"8BPS", "a Photoshop file"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"<", "a text file (SVG, HTML or XML)"),
    (b"PK\x03\x04", "a ZIP archive"),
)

_ROTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what makes the picture upright (EXIF 2.32, tag 0x0112)."""

_header_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is accepted; the defaults are those of the design."""

    max_bytes: int = 20 * 2**20
    max_pixels: int = 40_000_000
    """Pillow's own bomb limit (179 million) stays in force above this one."""
    min_side: int = 160

    def __post_init__(self) -> None:
        if min(self.max_bytes, self.max_pixels, self.min_side) < 1:
            raise ValueError(f"limits must be positive, got {self}")


def decode(data: bytes, limits: Limits) -> Photo:
    """Decode a picture file to an upright 8-bit sRGB photo: no metadata, alpha over white, first frame only.

    Raises :class:`InputError`: ``image-too-large`` (bytes or pixels), ``image-too-small``,
    ``image-unreadable`` (empty, damaged, cut off), ``unsupported-media-type``.
    """
    _check_bytes(data, limits)
    container = _container(data)
    image = _open(data, container, limits)
    try:
        image.load()
        orientation = _orientation(image)
        rgb = _to_srgb(image)
    except _DAMAGED as error:
        raise _unreadable(container) from error
    if orientation in _ROTATIONS:
        rgb = rgb.transpose(_ROTATIONS[orientation])
    return Photo(rgb=_pixels(rgb), sha256=hashlib.sha256(data).hexdigest(), format=container)


def _check_bytes(data: bytes, limits: Limits) -> None:
    if not data:
        raise InputError("image-unreadable", f"the file is empty (0 bytes); send a {ACCEPTED} picture")
    if len(data) > limits.max_bytes:
        raise InputError(
            "image-too-large",
            f"the file has {len(data) / 2**20:.1f} MB, at most {limits.max_bytes / 2**20:.1f} MB are "
            "accepted; save it smaller or with stronger compression",
        )


def _container(data: bytes) -> str:
    """Name of the container by its first bytes; refuses what is not accepted."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        brands = {data[i : i + 4] for i in (8, *range(16, min(int.from_bytes(data[:4]), 256), 4))}
        if brands & _AVIF_BRANDS:
            return "AVIF"
        if brands & _HEIC_BRANDS:
            return "HEIF"
    got = next(
        (name for magic, name in _REFUSED_MAGIC if data.lstrip().startswith(magic)),
        "not a known picture format",
    )
    raise InputError("unsupported-media-type", f"the file is {got}; {ACCEPTED} pictures are accepted")


def _open(data: bytes, container: str, limits: Limits) -> Image.Image:
    """Read the header only and check the size it announces."""
    if container == "HEIF":
        _enable_heif()
    try:
        with _quiet_header():
            image = Image.open(BytesIO(data), formats=(container,))
    except Image.DecompressionBombError as error:
        raise _too_many_pixels("far more", limits) from error
    except (UnidentifiedImageError, *_DAMAGED) as error:
        raise _unreadable(container) from error
    width, height = image.size
    if width * height > limits.max_pixels:
        raise _too_many_pixels(f"{width}x{height} = {width * height / 1e6:.1f}", limits)
    if min(width, height) < limits.min_side:
        raise InputError(
            "image-too-small",
            f"the picture has {width}x{height} pixels, the shorter side must have at least "
            f"{limits.min_side}; send a larger picture",
        )
    return image


@contextmanager
def _quiet_header() -> Iterator[None]:
    """Pillow warns about odd metadata and big pictures; both are handled here.

    ``catch_warnings`` changes state of the whole process, hence the lock; only headers are read inside it.
    """
    with _header_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def _enable_heif() -> None:
    """Register the HEIC decoder, an optional extra because its binary is not there for every platform."""
    try:
        import pillow_heif
    except ImportError as error:
        raise InputError(
            "unsupported-media-type",
            "HEIC pictures need the extra `heic` on this server (pip install 'cabine[heic]'); "
            "send a JPEG, PNG, WebP or AVIF picture instead",
        ) from error
    pillow_heif.register_heif_opener()


def _too_many_pixels(got: str, limits: Limits) -> InputError:
    most = limits.max_pixels / 1e6
    detail = f"the picture has {got} million pixels, at most {most:.0f} million are accepted; scale it down"
    return InputError("image-too-large", detail)


def _unreadable(container: str) -> InputError:
    # Pillow's own words are left out: they hold addresses of this process.
    return InputError(
        "image-unreadable",
        f"the file starts as {container} but cannot be decoded; it may be damaged or cut off: send it again",
    )


def _orientation(image: Image.Image) -> int:
    with _quiet_header():
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))


def _to_srgb(image: Image.Image) -> Image.Image:
    """Any mode to ``RGB``: ICC profile applied, 16 bit scaled, alpha laid over white."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        # Pillow's own conversion clips 16-bit grey at 255 instead of scaling it.
        grey = np.clip(np.asarray(image).astype(np.float32) / 257 + 0.5, 0, 255)
        image = Image.fromarray(grey.astype(np.uint8))
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    if image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("RGB")
    if profile:
        rgb = _apply_profile(image, profile)
    else:  # convert() copies even where nothing is to be done: 100 MB for 25 megapixels
        rgb = image if image.mode == "RGB" else image.convert("RGB")
    if alpha is None:
        return rgb
    white = Image.new("RGB", rgb.size, "white")
    white.paste(rgb, mask=alpha)
    return white


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """``RGB``, ``L`` or ``CMYK`` picture to sRGB; an unusable profile is ignored, as browsers do."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if image.mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(source):
            return image
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB")
    if converted is None:
        raise TypeError("profileToProfile returns None only when working in place")
    return converted


def _pixels(image: Image.Image) -> Rgb:
    """Read-only ``uint8 (H, W, 3)``: photos are shared between stages and threads."""
    rgb = np.array(image, dtype=np.uint8)
    rgb.setflags(write=False)
    return rgb
