"""The walk from noise to picture: one schedule object for each request.

Every solver is built from the checkpoint's own scheduler config (scaled-linear betas, ``leading``
spacing, ``steps_offset`` 1, betas rescaled to zero terminal signal), so that all of them walk the same
noise levels. Noise levels stay on the CPU in float64 and latents in float32, whatever the models compute
in: a latent is a few hundred kilobytes, and half precision loses the small differences between the late
steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler
from torch import Tensor

from inference.engines.idm_vton.settings import Solver

DrawStep = Callable[[], Tensor]
"""Standard normal numbers of the latents' shape, on their device; called once for each ancestral step."""


class Schedule(Protocol):
    """The noise levels of one request and the way from each to the next. Not shared: solvers keep history."""

    timesteps: tuple[int, ...]
    """Training timesteps, from noise to picture."""

    def step(self, k: int, prediction: Tensor, latents: Tensor, draw: DrawStep) -> Tensor:
        """Latents after step ``k``.

        ``prediction`` (the noise as the model sees it) and ``latents`` are ``float32 (B, 4, h, w)``.
        """


class Ancestral:
    """DDPM's own posterior, the published sampler (Ho et al. 2020, eq. 6 and 7; ``fixed_small`` variance).

    The noise is drawn after the last step too, as in the reference, although its weight there is 1e-10.
    """

    def __init__(self, scheduler: DDPMScheduler, steps: int) -> None:
        scheduler.set_timesteps(steps)
        self.timesteps = tuple(int(t) for t in scheduler.timesteps)
        stride = scheduler.config.num_train_timesteps // steps
        levels = scheduler.alphas_cumprod.double()
        here = levels[list(self.timesteps)]
        before = torch.stack(
            [levels[t - stride] if t >= stride else levels.new_ones(()) for t in self.timesteps]
        )
        ratio = here / before
        variance = (1 - before) / (1 - here) * (1 - ratio)
        self._signal: list[float] = here.sqrt().tolist()
        self._noise: list[float] = (1 - here).sqrt().tolist()
        self._towards: list[float] = (before.sqrt() * (1 - ratio) / (1 - here)).tolist()
        self._stay: list[float] = (ratio.sqrt() * (1 - before) / (1 - here)).tolist()
        self._deviation: list[float] = variance.clamp(min=1e-20).sqrt().tolist()

    def step(self, k: int, prediction: Tensor, latents: Tensor, draw: DrawStep) -> Tensor:
        clean = (latents - self._noise[k] * prediction) / self._signal[k]
        mean = self._towards[k] * clean + self._stay[k] * latents
        return mean + draw() * self._deviation[k]


class Multistep:
    """A deterministic second-order solver: DPM-Solver++(2M) (Lu et al. 2022) or UniPC (Zhao et al. 2023).

    Draws nothing. Its noise levels are the config's, its last step goes to zero noise.
    """

    def __init__(self, scheduler: DPMSolverMultistepScheduler | UniPCMultistepScheduler, steps: int) -> None:
        scheduler.set_timesteps(steps, device="cpu")
        self.timesteps = tuple(int(t) for t in scheduler.timesteps)
        self._scheduler = scheduler

    def step(self, k: int, prediction: Tensor, latents: Tensor, draw: DrawStep) -> Tensor:
        after: Tensor = self._scheduler.step(
            prediction, self._scheduler.timesteps[k], latents, return_dict=False
        )[0]
        return after


def make_schedule(config: Mapping[str, Any], solver: Solver, steps: int) -> Schedule:
    """A fresh schedule of ``steps`` steps by the checkpoint's scheduler ``config``
    (``scheduler_config.json``).

    Raises ``ValueError`` where the spacing would reach a timestep without any signal (t = 999 after the
    rescale): the noise prediction cannot be turned into a picture there.
    """
    reference = DDPMScheduler.from_config(config)
    if not 1 <= steps < reference.config.num_train_timesteps:
        raise ValueError(f"steps must be 1 to {reference.config.num_train_timesteps - 1}, got {steps}")
    schedule: Schedule
    if solver == "ddpm":
        schedule = Ancestral(reference, steps)
    elif solver == "dpm++2m":
        schedule = Multistep(
            DPMSolverMultistepScheduler.from_config(config, algorithm_type="dpmsolver++"), steps
        )
    else:
        schedule = Multistep(UniPCMultistepScheduler.from_config(config), steps)
    if reference.alphas_cumprod[max(schedule.timesteps)] == 0:
        raise ValueError(
            f"{steps} steps reach timestep {max(schedule.timesteps)}, which has no signal: take fewer"
        )
    return schedule
