"""A published pickle of weights to safetensors in float16, tensor by tensor.

The pickle stays on the disk (``state.read_pickle``), and the other file is written as it goes, so that memory
holds one tensor at a time.
Format of the target (safetensors, README, "Format"): 8 bytes length, a JSON header, the tensors without gaps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch

from inference.engines.idm_vton.state import LoadError, read_pickle
from preprocess.weights import WeightsError

Progress = Callable[[int, int], None]
"""Called with the number of tensors written and of all."""

CODES = {torch.float16: "F16", torch.int64: "I64", torch.int32: "I32", torch.uint8: "U8", torch.bool: "BOOL"}
FLOATS = {torch.float32, torch.float16, torch.bfloat16, torch.float64}


def convert(source: Path, target: Path, progress: Progress = lambda done, total: None) -> str:
    """Write ``target`` and return its SHA-256; floating point becomes float16, other types stay.

    The file appears whole or not at all. Raises :class:`WeightsError` for a pickle that holds anything but
    named tensors, or numbers that float16 cannot hold.
    """
    try:
        state = read_pickle(source)
    except LoadError as error:
        raise WeightsError(str(error)) from error
    names = sorted(state, key=lambda name: (-_stored(state[name]).itemsize, name))
    partial = target.with_name(f".{target.name}.partial")
    try:
        digest = hashlib.sha256()
        with partial.open("wb") as file:
            for done, data in enumerate(_chunks(state, names)):
                file.write(data)
                digest.update(data)
                progress(done, len(names))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return digest.hexdigest()


def _chunks(state: Mapping[str, torch.Tensor], names: list[str]) -> Iterator[bytes | memoryview]:
    """The file from its beginning: header, then one tensor after the other.

    All pass through one buffer: asked for and freed 1 871 times, memory would fragment and grow.
    """
    yield header(state, names)
    buffer = torch.empty(max(map(_stored_bytes, state.values()), default=0), dtype=torch.uint8)
    for name in names:
        tensor = state[name]
        raw = buffer[: _stored_bytes(tensor)]
        stored = raw.view(_stored(tensor)).view(tensor.shape).copy_(tensor)
        if stored.is_floating_point() and not _finite(stored):
            raise WeightsError(f"{name} holds numbers that float16 cannot hold; it cannot be converted")
        yield raw.numpy().data


def header(state: Mapping[str, torch.Tensor], names: list[str]) -> bytes:
    """Length and JSON header of a safetensors file, padded with spaces to 8 bytes."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name in names:
        dtype = _stored(state[name])
        if dtype not in CODES:
            raise WeightsError(f"{name} is of type {state[name].dtype}, which is not expected among weights")
        end = offset + _stored_bytes(state[name])
        entries[name] = {
            "dtype": CODES[dtype],
            "shape": list(state[name].shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _finite(tensor: torch.Tensor) -> bool:
    """Without a mask of the tensor's size: the extremes carry inf and NaN."""
    return tensor.numel() == 0 or all(bool(torch.isfinite(end)) for end in torch.aminmax(tensor))


def _stored(tensor: torch.Tensor) -> torch.dtype:
    return torch.float16 if tensor.dtype in FLOATS else tensor.dtype


def _stored_bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * _stored(tensor).itemsize
