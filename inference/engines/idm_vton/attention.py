"""Attention processors of the two UNets, and the object that carries one forward through them.

A processor holds no state of a request: everything one forward needs travels in
``cross_attention_kwargs={"call": call}``, so that concurrent requests cannot touch each other.
``B`` rows of a batch, ``N`` tokens of a picture, ``T`` tokens of a prompt, ``C`` channels, ``h`` heads of
``d`` channels.

Sources: IDM-VTON (Choi et al. 2024, arXiv 2403.05139): garment features beside the person's tokens in the
self-attention; IP-Adapter (Ye et al. 2023, arXiv 2308.06721): decoupled cross-attention to text and image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from inference.engines.idm_vton.kernels import Backend, attend, attend_with_zero_keys


@dataclass(frozen=True, kw_only=True)
class Savings:
    """Work of the published code that can be left out and the result stays the same; each has its switch."""

    person_queries: bool = True
    """Self-attention asks from the person's tokens only; the published code asks from the garment's too and
    throws those answers away."""
    uncond_lse: bool = False
    """The zero keys of the unconditional half enter through the log-sum-exp instead of as keys. Off: it takes
    two attention calls a block, and nobody has profiled it on a GPU."""
    text_kv_once: bool = True
    """Keys and values of prompt and image tokens once a request, not once a step."""
    garment_early_stop: bool = True
    """The garment UNet stops at its last feature."""
    garment_once: bool = True
    """One garment pass a timestep serves all persons and samples that wear it (read by ``sampling``)."""
    constants_once: bool = True
    """Negative prompt and empty image are encoded once a model (read by ``sampling``)."""
    vae_batch: bool = True
    """The three pictures go through the VAE's encoder in one batch (read by ``sampling``)."""


NO_SAVINGS = Savings(
    person_queries=False,
    text_kv_once=False,
    garment_early_stop=False,
    garment_once=False,
    constants_once=False,
    vae_batch=False,
)
"""What the published code computes."""


class KeyValue(NamedTuple):
    """Keys and values of one attention, ``(B, h, T, d)`` each."""

    key: Tensor
    value: Tensor


Tokens = KeyValue | Tensor
"""What a cross-attention looks at: ready keys and values, or embeddings ``(B, T, C)`` still to project."""

TextKV = tuple[Tokens, ...]
"""A prompt, ready for every block in execution order."""


@dataclass(frozen=True, kw_only=True)
class TextImage:
    """Prompt and image tokens, ready for every block of the try-on UNet."""

    text: TextKV
    image: TextKV

    def rows(self, start: int, stop: int) -> TextImage:
        """The same for rows ``start`` to ``stop`` of the batch, as views."""
        return TextImage(
            text=tuple(_slice(tokens, start, stop) for tokens in self.text),
            image=tuple(_slice(tokens, start, stop) for tokens in self.image),
        )


@dataclass(frozen=True, kw_only=True)
class TryOnBlockCall:
    """What one transformer block of the try-on UNet sees of a forward; rows are ``[uncond..., cond...]``."""

    garment: Tensor
    """``(G, N, C)``: output of the garment UNet's norm1 in the same place; G = 1 serves all rows."""
    text: Tokens
    image: Tokens
    uncond: int
    """Number of leading rows that are unconditional: their garment is zeros."""
    savings: Savings
    backend: Backend


@dataclass(frozen=True, kw_only=True)
class TryOnCall:
    """One forward of the try-on UNet, all blocks in execution order."""

    garment: tuple[Tensor, ...]
    tokens: TextImage
    uncond: int
    savings: Savings
    backend: Backend

    def block(self, index: int) -> TryOnBlockCall:
        return TryOnBlockCall(
            garment=self.garment[index],
            text=self.tokens.text[index],
            image=self.tokens.image[index],
            uncond=self.uncond,
            savings=self.savings,
            backend=self.backend,
        )


@dataclass(frozen=True, kw_only=True)
class GarmentBlockCall:
    """What one transformer block of the garment UNet sees of a forward."""

    text: Tokens
    record: list[Tensor]
    """Empty; takes this block's feature. A list of its own, so that a compiled block sees the same shape of
    call wherever it stands."""
    stop: bool
    """This is the last feature, and nothing after it matters."""
    backend: Backend


@dataclass(frozen=True, kw_only=True)
class GarmentCall:
    """One forward of the garment UNet, all blocks in execution order."""

    text: TextKV
    records: tuple[list[Tensor], ...]
    early_stop: bool
    backend: Backend

    def block(self, index: int) -> GarmentBlockCall:
        return GarmentBlockCall(
            text=self.text[index],
            record=self.records[index],
            stop=self.early_stop and index == len(self.records) - 1,
            backend=self.backend,
        )


class LastFeature(Exception):  # noqa: N818 - not an error: the garment UNet has done its work
    """Ends a forward of the garment UNet at its last feature."""


class RecordFeature:
    """attn1 of the garment UNet: records its input, which is norm1's output, then attends as usual."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        call: GarmentBlockCall,
    ) -> Tensor:
        call.record.append(hidden_states)
        if call.stop:
            raise LastFeature
        query, key, value = (project(hidden_states) for project in (attn.to_q, attn.to_k, attn.to_v))
        return _out(attn, _attend(attn, query, key, value, call.backend))


class CrossAttention:
    """attn2 of the garment UNet: plain cross-attention to the garment's prompt."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        call: GarmentBlockCall,
    ) -> Tensor:
        text = text_keys(attn, call.text)
        query = split_heads(attn, attn.to_q(hidden_states))
        return _out(attn, attend(query, *_rows(text, len(query)), call.backend))


