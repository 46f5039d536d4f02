"""A contact sheet of try-ons: one PNG, rows person, garment, result, mask, confidence.

    python -m bench.sheet PEOPLE GARMENTS [--each N] [--out out/sheet.png] [--results DIR]

Every person gets ``--each`` garments, dealt out in turn so that all of them are used. What was refused stands
on the sheet with its reason. Results in full size go to ``--results``: thumbnails hide hard edges.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bench.tryon import FittingRoom
from preprocess.decode import Limits, decode
from preprocess.errors import InputError
from preprocess.garment import prepare_garment
from preprocess.types import Garment

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".avif"}
CELL = (256, 342)
"""Width and height of one picture on the sheet, pixels."""
CAPTION = 84
COLUMNS = 8
BACKGROUND, INK = (246, 246, 244), (40, 40, 40)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One column of the sheet, pictures already small."""

    pictures: tuple[Image.Image, ...]
    """Person, garment, result, mask; cut short where one of them was refused."""
    caption: str


def pictures(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise SystemExit(f"no pictures in {folder} (looked for {', '.join(sorted(SUFFIXES))})")
    return found


def pairs(people: list[Path], garments: list[Path], each: int) -> Iterator[tuple[Path, Path]]:
    """Deal the garments out in turn: person 0 gets the first ``each``, person 1 the next ones, and so on."""
    for i, person in enumerate(people):
        for k in range(min(each, len(garments))):
            yield person, garments[(i * each + k) % len(garments)]


def entry(room: FittingRoom, person_path: Path, garment_path: Path, results: Path | None) -> Entry:
    title = f"{person_path.stem[:17]} + {garment_path.stem[:17]}"
    cells: list[Image.Image] = []
    try:
        photo = decode(person_path.read_bytes(), Limits())
        cells.append(_cell(photo.rgb))
        garment = _garment(garment_path)
        cells.append(_cell(garment.photo.rgb))
        fitting = room.dress(room.person(photo), garment)
    except InputError as error:
        return Entry(pictures=tuple(cells), caption=f"{title}\n{error.slug}: {error.detail}")
    if results:
        results.mkdir(parents=True, exist_ok=True)
        Image.fromarray(fitting.rgb).save(results / f"{person_path.stem}__{garment_path.stem}.png")
    warnings = ", ".join(notice.name for notice in fitting.notices) or "no warnings"
    return Entry(
        pictures=(*cells, _cell(fitting.rgb), _cell(fitting.mask)),
        caption=f"{title}\nconfidence {fitting.confidence:.2f}, {fitting.seconds:.1f} s\n{warnings}",
    )


@cache
def _garment(path: Path) -> Garment:
    return prepare_garment(decode(path.read_bytes(), Limits()))


def _cell(pixels: NDArray[np.uint8]) -> Image.Image:
    small = Image.fromarray(pixels).convert("RGB")
    small.thumbnail((CELL[0] - 4, CELL[1] - 4), Image.Resampling.LANCZOS)
    return small


def sheet(entries: list[Entry]) -> Image.Image:
    """Bands of up to :data:`COLUMNS` columns; in a column four pictures and the caption."""
    block = 4 * CELL[1] + CAPTION
    columns = min(COLUMNS, len(entries))
    canvas = Image.new("RGB", (columns * CELL[0], -(-len(entries) // columns) * block), BACKGROUND)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=13)
    for i, item in enumerate(entries):
        x, y = i % columns * CELL[0], i // columns * block
        for row, picture in enumerate(item.pictures):
            left, top = (CELL[0] - picture.width) // 2, (CELL[1] - picture.height) // 2
            canvas.paste(picture, (x + left, y + row * CELL[1] + top))
        lines = [line for part in item.caption.splitlines() for line in textwrap.wrap(part, 38)]
        draw.multiline_text((x + 6, y + 4 * CELL[1] + 4), "\n".join(lines[:5]), INK, font)
    return canvas


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("garments", type=Path)
    parser.add_argument("--each", type=int, default=1, help="garments for each person (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("out/sheet.png"))
    parser.add_argument("--results", type=Path, help="folder for the results in full size")
    options = parser.parse_args()
    room = FittingRoom.open()
    chosen = pairs(pictures(options.people), pictures(options.garments), options.each)
    entries = [entry(room, *pair, options.results) for pair in chosen]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    sheet(entries).save(options.out)
    refused = sum(len(item.pictures) < 4 for item in entries)
    print(f"{options.out}: {len(entries)} try-ons, {refused} refused")


if __name__ == "__main__":
    main()
