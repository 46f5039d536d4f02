"""What trousers and skirts on people of the samples must show, keep and leave behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from inference.engines.warp.fields import grow, shrink
from inference.engines.warp.lower.put_on import put_on
from inference.engines.warp.lower.stance import Stance, measure_stance
from inference.engines.warp.types import TriedOn
from preprocess.types import Garment, Person

People = Callable[[str], Person]
Garments = Callable[[str], Garment]

FULL, CUT, WOMAN = "p4_man__base", "p1_man__base", "p2_woman__base"
TROUSERS, SKIRT = "trousers_denim", "skirt_navy"
CASES = [(FULL, TROUSERS), (FULL, SKIRT), (CUT, TROUSERS), (WOMAN, SKIRT)]


@dataclass(frozen=True)
class Case:
    person: Person
    stance: Stance
    tried_on: TriedOn

    @property
    def now(self) -> Person:
        return self.tried_on.person

    @property
    def change(self) -> np.ndarray:
        gap = np.abs(self.now.image.astype(float) - self.person.image)
        return np.asarray(gap.max(axis=-1))


@pytest.fixture(scope="module")
def cases(people: People, garments: Garments) -> dict[tuple[str, str], Case]:
    made = {}
    for person_name, garment_name in CASES:
        person = people(person_name)
        tried_on = put_on(person, garments(garment_name), lambda _, work: work())
        made[person_name, garment_name] = Case(person, measure_stance(person), tried_on)
    return made


@pytest.mark.parametrize("name", CASES)
def test_the_old_garment_is_gone_and_the_new_one_there(
    cases: dict[tuple[str, str], Case], name: tuple[str, str]
) -> None:
    case = cases[name]
    old = shrink(case.person.parsing.region("lower"), 4)
    bluish = case.now.image[..., 2].astype(float) - case.now.image[..., 0]
    new = shrink(case.now.parsing.region("lower"), 4)
    assert new.sum() > 0.4 * old.sum()
    assert np.median(bluish[new]) > 15  # both garments are blue
    assert (case.change[old] > 2).mean() > 0.9


@pytest.mark.parametrize("name", CASES)
def test_what_is_far_away_or_in_front_stays(
    cases: dict[tuple[str, str], Case], name: tuple[str, str]
) -> None:
    case = cases[name]
    parsing, unit = case.person.parsing, case.stance.half_hips
    level = case.stance.axis(0.5)[1]
    assert case.tried_on.alpha[: int(level)].max() == 0
    for part in ("hands", "shoes"):
        region = shrink(parsing.region(part), 5)
        if part == "shoes" and name[1] == SKIRT:
            continue
        assert (case.change[region] <= 12).mean() > 0.9 if region.any() else True
    body = parsing.weight("lower", "legs", "upper", "hands") + case.now.parsing.weight("lower")
    far = ~grow(body > 0.2, 0.6 * unit)
    assert (case.tried_on.alpha[far] == 0).all()


@pytest.mark.parametrize("name", CASES)
def test_the_top_lies_over_a_waistband_it_hung_over(
    cases: dict[tuple[str, str], Case], name: tuple[str, str]
) -> None:
    case = cases[name]
    top = shrink(case.person.parsing.region("upper"), 5)
    assert (case.change[top] <= 3).mean() > 0.99
    assert case.now.waist == case.person.waist


@pytest.mark.parametrize("name", [(FULL, TROUSERS), (FULL, SKIRT)])
def test_what_comes_out_of_a_hanging_top_widens_without_a_step(
    cases: dict[tuple[str, str], Case], name: tuple[str, str]
) -> None:
    case = cases[name]
    new, unit = case.now.parsing.weight("lower") > 0.5, case.stance.half_hips
    first = int(case.stance.axis(case.person.waist)[1]) + 2
    rows = range(first, first + int(0.5 * unit))
    edges = np.array([(np.flatnonzero(new[y]).min(), np.flatnonzero(new[y]).max()) for y in rows])
    assert np.abs(np.diff(edges, axis=0)).max() < 0.045 * unit


def test_trousers_leave_the_view_between_the_legs(cases: dict[tuple[str, str], Case]) -> None:
    case = cases[FULL, TROUSERS]
    legs = case.stance.legs
    knees = (legs.left.knee + legs.right.knee) / 2
    x, y = (int(v) for v in knees)
    assert case.now.parsing.soft[y, x, 0] > 0.9
    assert case.change[y - 5 : y + 5, x - 5 : x + 5].max() <= 6


def test_trousers_reach_the_ankles_on_both_legs(cases: dict[tuple[str, str], Case]) -> None:
    case = cases[FULL, TROUSERS]
    lower = case.now.parsing.weight("lower")
    for leg in (case.stance.legs.left, case.stance.legs.right):
        for share in (0.1, 0.5, 0.8):
            x, y = (int(v) for v in leg.knee + (leg.ankle - leg.knee) * share)
            assert lower[y, x] > 0.9


def test_a_skirt_shows_bare_legs_below_its_hem(cases: dict[tuple[str, str], Case]) -> None:
    case = cases[FULL, SKIRT]
    bare = case.now.parsing.region("legs")
    for leg in (case.stance.legs.left, case.stance.legs.right):
        x, y = (int(v) for v in leg.knee + (leg.ankle - leg.knee) * 0.5)
        assert bare[y, x]
    skin = np.median(case.now.image[shrink(bare, 4)], axis=0)
    face = np.median(case.person.image[case.person.parsing.region("face")], axis=0)
    assert np.abs(skin - face).max() < 40
    assert case.tried_on.measures["invented_skin"] > 0.05


def test_a_cut_photo_cuts_the_garment(cases: dict[tuple[str, str], Case]) -> None:
    case = cases[CUT, TROUSERS]
    assert case.now.parsing.region("lower")[-1].sum() > 0.5 * case.stance.half_hips
    assert case.tried_on.measures["garment_shown"] < 0.5


def test_a_waistband_takes_the_place_of_the_old_one_below_a_tucked_top(
    people: People, garments: Garments
) -> None:
    person = tucked(people(FULL), 0.8)
    tried_on = put_on(person, garments(TROUSERS), lambda _, work: work())
    assert tried_on.measures["over_top"] == 1
    assert tried_on.person.waist == pytest.approx(0.8, abs=0.05)
    spot = measure_stance(person).axis(0.86)
    assert tried_on.person.parsing.weight("lower")[int(spot[1]), int(spot[0])] > 0.9


def tucked(person: Person, level: float) -> Person:
    """The same person, whose trousers begin at a level of the spine."""
    stance, parsing = measure_stance(person), person.parsing
    upper, lower = parsing.indices("upper", "lower")
    row = int(stance.axis(level)[1])
    soft = parsing.soft.copy()
    soft[row:, :, lower] += soft[row:, :, upper]
    soft[row:, :, upper] = 0
    labels = soft.argmax(axis=-1).astype(np.uint8)
    return replace(person, waist=level, parsing=replace(parsing, soft=soft, labels=labels))


def test_it_is_deterministic(cases: dict[tuple[str, str], Case], garments: Garments) -> None:
    case = cases[CUT, TROUSERS]
    again = put_on(case.person, garments(TROUSERS), lambda _, work: work())
    assert (again.person.image == case.now.image).all()
    assert again.confidence == case.tried_on.confidence


def test_without_landmarks_it_says_what_is_missing(people: People, garments: Garments) -> None:
    with pytest.raises(ValueError, match="landmarks"):
        put_on(people(CUT), replace(garments(TROUSERS), lower=None), lambda _, work: work())


def test_below_a_bare_midriff_the_waistband_takes_the_place_of_the_old_one(
    people: People, garments: Garments
) -> None:
    person = tucked(people(FULL), 0.78)
    tried_on = put_on(replace(person, waist=0.66), garments(TROUSERS), lambda _, work: work())
    assert tried_on.person.waist == pytest.approx(0.78, abs=0.03)
