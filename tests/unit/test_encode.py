"""Files that leave: exact pixels, sRGB, the right mark, nothing else."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from inference.encode import encode, encode_grey, encode_rgba, mark, source_type, srgb_profile
from inference.engines.base import Variant
from tests.fakes import spec

RGB = np.random.default_rng(3).integers(0, 256, (37, 53, 3), dtype=np.uint8)
TRAINED = Variant(name="a", categories=frozenset({"upper"}), repo="r", revision="1", files={})


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_png_is_exact_and_tagged() -> None:
    image = opened(encode(RGB, "png", mark(spec())))

    assert (np.asarray(image) == RGB).all()
    assert image.info["srgb"] == 0
    assert b"/compositeSynthetic</Iptc4xmpExt:DigitalSourceType>" in image.info["xmp"]
    ElementTree.fromstring(image.info["xmp"].decode())


@pytest.mark.parametrize("image_format", ["jpeg", "webp"])
def test_lossy_formats_stay_close(image_format: str) -> None:
    smooth = np.dstack(np.meshgrid(np.arange(160), np.arange(120))[:1] * 3).astype(np.uint8)

    image = opened(encode(smooth, image_format, mark(spec())))  # type: ignore[arg-type]

    assert np.abs(np.asarray(image.convert("RGB")).astype(int) - smooth).mean() < 2
    assert b"compositeSynthetic" in image.info["xmp"]


def test_the_mark_tells_trained_painters_from_rules() -> None:
    assert source_type(spec()).endswith("/compositeSynthetic")
    assert source_type(spec(variants=(TRAINED,))).endswith("/compositeWithTrainedAlgorithmicMedia")


def test_the_same_pixels_give_the_same_file() -> None:
    for image_format in ("png", "jpeg", "webp"):
        assert encode(RGB, image_format, b"") == encode(RGB, image_format, b"")  # type: ignore[arg-type]
    assert srgb_profile()[24:36] == bytes.fromhex("07d000010001000000000000")


def test_grey_and_cut_out() -> None:
    grey = RGB[..., 0].copy()
    rgba = np.asarray(opened(encode_rgba(RGB, grey)))

    assert (np.asarray(opened(encode_grey(grey))) == grey).all()
    assert (rgba[..., :3] == RGB).all()
    assert (rgba[..., 3] == grey).all()
