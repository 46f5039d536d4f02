"""The whole of a try-on: schedule, prepare, denoise, decode.

P persons, each drawn ``samples`` times, make B pictures; they wear G garments, one for each person or one
for all. h and w are an eighth of the pictures' height H and width W. Latents are float32 throughout; the
networks are given what they compute in. Between requests only the checkpoint's constants are kept
(:class:`~inference.engines.idm_vton.models.Constants`) and, where wanted, garments' features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from inference.engines.base import Cancelled, Progress, Stopped
from inference.engines.idm_vton.conditioning import Group, encode_prompts, group_pictures
from inference.engines.idm_vton.encoders import decode_latents
from inference.engines.idm_vton.garment import Cached, Computed, GarmentFeatures, features_of, rows_for
from inference.engines.idm_vton.garment_cache import GarmentCache, GarmentKey, GarmentPlace, garment_digest
from inference.engines.idm_vton.inputs import Inputs
from inference.engines.idm_vton.latents import encode_latents
from inference.engines.idm_vton.models import Models
from inference.engines.idm_vton.noise import NoiseSource
from inference.engines.idm_vton.observe import Observe, ignore
from inference.engines.idm_vton.schedule import Schedule, make_schedule
from inference.engines.idm_vton.settings import SamplingSettings
from inference.engines.idm_vton.sizes import Component
from inference.engines.idm_vton.unets import Features


class NotFinite(RuntimeError):  # noqa: N818
    """A number format was too small for what was computed; a black picture would hide it."""


@torch.no_grad()  # not inference_mode: weights that move while a request runs are assigned to
def try_on(
    models: Models,
    inputs: Inputs,
    settings: SamplingSettings,
    noise: NoiseSource,
    *,
    progress: Progress = lambda stage, step, steps: None,
    cancelled: Cancelled = lambda: False,
    garments: GarmentCache | None = None,
    observe: Observe = ignore,
) -> Tensor:
    """Dress the persons: ``uint8 (B, H, W, 3)`` RGB on the CPU, row ``p * samples + s``.

    Reports the stages ``encode``, ``denoise`` (every step) and ``decode``. Raises :class:`Stopped`
    between two steps when ``cancelled`` says so, :class:`NotFinite` when a number format was too small,
    ``ValueError`` for settings that the checkpoint's noise schedule cannot follow.
    """
    schedule = make_schedule(models.scheduler, settings.solver, settings.steps)
    conditions = prepare(
        models, inputs, settings, schedule.timesteps, noise, garments=garments, observe=observe
    )
    progress("encode", 1, 1)
    latents = denoise(
        models, conditions, settings, schedule, noise, progress=progress, cancelled=cancelled, observe=observe
    )
    picture = decode(models, latents, observe=observe)
    progress("decode", 1, 1)
    return picture


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """A request that is ready to denoise."""

    latents: Tensor
    """``float32 (B, 4, h, w)``: pure noise."""
    static: Tensor
    """``(B, 9, h, w)``: mask 1, masked person 4, dense pose 4."""
    groups: tuple[Group, ...]
    """The pictures, by passes through the try-on UNet."""
    garment: GarmentFeatures


def prepare(
    models: Models,
    inputs: Inputs,
    settings: SamplingSettings,
    timesteps: tuple[int, ...],
    noise: NoiseSource,
    *,
    garments: GarmentCache | None,
    observe: Observe,
) -> Conditions:
    """What stays the same from step to step: captions, image tokens, the pictures' latents; the first noise.

    ``timesteps`` are part of the cache's key. With ``garments`` (the cache) the garment's latent is its
    posterior's mean, and a garment that is there is not encoded again.
    """
    places = _places(garments, models, inputs, settings, timesteps)
    known = {g: kept for g, place in enumerate(places) if (kept := place.get()) is not None}
    new = [g for g in range(len(inputs.garment)) if g not in known]
    prompts = encode_prompts(models, inputs, settings, garments=new, observe=observe)
    latents = encode_latents(models, inputs, settings, noise, garments=new, mean_garment=bool(places))
    height, width = inputs.person.shape[-2:]
    groups = group_pictures(models, prompts, settings, height=height, width=width)
    computed: Computed | None = None
    if new:
        computed = features_of(models, prompts.garment, latents.garment, len(latents.noise), settings)
    garment: GarmentFeatures
    garment = computed if computed and not places else Cached(places, known, computed, models.device)
    return Conditions(latents=latents.noise, static=latents.static, groups=groups, garment=garment)


def denoise(
    models: Models,
    conditions: Conditions,
    settings: SamplingSettings,
    schedule: Schedule,
    noise: NoiseSource,
    *,
    progress: Progress,
    cancelled: Cancelled,
    observe: Observe,
) -> Tensor:
    """From noise to the pictures' latents, ``float32 (B, 4, h, w)``."""
    latents, steps = conditions.latents, len(schedule.timesteps)
    timesteps = torch.tensor(schedule.timesteps, device=models.device)

    def draw() -> Tensor:
        drawn = noise.draw("step", latents.shape)
        if models.device.type == "cuda":
            drawn = drawn.pin_memory()  # or the host waits at every step until the GPU has caught up
        return drawn.to(models.device, non_blocking=True)

    with models.placement.on(*_in_the_loop(conditions, settings)):
        for k in range(steps):
            if cancelled():
                raise Stopped
            features = conditions.garment.at(k, timesteps[k])
            observe(f"garment_features.{k}", *features)
            prediction = predict_noise(
                models, conditions, settings, k, latents, timesteps[k], features, observe=observe
            )
            latents = schedule.step(k, prediction, latents, draw)
            observe(f"latents.{k}", latents)
            progress("denoise", k + 1, steps)
    return latents


