"""Pixels to a file: sRGB, no metadata of the input, and the IPTC mark that an algorithm made the picture."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from inference.engines.base import EngineSpec
from inference.tryon import ImageFormat
from preprocess.types import Rgb

MEDIA_TYPES: dict[ImageFormat, str] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"

JPEG_QUALITY = 95
WEBP_QUALITY = 92
PERCEPTUAL = 0
"""Rendering intent of the sRGB chunk (PNG 11.3.2.5)."""


def source_type(spec: EngineSpec) -> str:
    """IPTC digital source type of an engine's pictures.

    Engines with checkpoints paint with a trained model: ``compositeWithTrainedAlgorithmicMedia``. One without
    mixes two photographs with pixels computed by rules (``warp``: bent cloth, filled-in background): this is
    ``compositeSynthetic``; its trained networks only find the body, they paint nothing.
    """
    name = "compositeWithTrainedAlgorithmicMedia" if spec.variants else "compositeSynthetic"
    return SOURCE_TYPES + name


def mark(spec: EngineSpec) -> bytes:
    """The XMP packet of a result: its digital source type and nothing else."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<Iptc4xmpExt:DigitalSourceType>{source_type(spec)}</Iptc4xmpExt:DigitalSourceType>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def encode(rgb: Rgb, image_format: ImageFormat, xmp: bytes) -> bytes:
    """``uint8 (H, W, 3)`` sRGB to a file."""
    if image_format == "png":
        return _tagged_png(encode_rgb(rgb), xmp)
    out = io.BytesIO()
    image = Image.fromarray(rgb)
    if image_format == "jpeg":
        image.save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0, icc_profile=srgb_profile(), xmp=xmp)
    else:
        image.save(out, "WEBP", quality=WEBP_QUALITY, method=2, icc_profile=srgb_profile(), xmp=xmp)
    return out.getvalue()


def encode_rgb(rgb: Rgb) -> bytes:
    """An overlay as a plain PNG."""
    return _png(_bgr(rgb))


def encode_grey(values: NDArray[np.uint8]) -> bytes:
    """A mask or label map ``uint8 (H, W)`` as a plain PNG."""
    return _png(values)


def encode_rgba(rgb: Rgb, alpha: NDArray[np.uint8]) -> bytes:
    """A cut-out as PNG."""
    return _png(np.dstack([_bgr(rgb), alpha]))


def _bgr(rgb: Rgb) -> NDArray[np.uint8]:
    """OpenCV's colour order."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), dtype=np.uint8)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Fast rather than small: run lengths take 20 % less time than matches at level 1, for the same size."""
    how = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    done, data = cv2.imencode(".png", pixels, how)
    if not done:
        raise MemoryError("the PNG encoder ran out of memory")
    return bytes(data)


def _tagged_png(png: bytes, xmp: bytes) -> bytes:
    """Insert the sRGB chunk and the XMP text right after the header chunk."""
    after_header = 8 + 25  # signature, IHDR: both of fixed length
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp  # keyword, uncompressed, no language (XMP part 3, 1.1.5)
    chunks = _chunk(b"sRGB", bytes([PERCEPTUAL])) + _chunk(b"iTXt", text)
    return png[:after_header] + chunks + png[after_header:]


def _chunk(tag: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))


@cache
def srgb_profile() -> bytes:
    """An ICC profile of sRGB; its date of creation is blanked, so that the same pixels give the same file."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)
