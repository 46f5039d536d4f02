"""Accuracy of the parsing on the rendered samples: IoU per part, matte error, waist and time.

    python -m bench.parsing [--models models] [--json bench/results/parsing.json]

The truth's parts are those of ``samples/LICENSES.md``; both arms are one part there. ``matte`` is the mean
absolute error of alpha over the frame, ``edge`` over the pixels within 3 px of the true silhouette. Parts
smaller than 0.05 % of the picture (a wrist between sleeve and hand) are left out: there IoU measures a
pixel's luck.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.table import Table, show
from preprocess.decode import Limits, decode
from preprocess.geometry import unframe
from preprocess.parsing import parse
from preprocess.person import prepare_person
from preprocess.providers.embedded import EmbeddedProvider
from preprocess.types import Person

CANVAS = (768, 1024)
PARTS = {
    "hair": (1, ("hair",)),
    "face": (2, ("face",)),
    "neck": (3, ("neck",)),
    "arms": (4, ("left_arm", "right_arm")),
    "hands": (5, ("hands",)),
    "upper": (6, ("upper",)),
    "lower": (7, ("lower",)),
    "shoes": (8, ("shoes",)),
    "legs": (9, ("legs",)),
}
"""Name, value in ``truth/*.parts.png``, labels of ``basic``."""
LEAST_PART = 0.0005
EDGE = 7
"""Diameter of the band round the true silhouette, in pixels."""

Row = dict[str, float]


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks; 1 when both are empty."""
    union = int((one | other).sum())
    return float((one & other).sum() / union) if union else 1.0


def measure(person: Person, truth: Path, name: str) -> Row:
    """One row of the table: IoU per part that the truth shows, errors of the matte."""
    parts = np.asarray(Image.open(truth / f"{name}.parts.png"))
    alpha = np.asarray(Image.open(truth / f"{name}.alpha.png"), dtype=np.float32) / 255.0
    size = (person.photo.width, person.photo.height)
    row: Row = {}
    for part, (value, labels) in PARTS.items():
        if (parts == value).mean() > LEAST_PART:
            found = unframe(person.parsing.weight(*labels), person.frame, size) > 0.5
            row[part] = iou(parts == value, found)
    error = np.abs(unframe(person.matte.alpha, person.frame, size) - alpha)
    outline = ((alpha > 0.02) & (alpha < 0.98)).astype(np.uint8)
    band = cv2.dilate(outline, np.ones((EDGE, EDGE), np.uint8)) > 0
    return row | {"matte": float(error.mean()), "edge": float(error[band].mean()), "waist": person.waist}


def tables(rows: dict[str, Row]) -> tuple[Table, ...]:
    """IoU per part, one row a person."""
    columns = (*PARTS, "matte", "edge", "waist", "cpu_s")
    shown = [column for column in columns if any(column in row for row in rows.values())]
    cells = [[name, *(row.get(column) for column in shown)] for name, row in rows.items()]
    return (Table(columns=("person", *shown), rows=cells),)


def main() -> None:
    arguments = argparse.ArgumentParser(description="Accuracy of the parsing on the rendered samples")
    arguments.add_argument("--models", type=Path, default=Path("models"))
    arguments.add_argument("--samples", type=Path, default=Path("samples"))
    arguments.add_argument("--json", type=Path, default=Path("bench/results/parsing.json"))
    options = arguments.parse_args()
    provider = EmbeddedProvider(options.models, threads=1)
    rows: dict[str, Row] = {}
    for file in sorted((options.samples / "people").glob("*.jpg")):
        person = prepare_person(decode(file.read_bytes(), Limits()), provider, CANVAS)
        row = measure(person, options.samples / "truth", file.stem)
        start = time.process_time()
        parse(person.image, person.pose, person.face, person.matte.alpha)
        rows[file.stem] = row | {"cpu_s": time.process_time() - start}
    show(tables(rows))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
