"""Accuracy of the garment cut-out on the rendered samples, and what was found on each: table and JSON.

    python -m bench.garment [--samples samples] [--json bench/results/garment.json] [--photos FILE ...]

``iou`` compares the matte at one half with the true mask, ``matte`` is the mean absolute error of alpha over
the frame, ``edge`` the same within 4 px of the true outline. ``--photos`` adds pictures without a truth.
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
from preprocess.garment import prepare_garment
from preprocess.types import Garment

LIMITS = Limits(max_bytes=20_000_000, max_pixels=40_000_000, min_side=160)
BAND = 9
"""Diameter of the band round the true outline, in pixels."""

Row = dict[str, str | float | None]


def accuracy(garment: Garment, truth: NDArray[np.float32]) -> Row:
    """IoU and errors of the matte against the true one, in the photo's pixels."""
    size = (truth.shape[1], truth.shape[0])
    alpha = np.asarray(cv2.resize(garment.alpha, size, interpolation=cv2.INTER_LINEAR), np.float32)
    found, true = alpha > 0.5, truth > 0.5
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (BAND, BAND))
    edge = cv2.morphologyEx(true.astype(np.uint8), cv2.MORPH_GRADIENT, disc) > 0
    error = np.abs(alpha - truth)
    return {
        "iou": float((found & true).sum() / max(1, (found | true).sum())),
        "matte": float(error.mean()),
        "edge": float(error[edge].mean()),
    }


def row_of(path: Path, truth: Path | None) -> Row:
    """Measure one photo."""
    photo = decode(path.read_bytes(), LIMITS)
    start = time.process_time()
    garment = prepare_garment(photo)
    seconds = time.process_time() - start
    row: Row = {"garment": path.stem, "iou": None, "matte": None, "edge": None}
    if truth is not None and truth.exists():
        row |= accuracy(garment, np.asarray(Image.open(truth), np.float32) / 255.0)
    return row | {
        "category": garment.category,
        "sleeves": garment.sleeve_length if garment.landmarks else None,
        "collar": garment.collar.kind if garment.collar else None,
        "cutout conf": garment.cutout_confidence,
        "landmarks conf": garment.landmarks.confidence if garment.landmarks else None,
        "lower": None if garment.lower is None else "legs" if garment.lower.legs else "skirt",
        "lower conf": garment.lower.confidence if garment.lower else None,
        "collar conf": garment.collar.confidence if garment.collar else None,
        "cpu s": seconds,
    }


def tables(rows: list[Row]) -> tuple[Table, ...]:
    """One row a garment."""
    return (Table(columns=list(rows[0]), rows=[list(row.values()) for row in rows]),)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=Path, default=Path("samples"))
    parser.add_argument("--json", type=Path, default=Path("bench/results/garment.json"))
    parser.add_argument("--photos", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [
        row_of(path, options.samples / "truth" / f"garment__{path.stem}.mask.png")
        for path in sorted((options.samples / "garments").glob("*.jpg"))
    ]
    rows += [row_of(path, None) for path in options.photos]
    show(tables(rows))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
