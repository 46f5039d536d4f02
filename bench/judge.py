"""Blind judgement of try-ons, and the confidence held against it.

    python -m bench.judge sheets PEOPLE GARMENTS --pairs 150 --seed 1 --out out/judge [--per-sheet 4]
    python -m bench.judge table bench/judgements/NAME.csv out/judge/key.json [--photos hard_photos.csv]

``sheets`` draws try-ons of all categories, outfits and worn garments, and puts them onto numbered sheets in
a shuffled order, without any score. Confidence, notices and measures wait in ``key.json`` until somebody has
written a verdict (good, acceptable, wrong) for every number. ``table`` holds them together, for the half of
the people on which the doubts were tuned and for the other half; with ``--photos`` also by what makes the
photos hard.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from bench.judge_pairs import Pair, deal, halves
from bench.judge_sheet import Judged, panel, sheet
from bench.judge_table import by_photo, matched, read_hard_photos, read_judgements, tables
from bench.sheet import SUFFIXES, pictures
from bench.table import show
from bench.tryon import FittingRoom
from inference.engines.base import EngineImage
from inference.engines.warp.engine import in_order, put_on_each
from inference.restore import restore
from preprocess.decode import Limits, decode
from preprocess.errors import InputError
from preprocess.types import Garment, Person


def sheets(options: argparse.Namespace) -> None:
    """Draw, shuffle, number; pictures and key apart."""
    room = FittingRoom.open()
    people = pictures(options.people)
    garments = prepared_by_kind(options.garments, room)
    half = halves([path.name for path in people])
    key: list[dict[str, Any]] = []
    panels = []
    pairs = deal(people, {kind: list(found) for kind, found in garments.items()}, options.pairs, options.seed)
    for person_path, asked in groupby(pairs, key=lambda pair: pair.person):
        for pair, drawn in try_on_all(room, person_path, list(asked), garments):
            person, garment, category = pair.identity
            entry = {"person": person, "garment": garment, "category": category, "half": half[person]}
            if isinstance(drawn, Judged):
                panels.append((len(key), drawn.panel))
            key.append(entry | (drawn.facts() if isinstance(drawn, Judged) else {"refused": drawn}))
    Random(options.seed).shuffle(panels)
    options.out.mkdir(parents=True, exist_ok=True)
    for number, (place, _) in enumerate(panels, start=1):
        key[place]["number"] = number
    for first in range(0, len(panels), options.per_sheet):
        shown = [picture for _, picture in panels[first : first + options.per_sheet]]
        sheet(shown, first + 1).save(options.out / f"sheet_{first + 1:03}.png")
    (options.out / "key.json").write_text(json.dumps(key, indent=1))
    print(f"{options.out}: {len(panels)} pictures, {len(key) - len(panels)} refused")


def prepared_by_kind(folder: Path, room: FittingRoom) -> dict[str, dict[Path, Garment]]:
    """Kind -> file -> garment, of all pictures below a folder."""
    found: dict[str, dict[Path, Garment]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
        try:
            garment = room.garment(decode(path.read_bytes(), Limits()))
        except InputError as error:
            print(f"{path.name} left out: {error.slug}")
            continue
        found.setdefault("worn" if garment.kind == "worn" else garment.category, {})[path] = garment
    return found


def try_on_all(
    room: FittingRoom, person_path: Path, pairs: list[Pair], garments: dict[str, dict[Path, Garment]]
) -> Iterator[tuple[Pair, Judged | str]]:
    """Every try-on of one person, or why it was refused."""
    try:
        person = room.person(decode(person_path.read_bytes(), Limits()))
    except InputError as error:
        yield from ((pair, error.slug) for pair in pairs)
        return
    everything = {path: garment for found in garments.values() for path, garment in found.items()}
    for pair in pairs:
        try:
            yield pair, judged(person, tuple(everything[path] for path in pair.garments))
        except InputError as error:
            yield pair, error.slug


def judged(person: Person, garments: tuple[Garment, ...]) -> Judged:
    """As the engine does it, with the measures of each garment."""
    worn = list(put_on_each(person, in_order(garments), lambda _, work: work()))
    alpha = np.maximum.reduce([tried_on.alpha for tried_on in worn])
    drawn = restore(person.photo, EngineImage(frame=person.frame, rgb=worn[-1].person.image, alpha=alpha))
    notices = (*person.notices, *(notice for tried_on in worn for notice in tried_on.notices))
    return Judged(
        panel=panel(person, garments, drawn.rgb),
        confidence=round(math.prod(tried_on.confidence for tried_on in worn), 2),
        notices=tuple(dict.fromkeys(notice.name for notice in notices)),
        measures=tuple(tried_on.measures for tried_on in worn),
    )


def table(options: argparse.Namespace) -> None:
    key = json.loads(options.key.read_text())
    cases = matched(read_judgements(options.judgements), key)
    hard = () if options.photos is None else (by_photo(cases, read_hard_photos(options.photos)),)
    show((*tables(cases, key), *hard))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    drawing = commands.add_parser("sheets", help="draw pairs onto numbered sheets without scores")
    drawing.add_argument("people", type=Path)
    drawing.add_argument("garments", type=Path, help="folder of garments, searched with its subfolders")
    drawing.add_argument("--pairs", type=int, default=150)
    drawing.add_argument("--seed", type=int, default=1)
    drawing.add_argument("--per-sheet", type=int, default=4)
    drawing.add_argument("--out", type=Path, default=Path("out/judge"))
    drawing.set_defaults(run=sheets)
    counting = commands.add_parser("table", help="confidence against verdicts")
    counting.add_argument("judgements", type=Path)
    counting.add_argument("key", type=Path)
    counting.add_argument("--photos", type=Path, help="csv of what is hard in the photo of each person")
    counting.set_defaults(run=table)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
