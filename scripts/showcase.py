"""The picture grid of the README, drawn by the engine and device that are here: people across, garments down.

    python -m scripts.showcase [--engine NAME] [--people DIR] [--garments DIR] [--out out/showcase.png]

The same requests as over HTTP, with fixed seeds. Beside the picture a JSON file says how it was made: engine,
revision, licence, device, steps, seconds; no paths, so that both can be published. The weights' licence
decides what the pictures may be used for.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from inference.config import Settings
from inference.embedded import EmbeddedPreparation
from inference.engines.base import EngineUnavailable, OutOfMemory
from inference.installed import engines_here
from inference.opening import open_picture
from inference.pictures import Picture
from inference.pipeline import Outcome, Tools, try_on
from inference.problems import Problem
from inference.selection import Choice, choose
from inference.service import build
from inference.stages import Stages
from inference.tryon import GarmentRequest, Options, TryOn
from inference.weights.selftest import versions
from preprocess.errors import InputError
from preprocess.types import Rgb

SAMPLES = Path("samples")
PEOPLE = ("p1_man__base", "p2_woman__base", "p3_woman__base", "p4_man__base")
GARMENTS = {
    "tshirt_print": "upper",
    "longsleeve_stripes": "upper",
    "polo_green": "upper",
    "trousers_denim": "lower",
    "dress_floral": "dress",
}
"""Samples shown where no folder is given, with their categories: those that the engine can serve here."""
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}

CELL = (300, 400)
"""Width and height of one picture on the grid, pixels."""
CAPTION, MARGIN, LINE = 40, 8, 42
BACKGROUND, INK = (250, 250, 248), (60, 60, 60)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One try-on: the picture, or why there is none."""

    person: str
    garment: str
    seed: int
    seconds: float
    words: str
    """Confidence and how it was drawn, or the refusal."""
    rgb: Rgb | None


@dataclass(frozen=True, kw_only=True)
class Studio:
    """The engine with everything around it, loaded once."""

    choice: Choice
    tools: Tools
    quality: str | None
    """None for an engine without that option."""

    @staticmethod
    def open(engine: str, quality: str) -> Studio:
        """Raises ``Problem`` or ``EngineUnavailable`` naming what is missing and the command."""
        settings = Settings()
        registry = engines_here(settings)
        choice = choose(engine, registry, settings)
        preparation = EmbeddedPreparation(settings)
        tools = build(settings, registry, preparation).tools
        tools.preparation.load()
        tools.engines.warm(choice.spec.name)
        return Studio(
            choice=choice, tools=tools, quality=quality if "quality" in choice.spec.options else None
        )

    def picture(self, path: Path) -> Picture:
        return open_picture(path.read_bytes(), self.tools.limits, self.tools.reuse.of(None), field=path.name)

    def draw(self, person: Picture, garment: Picture, seed: int) -> tuple[Rgb | None, str]:
        """One try-on through the pipeline; what is refused becomes words on the grid."""
        options = Options(engine=self.choice.spec.name, seed=seed, quality=self.quality)
        request = TryOn(person=person, garments=(GarmentRequest(source=garment),), options=options)
        try:
            outcome = try_on(request, self.choice, self.tools, Stages())
        except (Problem, InputError) as refusal:
            return None, f"{refusal.slug}: {refusal.detail}"
        return outcome.pictures[0].rgb, described(outcome)

    def facts(self) -> Mapping[str, str]:
        """What the engine says about its device."""
        return self.tools.engines.facts(self.choice.spec.name)


def described(outcome: Outcome) -> str:
    return f"confidence {outcome.confidence:.2f}" + (f", {outcome.sampling}" if outcome.sampling else "")


def chosen(folder: Path | None, kind: str, samples: Sequence[str], most: int) -> list[Path]:
    """The first pictures of a folder by name, or samples; raises ``SystemExit`` where there is none."""
    if folder is None:
        return [SAMPLES / kind / f"{name}.jpg" for name in samples][:most]
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise SystemExit(f"no pictures in {folder} (looked for {', '.join(sorted(SUFFIXES))})")
    return found[:most]


