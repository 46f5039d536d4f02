"""The full provider: published networks as ONNX files that the user brings, on the CPU, without torch."""

from preprocess.providers.full.provider import FullArtefacts
from preprocess.providers.full.spec import WEIGHT_SETS, accepted_sets, available, unaccepted

__all__ = ["WEIGHT_SETS", "FullArtefacts", "accepted_sets", "available", "unaccepted"]
