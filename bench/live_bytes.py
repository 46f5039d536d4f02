"""Counts the bytes of tensors alive while torch works: what an allocator would hold at the fullest moment."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class LiveBytes(TorchDispatchMode):
    """While active, every storage that an operation makes counts from then until nothing holds it.

    Workspaces inside of an operation do not count: they differ between devices and libraries. Works on real
    tensors and on those of ``FakeTensorMode``, which have sizes but no numbers.
    """

    def __init__(self, existing: Iterable[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._sizes: dict[int, int] = {_key(tensor): 0 for tensor in existing}
        self.now = 0
        self.peak = 0

    def restart(self) -> None:
        """Forget the peak so far, not what is alive."""
        self.peak = self.now

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_iter(result):
            if isinstance(leaf, Tensor):
                self._see(leaf)
        return result

    def _see(self, tensor: Tensor) -> None:
        key = _key(tensor)
        if key in self._sizes:
            return
        storage = tensor.untyped_storage()
        self._sizes[key] = storage.nbytes()
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._let_go, key)

    def _let_go(self, key: int) -> None:
        self.now -= self._sizes.pop(key, 0)


def parameter_bytes(module: torch.nn.Module) -> int:
    """Bytes of a module's parameters and buffers, each storage once."""
    storages = {_key(tensor): tensor.untyped_storage().nbytes() for tensor in state_of(module)}
    return sum(storages.values())


def state_of(*modules: torch.nn.Module) -> list[Tensor]:
    """Parameters and buffers."""
    return [tensor for module in modules for tensor in (*module.parameters(), *module.buffers())]


def _key(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
