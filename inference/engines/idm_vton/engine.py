"""The ``idm-vton`` engine: pictures to tensors, one pass of the sampler for each garment, and back."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch

from inference.engines.base import (
    Cancelled,
    Engine,
    EngineImage,
    EngineResult,
    EngineSpec,
    EngineUnavailable,
    OutOfMemory,
    Params,
    Prepared,
    Progress,
    Runtime,
)
from inference.engines.idm_vton.attention import Savings
from inference.engines.idm_vton.canvas import CanvasInputs, compose_inputs, to_image
from inference.engines.idm_vton.caption import caption, cut_notice, garment_prompt, person_prompt
from inference.engines.idm_vton.checkpoints import Shelf, free
from inference.engines.idm_vton.device import Planned, device_name, memory_levels
from inference.engines.idm_vton.garment_cache import GarmentCache
from inference.engines.idm_vton.inputs import Inputs, inputs_of
from inference.engines.idm_vton.models import Models
from inference.engines.idm_vton.noise import Seeded
from inference.engines.idm_vton.sampling import NotFinite, try_on
from inference.engines.idm_vton.settings import SamplingSettings, settings_for
from inference.engines.idm_vton.spec import SPEC
from inference.engines.observation import Observation
from preprocess.errors import InputError
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
        with self._failures_told():
            categories = {garment.category for garment in prepared.garments}
            loaded = self._shelf.take(categories, lambda: progress("load", 0, 1))
            settings = self._settings(params, loaded.planned)
            images = self._dress(prepared, loaded.models, settings, params.seed, progress, cancelled)
        return EngineResult(
            images=images,
            mask_source="input" if prepared.agnostic[0].tag == "input" else "derived",
            confidence=seen(prepared.person, prepared.garments),
            notices=cut_captions(prepared.garments, loaded.models),
            sampling="; ".join((settings.words, *loaded.planned.plan.approximations)),
        )

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

    def _settings(self, params: Params, planned: Planned) -> SamplingSettings:
        """What was asked for, within the memory that was planned."""
        return settings_for(
            params.quality,
            steps=params.steps,
            guidance=params.guidance,
            samples=params.samples,
            rows=planned.at_once(params.samples),
            savings=Savings(uncond_lse=self._uncond_lse, vae_batch=planned.plan.profile.vae_batch),
        )

    def _dress(
        self,
        prepared: Prepared,
        models: Models,
        settings: SamplingSettings,
        seed: int,
        progress: Progress,
        cancelled: Cancelled,
    ) -> tuple[EngineImage, ...]:
        """One picture for each sample: each garment is drawn onto the pictures of the garments before it."""
        pictures: tuple[EngineImage, ...] = ()
        for k, garment in enumerate(prepared.garments):
            unders: Sequence[EngineImage | None] = pictures or [None]
            canvases = [compose_inputs(prepared, k, self.spec.canvas, under) for under in unders]
            if not canvases[0].mask.any():
                raise nothing_to_paint(prepared, k)
            drawn = try_on(
                models,
                one_garment(canvases, caption(garment)),
                # a later garment has a person for each sample already
                dataclasses.replace(settings, samples=settings.samples // len(canvases)),
                Seeded(seed, settings.samples),
                progress=of_pass(progress, k, len(prepared.garments)),
                cancelled=cancelled,
                garments=self._garments,
            )
            pictures = tuple(
                to_image(canvases[s % len(canvases)], rgb, unders[s % len(unders)])
                for s, rgb in enumerate(drawn.numpy())
            )
        return pictures

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


def ran_out_of_memory(error: RuntimeError) -> bool:
    """Only CUDA has an exception of its own for it; MPS and the CPU have words."""
    words = str(error)
    return isinstance(error, torch.OutOfMemoryError) or any(sign in words for sign in NO_MEMORY)


def one_garment(canvases: Sequence[CanvasInputs], words: str) -> Inputs:
    """Tensors of one garment for the people of all canvases."""
    prompts = [person_prompt(words)] * len(canvases)
    inputs = inputs_of(canvases, prompts=prompts, garment_prompts=[garment_prompt(words)] * len(canvases))
    return dataclasses.replace(
        inputs,
        garment=inputs.garment[:1],
        garment_clip=inputs.garment_clip[:1],
        garment_prompts=inputs.garment_prompts[:1],
    )


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


def of_pass(progress: Progress, k: int, count: int) -> Callable[[str, int, int], None]:
    """Progress of pass ``k`` of ``count`` as part of the whole."""
    if count == 1:
        return progress
    return lambda stage, step, steps: progress(
        f"{stage}, garment {k + 1} of {count}", k * steps + step, count * steps
    )


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
