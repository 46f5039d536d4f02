"""One ONNX network. ``onnxruntime`` is imported here and nowhere else, and only when a network is opened."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from preprocess.models import ModelsError

Tensor = NDArray[np.float32]
Shape = tuple[int | None, ...]
"""Of a tensor; None where any size will do."""


def runtime_installed() -> bool:
    return importlib.util.find_spec("onnxruntime") is not None


class Network:
    """A network with one input, on the CPU; safe to run from several threads at once."""

    def __init__(self, path: Path, threads: int, *, takes: Shape, gives: int) -> None:
        """Open a file whose input has the shape ``takes`` and that has at least ``gives`` outputs.

        Raises :class:`ModelsError`: no ``onnxruntime``, not an ONNX network, another signature.
        """
        self._session = _open(path, threads)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or not _fits(inputs[0].shape, takes) or len(outputs) < gives:
            got = ", ".join(str(item.shape) for item in inputs)
            raise ModelsError(
                f"{path.name} is another network: it takes {got} and gives {len(outputs)} tensors, expected "
                f"{list(takes)} and {gives}; docs/preprocessing-models.md lists the signatures"
            )
        self._input = inputs[0].name
        self._outputs = [item.name for item in outputs]

    def __call__(self, batch: NDArray[np.floating]) -> list[Tensor]:
        """All outputs for one batch of the shape it takes, in the file's order."""
        tensor = np.ascontiguousarray(batch, dtype=np.float32)
        return [np.asarray(item) for item in self._session.run(self._outputs, {self._input: tensor})]


@dataclass(frozen=True, kw_only=True)
class OneNetwork:
    """Base of what is made with one network: its file is opened with the signature of the subclass."""

    network: Network
    takes: ClassVar[Shape]
    gives: ClassVar[int]

    @classmethod
    def open(cls, path: Path, threads: int) -> Self:
        """Raises :class:`ModelsError`."""
        return cls(network=Network(path, threads, takes=cls.takes, gives=cls.gives))


def _open(path: Path, threads: int) -> Any:
    if not runtime_installed():
        raise ModelsError(f"{path.name} needs onnxruntime; run: pip install 'cabine[full]'")
    import onnxruntime as ort  # type: ignore[import-untyped]
    from onnxruntime.capi import onnxruntime_pybind11_state as errors  # type: ignore[import-untyped]

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only: exports carry harmless warnings about unused initialisers
    unreadable = (
        errors.InvalidArgument,
        errors.Fail,
        errors.InvalidGraph,
        errors.InvalidProtobuf,
        errors.NoSuchFile,
        errors.NotImplemented,
    )
    try:
        return ort.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])
    except unreadable as error:
        raise ModelsError(
            f"{path.name} is not a readable ONNX network; download or export it again"
        ) from error


def _fits(shape: Sequence[int | str | None], wanted: Shape) -> bool:
    """Sizes that a file leaves open (a name or None) take any value."""
    if len(shape) != len(wanted):
        return False
    pairs = zip(shape, wanted, strict=True)
    return all(want is None or not isinstance(size, int) or size == want for size, want in pairs)
