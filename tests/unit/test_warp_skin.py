"""Skin that was never photographed: light read off what is seen, relief, texture, and nothing far away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from inference.engines.warp.body import measure
from inference.engines.warp.composite import compose
from inference.engines.warp.fields import blur, grow, luma
from inference.engines.warp.lay import lay
from inference.engines.warp.limbs import place_limb
from inference.engines.warp.pores import pores
from inference.engines.warp.relief import Relief, light_on, shading
from inference.engines.warp.seam import seam
from inference.engines.warp.skin import jewellery
from inference.engines.warp.types import Arm
from preprocess.types import Garment, Person

People = Callable[[str], Person]
Garments = Callable[[str], Garment]


def hemisphere(side: int = 120) -> Relief:
    ys, xs = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    inside = np.hypot(xs, ys) < 0.9
    return Relief(side=xs * inside, rise=ys * inside)


def lit(relief: Relief, light: np.ndarray) -> np.ndarray:
    return np.array([190.0, 140.0, 110.0], np.float32) * shading(relief, light)


def test_light_from_one_side_is_read_off_the_skin() -> None:
    relief = hemisphere()
    light = np.array([[0.2] * 3, [-0.05] * 3, [-0.5, -0.6, -0.66]])
    whole = np.hypot(relief.side, relief.rise) < 0.85
    read = light_on(lit(relief, light), relief, (whole,))
    assert read[0].mean() == pytest.approx(0.2, abs=0.07)
    assert read[2].mean() < -0.45


def test_mirrored_photo_has_mirrored_light() -> None:
    relief = hemisphere()
    light = np.array([[0.2] * 3, [0.0] * 3, [-0.4] * 3])
    photo = lit(relief, light)
    region = np.hypot(relief.side, relief.rise) < 0.85
    there = light_on(photo, relief, (region,))
    back = light_on(photo[:, ::-1], relief, (region[:, ::-1],))
    assert back[0] == pytest.approx(-there[0], abs=0.02)
    assert back[2] == pytest.approx(there[2], abs=0.02)


def test_brightness_of_a_region_is_not_taken_for_light() -> None:
    relief = hemisphere()
    flat = np.full((120, 120, 3), 150.0, np.float32)
    halves = np.zeros((120, 120), bool)
    halves[:, :60] = True
    two_tones = np.where(halves[..., None], 1.4 * flat, flat)
    together = light_on(two_tones, relief, (np.ones_like(halves),))
    apart = light_on(two_tones, relief, (halves, ~halves))
    assert abs(apart[0].mean()) < 0.02 < abs(together[0].mean())


def test_shaded_skin_gets_redder_not_grey() -> None:
    relief = hemisphere()
    plain = light_on(np.full((120, 120, 3), 150.0, np.float32), relief, ())
    edge = shading(relief, plain)[60, 8]
    assert edge[0] > edge[1] > edge[2]
    assert 0.5 < edge[1] < 0.95


def test_texture_is_the_skins_own_without_repeating_its_shading() -> None:
    rng = np.random.default_rng(3)
    fine = blur(rng.normal(0.0, 4.0, (300, 300)).astype(np.float32), 1.0)
    ramp = np.linspace(-30.0, 30.0, 300, dtype=np.float32)
    photo = np.clip(150.0 + fine + ramp, 0, 255)[..., None].repeat(3, axis=-1).astype(np.float32)
    source = np.zeros((300, 300), bool)
    source[20:280, 20:140] = True
    target = np.zeros_like(source)
    target[40:260, 170:280] = True
    texture = pores(photo, (source,), target, 250.0)
    real = (fine / 150.0)[source].std()
    assert texture[target].std() == pytest.approx(min(real, 0.012), rel=0.12)
    assert abs(blur(texture, 12.0)[100:200, 200:250]).max() < 0.3 * real
    assert not texture[:40].any()
    np.testing.assert_array_equal(texture, pores(photo, (source,), target, 250.0))


@pytest.mark.parametrize("clothes", [5.0, 120.0])
def test_without_enough_skin_there_is_grain(clothes: float) -> None:
    photo = np.full((200, 200, 3), clothes, np.float32)
    nothing = np.zeros((200, 200), bool)
    target = np.zeros_like(nothing)
    target[50:150, 50:150] = True
    texture = pores(photo, (nothing,), target, 200.0)
    assert 0.002 < texture[target].std() < 0.02


def test_painted_skin_meets_the_real_one_and_keeps_its_own_tone_far_away() -> None:
    photo = np.full((200, 200, 3), 120.0, np.float32)
    photo[:, :20] = [130.0, 120.0, 110.0]
    painted = np.full_like(photo, 120.0)
    border = np.zeros((200, 200), bool)
    border[:, :20] = True
    met = painted * seam(painted, photo, border, 80.0)
    assert np.abs(met[:, 14] - photo[:, 14]).max() < 2.0
    assert np.abs(np.diff(met[100, 20:], axis=0)).max() < 1.5
    np.testing.assert_array_equal(met[:, 110:], painted[:, 110:])


def test_what_is_no_skin_does_not_stain_the_painted_one() -> None:
    painted = np.full((120, 120, 3), 150.0, np.float32)
    photo = painted.copy()
    photo[:, :20] = 30.0
    border = np.zeros((120, 120), bool)
    border[:, :20] = True
    np.testing.assert_array_equal(seam(painted, photo, border, 60.0), np.ones_like(painted))
    photo[:, :20] = [170.0, 175.0, 190.0]
    skin = np.broadcast_to(np.float32([170.0, 130.0, 110.0]), photo.shape)
    np.testing.assert_array_equal(seam(skin, photo, border, 60.0), np.ones_like(painted))


def test_a_bracelet_is_told_from_the_arm_that_is_mirrored() -> None:
    bone = Arm(
        shoulder=np.array([100.0, 20.0]),
        elbow=np.array([100.0, 120.0]),
        wrist=np.array([100.0, 220.0]),
        hand=np.array([100.0, 240.0]),
        visible=1.0,
    )
    limb = place_limb(bone, (260, 200), 160.0)
    across = np.clip(np.abs(np.arange(200, dtype=np.float32) - 100.0) / 20.0, 0.0, 1.0)
    photo = np.broadcast_to((180.0 - 40.0 * across**2)[None, :, None], (260, 200, 3)).astype(np.float32)
    worn = photo.copy()
    worn[160:163, 80:120] += 60.0
    inside = (np.abs(limb.across) < 0.8) & (limb.along > 0.05) & (limb.along < 1.0)
    assert not (jewellery(photo, inside, limb) & inside).any()
    found = jewellery(worn, inside, limb)
    assert found[161, 90:110].all()
    assert not (found & inside)[:140].any()
    veined = photo.copy()
    veined[:, 100:102] += 40.0
    assert not jewellery(veined, inside, limb).any()
    hairy = photo.copy()
    hairy[120:180] += 50.0 * (np.indices((60, 200)).sum(0) // 3 % 2)[..., None]
    assert not jewellery(hairy, inside, limb).any()


def test_limbs_of_other_widths() -> None:
    bone = Arm(
        shoulder=np.array([100.0, 20.0]),
        elbow=np.array([100.0, 120.0]),
        wrist=np.array([100.0, 220.0]),
        hand=np.array([100.0, 240.0]),
        visible=1.0,
    )
    widths = (np.array([0.0, 1.0, 1.2]), np.array([0.5, 0.2, 0.2]))
    leg = place_limb(bone, (260, 200), 100.0, widths)
    assert leg.half_width[21, 100] == pytest.approx(50.0, abs=2.0)
    assert leg.half_width[219, 100] == pytest.approx(20.0, abs=2.0)


@pytest.mark.parametrize(
    ("name", "garment"), [("p4_man__base", "tank_rose"), ("p1_man__longsleeve_stripes", "tank_rose")]
)
def test_bared_arms_are_no_flat_plates_and_nothing_far_away_is_touched(
    people: People, garments: Garments, name: str, garment: str
) -> None:
    person = people(name)
    body = measure(person)
    warped = lay(garments(garment), person, body)
    composed = compose(person, body, warped)
    old = person.parsing.region("upper")
    far = ~grow(old | (warped.alpha > 0.1), 0.25 * body.shoulder_width)
    assert not composed.alpha[far].any()
    for side in ("left", "right"):
        limb = place_limb(getattr(body.arms, side), old.shape, body.shoulder_width)
        bared = (limb.along > 0.5) & (limb.along < 0.8) & (warped.alpha < 0.01)
        light = luma(composed.rgb.astype(np.float32))
        middle = light[bared & (np.abs(limb.across) < 0.25)].mean()
        sides = [
            light[bared & (limb.across * way > 0.5) & (limb.across * way < 0.75)].mean() for way in (-1, 1)
        ]
        assert min(sides) < 0.97 * middle


def test_a_sliver_of_skin_speaks_only_for_what_is_near_it() -> None:
    painted, photo = (np.full((120, 160, 3), level, np.float32) for level in (100.0, 140.0))
    border = np.zeros((120, 160), np.bool_)
    border[60:64, 20:24] = True
    factor = seam(painted, photo, border, 100.0)
    assert factor[62, 22] == pytest.approx(1.4, rel=0.02)
    assert factor[62, 60:] == pytest.approx(1.0)


def test_the_field_of_an_arm_has_no_seam_beyond_its_shoulder() -> None:
    """Above the joint the signed distance changes sides: an interpolated zero there would be a middle."""
    bone = Arm(
        shoulder=np.array([103.0, 100.0]),
        elbow=np.array([100.0, 200.0]),
        wrist=np.array([104.0, 300.0]),
        hand=np.array([104.0, 320.0]),
        visible=1.0,
    )
    limb = place_limb(bone, (340, 200), 160.0)
    assert not limb.inside[:60].any()
    assert limb.inside[130:280, 100:104].min() == 1.0


def test_a_fringe_that_the_matte_missed_goes_with_the_garment(people: People, garments: Garments) -> None:
    """White lace before a light wall: it hangs on the sleeve, a stain on the wall far away does not."""
    person = people("p1_man__base")
    body = measure(person)
    upper = person.parsing.region("upper")
    row = int(body.arms.left.shoulder[1] + 0.25 * body.shoulder_width)
    edge = int(np.flatnonzero(upper[row])[0])
    image = person.image.copy()
    fringe = np.s_[row - 6 : row + 6, edge - 20 : edge - 3]
    stain = np.s_[row - 6 : row + 6, edge - 120 : edge - 100]
    image[fringe] = image[stain] = 60
    person = replace(person, image=image)
    dressed = compose(person, body, lay(garments("tank_rose"), person, body)).rgb.astype(int)
    wall = people("p1_man__base").image.astype(int)
    assert np.abs(dressed[fringe] - wall[fringe]).mean() < 6
    assert (dressed[stain] == 60).all()


def test_arms_of_dark_skin_do_not_take_the_colour_of_pale_palms(people: People, garments: Garments) -> None:
    person = people("p4_man__base")
    body = measure(person)
    warped = lay(garments("tank_rose"), person, body)
    composed = compose(person, body, warped)
    before, after = (luma(rgb.astype(np.float32)) for rgb in (person.image, composed.rgb))
    face, palms = (np.median(before[person.parsing.region(label)]) for label in ("face", "hands"))
    assert palms > 1.5 * face  # else this photo shows nothing
    for side in ("left", "right"):
        limb = place_limb(getattr(body.arms, side), before.shape, body.shoulder_width)
        bared = (limb.along > 0.5) & (limb.along < 0.8) & (np.abs(limb.across) < 0.5) & (warped.alpha < 0.01)
        arm = np.median(after[bared])
        assert abs(arm - face) < 0.5 * abs(arm - palms)
