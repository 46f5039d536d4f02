"""The try-on UNet and the garment UNet: stock ``UNet2DConditionModel`` with our attention processors.

Latents are ``(B, channels, height / 8, width / 8)``. *Execution order* of transformer blocks is down, mid,
up; features and prepared prompts are tuples in that order (70 blocks in the published networks).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor, nn

from inference.engines.idm_vton.attention import (
    CrossAttention,
    GarmentCall,
    InjectGarment,
    LastFeature,
    RecordFeature,
    Savings,
    TextImage,
    TextImageAttention,
    TextKV,
    Tokens,
    TryOnCall,
    text_keys,
)
from inference.engines.idm_vton.kernels import Backend
from inference.engines.idm_vton.state import arguments

Features = tuple[Tensor, ...]
"""``(G, N, C)`` for each transformer block: what the garment looks like there."""

DEFAULT_SAVINGS = Savings()

EMA_KEYS = frozenset(
    {"decay", "inv_gamma", "min_decay", "optimization_step", "power", "update_after_step", "use_ema_warmup"}
)
"""Left in the published config by the training script; they mean nothing here."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TryOnUnet:
    """Predicts the noise in a person's latents, given the garment's features."""

    module: UNet2DConditionModel
    """Made by :func:`tryon_model`."""

    @property
    def blocks(self) -> tuple[BasicTransformerBlock, ...]:
        return transformer_blocks(self.module)

    def text_image(
        self, prompt_embeds: Tensor, image_tokens: Tensor, *, savings: Savings = DEFAULT_SAVINGS
    ) -> TextImage:
        """``prompt_embeds (B, 77, 2048)`` and ``image_tokens (B, 16, 2048)`` for all steps of a request."""
        blocks = self.blocks
        if not savings.text_kv_once:
            return TextImage(text=(prompt_embeds,) * len(blocks), image=(image_tokens,) * len(blocks))
        attentions = [block.attn2 for block in blocks]
        return TextImage(
            text=tuple(text_keys(attn, prompt_embeds) for attn in attentions),
            image=tuple(attn.processor.image_keys(attn, image_tokens) for attn in attentions),
        )

    def predict(
        self,
        sample: Tensor,
        timestep: Tensor,
        text: TextImage,
        pooled: Tensor,
        time_ids: Tensor,
        features: Features,
        *,
        uncond: int,
        savings: Savings = DEFAULT_SAVINGS,
        backend: Backend = "auto",
    ) -> Tensor:
        """Noise ``(B, 4, h, w)`` in ``sample (B, 13, h, w)``.

        The first ``uncond`` rows are the unconditional half: they see a garment of zeros. ``timestep`` is a
        scalar or ``(B,)``, ``pooled (B, 1280)``, ``time_ids (B, 6)``: height, width, 0, 0, height, width in
        pixels.
        ``features``: of one garment for each conditional row, or of one for all. Raises ValueError where
        garment and person have different sizes or numbers.
        """
        call = TryOnCall(
            garment=features,
            tokens=text,
            uncond=uncond,
            savings=savings,
            backend=backend,
        )
        (noise,) = self.module(
            sample,
            timestep,
            encoder_hidden_states=None,  # the prompt travels in the call
            cross_attention_kwargs={"call": call},
            added_cond_kwargs={"text_embeds": pooled, "time_ids": time_ids},
            return_dict=False,
        )
        return noise  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True, eq=False)
class GarmentUnet:
    """Turns a garment's clean latents into its features at one timestep. Sees neither person nor noise."""

    module: UNet2DConditionModel
    """Made by :func:`garment_model`."""
    whole: bool = False
    """The weights behind the last feature are there too (only to compare with the published code)."""

    @property
    def blocks(self) -> tuple[BasicTransformerBlock, ...]:
        return transformer_blocks(self.module)

    def text(self, prompt_embeds: Tensor, *, savings: Savings = DEFAULT_SAVINGS) -> TextKV:
        """``prompt_embeds (G, 77, 2048)`` for all timesteps of a garment."""
        blocks = self.blocks
        if not savings.text_kv_once:
            return (prompt_embeds,) * len(blocks)
        # The last block stops before its cross-attention, whose weights are not loaded then.
        used = blocks if self.whole else blocks[:-1]
        keys: list[Tokens] = [text_keys(block.attn2, prompt_embeds) for block in used]
        return tuple(keys) + (prompt_embeds,) * (len(blocks) - len(used))

    def features(
        self,
        latent: Tensor,
        timestep: Tensor,
        text: TextKV,
        *,
        savings: Savings = DEFAULT_SAVINGS,
        backend: Backend = "auto",
    ) -> Features:
        """Features of ``latent (G, 4, h, w)`` at ``timestep``, a scalar or ``(G,)``: a row may have its own.

        Raises ValueError when it shall run to its end but the weights there were not loaded.
        """
        if not (savings.garment_early_stop or self.whole):
            raise ValueError(
                "garment_early_stop=False needs the whole garment UNet: load_garment(whole=True)"
            )
        call = GarmentCall(
            text=text,
            records=tuple([] for _ in text),
            early_stop=savings.garment_early_stop,
            backend=backend,
        )
        with suppress(LastFeature):
            self.module(latent, timestep, encoder_hidden_states=None, cross_attention_kwargs={"call": call})
        return tuple(feature for record in call.records for feature in record)


