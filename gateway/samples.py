"""Sample photos offered on the page: read once, served with small thumbnails made in memory.

The only pictures that the gateway decodes: the operator's own, never a caller's.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from PIL import Image

MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}

THUMB_HEIGHT = 240
"""Pixels; twice the height shown on the page, for dense screens (4 to 10 KB each)."""

CATEGORY_WORDS = {
    "upper": {
        "tshirt",
        "shirt",
        "longsleeve",
        "polo",
        "tank",
        "top",
        "sweater",
        "hoodie",
        "jacket",
        "blouse",
    },
    "lower": {"trousers", "jeans", "skirt", "shorts", "pants"},
    "dress": {"dress"},
}
"""First word of a garment's file name -> its category; anything else is left to inference (auto)."""

RACK_ORDER = ("upper", "auto", "lower", "dress")
"""What fewest servers can put on comes last: where it is taken off the rack, nothing else moves."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    kind: str
    name: str
    path: Path
    title: str
    media_type: str
    category: str = "auto"


@dataclass(frozen=True, kw_only=True)
class SampleShelf:
    people: Mapping[str, Sample] = field(default_factory=dict)
    garments: Mapping[str, Sample] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> SampleShelf:
        """What lies in ``folder/people`` and ``folder/garments``; nothing when the folder is missing."""
        garments = _shelve(folder / "garments", "garment")
        in_order = sorted(garments.items(), key=lambda named: RACK_ORDER.index(named[1].category))
        return cls(people=_shelve(folder / "people", "person"), garments=dict(in_order))

    def find(self, kind: str, name: str) -> Sample | None:
        """Only what was listed at the start can be found: a name never becomes a path."""
        return {"person": self.people, "garment": self.garments}.get(kind, {}).get(name)


def _shelve(folder: Path, kind: str) -> dict[str, Sample]:
    if not folder.is_dir():
        return {}
    paths = (path for path in sorted(folder.iterdir()) if path.suffix.lower() in MEDIA_TYPES)
    return {path.name: _sample(path, kind) for path in paths if _is_offered(path.stem)}


def _is_offered(stem: str) -> bool:
    """``WHO__GARMENT`` is a true try-on, kept for measuring; only ``WHO__base`` is to be dressed."""
    return "__" not in stem or stem.endswith("__base")


def _sample(path: Path, kind: str) -> Sample:
    words = path.stem.removesuffix("__base").split("_")
    numbered = re.fullmatch(r"p(\d+)", words[0])
    if numbered and len(words) > 1:
        words = [*words[1:], numbered[1]]
    title = " ".join(words).replace("tshirt", "T-shirt").replace("longsleeve", "long sleeve")
    first = path.stem.split("_")[0]
    category = next((name for name, known in CATEGORY_WORDS.items() if first in known), "auto")
    return Sample(
        kind=kind,
        name=path.name,
        path=path.resolve(),
        title=title[:1].upper() + title[1:],
        media_type=MEDIA_TYPES[path.suffix.lower()],
        category=category if kind == "garment" else "auto",
    )


@lru_cache(maxsize=128)
def thumbnail(path: Path) -> bytes:
    """A WebP of :data:`THUMB_HEIGHT`."""
    with Image.open(path, formats=("JPEG", "PNG", "WEBP")) as image:
        image.draft("RGB", (THUMB_HEIGHT, THUMB_HEIGHT))
        width = max(1, round(image.width * THUMB_HEIGHT / image.height))
        small = image.convert("RGB").resize((width, THUMB_HEIGHT), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "WEBP", quality=78, method=4)
    return out.getvalue()
