"""Preparation by the embedded models, which run on any CPU without torch, and by networks a user brings."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inference.config import Settings
from inference.engines.base import EngineSpec, EngineUnavailable, MaskAlgorithm
from inference.engines.registry import Requirement
from preprocess.agnostic import agnostic_mask
from preprocess.garment import prepare_garment
from preprocess.garment.worn import take_off
from preprocess.models import ModelsError, verify
from preprocess.person import person_score, prepare_person
from preprocess.providers.artefacts import Artefacts
from preprocess.providers.base import BodyProvider
from preprocess.providers.embedded import EmbeddedProvider
from preprocess.providers.full import accepted_sets
from preprocess.types import DensePose, Garment, Mask, Person, Photo
from preprocess.weights import WeightsError

EMBEDDED_TAGS = frozenset({"blaze33", "coco18", "body25", "basic"})
"""Artefacts that the embedded models give."""


class EmbeddedPreparation:
    """People and garments by the embedded models; other conventions by full networks that may be used."""

    def __init__(self, settings: Settings) -> None:
        self._models = settings.models
        self._threads = settings.threads
        accepted = accepted_sets(settings.weights, settings.accepted_licenses)
        self._artefacts = Artefacts(settings.weights, settings.threads, accepted)
        self._lock = threading.Lock()
        self._provider: BodyProvider | None = None

    def load(self) -> None:
        self._bodies()

    def person_score(self, photo: Photo, *, closely: bool) -> float:
        return person_score(photo, self._bodies(), closely=closely)

    def person(self, photo: Photo, canvas: tuple[int, int]) -> Person:
        return prepare_person(photo, self._bodies(), canvas)

    def garment(self, photo: Photo, *, category: str) -> Garment:
        return prepare_garment(photo, category=category)

    def worn(self, person: Person, *, category: str) -> Garment:
        return take_off(person, category=category)

    def agnostic(self, person: Person, category: str, algorithm: MaskAlgorithm) -> Mask:
        if algorithm == "default":
            return agnostic_mask(person, category)
        with _damage_told():
            labels, pose18 = self._artefacts.labels_atr18(person), self._artefacts.coco18(person)
        return agnostic_mask(person, category, algorithm, labels=labels, pose18=pose18)

    def densepose(self, person: Person) -> DensePose:
        with _damage_told():
            return self._artefacts.densepose(person)

    def _bodies(self) -> BodyProvider:
        with self._lock:
            if self._provider is None:
                try:
                    self._provider = EmbeddedProvider(self._models, self._threads)
                except ModelsError as error:
                    raise EngineUnavailable(str(error)) from error
            return self._provider


@contextmanager
def _damage_told() -> Iterator[None]:
    """Networks that somebody brought and that cannot be used are no reason to do with less silently."""
    try:
        yield
    except (ModelsError, WeightsError) as error:
        raise EngineUnavailable(f"{error}.") from error


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
