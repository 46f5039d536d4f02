"""What an engine is: a torch-free description (``spec.py``) and a class that runs it (``engine.py``).

Engines share this file and nothing else. It imports neither torch nor any engine.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from preprocess.types import Alpha, DensePose, Frame, Garment, Mask, Notice, Person, Rgb

MaskSource = Literal["input", "derived", "full"]
Quality = Literal["fast", "balanced", "best"]
MaskAlgorithm = Literal["default", "reference"]

OptionName = Literal["seed", "steps", "guidance", "samples", "mask", "mask_algorithm", "quality"]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Accepted range of a numeric option, both ends included, and what is used when it is not given."""

    least: float
    most: float
    default: float | None
    """None: the engine decides by the other options (steps by ``quality``)."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One checkpoint of an engine."""

    name: str
    categories: frozenset[str]
    repo: str
    revision: str
    files: Mapping[str, str]
    """Path inside the repository -> SHA-256 (empty: recorded at the first pull)."""
    converted: Mapping[str, str] = field(default_factory=dict)
    """Published pickle -> the file that ``cabine weights convert`` makes of it and that stands in for it."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Path -> another repository that has it, where ``repo`` has not."""
    download_mb: int = 0
    """Size of all files together, in megabytes; 0 = unknown."""


@dataclass(frozen=True, kw_only=True)
class EngineSpec:
    """Everything that can be said about an engine without loading it."""

    name: str
    title: str
    summary: str
    revision: str
    code_license: str
    weights_license: str
    commercial_use: bool
    preview: bool
    """The result is a preview, and every page and answer says so."""
    categories: frozenset[str]
    photo_kinds: frozenset[str]
    canvas: tuple[int, int]
    """Width and height in pixels of the frame the engine works in (for ``warp``: the largest)."""
    artefacts: tuple[str, ...]
    """What it needs, by convention tag: ``blaze33``, ``basic``, ``atr18``, ``densepose-rgb``, ..."""
    devices: tuple[str, ...]
    packages: tuple[str, ...] = ()
    """Import names of what it needs beyond the base installation; ``.[torch]`` brings them."""
    options: Mapping[OptionName, Limit | tuple[str, ...] | None] = field(default_factory=dict)
    """Options it honours: a range, a choice, or None for a plain flag; others are ``option-unsupported``."""
    variants: tuple[Variant, ...] = ()
    vram_mb: Mapping[str, int] = field(default_factory=dict)
    """Memory profile -> megabytes of VRAM."""
    validated_on: tuple[str, ...] = ()
    """Devices somebody really ran it on."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Where and how engines run here: the operator's settings, the same for every engine.

    An engine ignores what means nothing to it; ``auto`` is the engine's own choice.
    """

    weights: Path = Path("weights")
    """Folder of downloaded checkpoints: ``<weights>/<engine>/<variant>/<path inside the repository>``."""
    device: str = "auto"
    """``auto``, ``cuda``, ``cuda:1``, ``mps``, ``cpu``."""
    profile: str = "auto"
    """Memory profile: ``auto`` or a key of :attr:`EngineSpec.vram_mb`."""
    dtype: Literal["auto", "fp16", "bf16", "fp32"] = "auto"
    attention: Literal["auto", "flash", "efficient", "cudnn", "math"] = "auto"
    """Kernel of scaled dot product attention."""
    compile: bool = False
    channels_last: bool = False
    garment_cache_mb: int = 0
    """Most memory for garment features kept between requests; 0 = none are kept."""
    uncond_lse: bool = False
    """Unconditional half of the self-attention by log-sum-exp, where an engine has that option."""


@dataclass(frozen=True, kw_only=True)
class Params:
    """The options of one request, defaults already filled in from the engine's spec."""

    seed: int
    steps: int | None = None
    guidance: float | None = None
    samples: int = 1
    quality: Quality = "balanced"
    mask_algorithm: MaskAlgorithm = "default"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """One person, the garments to put on (in the order they are worn, inner first), what may change."""

    person: Person
    garments: tuple[Garment, ...]
    agnostic: tuple[Mask, ...]
    """One for each garment, in the person's frame; ``tag`` ``input`` when the caller brought it."""
    densepose: DensePose | None = None
    """In the person's frame; there for engines whose artefacts name ``densepose-rgb``."""


@dataclass(frozen=True, kw_only=True)
class EngineImage:
    """One picture of an engine, with how much of it replaces the photo."""

    frame: Frame
    rgb: Rgb
    """``uint8 (H, W, 3)`` of the frame's size; meaningless where ``alpha`` is 0."""
    alpha: Alpha
    """``(H, W)`` 0 = the photo's own pixel stays untouched, 1 = replaced; soft at the borders."""


@dataclass(frozen=True, kw_only=True)
class EngineResult:
    images: tuple[EngineImage, ...]
    mask_source: MaskSource
    confidence: float
    """0..1, calibrated on pictures judged by eye where the engine's docs say so."""
    notices: tuple[Notice, ...] = ()
    sampling: str = ""
    """How a generative engine drew it, in words: ``30 steps of DDPM``, ``20 steps ..., approximate``."""


Progress = Callable[[str, int, int], None]
"""Called with stage name, step (from 1) and number of steps."""
Cancelled = Callable[[], bool]
"""Asked between steps; True = stop with :class:`Stopped`."""


class Stopped(Exception):  # noqa: N818 - not an error: the caller asked for it
    """Raised by an engine that was asked to stop."""


class Engine(Protocol):
    """A loaded engine. One thread calls ``run`` at a time."""

    spec: EngineSpec

    def load(self, runtime: Runtime) -> None:
        """Bring weights to the device; raise :class:`EngineUnavailable`, naming the fix, where it cannot."""

    def warmup(self) -> None:
        """Run once on made-up data so that the first request is not the slow one."""

    def run(
        self, prepared: Prepared, params: Params, progress: Progress, cancelled: Cancelled
    ) -> EngineResult:
        """Try the garments on. Raises ``preprocess.errors.InputError`` for what it must refuse."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One request on an engine: what :meth:`Engine.run` takes, as one value."""

    prepared: Prepared
    params: Params
    progress: Progress
    cancelled: Cancelled


@runtime_checkable
class Batching(Protocol):
    """An engine that can work on several requests at once, each with a picture of its own."""

    def batch_key(self, turn: Turn) -> Hashable | None:
        """Turns of equal keys may share a batch; None: this one never does. Cheap; raises nothing."""

    def most_at_once(self, turn: Turn, wanted: int) -> int:
        """How many of ``wanted`` turns like this one the device holds in one batch: 1 to ``wanted``.

        Raises nothing.
        """

    def run_batch(self, turns: Sequence[Turn]) -> Sequence[EngineResult]:
        """What :meth:`Engine.run` gives for each, in their order; the turns are two or more, of one key.

        Tells every turn of its progress, and raises :class:`Stopped` only when all of them are cancelled.
        May raise for the fault of a single turn: then each is run again by itself.
        """


@runtime_checkable
class Reporting(Protocol):
    """An engine that can say what it runs on, once it has run."""

    def facts(self) -> Mapping[str, str]:
        """For a report to paste somewhere: device, number format, profile, ``peak VRAM``; no paths."""


class EngineUnavailable(RuntimeError):  # noqa: N818
    """The engine cannot run here; the message names what is missing and the command that brings it."""


class OutOfMemory(RuntimeError):  # noqa: N818
    """The device's memory does not hold this; the message names what fits, and how to choose it."""


FloatRgb = NDArray[np.float32]
"""``float32 (H, W, 3)``, sRGB 0..255."""
