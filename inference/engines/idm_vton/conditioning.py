"""Captions and the garment's picture as the UNets read them: encoded once, projected once, for all steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.engines.idm_vton.attention import KeyValue, TextImage, Tokens
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


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """The prompts of a request of B pictures with G garments."""

    conditional: Prompt
    """B rows."""
    unconditional: Prompt | None
    """One row for all: negative prompt and no picture. None without guidance."""
    negative_prompt: str
    garment: Tensor
    """``(n, 77, 2048)``: captions of the garments alone, of those that are needed."""


def encode_prompts(
    models: Models, inputs: Inputs, settings: SamplingSettings, *, garments: Sequence[int], observe: Observe
) -> Prompts:
    """Encode captions and the garments' pictures; what depends on the checkpoint alone is kept.

    ``garments``: numbers of those whose own captions are needed.
    """
    persons, guided, keep = len(inputs.prompts), settings.guidance > 1, settings.savings.constants_once
    garment_captions = [inputs.garment_prompts[g] for g in garments]
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
    return Prompts(
        conditional=conditional,
        unconditional=unconditional,
        negative_prompt=inputs.negative_prompt,
        garment=text.embeds[persons:],
    )


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """What one pass of the try-on UNet is told, besides the picture and the garment's features."""

    text: TextImage
    """Keys and values of captions and image tokens in every cross-attention, n rows."""
    pooled: Tensor
    """``(n, 1280)``."""
    time_ids: Tensor
    """``float32 (n, 6)``: height, width, 0, 0, height, width in pixels (training had the height twice)."""
    uncond: int = 0
    """How many rows, from the first on, are the unconditional half: none or half of them."""

    def after(self, first: Conditioning) -> Conditioning:
        """``first``'s only row, the unconditional one, as often as there are rows here; then these."""
        n = len(self.pooled)
        return Conditioning(
            text=join(first.text, n, self.text),
            pooled=torch.cat([first.pooled.expand(n, -1), self.pooled]),
            time_ids=torch.cat([first.time_ids.expand(n, -1), self.time_ids]),
            uncond=n,
        )

    def half(self) -> Conditioning:
        """The conditional half alone, as views: keys and values are in memory once."""
        return Conditioning(
            text=self.text.rows(self.uncond, len(self.pooled)),
            pooled=self.pooled[self.uncond :],
            time_ids=self.time_ids[self.uncond :],
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
        unconditional = _unconditional(models, prompts, settings, ids)
        for start in range(0, pictures, at_once):
            stop = min(start + at_once, pictures)
            prompt = prompts.conditional.rows(start, stop)
            conditional = Conditioning(
                text=models.unet.text_image(prompt.embeds, prompt.image, savings=settings.savings),
                pooled=prompt.pooled,
                time_ids=ids.expand(stop - start, -1),
            )
            both = conditional if unconditional is None else conditional.after(unconditional)
            groups.append(Group(start=start, stop=stop, both=both, conditional=both.half()))
    return tuple(groups)


def _unconditional(
    models: Models, prompts: Prompts, settings: SamplingSettings, ids: Tensor
) -> Conditioning | None:
    """The unconditional half's one row; its keys and values depend on the checkpoint alone."""
    prompt, savings, kept = prompts.unconditional, settings.savings, models.constants.unconditional
    if prompt is None:
        return None
    keep = savings.constants_once and savings.text_kv_once
    if keep and kept is not None and kept[0] == prompts.negative_prompt:
        text = kept[1]
    else:
        text = models.unet.text_image(prompt.embeds, prompt.image, savings=savings)
    if keep:
        models.constants.unconditional = (prompts.negative_prompt, text)
    return Conditioning(text=text, pooled=prompt.pooled, time_ids=ids)


def join(first: TextImage, rows: int, then: TextImage) -> TextImage:
    """``first``'s only row ``rows`` times, then the rows of ``then``."""

    def joined(one: Tensor, others: Tensor) -> Tensor:
        return torch.cat([one.expand(rows, *one.shape[1:]), others])

    def each(one: Tokens, others: Tokens) -> Tokens:
        if isinstance(one, KeyValue) and isinstance(others, KeyValue):
            return KeyValue(joined(one.key, others.key), joined(one.value, others.value))
        return joined(one, others)  # type: ignore[arg-type]  # both are of one kind

    return TextImage(
        text=tuple(each(*pair) for pair in zip(first.text, then.text, strict=True)),
        image=tuple(each(*pair) for pair in zip(first.image, then.image, strict=True)),
    )
