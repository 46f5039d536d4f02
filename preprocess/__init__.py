"""Photos to artefacts: decode, frame, pose, parsing, masks, garment cut-out. No torch, no web, no ``inference``.

Heavy parts stay in their modules: ``preprocess.garment``, ``preprocess.agnostic``, ``preprocess.providers.embedded``.
"""

from preprocess.decode import Limits, decode
from preprocess.errors import InputError
from preprocess.person import prepare_person

__all__ = ["InputError", "Limits", "decode", "prepare_person"]
