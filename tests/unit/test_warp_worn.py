"""A worn garment put back on who wears it comes to lie where it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from inference.engines.warp.body import measure
from inference.engines.warp.fit import fit_garment
from inference.engines.warp.lay import lay
from inference.engines.warp.silhouette import Silhouette
from inference.engines.warp.sizes import scale_of
from preprocess.garment.worn import take_off
from preprocess.types import Person, Sides


@pytest.mark.parametrize("name", ["p1_man__tshirt_print", "p2_woman__base", "p4_man__base"])
def test_a_worn_top_lies_where_it_was(name: str, people: Callable[[str], Person]) -> None:
    """Collar and hem are not foreshortened a second time, and a print keeps its place."""
    person = people(name)
    body = measure(person)
    garment = take_off(person)
    laid = lay(garment, person, body)

    assert garment.collar is not None
    assert garment.landmarks is not None
    unit = body.shoulder_width
    lowest = laid.neckline[:, 1].max() - garment.collar.front[:, 1].max()
    assert abs(lowest) < 0.032 * unit  # foreshortened again it lies .04 higher
    covered = laid.alpha > 0.5
    was = garment.alpha > 0.5
    middle = np.abs(np.arange(was.shape[1]) - body.hip_mid[0]) < 0.3 * unit
    hems = [
        float(np.median(np.flatnonzero(mask.any(axis=1))[-1]))
        for mask in (covered[:, middle], was[:, middle])
    ]
    assert abs(hems[0] - hems[1]) < 0.22 * unit
    both = covered & was & middle[None]
    both[: int(body.shoulder_mid[1] + 0.4 * unit)] = False
    moved = np.abs(laid.rgb[both] - person.image[both].astype(np.float32)).mean()
    assert moved < 25


def test_a_vest_is_as_wide_as_on_who_wore_it(people: Callable[[str], Person]) -> None:
    """Flat vests are cut closer than chests look; a worn one was measured on a chest."""
    body = measure(people("p1_man__base"))
    marks = take_off(people("p2_woman__base")).landmarks
    assert marks is not None
    vest = replace(marks, sleeves=None)

    flat, worn = (scale_of(vest, body, flat=flat)[0] for flat in (True, False))

    assert worn < 0.95 * flat


@pytest.mark.parametrize(("wider", "clings"), [(1.0, True), (1.6, False)])
def test_a_worn_crew_clings_to_a_neck_and_a_wide_neckline_does_not(
    people: Callable[[str], Person], wider: float, clings: bool
) -> None:
    person = people("p4_man__base")
    body, silhouette = measure(person), Silhouette.of(person)
    marks = take_off(people("p1_man__base")).landmarks
    assert marks is not None
    neck = Sides(
        left=(marks.centre_x + wider * (marks.neck.left[0] - marks.centre_x), marks.neck.left[1]),
        right=(marks.centre_x + wider * (marks.neck.right[0] - marks.centre_x), marks.neck.right[1]),
    )

    fit = fit_garment(replace(marks, neck=neck), person, body, silhouette, flat=False)

    foot = float((body.neck_base.right - body.neck_base.left) @ body.across)
    apart = float((fit.neck.right - fit.neck.left) @ body.across)
    assert (apart < foot - 0.05 * body.shoulder_width) == clings
    assert (apart > foot) == (not clings)
