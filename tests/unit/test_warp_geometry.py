"""Splines, meshes and resampling: the tools of the warp, on inputs whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.engines.warp.freeform import FreeForm, Lattice, Pins, Shape, fit_freeform
from inference.engines.warp.mesh import mesh_map
from inference.engines.warp.rays import first_exit
from inference.engines.warp.resample import bleed, cloth_for


def _grid(rows: int, columns: int, width: float, height: float) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(0, width, columns), np.linspace(0, height, rows))
    return np.stack([x, y], axis=-1)


def _scattered(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 500, (count, 2))


def _fitted(points: np.ndarray, values: np.ndarray, rigid: float = 0.0, bending: float = 1e-4) -> FreeForm:
    lattice = Lattice.over(points, 40.0, 60.0)
    places = lattice.middles(2)
    shape = Shape(
        points=places,
        rigid=np.full(len(places), rigid),
        sized=np.zeros(len(places)),
        similarity=0j,
    )
    return fit_freeform(
        lattice, Pins(points=points, values=values, weights=np.ones(len(points))), shape, bending
    )


@given(seed=st.integers(0, 10_000), count=st.integers(4, 40))
@settings(max_examples=30, deadline=None)
def test_a_free_form_reproduces_turning_scaling_and_shearing(seed: int, count: int) -> None:
    points = np.random.default_rng(seed).uniform(0, 500, (count, 2))
    matrix = np.array([[1.2, -0.5], [0.4, 0.9]])
    spline = _fitted(points, points @ matrix.T + (30, -12))
    elsewhere = np.random.default_rng(seed + 1).uniform(points.min(axis=0), points.max(axis=0), (50, 2))
    assert np.abs(spline(points) - (points @ matrix.T + (30, -12))).max() < 0.05
    if count > 6:
        assert np.abs(spline(elsewhere) - (elsewhere @ matrix.T + (30, -12))).max() < 1.0


@pytest.mark.parametrize("far", [(30_000, 0), (0, -30_000)])
def test_points_far_away_make_the_lattice_coarser_not_larger(far: tuple[float, float]) -> None:
    points = np.concatenate([_scattered(3, 20), [far]])
    lattice = Lattice.over(points, 35.0, 80.0)
    assert lattice.rows * lattice.columns < 5000
    values = points * 0.5 + (3, 4)
    assert np.abs(_fitted(points, values)(points) - values).max() < 1.0


def test_a_free_form_of_equal_points_is_the_identity() -> None:
    dense = _fitted(_scattered(3, 20), _scattered(3, 20)).dense(40, 60, 50, 30)
    x, y = np.meshgrid(np.arange(40, 90) + 0.5, np.arange(60, 90) + 0.5)
    assert np.abs(dense - np.stack([x, y], axis=-1)).max() < 1e-2


def test_a_free_form_keeps_shapes_where_it_is_told_to() -> None:
    """Pins that stretch cloth to twice its width leave a rigid print as it was and stretch what is beside."""
    points = _grid(6, 6, 500, 500).reshape(-1, 2)
    edge = (points[:, 0] < 1) | (points[:, 0] > 499)
    lattice = Lattice.over(points, 40.0, 60.0)
    places = lattice.middles(2)
    printed = np.abs(places - 250).max(axis=1) < 90
    spline = fit_freeform(
        lattice,
        Pins(points=points[edge], values=points[edge] * (2, 1), weights=np.ones(int(edge.sum()))),
        Shape(points=places, rigid=1e5 * printed, sized=np.zeros(len(places)), similarity=0j),
        0.1,
    )
    for place, least, most in ((np.array([[250.0, 250.0]]), 1.0, 1.03), (np.array([[60.0, 250.0]]), 1.5, 9)):
        axes = np.linalg.svd(spline.jacobian(place)[0], compute_uv=False)
        assert least <= axes[0] / axes[1] <= most


def test_slopes_of_a_free_form_are_its_differences() -> None:
    points = _scattered(7, 25)
    spline = _fitted(points, points + 20 * np.sin(points / 80))
    elsewhere, step = np.random.default_rng(8).uniform(-100, 700, (40, 2)), 1e-3
    for k, way in enumerate(np.eye(2) * step):
        difference = (spline(elsewhere + way) - spline(elsewhere - way)) / (2 * step)
        assert np.abs(difference - spline.jacobian(elsewhere)[:, :, k]).max() < 1e-4


def test_inverse_leads_back() -> None:
    points = _scattered(7, 25)
    spline = _fitted(points, points + 6 * np.sin(points / 80))
    elsewhere = np.random.default_rng(8).uniform(100, 400, (40, 2))
    assert np.abs(spline.invert(spline(elsewhere), elsewhere + 5) - elsewhere).max() < 1e-3


@pytest.mark.parametrize(
    "points",
    [
        np.array([[10.0, 10.0]]),
        np.array([[10.0, 10.0], [10.0, 10.0], [50.0, 10.0]]),
        np.stack([np.linspace(0, 100, 9), np.linspace(0, 50, 9)], axis=-1),
    ],
    ids=["one point", "repeated", "collinear"],
)
def test_degenerate_points_do_not_break_a_free_form(points: np.ndarray) -> None:
    spline = _fitted(points, points, rigid=1e-3)
    assert np.isfinite(spline.dense(0, 0, 20, 20)).all()
    assert np.abs(spline(points) - points).max() < 0.5


def test_mesh_of_equal_grids_is_the_identity() -> None:
    grid = _grid(5, 7, 60, 40) + (3, 2)
    drawn = mesh_map(grid, grid, 0, 0, 70, 50)
    y, x = np.nonzero(drawn.covered)
    inside = (x >= 3) & (x < 62) & (y >= 2) & (y < 41)
    assert drawn.covered[2:42, 3:63].all()
    expected = np.stack([x + 0.5, y + 0.5], axis=-1)
    assert np.abs(drawn.source[y, x] - expected)[inside].max() < 1e-3
    assert np.abs(drawn.grid[22, 33] - (20.5 / 40 * 4, 30.5 / 60 * 6)).max() < 1e-3


def test_mesh_leaves_no_holes_in_a_bend() -> None:
    angle = np.linspace(0, np.pi / 2, 20)[:, None]
    radius = np.linspace(30, 70, 6)[None, :]
    bend = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    drawn = mesh_map(_grid(20, 6, 40, 100), bend, 0, 0, 80, 80)
    y, x = np.mgrid[0:80, 0:80] + 0.5
    distance = np.hypot(x, y)
    assert drawn.covered[(distance > 31.5) & (distance < 68.5)].all()


def test_mesh_does_not_show_folded_cloth() -> None:
    target = _grid(4, 2, 40, 60)
    target[3, :, 1] = 30.0  # the last strip runs back over the one before it
    drawn = mesh_map(_grid(4, 2, 40, 60), target, 0, 0, 50, 70)
    rows = drawn.source[:, 20, 1][drawn.covered[:, 20]]
    assert (np.diff(rows) > 0).all()


def test_nothing_of_the_product_background_is_drawn_at_edges() -> None:
    image = np.full((60, 60, 3), 255, np.uint8)
    image[20:40, 20:40] = (200, 10, 10)
    alpha = np.zeros((60, 60), np.float32)
    alpha[20:40, 20:40] = 1
    spread = bleed(image, alpha)
    assert np.abs(spread.astype(int) - (200, 10, 10)).max() == 0


def test_shrunk_cloth_does_not_alias() -> None:
    stripes = np.zeros((200, 200, 3), np.uint8)
    stripes[::2] = 255  # finer than the target's pixels
    cloth = cloth_for(stripes, 0.3)
    target = _fitted(_scattered(1, 5), _scattered(1, 5) / 0.3).dense(5, 5, 40, 40)
    assert np.abs(cloth.colours(target) - 127.5).max() < 30


def test_coverage_keeps_its_place_when_shrunk() -> None:
    alpha = np.zeros((100, 100), np.float32)
    alpha[:, 37:] = 1
    cloth = cloth_for(np.zeros((100, 100, 3), np.uint8), 0.5)
    x, y = np.meshgrid(np.arange(0, 100, 0.5, np.float32), np.full(3, 50, np.float32))
    drawn = cloth.coverage(alpha, np.stack([x, y], axis=-1))
    edge = np.interp(0.5, drawn[1], x[1])
    assert abs(edge - 37) < 0.6


def test_ray_ends_at_the_border_of_a_region() -> None:
    region = np.zeros((40, 40), np.float32)
    region[10:30, 10:30] = 1
    start, east = np.array([15.0, 20.0]), np.array([1.0, 0.0])
    found = first_exit(region, start, east, 30)
    assert found == pytest.approx(15.0, abs=0.3)
    assert first_exit(region, np.array([5.0, 5.0]), east, 30) is None
    assert first_exit(region, start, east, 8) is None
