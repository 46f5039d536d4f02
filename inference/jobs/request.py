"""The request of a job: a checked form to what the store keeps, and back to a form when its turn comes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from inference.assets import Asset, AssetStore
from inference.encode import encode_rgb
from inference.engines.base import Params
from inference.engines.lanes import Lane
from inference.jobs.model import Idempotency, Job, Json, Submission
from inference.pictures import Picture
from inference.problems import Problem
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


def submission(
    accepted: Accepted, *, lane: Lane, deadline: float, idempotency: Idempotency | None
) -> Submission:
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
        lane=lane,
        request={
            "values": pairs,
            "format": accepted.image_format,
            "seed": accepted.params.seed,
            "engine": cast(Json, engine_used(choice).model_dump()),
            "inputs": list(inputs),
            "assets": _asset_ids(accepted.parts),
            "request_id": accepted.request_id,
        },
        inputs=inputs,
        owner=accepted.owner,
        deadline=deadline,
        idempotency=idempotency,
    )


@dataclass(frozen=True, kw_only=True)
class Held:
    """Pictures of a job that are still here as assets, by the names of its inputs.

    Looked up once: what expires after that stays with the job.
    """

    assets: Mapping[str, Asset]
    owner: str | None

    def get(self, asset_id: str, *, field: str | None = None) -> Asset:
        return next(asset for asset in self.assets.values() if asset.id == asset_id)


def find_held(job: Job, assets: AssetStore) -> Held:
    """Those that the job's owner still has in this process, with what was prepared from them."""
    found = {}
    for name, asset_id in cast(dict[str, str], job.request.get("assets", {})).items():
        with suppress(Problem):  # gone, or of a process before this one: the stored file is there for that
            found[name] = assets.get(asset_id, owner=job.owner)
    return Held(assets=found, owner=job.owner)


def form_of(job: Job, files: Mapping[str, bytes], held: Held) -> tuple[Part, ...]:
    """The form once more; ``files`` has those of :func:`input_names` that are not held."""
    values = cast(list[list[str]], job.request["values"])
    return (
        *(_picture(name, files, held) for name in input_names(job)),
        *(Part(name=name, data=text.encode(), is_file=False) for name, text in values),
    )


def wish_of(job: Job) -> tuple[str, frozenset[str]]:
    """The engine it asked for, which may be ``auto``, and the categories of garments that it named."""
    values = cast(list[list[str]], job.request["values"])
    engine = next((text for name, text in values if name == "engine" and text), "auto")
    return engine, frozenset(text for name, text in values if name == "category" and text) - {"auto"}


def input_names(job: Job) -> list[str]:
    """Names of its pictures in the store."""
    return cast(list[str], job.request["inputs"])


def format_of(job: Job) -> ImageFormat:
    return cast(ImageFormat, job.request["format"])


def _picture(name: str, files: Mapping[str, bytes], held: Held) -> Part:
    field = name.partition("-")[0]
    if name in held.assets:
        return Part(name=field, data=held.assets[name].id.encode(), is_file=False)
    return Part(name=field, data=files[name], is_file=True)


def _asset_ids(parts: tuple[Part, ...]) -> dict[str, Json]:
    """Inputs that came as ids of assets."""
    person = [part for part in parts if part.name == "person"]
    garments = [part for part in parts if part.name == "garment"]
    named = [("person", part) for part in person]
    named += [(f"garment-{index}", part) for index, part in enumerate(garments)]
    return {name: part.text for name, part in named if not part.is_file}


def _file(source: Source) -> bytes:
    return encode_rgb(source.photo.rgb) if isinstance(source, Picture) else source
