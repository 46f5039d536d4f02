"""Human parsing without a network of its own: the ``basic`` labels from colours, pose and person segmentation."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from preprocess.parsing import waist as waists
from preprocess.parsing.colour import quantise, to_lab
from preprocess.parsing.filters import Guide, resize
from preprocess.parsing.labels import part_labels, soft_labels
from preprocess.parsing.layout import layout as lay_out
from preprocess.parsing.matte import cut_person, refine
from preprocess.parsing.regions import LOWER, UPPER, first_appearance
from preprocess.parsing.skin import skin_model
from preprocess.parsing.surfaces import classify
from preprocess.types import Alpha, FaceRegion, LabelMap, Mask, Notice, Pose, Rgb

WORKING_HEIGHT = 560
"""Classification happens at this height: fingers are still 4 pixels wide, and it costs a third of a full frame."""

__all__ = ["Parsing", "parse"]


@dataclass(frozen=True, kw_only=True)
class Parsing:
    """Matte and labels of one person, in the frame of the pose."""

    matte: Mask
    labels: LabelMap
    waist: float
    """Where the upper clothes end on the spine: 0 = shoulder line, 1 = hip line."""
    waist_confidence: float
    notices: tuple[Notice, ...]


def parse(image: Rgb, pose: Pose, face: FaceRegion, segmentation: Alpha) -> Parsing:
    """Label every pixel of ``image`` (in ``pose.frame``; ``segmentation`` is the network's 0..1 person mask)."""
    height, width = image.shape[:2]
    scale = min(1.0, WORKING_HEIGHT / height)
    shape = (round(height * scale), round(width * scale))
    working = np.asarray(
        cv2.resize(image, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
    network = resize(segmentation, shape)
    fields = lay_out(pose, face, shape, scale)
    person = cut_person(working, network, fields)
    matte = refine(image, working, person, network)
    small = person.astype(np.float32)
    lab = to_lab(np.asarray(cv2.bilateralFilter(working, 5, 18, 3), dtype=np.uint8))
    codes = quantise(lab)
    skin = skin_model(lab, codes, fields, small)
    clothes = person & (skin.likelihood(codes) < 0.3) & (np.minimum(*fields.hand) > 0.2)
    column = clothes & (np.abs(fields.across) < 0.8) & (np.minimum(*fields.forearm) > 0.12)
    waist, change = waists.colour_change(codes, fields.along, column)
    guide = Guide.of(working, 5, 2e-3, step=2)
    parsed = classify(codes, guide, fields, small, first_appearance(codes, fields, small, skin, waist), waist)
    torso = person & (np.abs(fields.across) < 0.6)
    found = waists.waist_of_labels(
        fields.along, torso & (parsed.surface == UPPER), torso & (parsed.surface == LOWER)
    )
    waist = waist if found is None else found[0]
    labels = part_labels(parsed.surface, fields, waist)
    soft = soft_labels(image, working, labels, matte)
    hard = soft.argmax(-1).astype(np.uint8)
    return Parsing(
        matte=Mask(tag="matte", frame=pose.frame, alpha=matte),
        labels=LabelMap(tag="basic", frame=pose.frame, labels=hard, soft=soft, confidence={}),
        waist=waist,
        waist_confidence=change,
        notices=(),
    )
