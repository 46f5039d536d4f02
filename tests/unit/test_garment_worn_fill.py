"""Hidden parts of worn garments filled in, and their light evened."""

from __future__ import annotations

import numpy as np

from preprocess.garment.worn_fill import evenly_lit, fill_hidden


def test_a_print_is_not_mirrored_into_a_hidden_part() -> None:
    image = np.full((200, 200, 3), 200, np.uint8)
    image[60:120, 20:80] = (220, 0, 0)  # a print on the left; what is hidden on the right touches it mirrored
    missing = np.zeros((200, 200), bool)
    missing[70:110, 125:155] = True
    axis = np.full(200, 100, np.float32)

    filled = fill_hidden(image, np.ones((200, 200), np.float32), missing, np.zeros_like(missing), axis, 150.0)

    assert np.abs(filled[missing].astype(int) - 200).max() < 12


def test_light_from_the_side_is_evened_out_and_folds_stay() -> None:
    x = np.linspace(-0.6, 0.6, 240, dtype=np.float32)[None]
    fold = 1 + 0.1 * np.sin(np.arange(240, dtype=np.float32) / 6)[None]
    lit = np.repeat(140 * fold * np.exp(0.4 * x), 200, axis=0)
    image = np.clip(np.repeat(lit[..., None], 3, axis=2), 0, 255).astype(np.uint8)
    axis = np.full(200, 120, np.float32)

    even = evenly_lit(image, np.ones((200, 240), np.float32), axis, 200.0)

    left, right = (float(np.median(part)) for part in (even[:, :80], even[:, -80:]))
    assert abs(left - right) < 0.4 * abs(float(np.median(image[:, :80])) - float(np.median(image[:, -80:])))
    assert even.std(axis=1).mean() > 6  # the folds
    plain = np.full((200, 240, 3), 120, np.uint8)
    assert (evenly_lit(plain, np.ones((200, 240), np.float32), axis, 200.0) == plain).all()


def test_a_pattern_goes_on_where_it_is_hidden() -> None:
    rows = np.arange(200)[:, None]
    stripes = np.where(rows // 5 % 2 == 0, 60, 200) + np.zeros((1, 200), int)
    image = np.repeat(stripes[..., None], 3, axis=2).astype(np.uint8)
    missing = np.zeros((200, 200), bool)
    missing[40:160, 150:165] = True
    nowhere = np.zeros_like(missing)
    hidden = np.where(missing[..., None], np.uint8(0), image)

    filled = fill_hidden(
        hidden, np.ones((200, 200), np.float32), missing, nowhere, np.full(200, 20.0, np.float32), 150.0
    )

    assert np.abs(filled[missing].astype(int) - image[missing]).mean() < 30


def test_a_print_in_the_shadow_of_a_sleeve_stays() -> None:
    rng = np.random.default_rng(0)
    image = np.clip(rng.normal(120, 3, (300, 300, 3)), 0, 255).astype(np.uint8)
    image[100:200, 60:200] = np.where(np.arange(140)[None, :, None] % 16 < 8, 240, 20)
    cloth = np.zeros((300, 300), np.float32)
    cloth[20:280, 40:260] = 1
    nothing = np.zeros(cloth.shape, bool)
    shaded = nothing.copy()
    shaded[80:260, 50:80] = True
    axis = np.full(300, 150, np.float32)

    filled = fill_hidden(image, cloth, nothing, shaded, axis, 200.0)

    inside = np.s_[110:190, 64:78]
    assert np.abs(filled[inside].astype(int) - image[inside]).max() < 30
