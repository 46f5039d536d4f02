"""``POST /v1/run``: FASHN's fields, each checked, and the form of a try-on that they stand for."""

from __future__ import annotations

from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from inference.engines.base import EngineSpec
from inference.engines.registry import Registry
from inference.fashn.images import read_data_uri
from inference.problems import Problem
from inference.tryon import MAX_SEED
from inference.uploads import Part

MODEL = "tryon-v1.6"
"""FASHN's model for what is done here; it means engine ``auto``."""

MAX_VALUES = 256
"""Commas and opening brackets in a body: millions of them in a few megabytes would need gigabytes."""

CATEGORIES = {"auto": "auto", "tops": "upper", "bottoms": "lower", "one-pieces": "dress"}
PHOTOS = {"auto": "auto", "flat-lay": "flat", "model": "worn"}
QUALITIES = {"performance": "fast", "balanced": "balanced", "quality": "best"}


class _Fields(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Inputs(_Fields):
    """Of FASHN's ``tryon-v1.6``."""

    model_image: str = Field(description="The person, as `data:image/jpeg;base64,...`. No URLs.")
    garment_image: str = Field(description="The garment, in the same form.")
    category: Literal["auto", "tops", "bottoms", "one-pieces"] = "auto"
    garment_photo_type: Literal["auto", "flat-lay", "model"] = "auto"
    mode: Literal["performance", "balanced", "quality"] = Field(
        "balanced", description="Where the engine has no such quality, its own is used."
    )
    moderation_level: Literal["conservative", "permissive", "none"] = Field(
        "none", description="Others than `none` only where the operator has set a content policy."
    )
    num_samples: int = Field(1, ge=1, le=4)
    seed: int | None = Field(None, ge=0, le=MAX_SEED, description="Absent: a random one.")
    segmentation_free: bool = Field(True, description="Without effect.")
    output_format: Literal["png", "jpeg"] = "png"
    return_base64: bool = Field(False, description="Must be `true`: results are no public URLs here.")

    @property
    def categories(self) -> frozenset[str]:
        """Ours, where one is named."""
        return frozenset({CATEGORIES[self.category]}) - {"auto"}


class Run(_Fields):
    model_name: str = Field(
        examples=[MODEL], description=f"`{MODEL}`: the engine that is chosen here, or the name of an engine."
    )
    inputs: Inputs


def read_run(body: bytearray) -> Run:
    """The fields of a JSON body; raises ``request-malformed``, ``field-missing``, ``option-unsupported``."""
    if sum(body.count(mark) for mark in b",[{") > MAX_VALUES:
        raise Problem("request-malformed", f"The body has more than {MAX_VALUES} values; it needs a dozen.")
    try:
        return Run.model_validate_json(body)
    except ValidationError as error:
        refusal = _refusal(error.errors(include_input=False, include_url=False)[0])
    raise refusal  # out here: the error above would keep the pictures alive in the traceback


def _refusal(fault: ErrorDetails) -> Problem:
    path = [str(name)[:40] for name in fault["loc"]]
    name = path[-1] if path else None
    if fault["type"] == "json_invalid":
        return Problem("request-malformed", f"The body cannot be read. {fault['msg']}.")
    if fault["type"] == "missing":
        return Problem("field-missing", f"The request has no '{'.'.join(path)}'.", field=name)
    if fault["type"] == "extra_forbidden":
        known = Inputs.model_fields if len(path) > 1 else Run.model_fields
        words = f"There is no '{'.'.join(path)}' here; known: {', '.join(known)}."
        return Problem("option-unsupported", words, field=name)
    return Problem("option-unsupported", f"{'.'.join(path) or 'The body'}: {fault['msg']}.", field=name)


def engine_of(run: Run, registry: Registry) -> str:
    """Raises ``engine-unknown``."""
    if run.model_name == MODEL:
        return "auto"
    if run.model_name not in registry.entries:
        known = ", ".join([MODEL, *sorted(registry.entries)])
        words = f"There is no model '{run.model_name[:40]}' here; known: {known}."
        raise Problem("engine-unknown", words, field="model_name")
    return run.model_name


def check_promises(inputs: Inputs, *, judged: bool) -> None:
    """Refuse by ``option-unsupported`` what would be accepted only to be broken.

    ``judged``: the operator has set a content policy. It judges alike whatever level a request names.
    """
    if not inputs.return_base64:
        words = "Results are no public URLs here: set return_base64 to true, and output holds data URIs."
        raise Problem("option-unsupported", words, field="return_base64")
    if inputs.moderation_level != "none" and not judged:
        words = (
            f"moderation_level is '{inputs.moderation_level}', but nothing judges pictures here "
            "(CABINE_POLICY); send 'none'."
        )
        raise Problem("option-unsupported", words, field="moderation_level")


def form_of(run: Run, engine: str, spec: EngineSpec, *, most: int) -> tuple[Part, ...]:
    """The form of ``POST /v1/tryon`` that asks for the same; files of at most ``most`` bytes.

    ``spec`` is of the engine that will work: a mode that it has not is left to it. Raises as
    :func:`read_data_uri` does.
    """
    inputs = run.inputs
    values = {
        "engine": engine,
        "category": CATEGORIES[inputs.category],
        "photo": PHOTOS[inputs.garment_photo_type],
        "samples": str(inputs.num_samples),
        "format": inputs.output_format,
    }
    if inputs.seed is not None:
        values["seed"] = str(inputs.seed)
    quality = QUALITIES[inputs.mode]
    if quality in cast(tuple[str, ...], spec.options.get("quality") or ()):
        values["quality"] = quality
    pictures = {
        "person": ("model_image", inputs.model_image),
        "garment": ("garment_image", inputs.garment_image),
    }
    return (
        *(
            Part(name=name, data=read_data_uri(uri, field=field, most=most), is_file=True)
            for name, (field, uri) in pictures.items()
        ),
        *(Part(name=name, data=text.encode(), is_file=False) for name, text in values.items()),
    )
