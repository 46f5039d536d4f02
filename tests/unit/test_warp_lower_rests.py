"""Rests of the old garment under wrong labels, socks, and a top that goes on below its edge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from inference.engines.warp.lower.compose import continued
from inference.engines.warp.lower.shape import place_waist
from inference.engines.warp.lower.stance import measure_stance
from inference.engines.warp.lower.strays import strays
from inference.engines.warp.lower.view import _without_socks, view_of
from inference.engines.warp.scene import Box
from preprocess.types import Person

SKIN, WHITE, BLACK = (205.0, 160.0, 135.0), (245.0, 245.0, 245.0), (25.0, 25.0, 30.0)


def zebra_beside_an_arm() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Photo, arm label, cloth label and truth of cloth: white stripes near the arm were read as arm."""
    rng = np.random.default_rng(1)
    photo = np.empty((200, 200, 3), np.float32)
    stripes = (np.arange(200) // 10 % 2)[:, None]
    photo[:, :120] = np.where(stripes[..., None] > 0, WHITE, BLACK)
    photo[:, 120:] = SKIN
    photo += rng.normal(0, 3, photo.shape)
    cloth = np.zeros((200, 200), np.float32)
    cloth[:, :120] = 1
    arm = 1 - cloth
    wrong = (np.arange(200)[None] >= 108) & (np.arange(200)[None] < 120) & (stripes > 0)
    return (
        photo,
        np.where(wrong, 1, arm).astype(np.float32),
        np.where(wrong, 0, cloth).astype(np.float32),
        wrong,
    )


def test_stripes_read_as_an_arm_are_cloth_and_skin_stays_skin() -> None:
    photo, arm, cloth, wrong = zebra_beside_an_arm()
    found = strays(photo, arm, cloth, unit=100.0) > 0.5
    assert found[wrong].mean() > 0.8
    assert found[:, 124:].mean() == 0


def test_skin_coloured_cloth_takes_nothing_from_an_arm() -> None:
    photo, arm, cloth, _ = zebra_beside_an_arm()
    plain = np.broadcast_to(np.array(SKIN, np.float32), photo.shape) + (photo - np.round(photo))
    assert strays(np.asarray(plain, np.float32), arm, cloth, unit=100.0).max() == 0


def test_a_sock_goes_to_its_shoe_and_trousers_on_a_shoe_stay() -> None:
    lower, shoes = np.zeros((300, 100), np.float32), np.zeros((300, 100), np.float32)
    lower[:120] = 1
    shoes[280:, 20:60] = 1
    sock = lower.copy()
    sock[265:280, 30:50] = 1
    kept, shod = _without_socks(sock, shoes)
    assert kept[265:280].max() == 0
    assert shod[265:280, 30:50].min() == 1
    long = lower.copy()
    long[:280, 20:60] = 1
    kept, shod = _without_socks(long, shoes)
    assert (kept == long).all()
    assert (shod == shoes).all()


def test_a_top_goes_on_as_its_mirror_image() -> None:
    photo = np.repeat(np.arange(100, dtype=np.float32)[:, None, None], 40, axis=1).repeat(3, axis=2)
    core = np.zeros((100, 40), np.bool_)
    core[20:60, 5:35] = True
    image = continued(photo, core, calm=2.0)
    assert np.allclose(image[:59], photo[:59])
    assert np.allclose(image[60:80, 20, 0], photo[58:38:-1, 20, 0], atol=1.0)
    assert image[60:, :, 0].max() <= 60  # nothing of what lies below is taken, however far down


def test_where_cloth_has_colours_of_skin_a_tattoo_beside_it_stays() -> None:
    photo, arm, cloth, _ = zebra_beside_an_arm()
    stripes = (np.arange(200) // 10 % 2) > 0
    photo[stripes, :120] = photo[stripes, 120:121]
    photo[60:80, 120:135] = BLACK
    assert strays(photo, arm, cloth, unit=100.0)[60:80, 122:].max() == 0


def test_an_unsure_waist_is_covered_from_higher_up(people: Callable[[str], Person]) -> None:
    person = replace(people("p4_man__base"), waist=0.8)
    stance = measure_stance(person)
    sure, unsure = (
        place_waist(replace(person, waist_confidence=confidence), stance, 0.9) for confidence in (0.8, 0.2)
    )
    assert sure[1]
    assert unsure[1]
    assert sure[0] - unsure[0] == pytest.approx(0.12, abs=0.01)


def test_a_sleeve_ends_where_the_arm_is_bare(people: Callable[[str], Person]) -> None:
    """What is read as the top beside a bare forearm is no sleeve of it."""

    def beside_wrists(name: str) -> float:
        person = people(name)
        stance = measure_stance(person)
        upper = person.parsing.indices("upper")[0]
        soft = person.parsing.soft.copy()
        for arm in (stance.body.arms.left, stance.body.arms.right):
            x, y = (int(v) for v in 0.3 * arm.elbow + 0.7 * arm.wrist)
            soft[y - 4 : y + 4, x + 8 : x + 20, upper] = 1.0
        marked = replace(person, parsing=replace(person.parsing, soft=soft))
        height, width = person.matte.alpha.shape
        view = view_of(marked, stance, Box(x0=0, y0=0, x1=width, y1=height))
        fore = [0.3 * arm.elbow + 0.7 * arm.wrist for arm in (stance.body.arms.left, stance.body.arms.right)]
        return float(np.mean([view.sleeves[int(y), int(x) + 14] for x, y in fore]))

    assert beside_wrists("p1_man__base") < 0.05
    assert beside_wrists("p4_man__base") > 0.5
