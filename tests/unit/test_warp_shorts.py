"""Shorts: as long as their product says, open at the hem, and apart between the legs."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from inference.engines.warp.lower.put_on import put_on, shape_of
from inference.engines.warp.lower.shape import Shape, mesh_of, stretch_of
from inference.engines.warp.lower.stance import Stance, measure_stance
from preprocess.decode import Limits, decode
from preprocess.garment import prepare_garment
from preprocess.types import Garment, Person

PEOPLE = ("p4_man__base", "p2_woman__base", "p3_woman__base")


@pytest.fixture(scope="module")
def shorts(garments: Callable[[str], Garment]) -> Garment:
    """The sample trousers cut off above the knee, in A-line as they lie flat."""
    trousers = garments("trousers_denim")
    assert trousers.lower is not None
    assert trousers.lower.legs is not None
    image = trousers.image.copy()
    crotch = int(trousers.lower.legs.left.inner[0, 1])
    image[crotch + 120 :] = 255
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return prepare_garment(decode(stream.getvalue(), Limits()), category="lower")


def shaped(shorts: Garment, person: Person) -> tuple[Shape, Stance]:
    assert shorts.lower is not None
    stance = measure_stance(person)
    return shape_of(shorts, shorts.lower, person, stance), stance


@pytest.mark.parametrize("name", PEOPLE)
def test_the_legs_of_shorts_part_and_do_not_cross(
    shorts: Garment, people: Callable[[str], Person], name: str
) -> None:
    shape, stance = shaped(shorts, people(name))
    left, right = (mesh.target[:, -2] @ stance.across for mesh in shape.meshes)
    legs = shape.meshes[0].leg > 0
    gap = (right - left)[legs]
    assert (gap >= -1e-6).all()
    assert gap[-1] > 0.1 * stance.half_hips
    assert (np.diff(gap) > -0.5).all()  # ever wider towards the hem


@pytest.mark.parametrize("name", PEOPLE)
def test_shorts_keep_the_proportion_of_rise_and_legs(
    shorts: Garment, people: Callable[[str], Person], name: str
) -> None:
    shape, stance = shaped(shorts, people(name))
    assert shorts.lower is not None
    assert shorts.lower.legs is not None
    rise = shorts.lower.legs.left.inner[0, 1] - shorts.lower.waist.left[1]
    inseam = np.ptp(shorts.lower.legs.left.inner[:, 1])
    mesh = shape.meshes[0]
    heights = mesh.target[1:-1, -2] @ stance.down
    first = int(np.flatnonzero(mesh.leg[1:-1] > 0)[0])
    worn = (heights[-1] - heights[first - 1]) / (heights[first - 1] - heights[0])
    assert worn == pytest.approx(inseam / rise, rel=0.25)


def test_both_openings_end_at_one_height_and_sag_in_the_middle(
    shorts: Garment, people: Callable[[str], Person]
) -> None:
    shape, stance = shaped(shorts, people("p4_man__base"))
    hems = [mesh.target[-2, 1:-1] @ stance.down for mesh in shape.meshes]
    for hem in hems:
        assert hem[4] > max(hem[0], hem[-1]) + 0.03 * stance.half_hips
        assert abs(hem[0] - hem[-1]) < 0.1 * stance.half_hips
    assert np.mean(hems[0]) == pytest.approx(np.mean(hems[1]), abs=0.1 * stance.half_hips)


def test_bare_knees_show_below_shorts(shorts: Garment, people: Callable[[str], Person]) -> None:
    person = people("p4_man__base")
    now = put_on(person, shorts, lambda _, work: work()).person
    stance = measure_stance(person)
    for leg in (stance.legs.left, stance.legs.right):
        x, y = (int(v) for v in leg.knee)
        assert now.parsing.weight("lower")[y, x] < 0.05
        assert now.parsing.weight("legs")[y, x] > 0.9


def test_stretch_is_that_of_the_cloth() -> None:
    rows = np.array([[[0.0, y], [10.0, y]] for y in range(12)])
    ends = np.stack([rows, rows * (1.0, 1.3)], axis=1)
    mesh = mesh_of(ends, np.zeros(12), None)
    assert stretch_of((mesh,)) == pytest.approx(1.3, rel=1e-6)
    even = mesh_of(np.stack([rows, rows * 1.3], axis=1), np.zeros(12), None)
    assert stretch_of((even,)) == pytest.approx(1.0, abs=1e-6)


def test_a_row_that_sags_stays_where_it_is_on_the_whole() -> None:
    rows = np.array([[[0.0, y], [10.0, y]] for y in range(12)])
    ends = np.stack([rows, rows], axis=1)
    flat = mesh_of(ends, np.zeros(12), None)
    round_ = mesh_of(ends, np.zeros(12), None, np.full(12, 0.2))
    moved = (round_.target - flat.target)[5, 1:-1]
    assert np.allclose(moved[:, 0], 0)
    assert moved[4, 1] > 0.3 > 0 > moved[0, 1]
    assert abs(moved[:, 1].mean()) < 0.2
