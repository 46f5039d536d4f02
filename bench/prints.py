"""How far prints are stretched on people.

    python -m bench.prints PEOPLE GARMENTS

For every top of a folder (with its subfolders) that is printed: the stretch of the print as a whole and
where it is worst (``inference.engines.warp.types.PrintStretch``), the median and the largest over all people.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from bench.judge import prepared_by_kind
from bench.sheet import pictures
from bench.table import Cell, Table, show
from bench.tryon import FittingRoom
from inference.engines.warp.body import measure
from inference.engines.warp.lay import lay
from preprocess.decode import Limits, decode
from preprocess.errors import InputError
from preprocess.types import Person


def people_of(folder: Path, room: FittingRoom) -> list[Person]:
    """Everybody in a folder who can be tried on."""
    found = []
    for path in pictures(folder):
        try:
            found.append(room.person(decode(path.read_bytes(), Limits())))
        except InputError as error:
            print(f"{path.name} left out: {error.slug}")
    return found


def stretches(people: list[Person], garments: Path, room: FittingRoom) -> Table:
    """One row per printed top."""
    rows: list[list[Cell]] = []
    for path, garment in prepared_by_kind(garments, room).get("upper", {}).items():
        found = [lay(garment, person, measure(person)).print_stretch for person in people]
        whole, local = (np.array([getattr(each, name) for each in found]) for name in ("whole", "local"))
        if local.max() > 1.0:
            rows.append([path.name, *(float(f(v)) for v in (whole, local) for f in (np.median, np.max))])
    return Table(
        title=f"Stretch of prints on {len(people)} people, longer over shorter axis",
        columns=("garment", "whole, median", "whole, most", "worst place, median", "worst place, most"),
        rows=rows,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("garments", type=Path, help="folder of garments, searched with its subfolders")
    options = parser.parse_args()
    room = FittingRoom.open()
    show((stretches(people_of(options.people, room), options.garments, room),))


if __name__ == "__main__":
    main()
