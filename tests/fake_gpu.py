"""A GPU that is not there: tensors with a device, a type and a shape, but no numbers (``FakeTensorMode``).

As on a card, an operation on tensors of two devices raises, and so does one that needs numbers on the host
(``.item()``, ``bool(tensor)``): on a card it would make the host wait. torch for the CPU alone refuses a few
ways to write an operation on CUDA tensors (``tensor[...]``, ``.copy_()``, ``.contiguous()``, setting
``.data``); :class:`_Rewritten` says them in ways that it does not refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import EllipsisType, SimpleNamespace
from typing import Any, cast

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

aten = torch.ops.aten

FLASH_CHANNELS = 256
"""Most of a head that the flash kernel takes."""

Function = Callable[..., Any]
Index = int | slice | EllipsisType | Tensor | Sequence[int] | None


@contextmanager
def fake_gpu() -> Iterator[FakeTensorMode]:
    """While open, tensors have no numbers, and there is a CUDA or MPS device to put them on."""
    with FakeTensorMode(allow_non_fake_inputs=True) as mode, _Rewritten():
        yield mode


def outside(function: Function) -> Function:
    """``function``, run with numbers inside of a :func:`fake_gpu`."""

    def run(*args: Any, **kwargs: Any) -> Any:
        with unset_fake_temporarily():
            return function(*args, **kwargs)

    return run


class Watched(TorchDispatchMode):
    """Writes down what reaches the device while active."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.made: set[torch.dtype] = set()
        """Types of all tensors that an operation made on the device."""
        self.calls: list[str] = []
        """Operations that made tensors there, in order."""
        self.waits = 0
        """Copies between host and device for which the host waits."""
        self._device = device

    def __torch_dispatch__(
        self,
        func: Function,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        there = [leaf for leaf in tree_iter(result) if self._is_there(leaf)]
        given = [leaf for leaf in tree_iter((args, kwargs)) if isinstance(leaf, Tensor)]
        if there:
            self.made |= {leaf.dtype for leaf in there}
            self.calls.append(str(func))
        self.waits += self._waits(func, args, kwargs, given, result)
        return result

    def _waits(
        self, func: Function, args: Sequence[Any], kwargs: Mapping[str, Any], given: list[Tensor], result: Any
    ) -> bool:
        if func is aten._to_copy.default:
            crosses = self._is_there(result) != self._is_there(given[0])
            return crosses and not kwargs.get("non_blocking", False)
        if func is aten.copy_.default:
            crosses = self._is_there(args[0]) != self._is_there(args[1])
            return crosses and not (len(args) > 2 and args[2])
        return False

    def _is_there(self, leaf: object) -> bool:
        return isinstance(leaf, Tensor) and leaf.device.type == self._device


class FakeStreams:
    """Stands in for ``torch.cuda``'s streams and events, and keeps what was asked of them, in order."""

    def __init__(self) -> None:
        self.log: list[tuple[str, object]] = []
        self.current = "compute"

    def as_cuda(self) -> SimpleNamespace:
        return SimpleNamespace(
            Stream=lambda device: _Stream("copies", self),
            Event=lambda: _Event(self),
            current_stream=lambda device: _Stream("compute", self),
            stream=self._on,
        )

    @contextmanager
    def _on(self, stream: _Stream) -> Iterator[None]:
        before, self.current = self.current, stream.name
        yield
        self.current = before


class _Event:
    def __init__(self, streams: FakeStreams) -> None:
        self._streams = streams

    def record(self, stream: _Stream) -> None:
        self._streams.log.append((f"{stream.name} records", self))


class _Stream:
    def __init__(self, name: str, streams: FakeStreams) -> None:
        self.name = name
        self._streams = streams

    def wait_event(self, event: _Event) -> None:
        self._streams.log.append((f"{self.name} waits", event))

    def wait_stream(self, other: _Stream) -> None:
        self._streams.log.append((f"{self.name} waits for {other.name}", None))

    def synchronize(self) -> None:
        self._streams.log.append((f"host waits for {self.name}", None))


class _Rewritten(TorchFunctionMode):
    """What torch for the CPU alone refuses for CUDA tensors, in other words."""

    def __torch_function__(
        self,
        func: Function,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if not (args and isinstance(args[0], FakeTensor)):
            return func(*args, **kwargs)
        if func is Tensor.__getitem__:
            return _at(args[0], args[1])
        if func is Tensor.__setitem__:
            return _set(args[0], args[1], args[2])
        if func is Tensor.copy_:
            return aten.copy_(*args, **kwargs)
        if func is Tensor.contiguous and not args[0].is_contiguous(**kwargs):
            return args[0].clone(**{"memory_format": torch.contiguous_format, **kwargs})
        if func == Tensor.data.__set__:  # type: ignore[attr-defined]
            func(*args, **kwargs)
            args[0].fake_device = args[1].fake_device
            return None
        if func is scaled_dot_product_attention and not kwargs.get("attn_mask"):
            return _attend(*args, causal=kwargs.get("is_causal", False))
        return func(*args, **kwargs)


def _attend(query: Tensor, key: Tensor, value: Tensor, *, causal: bool) -> Tensor:
    """By the kernel that a card would take; torch for the CPU alone takes ``math``, with its scores."""
    if query.device.type != "cuda":
        return torch.empty_like(query)
    if query.shape[-1] <= FLASH_CHANNELS and query.dtype in (torch.float16, torch.bfloat16):
        answer = aten._scaled_dot_product_flash_attention(query, key, value, 0.0, causal)[0]
    else:
        answer = aten._scaled_dot_product_efficient_attention(query, key, value, None, False, 0.0, causal)[0]
    return cast(Tensor, answer)


def _set(tensor: Tensor, key: Any, value: Any) -> None:
    place = _at(tensor, key)
    if isinstance(value, Tensor):
        aten.copy_(place, value)
    else:
        place.fill_(value)


def _at(tensor: Tensor, key: Any) -> Tensor:
    """``tensor[key]``, piece by piece."""
    keys: list[Index] = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in [entry for entry in keys if not isinstance(entry, Tensor)]:
        place = next(index for index, entry in enumerate(keys) if entry is Ellipsis)
        eaten = sum(entry is not None for entry in keys) - 1
        keys[place : place + 1] = [slice(None)] * (tensor.ndim - eaten)
    dimension = 0
    rows: list[Tensor | None] = []
    for entry in keys:
        if entry is None:
            tensor = tensor.unsqueeze(dimension)
        elif isinstance(entry, slice):
            tensor = aten.slice(tensor, dimension, entry.start, entry.stop, entry.step or 1)
        elif isinstance(entry, int):
            tensor = tensor.select(dimension, entry)
            continue
        else:
            rows += [None] * (dimension - len(rows))
            rows.append(entry if isinstance(entry, Tensor) else torch.tensor(cast(Any, entry)))
        dimension += 1
    return cast(Tensor, aten.index(tensor, rows)) if rows else tensor
