"""One input picture together with what was prepared from it, so that it is prepared only once."""

from __future__ import annotations

import dataclasses
import threading

import numpy as np

from inference.preparation import PhotoKindAsked, Preparation
from preprocess.types import Garment, Person, Photo


class Picture:
    """Lives as long as a request, or as long as the asset that holds it; safe to share between threads."""

    def __init__(self, photo: Photo) -> None:
        self.photo = photo
        self._lock = threading.RLock()
        self._people: dict[tuple[int, int], Person] = {}
        self._garments: dict[tuple[str, str], Garment] = {}
        self._person_score: float | None = None

    def person(self, preparation: Preparation, canvas: tuple[int, int]) -> Person:
        with self._lock:
            if canvas not in self._people:
                self._people[canvas] = preparation.person(self.photo, canvas)
            return self._people[canvas]

    def garment(
        self, preparation: Preparation, *, category: str, kind: PhotoKindAsked, description: str
    ) -> Garment:
        with self._lock:
            if (category, kind) not in self._garments:
                self._garments[category, kind] = preparation.garment(self.photo, category=category, kind=kind)
            return dataclasses.replace(self._garments[category, kind], description=description)

    def person_score(self, preparation: Preparation) -> float:
        with self._lock:
            if self._person_score is None:
                self._person_score = preparation.person_score(self.photo)
            return self._person_score

    def forget(self) -> None:
        """Drop what was prepared, to be made again when it is needed; nothing while it is being prepared."""
        if self._lock.acquire(blocking=False):
            self._people.clear()
            self._garments.clear()
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
            for prepared in (*self._people.values(), *self._garments.values()):
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
