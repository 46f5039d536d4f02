"""The ``idm-vton`` engine: checkpoint, settings and memory; what it draws is :mod:`.outfit`'s."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch

from inference.engines.base import (
    Cancelled,
    Engine,
    EngineResult,
    EngineSpec,
    EngineUnavailable,
    OutOfMemory,
    Params,
    Prepared,
    Progress,
    Runtime,
    Turn,
)
from inference.engines.idm_vton.attention import Savings
from inference.engines.idm_vton.caption import caption, cut_notice, garment_prompt, person_prompt
from inference.engines.idm_vton.checkpoints import Shelf, free
from inference.engines.idm_vton.device import Planned, device_name, memory_levels
from inference.engines.idm_vton.garment_cache import GarmentCache
from inference.engines.idm_vton.inputs import Inputs
from inference.engines.idm_vton.models import Models
from inference.engines.idm_vton.noise import Seeded
from inference.engines.idm_vton.outfit import dress, tell
from inference.engines.idm_vton.sampling import NotFinite, try_on
from inference.engines.idm_vton.settings import SamplingSettings, settings_for
from inference.engines.idm_vton.spec import SPEC
from inference.engines.observation import Observation
from preprocess.pose import LEFT_HIP, LEFT_SHOULDER, RIGHT_HIP, RIGHT_SHOULDER
from preprocess.types import Garment, Notice, Person

SMALL_CANVAS = (64, 64)
"""Width and height for warming up on the CPU, where one step at full size may take minutes."""
TRUNK = (LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP)
NO_MEMORY = ("MPS backend out of memory", "DefaultCPUAllocator")
"""In the messages of torch 2.13's allocators."""
ANY: tuple[str, ...] = ()
"""Categories of no request: the variant that comes first."""


class IdmVtonEngine:
    """Holds one checkpoint and, where the operator wants it, garment features; nothing of any request."""

    spec: EngineSpec = SPEC

    def load(self, runtime: Runtime) -> None:
        """Choose device and number format, see that a checkpoint is there; the first request loads it."""
        self._shelf = Shelf(runtime)
        self._uncond_lse = runtime.uncond_lse
        limit = runtime.garment_cache_mb * 2**20
        self._garments = GarmentCache(limit) if limit else None

    def warmup(self) -> None:
        """Load the first checkpoint and take two steps, with guidance and without, on a made-up picture.

        At full size on a GPU, so that kernels are chosen and blocks compiled for the shapes of requests.
        """
        canvas = SMALL_CANVAS if self._shelf.device.type == "cpu" else self.spec.canvas
        with self._failures_told():
            loaded = self._shelf.take(ANY)
            settings = self._settings(Params(seed=0, steps=2, quality="fast"), loaded.planned)
            try_on(loaded.models, blank_inputs(canvas), settings, Seeded(0))

    def run(
        self, prepared: Prepared, params: Params, progress: Progress, cancelled: Cancelled
    ) -> EngineResult:
        """Put the garments on, inner first. The same inputs and seed give the same picture on one device.

        Raises :class:`InputError`, :class:`EngineUnavailable`, :class:`OutOfMemory` and :class:`Stopped`.
        """
        turn = Turn(prepared=prepared, params=params, progress=progress, cancelled=cancelled)
        return self.run_batch([turn])[0]

    def batch_key(self, turn: Turn) -> Hashable | None:
        """Checkpoint and sampling; outfits of several garments are drawn alone."""
        if len(turn.prepared.garments) > 1:
            return None
        return self._variant(turn), sampling_of(turn.params)

    def most_at_once(self, turn: Turn, wanted: int) -> int:
        """As many as the memory plan holds; alone where the checkpoint, and so its plan, is not there yet."""
        loaded = self._shelf.loaded
        if loaded is None or loaded.variant != self._variant(turn):
            return 1
        return loaded.planned.turns_at_once(wanted, turn.params.samples)

    def run_batch(self, turns: Sequence[Turn]) -> list[EngineResult]:
        """Each turn's pictures are those that :meth:`run` draws of it, up to the rounding of larger batches.

        Raises as :meth:`run`.
        """
        with self._failures_told():
            categories = {garment.category for turn in turns for garment in turn.prepared.garments}
            loaded = self._shelf.take(categories, lambda: tell(turns, 0, 1, "load", 0, 1))
            settings = self._settings(turns[0].params, loaded.planned, together=len(turns) > 1)
            drawn = dress(turns, loaded.models, settings, self.spec.canvas, self._garments)
        return [
            EngineResult(
                images=images,
                mask_source="input" if turn.prepared.agnostic[0].tag == "input" else "derived",
                confidence=seen(turn.prepared.person, turn.prepared.garments),
                notices=cut_captions(turn.prepared.garments, loaded.models),
                sampling="; ".join((settings.words, *loaded.planned.plan.approximations)),
            )
            for turn, images in zip(turns, drawn, strict=True)
        ]

    def facts(self) -> Mapping[str, str]:
        """What it runs on."""
        loaded = self._shelf.loaded
        if loaded is None:
            return {}
        facts = {
            "device": device_name(self._shelf.device),
            "number format": str(loaded.models.dtype).removeprefix("torch."),
            "memory profile": loaded.planned.plan.profile.name,
            "variant": loaded.variant,
            "attention": loaded.models.backend,
        }
        if self._shelf.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self._shelf.device)
            facts["peak VRAM"] = f"{peak / 1e9:.1f} GB of tensors"
        return facts

    def observe(self) -> Observation:
        """What it holds now."""
        loaded = self._shelf.loaded
        return Observation(
            variant="" if loaded is None else loaded.variant,
            device=str(self._shelf.device),
            dtype="" if loaded is None else str(loaded.models.dtype).removeprefix("torch."),
            load_s=None if loaded is None else loaded.seconds,
            memory=memory_levels(self._shelf.device),
            cache=None if self._garments is None else self._garments.use(),
        )

    def _variant(self, turn: Turn) -> str:
        """Name of the checkpoint that a turn needs; nothing where there is none, as :meth:`run` will say."""
        try:
            return self._shelf.variant({garment.category for garment in turn.prepared.garments})
        except EngineUnavailable:
            return ""

    def _settings(self, params: Params, planned: Planned, *, together: bool = False) -> SamplingSettings:
        """What was asked for, within the memory that was planned; several turns ``together`` all fit."""
        return dataclasses.replace(
            sampling_of(params),
            rows=0 if together else planned.at_once(params.samples),
            savings=Savings(uncond_lse=self._uncond_lse, vae_batch=planned.plan.profile.vae_batch),
        )

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        """What torch and the sampler raise, in the words of the engine's contract."""
        try:
            yield
        except NotFinite as error:
            raise EngineUnavailable(f"{SPEC.name}: {error}") from error
        except RuntimeError as error:
            if not ran_out_of_memory(error):
                raise
            traceback.clear_frames(error.__traceback__)  # they hold the request's tensors
            free(self._shelf.device)
            raise OutOfMemory(
                f"The memory of {self._shelf.device} ran out during the work. Ask for fewer samples, or "
                "choose a smaller CABINE_MEMORY_PROFILE; cabine doctor prints what each needs."
            ) from error


