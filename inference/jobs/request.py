"""The request of a job: a checked form to what the store keeps, and back to a form when its turn comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from inference.encode import encode_rgb
from inference.engines.base import Params
from inference.jobs.model import Idempotency, Job, Json, Submission
from inference.pictures import Picture
from inference.produce import engine_used
from inference.selection import Choice
from inference.tryon import ImageFormat, Source, TryOn
from inference.uploads import Part

PICTURES = ("person", "garment", "mask")


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A request that passed every check that needs no preparation."""

    asked: TryOn
    parts: tuple[Part, ...]
    choice: Choice
    params: Params
    image_format: ImageFormat
    request_id: str
    owner: str | None
    """Name of the API key it came with."""


def submission(accepted: Accepted, *, deadline: float, idempotency: Idempotency | None) -> Submission:
    """What the store keeps. Pictures of assets are encoded, which takes a while: in a thread.

    The seed is fixed here, so that a job that has to run twice gives the same picture twice.
    """
    choice = accepted.choice
    values = [part for part in accepted.parts if part.name not in PICTURES and part.name != "seed"]
    pairs: list[Json] = [[part.name, part.text] for part in values]
    if "seed" in choice.spec.options:
        pairs.append(["seed", str(accepted.params.seed)])
    inputs = {"person": _file(accepted.asked.person)}
    for index, garment in enumerate(accepted.asked.garments):
        inputs[f"garment-{index}"] = _file(garment.source)
    if accepted.asked.mask is not None:
        inputs["mask"] = accepted.asked.mask
    return Submission(
        engine=choice.spec.name,
        request={
            "values": pairs,
            "format": accepted.image_format,
            "seed": accepted.params.seed,
            "engine": cast(Json, engine_used(choice).model_dump()),
            "inputs": list(inputs),
            "request_id": accepted.request_id,
        },
        inputs=inputs,
        owner=accepted.owner,
        deadline=deadline,
        idempotency=idempotency,
    )


def form_of(job: Job, files: Sequence[bytes]) -> tuple[Part, ...]:
    """The form once more; ``files`` in the order of :func:`input_names`."""
    names = (name.partition("-")[0] for name in input_names(job))
    values = cast(list[list[str]], job.request["values"])
    return (
        *(Part(name=name, data=data, is_file=True) for name, data in zip(names, files, strict=True)),
        *(Part(name=name, data=text.encode(), is_file=False) for name, text in values),
    )


def input_names(job: Job) -> list[str]:
    """Names of its pictures in the store."""
    return cast(list[str], job.request["inputs"])


def format_of(job: Job) -> ImageFormat:
    return cast(ImageFormat, job.request["format"])


def _file(source: Source) -> bytes:
    return encode_rgb(source.photo.rgb) if isinstance(source, Picture) else source
