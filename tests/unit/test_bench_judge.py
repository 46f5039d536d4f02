"""Blind judgement: what is dealt, what the sheets show, how verdicts and confidence are counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.judge_pairs import DEALT, deal, halves
from bench.judge_sheet import HEIGHT, sheet
from bench.judge_table import COLUMNS, by_photo, matched, read_hard_photos, read_judgements, tables

PEOPLE = [Path(f"people/{name}.jpg") for name in "abcdefg"]
GARMENTS = {
    "upper": [Path(f"garments/top{k}.jpg") for k in range(5)],
    "lower": [Path("garments/jeans.jpg"), Path("garments/skirt.jpg")],
    "dress": [Path("garments/dress.jpg")],
    "worn": [Path("garments/worn.jpg")],
}


def test_every_pair_is_dealt_once_and_everything_is_used():
    pairs = deal(PEOPLE, GARMENTS, 60, seed=3)
    assert len(pairs) == 60
    assert len({pair.identity for pair in pairs}) == 60
    assert {pair.person for pair in pairs} == set(PEOPLE)
    assert {path for pair in pairs for path in pair.garments} == {p for of in GARMENTS.values() for p in of}
    assert pairs == sorted(pairs, key=lambda pair: pair.person.name)


def test_the_seed_decides_the_pairs():
    def dealt(seed):
        return [pair.identity for pair in deal(PEOPLE, GARMENTS, 20, seed)]

    assert dealt(1) == dealt(1)
    assert dealt(1) != dealt(2)


def test_kinds_keep_their_shares_and_an_outfit_is_a_top_and_something_below():
    pairs = deal(PEOPLE, GARMENTS, 2 * len(DEALT), seed=0)
    assert Counter(pair.kind for pair in pairs) == Counter(2 * DEALT)
    for pair in pairs:
        if pair.kind == "outfit":
            top, bottom = pair.garments
            assert top in GARMENTS["upper"]
            assert bottom in GARMENTS["lower"]


def test_kinds_without_garments_are_left_out_and_small_sets_run_out():
    pairs = deal(PEOPLE, {"dress": GARMENTS["dress"]}, 100, seed=0)
    assert len(pairs) == len(PEOPLE)


def test_nobody_tries_on_what_they_wear():
    pairs = deal(PEOPLE[:2], {"worn": PEOPLE}, 100, seed=0)
    assert {pair.person for pair in pairs} == set(PEOPLE[:2])
    assert all(pair.person not in pair.garments for pair in pairs)


def test_people_are_halved_by_name_whatever_their_order():
    assert halves(["c", "a", "b"]) == {"a": "tuned", "b": "held out", "c": "tuned"}


def test_a_sheet_is_a_row_of_numbered_panels():
    panels = [Image.fromarray(np.full((HEIGHT, width, 3), 90, np.uint8)) for width in (700, 500)]
    drawn = sheet(panels, first=7)
    assert drawn.size == (1200, HEIGHT)
    marked = np.abs(np.asarray(drawn).astype(int) - 90).max(axis=-1) > 0
    assert marked[:60, :700].any()
    assert marked[:60, 700:].any()
    assert not marked[60:].any()


def judgements(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
    return path


def entry(garment: str, confidence: float, half: str = "tuned", **more: object) -> dict[str, object]:
    facts = {"category": "upper", "half": half, "confidence": confidence, "notices": [], "measures": []}
    return {"person": "a.jpg", "garment": garment, **facts, **more}


def test_verdicts_are_counted_against_confidence(tmp_path):
    verdicts = read_judgements(
        judgements(
            tmp_path / "j.csv",
            "a.jpg,1.jpg,upper,good,",
            'a.jpg,2.jpg,upper,wrong,"collar, torn"',
            "a.jpg,3.jpg,upper,wrong,sleeve missing",
            "a.jpg,4.jpg,upper,acceptable,",
        )
    )
    key = [
        entry("1.jpg", 0.9),
        entry("2.jpg", 0.2),
        entry("3.jpg", 0.8, half="held out"),
        entry("4.jpg", 0.5),
        {
            "person": "a.jpg",
            "garment": "5.jpg",
            "category": "upper",
            "half": "tuned",
            "refused": "no-garment",
        },
        entry("6.jpg", 0.1),  # not judged
    ]
    by_category, tuned, held_out, caught = tables(matched(verdicts, key), key)
    assert by_category.rows == [["upper", 1, 1, 2, 1, 1], ["all", 1, 1, 2, 1, 1]]
    assert tuned.rows == [["good", 0, 0, 0, 0, 1], ["acceptable", 0, 0, 1, 0, 0], ["wrong", 1, 0, 0, 0, 0]]
    assert held_out.rows[2] == ["wrong", 0, 0, 0, 1, 0]
    assert caught.rows == [
        ["tuned", "0 of 1 (0%)", "0 of 1 (0%)", "1 of 1 (100%)"],
        ["held out", "0 of 0", "0 of 0", "0 of 1 (0%)"],
        ["all", "0 of 1 (0%)", "0 of 1 (0%)", "1 of 2 (50%)"],
    ]


def test_a_verdict_that_is_none_is_named(tmp_path):
    path = judgements(tmp_path / "j.csv", "a.jpg,1.jpg,upper,good,", "a.jpg,2.jpg,upper,fine,")
    with pytest.raises(ValueError, match="line 3: 'fine' is none of good, acceptable, wrong"):
        read_judgements(path)


def test_other_columns_are_refused(tmp_path):
    path = tmp_path / "j.csv"
    path.write_text("person,verdict\na,good\n")
    with pytest.raises(ValueError, match="columns person,garment,category,verdict,why expected"):
        read_judgements(path)


def test_verdicts_are_counted_by_what_is_hard_in_a_photo(tmp_path):
    photos = tmp_path / "photos.csv"
    photos.write_text("person,what is hard\na.jpg,seated;bag\nb.jpg,bag\n")
    key = [entry("1.jpg", 0.9), entry("2.jpg", 0.9, person="b.jpg"), entry("3.jpg", 0.2, person="c.jpg")]
    path = judgements(
        tmp_path / "j.csv",
        "a.jpg,1.jpg,upper,wrong,",
        "b.jpg,2.jpg,upper,good,",
        "c.jpg,3.jpg,upper,wrong,",
    )
    found = by_photo(matched(read_judgements(path), key), read_hard_photos(photos))
    assert found.rows == [["seated", 0, 0, 1, 1], ["bag", 1, 0, 1, 1]]


def test_other_columns_of_hard_photos_are_refused(tmp_path):
    path = tmp_path / "photos.csv"
    path.write_text("person,hard\na,seated\n")
    with pytest.raises(ValueError, match="columns person,what is hard expected"):
        read_hard_photos(path)
