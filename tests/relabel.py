"""People whose parsing says something else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from preprocess.types import BASIC_LABELS, Person


def relabelled(person: Person, where: NDArray[np.bool_], label: str) -> Person:
    """The person with the pixels ``where`` ``(H, W)`` of another basic label."""
    soft = person.parsing.soft.copy()
    soft[where] = 0
    soft[where, BASIC_LABELS.index(label)] = 1
    parsing = replace(person.parsing, soft=soft, labels=soft.argmax(-1).astype(np.uint8))
    return replace(person, parsing=parsing)
