"""The engine on the two rendered true pairs: what doing nothing would also pass is no proof."""

from __future__ import annotations

import math

import pytest

from bench.quality import PAIRS, compare, load_pair, new_garment, pasted_flat, recoloured, unchanged
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
        return compare(picture, new_garment(picture, pair, room), pair)

    return {name: measure(name) for name in PAIRS}


@pytest.mark.parametrize("name", PAIRS)
def test_the_garment_covers_what_it_covers_in_truth(measured, name):
    assert measured[name]["garment IoU"] >= LEAST_GARMENT_IOU


def test_a_print_keeps_its_colours_and_lies_where_it_should(measured):
    found = measured["tshirt_print"]
    assert found["print dE00"] < MOST_COLOUR_DIFFERENCE
    assert found["print offset %"] < MOST_PRINT_OFFSET
    assert found["print size x"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("answer", [unchanged, recoloured, pasted_flat])
def test_answers_without_effort_fail_where_the_engine_does_not(answer, measured, room):
    pair = load_pair("tshirt_print")
    picture = answer(pair)
    trivial = compare(picture, new_garment(picture, pair, room), pair)
    ours = measured["tshirt_print"]
    assert trivial["garment IoU"] < ours["garment IoU"] or trivial["print edges px"] == math.inf


def test_stripes_come_through(measured):
    found = measured["longsleeve_stripes"]
    assert math.isfinite(found["stripe period x"])
    assert found["stripe period x"] == pytest.approx(1, abs=0.25)