def predict_noise(
    models: Models,
    conditions: Conditions,
    settings: SamplingSettings,
    k: int,
    latents: Tensor,
    timestep: Tensor,
    features: Features,
    *,
    observe: Observe,
) -> Tensor:
    """The noise in ``latents (B, 4, h, w)`` at step ``k``, guided where the settings say so; ``float32``.

    The UNet sees ``(n, 13, h, w)``: latent 4, mask 1, masked person 4, dense pose 4. With guidance that
    twice: first the unconditional half, then the conditional one.
    """
    predictions = []
    for group in conditions.groups:
        told = group.conditional if k >= settings.guided_steps else group.both
        span = slice(group.start, group.stop)
        rows = torch.cat([latents[span].to(models.dtype), conditions.static[span]], dim=1)
        sample = torch.cat([rows, rows]) if told.uncond else rows
        observe(f"unet_input.{k}", sample)
        prediction = models.unet.predict(
            sample,
            timestep,
            told.text,
            told.pooled,
            told.time_ids,
            rows_for(features, group.start, group.stop, len(latents)),
            uncond=told.uncond,
            savings=settings.savings,
            backend=models.backend,
        )
        observe(f"noise_prediction.{k}", prediction)
        predictions.append(
            guide(prediction.float(), settings.guidance) if told.uncond else prediction.float()
        )
    return torch.cat(predictions)


def guide(prediction: Tensor, guidance: float) -> Tensor:
    """Classifier-free guidance (Ho and Salimans 2022) of ``(2n, 4, h, w)``, unconditional rows first."""
    unconditional, conditional = prediction.chunk(2)
    return unconditional + guidance * (conditional - unconditional)


def decode(models: Models, latents: Tensor, *, observe: Observe) -> Tensor:
    """``float32 (B, 4, h, w)`` to ``uint8 (B, H, W, 3)`` RGB on the CPU."""
    with models.placement.on("vae"):
        picture = decode_latents(models, latents)
    observe("decoded_image", picture)
    if not picture.isfinite().all():
        raise NotFinite(
            f"the picture has numbers beyond {models.dtype}: set CABINE_DTYPE=bf16 where the device has it, "
            "else fp32"
        )
    levels = ((picture / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu()


def _places(
    garments: GarmentCache | None,
    models: Models,
    inputs: Inputs,
    settings: SamplingSettings,
    timesteps: tuple[int, ...],
) -> tuple[GarmentPlace, ...]:
    """Where the cache keeps each garment; nowhere without a cache, or when computing as published."""
    if garments is None or not settings.savings.garment_once:
        return ()
    height, width = inputs.garment.shape[-2:]
    return tuple(
        GarmentPlace(
            garments,
            GarmentKey(
                pixels=garment_digest(inputs.garment[g]),
                caption=caption,
                timesteps=timesteps,
                size=(height, width),
                dtype=models.dtype,
                checkpoint=models.checkpoint,
            ),
        )
        for g, caption in enumerate(inputs.garment_prompts)
    )


def _in_the_loop(conditions: Conditions, settings: SamplingSettings) -> tuple[Component, ...]:
    needed: tuple[Component, ...] = ("unet", *conditions.garment.components)
    return needed if settings.savings.text_kv_once else (*needed, "unet_text", "garment_text")
