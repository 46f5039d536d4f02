"""Dresses: where they go on the body, what they take off, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pytest

from inference.engines.warp.dress.fit import DressFit, fit_dress
from inference.engines.warp.dress.put_on import put_on
from inference.engines.warp.dress.suit import lay_suit
from inference.engines.warp.dress.undress import without_bottoms
from inference.engines.warp.dressed import dressed
from inference.engines.warp.lower.stance import Stance, measure_stance
from inference.engines.warp.silhouette import Silhouette, on_spine
from preprocess.decode import Limits, decode
from preprocess.garment import prepare_garment
from preprocess.person import prepare_person
from preprocess.providers.embedded import EmbeddedProvider
from preprocess.types import Garment, Person, Sides
from tests.jumpsuits import jumpsuit, png

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


@pytest.fixture(scope="module")
def man() -> Person:
    photo = (ROOT / "samples/people/p4_man__base.jpg").read_bytes()
    return prepare_person(decode(photo, Limits()), EmbeddedProvider(ROOT / "models", threads=1), (384, 512))


@pytest.fixture(scope="module")
def floral() -> Garment:
    photo = (ROOT / "samples/garments/dress_floral.jpg").read_bytes()
    return prepare_garment(decode(photo, Limits()), category="dress")


@pytest.fixture(scope="module")
def stance(man: Person) -> Stance:
    return measure_stance(man)


def fitted(garment: Garment, person: Person, stance: Stance) -> DressFit:
    assert garment.landmarks is not None
    assert garment.lower is not None
    return fit_dress(garment, garment.landmarks, garment.lower, person, stance, Silhouette.of(person))


def at_once(stage: str, work: Callable[[], T]) -> T:
    return work()


def test_rows_run_from_the_armpits_to_the_hem_without_a_jump(
    man: Person, floral: Garment, stance: Stance
) -> None:
    fit = fitted(floral, man, stance).fit
    assert (np.diff(fit.heights) > 0).all()
    assert (np.diff(fit.levels) > 0).all()
    for halves in (fit.half_widths.left, fit.half_widths.right):
        steps = np.abs(np.diff(halves)) / (np.diff(fit.side_levels) * stance.body.torso_length)
        assert steps.max() < 1.0  # 45 degrees: cloth, no step


def test_a_short_dress_ends_above_the_knee_and_a_skirt_is_wider_than_the_legs(
    man: Person, floral: Garment, stance: Stance
) -> None:
    placed = fitted(floral, man, stance)
    assert 0.05 < placed.hem < 0.5
    assert placed.fit.half_widths.left[-1] > stance.half_hips


def test_a_longer_dress_ends_lower_but_never_below_the_ankle(
    man: Person, floral: Garment, stance: Stance
) -> None:
    assert floral.lower is not None
    hems = []
    for longer in (1.0, 1.15, 2.0):
        sides = floral.lower.sides.copy()
        sides[:, 0] = sides[0, 0] + (sides[:, 0] - sides[0, 0]) * longer
        end = float(sides[-1, 0])
        hem = Sides(left=(float(sides[-1, 1]), end), right=(float(sides[-1, 2]), end))
        alpha = np.zeros((int(end) + 1, floral.alpha.shape[1]), np.float32)
        alpha[: floral.alpha.shape[0]] = floral.alpha[: len(alpha)]
        alpha[-1, alpha.shape[1] // 2] = 1.0
        garment = replace(floral, alpha=alpha, lower=replace(floral.lower, sides=sides, hem=hem))
        hems.append(fitted(garment, man, stance).hem)
    assert hems[0] < hems[1] < hems[2] < 1.05


def test_trousers_come_off_and_shoes_stay(man: Person, stance: Stance) -> None:
    bare = without_bottoms(man, stance)
    after = dressed(man, bare.rgb, bare.alpha, bare.parts).parsing
    assert after.region("lower").sum() < 0.02 * man.parsing.region("lower").sum()
    assert after.region("legs").sum() > 0.3 * man.parsing.region("lower").sum()
    shoes = man.parsing.weight("shoes") > 0.9
    assert after.region("shoes")[shoes].mean() > 0.95


def test_the_face_stays_and_the_dress_covers_the_hips(man: Person, floral: Garment, stance: Stance) -> None:
    tried_on = put_on(man, floral, at_once)
    face = man.parsing.weight("face") > 0.95
    assert tried_on.alpha[face].max(initial=0.0) == 0.0
    x, y = (int(v) for v in stance.body.hip_mid)
    assert tried_on.person.parsing.weight("upper")[y, x] > 0.9
    assert np.abs(tried_on.person.image[y, x].astype(int) - man.image[y, x].astype(int)).max() > 20
    assert tried_on.person.parsing.region("lower").mean() < 0.002


def test_a_plunging_neck_shows_skin_all_the_way_down(man: Person, stance: Stance) -> None:
    photo = decode((ROOT / "samples/garments/dress_floral.jpg").read_bytes(), Limits())
    opened = photo.rgb.copy()
    opening = np.array([(307, 143), (461, 143), (388, 410), (380, 410)], np.int32)
    cv2.fillPoly(opened, [opening], opened[:30, :30].reshape(-1, 3).mean(axis=0).tolist())
    tried_on = put_on(man, prepare_garment(replace(photo, rgb=opened), category="dress"), at_once)
    skin, wall = (
        man.image[man.parsing.weight("face") > 0.95].mean(axis=0),
        man.image[:20, :20].mean(axis=(0, 1)),
    )
    for level in np.linspace(0.1, 0.5, 9):
        x, y = on_spine(stance.body, float(level)).astype(int)
        there = tried_on.person.image[y - 2 : y + 3, x - 2 : x + 3].mean(axis=(0, 1))
        assert np.linalg.norm(there - skin) < 0.5 * np.linalg.norm(there - wall), level


def test_without_landmarks_it_is_refused(man: Person, floral: Garment) -> None:
    with pytest.raises(ValueError, match="landmarks"):
        put_on(man, replace(floral, lower=None), at_once)


@pytest.fixture(scope="module")
def suit() -> Garment:
    return prepare_garment(decode(png(jumpsuit("short")), Limits()))


def test_a_jumpsuit_is_one_cloth_across_the_waist(man: Person, stance: Stance) -> None:
    """Dyed by the rows of the garment it shows no jump where the legs' meshes take over from the bodice."""
    suit = prepare_garment(decode(png(jumpsuit("fitted")), Limits()))
    assert suit.landmarks is not None
    assert suit.lower is not None
    assert suit.lower.legs is not None
    rows = np.arange(suit.alpha.shape[0]) - suit.lower.waist.left[1]
    ramp = np.clip(128 + rows * 2.5, 0, 255)[:, None, None]
    dyed = replace(suit, image=np.broadcast_to(ramp, suit.image.shape).astype(np.uint8))
    placed, warped = lay_suit(dyed, suit.landmarks, suit.lower, suit.lower.legs, man, stance)
    above, below = (on_spine(stance.body, placed.waist + step) for step in (-0.04, 0.06))
    crossed = slice(int(above[1]), int(below[1]) + 1)
    edges = [np.flatnonzero(row > 0.5)[[0, -1]] for row in warped.alpha[crossed]]
    assert np.abs(np.diff(edges, axis=0)).max() <= 2
    for share in (-0.6, -0.3, 0.0, 0.3, 0.6):
        column = int(above[0] + share * np.ptp(edges[0]) / 2)
        steps = np.diff(warped.rgb[crossed, column, 0])
        assert steps.min() > 0.4 * steps.mean()
        assert steps.max() < 1.8 * steps.mean()


