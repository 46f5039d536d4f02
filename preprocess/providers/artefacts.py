"""Artefacts that engines ask for by tag, from whichever provider can give them here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from preprocess.densepose import approximate_densepose
from preprocess.errors import InputError
from preprocess.labels import convert as convert_labels
from preprocess.pose import convert as convert_pose
from preprocess.providers.full import FullArtefacts, available
from preprocess.providers.full.network import runtime_installed
from preprocess.types import DensePose, LabelMap, Person, Pose

TAGS = ("atr18", "coco18", "densepose-parts")
Source = Literal["full", "embedded"]


class Artefacts:
    """Each by the full provider where that can and may serve, by the embedded one otherwise.

    The full one needs ``onnxruntime``, the files and, as their licences forbid commercial use, an operator
    who accepted them: networks that merely lie in the folder are not used.

    Safe to share between threads; networks are loaded when they are first needed. Files that are there but
    damaged raise ``WeightsError`` or ``ModelsError``: whoever installed the real one gets no approximation.
    """

    def __init__(self, weights: Path, threads: int, accepted: Collection[str]) -> None:
        """``weights`` is the folder of all weights, looked at now; ``accepted`` names the sets in use.

        (:func:`~preprocess.providers.full.spec.accepted_sets` tells them.)
        """
        self._full = FullArtefacts(weights, threads, accepted)
        self._tags = available(weights, accepted) if runtime_installed() else frozenset[str]()

    def sources(self) -> Mapping[str, Source]:
        """Convention tag -> who gives it."""
        return {tag: "full" if tag in self._tags else "embedded" for tag in TAGS}

    def labels_atr18(self, person: Person) -> LabelMap:
        """Human parsing with ATR's labels and neck, in the person's frame."""
        if "atr18" in self._tags:
            return self._full.parse(person)
        return convert_labels(person.parsing, "atr18", person.pose)

    def coco18(self, person: Person) -> Pose:
        """OpenPose's 18 points in the person's frame; unknown ones have visibility 0."""
        if "coco18" in self._tags:
            return self._full.pose18(person)
        return convert_pose(person.pose, "coco18")

    def densepose(self, person: Person) -> DensePose:
        """Body parts in the person's frame; ``approximate`` says whether they were painted.

        A person whom the landmarks found and DensePose does not see is painted too.
        """
        if "densepose-parts" in self._tags:
            try:
                return self._full.densepose(person)
            except InputError:
                return approximate_densepose(person)
        return approximate_densepose(person)
