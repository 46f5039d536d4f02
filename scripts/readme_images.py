"""The pictures of the README: try-ons of the samples, made by the project itself.

python -m scripts.readme_images
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.tryon import Fitting, FittingRoom
from preprocess.decode import Limits, decode
from preprocess.types import Rgb

SAMPLES, OUT = Path("samples"), Path("docs/images")
TRY_ONS = (
    ("p2_woman__base", "tshirt_print"),
    ("p1_man__base", "longsleeve_stripes"),
    ("p4_man__base", "polo_green", "trousers_denim"),
    ("p4_man__base", "skirt_navy"),
    ("p3_woman__base", "dress_floral"),
)
"""A person and what is put on together."""
CELL = (360, 480)
CAPTION = 30
BACKGROUND, INK = (250, 250, 248), (60, 60, 60)


def strip(person: Rgb, garments: list[Rgb], fitting: Fitting) -> Image.Image:
    """Photo, garments, result and mask side by side with a line of words."""
    mask = np.repeat(fitting.mask[..., None], 3, axis=2)
    cells = [
        (person, "photo"),
        *((garment, "garment") for garment in garments),
        (fitting.rgb, f"result, confidence {fitting.confidence:.2f}"),
        (mask, "mask"),
    ]
    sheet = Image.new("RGB", (len(cells) * CELL[0], CELL[1] + CAPTION), BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=16)
    for i, (pixels, title) in enumerate(cells):
        picture = Image.fromarray(pixels)
        picture.thumbnail(CELL, Image.Resampling.LANCZOS)
        sheet.paste(picture, (i * CELL[0] + (CELL[0] - picture.width) // 2, (CELL[1] - picture.height) // 2))
        draw.text((i * CELL[0] + 10, CELL[1] + 5), title, INK, font)
    return sheet


def main() -> None:
    room = FittingRoom.open()
    OUT.mkdir(parents=True, exist_ok=True)
    for person_name, *garment_names in TRY_ONS:
        person = (SAMPLES / "people" / f"{person_name}.jpg").read_bytes()
        garments = [(SAMPLES / "garments" / f"{name}.jpg").read_bytes() for name in garment_names]
        fitting = room.try_on(person, *garments)
        shown, *products = (decode(data, Limits()).rgb for data in (person, *garments))
        path = OUT / f"{person_name.split('_')[0]}_{'_'.join(garment_names)}.jpg"
        strip(shown, products, fitting).save(path, quality=86)
        print(f"{path}: confidence {fitting.confidence:.2f}, {path.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
