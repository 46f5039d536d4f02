"""Human parsing by SCHP (Li et al., "Self-Correction for Human Parsing", TPAMI 2020), two ResNet-101.

Signature of both files: one input ``input.1``, ``float32 (1, 3, S, S)`` with S 512 (ATR) or 473 (LIP), BGR;
output number 1 (of several, counted from 0) is ``float32 (1, K, n, n)`` logits of the fused branch with K 18
(ATR) or 20 (LIP). As IDM-VTON runs them (``docs/preprocessing-models.md``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.models import ModelsError
from preprocess.providers.full.letterbox import Letterbox
from preprocess.providers.full.network import Network, Shape, Tensor
from preprocess.types import ATR_LABELS, LabelMap, Person, Rgb

MEAN = np.array([0.406, 0.456, 0.485], np.float32)
STD = np.array([0.225, 0.224, 0.229], np.float32)
"""ImageNet's, in the order B, G, R."""
ATR_SIDE, LIP_SIDE = 512, 473
ATR_SHAPE: Shape = (1, 3, ATR_SIDE, ATR_SIDE)
LIP_SHAPE: Shape = (1, 3, LIP_SIDE, LIP_SIDE)
OUTPUTS = 2
FUSED = 1
ATR_CLASSES, LIP_CLASSES = 18, 20
LIP_FACE = 13

UPPER_CLOTHES, HEAD = ATR_LABELS.index("upper_clothes"), ATR_LABELS.index("head")
ARMS = (ATR_LABELS.index("left_arm"), ATR_LABELS.index("right_arm"))
NECK = ATR_LABELS.index("neck")
LARGEST_HOLE = 2000 / (384 * 512)
"""Share of the picture: the reference keeps holes of more than 2000 pixels at 384x512."""

FRINGE = 2 / 128
"""Of the picture's longer side, two cells of the output: how far the memberships of other people reach."""

Labels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Parser:
    atr: Network
    lip: Network

    @classmethod
    def open(cls, atr: Path, lip: Path, threads: int) -> Self:
        """Raises :class:`preprocess.models.ModelsError`."""
        return cls(
            atr=Network(atr, threads, takes=ATR_SHAPE, gives=OUTPUTS),
            lip=Network(lip, threads, takes=LIP_SHAPE, gives=OUTPUTS),
        )

    def __call__(self, person: Person) -> LabelMap:
        """``atr18`` with the neck, in the person's frame; other people of the picture become background."""
        soft = probabilities(self.atr, person.image, ATR_SIDE, ATR_CLASSES)
        lip = probabilities(self.lip, person.image, LIP_SIDE, LIP_CLASSES)
        face = lip.argmax(axis=0) == LIP_FACE
        labels = with_neck(fill_holes(soft.argmax(axis=0).astype(np.uint8)), face)
        others = strangers(labels > 0, person.matte.alpha > 0.5)
        labels[others] = 0
        return _label_map(person, labels, soft, face, others)


def probabilities(network: Network, rgb: Rgb, side: int, classes: int) -> NDArray[np.float32]:
    """``(K, H, W)`` of a picture ``uint8 (H, W, 3)``: logits on its own pixels, softmax over the classes.

    Raises :class:`ModelsError` for a network of another number of classes.
    """
    box = Letterbox.centred(rgb.shape[1], rgb.shape[0], side)
    logits = network(network_input(box.picture(rgb)))[FUSED][0]
    if len(logits) != classes:
        raise ModelsError(
            f"the parsing network has {len(logits)} classes, expected {classes}: the files of "
            "ATR and LIP are exchanged, or it is another network"
        )
    planes = box.grid(logits, (rgb.shape[1], rgb.shape[0]))
    planes -= planes.max(axis=0)
    np.exp(planes, out=planes)
    planes /= planes.sum(axis=0)
    return planes


def network_input(rgb: Rgb) -> Tensor:
    """``uint8 (S, S, 3)`` RGB to ``float32 (1, 3, S, S)`` BGR, ImageNet's mean 0 and deviation 1."""
    normal = (rgb[..., ::-1].astype(np.float32) / 255.0 - MEAN) / STD
    return np.asarray(normal.transpose(2, 0, 1)[None], dtype=np.float32)


def fill_holes(labels: Labels) -> Labels:
    """Small holes that upper clothes and arms enclose become upper clothes.

    A hole is what no path of side-by-side pixels connects to the picture's border without crossing either.
    """
    closed = np.isin(labels, (UPPER_CLOTHES, *ARMS))
    outside = np.pad(~closed, 1, constant_values=True).astype(np.uint8)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(outside, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] <= LARGEST_HOLE * labels.size
    small[[0, pieces[0, 0]]] = False  # clothes and arms themselves; all round
    return np.where(small[pieces[1:-1, 1:-1]], UPPER_CLOTHES, labels).astype(np.uint8)


def with_neck(labels: Labels, face: NDArray[np.bool_]) -> Labels:
    """Head of ATR that is not face of LIP becomes neck (18)."""
    return np.where((labels == HEAD) & ~face, NECK, labels).astype(np.uint8)


def strangers(people: NDArray[np.bool_], matte: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pieces of ``people`` that do not touch the person's matte."""
    _, pieces = cv2.connectedComponents(people.astype(np.uint8), connectivity=8)
    ours = np.unique(pieces[matte])
    return people & ~np.isin(pieces, ours)


def _label_map(
    person: Person,
    labels: Labels,
    planes: NDArray[np.float32],
    face: NDArray[np.bool_],
    others: NDArray[np.bool_],
) -> LabelMap:
    """Memberships that agree with the labels, which holes, neck and strangers have changed."""
    height, width = labels.shape
    soft = np.zeros((height, width, len(ATR_LABELS)), np.float16)
    soft[..., : len(planes)] = np.moveaxis(planes, 0, -1)
    soft[..., NECK] = np.where(face, 0, soft[..., HEAD])
    soft[..., HEAD] = np.where(face, soft[..., HEAD], 0)
    fringe = cv2.dilate(
        others.astype(np.uint8), np.ones((3, 3)), iterations=math.ceil(FRINGE * max(width, height))
    )
    changed = (soft.argmax(axis=-1) != labels) | (fringe > 0) & (labels == 0)
    soft[changed] = np.eye(len(ATR_LABELS), dtype=np.float16)[labels[changed]]
    confidence = {
        ATR_LABELS[k]: round(float(soft[labels == k][:, k].mean(dtype=np.float32)), 3)
        for k in np.unique(labels)
        if k
    }
    return LabelMap(tag="atr18", frame=person.frame, labels=labels, soft=soft, confidence=confidence)
