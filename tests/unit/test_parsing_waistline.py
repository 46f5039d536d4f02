"""The line between top and bottoms: found although both share a colour."""

from __future__ import annotations

import numpy as np
import pytest

from preprocess.parsing.colour import quantise, to_lab
from preprocess.parsing.layout import Layout, layout
from preprocess.parsing.regions import LOWER, UPPER
from preprocess.parsing.surfaces import Surfaces
from preprocess.parsing.waistline import STEEPEST, best_line, straightened
from tests.unit.test_parsing_stages import BLUE, RED, WALL, standing

SHAPE = (300, 200)


def test_the_best_line_follows_its_evidence() -> None:
    rows, columns = np.arange(60)[:, None], np.arange(40)[None]
    border = 25 + columns // 4
    evidence = np.where(rows < border, 1.0, -1.0).astype(np.float32)
    line = best_line(evidence, np.zeros_like(evidence))
    assert np.abs(line - border[0]).max() <= 1


def test_without_evidence_the_line_takes_the_cheapest_way_and_never_leaps() -> None:
    cost = np.full((50, 30), 100.0, np.float32)
    cost[10, :15] = cost[40, 15:] = 0.0
    line = best_line(np.zeros_like(cost), cost)
    assert np.abs(np.diff(line)).max() <= STEEPEST
    assert line[0] == 10
    assert line[-1] == 40


def dressed(hem: float, wrong: float) -> tuple[np.ndarray, Surfaces, Layout, np.ndarray]:
    """Red and blue stripes down to ``hem``, blue below; taken for a top down to ``wrong`` (torso lengths)."""
    pose, face = standing(SHAPE)
    fields = layout(pose, face, SHAPE, 1.0)
    image = np.full((*SHAPE, 3), WALL, np.uint8)
    person = np.abs(fields.across) < 0.7
    stripes = (np.arange(SHAPE[0]) // 6 % 2 == 0)[:, None]
    image[person] = BLUE
    image[person & (fields.along < hem) & stripes] = RED
    surface = np.where(fields.along < wrong, UPPER, LOWER)
    return image, surface, fields, person


@pytest.mark.parametrize("wrong", [0.72, 0.88, 1.0])
def test_cloth_of_a_shared_colour_falls_to_its_side_of_the_hem(wrong: float) -> None:
    hem = 0.85
    image, surface, fields, person = dressed(hem, wrong)
    lab = to_lab(image)
    result = straightened(surface, lab, quantise(lab), fields, person, wrong)
    apart = person & (np.minimum(*fields.arm) > 0.2) & (np.abs(fields.along - hem) > 0.06)
    assert (result[apart] == np.where(fields.along < hem, UPPER, LOWER)[apart]).mean() > 0.99


def test_a_dress_of_one_colour_keeps_its_division() -> None:
    image, surface, fields, person = dressed(hem=2.0, wrong=1.0)
    lab = to_lab(image)
    result = straightened(surface, lab, quantise(lab), fields, person, 1.0)
    np.testing.assert_array_equal(result, surface)
