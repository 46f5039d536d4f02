"""People dressed: each garment of a request is one pass of the sampler; several requests share each pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial

import torch

from inference.engines.base import EngineImage, Prepared, Turn
from inference.engines.idm_vton.canvas import CanvasInputs, compose_inputs, to_image
from inference.engines.idm_vton.caption import caption, garment_prompt, person_prompt
from inference.engines.idm_vton.garment_cache import GarmentCache
from inference.engines.idm_vton.inputs import Inputs, inputs_of
from inference.engines.idm_vton.models import Models
from inference.engines.idm_vton.noise import Seeded
from inference.engines.idm_vton.sampling import try_on
from inference.engines.idm_vton.settings import SamplingSettings
from preprocess.errors import InputError

Drawn = tuple[EngineImage, ...]
"""One picture for each sample."""


def dress(
    turns: Sequence[Turn],
    models: Models,
    settings: SamplingSettings,
    canvas: tuple[int, int],
    garments: GarmentCache | None,
) -> list[Drawn]:
    """The pictures of each turn: each garment is drawn onto the pictures of the garments before it.

    Several turns have one garment each. Raises :class:`InputError` where a mask leaves nothing to draw.
    """
    drawn: list[Drawn] = [()] * len(turns)
    count = len(turns[0].prepared.garments)
    for k in range(count):
        unders: list[Sequence[EngineImage | None]] = [pictures or (None,) for pictures in drawn]
        canvases = [
            [compose_inputs(turn.prepared, k, canvas, under) for under in own]
            for turn, own in zip(turns, unders, strict=True)
        ]
        for turn, own in zip(turns, canvases, strict=True):
            if not own[0].mask.any():
                raise nothing_to_paint(turn.prepared, k)
        rows = try_on(
            models,
            pass_inputs(turns, canvases, k),
            # a later garment has a person for each sample already
            dataclasses.replace(settings, samples=settings.samples // len(canvases[0])),
            Seeded([turn.params.seed for turn in turns], settings.samples),
            progress=partial(tell, turns, k, count),
            cancelled=lambda: all(turn.cancelled() for turn in turns),
            garments=garments,
        )
        drawn = [
            tuple(
                to_image(own[s % len(own)], rgb, under[s % len(under)]) for s, rgb in enumerate(part.numpy())
            )
            for own, under, part in zip(canvases, unders, rows.split(settings.samples), strict=True)
        ]
    return drawn


def pass_inputs(turns: Sequence[Turn], canvases: Sequence[Sequence[CanvasInputs]], k: int) -> Inputs:
    """Tensors of garment ``k`` of each turn, for the people of all canvases."""
    words = [
        caption(turn.prepared.garments[k]) for turn, own in zip(turns, canvases, strict=True) for _ in own
    ]
    return one_garment_once(
        inputs_of(
            [canvas for own in canvases for canvas in own],
            prompts=[person_prompt(each) for each in words],
            garment_prompts=[garment_prompt(each) for each in words],
        )
    )


def one_garment_once(inputs: Inputs) -> Inputs:
    """The same inputs, the garment once where all wear the same: it takes one garment pass a step for all."""
    first = dataclasses.replace(
        inputs,
        garment=inputs.garment[:1],
        garment_clip=inputs.garment_clip[:1],
        garment_prompts=inputs.garment_prompts[:1],
    )
    same = (
        torch.equal(inputs.garment, first.garment.expand_as(inputs.garment))
        and torch.equal(inputs.garment_clip, first.garment_clip.expand_as(inputs.garment_clip))
        and len(set(inputs.garment_prompts)) == 1
    )
    return first if same else inputs


def tell(turns: Sequence[Turn], k: int, count: int, stage: str, step: int, steps: int) -> None:
    """Progress of pass ``k`` of ``count``, as part of the whole, to all."""
    if count > 1:
        stage, step, steps = f"{stage}, garment {k + 1} of {count}", k * steps + step, count * steps
    for turn in turns:
        turn.progress(stage, step, steps)


def nothing_to_paint(prepared: Prepared, k: int) -> InputError:
    if prepared.agnostic[k].tag == "input":
        return InputError(
            "option-unsupported", "the mask leaves nothing of the person to change", field="mask"
        )
    category = prepared.garments[k].category
    return InputError(
        "body-not-visible",
        f"the photo does not show where a garment of category {category} would be",
        field="person",
    )
