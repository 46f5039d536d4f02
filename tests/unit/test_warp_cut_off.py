"""Arms that the photo's edge cuts off: the pose model moves them into the picture, the silhouette not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.engines.warp import confidence
from inference.engines.warp.doubts import CUT_OFF, cut_off
from inference.engines.warp.dress import confidence as dress
from inference.engines.warp.lower import confidence as lower
from preprocess.decode import Limits, decode
from preprocess.person import prepare_person
from preprocess.providers.embedded import EmbeddedProvider
from preprocess.types import Person

ROOT = Path(__file__).resolve().parents[2]


def woman(left: float, right: float) -> Person:
    """The sample between two shares of its width, the shoulders always within."""
    photo = decode((ROOT / "samples/people/p2_woman__base.jpg").read_bytes(), Limits()).rgb
    width = photo.shape[1]
    part = photo[:, int(left * width) : int(right * width), ::-1]
    _, encoded = cv2.imencode(".png", part)
    provider = EmbeddedProvider(ROOT / "models", threads=1)
    return prepare_person(decode(encoded.tobytes(), Limits()), provider, (384, 512))


@pytest.mark.parametrize(("left", "right"), [(0.33, 0.67), (0.0, 0.67), (0.33, 1.0)])
def test_arms_cut_by_either_edge_are_a_doubt(left: float, right: float) -> None:
    assert cut_off(woman(left, right)) > 0.5
    assert CUT_OFF.weigh({"cut_off": cut_off(woman(left, right))}) == pytest.approx(CUT_OFF.factor)


def test_a_photo_that_shows_the_arms_is_none() -> None:
    assert cut_off(woman(0.0, 1.0)) == 0.0


def test_the_edge_of_the_photo_counts_not_that_of_the_frame() -> None:
    """A frame that goes on beyond the photo has nobody there."""
    person = woman(0.0, 1.0)
    padded = replace(person.frame, x0=-20 / person.frame.scale)
    alpha = np.ones_like(person.matte.alpha)
    alpha[:, :20] = alpha[:, -20:] = 0.0
    assert cut_off(replace(person, frame=padded, matte=replace(person.matte, alpha=alpha))) > 0.95


def test_every_category_knows_the_doubt() -> None:
    assert all(CUT_OFF in table.DOUBTS for table in (confidence, lower, dress))
