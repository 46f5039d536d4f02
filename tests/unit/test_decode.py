"""Every accepted kind of picture comes out upright, sRGB, 8 bit; everything else is refused by name."""

from __future__ import annotations

import hashlib
import struct
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from preprocess.decode import Limits, _enable_heif, decode
from preprocess.errors import InputError

WIDTH, HEIGHT = 240, 320
LIMITS = Limits()
Maker = Callable[[], bytes]


def scene() -> Image.Image:
    """A picture that differs in all four corners: red, green / blue, yellow."""
    pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    half_h, half_w = HEIGHT // 2, WIDTH // 2
    pixels[:half_h, :half_w] = 200, 30, 30
    pixels[:half_h, half_w:] = 30, 160, 40
    pixels[half_h:, :half_w] = 40, 50, 190
    pixels[half_h:, half_w:] = 220, 210, 60
    return Image.fromarray(pixels)


def encoded(image: Image.Image, container: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, container, **options)
    return file.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header announces this size and whose pixels are missing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0"))


def with_exif_orientation(value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


def grey_16_bit(container: str = "PNG") -> bytes:
    ramp = np.linspace(0, 65535, WIDTH, dtype=np.uint16)
    return encoded(Image.fromarray(np.tile(ramp, (HEIGHT, 1))), container)


def half_transparent(mode: str) -> bytes:
    """Left half opaque, right half transparent; black where it can be seen."""
    image = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (WIDTH // 2, 0, WIDTH, HEIGHT))
    return encoded(image.convert(mode), "PNG")


def animated(container: str) -> bytes:
    second = Image.new("RGB", (WIDTH, HEIGHT), "white")
    return encoded(scene(), container, save_all=True, append_images=[second], duration=100, loop=0)


def corners(rgb: np.ndarray) -> list[str]:
    """Name of the colour near each corner, reading order."""
    names = {"red": (200, 30, 30), "green": (30, 160, 40), "blue": (40, 50, 190), "yellow": (220, 210, 60)}
    height, width = rgb.shape[:2]
    found = []
    for y in (height // 8, height - height // 8):
        for x in (width // 8, width - width // 8):
            distance = {name: np.abs(rgb[y, x].astype(int) - colour).max() for name, colour in names.items()}
            found.append(min(distance, key=lambda name: distance[name]))
    return found


@pytest.mark.parametrize(
    ("container", "options", "tolerance"),
    [
        ("JPEG", {"quality": 95}, 12),
        ("JPEG", {"quality": 95, "progressive": True}, 12),
        ("PNG", {}, 0),
        ("PNG", {"compress_level": 0}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 12),
        ("AVIF", {"quality": 95}, 12),
    ],
)
def test_accepted_containers(container: str, options: dict[str, Any], tolerance: int) -> None:
    data = encoded(scene(), container, **options)
    photo = decode(data, LIMITS)
    assert (photo.format, photo.width, photo.height) == (container, WIDTH, HEIGHT)
    assert photo.sha256 == hashlib.sha256(data).hexdigest()
    assert photo.rgb.dtype == np.uint8
    assert not photo.rgb.flags.writeable
    flat = np.abs(photo.rgb.astype(int) - np.asarray(scene(), int))
    assert np.percentile(flat, 99) <= tolerance
    assert corners(photo.rgb) == ["red", "green", "blue", "yellow"]


@pytest.mark.parametrize(
    ("container", "mode"),
    [("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")]
    + [("JPEG", mode) for mode in ("L", "RGB", "CMYK", "YCbCr")],
)
def test_every_mode_gives_rgb(container: str, mode: str) -> None:
    photo = decode(encoded(scene().convert(mode), container), LIMITS)
    assert photo.rgb.shape == (HEIGHT, WIDTH, 3)
    expected = np.asarray(scene().convert(mode).convert("RGB"), int)
    assert np.abs(photo.rgb.astype(int) - expected).mean() < 4


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(container: str, orientation: int) -> None:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = scene().transpose(turns[orientation]) if orientation in turns else scene()
    photo = decode(encoded(stored, container, exif=with_exif_orientation(orientation)), LIMITS)
    assert corners(photo.rgb) == ["red", "green", "blue", "yellow"]
    assert (photo.width, photo.height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", with_exif_orientation(99)]
)
def test_odd_exif_changes_nothing(exif: bytes) -> None:
    photo = decode(encoded(scene(), "JPEG", quality=95, exif=exif), LIMITS)
    assert corners(photo.rgb) == ["red", "green", "blue", "yellow"]


def test_grey_of_16_bit_is_scaled_not_clipped() -> None:
    rgb = decode(grey_16_bit(), LIMITS).rgb
    assert np.abs(rgb[0, :, 0].astype(float) - np.linspace(0, 255, WIDTH)).max() <= 1


def test_colour_of_16_bit() -> None:
    deep = np.asarray(scene())[..., ::-1].astype(np.uint16) * 257
    stored, data = cv2.imencode(".png", deep)
    assert stored
    assert np.array_equal(decode(data.tobytes(), LIMITS).rgb, np.asarray(scene()))


def test_first_picture_of_a_phone_photo_with_depth_or_preview() -> None:
    data = encoded(
        scene(), "MPO", save_all=True, append_images=[Image.new("RGB", (WIDTH, HEIGHT))], quality=95
    )
    photo = decode(data, LIMITS)
    assert photo.format == "JPEG"
    assert corners(photo.rgb) == ["red", "green", "blue", "yellow"]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_alpha_lies_over_white(mode: str) -> None:
    rgb = decode(half_transparent(mode), LIMITS).rgb
    assert rgb[0, 0].max() < 3
    assert rgb[0, -1].min() > 252


def test_palette_with_transparent_entry() -> None:
    palette = scene().convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    index = palette.getpixel((0, 0))
    rgb = decode(encoded(palette, "PNG", transparency=index), LIMITS).rgb
    assert rgb[0, 0].min() == 255
    assert rgb[-1, -1].tolist() == [220, 210, 60]


@pytest.mark.parametrize("container", ["PNG", "WEBP", "AVIF"])
def test_first_frame_of_an_animation(container: str) -> None:
    assert corners(decode(animated(container), LIMITS).rgb) == ["red", "green", "blue", "yellow"]


def test_profile_is_applied() -> None:
    # XYZ has another meaning for the same numbers: ignoring the profile would leave the pixels unchanged
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = decode(encoded(scene(), "PNG", icc_profile=lab), LIMITS).rgb
    assert np.array_equal(same, np.asarray(scene()))
    swapped = decode(encoded(scene(), "PNG", icc_profile=swapped_primaries()), LIMITS).rgb
    assert corners(swapped)[0] == "green"


def swapped_primaries() -> bytes:
    """An sRGB profile whose red and green primaries have changed places."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ", 128), profile.index(b"gXYZ", 128)
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "none".encode("utf-16-be"))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("profile", [b"broken", swapped_primaries()[:200], swapped_primaries()])
def test_unusable_profile_is_ignored(mode: str, profile: bytes) -> None:
    rgb = decode(encoded(scene().convert(mode), "JPEG", quality=95, icc_profile=profile), LIMITS).rgb
    assert rgb.shape == (HEIGHT, WIDTH, 3)


def test_many_pixels_keep_their_resolution() -> None:
    large = Image.new("RGB", (4330, 5774), (120, 130, 140))
    photo = decode(encoded(large, "JPEG", quality=60), LIMITS)
    assert photo.rgb.shape == (5774, 4330, 3)


REFUSED: list[tuple[str, Maker, str, str]] = [
    ("empty", lambda: b"", "image-unreadable", "0 bytes"),
    ("text", lambda: b"hello, this is no picture", "unsupported-media-type", "JPEG, PNG"),
    ("html", lambda: b"<!doctype html><html></html>", "unsupported-media-type", "text file"),
    ("svg", lambda: b"\n <svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported-media-type", "SVG"),
    ("pdf", lambda: b"%PDF-1.7\n", "unsupported-media-type", "PDF"),
    ("gif", lambda: encoded(scene(), "GIF"), "unsupported-media-type", "GIF"),
    ("bmp", lambda: encoded(scene(), "BMP"), "unsupported-media-type", "BMP"),
    ("tiff", lambda: encoded(scene(), "TIFF"), "unsupported-media-type", "TIFF"),
    ("zip", lambda: b"PK\x03\x04" + bytes(100), "unsupported-media-type", "ZIP"),
    ("noise", lambda: bytes(range(256)) * 8, "unsupported-media-type", "not a known"),
    ("magic only", lambda: b"\xff\xd8\xff", "image-unreadable", "JPEG"),
    ("truncated jpeg", lambda: encoded(scene(), "JPEG")[:900], "image-unreadable", "cut off"),
    ("truncated png", lambda: encoded(scene(), "PNG")[:300], "image-unreadable", "cut off"),
    ("truncated webp", lambda: encoded(scene(), "WEBP")[:200], "image-unreadable", "cut off"),
    ("truncated avif", lambda: encoded(scene(), "AVIF")[:400], "image-unreadable", "cut off"),
    ("gif after jpeg magic", lambda: b"\xff\xd8\xff" + encoded(scene(), "GIF"), "image-unreadable", "JPEG"),
    ("pdf before jpeg", lambda: b"%PDF-1.7\n" + encoded(scene(), "JPEG"), "unsupported-media-type", "PDF"),
    ("too many bytes", lambda: encoded(scene(), "PNG") + bytes(21 * 2**20), "image-too-large", "20.0 MB"),
    ("too many pixels", lambda: png_of_size(8000, 5001), "image-too-large", "40 million"),
    ("bomb, warned", lambda: png_of_size(10_000, 9_000), "image-too-large", "40 million"),
    ("bomb, refused", lambda: png_of_size(60_000, 60_000), "image-too-large", "40 million"),
    ("one by huge", lambda: png_of_size(1, 1_000_000), "image-too-small", "1x1000000"),
    ("small", lambda: encoded(scene().resize((159, 400)), "PNG"), "image-too-small", "160"),
]


@pytest.mark.parametrize(("make", "slug", "part"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused(make: Maker, slug: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        decode(make(), LIMITS)
    assert caught.value.slug == slug
    assert part in caught.value.detail
    assert " at 0x" not in caught.value.detail


def test_trailing_bytes_do_not_matter() -> None:
    polyglot = encoded(scene(), "JPEG", quality=95) + b"PK\x03\x04 a zip archive behind the picture"
    assert corners(decode(polyglot, LIMITS).rgb) == ["red", "green", "blue", "yellow"]


def test_heic_without_its_decoder_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    _enable_heif.cache_clear()
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)
    with pytest.raises(InputError, match=r"cabine\[heic\]") as caught:
        decode(heic, LIMITS)
    assert caught.value.slug == "unsupported-media-type"


def test_heic_with_its_decoder() -> None:
    heif = pytest.importorskip("pillow_heif")
    file = BytesIO()
    heif.from_pillow(scene()).save(file, quality=95)
    photo = decode(file.getvalue(), LIMITS)
    assert photo.format == "HEIF"
    assert corners(photo.rgb) == ["red", "green", "blue", "yellow"]


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_damaged_files_decode_or_are_refused_by_name(container: str) -> None:
    exif = with_exif_orientation(6)
    profile = swapped_primaries()
    whole = encoded(scene(), container, exif=exif, icc_profile=profile)
    generator = np.random.default_rng(7)
    for _ in range(150):
        data = bytearray(whole)
        for position in generator.integers(0, min(len(data), 4000), size=generator.integers(1, 6)):
            data[position] = generator.integers(0, 256)
        cut = len(data) if generator.random() < 0.5 else int(generator.integers(0, len(data)))
        try:
            rgb = decode(bytes(data[:cut]), LIMITS).rgb
        except InputError as error:
            assert error.slug.startswith(("image-", "unsupported-media-type"))  # noqa: PT017
        else:
            assert rgb.ndim == 3


@pytest.mark.parametrize("name", ["max_bytes", "max_pixels", "min_side"])
def test_limits_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match="positive"):
        Limits(**{name: 0})
