"""Sheets for the documentation, made of the samples alone: nothing on them shows anybody who exists.

    python -m bench.truth_sheets [--out docs/images]

One for each true pair (product, photo, every answer that :mod:`bench.quality` measures, the truth), and one
of what no truth was rendered for: bottoms, a dress, an outfit.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.quality import PAIRS, SAMPLES, answers, load_pair
from bench.tryon import FittingRoom
from preprocess.types import Rgb

HEIGHT, CAPTION = 440, 26
"""Pixels of a picture and of the line below it."""
QUALITY = 82
"""Of the JPEG: a sheet stays below 300 KB."""
UNMEASURED = (
    ("p2_woman__base", ("skirt_navy",)),
    ("p4_man__base", ("trousers_denim",)),
    ("p3_woman__base", ("dress_floral",)),
    ("p4_man__base", ("tshirt_mustard", "trousers_denim")),
    ("p3_woman__base", ("tank_rose", "skirt_navy")),
)
"""Person and garments of the sheet without truth."""

Captioned = tuple[Rgb, str]


def row(pictures: Sequence[Captioned]) -> Image.Image:
    """Pictures of one height side by side, each with a line below it."""
    scaled = []
    for pixels, caption in pictures:
        picture = Image.fromarray(pixels)
        width = round(picture.width * HEIGHT / picture.height)
        scaled.append((picture.resize((width, HEIGHT), Image.Resampling.LANCZOS), caption))
    canvas = Image.new("RGB", (sum(picture.width for picture, _ in scaled), HEIGHT + CAPTION), "white")
    draw, font, x = ImageDraw.Draw(canvas), ImageFont.load_default(size=15), 0
    for picture, caption in scaled:
        canvas.paste(picture, (x, 0))
        draw.text((x + 4, HEIGHT + 3), caption, "black", font)
        x += picture.width
    return canvas


def measured(name: str, room: FittingRoom) -> Image.Image:
    """Product, photo, answers and truth of one true pair."""
    pair = load_pair(name)
    shown = [(pair.product, name), *((picture, title) for title, picture in answers(pair, room))]
    return row(shown)


def unmeasured(room: FittingRoom) -> Image.Image:
    """Photo and result of :data:`UNMEASURED`, named by the garments."""
    shown: list[Captioned] = []
    for person, garments in UNMEASURED:
        file = SAMPLES / f"people/{person}.jpg"
        products = [(SAMPLES / f"garments/{name}.jpg").read_bytes() for name in garments]
        shown.append((np.asarray(Image.open(file).convert("RGB")), "photo"))
        shown.append((room.try_on(file.read_bytes(), *products).rgb, " + ".join(garments)))
    half = len(shown) // 2 + len(shown) // 2 % 2
    rows = [row(shown[:half]), row(shown[half:])]
    canvas = Image.new("RGB", (max(picture.width for picture in rows), 2 * (HEIGHT + CAPTION)), "white")
    for place, picture in enumerate(rows):
        canvas.paste(picture, (0, place * (HEIGHT + CAPTION)))
    return canvas


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    out = parser.parse_args().out
    room = FittingRoom.open()
    sheets = {f"truth_{name}": measured(name, room) for name in PAIRS} | {"samples": unmeasured(room)}
    for name, sheet in sheets.items():
        sheet.save(out / f"{name}.jpg", quality=QUALITY, optimize=True)
        print(f"{out / name}.jpg written")


if __name__ == "__main__":
    main()
