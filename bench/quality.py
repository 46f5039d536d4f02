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
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from bench import metrics
from bench.metrics import BoolMask
from bench.table import print_table
from bench.tryon import FittingRoom
from preprocess.types import Rgb

SAMPLES = Path("samples")
PAIRS = ("tshirt_print", "longsleeve_stripes")

PARTS_UPPER = 6
"""``truth/*.parts.png``: value of upper clothes (samples/LICENSES.md)."""
HEM_SHARE = 0.03
"""Edges of the cloth left out when looking for a print: hems and seams are darker than the cloth."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One garment and the rendering that shows it on the person."""

    name: str
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


@dataclass(frozen=True, kw_only=True)
class Score:
    """How one answer compares with the truth; None: does not apply, infinity: nothing was found."""

    answer: str
    ssim: float
    error_body: float
    error_garment: float
    garment_iou: float
    print_offset: float | None = None
    print_size: float | None = None
    print_edges: float | None = None
    print_colour: float | None = None
    stripe_period: float | None = None
    stripe_shift: float | None = None


COLUMNS = {
    "answer": "answer",
    "ssim": "SSIM",
    "error_body": "MAE body",
    "error_garment": "MAE garment",
    "garment_iou": "garment IoU",
    "print_offset": "print offset %",
    "print_size": "print size x",
    "print_edges": "print edges px",
    "print_colour": "print dE00",
    "stripe_period": "stripe period x",
    "stripe_shift": "stripe shift",
}


def load_pair(name: str) -> Pair:
    truth_name = f"p1_man__{name}"
    old_parts, parts = _grey("truth/p1_man__base.parts.png"), _grey(f"truth/{truth_name}.parts.png")
    joints = json.loads((SAMPLES / "truth/p1_man__base.joints.json").read_text())["keypoints"]
    at = {joint["name"]: np.array(joint["xy"]) for joint in joints}
    return Pair(
        name=name,
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


def score(answer: str, picture: Rgb, garment: BoolMask, pair: Pair) -> Score:
    """Compare a picture, whose garment covers ``garment``, with the truth."""
    common = {
        "answer": answer,
        "ssim": metrics.ssim(picture, pair.truth, pair.body),
        "error_body": metrics.mean_error(picture, pair.truth, pair.body),
        "error_garment": metrics.mean_error(picture, pair.truth, pair.upper),
        "garment_iou": metrics.iou(garment, pair.upper),
    }
    details = _print_score if metrics.find_print(pair.truth, _inner(pair.upper)) else None
    if "stripes" in pair.name:
        details = _stripe_score
    return Score(**common, **(details(picture, pair) if details else {}))


def _print_score(picture: Rgb, pair: Pair) -> dict[str, float]:
    cloth = _inner(pair.upper)
    truth = metrics.find_print(pair.truth, cloth)
    product = metrics.find_print(pair.product, _inner(pair.product_mask))
    found = metrics.find_print(picture, cloth)
    if truth is None or product is None:
        raise ValueError(f"{pair.name} has no print to compare")
    if found is None:
        return dict.fromkeys(("print_offset", "print_size", "print_edges", "print_colour"), float("inf"))
    return {
        "print_offset": 100 * float(np.hypot(*np.subtract(found.centre, truth.centre))) / pair.torso_length,
        "print_size": found.size / truth.size,
        "print_edges": metrics.chamfer(picture, found.mask, pair.truth, truth.mask),
        "print_colour": metrics.palette_difference(pair.product, product.mask, picture, found.mask),
    }


def _stripe_score(picture: Rgb, pair: Pair) -> dict[str, float]:
    rows, columns = _chest(pair)
    truth = metrics.stripe_profile(pair.truth, rows, columns)
    found = metrics.stripe_profile(picture, rows, columns)
    period, found_period = metrics.stripe_period(truth), metrics.stripe_period(found)
    if period is None:
        raise ValueError(f"{pair.name} has no stripes to compare")
    if found_period is None:
        return {"stripe_period": float("inf"), "stripe_shift": float("inf")}
    return {
        "stripe_period": found_period / period,
        "stripe_shift": metrics.stripe_shift(found, truth, period),
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


def scores(pair: Pair, room: FittingRoom) -> Iterable[Score]:
    """The engine's answer, the trivial ones, and the truth itself as the ceiling of every measure."""
    result = room.try_on(pair.person, pair.product)
    yield score("warp", result.rgb, room.upper_clothes(result.rgb), pair)
    for answer in TRIVIAL:
        picture = answer(pair)
        yield score(answer.__name__.replace("_", " "), picture, room.upper_clothes(picture), pair)
    yield score("truth itself", pair.truth, room.upper_clothes(pair.truth), pair)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, default=Path("bench/results/quality.json"))
    options = parser.parse_args()
    room = FittingRoom.open()
    report = {name: list(scores(load_pair(name), room)) for name in PAIRS}
    for name, rows in report.items():
        print(f"\n{name} on p1_man")
        used = {
            key: title for key, title in COLUMNS.items() if any(getattr(row, key) is not None for row in rows)
        }
        print_table(list(used.values()), [[getattr(row, key) for key in used] for row in rows])
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(
        json.dumps({name: [asdict(row) for row in rows] for name, rows in report.items()}, indent=1)
    )


if __name__ == "__main__":
    main()
