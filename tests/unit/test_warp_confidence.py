"""Confidence: what lowers it is named, it never leaves 0..1, and more of a bad thing never raises it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
import pytest

from inference.engines.warp import confidence
from inference.engines.warp.doubts import Doubt, weighed
from inference.engines.warp.evidence import clefts

FALLING = Doubt(name="dim", detail="too dim", measure="light", start=0.8, full=0.4, factor=0.5)


def calm() -> dict[str, float]:
    """Measures at which no doubt of the table begins."""
    found: dict[str, float] = {}
    for doubt in confidence.DOUBTS:
        rising = doubt.full >= doubt.start
        found[doubt.measure] = doubt.start * (0.5 if rising else 1.5)
    return found


def worst() -> dict[str, float]:
    return {doubt.measure: doubt.full + (doubt.full >= doubt.start) for doubt in confidence.DOUBTS}


def test_a_calm_picture_has_nothing_to_report() -> None:
    assert weighed(calm(), confidence.DOUBTS) == (1.0, ())


def test_everything_at_once_is_hopeless_and_every_doubt_is_named_once() -> None:
    value, notices = weighed(worst(), confidence.DOUBTS)
    names = [notice.name for notice in notices]
    assert value < 0.05
    assert set(names) == {doubt.name for doubt in confidence.DOUBTS}
    assert len(names) == len(set(names))
    assert all(notice.detail for notice in notices)


@pytest.mark.parametrize("doubt", confidence.DOUBTS, ids=lambda doubt: f"{doubt.name}:{doubt.measure}")
def test_each_doubt_alone_lowers_the_confidence_to_its_factor(doubt: Doubt) -> None:
    measures = calm() | {doubt.measure: worst()[doubt.measure]}
    value, notices = weighed(measures, [doubt])
    assert value == pytest.approx(doubt.factor, abs=0.005)
    assert [notice.name for notice in notices] == [doubt.name]


@pytest.mark.parametrize("doubt", confidence.DOUBTS, ids=lambda doubt: f"{doubt.name}:{doubt.measure}")
def test_worse_measures_never_raise_the_confidence(doubt: Doubt) -> None:
    steps = [calm()[doubt.measure], doubt.start, (doubt.start + doubt.full) / 2, worst()[doubt.measure]]
    values = [weighed(calm() | {doubt.measure: step}, confidence.DOUBTS)[0] for step in steps]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(("light", "expected"), [(1.0, 1.0), (0.8, 1.0), (0.6, 0.75), (0.4, 0.5), (0, 0.5)])
def test_a_doubt_grows_in_proportion_between_its_ends(light: float, expected: float) -> None:
    assert weighed({"light": light}, [FALLING])[0] == pytest.approx(expected)


def test_of_two_doubts_with_one_name_the_graver_counts() -> None:
    graver = replace(FALLING, measure="flash", factor=0.2, detail="no flash")
    measures: Mapping[str, float] = {"light": 0.0, "flash": 0.0}
    for doubts in ([FALLING, graver], [graver, FALLING]):
        value, notices = weighed(measures, doubts)
        assert value == pytest.approx(0.2)
        assert [notice.detail for notice in notices] == ["no flash"]


def test_trifles_lower_the_confidence_without_a_word() -> None:
    assert weighed({"light": 0.78}, [FALLING]) == (0.97, ())


def test_only_torn_cloth_has_clefts() -> None:
    cloth = np.zeros((300, 300), np.float32)
    cloth[60:260, 80:220] = 1.0
    cloth[60:160, 10:45] = cloth[60:160, 255:290] = 1.0  # sleeves, a gap beside them
    cloth[60:80, 10:290] = 1.0
    everywhere = np.ones_like(cloth)
    assert clefts(cloth, everywhere, unit=140.0) < 0.004
    torn = cloth.copy()
    torn[100:180, 110:116] = 0.0
    torn[90:200, 180:185] = 0.0
    assert clefts(torn, everywhere, unit=140.0) > 0.01


def test_the_narrow_end_of_the_gap_beside_a_sleeve_is_no_cleft() -> None:
    """Behind it is no body."""
    cloth = np.zeros((400, 400), np.float32)
    sleeve = np.array([[245, 60], [315, 330], [265, 345], [240, 120]])
    torso = np.array([[140, 60], [245, 60], [240, 340], [145, 340]])
    for part in (sleeve, torso):
        cv2.fillPoly(cloth, [part], 1.0)
    assert clefts(cloth, np.ones_like(cloth), unit=100.0) > 0.007
    assert clefts(cloth, cloth, unit=100.0) == 0.0