def test_between_the_legs_of_a_jumpsuit_lies_the_background(
    man: Person, suit: Garment, stance: Stance
) -> None:
    tried_on = put_on(man, suit, at_once)
    shins = [(leg.knee + leg.ankle) / 2 for leg in (stance.legs.left, stance.legs.right)]
    gap = tuple(int(v) for v in (shins[0] + shins[1]) / 2)
    upper = tried_on.person.parsing.weight("upper")
    for x, y in (shin.astype(int) for shin in shins):
        assert upper[y, x] > 0.9
    assert upper[gap[1], gap[0]] < 0.05
    around = man.matte.alpha < 0.02
    assert np.abs(tried_on.person.image[gap[1], gap[0]] - man.image[around].mean(axis=0)).max() < 25
    assert tried_on.person.parsing.region("lower").mean() < 0.002


def test_trouser_legs_of_a_jumpsuit_break_on_the_shoes(man: Person, suit: Garment, stance: Stance) -> None:
    assert suit.landmarks is not None
    assert suit.lower is not None
    assert suit.lower.legs is not None
    _, warped = lay_suit(suit, suit.landmarks, suit.lower, suit.lower.legs, man, stance)
    shoes = man.parsing.weight("shoes") > 0.95
    assert shoes.any()
    assert warped.alpha[shoes].max() < 0.1


def test_a_playsuit_ends_on_the_thighs(man: Person, stance: Stance) -> None:
    short = prepare_garment(decode(png(jumpsuit("fitted", legs=0.25)), Limits()))
    tried_on = put_on(man, short, at_once)
    legs = tried_on.person.parsing.weight("legs")
    for leg in (stance.legs.left, stance.legs.right):
        x, y = ((leg.knee + leg.ankle) / 2).astype(int)
        assert legs[y, x] > 0.9
    assert 0.02 < tried_on.measures["hem"] < 0.5


def test_a_strapless_bodice_runs_straight_from_armpit_to_armpit(man: Person, stance: Stance) -> None:
    suit = prepare_garment(decode(png(jumpsuit("strapless", legs=0.5)), Limits()), category="dress")
    assert suit.landmarks is not None
    assert suit.lower is not None
    assert suit.lower.legs is not None
    _, warped = lay_suit(suit, suit.landmarks, suit.lower, suit.lower.legs, man, stance)
    body = stance.body
    middle, unit = int(body.shoulder_mid[0]), body.shoulder_width
    columns = [middle + int(share * unit) for share in (-0.35, -0.2, 0.0, 0.2, 0.35)]
    edges = [int(np.argmax(warped.alpha[:, x] > 0.5)) for x in columns]
    assert np.ptp(edges) < 0.12 * unit
    level = (np.mean(edges) - body.shoulder_mid[1]) / body.torso_length
    assert 0.12 < level < 0.5
