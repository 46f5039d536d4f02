"""Captions and the garment's picture as the UNets read them: encoded once, projected once, for all steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from inference.engines.idm_vton.attention import TextImage
from inference.engines.idm_vton.encoders import encode_image, encode_negative, encode_no_image, encode_text
from inference.engines.idm_vton.inputs import Inputs
from inference.engines.idm_vton.models import Models
from inference.engines.idm_vton.observe import Observe
from inference.engines.idm_vton.settings import SamplingSettings


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What one half of the rows of the try-on UNet is told, one row for each."""

    embeds: Tensor
    """``(n, 77, 2048)``: the caption."""
    image: Tensor
    """``(n, 16, 2048)``: the garment's picture as image tokens."""
    pooled: Tensor
    """``(n, 1280)``: the caption's summary."""

    def rows(self, start: int, stop: int) -> Prompt:
        return Prompt(
            embeds=self.embeds[start:stop], image=self.image[start:stop], pooled=self.pooled[start:stop]
        )

    def after(self, first: Prompt) -> Prompt:
        """``first``'s only row as often as there are rows here, then these."""
        n = len(self.pooled)
        return Prompt(
            embeds=torch.cat([first.embeds.expand(n, -1, -1), self.embeds]),
            image=torch.cat([first.image.expand(n, -1, -1), self.image]),
            pooled=torch.cat([first.pooled.expand(n, -1), self.pooled]),
        )


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """The prompts of a request of B pictures with G garments."""

    conditional: Prompt
    """B rows."""
    unconditional: Prompt | None
    """One row for all: negative prompt and no picture. None without guidance."""
    garment: Tensor
    """``(G, 77, 2048)``: captions of the garments alone; no rows where they are not needed."""


def encode_prompts(
    models: Models, inputs: Inputs, settings: SamplingSettings, *, with_garment: bool, observe: Observe
) -> Prompts:
    """Encode captions and the garments' pictures; what depends on the checkpoint alone is kept for later
    requests."""
    persons, guided, keep = len(inputs.prompts), settings.guidance > 1, settings.savings.constants_once
    garment_captions = inputs.garment_prompts if with_garment else ()
    with models.placement.on("text_encoder", "text_encoder_2"):
        text = encode_text(models, (*inputs.prompts, *garment_captions))
        negative = encode_negative(models, inputs.negative_prompt, keep=keep) if guided else None
    with models.placement.on("image_encoder", "resampler"):
        image = encode_image(models, inputs.garment_clip)
        no_image = encode_no_image(models, keep=keep) if guided else None

    pictures = persons * settings.samples
    conditional = Prompt(
        embeds=text.embeds[:persons].repeat_interleave(settings.samples, 0),
        image=image.repeat_interleave(pictures // len(image), 0),
        pooled=text.pooled[:persons].repeat_interleave(settings.samples, 0),
    )
    unconditional = None
    if negative is not None and no_image is not None:
        unconditional = Prompt(embeds=negative.embeds, image=no_image, pooled=negative.pooled)
    for half, prompt in (("", conditional), ("negative_", unconditional)):
        if prompt is not None:
            observe(f"{half}prompt_embeds", prompt.embeds)
            observe(f"{half}pooled_prompt_embeds", prompt.pooled)
            observe(f"{half}image_tokens", prompt.image)
    observe("prompt_embeds_cloth", text.embeds[persons:])
    return Prompts(conditional=conditional, unconditional=unconditional, garment=text.embeds[persons:])


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """What one pass of the try-on UNet is told, besides the picture and the garment's features."""

    text: TextImage
    """Keys and values of captions and image tokens in every cross-attention, n rows."""
    pooled: Tensor
    """``(n, 1280)``."""
    time_ids: Tensor
    """``float32 (n, 6)``: height, width, 0, 0, height, width in pixels (training had the height twice)."""
    uncond: int
    """How many rows, from the first on, are the unconditional half: 0 or n / 2."""

    def half(self) -> Conditioning:
        """The conditional half alone (views)."""
        return Conditioning(
            text=self.text.rows(self.uncond, len(self.pooled)),
            pooled=self.pooled[self.uncond :],
            time_ids=self.time_ids[self.uncond :],
            uncond=0,
        )


@dataclass(frozen=True, kw_only=True)
class Group:
    """Pictures ``start`` to ``stop``, which go through the try-on UNet in one pass."""

    start: int
    stop: int
    both: Conditioning
    """Unconditional and conditional half; without guidance the conditional one only."""
    conditional: Conditioning


def group_pictures(
    models: Models, prompts: Prompts, settings: SamplingSettings, *, height: int, width: int
) -> tuple[Group, ...]:
    """At most ``settings.rows`` pictures to a group; height and width in pixels."""
    pictures = len(prompts.conditional.pooled)
    at_once = settings.rows or pictures
    ids = torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32, device=models.device)
    groups = []
    with models.placement.on("unet_text"):
        for start in range(0, pictures, at_once):
            stop = min(start + at_once, pictures)
            prompt, uncond = prompts.conditional.rows(start, stop), 0
            if prompts.unconditional is not None:
                prompt, uncond = prompt.after(prompts.unconditional), stop - start
            both = Conditioning(
                text=models.unet.text_image(prompt.embeds, prompt.image, savings=settings.savings),
                pooled=prompt.pooled,
                time_ids=ids.expand(len(prompt.pooled), -1),
                uncond=uncond,
            )
            groups.append(Group(start=start, stop=stop, both=both, conditional=both.half()))
    return tuple(groups)
