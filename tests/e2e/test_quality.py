"""The engine on the two rendered true pairs: what doing nothing would also pass is no proof."""

from __future__ import annotations

import math

import pytest

from bench.quality import PAIRS, TRIVIAL, compare, load_pair
from bench.tryon import FittingRoom

MOST_COLOUR_DIFFERENCE = 5.0
"""CIEDE2000 between the print's colours on the product and on the result: the goal of the project."""
LEAST_GARMENT_IOU = 0.80
MOST_PRINT_OFFSET = 6.0
"""Percent of the torso's length: three fingers' width."""


@pytest.fixture(scope="module")
def room() -> FittingRoom:
    return FittingRoom.open()


@pytest.fixture(scope="module")
def measured(room):
    """Pair -> measures of the engine's result."""

    def measure(name):
        pair = load_pair(name)
        picture = room.try_on(pair.person_file, pair.product_file).rgb
        return compare(picture, room.upper_clothes(picture), pair)

    return {name: measure(name) for name in PAIRS}


@pytest.mark.parametrize("name", PAIRS)
def test_the_garment_covers_what_it_covers_in_truth(measured, name):
    assert measured[name]["garment IoU"] >= LEAST_GARMENT_IOU


def test_a_print_keeps_its_colours_and_lies_where_it_should(measured):
    found = measured["tshirt_print"]
    assert found["print dE00"] < MOST_COLOUR_DIFFERENCE
    assert found["print offset %"] < MOST_PRINT_OFFSET
    assert found["print size x"] == pytest.approx(1, abs=0.1)


def test_the_garment_is_closer_to_the_truth_than_answers_without_effort(measured):
    pair = load_pair("tshirt_print")
    for answer in TRIVIAL:
        picture = answer(pair)
        nothing = compare(picture, pair.old_upper, pair)
        assert measured["tshirt_print"]["MAE garment"] < nothing["MAE garment"], answer.__name__


def test_stripes_come_through(measured):
    found = measured["longsleeve_stripes"]
    assert math.isfinite(found["stripe period x"])
    assert found["stripe period x"] == pytest.approx(1, abs=0.25)


def test_nothing_is_found_where_nothing_was_done():
    for name, column in zip(PAIRS, ("print offset %", "stripe period x"), strict=True):
        pair = load_pair(name)
        assert compare(pair.person, pair.old_upper, pair)[column] == math.inf
