"""From one frame to another, and a canvas round a region."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.geometry import fit_region, frame_image, reframe
from preprocess.types import Frame
from tests.unit.test_geometry import smooth_photo

WHOLE = Frame.whole(120, 90)


def test_the_same_frame_changes_nothing() -> None:
    labels = np.random.default_rng(0).integers(0, 20, (90, 120)).astype(np.uint8)
    assert np.array_equal(reframe(labels, WHOLE, WHOLE), labels)


def test_whole_pixels_move_exactly_and_nothing_lies_beyond() -> None:
    weight = np.random.default_rng(0).random((90, 120)).astype(np.float32)
    moved = reframe(weight, WHOLE, Frame(x0=-5, y0=7, scale=1, width=130, height=90))
    assert np.array_equal(moved[:83, 5:125], weight[7:])
    assert moved[83:].max() == moved[:, :5].max() == moved[:, 125:].max() == 0


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-20, 20), st.floats(-20, 20), st.floats(0.8, 2.5), st.sampled_from([(1.0, 0, 0), (1.5, 10, 4)])
)
def test_it_lands_where_the_photo_would(
    x0: float, y0: float, scale: float, start: tuple[float, float, float]
) -> None:
    """The way over a first frame ends where the direct way does."""
    photo = smooth_photo(300, 240)
    first = Frame(x0=start[1], y0=start[2], scale=start[0], width=380, height=300)
    target = Frame(x0=60 + x0, y0=50 + y0, scale=scale, width=100, height=80)
    over = reframe(frame_image(photo, first), first, target).astype(int)
    direct = frame_image(photo, target).astype(int)
    assert np.abs(over - direct).max() <= 6


@pytest.mark.parametrize("scale", [0.8, 2.0, 3.0])
def test_centres_of_pixels_meet(scale: float) -> None:
    across = np.tile((np.arange(120, dtype=np.float32) + 0.5), (90, 1))
    target = Frame(x0=20, y0=10, scale=scale, width=60, height=30)
    expected = 20 + (np.arange(60) + 0.5) / scale
    assert np.allclose(reframe(across, WHOLE, target)[10], expected, atol=0.05)


def test_labels_do_not_mix() -> None:
    labels = np.where(np.arange(90 * 120).reshape(90, 120) % 7 < 3, 4, 18).astype(np.uint8)
    target = Frame(x0=3.3, y0=2.6, scale=1.7, width=120, height=90)
    assert set(np.unique(reframe(labels, WHOLE, target, nearest=True))) == {4, 18}


def test_an_array_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="120x90"):
        reframe(np.zeros((10, 10), np.float32), WHOLE, WHOLE)


def test_a_region_is_framed_with_its_surroundings() -> None:
    frame = Frame(x0=100, y0=50, scale=2, width=200, height=200)
    region = np.zeros((200, 200), np.bool_)
    region[40:160, 80:120] = True
    found = fit_region(region, frame, (1000, 1000), (60, 80))
    (x0, y0), (x1, y1) = found.to_photo(np.array([[0, 0], [60, 80]], np.float32))
    assert x0 < 140
    assert y0 < 70
    assert x1 > 160
    assert y1 > 130
    assert y1 - y0 < 80  # 60 of it is the region


def test_of_an_empty_region_the_whole_frame_is_shown() -> None:
    frame = Frame(x0=100, y0=50, scale=2, width=200, height=200)
    found = fit_region(np.zeros((200, 200), np.bool_), frame, (1000, 1000), (60, 80))
    (x0, y0), (x1, y1) = found.to_photo(np.array([[0, 0], [60, 80]], np.float32))
    assert x0 <= 100
    assert x1 >= 200
    assert y0 <= 50
    assert y1 >= 150
