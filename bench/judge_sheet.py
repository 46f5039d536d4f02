"""Sheets for blind judgement: the result large, person and garments small beside it, a number, no score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from preprocess.geometry import unframe
from preprocess.types import Garment, Person, Rgb

HEIGHT = 720
"""Of the result in pixels: hard edges and painted skin are seen from here on."""
SIDE = 180
"""Width of the column with person and garments."""
MARGIN = 0.06
"""Of the photo's height, left round the person."""
BACKGROUND, INK = (255, 255, 255), (200, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A try-on, and what the engine thinks of it."""

    panel: Image.Image
    confidence: float
    notices: tuple[str, ...]
    measures: tuple[Mapping[str, float], ...]
    """Of each garment, in the order worn."""

    def facts(self) -> dict[str, object]:
        """All but the picture, for the key."""
        return {
            "confidence": self.confidence,
            "notices": self.notices,
            "measures": [dict(measured) for measured in self.measures],
        }


def panel(person: Person, garments: Sequence[Garment], result: Rgb) -> Image.Image:
    """One try-on; person and result are cut to the person, so that somebody far away is seen as well."""
    rows, columns = _body(person)
    large = _fitted(result[rows, columns], (HEIGHT, HEIGHT))
    aside = [person.photo.rgb[rows, columns], *(garment.photo.rgb for garment in garments)]
    canvas = Image.new("RGB", (large.width + SIDE, HEIGHT), BACKGROUND)
    canvas.paste(large, (SIDE, 0))
    for place, pixels in enumerate(aside):
        small = _fitted(pixels, (SIDE - 6, HEIGHT // len(aside) - 6))
        canvas.paste(small, (0, place * HEIGHT // len(aside) + 3))
    return canvas


def _fitted(pixels: Rgb, box: tuple[int, int]) -> Image.Image:
    """As large as fits into ``box`` (width, height), enlarged where needed."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    scale = min(box[0] / picture.width, box[1] / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _body(person: Person) -> tuple[slice, slice]:
    """Rows and columns of the photo that show the person."""
    photo = person.photo
    seen = unframe(person.matte.alpha, person.frame, (photo.width, photo.height)) > 0.5
    margin = round(MARGIN * photo.height)
    bounds = []
    for axis in (1, 0):
        used = np.flatnonzero(seen.any(axis=axis))
        size = seen.shape[1 - axis]
        bounds.append(slice(max(0, int(used[0]) - margin), min(size, int(used[-1]) + 1 + margin)))
    return bounds[0], bounds[1]


def sheet(panels: Sequence[Image.Image], first: int) -> Image.Image:
    """Panels in a row, numbered from ``first``."""
    canvas = Image.new("RGB", (sum(picture.width for picture in panels), HEIGHT), BACKGROUND)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=40)
    x = 0
    for number, picture in enumerate(panels, start=first):
        canvas.paste(picture, (x, 0))
        draw.text((x + SIDE + 8, 4), str(number), INK, font, stroke_width=2, stroke_fill=BACKGROUND)
        x += picture.width
    return canvas
