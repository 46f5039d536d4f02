"""The checkpoint in memory: one at a time, chosen by what a request's garments need."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch

from inference.engines.base import EngineUnavailable, Runtime, Variant
from inference.engines.idm_vton.device import Planned, dtype_for, plan_for, resolve
from inference.engines.idm_vton.kernels import attend, attend_with_zero_keys
from inference.engines.idm_vton.loading import Checkpoint
from inference.engines.idm_vton.models import Models
from inference.engines.idm_vton.placement import load_placed
from inference.engines.idm_vton.spec import SPEC
from inference.engines.idm_vton.speed import prepare
from inference.engines.idm_vton.state import LoadError
from inference.weights.catalogue import set_of
from inference.weights.requirement import checked_folder, variant_for


@dataclass(frozen=True, kw_only=True)
class Loaded:
    variant: str
    models: Models
    planned: Planned
    seconds: float
    """What loading took."""


class Shelf:
    """Loads a checkpoint when it is asked for and lets go of the one before: two would need twice the memory.

    One thread at a time, as the engine.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Raises :class:`EngineUnavailable` for a device or a kernel that is not there, or no checkpoint."""
        self.device = resolve(runtime)
        self._dtype = dtype_for(runtime, self.device)
        self._runtime = runtime
        self._loaded: Loaded | None = None
        check_kernels(runtime, self.device, self._dtype)
        variant_for(SPEC, runtime.weights, ())

    @property
    def loaded(self) -> Loaded | None:
        return self._loaded

    def take(self, categories: Collection[str], loading: Callable[[], None] = lambda: None) -> Loaded:
        """The preferred checkpoint of those trained on all of these categories.

        Whichever was loaded before: a seed must mean the same picture whatever was drawn last.
        ``loading`` is told when it is another one, which takes a while. Raises :class:`EngineUnavailable`
        naming what is missing or wrong, and before anything is loaded
        :class:`~inference.engines.base.OutOfMemory` where no memory profile holds it.
        """
        variant = variant_for(SPEC, self._runtime.weights, categories)
        if self._loaded is None or self._loaded.variant != variant.name:
            loading()
            self._loaded = None
            free(self.device)
            self._loaded = self._load(variant)
        return self._loaded

    def variant(self, categories: Collection[str]) -> str:
        """Name of what :meth:`take` would give; raises :class:`EngineUnavailable` where there is nothing."""
        return variant_for(SPEC, self._runtime.weights, categories).name

    def _load(self, variant: Variant) -> Loaded:
        started = time.perf_counter()
        folder = checked_folder(SPEC, self._runtime.weights, variant)
        planned = plan_for(self._runtime, folder, self.device, self._dtype)
        try:
            models = load_placed(Checkpoint(folder), planned.plan, device=self.device, dtype=self._dtype)
        except LoadError as error:
            remedy = f"{set_of(SPEC, variant).remedy} to have it as it was published"
            raise EngineUnavailable(f"{SPEC.name} ({variant.name}): {error}; {remedy}") from error
        models = prepare(models, self._runtime)
        seconds = time.perf_counter() - started
        return Loaded(variant=variant.name, models=models, planned=planned, seconds=seconds)


def check_kernels(runtime: Runtime, device: torch.device, dtype: torch.dtype) -> None:
    """Try the chosen attention on a few numbers: better told now than in the middle of a request.

    Raises :class:`EngineUnavailable`.
    """
    few = torch.zeros(1, 1, 8, 64, device=device, dtype=dtype)
    try:
        attend(few, few, few, runtime.attention)
        if runtime.uncond_lse:
            attend_with_zero_keys(few, few, few, zeros=8, backend=runtime.attention)
    except (RuntimeError, ValueError) as error:
        lse = " with CABINE_UNCOND_LSE" if runtime.uncond_lse else ""
        raise EngineUnavailable(
            f"{SPEC.name}: CABINE_ATTENTION={runtime.attention}{lse} cannot compute {dtype} on {device}; set "
            "CABINE_ATTENTION=auto and CABINE_UNCOND_LSE=false"
        ) from error


def free(device: torch.device) -> None:
    """Give what nothing holds any more back to the device."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
