"""The walk from noise to picture: one schedule object for each request.

Every solver walks the noise levels of the checkpoint's own scheduler config: scaled-linear betas,
``leading`` spacing, ``steps_offset`` 1, betas rescaled to zero terminal signal (Lin et al. 2023, arXiv
2305.08891). Levels are read from diffusers' ``DDPMScheduler`` and kept as Python floats; latents are float32,
whatever the networks compute in: they are a few hundred kilobytes, and half precision loses the small
differences between late steps.

At a timestep with cumulative product a, ``latents = sqrt(a) * picture + sqrt(1 - a) * noise``: *signal* and
*noise* below are these two factors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from torch import Tensor

from inference.engines.idm_vton.settings import Solver

DrawStep = Callable[[], Tensor]
"""Standard normal numbers of the latents' shape, on their device."""


class Schedule(Protocol):
    """The timesteps of one request and the way from each to the next. Not shared: a solver keeps history."""

    timesteps: tuple[int, ...]
    """Training timesteps, from noise to picture."""

    def step(self, k: int, prediction: Tensor, latents: Tensor, draw: DrawStep) -> Tensor:
        """Latents after step ``k``; steps are taken in order.

        ``prediction`` (the noise, as the network sees it) and ``latents`` are ``float32 (B, 4, h, w)``.
        """


class Ancestral:
    """DDPM, the published sampler: the posterior of Ho et al. 2020 (arXiv 2006.11239), eq. 6 and 7.

    Draws after the last step too, as the reference does, although that noise has a weight of 1e-10.
    """

    def __init__(self, scheduler: DDPMScheduler, steps: int) -> None:
        scheduler.set_timesteps(steps)
        self.timesteps = tuple(scheduler.timesteps.tolist())
        self._levels = _visited(scheduler, self.timesteps)

    def step(self, k: int, prediction: Tensor, latents: Tensor, draw: DrawStep) -> Tensor:
        now, after = self._levels[k], self._levels[k + 1]
        kept = now / after
        picture = (latents - math.sqrt(1 - now) * prediction) / math.sqrt(now)
        mean: Tensor = (
            math.sqrt(after) * (1 - kept) / (1 - now) * picture
            + math.sqrt(kept) * (1 - after) / (1 - now) * latents
        )
        variance = max((1 - after) / (1 - now) * (1 - kept), 1e-20)
        return mean + math.sqrt(variance) * draw()


class Multistep:
    """DPM-Solver++(2M), Lu et al. 2022 (arXiv 2211.01095), algorithm 2; draws nothing.

    The first and the last step are of first order. The last one goes to no noise at all, so that the lowest
    timestep of the spacing need not be visited.
    """

    def __init__(self, scheduler: DDPMScheduler, steps: int) -> None:
        scheduler.set_timesteps(steps + 1)
        self.timesteps = tuple(scheduler.timesteps.tolist()[:-1])
        levels = _visited(scheduler, self.timesteps)
        self._signal = [math.sqrt(level) for level in levels]
        self._noise = [math.sqrt(1 - level) for level in levels]
        self._picture_before: Tensor | None = None

    def step(self, k: int, prediction: Tensor, latents: Tensor, draw: DrawStep) -> Tensor:
        picture = (latents - self._noise[k] * prediction) / self._signal[k]
        before, self._picture_before = self._picture_before, picture
        if k == len(self.timesteps) - 1:
            return picture
        target, width = picture, self._width(k)
        if before is not None:
            target = picture + (picture - before) * (width / (2 * self._width(k - 1)))
        ratio = self._noise[k + 1] / self._noise[k]
        return ratio * latents - self._signal[k + 1] * math.expm1(-width) * target

    def _width(self, k: int) -> float:
        """Of step ``k``, in half logarithms of the signal-to-noise ratio."""
        here, there = (math.log(self._signal[i] / self._noise[i]) for i in (k, k + 1))
        return there - here


def make_schedule(config: Mapping[str, Any], solver: Solver, steps: int) -> Schedule:
    """A fresh schedule of ``steps`` steps by the checkpoint's ``scheduler_config.json``.

    Raises ``ValueError`` where the spacing would reach a timestep without any signal (t = 999 after the
    rescale): no picture can be read from a noise prediction there.
    """
    scheduler = DDPMScheduler.from_config(config)
    if not 1 <= steps < scheduler.config.num_train_timesteps:
        raise ValueError(f"steps must be 1 to {scheduler.config.num_train_timesteps - 1}, got {steps}")
    schedule: Schedule = Ancestral(scheduler, steps) if solver == "ddpm" else Multistep(scheduler, steps)
    first = schedule.timesteps[0]
    if first >= len(scheduler.alphas_cumprod) or scheduler.alphas_cumprod[first] == 0:
        raise ValueError(f"{steps} steps begin at timestep {first}, which has no signal: take fewer")
    return schedule


def _visited(scheduler: DDPMScheduler, timesteps: Sequence[int]) -> list[float]:
    """Cumulative products of ``timesteps``, and 1 for the picture itself."""
    levels: list[float] = scheduler.alphas_cumprod.tolist()
    return [*(levels[timestep] for timestep in timesteps), 1.0]
