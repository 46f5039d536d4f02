"""A try-on from bytes to pixels: decode, prepare, run, restore; each arrow one function, each timed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np

from inference.encode import encode, mark
from inference.engines.base import (
    Cancelled,
    EngineResult,
    EngineSpec,
    MaskAlgorithm,
    MaskSource,
    Params,
    Prepared,
    Progress,
    Stopped,
)
from inference.engines.pool import EnginePool
from inference.engines.turns import Place
from inference.pictures import Picture
from inference.policy import Policy, Refused
from inference.preparation import WORN, Preparation
from inference.problems import Problem
from inference.restore import Mask8, Restored, restore
from inference.selection import Choice
from inference.tryon import (
    GarmentRequest,
    ImageFormat,
    Source,
    TryOn,
    check_category,
    check_conflicts,
    check_garments,
    check_mask,
    fill_params,
    garment_field,
)
from preprocess.decode import Limits, decode
from preprocess.errors import InputError
from preprocess.geometry import frame_image
from preprocess.types import DensePose, Frame, Garment, Mask, Notice, Person, Photo

POSE_APPROXIMATE = Notice(
    name="pose-approximate",
    detail="Body parts were painted from key points, not predicted by DensePose: crossed arms and unusual "
    "poses may come out wrong. The operator can bring its weights.",
)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What the pipeline works with; made once at the start of the program."""

    preparation: Preparation
    engines: EnginePool
    policy: Policy
    limits: Limits
    low_resolution_side: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A finished try-on, before encoding."""

    pictures: tuple[Restored, ...]
    choice: Choice
    params: Params
    mask_source: MaskSource
    confidence: float
    notices: tuple[Notice, ...]
    working_frame: Frame
    sampling: str = ""
    """How a generative engine drew it, in words."""


class Meter(Protocol):
    """Whoever counts what requests do."""

    def stage(self, name: str, seconds: float) -> None: ...

    def step(self) -> None: ...


class Unmetered:
    """Counts nothing: the command line has nobody who would read it."""

    def stage(self, name: str, seconds: float) -> None:
        pass

    def step(self) -> None:
        pass


@dataclass(kw_only=True)
class Stages:
    """Times the stages of one request, tells where it is, and stops between stages when asked to."""

    progress: Progress = lambda stage, step, steps: None
    cancelled: Cancelled = lambda: False
    meter: Meter = field(default_factory=Unmetered)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        if self.cancelled():
            raise Stopped
        self.progress(name, 0, 1)
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.meter.stage(name, seconds)


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The pictures of a request, decoded; what is prepared of them stays with them."""

    person: Picture
    garments: tuple[Picture, ...]
    limit: Mask8 | None
    """The caller's mask on the photo's grid."""


def try_on(request: TryOn, choice: Choice, tools: Tools, stages: Stages) -> Outcome:
    """The whole way. Raises ``Problem`` and ``InputError`` for refusals, ``Stopped`` when cancelled."""
    params = check(request, choice)
    with stages.stage("decode"):
        opened = open_inputs(request, tools.limits)
    with stages.stage("policy"):
        judge_inputs(opened, tools.policy)
    return dress(request, opened, choice, params, tools, stages)


def dress(
    request: TryOn, opened: Opened, choice: Choice, params: Params, tools: Tools, stages: Stages
) -> Outcome:
    """From prepared pictures to the finished try-on. Several engines may dress the same ``opened``, at the same time too."""
    prepared = prepare(request, opened, choice, params, tools.preparation, stages)
    with tools.engines.turn(choice.spec.name, prepared, params, stages.cancelled) as turn:
        with stages.stage("turn"):
            turn.wait()
        with stages.stage("engine"):
            result = run(turn, len(prepared.garments), stages)
    with stages.stage("restore"):
        restored = tuple(restore(prepared.person.photo, image, limit=opened.limit) for image in result.images)
    with stages.stage("policy"):
        judge_outputs(restored, tools.policy)
    return Outcome(
        pictures=restored,
        choice=choice,
        params=params,
        mask_source=result.mask_source if opened.limit is None else "input",
        confidence=result.confidence,
        notices=collect_notices(prepared, result, tools.low_resolution_side),
        sampling=result.sampling,
        working_frame=result.images[0].frame,
    )


def check(request: TryOn, choice: Choice) -> Params:
    """Everything that can be refused without looking at a picture; the options with their defaults."""
    params = fill_params(request.options, choice.spec)
    check_mask(request, choice.spec)
    check_garments(request.garments, choice)
    return params


def open_inputs(request: TryOn, limits: Limits) -> Opened:
    """Person, garments and the caller's mask, decoded."""
    person = open_picture(request.person, limits, field="person")
    garments = open_garments(request.garments, limits)
    limit = None if request.mask is None else open_mask(request.mask, person.photo, limits)
    return Opened(person=person, garments=garments, limit=limit)


