"""Counting floating point operations with torch's formulas, so that no attention goes missing.

``torch.utils.flop_counter`` has a formula for each operation that multiplies matrices, and counts every other
one as nothing. That is meant for norms and activations; for a fused attention kernel without a formula it is
an error that nobody sees. Here it is an exception.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop_count, shape_wrapper

MULTIPLIES = re.compile(r"attention|matmul|linear|conv|mm($|_)")
"""Names of operations that must have a formula."""


class UncountedError(RuntimeError):
    """An operation without a formula that would have to count."""


@shape_wrapper  # type: ignore[untyped-decorator]
def _flash_attention_for_cpu(
    query: Sequence[int], key: Sequence[int], value: Sequence[int], *_: object, **__: object
) -> int:
    return int(sdpa_flop_count(query, key, value))


FORMULAS: Mapping[Any, Any] = MappingProxyType(
    {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _flash_attention_for_cpu}
)
"""Operations that torch 2.13 has no formula for."""


class Counting(TorchDispatchMode):
    """``with Counting() as counter:`` adds what runs inside to ``counter.total``; a multiply-add is two.

    Raises :class:`UncountedError` where the count would be too low.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0
        self._formulas = {**flop_registry, **FORMULAS}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        result = func(*args, **named)
        operation = func.overloadpacket
        if operation in self._formulas:
            self.total += self._formulas[operation](*args, **named, out_val=result)
        elif MULTIPLIES.search(operation.__name__):
            raise UncountedError(f"{operation} has no formula and would count as 0: add one to FORMULAS")
        return result
