"""The stages of parsing, one after the other."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.parsing.colour import Codes, quantise, to_lab
from preprocess.parsing.confidence import label_confidence, notices
from preprocess.parsing.filters import Guide, resize
from preprocess.parsing.hairline import hairline
from preprocess.parsing.labels import part_labels, soft_labels
from preprocess.parsing.layout import Layout, layout
from preprocess.parsing.matte import cut_person, refine
from preprocess.parsing.regions import LOWER, UPPER, first_appearance
from preprocess.parsing.skin import Skin, skin_model
from preprocess.parsing.surfaces import Surfaces, classify
from preprocess.parsing.waist import colour_change, waist_of_labels
from preprocess.parsing.waistline import straightened
from preprocess.types import Alpha, FaceRegion, LabelMap, Mask, Notice, Pose, Rgb

WORKING_HEIGHT = 560
"""Classification happens at this height: fingers are still 4 pixels wide, and it costs a third of a full
frame."""
DENOISE = (5, 18.0, 3.0)
"""Bilateral filter before colours are looked at: diameter, 8 bit colour and pixel sigma."""
GUIDE_RADIUS, GUIDE_EPSILON = 5, 2e-3


@dataclass(frozen=True, kw_only=True)
class Parsing:
    """Matte and labels of one person, in the frame of the pose."""

    matte: Mask
    labels: LabelMap
    waist: float
    """Where the upper clothes end on the spine: 0 = shoulder line, 1 = hip line."""
    waist_confidence: float
    """0..1: how much the colours change there, times how cleanly the labels part."""
    notices: tuple[Notice, ...]


def parse(image: Rgb, pose: Pose, face: FaceRegion, segmentation: Alpha) -> Parsing:
    """Label every pixel of ``image``.

    ``image`` is ``uint8 (H, W, 3)`` in ``pose.frame``, ``pose`` a ``blaze33``, ``segmentation`` the network's
    person mask ``float32 (H, W)`` 0..1. Hats count as hair (both are kept), cloth of a dress as ``upper``
    down to the hips and ``lower`` below, what the person carries as the clothes it covers.
    """
    if pose.tag != "blaze33":
        raise ValueError(f"parsing needs a pose of convention 'blaze33', got {pose.tag!r}")
    scale = min(1.0, WORKING_HEIGHT / image.shape[0])
    working = _reduced(image, scale)
    network = resize(segmentation, working.shape[:2])
    fields = layout(pose, face, working.shape[:2], scale)
    person = cut_person(working, network, fields)
    matte = refine(image, working, person, network)
    solid = person.astype(np.float32)
    lab = to_lab(np.asarray(cv2.bilateralFilter(working, *DENOISE), dtype=np.uint8))
    codes = quantise(lab)
    skin = skin_model(lab, codes, fields, solid)
    waist, change = colour_change(codes, fields.along, _torso_clothes(codes, fields, person, skin))
    guide = Guide.of(working, GUIDE_RADIUS, GUIDE_EPSILON, step=2)
    parsed = classify(codes, guide, fields, solid, first_appearance(codes, fields, solid, skin, waist), waist)
    surface = hairline(parsed, codes, fields, person)
    surface, waist, purity = _parted(surface, lab, codes, fields, person, waist)
    parts = part_labels(surface, fields, waist, person)
    soft = soft_labels(image, working, parts, matte)
    seen = np.where(person, parts, 0).astype(np.uint8)
    return Parsing(
        matte=Mask(tag="matte", frame=pose.frame, alpha=matte),
        labels=LabelMap(
            tag="basic",
            frame=pose.frame,
            labels=soft.argmax(-1).astype(np.uint8),
            soft=soft,
            confidence=label_confidence(seen, surface, codes, fields, parsed.appearance, waist),
        ),
        waist=waist,
        waist_confidence=round(change * purity, 3),
        notices=notices(change, parsed.appearance, seen),
    )


def _reduced(image: Rgb, scale: float) -> Rgb:
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _torso_clothes(codes: Codes, fields: Layout, person: NDArray[np.bool_], skin: Skin) -> NDArray[np.bool_]:
    """Cloth in the torso's column, without arms and hands that lie before it."""
    cloth = person & (skin.likelihood(codes) < 0.3)
    free = (np.minimum(*fields.hand) > 0.2) & (np.minimum(*fields.forearm) > 0.12)
    return np.asarray(cloth & free & (np.abs(fields.across) < 0.8))


def _parted(
    surface: Surfaces,
    lab: NDArray[np.float32],
    codes: Codes,
    fields: Layout,
    person: NDArray[np.bool_],
    waist: float,
) -> tuple[Surfaces, float, float]:
    """Upper and lower clothes parted by an even line, the waist there, and how cleanly they part, 0..1."""
    waist, _ = _waist(fields, person, surface) or (waist, 1.0)
    surface = straightened(surface, lab, codes, fields, person, waist)
    return surface, *(_waist(fields, person, surface) or (waist, 1.0))


def _waist(fields: Layout, person: NDArray[np.bool_], surface: Surfaces) -> tuple[float, float] | None:
    column = person & (np.abs(fields.across) < 0.6)
    return waist_of_labels(fields.along, column & (surface == UPPER), column & (surface == LOWER))
