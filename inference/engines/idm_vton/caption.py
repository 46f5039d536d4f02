"""The words a garment is described with, when the caller did not describe it, and the prompts around them.

The checkpoint was trained on tags of VITON-HD in the order sleeve length, neckline, item ("short sleeve round
neck t-shirt"), "shirts" where there were none: so no colours, which the garment's picture shows better than
a word. Training and demo say "model is wearing ...", the evaluation scripts "model is wearing a ..."; this
engine says what training said.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from preprocess.types import Garment, Notice

SLEEVES = {"sleeveless": "sleeveless", "short": "short sleeve", "long": "long sleeve"}
NECKLINES = {
    "crew": "round neck",
    "scoop": "scoop neck",
    "v": "v-neck",
    "collared": "collared",
    "boat": "boat neck",
    "straps": "strappy",
    "unknown": "",
}
LEG_GAP = 0.1
"""Share of a garment's rows that show two separate legs from which it is no skirt: a skirt has 0.03, shorts
0.25, trousers 0.67 and more (6 product photos)."""
SHORTS = 1.4
"""Height over width below which what has legs is shorts: shorts have 0.75, trousers 2.4 and more there."""


def caption(garment: Garment) -> str:
    """What the prompts say about a garment: the caller's words, or a few that follow from its shape."""
    own = " ".join(garment.description.split())
    if own:
        return own
    if garment.category == "upper":
        return _top(garment)
    return _bottom(garment.alpha > 0.5) if garment.category == "lower" else garment.category


def person_prompt(words: str) -> str:
    return f"model is wearing {words}"


def garment_prompt(words: str) -> str:
    return f"a photo of {words}"


def cut_notice(tokens: int, limit: int) -> Notice:
    """``description-cut``, for a prompt of more ``tokens`` than the text encoders read."""
    return Notice(
        name="description-cut",
        detail=f"the description is too long: the engine reads {limit} tokens (about {limit * 3 // 4} words) "
        f"and was given {tokens}, the rest was left out; say the essential in fewer words",
    )


def _top(garment: Garment) -> str:
    kind = "unknown" if garment.collar is None else garment.collar.kind
    plain = garment.sleeve_length == "short" and kind not in ("collared", "unknown")
    item = "shirt" if kind == "collared" else "t-shirt" if plain else "top"
    words = (SLEEVES[garment.sleeve_length], NECKLINES[kind], item)
    return " ".join(word for word in words if word)


def _bottom(cloth: NDArray[np.bool_]) -> str:
    rows, columns = np.flatnonzero(cloth.any(axis=1)), np.flatnonzero(cloth.any(axis=0))
    if not len(rows):
        return "trousers"
    box = cloth[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    beginnings = np.diff(box.astype(np.int8), axis=1, prepend=0) == 1
    if (beginnings.sum(axis=1) == 2).mean() < LEG_GAP:
        return "skirt"
    return "shorts" if box.shape[0] < SHORTS * box.shape[1] else "trousers"
