"""From decoded pictures to what an engine needs: person, garments, and what may change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from inference.engines.base import EngineSpec, MaskAlgorithm, Params, Prepared
from inference.opening import Opened, named
from inference.pictures import Picture
from inference.preparation import Preparation
from inference.problems import Problem
from inference.restore import Mask8
from inference.selection import Choice
from inference.stages import Stages
from inference.tryon import GarmentRequest, TryOn, check_category, check_conflicts, garment_field
from preprocess.geometry import frame_image
from preprocess.types import DensePose, Garment, Mask, Person


def prepare(
    request: TryOn,
    opened: Opened,
    choice: Choice,
    params: Params,
    preparation: Preparation,
    stages: Stages,
) -> Prepared:
    """What the engine needs: person and garments first, then what may change, which depends on both."""
    spec, picture = choice.spec, opened.person
    person, garments = prepare_pictures(request, opened, choice, preparation, stages)
    with stages.stage("mask"):
        return Prepared(
            person=person,
            garments=garments,
            agnostic=agnostic_masks(
                picture, garments, opened.limit, choice, params.mask_algorithm, preparation
            ),
            densepose=dense_pose(picture, spec, preparation),
        )


def prepare_pictures(
    request: TryOn, opened: Opened, choice: Choice, preparation: Preparation, stages: Stages
) -> tuple[Person, tuple[Garment, ...]]:
    """Person and garments side by side: either keeps little more than one core busy.

    What is wrong with the person is told first, whichever is found first.
    """

    def cut() -> tuple[Garment, ...]:
        with stages.stage("garment"):
            return prepare_garments(request.garments, opened.garments, choice, preparation)

    with ThreadPoolExecutor(1) as beside:
        with stages.stage("person"), named("person"):
            cutting = beside.submit(cut)
            person = opened.person.person(preparation, choice.spec.canvas)
        return person, cutting.result()


def prepare_garments(
    requests: tuple[GarmentRequest, ...],
    pictures: tuple[Picture, ...],
    choice: Choice,
    preparation: Preparation,
) -> tuple[Garment, ...]:
    """Cut the garments out and see that the engine takes them and that they can be worn together."""
    spec, garments = choice.spec, []
    for index, (request, picture) in enumerate(zip(requests, pictures, strict=True)):
        name = garment_field(index, len(requests))
        kind = picture.kind(preparation, request.photo)
        if kind == "worn" and "worn" not in spec.photo_kinds:
            raise Problem(
                "option-unsupported",
                f"This photo shows a person; {spec.name} takes the garment alone, lying flat or on a ghost "
                "mannequin. If nobody is in it, send photo=flat.",
                field=name,
            )
        with named(name):
            garment = picture.garment(
                preparation, category=request.category, kind=kind, description=request.description
            )
        check_category(garment.category, choice, field=name, seen=True)
        garments.append(garment)
    check_conflicts([garment.category for garment in garments])
    return tuple(garments)


def agnostic_masks(
    picture: Picture,
    garments: tuple[Garment, ...],
    limit: Mask8 | None,
    choice: Choice,
    algorithm: MaskAlgorithm,
    preparation: Preparation,
) -> tuple[Mask, ...]:
    """What may change for each garment, in the person's frame: the caller's mask, or one by category."""
    canvas = choice.spec.canvas
    if limit is not None:
        frame = picture.person(preparation, canvas).frame
        seen = frame_image(np.dstack([limit, limit, limit]), frame)[..., 0]
        return (Mask(tag="input", frame=frame, alpha=(seen / 255).astype(np.float32)),)
    return tuple(picture.agnostic(preparation, canvas, garment.category, algorithm) for garment in garments)


def dense_pose(picture: Picture, spec: EngineSpec, preparation: Preparation) -> DensePose | None:
    """Body parts of the person, for engines that need them."""
    return picture.densepose(preparation, spec.canvas) if "densepose-rgb" in spec.artefacts else None
