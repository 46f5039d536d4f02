"""Frames: nothing is squashed, nothing shifts, and what lies outside the frame is never touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.geometry import fit_canvas, footprint, frame_box, frame_image, unframe, unframe_patch
from preprocess.types import Alpha, Frame, Rgb

SIDES = st.integers(40, 500)
SHARES = st.floats(0, 1)
QUICK = settings(max_examples=60, deadline=None)


def smooth_photo(width: int, height: int) -> Rgb:
    """Slow waves: survives resampling, but shows every shift."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    waves = [128 + 60 * np.sin(x / 25 + k) + 60 * np.cos(y / 30 - k) for k in range(3)]
    return np.stack(waves, axis=-1).round().astype(np.uint8)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[tuple[float, float, float, float], tuple[int, int], tuple[int, int]]:
    """A box in a photo, the photo's size, a canvas."""
    width, height = draw(SIDES), draw(SIDES)
    x0, x1 = sorted((draw(SHARES) * width, draw(SHARES) * width))
    y0, y1 = sorted((draw(SHARES) * height, draw(SHARES) * height))
    return (x0, y0, x1, y1), (width, height), (draw(SIDES), draw(SIDES))


def inside(frame: Frame, box: tuple[float, float, float, float], slack: float = 1e-3) -> bool:
    low, high = frame.to_photo(np.array([[0, 0], [frame.width, frame.height]], np.float32))
    return bool((low <= np.array(box[:2]) + slack).all() and (high >= np.array(box[2:]) - slack).all())


@QUICK
@given(boxes())
def test_frame_box_shows_the_box_within_canvas_and_photo(case: tuple) -> None:
    box, photo, canvas = case
    frame = frame_box(box, photo, canvas)
    assert frame.width <= canvas[0]
    assert frame.height <= canvas[1]
    assert frame.scale <= 2
    assert inside(frame, box)
    low, high = frame.to_photo(np.array([[0, 0], [frame.width, frame.height]], np.float32))
    assert (low >= 0).all()
    assert (high <= np.array(photo) + 1 / frame.scale).all()


@QUICK
@given(boxes())
def test_fit_canvas_has_the_size_of_the_canvas(case: tuple) -> None:
    box, photo, canvas = case
    frame = fit_canvas(box, photo, canvas)
    assert (frame.width, frame.height) == canvas
    assert inside(frame, box, slack=1)  # it starts at a whole pixel
    for start, side, limit in ((frame.x0, frame.width, photo[0]), (frame.y0, frame.height, photo[1])):
        beyond = start < 0 or start + side / frame.scale > limit + 1
        assert not beyond or side / frame.scale > limit - 1, "padding only where the photo is too small"


@pytest.mark.parametrize(
    ("box", "photo", "expected"),
    [
        # the figure fills a photo that fits: the photo itself
        ((100, 20, 650, 1000), (768, 1024), (0, 0, 1.0, 768, 1024)),
        # a small figure in a wide photo is enlarged
        ((900, 300, 1050, 700), (2000, 900), (868, 268, 2.0, 428, 928)),
        # a tiny one not more than twice
        ((500, 500, 520, 560), (2000, 1500), (495, 495, 2.0, 60, 140)),
        # a large photo is shrunk
        ((0, 0, 3000, 4000), (3000, 4000), (0, 0, 0.256, 768, 1024)),
        # no resampling for a gain that nobody sees
        ((700, 100, 1200, 900), (4000, 3000), (636, 36, 1.0, 628, 928)),
    ],
)
def test_frame_box_examples(box: tuple, photo: tuple, expected: tuple) -> None:
    frame = frame_box(box, photo, (768, 1024))
    assert (frame.x0, frame.y0, frame.scale, frame.width, frame.height) == expected


@QUICK
@given(boxes(), st.lists(st.tuples(st.floats(-500, 500), st.floats(-500, 500)), min_size=1, max_size=5))
def test_points_round_trip(case: tuple, points: list[tuple[float, float]]) -> None:
    for frame in (frame_box(*case), fit_canvas(*case)):
        there = frame.from_photo(np.array(points, np.float32))
        assert np.allclose(frame.to_photo(there), points, atol=0.02)


