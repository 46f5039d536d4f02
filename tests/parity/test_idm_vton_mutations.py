"""Mistakes that are easily made in an IDM-VTON sampler; each must show in the numbers it spoils.

The engine's own seams are patched, one at a time; the bounds are those of the parity command.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import NO_TORCH

torch = pytest.importorskip("torch", reason=NO_TORCH)

from diffusers import DDPMScheduler  # noqa: E402 - after the skip
from torch import Tensor  # noqa: E402

from inference.engines.idm_vton import conditioning, encoders, garment, latents, sampling  # noqa: E402
from inference.engines.idm_vton.attention import (  # noqa: E402
    InjectGarment,
    Savings,
    TextImageAttention,
    split_heads,
    text_keys,
)
from inference.engines.idm_vton.inputs import Inputs  # noqa: E402
from inference.engines.idm_vton.kernels import attend  # noqa: E402
from inference.engines.idm_vton.models import Constants, Models  # noqa: E402
from inference.engines.idm_vton.parity import Case, bound, replay  # noqa: E402

Patch = pytest.MonkeyPatch
Mutation = Callable[[Patch, Models, Inputs], Models]
"""Makes the mistake; returns the models to run with."""


def around(patch: Patch, module: Any, name: str, change: Callable[..., Any]) -> None:
    """Replace ``module.name`` by ``change(original, *arguments)``."""
    original = getattr(module, name)
    patch.setattr(module, name, lambda *args, **kwargs: change(original, *args, **kwargs))


def features_normed_twice(patch: Patch, models: Models, inputs: Inputs) -> Models:
    def change(original: Any, *args: Any) -> Any:
        pairs = zip(models.unet.blocks, original(*args), strict=True)
        return tuple(block.norm1(feature) for block, feature in pairs)

    around(patch, sampling, "rows_for", change)
    return models


def features_one_place_late(patch: Patch, models: Models, inputs: Inputs) -> Models:
    """Each block gets the feature before its own, where that has the same size."""

    def change(original: Any, *args: Any) -> Any:
        features = original(*args)
        shifted = (features[-1], *features[:-1])
        pairs = zip(features, shifted, strict=True)
        return tuple(late if late.shape == own.shape else own for own, late in pairs)

    around(patch, sampling, "rows_for", change)
    return models


def features_of_the_unconditional_half_not_zero(patch: Patch, models: Models, inputs: Inputs) -> Models:
    original = InjectGarment.__call__

    def injected(
        self: Any,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        call: Any,
    ) -> Tensor:
        both = replace(call, garment=torch.cat([call.garment] * 2), uncond=0)
        return original(self, attn, hidden_states, call=both)

    patch.setattr(InjectGarment, "__call__", injected)
    return models


def halves_swapped_in_guidance(patch: Patch, models: Models, inputs: Inputs) -> Models:
    around(patch, sampling, "guide", lambda original, p, g: original(torch.cat(p.chunk(2)[::-1]), g))
    return models


def halves_swapped_in_the_prompt(patch: Patch, models: Models, inputs: Inputs) -> Models:
    def change(original: Any, self: Any, first: Any) -> Any:
        """With one picture the conditional row goes first."""
        both = original(self, first)
        return replace(
            both, text=conditioning.join(both.half().text, 1, first.text), pooled=both.pooled.flip(0)
        )

    around(patch, conditioning.Conditioning, "after", change)
    return models


def zero_tokens_instead_of_a_zero_picture(patch: Patch, models: Models, inputs: Inputs) -> Models:
    around(
        patch,
        conditioning,
        "encode_no_image",
        lambda original, *args, **kwargs: torch.zeros_like(original(*args, **kwargs)),
    )
    return models


def other_hidden_state(encoder: str, shift: int) -> Mutation:
    """The last one (+1), or the one before that which is meant (-1)."""

    def mutation(patch: Patch, models: Models, inputs: Inputs) -> Models:
        network = getattr(models, encoder)

        def change(original: Any, asked: Any) -> int:
            return original(asked) + (shift if asked is network else 0)

        around(patch, encoders, "_last_but_one", change)
        return models

    return mutation


def one_softmax_over_text_and_image(patch: Patch, models: Models, inputs: Inputs) -> Models:
    def joint(
        self: Any,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        call: Any,
    ) -> Tensor:
        text, image = text_keys(attn, call.text), self.image_keys(attn, call.image)
        key, value = (torch.cat([t, i], dim=2) for t, i in zip(text, image, strict=True))
        answer = attend(split_heads(attn, attn.to_q(hidden_states)), key, value, "auto")
        return attn.to_out[0](answer.transpose(1, 2).flatten(2))

    patch.setattr(TextImageAttention, "__call__", joint)
    return models


def scheduler(**changes: Any) -> Mutation:
    return lambda patch, models, inputs: replace(models, scheduler={**models.scheduler, **changes})


def other_spacing_from_the_same_start(patch: Patch, models: Models, inputs: Inputs) -> Models:
    """As many steps from the same first one, evenly, but down to t = 0."""

    def change(original: Any, self: Any, steps: int) -> None:
        original(self, steps)
        self.timesteps = torch.linspace(int(self.timesteps[0]), 0, steps).round().long()

    around(patch, DDPMScheduler, "set_timesteps", change)
    return models


def channels(*order: int) -> Mutation:
    """Another order of mask (0), masked person (1) and dense pose (2)."""

    def mutation(patch: Patch, models: Models, inputs: Inputs) -> Models:
        def change(original: Any, *args: Any, **kwargs: Any) -> Any:
            encoded = original(*args, **kwargs)
            parts = encoded.static.split([1, 4, 4], dim=1)
            return replace(encoded, static=torch.cat([parts[k] for k in order], dim=1))

        around(patch, sampling, "encode_latents", change)
        return models

    return mutation


def mask_inverted(patch: Patch, models: Models, inputs: Inputs) -> Models:
    def change(original: Any, models: Models, inputs: Inputs, *args: Any, **kwargs: Any) -> Any:
        return original(models, replace(inputs, mask=1 - inputs.mask), *args, **kwargs)

    around(patch, sampling, "encode_latents", change)
    return models


def masked_picture_not_masked(patch: Patch, models: Models, inputs: Inputs) -> Models:
    def change(original: Any, models: Models, stacks: Any, **kwargs: Any) -> Any:
        return original(models, (inputs.person, *stacks[1:]), **kwargs)

    around(patch, latents, "encode_pixels", change)
    return models


def mask_by_area(patch: Patch, models: Models, inputs: Inputs) -> Models:
    """The latent mask covers every cell that the mask touches."""

    def pooled(mask: Tensor, size: tuple[int, int], mode: str) -> Tensor:
        return torch.nn.functional.adaptive_max_pool2d(mask, size)

    patch.setattr(latents, "F", SimpleNamespace(interpolate=pooled))
    return models


def garment_noised(patch: Patch, models: Models, inputs: Inputs) -> Models:
    """As the person's latents are."""

    def change(original: Any, self: Any, k: int, timestep: Tensor) -> Any:
        levels = DDPMScheduler.from_config(models.scheduler)
        noise = torch.randn(self.latent.shape, generator=torch.Generator().manual_seed(0))
        return original(replace(self, latent=levels.add_noise(self.latent, noise, timestep)), k, timestep)

    around(patch, garment.Computed, "at", change)
    return models


