"""Strict filling of a module from published tensors: every key must fit, and every parameter be filled."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn


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
        elif tensor.shape != expected[name]:
            wrong.append(f"{name} is {tuple(tensor.shape)}, not {tuple(expected[name])}")
        else:
            given[name] = tensor
    wrong += [f"missing {name}" for name in expected.keys() - given.keys() if not _reported(name, wrong)]
    if wrong:
        raise LoadError(_listed(source, sorted(wrong)))
    module.load_state_dict(given, strict=True, assign=True)
    module.requires_grad_(False).eval()


def _reported(name: str, wrong: list[str]) -> bool:
    return any(line.startswith(f"{name} is ") for line in wrong)


def _listed(source: str, wrong: list[str], most: int = 20) -> str:
    rest = f" and {len(wrong) - most} more" if len(wrong) > most else ""
    return f"{source} does not fit the model: {'; '.join(wrong[:most])}{rest}"
