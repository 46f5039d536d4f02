"""Scaled dot product attention by a chosen kernel, and with keys of zero that are not there."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

Backend = Literal["auto", "flash", "efficient", "cudnn", "math"]

_KERNELS: dict[Backend, SDPBackend] = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}


def attend(query: Tensor, key: Tensor, value: Tensor, backend: Backend) -> Tensor:
    """Scaled dot product attention of ``(B, h, N, d)`` tensors by the named kernel; ``auto``: torch chooses.

    The kernel is chosen here because ``set_attention_backend`` of diffusers does nothing on this UNet. Raises
    torch's RuntimeError where the named kernel cannot run.
    """
    if backend == "auto":
        return F.scaled_dot_product_attention(query, key, value)
    with sdpa_kernel(_KERNELS[backend]):
        return F.scaled_dot_product_attention(query, key, value)


def attend_with_zero_keys(
    query: Tensor, key: Tensor, value: Tensor, *, zeros: int, backend: Backend
) -> Tensor:
    """Attention as if ``zeros`` more keys and values, all zero, stood beside the given ones.

    They add ``zeros * exp(0)`` to the denominator of the softmax and nothing to its numerator, so the answer
    is the plain one times ``exp(lse) / (exp(lse) + zeros) = sigmoid(lse - ln zeros)``.
    """
    answer, lse = _attend_with_lse(query, key, value, backend)
    return answer * torch.sigmoid(lse - math.log(zeros)).unsqueeze(-1).to(answer.dtype)


def _attend_with_lse(query: Tensor, key: Tensor, value: Tensor, backend: Backend) -> tuple[Tensor, Tensor]:
    """Attention and the log-sum-exp ``float32 (B, h, N)`` of its scaled logits, by a kernel that returns it.

    Raises ValueError where there is none: a mask instead would lose the fast kernels, and with them more than
    the option saves.
    """
    aten = torch.ops.aten
    device = query.device.type
    if device == "cpu" and backend in ("auto", "flash"):
        answer, lse = aten._scaled_dot_product_flash_attention_for_cpu(query, key, value)
        return answer, lse
    half = query.dtype in (torch.float16, torch.bfloat16)
    flash = backend == "flash" or (backend == "auto" and device == "cuda" and has_flash(query.device))
    if device == "meta" or (device == "cuda" and half and flash):
        answer, lse, *_ = aten._scaled_dot_product_flash_attention(query, key, value)
        return answer, lse
    if device == "cuda" and backend in ("auto", "efficient"):  # float32 too; pads the lse to 32 queries
        answer, lse, *_ = aten._scaled_dot_product_efficient_attention(query, key, value, None, True)
        return answer, lse[..., : query.shape[-2]]
    raise ValueError(
        f"uncond_lse: no attention kernel that returns the log-sum-exp for {query.dtype} on {device} with "
        f"attention={backend}; switch uncond_lse off, or use attention=auto on cpu or cuda"
    )


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def has_flash(device: torch.device) -> bool:
    """Has this CUDA device the flash kernel: Ampere and later (compute capability 8.0) have."""
    major, _ = torch.cuda.get_device_capability(device)
    return major >= 8
