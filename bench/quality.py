"""Try-ons of the samples against the rendered truth, beside three answers that took no effort.

    python -m bench.quality [--json bench/results/quality.json]

``p1_man`` was rendered in his plain tee and in two of the garments, same pose and light. What the engine
makes of the plain photo is compared with those renderings; so are the unchanged photo, the old garment in the
product's mean colour, and the product pasted flat over the old garment. Doing nothing scores well on pixels
(most of the picture is the same), so the print, the stripes and the garment's outline decide.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from bench import metrics
from bench.metrics import BoolMask
from bench.table import Table, show
from bench.tryon import FittingRoom
from preprocess.types import Rgb

SAMPLES = Path("samples")
PAIRS = ("tshirt_print", "longsleeve_stripes")

PARTS_UPPER = 6
"""``truth/*.parts.png``: value of upper clothes (samples/LICENSES.md)."""
LEAST_CHANGE = 6
"""Levels (of 255) by which a changed pixel differs from the photo: above the noise of JPEG."""
HEM_SHARE = 0.03
"""Edges of the cloth left out when looking for a print: hems and seams are darker than the cloth."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One garment and the rendering that shows it on the person."""

    name: str
    person_file: bytes
    product_file: bytes
    person: Rgb
    product: Rgb
    product_mask: BoolMask
    truth: Rgb
    old_upper: BoolMask
    """Upper clothes on the unchanged photo."""
    upper: BoolMask
    """Upper clothes on the truth."""
    body: BoolMask
    """Box round the person, both photos together."""
    torso_length: float
    """Neck to the middle of the hips in pixels, from the rig's joints: the yardstick of lengths."""


Measures = dict[str, float]
"""Column title -> value; infinity where nothing was found to measure."""


def load_pair(name: str) -> Pair:
    truth_name = f"p1_man__{name}"
    old_parts, parts = _grey("truth/p1_man__base.parts.png"), _grey(f"truth/{truth_name}.parts.png")
    joints = json.loads((SAMPLES / "truth/p1_man__base.joints.json").read_text())["keypoints"]
    at = {joint["name"]: np.array(joint["xy"]) for joint in joints}
    return Pair(
        name=name,
        person_file=(SAMPLES / "people/p1_man__base.jpg").read_bytes(),
        product_file=(SAMPLES / f"garments/{name}.jpg").read_bytes(),
        person=_rgb("people/p1_man__base.jpg"),
        product=_rgb(f"garments/{name}.jpg"),
        product_mask=_grey(f"truth/garment__{name}.mask.png") > 127,
        truth=_rgb(f"people/{truth_name}.jpg"),
        old_upper=old_parts == PARTS_UPPER,
        upper=parts == PARTS_UPPER,
        body=_box((old_parts > 0) | (parts > 0)),
        torso_length=float(np.linalg.norm(at["neck"] - (at["r_hip"] + at["l_hip"]) / 2)),
    )


def _rgb(path: str) -> Rgb:
    return np.asarray(Image.open(SAMPLES / path).convert("RGB"))


def _grey(path: str) -> np.ndarray:
    return np.asarray(Image.open(SAMPLES / path).convert("L"))


def _box(region: BoolMask) -> BoolMask:
    rows, columns = _extent(region)
    box = np.zeros_like(region)
    box[rows, columns] = True
    return box


def _extent(region: BoolMask) -> tuple[slice, slice]:
    rows, columns = np.nonzero(region.any(axis=1))[0], np.nonzero(region.any(axis=0))[0]
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def unchanged(pair: Pair) -> Rgb:
    return pair.person


def recoloured(pair: Pair) -> Rgb:
    """The old garment with its folds, in the product's mean colour."""
    old = pair.person[pair.old_upper].astype(np.float32)
    shading = old.mean(axis=1, keepdims=True) / old.mean()
    result = pair.person.copy()
    result[pair.old_upper] = np.clip(shading * pair.product[pair.product_mask].mean(axis=0), 0, 255)
    return result


def pasted_flat(pair: Pair) -> Rgb:
    """The product's cut-out stretched over the box of the old garment."""
    product = pair.product[_extent(pair.product_mask)]
    cut = pair.product_mask[_extent(pair.product_mask)].astype(np.float32)
    rows, columns = _extent(pair.old_upper)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    cloth = cv2.resize(product, size, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(cut, size, interpolation=cv2.INTER_AREA)[..., None]
    result = pair.person.copy()
    result[rows, columns] = alpha * cloth + (1 - alpha) * result[rows, columns]
    return result


def compare(picture: Rgb, garment: BoolMask, pair: Pair) -> Measures:
    """A picture, whose upper clothes cover ``garment``, against the truth."""
    detail = _stripe_measures if "stripes" in pair.name else _print_measures
    return {
        "garment IoU": metrics.iou(garment, pair.upper),
        "SSIM body": metrics.ssim(picture, pair.truth, pair.body),
        "SSIM garment": metrics.ssim(picture, pair.truth, pair.upper),
        "MAE body": metrics.mean_error(picture, pair.truth, pair.body),
        "MAE garment": metrics.mean_error(picture, pair.truth, pair.upper),
        "edges px": metrics.chamfer(picture, pair.upper, pair.truth, pair.upper),
        **detail(picture, pair),
    }


def _print_measures(picture: Rgb, pair: Pair) -> Measures:
    """Offset in percent of the torso, size against the truth, edge distance, colour against the product."""
    cloth = _inner(pair.upper)
    truth, found = metrics.find_print(pair.truth, cloth), metrics.find_print(picture, cloth)
    product = metrics.find_print(pair.product, _inner(pair.product_mask))
    if truth is None or product is None:
        raise ValueError(f"{pair.name} has no print to compare")
    if found is None:
        return dict.fromkeys(("print offset %", "print size x", "print edges px", "print dE00"), math.inf)
    offset = float(np.hypot(*np.subtract(found.centre, truth.centre)))
    return {
        "print offset %": 100 * offset / pair.torso_length,
        "print size x": found.size / truth.size,
        "print edges px": metrics.chamfer(picture, found.mask, pair.truth, truth.mask),
        "print dE00": metrics.palette_difference(pair.product, product.mask, picture, found.mask),
    }


def _stripe_measures(picture: Rgb, pair: Pair) -> Measures:
    """Distance of the stripes against the truth, and by how much of it they lie too low."""
    rows, columns = _chest(pair)
    truth = metrics.stripe_profile(pair.truth, rows, columns)
    found = metrics.stripe_profile(picture, rows, columns)
    period, found_period = metrics.stripe_period(truth), metrics.stripe_period(found)
    if period is None:
        raise ValueError(f"{pair.name} has no stripes to compare")
    if found_period is None:
        return {"stripe period x": math.inf, "stripe shift": math.inf}
    return {
        "stripe period x": found_period / period,
        "stripe shift": metrics.stripe_shift(found, truth, period),
    }


def _chest(pair: Pair) -> tuple[slice, slice]:
    """The middle fifth of the truth's upper clothes, collar and hem left out."""
    rows, columns = _extent(pair.upper)
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    middle = (columns.start + columns.stop) // 2
    return (
        slice(rows.start + round(0.2 * tall), rows.stop - round(0.05 * tall)),
        slice(middle - round(0.1 * wide), middle + round(0.1 * wide)),
    )


def _inner(cloth: BoolMask) -> BoolMask:
    """The cloth without its outer edge."""
    rows, _ = _extent(cloth)
    reach = round(HEM_SHARE * (rows.stop - rows.start))
    padded = cv2.copyMakeBorder(cloth.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1] > reach)


TRIVIAL: tuple[Callable[[Pair], Rgb], ...] = (unchanged, recoloured, pasted_flat)


def answers(pair: Pair, room: FittingRoom) -> Iterator[tuple[str, Rgb]]:
    """The engine's picture, the trivial ones, and the truth itself: the ceiling of every measure."""
    yield "warp", room.try_on(pair.person_file, pair.product_file).rgb
    for answer in TRIVIAL:
        yield answer.__name__.replace("_", " "), answer(pair)
    yield "the truth itself", pair.truth


def report(pair: Pair, room: FittingRoom) -> dict[str, Measures]:
    """Answer -> measures."""
    return {
        name: compare(picture, new_garment(picture, pair, room), pair)
        for name, picture in answers(pair, room)
    }


def new_garment(picture: Rgb, pair: Pair, room: FittingRoom) -> BoolMask:
    """Where a picture shows new upper clothes: our parsing finds them there and the photo was changed.

    The same rule for every answer: what was left of the old garment does not count, whoever left it.
    """
    change = np.abs(picture.astype(np.int16) - pair.person).max(axis=-1)
    changed = cv2.medianBlur(change.astype(np.uint8), 5) > LEAST_CHANGE
    return np.asarray(room.upper_clothes(picture) & changed)


def tables(reports: dict[str, dict[str, Measures]]) -> tuple[Table, ...]:
    """One table a pair, one row an answer."""
    return tuple(
        Table(
            title=f"{name} on p1_man",
            columns=["answer", *next(iter(rows.values()))],
            rows=[[answer, *found.values()] for answer, found in rows.items()],
        )
        for name, rows in reports.items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, default=Path("bench/results/quality.json"))
    options = parser.parse_args()
    room = FittingRoom.open()
    reports = {name: report(load_pair(name), room) for name in PAIRS}
    show(tables(reports))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(reports, indent=1))


if __name__ == "__main__":
    main()
