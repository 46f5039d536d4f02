"""The table of how far prints are stretched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.prints import stretches
from bench.tryon import FittingRoom
from inference.engines.warp.body import measure
from inference.engines.warp.engine import create
from inference.engines.warp.lay import lay
from preprocess.providers.embedded import EmbeddedProvider
from preprocess.types import Garment, Person


def test_a_row_for_every_printed_top_and_none_for_what_has_no_print(
    people: Callable[[str], Person],
    garments: Callable[[str], Garment],
    provider: EmbeddedProvider,
    samples: Path,
    tmp_path: Path,
) -> None:
    for name in ("tshirt_print", "tank_rose", "skirt_navy"):
        shutil.copy(samples / "garments" / f"{name}.jpg", tmp_path)
    persons = [people(name) for name in ("p1_man__base", "p4_man__base")]
    room = FittingRoom(provider=provider, engine=create())
    (row,) = stretches(persons, tmp_path, room).rows
    drawn = [lay(garments("tshirt_print"), person, measure(person)).print_stretch for person in persons]
    assert row[0] == "tshirt_print.jpg"
    assert row[2] == pytest.approx(max(one.whole for one in drawn))
    assert row[3] == pytest.approx(sum(one.local for one in drawn) / 2)
