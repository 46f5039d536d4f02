"""The full provider: artefacts by published networks, each usable as soon as its own files are there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar, cast

from preprocess.licenses import acceptance_words
from preprocess.providers.full.densepose import BodySurface
from preprocess.providers.full.openpose import OpenPose
from preprocess.providers.full.parsing import Parser
from preprocess.providers.full.spec import DENSEPOSE, DWPOSE, OPENPOSE, SCHP
from preprocess.providers.full.wholebody import WholeBody
from preprocess.types import DensePose, LabelMap, Person, Pose
from preprocess.weights import WeightsError, WeightSet, checked

T = TypeVar("T")


class FullArtefacts:
    """Loads what is asked for, once; safe to share between threads.

    Every method raises ``WeightsError`` where files are missing or damaged or their licence was not accepted,
    ``ModelsError`` where ``onnxruntime`` is missing or a file is another network; both name the fix.
    """

    def __init__(self, weights: Path, threads: int, accepted: Collection[str]) -> None:
        """``weights`` is the folder of all weights, ``accepted`` names the sets that may be used."""
        self._weights = weights
        self._accepted = accepted
        self._threads = threads
        self._lock = threading.Lock()
        self._loaded: dict[str, Any] = {}

    def parse(self, person: Person) -> LabelMap:
        """``atr18`` with neck, in the person's frame."""
        return self._once("schp", self._parser)(person)

    def pose18(self, person: Person) -> Pose:
        """``coco18`` in the person's frame: by DWPose, or OpenPose where only that is there and accepted."""
        if not self._usable(DWPOSE) and self._usable(OPENPOSE):
            return self._once("openpose", self._single(OPENPOSE, OpenPose.open))(person)
        return self._once("dwpose", self._single(DWPOSE, WholeBody.open))(person)

    def densepose(self, person: Person) -> DensePose:
        """Parts in the person's frame; raises ``InputError`` ``no-person`` where the network sees nobody."""
        return self._once("densepose", self._single(DENSEPOSE, BodySurface.open))(person)

    def _parser(self) -> Parser:
        atr, lip = self._files(SCHP)
        return Parser.open(atr, lip, self._threads)

    def _usable(self, wanted: WeightSet) -> bool:
        return wanted.name in self._accepted and not wanted.missing(self._weights)

    def _files(self, wanted: WeightSet) -> list[Path]:
        if wanted.name not in self._accepted:
            raise WeightsError(acceptance_words(wanted))
        folder = checked(self._weights, wanted)
        return [folder / path for path in wanted.files]

    def _single(self, wanted: WeightSet, opened: Callable[[Path, int], T]) -> Callable[[], T]:
        """How to load a set of one file."""
        return lambda: opened(self._files(wanted)[0], self._threads)

    def _once(self, name: str, load: Callable[[], T]) -> T:
        """Loading holds the lock: two requests must not open the same 267 MB twice."""
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = load()
            return cast(T, self._loaded[name])
