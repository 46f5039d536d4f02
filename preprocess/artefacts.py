"""Artefacts as files: JSON with tag and frame, PNG beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from preprocess import overlays
from preprocess.agnostic import CATEGORIES, agnostic_mask
from preprocess.densepose import PARTS, render
from preprocess.pose import convert
from preprocess.providers.artefacts import Artefacts
from preprocess.types import (
    LABELS,
    Alpha,
    DensePose,
    FaceRegion,
    Frame,
    Garment,
    GarmentLandmarks,
    LabelMap,
    Mask,
    Notice,
    Person,
    Pose,
    Rgb,
    Sides,
    Sleeve,
)

Json = dict[str, Any]
"""An object of :mod:`json`."""


def write_person(person: Person, directory: Path, artefacts: Artefacts) -> list[Path]:
    """Every artefact of a person; returns the files written."""
    out = _Folder(directory)
    out.picture("person", person.image)
    poses = (person.pose, artefacts.coco18(person), convert(person.pose, "body25"))
    for pose in poses:
        out.document(f"pose-{pose.tag}", pose_json(pose))
        out.picture(f"pose-{pose.tag}", overlays.draw_pose(person.image, pose))
    out.document("face", face_json(person.face))
    out.picture("face", overlays.draw_face(person.image, person.face))
    out.mask("matte", person.matte, person)
    waist = {"waist": _round(person.waist), "waist_confidence": _round(person.waist_confidence)}
    out.labels(person.parsing, person.image, **waist)
    out.labels(artefacts.labels_atr18(person), person.image)
    out.surface(artefacts.densepose(person), person.image)
    for category in CATEGORIES:
        out.mask(f"agnostic-{category}", agnostic_mask(person, category), person)
    out.document("notices", {"notices": notices_json(person.notices)})
    return out.written


def write_garment(garment: Garment, directory: Path) -> list[Path]:
    """Every artefact of a garment; returns the files written."""
    out = _Folder(directory)
    alpha = _grey(garment.alpha)
    out.save("garment", Image.fromarray(np.dstack([garment.image, alpha])))
    out.picture("garment-overlay", overlays.draw_garment(garment))
    out.document(
        "garment",
        {
            **_tagged("garment", garment.frame),
            "category": garment.category,
            "kind": garment.kind,
            "sleeve_length": garment.sleeve_length,
            "cutout_confidence": _round(garment.cutout_confidence),
            "notices": notices_json(garment.notices),
        },
    )
    if garment.landmarks is not None:
        out.document("landmarks", {**_tagged("garment", garment.frame), **landmarks_json(garment.landmarks)})
    if garment.collar is not None:
        collar = garment.collar
        front = _points(collar.front)
        confidence = _round(collar.confidence)
        body = {"kind": collar.kind, "front": front, "confidence": confidence}
        out.document("collar", {**_tagged("garment", garment.frame), **body})
        out.save("collar-opening", Image.fromarray(_grey(collar.opening)))
    return out.written


class _Folder:
    """Where artefacts go, and which have gone there."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self.written: list[Path] = []

    def document(self, name: str, body: Json) -> None:
        path = self._directory / f"{name}.json"
        path.write_text(json.dumps(body, indent=1) + "\n")
        self.written.append(path)

    def save(self, name: str, image: Image.Image) -> None:
        path = self._directory / f"{name}.png"
        image.save(path)
        self.written.append(path)

    def picture(self, name: str, rgb: NDArray[np.uint8]) -> None:
        self.save(name, Image.fromarray(rgb))

    def indexed(self, name: str, labels: NDArray[np.uint8], palette: NDArray[np.uint8]) -> None:
        """A PNG whose pixel values are the labels themselves and whose palette makes them visible."""
        image = Image.fromarray(labels, mode="P")
        image.putpalette(palette.ravel().tolist())
        self.save(name, image)

    def labels(self, labels: LabelMap, image: Rgb, **more: float) -> None:
        name = f"parsing-{labels.tag}"
        confidence = {label: _round(value) for label, value in labels.confidence.items()}
        body = {"labels": list(LABELS[labels.tag]), "confidence": confidence, **more}
        self.document(name, {**_tagged(labels.tag, labels.frame), **body})
        self.indexed(name, labels.labels, overlays.palette(labels.tag))
        self.picture(f"{name}-overlay", overlays.draw_labels(image, labels))

    def surface(self, dense: DensePose, image: Rgb) -> None:
        picture = render(dense)
        every = np.arange(len(PARTS), dtype=np.uint8)[None]
        body = {"parts": list(PARTS), "approximate": dense.approximate}
        self.document(dense.tag, {**_tagged(dense.tag, dense.frame), **body})
        self.indexed(dense.tag, dense.parts, render(replace(dense, parts=every))[0])
        self.picture("densepose-rgb", picture)
        self.picture(f"{dense.tag}-overlay", overlays.mixed(image, picture, dense.parts > 0))

    def mask(self, name: str, mask: Mask, person: Person) -> None:
        self.document(name, _tagged(mask.tag, mask.frame))
        self.save(name, Image.fromarray(_grey(mask.alpha)))
        self.picture(f"{name}-overlay", overlays.draw_mask(person.image, mask.alpha))


def pose_json(pose: Pose) -> Json:
    return {
        **_tagged(pose.tag, pose.frame),
        "score": _round(pose.score),
        "points": _points(pose.points),
        "visibility": [_round(value) for value in pose.visibility],
        "depth": [_round(value) for value in pose.depth],
    }


def face_json(face: FaceRegion) -> Json:
    return {
        **_tagged("face-ellipse", face.frame),
        "centre": _point(face.centre),
        "half_width": _round(face.half_width),
        "half_height": _round(face.half_height),
        "down": _point(face.down),
        "chin": _point(face.chin),
        "visible": face.visible,
    }


def landmarks_json(marks: GarmentLandmarks) -> Json:
    return {
        "centre_x": _round(marks.centre_x),
        **{name: _sides(getattr(marks, name)) for name in ("neck", "shoulder", "armpit", "hem")},
        "sides": [[_round(value) for value in row] for row in marks.sides],
        "sleeves": None
        if marks.sleeves is None
        else {"left": _sleeve(marks.sleeves.left), "right": _sleeve(marks.sleeves.right)},
        "confidence": _round(marks.confidence),
    }


def notices_json(notices: tuple[Notice, ...]) -> list[Json]:
    return [{"name": notice.name, "detail": notice.detail} for notice in notices]


def frame_json(frame: Frame) -> Json:
    return {
        "x0": frame.x0,
        "y0": frame.y0,
        "scale": frame.scale,
        "width": frame.width,
        "height": frame.height,
    }


def _tagged(tag: str, frame: Frame) -> Json:
    return {"tag": tag, "frame": frame_json(frame)}


def _sleeve(sleeve: Sleeve) -> Json:
    return {
        "outer": _points(sleeve.outer),
        "inner": _points(sleeve.inner),
        "overlaps_torso": sleeve.overlaps_torso,
    }


def _sides(pair: Sides[tuple[float, float]]) -> Json:
    return {"left": _point(pair.left), "right": _point(pair.right)}


def _points(points: NDArray[np.float32]) -> list[list[float]]:
    return [[_round(x), _round(y)] for x, y in points]


def _point(point: tuple[float, float]) -> list[float]:
    return [_round(point[0]), _round(point[1])]


def _round(value: float) -> float:
    return round(float(value), 3)


def _grey(alpha: Alpha) -> NDArray[np.uint8]:
    return (np.clip(alpha, 0, 1) * 255).round().astype(np.uint8)