def draw_all(studio: Studio, people: Sequence[Path], garments: Sequence[Path], first_seed: int) -> list[Cell]:
    """Row by row; every picture has its own seed, counted on from the first."""
    opened = {path: studio.picture(path) for path in (*people, *garments)}
    cells: list[Cell] = []
    for garment in garments:
        for person in people:
            start, seed = time.perf_counter(), first_seed + len(cells)
            rgb, words = studio.draw(opened[person], opened[garment], seed)
            cell = Cell(
                person=person.stem,
                garment=garment.stem,
                seed=seed,
                seconds=round(time.perf_counter() - start, 2),
                words=words,
                rgb=rgb,
            )
            print(f"{cell.person} + {cell.garment}: {cell.words} ({cell.seconds:.1f} s)")
            cells.append(cell)
    return cells


def grid(people: Sequence[Rgb], garments: Sequence[Rgb], cells: Sequence[Cell], title: str) -> Image.Image:
    """First row the people, first column the garments, a caption under every result, a title below all."""
    width, height = CELL[0] + MARGIN, CELL[1] + CAPTION
    size = ((len(people) + 1) * width, (len(garments) + 1) * height + CAPTION)
    sheet = Image.new("RGB", size, BACKGROUND)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    for i, person in enumerate(people, start=1):
        paste(sheet, person, i * width, 0)
    for k, garment in enumerate(garments, start=1):
        paste(sheet, garment, 0, k * height)
    for n, cell in enumerate(cells):
        x, y = (n % len(people) + 1) * width, (n // len(people) + 1) * height
        if cell.rgb is not None:
            paste(sheet, cell.rgb, x, y)
        lines = textwrap.wrap(f"{cell.words}; seed {cell.seed}, {cell.seconds:.1f} s", LINE)[:2]
        pen.multiline_text((x + 6, y + CELL[1] + 4), "\n".join(lines), INK, font)
    pen.text((6, size[1] - CAPTION + 8), title, INK, font)
    return sheet


def paste(sheet: Image.Image, rgb: Rgb, x: int, y: int) -> None:
    """Centred in its cell, aspect kept."""
    small = Image.fromarray(rgb)
    small.thumbnail(CELL, Image.Resampling.LANCZOS)
    sheet.paste(small, (x + (CELL[0] - small.width) // 2, y + (CELL[1] - small.height) // 2))


def record(studio: Studio, cells: Sequence[Cell]) -> dict[str, object]:
    """How the picture was made, for its JSON file."""
    spec = studio.choice.spec
    return {
        "engine": spec.name,
        "revision": spec.revision,
        "weights_license": spec.weights_license,
        "quality": studio.quality,
        "facts": dict(studio.facts()),
        "versions": versions(spec),
        "cells": [
            {
                "person": cell.person,
                "garment": cell.garment,
                "seed": cell.seed,
                "seconds": cell.seconds,
                "words": cell.words,
                "drawn": cell.rgb is not None,
            }
            for cell in cells
        ],
    }


def run(options: argparse.Namespace) -> None:
    """Raises what the studio raises."""
    studio = Studio.open(options.engine or "auto", options.quality)
    served = [name for name, category in GARMENTS.items() if studio.choice.serves([category])]
    people = chosen(options.people, "people", PEOPLE, options.most)
    garments = chosen(options.garments, "garments", served, options.most)
    cells = draw_all(studio, people, garments, options.seed)
    spec = studio.choice.spec
    title = ", ".join(
        [
            spec.title,
            *filter(None, [studio.quality]),
            *studio.facts().values(),
            f"weights {spec.weights_license}",
        ]
    )
    photos = [[studio.picture(path).photo.rgb for path in paths] for paths in (people, garments)]
    out: Path = options.out
    out.parent.mkdir(parents=True, exist_ok=True)
    grid(photos[0], photos[1], cells, title).save(out)
    out.with_suffix(".json").write_text(json.dumps(record(studio, cells), indent=1) + "\n")
    refused = sum(cell.rgb is None for cell in cells)
    print(f"{out} and {out.with_suffix('.json').name}: {len(cells)} try-ons, {refused} refused")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="auto", help="a name from `cabine engines` (default: auto)")
    parser.add_argument("--people", type=Path, help="folder (default: four samples)")
    parser.add_argument("--garments", type=Path, help="folder (default: the samples that the engine takes)")
    parser.add_argument("--most", type=int, default=5, help="most people and most garments (default: 5)")
    parser.add_argument("--quality", default="best", choices=("fast", "balanced", "best"))
    parser.add_argument("--seed", type=int, default=1, help="of the first picture; the others count on")
    parser.add_argument("--out", type=Path, default=Path("out/showcase.png"))
    try:
        run(parser.parse_args(arguments))
    except (Problem, InputError, EngineUnavailable, OutOfMemory) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
