"""Dresses: where they go on the body, what they take off, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from inference.engines.warp.dress.fit import DressFit, fit_dress
from inference.engines.warp.dress.put_on import put_on
from inference.engines.warp.dress.undress import without_bottoms
from inference.engines.warp.dressed import dressed
from inference.engines.warp.lower.stance import Stance, measure_stance
from inference.engines.warp.silhouette import Silhouette
from preprocess.decode import Limits, decode
from preprocess.errors import InputError
from preprocess.garment import prepare_garment
from preprocess.person import prepare_person
from preprocess.providers.embedded import EmbeddedProvider
from preprocess.types import Garment, Leg, Person, Sides

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


def test_without_landmarks_or_with_legs_it_is_refused(man: Person, floral: Garment) -> None:
    with pytest.raises(ValueError, match="landmarks"):
        put_on(man, replace(floral, lower=None), at_once)
    assert floral.lower is not None
    leg = Leg(outer=np.zeros((2, 2), np.float32), inner=np.zeros((2, 2), np.float32))
    jumpsuit = replace(floral, lower=replace(floral.lower, legs=Sides(left=leg, right=leg)))
    with pytest.raises(InputError) as refused:
        put_on(man, jumpsuit, at_once)
    assert refused.value.slug == "category-conflict"
