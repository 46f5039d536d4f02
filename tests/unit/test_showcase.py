"""The picture grid for the README: what stands where, and what its record tells."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from inference.config import Settings
from inference.selection import Choice
from inference.service import build
from preprocess.types import Rgb
from scripts.showcase import BACKGROUND, CAPTION, CELL, MARGIN, Cell, Studio, chosen, grid, record
from tests.fakes import DIFFUSION, FakeEngine, FakePreparation, registry, spec

PERSON = np.full((40, 30, 3), (10, 20, 30), np.uint8)
GARMENT = np.full((40, 30, 3), (90, 0, 0), np.uint8)
RESULT = np.full((40, 30, 3), (0, 120, 0), np.uint8)


def cell(rgb: Rgb | None, words: str = "confidence 0.90") -> Cell:
    return Cell(person="p1", garment="shirt", seed=7, seconds=1.25, words=words, rgb=rgb)


def test_people_across_garments_down_results_between() -> None:
    cells = [cell(RESULT), cell(None, "no-person: nobody is there")]

    sheet = np.asarray(grid([PERSON, PERSON], [GARMENT], cells, "title"))

    width, height = CELL[0] + MARGIN, CELL[1] + CAPTION
    places = {
        "corner": (0, 0),
        "person": (width, 0),
        "garment": (0, height),
        "result": (width, height),
        "refused": (2 * width, height),
    }
    seen = {name: tuple(sheet[y + CELL[1] // 2, x + CELL[0] // 2]) for name, (x, y) in places.items()}
    assert seen == {
        "corner": BACKGROUND,
        "person": (10, 20, 30),
        "garment": (90, 0, 0),
        "result": (0, 120, 0),
        "refused": BACKGROUND,
    }


def test_the_record_says_how_it_was_made_and_no_paths() -> None:
    engine = FakeEngine(spec=spec("drawn", **DIFFUSION))
    tools = build(Settings(), registry(engine), FakePreparation()).tools
    studio = Studio(choice=Choice(spec=engine.spec, reason="requested"), tools=tools, quality="best")

    made = record(studio, [cell(RESULT), cell(None)])

    assert made["engine"] == "drawn"
    assert made["quality"] == "best"
    assert [each["drawn"] for each in made["cells"]] == [True, False]  # type: ignore[attr-defined]
    assert str(Path.cwd()) not in json.dumps(made)


def test_pictures_come_from_the_samples_or_the_folder(tmp_path: Path) -> None:
    assert [path.name for path in chosen(None, "garments", ("b", "a"), 1)] == ["b.jpg"]
    for name in ("2.png", "1.JPG", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in chosen(tmp_path, "garments", (), 5)] == ["1.JPG", "2.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match="no pictures in"):
        chosen(tmp_path / "empty", "garments", (), 5)
