"""How far prints are stretched on people, and how far patterns jump at the armholes.

    python -m bench.prints PEOPLE GARMENTS

For every top of a folder (with its subfolders) that is printed: the stretch of the print as a whole and
where it is worst (``inference.engines.warp.types.PrintStretch``), the median and the largest over all people.
For every top with sleeves: how far what the sleeve shows at the seam lies from what the torso shows there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from bench.judge import prepared_by_kind
from bench.seams import jumps
from bench.sheet import pictures
from bench.table import Cell, Table, show
from bench.tryon import FittingRoom
from inference.engines.warp.body import measure
from inference.engines.warp.lay import lay
from preprocess.decode import Limits, decode
from preprocess.errors import InputError
from preprocess.types import Garment, Person


def people_of(folder: Path, room: FittingRoom) -> list[Person]:
    """Everybody in a folder who can be tried on."""
    found = []
    for path in pictures(folder):
        try:
            found.append(room.person(decode(path.read_bytes(), Limits())))
        except InputError as error:
            print(f"{path.name} left out: {error.slug}")
    return found


def stretches(people: list[Person], tops: dict[str, Garment]) -> Table:
    """One row per printed top."""
    rows: list[list[Cell]] = []
    for name, garment in tops.items():
        found = [lay(garment, person, measure(person)).print_stretch for person in people]
        whole, local = (np.array([getattr(each, kind) for each in found]) for kind in ("whole", "local"))
        if local.max() > 1.0:
            rows.append([name, *(float(f(v)) for v in (whole, local) for f in (np.median, np.max))])
    return Table(
        title=f"Stretch of prints on {len(people)} people, longer over shorter axis",
        columns=("garment", "whole, median", "whole, most", "worst place, median", "worst place, most"),
        rows=rows,
    )


def at_seams(people: list[Person], tops: dict[str, Garment]) -> Table:
    """One row per top with sleeves."""
    rows: list[list[Cell]] = []
    for name, garment in tops.items():
        found = [values for person in people if len(values := jumps(garment, person))]
        if found:
            tenths = [float(np.quantile(values, 0.9)) for values in found]
            medians = [float(np.median(values)) for values in found]
            rows.append([name, *(float(f(v)) for v in (medians, tenths) for f in (np.median, np.max))])
    return Table(
        title=f"Jump of patterns at the armholes of {len(people)} people, in % of the shoulders' width",
        columns=("garment", "median", "median, worst person", "90th percentile", "the same, worst person"),
        rows=[[row[0], *(100.0 * float(value) for value in row[1:])] for row in rows],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("garments", type=Path, help="folder of garments, searched with its subfolders")
    options = parser.parse_args()
    room = FittingRoom.open()
    people = people_of(options.people, room)
    prepared = prepared_by_kind(options.garments, room).get("upper", {})
    tops = {path.name: garment for path, garment in prepared.items()}
    show((stretches(people, tops), at_seams(people, tops)))


if __name__ == "__main__":
    main()
