"""What the pipeline asks of preprocessing."""

from __future__ import annotations

from typing import Literal, Protocol

from inference.engines.base import MaskAlgorithm
from preprocess.types import DensePose, Garment, Mask, Person, Photo

PhotoKindAsked = Literal["auto", "flat", "worn"]

CANVAS = (768, 1024)
"""Width and height of the person's frame: what the try-on engines of this field work in."""

WORN = 0.65
"""From this score on a garment's photo shows somebody who wears it. Measured: 42 product shots score 0.47 at
most, 40 photos of people 0.73 at least."""
SEEN = 0.4
"""From this score on somebody is visible in a photo that is meant to show a person: a milder question."""


class Preparation(Protocol):
    """Makes the artefacts that engines need; safe for several threads. Refuses with ``InputError``."""

    def load(self) -> None:
        """Bring the models into memory; raises ``EngineUnavailable`` naming the command that fetches them."""
        ...

    def person_score(self, photo: Photo, *, closely: bool) -> float:
        """0..1: is somebody in the picture; cheap. Products alone stay below :data:`WORN`.

        ``closely``: a small figure counts; who wears a garment in its photo fills it.
        """
        ...

    def person(self, photo: Photo, canvas: tuple[int, int]) -> Person:
        """Detect, frame to ``canvas`` (width, height), pose, parse."""
        ...

    def garment(self, photo: Photo, *, category: str) -> Garment:
        """Cut the garment out of its product photo; ``category`` may be ``auto``."""
        ...

    def worn(self, person: Person, *, category: str) -> Garment:
        """Take the garment off who wears it; ``category`` may be ``auto``."""
        ...

    def agnostic(self, person: Person, category: str, algorithm: MaskAlgorithm) -> Mask:
        """What may change for a garment of this category, in the person's frame."""
        ...

    def densepose(self, person: Person) -> DensePose:
        """Body parts of every pixel, in the person's frame; ``approximate`` where no network predicted it."""
        ...
