"""The path of a request without the services: bytes or pixels in, picture and mask out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.engines.base import Engine, Params, Prepared, Runtime
from inference.engines.warp.engine import create
from inference.preparation import WORN
from inference.restore import restore
from preprocess.agnostic import agnostic_mask
from preprocess.decode import Limits, decode
from preprocess.garment import prepare_garment
from preprocess.garment.worn import take_off
from preprocess.geometry import unframe
from preprocess.person import person_score, prepare_person
from preprocess.providers.embedded import EmbeddedProvider
from preprocess.types import Garment, Notice, Person, Photo, Rgb

MODELS = Path("models")
THREADS = 2
"""Of the model runtime: the machine that the goals are stated for has two cores."""


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """One try-on on the photo's own grid."""

    rgb: Rgb
    mask: NDArray[np.uint8]
    """``(H, W)``, 0 = untouched."""
    confidence: float
    notices: tuple[Notice, ...]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class FittingRoom:
    """A loaded engine and the models that prepare its inputs."""

    provider: EmbeddedProvider
    engine: Engine

    @staticmethod
    def open() -> FittingRoom:
        engine = create()
        engine.load(Runtime())
        engine.warmup()
        return FittingRoom(provider=EmbeddedProvider(MODELS, threads=THREADS), engine=engine)

    def person(self, photo: Photo) -> Person:
        return prepare_person(photo, self.provider, self.engine.spec.canvas)

    def garment(self, photo: Photo) -> Garment:
        """Of either kind, as the service tells them apart."""
        if person_score(photo, self.provider, closely=False) < WORN:
            return prepare_garment(photo)
        return take_off(self.person(photo))

    def dress(self, person: Person, *garments: Garment) -> Fitting:
        """Raises ``InputError`` as the service would refuse."""
        start = time.perf_counter()
        prepared = Prepared(
            person=person,
            garments=garments,
            agnostic=tuple(agnostic_mask(person, garment.category) for garment in garments),
        )
        result = self.engine.run(prepared, Params(seed=0), lambda *_: None, lambda: False)
        restored = restore(person.photo, result.images[0])
        return Fitting(
            rgb=restored.rgb,
            mask=restored.mask,
            confidence=result.confidence,
            notices=(
                *person.notices,
                *(notice for garment in garments for notice in garment.notices),
                *result.notices,
            ),
            seconds=time.perf_counter() - start,
        )

    def upper_clothes(self, rgb: Rgb) -> NDArray[np.bool_]:
        """``(H, W)`` where the person of a picture wears upper clothes, as our own parsing sees it."""
        person = self.person(Photo(rgb=rgb, sha256="", format="PNG"))
        size = (person.photo.width, person.photo.height)
        return np.asarray(unframe(person.parsing.weight("upper"), person.frame, size) > 0.5)

    def try_on(self, person: bytes, *garments: bytes) -> Fitting:
        """From the bytes of files."""
        start = time.perf_counter()
        fitting = self.dress(
            self.person(decode(person, Limits())),
            *(self.garment(decode(garment, Limits())) for garment in garments),
        )
        return Fitting(**{**vars(fitting), "seconds": time.perf_counter() - start})
