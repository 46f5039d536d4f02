"""What the pipeline asks of preprocessing."""

from __future__ import annotations

from typing import Literal, Protocol

from preprocess.types import Garment, Mask, Person, Photo

PhotoKindAsked = Literal["auto", "flat", "worn"]


class Preparation(Protocol):
    """Makes the artefacts that engines need; safe for several threads. Refuses with ``InputError``."""

    def load(self) -> None:
        """Bring the models into memory; raises ``EngineUnavailable`` naming the command that fetches them."""
        ...

    def shows_person(self, photo: Photo) -> bool:
        """Is somebody visible; cheap."""
        ...

    def person(self, photo: Photo, canvas: tuple[int, int]) -> Person:
        """Detect, frame to ``canvas`` (width, height), pose, parse."""
        ...

    def garment(self, photo: Photo, *, category: str, kind: PhotoKindAsked) -> Garment:
        """Cut the garment out; ``category`` and ``kind`` may be ``auto``."""
        ...

    def agnostic(self, person: Person, category: str) -> Mask:
        """What may change for a garment of this category, in the person's frame."""
        ...