def tryon_model(config: Mapping[str, Any]) -> UNet2DConditionModel:
    """The try-on UNet of a published config, weights as torch initialises them.

    ``encoder_hid_dim`` and its type are set to None: the resampler they ask for runs outside of the loop.
    """
    unet = _stock_unet({**config, "encoder_hid_dim": None, "encoder_hid_dim_type": None})
    for block in transformer_blocks(unet):
        block.attn1.set_processor(InjectGarment())
        block.attn2.set_processor(TextImageAttention(block.attn2.inner_dim, block.attn2.cross_attention_dim))
    _hand_each_block_its_call(unet)
    return unet


def garment_model(config: Mapping[str, Any]) -> UNet2DConditionModel:
    """The garment UNet of a published config, weights as torch initialises them."""
    unet = _stock_unet(config)
    for block in transformer_blocks(unet):
        block.attn1.set_processor(RecordFeature())
        block.attn2.set_processor(CrossAttention())
    _hand_each_block_its_call(unet)
    return unet


def transformer_blocks(unet: UNet2DConditionModel) -> tuple[BasicTransformerBlock, ...]:
    """All transformer blocks in execution order (which is not the order of ``named_modules``)."""
    stages = [*unet.down_blocks, unet.mid_block, *unet.up_blocks]
    return tuple(
        block
        for stage in stages
        for transformer in getattr(stage, "attentions", ())
        for block in transformer.transformer_blocks
    )


def dead_modules(unet: UNet2DConditionModel) -> tuple[str, ...]:
    """Modules of a garment UNet whose weights come behind the last feature (in the forward's order)."""
    stage = max(index for index, up in enumerate(unet.up_blocks) if hasattr(up, "attentions"))
    transformers = unet.up_blocks[stage].attentions
    transformer = f"up_blocks.{stage}.attentions.{len(transformers) - 1}"
    last = f"{transformer}.transformer_blocks.{len(transformers[-1].transformer_blocks) - 1}"
    behind = (
        *(f"{last}.{name}." for name in ("attn1", "norm2", "attn2", "norm3", "ff")),
        f"{transformer}.proj_out.",
        f"up_blocks.{stage}.upsamplers.",
        *(f"up_blocks.{later}." for later in range(stage + 1, len(unet.up_blocks))),
        "conv_norm_out.",
        "conv_out.",
    )
    weighted = (name for name, module in unet.named_modules() if module._parameters)
    return tuple(name for name in weighted if f"{name}.".startswith(behind))


def remove_modules(unet: UNet2DConditionModel, names: tuple[str, ...]) -> frozenset[str]:
    """Take modules out of ``unet``; the state dict keys that went with them."""
    removed: set[str] = set()
    for name in names:
        parent, _, child = name.rpartition(".")
        module = unet.get_submodule(name)
        removed.update(f"{name}.{key}" for key in module.state_dict())
        setattr(unet.get_submodule(parent), child, None)
    return frozenset(removed)


def _stock_unet(config: Mapping[str, Any]) -> UNet2DConditionModel:
    return UNet2DConditionModel(**arguments(UNet2DConditionModel, config, strays=EMA_KEYS))


def _hand_each_block_its_call(unet: UNet2DConditionModel) -> None:
    """Each block gets its own part of the call by a hook outside of its forward.

    So a block's forward, compiled, is one graph for all blocks of a width: an index inside the processor
    would make torch compile it anew for each of the 70.
    """
    for index, block in enumerate(transformer_blocks(unet)):
        block.register_forward_pre_hook(partial(_block_call, index), with_kwargs=True)


def _block_call(
    index: int, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    call: TryOnCall | GarmentCall = kwargs["cross_attention_kwargs"]["call"]
    return args, {**kwargs, "cross_attention_kwargs": {"call": call.block(index)}}
