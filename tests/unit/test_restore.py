"""Results keep every pixel outside the mask, for any size, frame and matte."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inference.engines.base import EngineImage
from inference.restore import restore
from preprocess.geometry import unframe_patch
from preprocess.types import Frame, Photo


def photo_of(width: int, height: int, seed: int = 1) -> Photo:
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    rgb.setflags(write=False)
    return Photo(rgb=rgb, sha256="", format="PNG")


frames = st.builds(
    Frame,
    x0=st.floats(-40, 80),
    y0=st.floats(-40, 80),
    scale=st.floats(0.2, 4) | st.just(1.0),
    width=st.integers(1, 90),
    height=st.integers(1, 90),
)


@settings(max_examples=150, deadline=None)
@given(
    size=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    frame=frames,
    kind=st.sampled_from(["zeros", "ones", "spots", "soft", "tiny"]),
    seed=st.integers(0, 99),
    limited=st.booleans(),
)
@example(  # half a pixel on the photo
    size=(2, 1), frame=Frame(x0=1.5, y0=0, scale=2.0, width=1, height=2), kind="ones", seed=0, limited=False
)
def test_untouched_outside_the_mask(
    size: tuple[int, int], frame: Frame, kind: str, seed: int, limited: bool
) -> None:
    random = np.random.default_rng(seed)
    photo = photo_of(*size, seed)
    alpha = matte(kind, (frame.height, frame.width), random)
    rgb = random.integers(0, 256, (*alpha.shape, 3), dtype=np.uint8)
    limit = random.integers(0, 2, photo.rgb.shape[:2], dtype=np.uint8) * 255 if limited else None

    result = restore(photo, EngineImage(frame=frame, rgb=rgb, alpha=alpha), limit=limit)

    assert result.rgb.shape == photo.rgb.shape
    assert result.mask.shape == photo.rgb.shape[:2]
    assert (result.rgb[result.mask == 0] == photo.rgb[result.mask == 0]).all()
    if limit is not None:
        assert (result.mask <= limit).all()
    if kind == "zeros":
        assert not result.mask.any()


def matte(kind: str, shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    if kind == "zeros":
        return np.zeros(shape, np.float32)
    if kind == "ones":
        return np.ones(shape, np.float32)
    if kind == "spots":
        return random.integers(0, 2, shape).astype(np.float32)
    scale = 1.0 if kind == "soft" else 0.003  # below and around one step of 8 bits
    return (random.random(shape) * scale).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(x=st.integers(-20, 60), y=st.integers(-20, 60), seed=st.integers(0, 99))
def test_at_scale_one_the_engine_s_pixels_arrive_unchanged(x: int, y: int, seed: int) -> None:
    photo = photo_of(70, 80, seed)
    frame = Frame(x0=x, y0=y, scale=1.0, width=30, height=40)
    rgb = np.random.default_rng(seed + 1).integers(0, 256, (40, 30, 3), dtype=np.uint8)

    result = restore(photo, EngineImage(frame=frame, rgb=rgb, alpha=np.ones((40, 30), np.float32)))

    whole = photo.rgb.copy()
    for row in range(max(0, y), min(80, y + 40)):
        for column in range(max(0, x), min(70, x + 30)):
            whole[row, column] = rgb[row - y, column - x]
    assert (result.rgb == whole).all()


def test_the_change_lands_where_the_frame_says() -> None:
    frame = Frame(x0=12, y0=-8, scale=0.25, width=80, height=100)
    alpha = np.zeros((100, 80), np.float32)
    alpha[30:60, 25:50] = 1

    result = restore(
        photo_of(400, 420), EngineImage(frame=frame, rgb=np.zeros((100, 80, 3), np.uint8), alpha=alpha)
    )

    rows, columns = np.nonzero(result.mask >= 128)
    assert (columns.min(), columns.max() + 1) == (12 + 25 * 4, 12 + 50 * 4)
    assert (rows.min(), rows.max() + 1) == (-8 + 30 * 4, -8 + 60 * 4)


@pytest.mark.parametrize("value", [0, 1, 127, 254, 255])
def test_blend_of_equal_colours_changes_nothing(value: int) -> None:
    photo = Photo(rgb=np.full((40, 40, 3), 77, np.uint8), sha256="", format="PNG")
    image = EngineImage(
        frame=Frame.whole(40, 40),
        rgb=np.full((40, 40, 3), 77, np.uint8),
        alpha=np.full((40, 40), value / 255, np.float32),
    )

    result = restore(photo, image)

    assert (result.rgb == 77).all()
    assert (result.mask == value).all()


def test_25_megapixels_are_exact_and_only_the_frame_is_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(image: np.ndarray, frame: Frame, size: tuple[int, int]) -> np.ndarray:
        made.append(unframe_patch(image, frame, size))
        return made[-1]

    monkeypatch.setattr("inference.restore.unframe_patch", counted)
    photo = photo_of(4000, 6250)
    frame = Frame(x0=500.0, y0=300.0, scale=0.5, width=540, height=960)
    alpha = np.zeros((960, 540), np.float32)
    alpha[200:700, 100:440] = 1
    rgb = np.full((960, 540, 3), 90, np.uint8)

    result = restore(photo, EngineImage(frame=frame, rgb=rgb, alpha=alpha))

    assert [patch.shape[:2] for patch in made] == [(1920, 1080)] * 2
    same = (result.rgb == photo.rgb).all(axis=2)
    assert same[result.mask == 0].all()
    assert (result.rgb[result.mask == 255] == 90).all()
    assert (result.mask == 255).sum() > 990 * 670
