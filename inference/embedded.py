"""Preparation by the embedded models, which run on any CPU without torch."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path

from inference.engines.base import EngineSpec, EngineUnavailable, MaskAlgorithm
from inference.engines.registry import Requirement
from inference.preparation import PhotoKindAsked
from preprocess.agnostic import agnostic_mask
from preprocess.densepose import approximate_densepose
from preprocess.garment import prepare_garment
from preprocess.models import ModelsError, verify
from preprocess.person import person_score, prepare_person
from preprocess.providers.base import BodyProvider
from preprocess.providers.embedded import EmbeddedProvider
from preprocess.types import DensePose, Garment, Mask, Person, Photo

EMBEDDED_TAGS = frozenset({"blaze33", "coco18", "body25", "basic"})
"""Artefacts that the embedded models give."""


class EmbeddedPreparation:
    """Preparation by the embedded models: CPU, no torch."""

    def __init__(self, models: Path, threads: int) -> None:
        self._models = models
        self._threads = threads
        self._lock = threading.Lock()
        self._provider: BodyProvider | None = None

    def load(self) -> None:
        self._bodies()

    def person_score(self, photo: Photo) -> float:
        return person_score(photo, self._bodies())

    def person(self, photo: Photo, canvas: tuple[int, int]) -> Person:
        return prepare_person(photo, self._bodies(), canvas)

    def garment(self, photo: Photo, *, category: str, kind: PhotoKindAsked) -> Garment:
        return prepare_garment(photo, category=category, kind=kind)

    def agnostic(self, person: Person, category: str, algorithm: MaskAlgorithm) -> Mask:
        return agnostic_mask(person, category)

    def densepose(self, person: Person) -> DensePose:
        return approximate_densepose(person)

    def _bodies(self) -> BodyProvider:
        with self._lock:
            if self._provider is None:
                try:
                    self._provider = EmbeddedProvider(self._models, self._threads)
                except ModelsError as error:
                    raise EngineUnavailable(str(error)) from error
            return self._provider


def needs_embedded_models(models: Path) -> Requirement:
    """A requirement of the registry: the model runtime and the model files, for engines that live on them."""

    def lacks(spec: EngineSpec) -> str | None:
        if not EMBEDDED_TAGS.intersection(spec.artefacts):
            return None
        if importlib.util.find_spec("ai_edge_litert") is None:
            return (
                "The model runtime ai-edge-litert is not installed: pip install 'cabine[inference]' "
                "(it has no build for Intel Macs and Windows; use Docker or WSL there)."
            )
        problems = verify(models)
        return f"{problems[0]}; run: python -m preprocess.models fetch --dir {models}" if problems else None

    return lacks
