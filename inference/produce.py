"""A try-on carried out to files: the one place where requests whose callers wait and jobs are worked on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from inference.pipeline import Outcome, Tools, encode_pictures, try_on
from inference.schemas import EngineUsed, Resolution
from inference.selection import Choice
from inference.stages import Stages
from inference.tryon import ImageFormat, TryOn

log = structlog.get_logger("cabine.tryon")


@dataclass(frozen=True, kw_only=True)
class Produced:
    outcome: Outcome
    pictures: tuple[bytes, ...]
    """Files of ``image_format``."""
    image_format: ImageFormat
    timings: Mapping[str, float]
    """Stage -> seconds."""


def produce(
    asked: TryOn, choice: Choice, tools: Tools, stages: Stages, image_format: ImageFormat
) -> Produced:
    """Try on and encode, in a thread. Raises what :func:`inference.pipeline.try_on` raises."""
    outcome = try_on(asked, choice, tools, stages)
    pictures = encode_pictures(outcome, image_format, stages)
    log.info(
        "tryon",
        engine=choice.spec.name,
        sampling=outcome.sampling,
        confidence=round(outcome.confidence, 3),
        warnings=[notice.name for notice in outcome.notices],
        timings={name: round(seconds, 3) for name, seconds in stages.seconds.items()},
    )
    return Produced(
        outcome=outcome, pictures=pictures, image_format=image_format, timings=dict(stages.seconds)
    )


def engine_used(choice: Choice, sampling: str = "") -> EngineUsed:
    """What an answer says about its engine; ``sampling`` is known once it has run."""
    spec = choice.spec
    return EngineUsed(
        name=spec.name,
        revision=spec.revision,
        license=spec.weights_license,
        reason=choice.reason,
        preview=spec.preview,
        sampling=sampling,
    )


def resolution(outcome: Outcome) -> Resolution:
    """How many engine pixels stand behind the picture."""
    frame = outcome.working_frame
    return Resolution(width=frame.width, height=frame.height, scale=frame.scale)
