"""One TensorFlow Lite model behind a lock."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Element-wise; clipped where ``float32`` would overflow, which changes nothing."""
    return (1 / (1 + np.exp(-np.clip(logits, -60, 60)))).astype(np.float32)


class Network:
    """A model with one input. Interpreters are not thread safe, so calls take turns."""

    def __init__(self, path: Path, threads: int) -> None:
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [(d["name"], d["index"]) for d in self._interpreter.get_output_details()]
        self._lock = threading.Lock()

    def __call__(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """``float32 (1, H, W, 3)`` in the model's range to its outputs by name."""
        with self._lock:
            self._interpreter.set_tensor(self._input, batch)
            self._interpreter.invoke()
            return {name: self._interpreter.get_tensor(index) for name, index in self._outputs}
