"""Accuracy of the person's preparation on the rendered samples: parts, matte, joints, waist and time.

    python -m bench.parsing [--models models] [--json bench/results/parsing.json]

The truth's parts are those of ``samples/LICENSES.md``; both arms are one part there. ``matte`` is the mean
absolute error of alpha over the frame, ``edge`` over the pixels within 3 px of the true silhouette. Parts
smaller than 0.05 % of the picture (a wrist between sleeve and hand) are left out: there IoU measures a
pixel's luck. ``joints`` is the mean distance of the pose from the rig's joints that lie in the picture, in
pixels; the rig's hips and ears lie deeper in the body than what a pose marks, so that ``MediaPipe px``, the
same figure of MediaPipe Pose, is the yardstick.
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
JOINTS = {
    **{"nose": 0, "r_eye": 5, "l_eye": 2, "r_ear": 8, "l_ear": 7},
    **{"r_shoulder": 12, "l_shoulder": 11, "r_elbow": 14, "l_elbow": 13, "r_wrist": 16, "l_wrist": 15},
    **{"r_hip": 24, "l_hip": 23, "r_knee": 26, "l_knee": 25, "r_ankle": 28, "l_ankle": 27},
}
"""Name in ``truth/*.joints.json`` -> index in ``blaze33``."""
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
    row |= {"matte": float(error.mean()), "edge": float(error[band].mean()), "waist": person.waist}
    yardstick = json.loads((truth / "pose_check.json").read_text())[name]["mean_px"]
    return row | {"joints px": joint_error(person, truth / f"{name}.joints.json"), "MediaPipe px": yardstick}


def joint_error(person: Person, truth: Path) -> float:
    """Mean distance from the joints of a rendering that lie in the picture, in pixels of the photo."""
    found = person.frame.to_photo(person.pose.points)
    known = {
        joint["name"]: joint["xy"]
        for joint in json.loads(truth.read_text())["keypoints"]
        if joint["in_frame"] and joint["name"] in JOINTS
    }
    return float(np.mean([np.hypot(*(found[JOINTS[name]] - xy)) for name, xy in known.items()]))


def tables(rows: dict[str, Row]) -> tuple[Table, ...]:
    """IoU per part and errors, one row a person."""
    columns = (*PARTS, "matte", "edge", "joints px", "MediaPipe px", "waist", "cpu_s")
    shown = [column for column in columns if any(column in row for row in rows.values())]
    cells = [[name, *(row.get(column) for column in shown)] for name, row in rows.items()]
    return (Table(columns=("person", *shown), rows=cells),)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