@QUICK
@given(boxes())
def test_image_round_trip(case: tuple) -> None:
    box, (width, height), canvas = case
    photo = smooth_photo(width, height)
    for frame in (frame_box(*case), fit_canvas(*case)):
        image = frame_image(photo, frame)
        assert image.shape == (frame.height, frame.width, 3)
        rows, columns = footprint(frame, (width, height))
        back = unframe_patch(image, frame, (width, height))
        assert back.shape == photo[rows, columns].shape
        if frame.scale == 1:
            assert np.array_equal(back, photo[rows, columns])
        elif frame.scale > 0.5 and min(back.shape[:2]) > 20:
            core = np.abs(back.astype(int) - photo[rows, columns])[5:-5, 5:-5]
            assert core.max() <= 4


@pytest.mark.parametrize("scale", [0.21, 0.5, 1.0, 1.37, 2.0])
@pytest.mark.parametrize("start", [(0.0, 0.0), (13.0, 7.0), (-9.0, -4.0), (3.3, 10.75)])
def test_half_pixel_convention(scale: float, start: tuple[float, float]) -> None:
    """A blob stays where the frame's coordinates say, there and back."""
    y, x = np.mgrid[0:300, 0:300] + 0.5
    at = np.array([151.0, 138.0])
    blob = 255 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 12**2))
    photo = np.repeat(blob.round().astype(np.uint8)[..., None], 3, axis=2)
    frame = Frame(x0=start[0], y0=start[1], scale=scale, width=round(310 * scale), height=round(310 * scale))
    image = frame_image(photo, frame)
    assert np.allclose(centroid(image[..., 0]), frame.from_photo(at), atol=TENTH)
    assert np.allclose(centroid(unframe(image, frame, (300, 300))[..., 0]), at, atol=TENTH)
    weight = image[..., 0].astype(np.float32) / 255
    assert np.allclose(centroid(unframe(weight, frame, (300, 300))), at, atol=TENTH)


TENTH = 0.1  # OpenCV shifts by fractions of a pixel in steps of 1/32


def centroid(weight: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[0 : weight.shape[0], 0 : weight.shape[1]] + 0.5
    total = weight.astype(np.float64)
    return np.array([(x * total).sum(), (y * total).sum()]) / total.sum()


@QUICK
@given(boxes(), st.integers(0, 2**32 - 1))
def test_paste_leaves_everything_outside_the_mask_identical(case: tuple, seed: int) -> None:
    box, (width, height), canvas = case
    generator = np.random.default_rng(seed)
    photo = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    for frame in (frame_box(*case), fit_canvas(*case)):
        alpha: Alpha = np.zeros((frame.height, frame.width), np.float32)
        alpha[: frame.height // 2, frame.width // 3 :] = 1
        painted = generator.integers(0, 256, (frame.height, frame.width, 3), dtype=np.uint8)
        weight = unframe(alpha, frame, (width, height))
        assert weight.min() >= 0
        assert weight.max() <= 1
        result = np.where(weight[..., None] > 0, unframe(painted, frame, (width, height)), photo)
        outside = np.ones((height, width), bool)
        outside[footprint(frame, (width, height))] = False
        assert np.array_equal(result[outside], photo[outside])
        assert np.array_equal(result[weight == 0], photo[weight == 0])


def test_padding_repeats_the_border() -> None:
    photo = smooth_photo(60, 40)
    image = frame_image(photo, Frame(x0=-10, y0=-5, scale=1.0, width=80, height=50))
    assert np.array_equal(image[5:45, 10:70], photo)
    assert np.array_equal(image[0, 10:70], photo[0])
    assert np.array_equal(image[5:45, 79], photo[:, -1])


def test_shrinking_averages() -> None:
    """Every pixel counts: one-pixel stripes become even grey instead of moire."""
    photo = np.zeros((400, 400, 3), np.uint8)
    photo[:, ::2] = 255
    image = frame_image(photo, Frame(x0=0, y0=0, scale=0.25, width=100, height=100))
    assert image.min() >= 126
    assert image.max() <= 129


def test_errors_name_the_sizes() -> None:
    photo = smooth_photo(60, 40)
    with pytest.raises(ValueError, match="outside the photo of 60x40"):
        frame_image(photo, Frame(x0=100, y0=0, scale=1.0, width=10, height=10))
    with pytest.raises(ValueError, match="60x40"):
        unframe(photo[:5], Frame.whole(60, 40), (60, 40))


def test_frame_beside_the_photo_has_an_empty_footprint() -> None:
    frame = Frame(x0=200, y0=0, scale=1.0, width=10, height=10)
    assert not unframe(np.ones((10, 10), np.float32), frame, (60, 40)).any()