def sampling_of(params: Params) -> SamplingSettings:
    """How a request wants to be sampled."""
    return settings_for(params.quality, steps=params.steps, guidance=params.guidance, samples=params.samples)


def ran_out_of_memory(error: RuntimeError) -> bool:
    """Only CUDA has an exception of its own for it; MPS and the CPU have words."""
    words = str(error)
    return isinstance(error, torch.OutOfMemoryError) or any(sign in words for sign in NO_MEMORY)


def blank_inputs(canvas: tuple[int, int]) -> Inputs:
    """An even picture, half of it to be repainted."""
    width, height = canvas
    grey = torch.zeros(1, 3, height, width)
    mask = torch.zeros(1, 1, height, width)
    mask[..., : height // 2, :] = 1
    return Inputs(
        person=grey,
        mask=mask,
        pose=grey,
        garment=grey,
        garment_clip=torch.zeros(1, 3, 224, 224),
        prompts=(person_prompt("shirt"),),
        garment_prompts=(garment_prompt("shirt"),),
    )


def seen(person: Person, garments: Sequence[Garment]) -> float:
    """Confidence of a result: the least of what was seen of the person and of each garment, 0..1.

    It judges the photos, not the picture that was drawn, and is calibrated on nothing.
    """
    trunk = person.pose.visibility[list(TRUNK)]
    parts = (person.pose.score, float(trunk.mean()), *(garment.cutout_confidence for garment in garments))
    return min(1.0, max(0.0, min(parts)))


def cut_captions(garments: Sequence[Garment], models: Models) -> tuple[Notice, ...]:
    """A warning where a description is longer than what the text encoders read."""
    limit = models.tokenizer.model_max_length - 2  # begin and end of text
    lengths = [
        len(models.tokenizer(person_prompt(caption(garment)), verbose=False).input_ids) - 2
        for garment in garments
    ]
    return tuple(cut_notice(length, limit) for length in lengths if length > limit)


def create() -> Engine:
    """A new engine, to be loaded before use."""
    return IdmVtonEngine()
