"""The stages of parsing on drawn pictures whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.parsing.colour import BINS, palette, quantise, smoothed, to_lab
from preprocess.parsing.filters import Guide, apply_line, resize, spread
from preprocess.parsing.layout import layout
from preprocess.parsing.matte import refine
from preprocess.parsing.waist import HIP_LINE, colour_change, waist_of_labels
from preprocess.types import FaceRegion, Frame, Pose

RED, BLUE, WALL = (180, 40, 40), (40, 60, 170), (225, 225, 228)


def test_the_guided_filter_keeps_an_edge_of_the_guide() -> None:
    image = np.full((60, 80, 3), WALL, np.uint8)
    image[:, 40:] = RED
    rough = np.zeros((60, 80), np.float32)
    rough[:, 43:] = 1.0  # three pixels beside the true edge
    filtered = Guide.of(image, 6, 1e-4).filter(rough)
    assert filtered[30, 41] > 0.5
    assert filtered[30, 38] < 0.1


@settings(max_examples=20, deadline=None)
@given(value=st.floats(0, 1), step=st.sampled_from([1, 2]))
def test_the_guided_filter_keeps_constants(value: float, step: int) -> None:
    image = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    plane = np.full((40, 50), value, np.float32)
    np.testing.assert_allclose(Guide.of(image, 4, 1e-3, step).filter(plane), value, atol=0.01)


def test_lines_upsample_along_the_large_guide() -> None:
    large = np.full((120, 160, 3), WALL, np.uint8)
    large[:, 81:] = BLUE
    small = large[::2, ::2]
    plane = (small[..., 0] == BLUE[0]).astype(np.float32)
    line = Guide.of(np.ascontiguousarray(small), 3, 1e-4).line(plane)
    result = apply_line(line, large.astype(np.float32) / 255)
    assert result[60, 84] > 0.9
    assert result[60, 77] < 0.1


def test_spread_reaches_everywhere() -> None:
    colours = np.zeros((100, 100, 3), np.float32)
    colours[:, :50] = 10.0
    colours[:, 50:] = 30.0
    known = np.zeros((100, 100), np.float32)
    known[:5, :5] = 1.0
    np.testing.assert_allclose(spread(colours, known, 4.0), 10.0, atol=0.5)


def test_histograms_keep_their_mass_and_separate_colours() -> None:
    counts = np.zeros((2, BINS**3), np.float32)
    counts[0, BINS**3 // 2 + BINS // 2] = 7.0
    np.testing.assert_allclose(smoothed(counts, 1.0).sum(1), [7.0, 0.0], rtol=0.02, atol=1e-6)
    image = np.concatenate([np.full((20, 20, 3), c, np.uint8) for c in (RED, BLUE)], 1)
    codes = quantise(to_lab(image))
    left = np.zeros(codes.shape, bool)
    left[:, :20] = True
    red, blue = palette(codes, left), palette(codes, ~left)
    assert red.likelihood(codes)[:, :20].min() > 0.9
    assert red.likelihood(codes)[:, 20:].max() < 0.01
    assert red.overlap(red) == pytest.approx(1.0, abs=1e-3)
    assert red.overlap(blue) < 0.01


def test_the_waist_is_where_the_colour_changes() -> None:
    along = np.repeat(np.linspace(0, 1.6, 320, dtype=np.float32)[:, None], 60, 1)
    image = np.full((320, 60, 3), RED, np.uint8)
    image[along > 0.8] = BLUE
    everywhere = np.ones(along.shape, bool)
    waist, change = colour_change(quantise(to_lab(image)), along, everywhere)
    assert waist == pytest.approx(0.8, abs=0.03)
    assert change > 0.9
    waist, change = colour_change(quantise(to_lab(np.full_like(image, RED))), along, everywhere)
    assert waist == HIP_LINE
    assert change < 0.1


def test_the_waist_of_labels_and_its_purity() -> None:
    along = np.repeat(np.linspace(0, 1.6, 320, dtype=np.float32)[:, None], 60, 1)
    found = waist_of_labels(along, along < 0.9, along >= 0.9)
    assert found is not None
    assert found[0] == pytest.approx(0.9, abs=0.03)
    assert found[1] > 0.97
    assert waist_of_labels(along, along < 2, along > 2) is None


def standing(shape: tuple[int, int]) -> tuple[Pose, FaceRegion]:
    """A frontal figure: shoulders at row 60, hips at row 140, own left on the right of the picture."""
    frame = Frame.whole(shape[1], shape[0])
    points = np.zeros((33, 2), np.float32)
    for joint, (x, y) in {11: (25, 60), 13: (32, 95), 15: (34, 130), 17: (35, 142), 19: (33, 143)}.items():
        points[joint], points[joint + 1] = (80 + x, y), (80 - x, y)
    for joint, (x, y) in {21: (30, 138), 23: (15, 140), 25: (15, 180), 27: (15, 220)}.items():
        points[joint], points[joint + 1] = (80 + x, y), (80 - x, y)
    points[29:33] = (95, 225), (65, 225), (97, 228), (63, 228)
    ones = np.ones(33, np.float32)
    pose = Pose(tag="blaze33", frame=frame, points=points, visibility=ones, depth=0 * ones, score=1.0)
    face = FaceRegion(
        frame=frame, centre=(80, 30), half_width=11, half_height=15, down=(0, 1), chin=(80, 45), visible=True
    )
    return pose, face


def test_layout_measures_the_body() -> None:
    pose, face = standing((240, 160))
    fields = layout(pose, face, (240, 160), 1.0)
    assert fields.along[60, 80] == pytest.approx(0.0, abs=0.02)
    assert fields.along[140, 80] == pytest.approx(1.0, abs=0.02)
    assert fields.across[100, 105] == pytest.approx(1.0, abs=0.05)  # own left
    assert fields.face[30, 80] < 0.1
    assert fields.face[45, 80] == pytest.approx(1.0, abs=0.05)
    left, right = fields.arm
    assert left[95, 112] < 0.05
    assert right[95, 112] > 1.0
    assert fields.beyond_wrist[0][142, 114] > 0 > fields.beyond_wrist[0][120, 113]


def test_layout_is_the_same_at_any_scale() -> None:
    pose, face = standing((240, 160))
    whole, half = layout(pose, face, (240, 160), 1.0), layout(pose, face, (120, 80), 0.5)
    for name in ("along", "across", "face", "neck"):
        shrunk = resize(getattr(whole, name), (120, 80))
        np.testing.assert_allclose(shrunk[5:-5, 5:-5], getattr(half, name)[5:-5, 5:-5], atol=0.03)


def test_the_matte_of_a_disc_is_anti_aliased() -> None:
    size = 400
    y, x = np.mgrid[0:size, 0:size] + 0.5
    true = np.clip(120.5 - np.hypot(x - 200.3, y - 199.6), 0, 1).astype(np.float32)
    image = (true[..., None] * RED + (1 - true[..., None]) * WALL).astype(np.uint8)
    working = np.ascontiguousarray(image[::2, ::2])
    person = resize(true, (200, 200)) > 0.5
    alpha = refine(image, working, person, person.astype(np.float32))
    assert np.abs(alpha - true).max() < 0.35
    assert np.abs(alpha - true).mean() < 0.001
    assert alpha[200, 200] == 1.0
    assert alpha[5, 5] == 0.0
