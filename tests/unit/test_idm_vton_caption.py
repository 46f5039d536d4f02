"""Words for garments."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from inference.engines.idm_vton.caption import caption, cut_notice, garment_prompt, person_prompt
from preprocess.types import Collar, Garment
from tests.unit.test_idm_vton_canvas import TALL, WIDE


def collar(kind: str) -> Collar:
    nothing = np.zeros((1, 2), np.float32)
    return Collar(kind=kind, front=nothing, opening=np.zeros((1, 1), np.float32), confidence=1.0)


@pytest.mark.parametrize(
    ("sleeve", "kind", "words"),
    [
        ("short", "crew", "short sleeve round neck t-shirt"),
        ("long", "v", "long sleeve v-neck top"),
        ("long", "collared", "long sleeve collared shirt"),
        ("short", "collared", "short sleeve collared shirt"),
        ("sleeveless", "straps", "sleeveless strappy top"),
        ("sleeveless", "boat", "sleeveless boat neck top"),
        ("short", "unknown", "short sleeve top"),
        ("short", None, "short sleeve top"),
        ("long", "scoop", "long sleeve scoop neck top"),
    ],
)
def test_a_top_is_told_by_sleeves_and_neckline(sleeve: str, kind: str | None, words: str) -> None:
    found = None if kind is None else collar(kind)
    assert caption(dataclasses.replace(WIDE, sleeve_length=sleeve, collar=found)) == words


def legs(height: int, gap_from: int) -> Garment:
    alpha = np.zeros((300, 300), np.float32)
    alpha[10 : 10 + height, 100:200] = 1
    alpha[gap_from : 10 + height, 140:160] = 0
    return dataclasses.replace(WIDE, category="lower", alpha=alpha)


@pytest.mark.parametrize(
    ("garment", "word"),
    [
        (legs(240, 80), "trousers"),
        (legs(90, 60), "shorts"),
        (legs(150, 150), "skirt"),
        (legs(240, 250), "skirt"),
        (dataclasses.replace(WIDE, category="lower", alpha=np.zeros((300, 300), np.float32)), "trousers"),
        (TALL, "dress"),
    ],
)
def test_what_else_is_worn_is_told_by_its_shape(garment: Garment, word: str) -> None:
    assert caption(garment) == word


def test_the_callers_words_win() -> None:
    assert caption(dataclasses.replace(WIDE, description="  red\n silk   blouse ")) == "red silk blouse"
    assert caption(dataclasses.replace(TALL, description=" \n")) == "dress"


def test_prompts_are_those_of_the_published_demo() -> None:
    assert person_prompt("shirt model") == "model is wearing shirt model"
    assert garment_prompt("shirt model") == "a photo of shirt model"


def test_a_text_that_is_cut_is_said_so() -> None:
    notice = cut_notice(93, 77)
    assert notice.name == "description-cut"
    assert "77" in notice.detail
    assert "93" in notice.detail