class InjectGarment:
    """attn1 of the try-on UNet: the person's tokens attend to themselves and to the garment's feature.

    The feature is not normed again: it is the output of the garment UNet's norm1. The *try-on* UNet's
    ``to_k`` and ``to_v`` project it. They have no bias, so the zero garment of an unconditional row has zero
    keys and values: N more logits of 0 in the softmax, and nothing added to the answer.
    """

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        call: TryOnBlockCall,
    ) -> Tensor:
        _check_garment(hidden_states, call)
        if not call.savings.person_queries:
            return self._as_published(attn, hidden_states, call)
        query, key, value = (project(hidden_states) for project in (attn.to_q, attn.to_k, attn.to_v))
        garment_key, garment_value = attn.to_k(call.garment), attn.to_v(call.garment)
        uncond = call.uncond if call.savings.uncond_lse else 0
        answer = _attend(
            attn,
            query[uncond:],
            _append(key[uncond:], garment_key, call.uncond - uncond),
            _append(value[uncond:], garment_value, call.uncond - uncond),
            call.backend,
        )
        if uncond:
            plain = attend_with_zero_keys(
                split_heads(attn, query[:uncond]),
                split_heads(attn, key[:uncond]),
                split_heads(attn, value[:uncond]),
                zeros=call.garment.shape[1],
                backend=call.backend,
            )
            answer = torch.cat([plain, answer])
        return _out(attn, answer)

    @staticmethod
    def _as_published(attn: Attention, person: Tensor, call: TryOnBlockCall) -> Tensor:
        """All tokens ask, the garment's answers are thrown away: the measure the savings are held against."""
        both = _append(person, call.garment, call.uncond)
        query, key, value = attn.to_q(both), attn.to_k(both), attn.to_v(both)
        return _out(attn, _attend(attn, query, key, value, call.backend))[:, : person.shape[1]]


class TextImageAttention(nn.Module):
    """attn2 of the try-on UNet: one query, a softmax over the prompt and one over the image, one ``to_out``.

    A module because the checkpoint keeps the projections of the image tokens under
    ``attn2.processor.to_k_ip`` and ``to_v_ip``. ``__call__`` itself is defined, not ``forward``: diffusers
    reads the accepted keywords from its signature.
    """

    def __init__(self, channels: int, cross_attention_dim: int) -> None:
        super().__init__()
        self.to_k_ip = nn.Linear(cross_attention_dim, channels, bias=False)
        self.to_v_ip = nn.Linear(cross_attention_dim, channels, bias=False)

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        call: TryOnBlockCall,
    ) -> Tensor:
        query = split_heads(attn, attn.to_q(hidden_states))
        text = attend(query, *text_keys(attn, call.text), call.backend)
        image = attend(query, *self.image_keys(attn, call.image), call.backend)
        return _out(attn, text + image)

    def image_keys(self, attn: Attention, image: Tokens) -> KeyValue:
        """Keys and values of image tokens ``(B, 16, C)``; what is projected already stays."""
        if isinstance(image, KeyValue):
            return image
        return KeyValue(split_heads(attn, self.to_k_ip(image)), split_heads(attn, self.to_v_ip(image)))


def text_keys(attn: Attention, text: Tokens) -> KeyValue:
    """Keys and values of prompt embeddings ``(B, 77, C)``; what is projected already stays."""
    if isinstance(text, KeyValue):
        return text
    return KeyValue(split_heads(attn, attn.to_k(text)), split_heads(attn, attn.to_v(text)))


def split_heads(attn: Attention, tokens: Tensor) -> Tensor:
    """``(B, N, h * d)`` -> ``(B, h, N, d)``, a view."""
    rows, count, _ = tokens.shape
    return tokens.view(rows, count, attn.heads, -1).transpose(1, 2)


def _append(tokens: Tensor, garment: Tensor, uncond: int) -> Tensor:
    """``(B, N, C)`` tokens, each row followed by its garment's N tokens: zeros in the first ``uncond`` rows.

    Every element is written once, and one garment for all rows is not repeated first. Zeros rather than a
    mask: a mask keeps scaled dot product attention from its fastest kernels.
    """
    rows, count, channels = tokens.shape
    both = tokens.new_empty(rows, 2 * count, channels)
    both[:, :count] = tokens
    both[:uncond, count:] = 0
    both[uncond:, count:] = garment
    return both


def _attend(attn: Attention, query: Tensor, key: Tensor, value: Tensor, backend: Backend) -> Tensor:
    return attend(split_heads(attn, query), split_heads(attn, key), split_heads(attn, value), backend)


def _out(attn: Attention, answer: Tensor) -> Tensor:
    """``(B, h, N, d)`` -> ``(B, N, C)`` through the output projection (the dropout behind it never acts)."""
    projected: Tensor = attn.to_out[0](answer.transpose(1, 2).flatten(2))
    return projected


def _slice(tokens: Tokens, start: int, stop: int) -> Tokens:
    if isinstance(tokens, KeyValue):
        return KeyValue(tokens.key[start:stop], tokens.value[start:stop])
    return tokens[start:stop]


def _rows(keys: KeyValue, rows: int) -> KeyValue:
    """One prompt for all rows, as a view."""
    return KeyValue(keys.key.expand(rows, -1, -1, -1), keys.value.expand(rows, -1, -1, -1))


def _check_garment(person: Tensor, call: TryOnBlockCall) -> None:
    rows, tokens, _ = person.shape
    garments, garment_tokens, _ = call.garment.shape
    if garment_tokens != tokens:
        raise ValueError(
            f"garment features of {garment_tokens} tokens for a person of {tokens}: "
            "garment and person must have the same height and width"
        )
    if garments not in (1, rows - call.uncond):
        raise ValueError(
            f"{garments} garments for {rows - call.uncond} conditional rows: give one for each or one for all"
        )
