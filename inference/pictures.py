"""One input picture together with what was prepared from it, so that it is prepared only once."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np

from inference.engines.base import MaskAlgorithm
from inference.preparation import CANVAS, WORN, PhotoKindAsked, Preparation
from preprocess.types import DensePose, Garment, Mask, Person, Photo, PhotoKind

T = TypeVar("T")


class Picture:
    """Lives as long as a request, or as long as the asset that holds it; safe to share between threads."""

    def __init__(self, photo: Photo) -> None:
        self.photo = photo
        self._lock = threading.RLock()
        self._prepared: dict[tuple[object, ...], object] = {}
        self._scores: dict[bool, float] = {}

    def person(self, preparation: Preparation, canvas: tuple[int, int]) -> Person:
        return self._once(("person", canvas), lambda: preparation.person(self.photo, canvas))

    def agnostic(
        self, preparation: Preparation, canvas: tuple[int, int], category: str, algorithm: MaskAlgorithm
    ) -> Mask:
        """What may change on the person of this picture."""
        person = self.person(preparation, canvas)
        return self._once(
            ("agnostic", canvas, category, algorithm),
            lambda: preparation.agnostic(person, category, algorithm),
        )

    def densepose(self, preparation: Preparation, canvas: tuple[int, int]) -> DensePose:
        person = self.person(preparation, canvas)
        return self._once(("densepose", canvas), lambda: preparation.densepose(person))

    def garment(
        self, preparation: Preparation, *, category: str, kind: PhotoKind, description: str
    ) -> Garment:
        """The garment of this picture: lying flat in it, or worn by the person it shows."""

        def make() -> Garment:
            if kind == "worn":
                return preparation.worn(self.person(preparation, CANVAS), category=category)
            return preparation.garment(self.photo, category=category)

        return dataclasses.replace(self._once(("garment", category, kind), make), description=description)

    def kind(self, preparation: Preparation, asked: PhotoKindAsked) -> PhotoKind:
        """How the garment is shown; ``auto`` looks whether somebody wears it."""
        if asked != "auto":
            return asked
        return "worn" if self._score(preparation, closely=False) >= WORN else "flat"

    def person_score(self, preparation: Preparation) -> float:
        """Is somebody visible, however small."""
        return self._score(preparation, closely=True)

    def _score(self, preparation: Preparation, *, closely: bool) -> float:
        with self._lock:
            if closely not in self._scores:
                self._scores[closely] = preparation.person_score(self.photo, closely=closely)
            return self._scores[closely]

    def _once(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        with self._lock:
            if key not in self._prepared:
                self._prepared[key] = make()
            return cast(T, self._prepared[key])

    def forget(self) -> None:
        """Drop what was prepared, to be made again when it is needed; nothing while it is being prepared."""
        if self._lock.acquire(blocking=False):
            self._prepared.clear()
            self._lock.release()

    @property
    def photo_bytes(self) -> int:
        return int(self.photo.rgb.nbytes)

    @property
    def prepared_bytes(self) -> int:
        """Memory of what was prepared; 0 while a thread is still preparing, so that nobody waits for it."""
        if not self._lock.acquire(blocking=False):
            return 0
        try:
            held: dict[int, int] = {}
            for prepared in self._prepared.values():
                _measure(prepared, held)
            held.pop(id(self.photo.rgb), None)
            return sum(held.values())
        finally:
            self._lock.release()


def _measure(value: object, held: dict[int, int]) -> None:
    """Note the size of every array below ``value``, each once."""
    if isinstance(value, np.ndarray):
        held[id(value)] = value.nbytes
    elif dataclasses.is_dataclass(value):
        for part in dataclasses.fields(value):
            _measure(getattr(value, part.name), held)
