"""The tables of how far prints are stretched and patterns jump."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bench.prints import at_seams, stretches
from bench.seams import jumps
from inference.engines.warp.body import measure
from inference.engines.warp.lay import lay
from preprocess.types import Garment, Person

People = Callable[[str], Person]
Garments = Callable[[str], Garment]


def test_a_row_for_every_printed_top_and_none_for_what_has_no_print(
    people: People, garments: Garments
) -> None:
    persons = [people(name) for name in ("p1_man__base", "p4_man__base")]
    (row,) = stretches(persons, {name: garments(name) for name in ("tshirt_print", "tank_rose")}).rows
    drawn = [lay(garments("tshirt_print"), person, measure(person)).print_stretch for person in persons]
    assert row[0] == "tshirt_print"
    assert row[2] == pytest.approx(max(one.whole for one in drawn))
    assert row[3] == pytest.approx(sum(one.local for one in drawn) / 2)


@pytest.mark.parametrize("garment", ["longsleeve_stripes", "tshirt_print", "polo_green"])
@pytest.mark.parametrize("name", ["p1_man__base", "p2_woman__base", "p3_woman__base", "p4_man__base"])
def test_stripes_do_not_jump_where_sleeve_and_torso_meet(
    people: People, garments: Garments, name: str, garment: str
) -> None:
    found = jumps(garments(garment), people(name))
    assert len(found) > 20
    assert np.quantile(found, 0.9) < 0.03


def test_a_jump_is_told_in_shares_of_the_shoulders(people: People, garments: Garments) -> None:
    tops = {name: garments(name) for name in ("longsleeve_stripes", "tank_rose")}
    (row,) = at_seams([people("p1_man__base")], tops).rows
    assert row[0] == "longsleeve_stripes"
    found = jumps(tops["longsleeve_stripes"], people("p1_man__base"))
    assert row[3] == pytest.approx(100 * float(np.quantile(found, 0.9)))
