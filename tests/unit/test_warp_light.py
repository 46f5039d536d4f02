"""The photo's light on cloth: what it keeps, how it follows mirroring and exposure, where folds show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from inference.engines.warp.body import measure
from inference.engines.warp.folds import crease_heights, old_folds, relief, torso_creases, waves
from inference.engines.warp.light import Light, across_rows, form, light_of, shaded
from inference.engines.warp.shading import cast, thickness
from inference.engines.warp.types import Body
from preprocess.types import Person, Sides

People = Callable[[str], Person]

FLAT = Light(side=0.0, edge=0.0, fall=0.0, gain=np.ones(3, np.float32))
FROM_RIGHT = Light(side=0.1, edge=0.1, fall=0.05, gain=np.ones(3, np.float32))
FROM_LEFT = replace(FROM_RIGHT, side=-0.1)


@pytest.fixture(scope="module")
def dressed(people: People) -> tuple[Person, Body]:
    person = people("p1_man__base")
    return person, measure(person)


def exposed(person: Person, factor: float) -> Person:
    return replace(person, image=np.clip(person.image * factor, 0, 255).astype(np.uint8))


def mirrored(person: Person, body: Body) -> tuple[Person, Body]:
    parsing = replace(
        person.parsing, labels=person.parsing.labels[:, ::-1], soft=person.parsing.soft[:, ::-1]
    )
    width = person.image.shape[1]
    flip = np.array([-1.0, 1.0])
    turned = replace(
        body,
        shoulder_mid=body.shoulder_mid * flip + (width, 0),
        up=body.up * flip,
        across=body.across * (1.0, -1.0),
        acromion=Sides(left=body.acromion.right, right=body.acromion.left),
    )
    return replace(person, image=person.image[:, ::-1], parsing=parsing), turned


def test_light_turns_with_the_photo(dressed: tuple[Person, Body]) -> None:
    light, back = light_of(*dressed), light_of(*mirrored(*dressed))
    assert light.side < -0.05  # the samples are lit from the left
    assert back.side == pytest.approx(-light.side, abs=0.015)
    assert back.edge == pytest.approx(light.edge, abs=0.02)
    assert np.allclose(back.gain, light.gain, atol=0.005)


def test_dimmer_photos_dim_the_garment_and_no_more_than_a_fifth(dressed: tuple[Person, Body]) -> None:
    person, body = dressed
    gains = [float(light_of(exposed(person, share), body).gain.mean()) for share in (1.0, 0.8, 0.6, 0.4, 0.2)]
    assert all(later <= earlier + 0.002 for earlier, later in zip(gains, gains[1:], strict=False))
    assert gains[0] > gains[2] + 0.04
    assert gains[-1] >= 0.8 * 0.97


def test_exposure_does_not_move_the_light(dressed: tuple[Person, Body]) -> None:
    person, body = dressed
    assert light_of(exposed(person, 0.7), body).side == pytest.approx(light_of(person, body).side, abs=0.03)


def test_light_without_face_or_clothes_is_mild(dressed: tuple[Person, Body]) -> None:
    person, body = dressed
    nothing = np.zeros_like(person.parsing.soft)
    light = light_of(replace(person, parsing=replace(person.parsing, soft=nothing)), body)
    assert light.side == 0.0
    assert 0.03 <= light.edge <= 0.16


def test_coloured_lamps_tint_by_a_few_percent_only(dressed: tuple[Person, Body]) -> None:
    person, body = dressed
    warm = replace(person, image=(person.image * np.array([1.0, 0.97, 0.92])).astype(np.uint8))
    gain = light_of(warm, body).gain
    assert gain[0] > gain[1] > gain[2]
    assert gain[2] > 0.95 * gain[0]


def test_flat_light_leaves_colours_alone() -> None:
    rgb = np.random.default_rng(1).uniform(0, 255, (20, 30, 3)).astype(np.float32)
    across = np.linspace(-1, 1, 30, dtype=np.float32)[None].repeat(20, axis=0)
    assert np.allclose(form(FLAT, across), 1.0)
    assert np.abs(shaded(rgb, form(FLAT, across), FLAT) - rgb).max() < 1e-3


def test_round_bodies_are_brighter_on_the_lit_side_and_mirror() -> None:
    across = np.linspace(-1, 1, 41, dtype=np.float32)[None]
    right, left = form(FROM_RIGHT, across), form(FROM_LEFT, across)
    assert right[0, -1] > right[0, 0]
    assert right[0, 20] == pytest.approx(1.0, abs=1e-4)
    assert np.allclose(right, left[:, ::-1], atol=1e-6)


def test_black_cloth_shows_folds_too() -> None:
    black, white = (np.full((1, 2, 3), level, np.float32) for level in (15.0, 200.0))
    factor = np.array([[0.9, 1.0]], np.float32)
    steps = [np.diff(shaded(cloth, factor, FLAT)[0, :, 0])[0] for cloth in (black, white)]
    assert 3.0 < steps[0] < steps[1]


def test_rows_run_from_edge_to_edge() -> None:
    alpha = np.zeros((60, 80), np.float32)
    alpha[10:50, 20:60] = 1.0
    across = across_rows(alpha)
    assert across[30, 20] == pytest.approx(-0.975, abs=0.02)
    assert across[30, 59] == pytest.approx(0.975, abs=0.02)
    assert np.allclose(across, -across[:, ::-1], atol=1e-5)
    assert not across_rows(np.zeros_like(alpha)).any()


def test_made_folds_are_subtle_keep_the_mean_and_mirror() -> None:
    grid = np.mgrid[0:1.4:141j, -0.6:0.6:121j].astype(np.float32)
    y, x = grid[0], grid[1]
    creases = torso_creases(0.5, 1.0, 0.42)
    height = np.asarray(crease_heights(x, y, creases) + waves(x, y, 1.4, 0.5), np.float32)
    folds = relief(height, 100.0, FROM_RIGHT)
    back = relief(height[:, ::-1].copy(), 100.0, FROM_LEFT)
    assert np.allclose(folds, back[:, ::-1], atol=1e-5)
    assert folds.std() > 0.01
    assert folds.min() > 0.8
    assert folds.max() < 1.15
    assert folds.mean() == pytest.approx(1.0, abs=0.02)


def test_old_folds_are_taken_from_plain_cloth_only() -> None:
    worn = np.zeros((200, 200), np.float32)
    worn[20:180, 20:180] = 1.0
    xs = np.arange(200, dtype=np.float32)
    fold = 3.0 * np.sin(xs / 5.0)
    plain = np.broadcast_to((180.0 + fold)[None, :, None], (200, 200, 3)).astype(np.float32)
    found = old_folds(plain, worn, 200.0)
    inside = np.s_[60:140, 60:140]
    assert np.corrcoef(found.factor[inside].mean(axis=0), fold[60:140])[0, 1] > 0.9
    assert found.known[inside].mean() > 0.5
    stripes = np.broadcast_to((180.0 + 4.0 * fold)[None, :, None], (200, 200, 3)).astype(np.float32)
    assert old_folds(stripes, worn, 200.0).known[inside].mean() < 0.05
    assert np.allclose(old_folds(plain, np.zeros_like(worn), 200.0).factor, 1.0)


def test_shadows_fall_away_from_the_light() -> None:
    layer = np.zeros((80, 80), np.float32)
    layer[35:45, 35:45] = 1.0
    right, left = cast(layer, 6.0, FROM_RIGHT), cast(layer, 6.0, FROM_LEFT)
    assert right[:, :35].sum() > 1.2 * right[:, 45:].sum()
    assert right[45:].sum() > 1.2 * right[:35].sum()
    assert np.allclose(right, left[:, ::-1], atol=1e-4)
    assert not right[35:45, 35:45].any()


def test_only_the_rim_of_cloth_is_darkened() -> None:
    cover = np.zeros((80, 80), np.float32)
    cover[20:60, 20:60] = 1.0
    factor = thickness(cover, 200.0)
    assert factor[40, 40] == pytest.approx(1.0, abs=1e-3)
    assert 0.88 < factor[40, 20] < 0.97
