"""Prints keep their shape, patterns all over share what a collar takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from inference.engines.warp.body import measure
from inference.engines.warp.fit import fit_garment
from inference.engines.warp.freeform import FreeForm
from inference.engines.warp.lay import lay
from inference.engines.warp.prints import held
from inference.engines.warp.silhouette import Silhouette
from inference.engines.warp.torso import torso_map
from preprocess.types import Garment, Person

People = Callable[[str], Person]
Garments = Callable[[str], Garment]
PEOPLE = ["p1_man__base", "p2_woman__base", "p3_woman__base", "p4_man__base"]


@pytest.mark.parametrize("name", PEOPLE)
def test_a_logo_is_stretched_by_less_than_an_eighth(people: People, garments: Garments, name: str) -> None:
    person = people(name)
    stretch = lay(garments("tshirt_print"), person, measure(person)).print_stretch
    assert 1.0 < stretch.whole < 1.08
    assert stretch.local < 1.12


def torso_of(person: Person, garment: Garment) -> tuple[FreeForm, float, np.ndarray]:
    """The torso's map, its scale, and places down the middle of the chest from below the collar."""
    body, silhouette = measure(person), Silhouette.of(person)
    assert garment.landmarks is not None
    fit = fit_garment(garment.landmarks, person, body, silhouette)
    depths = np.arange(-0.1, 0.8, 0.03) * body.shoulder_width
    places = body.shoulder_mid - depths[:, None] * body.up
    return torso_map(garment, garment.landmarks, fit, body, silhouette), fit.scale, places


@pytest.mark.parametrize("garment", ["dress_floral", "longsleeve_stripes"])
def test_below_a_collar_that_is_drawn_up_patterns_give_way_gradually(
    people: People, garments: Garments, garment: str
) -> None:
    torso, scale, places = torso_of(people("p3_woman__base"), garments(garment))
    drawn = 1 / (scale * np.linalg.svd(torso.jacobian(places), compute_uv=False)[:, 1])
    assert drawn.max() < 1.6  # all in a narrow band below the collar it was 2.3


def test_what_is_held_is_the_print_not_the_pattern(garments: Garments) -> None:
    for name, printed in (("tshirt_print", True), ("dress_floral", False)):
        garment = garments(name)
        ys, xs = np.nonzero(garment.alpha[::8, ::8] > 0.9)
        places = np.stack([xs, ys], axis=1).astype(np.float64) * 8
        found = held(garment, 0.8, 300.0, places)
        assert found.detailed.max() > 0.9
        assert (found.printed.max() > 0.9) == printed
