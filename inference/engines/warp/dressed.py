"""The person after a garment was put on, so that the next one can go over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from preprocess.types import Alpha, Mask, Person, Rgb


def dressed(person: Person, rgb: Rgb, alpha: Alpha, parts: Mapping[str, Alpha]) -> Person:
    """The person with a picture and a parsing that show the new garment.

    ``rgb`` counts where ``alpha`` is above 0 (softly: as it is pasted in the end). ``parts``: visible share
    of each pixel, by label of the ``basic`` parsing; what they leave over keeps its labels in proportion.
    """
    weight = alpha[..., None]
    image = np.rint(person.image * (1 - weight) + rgb * weight).astype(np.uint8)
    parsing = person.parsing
    new = np.zeros(parsing.soft.shape, np.float32)
    for name, share in parts.items():
        new[..., parsing.indices(name)[0]] = share
    left = np.clip(1 - new.sum(axis=-1, keepdims=True), 0, 1)
    soft = parsing.soft * left + new
    soft = (soft / np.maximum(soft.sum(axis=-1, keepdims=True), 1e-6)).astype(np.float16)
    matte = np.asarray(1 - soft[..., 0], np.float32)
    return replace(
        person,
        image=image,
        matte=Mask(tag=person.matte.tag, frame=person.frame, alpha=matte),
        parsing=replace(parsing, soft=soft, labels=soft.argmax(axis=-1).astype(np.uint8)),
    )
