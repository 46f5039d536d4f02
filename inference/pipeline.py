"""A try-on from bytes to pixels: decode, prepare, run, restore; each arrow one function, each timed."""

from __future__ import annotations

from dataclasses import dataclass

from inference.encode import encode, mark
from inference.engines.base import EngineResult, MaskSource, Params, Prepared
from inference.engines.pool import EnginePool
from inference.engines.turns import Place
from inference.opening import Opened, judge_inputs, named, open_inputs
from inference.policy import Policy, Refused
from inference.preparation import Preparation
from inference.preparing import prepare
from inference.problems import Problem
from inference.restore import Restored, restore
from inference.reuse import Reuse
from inference.selection import Choice
from inference.stages import Stages
from inference.tryon import ImageFormat, TryOn, check_garments, check_mask, fill_params, garment_field
from preprocess.decode import Limits
from preprocess.types import Frame, Notice, Photo

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
    reuse: Reuse
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


def try_on(request: TryOn, choice: Choice, tools: Tools, stages: Stages) -> Outcome:
    """The whole way. Raises ``Problem`` and ``InputError`` for refusals, ``Stopped`` when cancelled."""
    params = check(request, choice)
    reuse = tools.reuse.of(request.owner)
    with stages.stage("decode"):
        opened = open_inputs(request, tools.limits, reuse)
    with stages.stage("policy"):
        judge_inputs(opened, tools.policy)
    stages.judged(opened)
    outcome = dress(request, opened, choice, params, tools, stages)
    reuse.keep((opened.person, *opened.garments))
    return outcome


def dress(
    request: TryOn, opened: Opened, choice: Choice, params: Params, tools: Tools, stages: Stages
) -> Outcome:
    """From decoded pictures to the finished try-on.

    Several engines may dress the same ``opened``, at the same time too: what one has prepared serves all.
    """
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


def encode_pictures(outcome: Outcome, image_format: ImageFormat, stages: Stages) -> tuple[bytes, ...]:
    """Mark and encode every picture of a try-on."""
    with stages.stage("encode"):
        xmp = mark(outcome.choice.spec)
        return tuple(encode(picture.rgb, image_format, xmp) for picture in outcome.pictures)


def judge_outputs(pictures: tuple[Restored, ...], policy: Policy) -> None:
    for picture in pictures:
        try:
            policy.judge_output(picture.rgb)
        except Refused as refusal:
            raise Problem("content-refused", str(refusal), field="result") from refusal


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
