"""An engine and a preparation without models: real data types, made-up content, to test all around them."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from inference.engines.base import (
    Cancelled,
    Engine,
    EngineImage,
    EngineResult,
    EngineSpec,
    Limit,
    Params,
    Prepared,
    Progress,
    Runtime,
    Stopped,
)
from inference.engines.registry import CategoryRequirement, Entry, Registry
from inference.policy import AllowAll, Refused
from preprocess.decode import Limits, decode
from preprocess.errors import InputError
from preprocess.geometry import fit_canvas, frame_image
from preprocess.types import (
    BASIC_LABELS,
    DensePose,
    FaceRegion,
    Frame,
    Garment,
    LabelMap,
    Mask,
    Notice,
    Person,
    Photo,
    PhotoKind,
    Pose,
)
from tests.bad_inputs import garment_photo, person_photo

CANVAS = (96, 128)
BLANK = 4.0
"""Standard deviation of grey values below which a picture shows nothing."""


def spec(name: str = "warp", **changes: object) -> EngineSpec:
    """A spec like that of ``warp``, small canvas."""
    values: dict[str, object] = {
        "name": name,
        "title": name,
        "summary": "fake",
        "revision": "1",
        "code_license": "Apache-2.0",
        "weights_license": "Apache-2.0",
        "commercial_use": True,
        "preview": True,
        "categories": frozenset({"upper"}),
        "photo_kinds": frozenset({"flat"}),
        "canvas": CANVAS,
        "artefacts": (),
        "devices": ("cpu",),
        "options": {"seed": None, "mask": None},
    }
    return EngineSpec(**{**values, **changes})  # type: ignore[arg-type]


DIFFUSION = {
    "preview": False,
    "categories": frozenset({"upper", "lower", "dress"}),
    "photo_kinds": frozenset({"flat", "worn"}),
    "artefacts": ("densepose-rgb",),
    "options": {
        "seed": Limit(least=0, most=2**32 - 1, default=0),
        "steps": Limit(least=1, most=50, default=30),
        "guidance": Limit(least=0, most=10, default=2),
        "samples": Limit(least=1, most=4, default=1),
        "quality": ("fast", "balanced"),
        "mask_algorithm": ("default", "reference"),
    },
}
"""What a spec of a diffusion engine changes."""


@dataclass(kw_only=True)
class FakeEngine:
    """Paints the middle of the frame in one colour, softly at the border; can be held up and watched."""

    spec: EngineSpec
    gate: threading.Event = field(default_factory=threading.Event)
    """Cleared: ``run`` waits before each step, as a slow engine would, and listens to ``cancelled``."""
    steps: int = 1
    started: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    raises: Exception | None = None
    sampling: str = ""
    runs: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    def load(self, runtime: Runtime) -> None:
        pass

    def warmup(self) -> None:
        pass

    def run(
        self, prepared: Prepared, params: Params, progress: Progress, cancelled: Cancelled
    ) -> EngineResult:
        self.runs += 1
        self.started.set()
        for step in range(1, self.steps + 1):
            while not self.gate.wait(0.01):
                if cancelled():
                    self.stopped.set()
                    raise Stopped
            if self.raises is not None:
                raise self.raises
            progress("paint", step, self.steps)
        image = paint(prepared.person.frame)
        return EngineResult(
            images=(image,) * params.samples,
            mask_source="derived",
            confidence=0.5,
            notices=(Notice(name="fake", detail="This is not a try-on."),),
            sampling=self.sampling,
        )


def paint(frame: Frame) -> EngineImage:
    alpha = np.zeros((frame.height, frame.width), np.float32)
    rows, columns = (slice(size // 4, 3 * size // 4) for size in alpha.shape)
    alpha[rows, columns] = 1
    alpha[rows.start - 1, columns] = 0.5
    rgb = np.zeros((frame.height, frame.width, 3), np.uint8)
    rgb[:] = (200, 30, 60)
    return EngineImage(frame=frame, rgb=rgb, alpha=alpha)


@dataclass(kw_only=True)
class FakePreparation:
    """Counts what it is asked for; sees nothing in even pictures."""

    counts: Counter[str] = field(default_factory=Counter)
    people: frozenset[str] = frozenset({hashlib.sha256(person_photo()).hexdigest()})
    """Digests of the files that show somebody."""
    load_error: Exception | None = None
    algorithms: list[str] = field(default_factory=list)
    """Of the masks that were made."""

    def load(self) -> None:
        if self.load_error is not None:
            raise self.load_error

    def person_score(self, photo: Photo, *, closely: bool) -> float:
        self.counts["person_score"] += 1
        return 0.9 if photo.sha256 in self.people else 0.1

    def person(self, photo: Photo, canvas: tuple[int, int]) -> Person:
        self.counts["person"] += 1
        if photo.rgb.std() < BLANK:
            raise InputError("no-person", "nobody was found in the photo; show the whole upper body")
        return person(photo, canvas)

    def worn(self, person: Person, *, category: str) -> Garment:
        self.counts["worn"] += 1
        return garment(person.photo, category="upper" if category == "auto" else category, kind="worn")

    def garment(self, photo: Photo, *, category: str) -> Garment:
        self.counts["garment"] += 1
        if photo.rgb.std() < BLANK:
            raise InputError("no-garment", "no garment stands out from the background")
        return garment(photo, category="upper" if category == "auto" else category)

    def agnostic(self, person: Person, category: str, algorithm: str) -> Mask:
        self.algorithms.append(algorithm)
        alpha = np.ones((person.frame.height, person.frame.width), np.float32)
        return Mask(tag="agnostic", frame=person.frame, alpha=alpha)

    def densepose(self, person: Person) -> DensePose:
        self.counts["densepose"] += 1
        parts = np.zeros((person.frame.height, person.frame.width), np.uint8)
        return DensePose(tag="densepose-parts", frame=person.frame, parts=parts, approximate=True)


class RefuseGarments(AllowAll):
    """A content policy."""

    def judge_input(self, photo: Photo, field: str) -> None:
        if field.startswith("garment"):
            raise Refused("This operator does not allow this picture.")


def person(photo: Photo, canvas: tuple[int, int]) -> Person:
    frame = fit_canvas((0, 0, photo.width, photo.height), (photo.width, photo.height), canvas)
    shape = (frame.height, frame.width)
    labels = np.full(shape, BASIC_LABELS.index("upper"), np.uint8)
    points = np.column_stack([np.linspace(10, 80, 33), np.linspace(10, 120, 33)]).astype(np.float32)
    return Person(
        photo=photo,
        frame=frame,
        image=frame_image(photo.rgb, frame),
        pose=Pose(
            tag="blaze33",
            frame=frame,
            points=points,
            visibility=np.ones(33, np.float32),
            depth=np.zeros(33, np.float32),
            score=0.9,
        ),
        face=FaceRegion(
            frame=frame,
            centre=(48, 20),
            half_width=8,
            half_height=10,
            down=(0, 1),
            chin=(48, 30),
            visible=True,
        ),
        matte=Mask(tag="matte", frame=frame, alpha=np.ones(shape, np.float32)),
        parsing=LabelMap(
            tag="basic",
            frame=frame,
            labels=labels,
            soft=np.zeros((*shape, len(BASIC_LABELS)), np.float16),
            confidence={"upper": 0.9},
        ),
        waist=0.9,
        waist_confidence=0.8,
    )


def garment(photo: Photo, *, category: str = "upper", kind: PhotoKind = "flat") -> Garment:
    frame = fit_canvas((0, 0, photo.width, photo.height), (photo.width, photo.height), CANVAS)
    return Garment(
        photo=photo,
        frame=frame,
        image=frame_image(photo.rgb, frame),
        alpha=np.ones((frame.height, frame.width), np.float32),
        category=category,
        kind=kind,
        sleeve_length="short",
        landmarks=None,
        collar=None,
        cutout_confidence=0.9,
    )


def prepared_pair() -> Prepared:
    """The photo and the garment that tests send most, ready for an engine."""
    someone = person(decode(person_photo(), Limits()), CANVAS)
    return Prepared(
        person=someone,
        garments=(garment(decode(garment_photo(), Limits())),),
        agnostic=(FakePreparation().agnostic(someone, "upper", "default"),),
    )


def registry(*engines: FakeEngine, category_requirements: tuple[CategoryRequirement, ...] = ()) -> Registry:
    """The engines, and one that needs a GPU, which these machines do not have."""

    def always(engine: FakeEngine) -> Callable[[], Engine]:
        return lambda: engine

    gpu_only = FakeEngine(spec=spec("gpu-only", devices=("cuda",), **DIFFUSION))
    return Registry(
        entries={
            engine.spec.name: Entry(spec=engine.spec, create=always(engine))
            for engine in (*engines, gpu_only)
        },
        requirements=(needs_gpu,),
        category_requirements=category_requirements,
    )


def needs_gpu(spec: EngineSpec) -> str | None:
    """No machine that runs these tests counts as one with a GPU."""
    return None if "cpu" in spec.devices else f"{spec.name} needs a GPU: pip install -e '.[torch]'."