def encode_pictures(outcome: Outcome, image_format: ImageFormat, stages: Stages) -> tuple[bytes, ...]:
    """Mark and encode every picture of a try-on."""
    with stages.stage("encode"):
        xmp = mark(outcome.choice.spec)
        return tuple(encode(picture.rgb, image_format, xmp) for picture in outcome.pictures)


def open_picture(source: Source, limits: Limits, *, field: str) -> Picture:
    """Decode a file; the picture of an asset is decoded already."""
    if isinstance(source, Picture):
        return source
    with named(field):
        return Picture(decode(source, limits))


def open_garments(garments: tuple[GarmentRequest, ...], limits: Limits) -> tuple[Picture, ...]:
    count = len(garments)
    return tuple(
        open_picture(garment.source, limits, field=garment_field(index, count))
        for index, garment in enumerate(garments)
    )


def open_mask(data: bytes, photo: Photo, limits: Limits) -> Mask8:
    """The caller's mask on the photo's grid, ``uint8 (H, W)``: white = may change."""
    with named("mask"):
        image = decode(data, limits)
    if (image.width, image.height) != (photo.width, photo.height):
        raise Problem(
            "option-unsupported",
            f"The mask has {image.width}x{image.height} pixels, the upright person photo has "
            f"{photo.width}x{photo.height}; send a mask of that size, white where the picture may change.",
            field="mask",
        )
    grey = np.asarray(cv2.cvtColor(image.rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    if not grey.any():
        raise Problem("option-unsupported", "The mask is black: paint white what may change.", field="mask")
    return grey


def judge_inputs(opened: Opened, policy: Policy) -> None:
    count = len(opened.garments)
    fields = ["person", *(garment_field(index, count) for index in range(count))]
    for name, picture in zip(fields, (opened.person, *opened.garments), strict=True):
        try:
            policy.judge_input(picture.photo, name)
        except Refused as refusal:
            raise Problem("content-refused", str(refusal), field=name) from refusal


def judge_outputs(pictures: tuple[Restored, ...], policy: Policy) -> None:
    for picture in pictures:
        try:
            policy.judge_output(picture.rgb)
        except Refused as refusal:
            raise Problem("content-refused", str(refusal), field="result") from refusal


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
        if request.photo == "auto" and "worn" not in spec.photo_kinds:
            refuse_worn(picture, preparation, field=name, taker=spec.name)
        with named(name):
            garment = picture.garment(
                preparation, category=request.category, kind=request.photo, description=request.description
            )
        check_category(garment.category, choice, field=name, seen=True)
        garments.append(garment)
    check_conflicts([garment.category for garment in garments])
    return tuple(garments)


def refuse_worn(picture: Picture, preparation: Preparation, *, field: str, taker: str) -> None:
    """Raise ``option-unsupported`` for a photo of somebody wearing the garment; ``taker`` needs it alone."""
    if picture.person_score(preparation) < WORN:
        return
    raise Problem(
        "option-unsupported",
        f"This photo shows a person; {taker} takes the garment alone, lying flat or on a ghost "
        "mannequin. If nobody is in it, send photo=flat.",
        field=field,
    )


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


def run(turn: Place, garments: int, stages: Stages) -> EngineResult:
    """The engine itself; what it refuses concerns the garment unless it says otherwise."""

    def progress(stage: str, step: int, steps: int) -> None:
        stages.progress(f"engine: {stage}", step, steps)
        if steps > 1 and step > 0:  # one of one is no loop, and 0 is its beginning
            stages.meter.step()

    with named(garment_field(0, garments)):
        return turn.result(progress)


def collect_notices(prepared: Prepared, result: EngineResult, low_side: int) -> tuple[Notice, ...]:
    """Warnings of every stage, each name once, the engine's first."""
    person, garments = prepared.person, prepared.garments
    notices = [*result.notices, *person.notices]
    for garment in garments:
        notices += garment.notices
    if prepared.densepose is not None and prepared.densepose.approximate:
        notices.append(POSE_APPROXIMATE)
    for name, photo in (("person", person.photo), *(("garment", garment.photo) for garment in garments)):
        if min(photo.width, photo.height) < low_side:
            notices.append(low_resolution(name, photo, low_side))
    return tuple({notice.name: notice for notice in reversed(notices)}.values())[::-1]


def low_resolution(name: str, photo: Photo, low_side: int) -> Notice:
    return Notice(
        name="low-resolution",
        detail=f"The {name} photo has {photo.width}x{photo.height} pixels; {low_side} or more look better.",
    )


@contextmanager
def named(field: str) -> Iterator[None]:
    """Refusals from preprocessing get the name of the input that only the caller knows."""
    try:
        yield
    except InputError as error:
        if error.field is not None:
            raise
        raise InputError(error.slug, error.detail, field=field) from error
