"""Tensors from a weights file, and a module filled with them: every key fits, every parameter is filled."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

PICKLE_SUFFIX = ".bin"

Model = TypeVar("Model", bound=nn.Module)


class LoadError(RuntimeError):
    """A checkpoint that does not fit; the message names the file or the keys."""


def fill(module: nn.Module, tensors: Iterable[tuple[str, Tensor]], *, source: str) -> None:
    """Make ``tensors`` the parameters of ``module`` (built on the meta device) without copying them.

    The module ends in evaluation mode and without gradients. Raises :class:`LoadError` naming every key of
    ``source`` that has no parameter, has another shape, or is missing.
    """
    expected = {name: tensor.shape for name, tensor in module.state_dict().items()}
    given: dict[str, Tensor] = {}
    wrong: list[str] = []
    for name, tensor in tensors:
        if name not in expected:
            wrong.append(f"unexpected {name}")
            continue
        if tensor.shape != expected[name]:
            wrong.append(f"{name} is {tuple(tensor.shape)}, not {tuple(expected[name])}")
        given[name] = tensor
    wrong += [f"missing {name}" for name in expected.keys() - given.keys()]
    if wrong:
        raise LoadError(_listed(source, sorted(wrong)))
    module.load_state_dict(given, strict=True, assign=True)
    module.requires_grad_(False).eval()


def _listed(source: str, wrong: list[str], most: int = 20) -> str:
    rest = f" and {len(wrong) - most} more" if len(wrong) > most else ""
    return f"{source} does not fit the model: {'; '.join(wrong[:most])}{rest}"


def arguments(
    kind: type[Any], config: Mapping[str, Any], *, strays: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """What of a ``config.json`` goes to the constructor of ``kind``: all but its notes (``_...``) and strays.

    Raises :class:`LoadError` naming the keys that the constructor does not know.
    """
    meant = {key: value for key, value in config.items() if not key.startswith("_") and key not in strays}
    unknown = sorted(meant.keys() - inspect.signature(kind.__init__).parameters.keys())
    if unknown:
        raise LoadError(f"{kind.__name__} has no config key {', '.join(unknown)}")
    return meant


def on_meta(build: Callable[[], Model]) -> Model:
    """A module without memory, to be filled."""
    with torch.device("meta"):
        return build()


def read_tensors(
    path: Path,
    device: torch.device | str,
    dtype: torch.dtype,
    *,
    skip: frozenset[str] = frozenset(),
) -> Iterator[tuple[str, Tensor]]:
    """Tensors of a weights file one by one, on ``device``, floating ones as ``dtype``; ``skip`` is not read.

    On the CPU, tensors that are of ``dtype`` already stay mapped to the file: they take memory when used.
    Raises :class:`LoadError` for what is not a weights file, or a pickle that holds more than tensors.
    """
    for name, tensor in _stored_tensors(path, device, skip):
        yield name, tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else None)


def _stored_tensors(
    path: Path, device: torch.device | str, skip: frozenset[str]
) -> Iterator[tuple[str, Tensor]]:
    if path.suffix == PICKLE_SUFFIX:
        yield from ((name, tensor) for name, tensor in read_pickle(path).items() if name not in skip)
        return
    try:
        with safe_open(path, framework="pt", device=str(device)) as stored:
            for name in stored.keys():  # noqa: SIM118 - not a mapping
                if name not in skip:
                    yield name, stored.get_tensor(name)
    except SafetensorError as error:
        raise LoadError(f"{_named(path)} is not a safetensors file: download it again") from error


def read_pickle(path: Path) -> Mapping[str, Tensor]:
    """A dictionary of tensors that are still on the disk: nothing in the file can run (``weights_only``), and
    nothing of it is read before it is needed (``mmap``).

    Raises :class:`LoadError` for anything but named tensors.
    """
    try:
        state = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise LoadError(
            f"{_named(path)} is not a plain file of weights and was not opened: it holds code or objects, or "
            "is damaged or older than torch 1.6. Delete it and pull it again; do not load it elsewhere"
        ) from error
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        raise LoadError(f"{_named(path)} holds something else than named tensors")
    return state


def _named(path: Path) -> str:
    """Component and file: a message must not show where the operator keeps the weights."""
    return f"{path.parent.name}/{path.name}"
