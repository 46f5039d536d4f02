"""A content policy by one image classifier of `transformers`; ``docs/policy.md`` says how to use it.

The classifier is ``Falconsai/nsfw_image_detection`` (Apache-2.0, a ViT with the labels ``normal`` and
``nsfw``), which the operator downloads; nothing is fetched from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inference.config import Settings
from inference.policy import Refused
from preprocess.types import Photo, Rgb

FOLDER = Path("policy") / "nsfw_image_detection"
"""Inside ``CABINE_WEIGHTS``."""
LABEL = "nsfw"

Score = Callable[[Rgb], float]
"""How surely a picture, ``uint8 (H, W, 3)`` sRGB, shows what is refused: 0..1."""


@dataclass(frozen=True, kw_only=True)
class ClassifierPolicy:
    """Refuses photos and results that score ``threshold`` or more, and those without a score (NaN)."""

    score: Score
    threshold: float

    def judge_input(self, photo: Photo, field: str) -> None:
        """Raise :class:`Refused`; the service adds which photo it was."""
        self._judge(photo.rgb, "This photo is not accepted here; choose another one.")

    def judge_output(self, rgb: Rgb) -> None:
        """Raise :class:`Refused`: photos that pass may still give a picture that does not."""
        self._judge(rgb, "The picture that came of these photos is not handed out here; choose others.")

    def _judge(self, rgb: Rgb, words: str) -> None:
        """The words hold no score: it would show how to get past."""
        if not self.score(rgb) < self.threshold:
            raise Refused(words)


def strict() -> ClassifierPolicy:
    """Also what is only half likely; refuses much swimwear and underwear."""
    return _policy(0.5)


def standard() -> ClassifierPolicy:
    return _policy(0.85)


def lenient() -> ClassifierPolicy:
    """Only what the classifier is sure of; for shops that sell swimwear and underwear."""
    return _policy(0.98)


def _policy(threshold: float) -> ClassifierPolicy:
    return ClassifierPolicy(score=load_classifier(Settings().weights / FOLDER), threshold=threshold)


def load_classifier(folder: Path) -> Score:
    """The classifier in ``folder``, on the CPU; asks no network. Safe for several threads.

    Raises ``OSError`` where files are missing, ``ValueError`` where it has no label ``nsfw``.
    """
    import torch
    from transformers import AutoModelForImageClassification, ViTImageProcessorPil

    processor = ViTImageProcessorPil.from_pretrained(folder, local_files_only=True)
    model = AutoModelForImageClassification.from_pretrained(
        folder, local_files_only=True, use_safetensors=True
    )
    model.eval()
    if LABEL not in model.config.label2id:
        raise ValueError(f"{folder} has the labels {', '.join(model.config.label2id)}, not {LABEL}")
    index = model.config.label2id[LABEL]

    def score(rgb: Rgb) -> float:
        with torch.inference_mode():
            logits = model(**processor(images=rgb, return_tensors="pt")).logits
        return float(logits.softmax(-1)[0, index])

    return score
