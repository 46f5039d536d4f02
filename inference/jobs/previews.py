"""A picture to show while a slow engine works: a preview engine's, made beside it of the same pictures.

It begins once everything is prepared and the slow engine only waits for its device, so that it takes nothing
from the work it accompanies; whatever becomes of it, that work goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import Self

import cv2
import numpy as np
import structlog

from inference.config import Settings
from inference.encode import encode, mark
from inference.engines.base import Cancelled, Progress, Stopped
from inference.engines.lanes import lane_of
from inference.engines.registry import Registry
from inference.jobs.errors import LeaseLost, StoreDown, StoreFull
from inference.opening import Opened
from inference.pipeline import Tools, check, dress
from inference.problems import problem_of
from inference.selection import Choice, choose, why_not
from inference.stages import Stages
from inference.tryon import Options, TryOn
from preprocess.types import Rgb

log = structlog.get_logger("cabine.jobs")

PREVIEW = "preview"
"""Kept in files ``preview-0``, ``preview-1``, ...: an engine's own frames would follow the first."""

LONGEST_SIDE = 1024
"""In pixels: no more than a preview engine's own canvas, and about 130 KB as JPEG where the PNG of a large
photo takes 20 MB. It is looked at for seconds, on a page, and the result replaces it."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    jpeg: bytes
    engine: str
    confidence: float
    width: int
    height: int


@dataclass(kw_only=True)
class Previewing:
    """The preview of one job while the block lasts; it is not waited for."""

    asked: TryOn
    choice: Choice | None
    """The preview engine; None: none is made."""
    tools: Tools
    least: float
    """Confidence below which nothing is shown."""
    cancelled: Cancelled
    """Of the job."""
    show: Callable[[Preview], None]
    """Called in the preview's thread; may raise ``LeaseLost``."""
    _ended: threading.Event = field(default_factory=threading.Event)
    _opened: Opened | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()

    def judged(self, opened: Opened) -> None:
        """The job's pictures, once the policy has let them pass."""
        self._opened = opened

    def beside(self, progress: Progress) -> Progress:
        """``progress``, and the sign to begin: the job waits for its engine."""

        def told(stage: str, step: int, steps: int) -> None:
            progress(stage, step, steps)
            if stage == "turn" and self.choice is not None and self._opened is not None:
                work = partial(self._make, self._opened, self.choice)
                _begin(work)

        return told

    def _stopped(self) -> bool:
        return self._ended.is_set() or self.cancelled()

    def _make(self, opened: Opened, choice: Choice) -> None:
        """In the preview's thread."""
        try:
            preview = make(self.asked, opened, choice, self.tools, self._stopped)
            if preview.confidence < self.least:
                log.info("no preview", reason="confidence", confidence=preview.confidence)
            elif not self._stopped():
                self.show(preview)
        except (Stopped, LeaseLost):
            return
        except (StoreDown, StoreFull) as error:
            log.warning("no preview", reason="store", error=str(error))
        except Exception as error:  # whatever goes wrong with a preview, the job does not hear of it
            slug = problem_of(error).slug
            log.info("no preview", reason=slug, exc_info=error if slug == "internal" else None)


def _begin(work: Callable[[], None]) -> None:
    """In a thread of its own, with the log's words of job and request; without one, not at all."""
    try:
        threading.Thread(target=copy_context().run, args=(work,), name="preview", daemon=True).start()
    except RuntimeError as error:  # the system gives no more threads
        log.warning("no preview", reason="threads", error=str(error))


def preview_engine(asked: TryOn, choice: Choice, registry: Registry, settings: Settings) -> Choice | None:
    """The engine for the preview of a try-on by ``choice``; None where there shall or can be none.

    On the device that the slow engine itself occupies there is no place beside it.
    """
    if not settings.previews or choice.spec.preview:
        return None
    taken = lane_of(choice.spec, settings.runtime)
    for entry in registry.entries.values():
        spec = entry.spec
        if (
            spec.preview
            and lane_of(spec, settings.runtime) != taken
            and why_not(spec, registry, settings) is None
        ):
            able = choose(spec.name, registry, settings)
            return able if able.serves(asked.categories) else None
    return None


def make(asked: TryOn, opened: Opened, choice: Choice, tools: Tools, cancelled: Cancelled) -> Preview:
    """Raises what :func:`inference.pipeline.dress` raises: the engine may not take this garment."""
    request = replace(asked, options=Options(engine=choice.spec.name))
    stages = Stages(cancelled=cancelled)
    outcome = dress(request, opened, choice, check(request, choice), tools, stages)
    rgb = shrunk(outcome.pictures[0].rgb)
    return Preview(
        jpeg=encode(rgb, "jpeg", mark(choice.spec)),
        engine=choice.spec.name,
        confidence=round(outcome.confidence, 4),
        width=rgb.shape[1],
        height=rgb.shape[0],
    )


def shrunk(rgb: Rgb) -> Rgb:
    """At most :data:`LONGEST_SIDE` long."""
    scale = LONGEST_SIDE / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