def garment_latent_not_scaled(patch: Patch, models: Models, inputs: Inputs) -> Models:
    def change(original: Any, *args: Any, **kwargs: Any) -> Any:
        encoded = original(*args, **kwargs)
        return replace(encoded, garment=encoded.garment / models.vae.config.scaling_factor)

    around(patch, sampling, "encode_latents", change)
    return models


def time_ids_as_in_training(patch: Patch, models: Models, inputs: Inputs) -> Models:
    """Height twice."""
    around(
        patch,
        sampling,
        "group_pictures",
        lambda original, *args, height, width: original(*args, height=height, width=height),
    )
    return models


def posteriors_drawn_in_another_order(patch: Patch, models: Models, inputs: Inputs) -> Models:
    def change(original: Any, *args: Any, **kwargs: Any) -> Any:
        noise = args[3]
        swapped = {"pose": "garment", "garment": "pose"}
        proxy = SimpleNamespace(draw=lambda what, shape: noise.draw(swapped.get(what, what), shape))
        return original(*args[:3], proxy, *args[4:], **kwargs)

    around(patch, sampling, "encode_latents", change)
    return models


@dataclass(frozen=True)
class Mistake:
    make: Mutation
    shows_in: str
    """The quantity that is out of bounds first."""


MISTAKES = {
    "garment features normed twice": Mistake(features_normed_twice, "noise_prediction.0"),
    "garment features one place late": Mistake(features_one_place_late, "noise_prediction.0"),
    "garment features in both halves": Mistake(
        features_of_the_unconditional_half_not_zero, "noise_prediction.0"
    ),
    "halves swapped in the guidance": Mistake(halves_swapped_in_guidance, "latents.0"),
    "halves swapped in the prompt": Mistake(halves_swapped_in_the_prompt, "noise_prediction.0"),
    "zero tokens, not a zero picture": Mistake(
        zero_tokens_instead_of_a_zero_picture, "negative_image_tokens"
    ),
    # The other two encoders are not loaded to their last layer: nobody can read its output by mistake.
    "last hidden state of text encoder 2": Mistake(other_hidden_state("text_encoder_2", 1), "prompt_embeds"),
    "earlier hidden state of text encoder": Mistake(other_hidden_state("text_encoder", -1), "prompt_embeds"),
    "earlier hidden state of image encoder": Mistake(other_hidden_state("image_encoder", -1), "image_tokens"),
    "one softmax over text and image": Mistake(one_softmax_over_text_and_image, "noise_prediction.0"),
    "trailing spacing": Mistake(scheduler(timestep_spacing="trailing"), "timesteps"),
    "trailing spacing without rescale": Mistake(
        scheduler(timestep_spacing="trailing", rescale_betas_zero_snr=False), "noise_prediction.0"
    ),
    "spacing to t = 0": Mistake(other_spacing_from_the_same_start, "noise_prediction.2"),
    "no steps offset": Mistake(scheduler(steps_offset=0), "noise_prediction.0"),
    "no zero-snr rescale": Mistake(scheduler(rescale_betas_zero_snr=False), "latents.0"),
    "linear betas": Mistake(scheduler(beta_schedule="linear"), "latents.0"),
    "masked person before mask": Mistake(channels(1, 0, 2), "unet_input.0"),
    "pose before masked person": Mistake(channels(0, 2, 1), "unet_input.0"),
    "mask inverted": Mistake(mask_inverted, "unet_input.0"),
    "masked person not masked": Mistake(masked_picture_not_masked, "unet_input.0"),
    "latent mask by maximum": Mistake(mask_by_area, "unet_input.0"),
    "garment latent noised": Mistake(garment_noised, "garment_features.0"),
    "garment latent not scaled": Mistake(garment_latent_not_scaled, "garment_features.0"),
    "time ids as in training": Mistake(time_ids_as_in_training, "noise_prediction.0"),
    "pose drawn after garment": Mistake(posteriors_drawn_in_another_order, "unet_input.0"),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_shows_in_the_numbers(
    mistake: Mistake,
    monkeypatch: Patch,
    idm_vton_models: Models,
    idm_vton_cases: dict[str, Case],
) -> None:
    case = idm_vton_cases["guided"]
    models = replace(idm_vton_models, constants=Constants())
    wrong = mistake.make(monkeypatch, models, case.inputs())
    if mistake.shows_in == "timesteps":
        with pytest.raises(ValueError, match="no signal"):
            replay(wrong, "guided", case, Savings())
        return
    differences = replay(wrong, "guided", case, Savings()).differences
    assert differences[mistake.shows_in] > 2 * bound(mistake.shows_in)
