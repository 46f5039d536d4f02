"""Which worn garments are refused, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from preprocess.errors import InputError
from preprocess.garment.stance import Stance
from preprocess.garment.worn import take_off
from preprocess.garment.worn_layers import worn_open
from preprocess.garment.worn_legs import legged, without_shins
from preprocess.pose import LEFT_KNEE, RIGHT_KNEE
from preprocess.types import Category, Person
from tests.relabel import relabelled

People = Callable[[str], Person]


def grid(person: Person) -> tuple[np.ndarray, np.ndarray]:
    """Rows ``(H, 1)``, and pixels off the spine ``(H, W)``."""
    rows = np.arange(person.image.shape[0])
    columns = np.arange(person.image.shape[1])
    return rows[:, None], np.abs(columns[None] - Stance.of(person).spine(rows.astype(float))[:, None])


@pytest.mark.parametrize("category", ["upper", "lower"])
def test_who_sits_is_refused(people: People, category: Category) -> None:
    person = people("p4_man__base")
    stance = Stance.of(person)
    points = person.pose.points.copy()
    points[[LEFT_KNEE, RIGHT_KNEE], 1] = stance.hips[1] + 0.3 * stance.torso

    with pytest.raises(InputError, match="sits") as refused:
        take_off(replace(person, pose=replace(person.pose, points=points)), category=category)
    assert refused.value.slug == "body-not-visible"


def test_a_cardigan_worn_open_is_refused_and_a_print_is_not(people: People) -> None:
    person = people("p1_man__base")
    stance = Stance.of(person)
    rows, off = grid(person)
    images = []
    for lowest in (1.2, 0.5):  # all the way down, or on the chest
        image = person.image.copy()
        image[(off < 0.22 * stance.unit) & (rows < stance.row(lowest))] = (30, 120, 60)
        images.append(image)

    with pytest.raises(InputError, match="open") as refused:
        take_off(replace(person, image=images[0]))
    assert refused.value.slug == "no-garment"
    assert take_off(replace(person, image=images[1])).category == "upper"
    cloth = np.where(off < 0.7 * stance.unit, np.float32(1), np.float32(0))
    assert [worn_open(image, cloth, stance) for image in images] == [True, False]


def test_a_top_without_shoulders_is_refused(people: People) -> None:
    person = people("p2_woman__base")
    stance = Stance.of(person)
    rows, _ = grid(person)
    above = (rows < stance.row(0.12)) & person.parsing.region("upper")

    with pytest.raises(InputError, match="shoulder") as refused:
        take_off(relabelled(person, above, "neck"))
    assert refused.value.slug == "no-garment"


def test_shoulders_bare_between_neck_and_sleeve_are_refused(people: People) -> None:
    person = people("p3_woman__base")
    stance = Stance.of(person)
    rows, off = grid(person)
    window = (off > 0.28 * stance.unit) & (off < 0.46 * stance.unit) & (rows < stance.row(0.25))

    with pytest.raises(InputError, match="shoulder"):
        take_off(relabelled(person, window & person.parsing.region("upper"), "neck"))


def test_a_dress_is_not_taken_apart(people: People) -> None:
    """Legs that show no gap and no waist above them are a dress, whatever is claimed; trousers are none."""
    person = people("p4_man__base")
    stance = Stance.of(person)
    rows, _ = grid(person)
    whole = replace(person, waist_confidence=0.1)
    knees = stance.hips[1] + stance.thigh
    skirt = (rows > stance.row(1.0)) & (rows < knees) & (np.abs(grid(person)[1]) < 0.5 * stance.unit)
    shins = (rows >= knees) & person.parsing.region("lower")
    dressed = relabelled(relabelled(whole, skirt, "lower"), shins, "legs")

    for category in ("upper", "lower"):
        with pytest.raises(InputError, match="wears a dress") as refused:
            take_off(dressed, category=category)
        assert refused.value.slug == "category-conflict"
        assert take_off(whole, category=category).category == category


def test_two_garments_are_no_dress(people: People) -> None:
    with pytest.raises(InputError, match="two garments") as refused:
        take_off(people("p4_man__base"), category="dress")
    assert refused.value.slug == "category-conflict"


def test_shins_at_the_hem_are_no_legs_of_a_dress(people: People) -> None:
    person = people("p4_man__base")
    stance = Stance.of(person)
    trousers = person.parsing.weight("lower")
    knees = int(stance.hips[1] + stance.thigh)
    rows, off = grid(person)
    skirt = np.where((rows > stance.row(1.0)) & (rows < knees + 30) & (off < 0.5 * stance.unit), 1.0, 0.0)
    shins = np.where((rows >= knees + 30) & (rows < knees + 50), trousers, 0.0)
    dress = (skirt + shins).astype(np.float32)

    assert legged(trousers, stance)
    assert not legged(dress, stance)
    assert without_shins(dress, stance)[knees + 34 :].max() == 0
    assert np.array_equal(without_shins(trousers, stance), trousers)


def test_a_dress_without_anything_below_the_waist_is_refused(people: People) -> None:
    person = people("p4_man__base")
    rows, _ = grid(person)
    below = (rows > Stance.of(person).row(0.5)) & person.parsing.region("upper", "lower")

    with pytest.raises(InputError, match="dress") as refused:
        take_off(relabelled(person, below, "legs"), category="dress")
    assert refused.value.slug == "no-garment"


def test_threads_of_cloth_are_no_garment(people: People) -> None:
    """A net of them: enough cloth, but none as wide as a strap."""
    person = people("p4_man__base")
    rows, columns = np.indices(person.matte.alpha.shape)
    between = (columns % 24 > 2) & (rows % 24 > 2) & person.parsing.region("lower")

    with pytest.raises(InputError, match="lower") as refused:
        take_off(relabelled(person, between, "legs"), category="lower")
    assert refused.value.slug == "no-garment"


def test_a_thread_below_the_hips_is_a_garment_without_legs(people: People) -> None:
    """A crop may leave a column of pixels of trousers, thinner than what an outline smooths away."""
    person = people("p4_man__base")
    stance = Stance.of(person)
    thread = np.zeros(person.matte.alpha.shape, np.float32)
    thread[int(stance.row(1.1)) :, 300] = 1
    assert not legged(thread, stance)
