"""Rests of old clothes round neck and chin: what is skin, what was collar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from inference.engines.warp.body import measure
from inference.engines.warp.lay import lay
from inference.engines.warp.limbs import place_limb
from inference.engines.warp.occlusion import cuff_shadow, old_cuff
from inference.engines.warp.relabel import half_cuffs, one_piece, thin_straps, under_chin
from inference.engines.warp.scene import Parts, Scene, build_scene
from inference.engines.warp.strands import free_hair, free_skin
from inference.engines.warp.under import narrow_strip, threads
from inference.engines.warp.undress import neck_side
from preprocess.types import Garment, Person, Sides


@pytest.fixture(scope="module")
def scene(people: Callable[[str], Person], garments: Callable[[str], Garment]) -> Scene:
    person = people("p1_man__base")
    body = measure(person)
    return build_scene(person, body, lay(garments("tank_rose"), person, body))


def with_parts(scene: Scene, **regions: np.ndarray) -> Scene:
    """The scene with these parts alone."""
    none = np.zeros_like(scene.matte)
    names = Parts.__dataclass_fields__
    parts = {name: regions.get(name, none).astype(np.float32) for name in names}
    return replace(scene, parts=Parts(**parts))


def test_a_neck_is_as_wide_as_it_is_seen_between_collar_and_jaw(scene: Scene) -> None:
    high = (scene.down < -0.12) & (scene.down > -0.3)
    neck = high & (np.abs(scene.lateral) < 0.13)
    narrow = with_parts(scene, neck=neck)
    assert neck_side(narrow, 1.0, 0.22) == pytest.approx(0.13, abs=0.01)
    assert neck_side(narrow, -1.0, 0.22) == pytest.approx(0.13, abs=0.01)
    beside = high & (scene.lateral > 0.13) & (scene.lateral < 0.2)
    hairy = with_parts(scene, neck=neck, hair=beside)
    assert neck_side(hairy, 1.0, 0.22) == 0.22
    assert neck_side(hairy, -1.0, 0.22) == pytest.approx(0.13, abs=0.01)


def test_crumbs_of_a_chin_in_a_collar_are_taken_off_it_and_the_chin_is_not(scene: Scene) -> None:
    chin = (scene.lateral / 0.2) ** 2 + ((scene.down + 0.35) / 0.2) ** 2 < 1.0
    crumb = (np.abs(scene.lateral) < 0.02) & (scene.down > -0.16) & (scene.down < -0.1)
    collar = scene.down > -0.1
    face = with_parts(scene, face=chin | crumb)
    found = under_chin(face, collar)
    assert found[crumb & ~chin & (scene.down > -0.14)].mean() > 0.9
    assert not found[chin & (scene.down < -0.2)].any()
    assert not under_chin(face, collar & (scene.down > 0.3)).any()


def test_a_head_out_of_the_frame_has_no_chin(scene: Scene) -> None:
    assert not under_chin(with_parts(scene), scene.down > 0.0).any()


def test_a_dress_stays_below_the_new_hem_like_a_skirt(scene: Scene) -> None:
    inside = np.abs(scene.lateral) < 0.8
    upper = inside & (scene.down > 0.0) & (scene.down < scene.waist)
    lower = inside & (scene.down >= scene.waist)
    plain = np.full_like(scene.photo, 90.0)
    garment = replace(scene.garment, hem=scene.waist - 0.2, tucked=False)
    dress = replace(with_parts(scene, upper=upper, lower=lower), photo=plain, garment=garment)
    limbs = Sides(
        left=place_limb(scene.arms.left, upper.shape, scene.unit),
        right=place_limb(scene.arms.right, upper.shape, scene.unit),
    )
    on_arm = (np.abs(limbs.left.across) < 1.3) | (np.abs(limbs.right.across) < 1.3)
    kept = one_piece(dress, upper, limbs)
    assert kept[upper & (scene.down > garment.hem) & ~on_arm].all()
    assert not kept[(scene.down < garment.hem - 0.06) | on_arm].any()
    other = np.where(lower[..., None], np.float32(170.0), plain)
    assert not one_piece(replace(dress, photo=other), upper, limbs).any()
    assert not one_piece(replace(dress, garment=replace(garment, tucked=True)), upper, limbs).any()


@pytest.mark.parametrize("over_hand", [1.0, 1.04, 1.08])
def test_cuffs_over_the_hand_end_where_their_cloth_does(scene: Scene, over_hand: float) -> None:
    limb = place_limb(scene.arms.left, scene.matte.shape, scene.unit)
    sleeve = ((np.abs(limb.across) < 1.2) & (limb.along < over_hand)).astype(np.float32)
    assert old_cuff(limb, sleeve) == pytest.approx(over_hand, abs=0.03)
    assert old_cuff(replace(limb, seen=(0.4, 0.9)), sleeve) == 0.4
    hand = with_parts(scene, upper=sleeve, hands=(np.abs(limb.across) < 1) & (limb.along >= over_hand))
    other = place_limb(scene.arms.right, scene.matte.shape, scene.unit)
    shadow = cuff_shadow(hand, Sides(left=limb, right=other))
    below = (np.abs(limb.across) < 0.5) & (np.abs(limb.along - over_hand - 0.02) < 0.01)
    assert shadow[below].mean() > 0.6


def test_rims_of_sleeves_are_no_bare_skin(scene: Scene) -> None:
    limb = place_limb(scene.arms.left, scene.matte.shape, scene.unit)
    hand = (np.abs(limb.across) < 1.0) & (limb.along > 1.0) & (limb.along < 1.14)
    rim = (np.abs(limb.distance - 0.1 * scene.unit) < 1.0) & (limb.along < 0.9) & (limb.along > 0.3)
    found = free_skin(with_parts(scene, hands=hand | rim)).alpha
    assert found[hand].mean() > 0.9
    assert found[rim].max() < 0.1


def test_half_cuffs_read_as_trousers_are_cuffs_and_pieces_of_trousers_are_not(scene: Scene) -> None:
    upper = (np.abs(scene.lateral) < 0.4) & (scene.down > 0.1) & (scene.down < 0.8)
    lower = (np.abs(scene.lateral) < 0.4) & (scene.down > 0.9)
    beside = (scene.lateral >= 0.4) & (scene.lateral < 0.45)
    cuff, piece = (beside & (np.abs(scene.down - middle) < 0.04) for middle in (0.3, 0.6))
    dressed = with_parts(scene, upper=upper, lower=lower | cuff | piece)
    black = (upper | cuff)[..., None]
    found = half_cuffs(replace(dressed, photo=np.where(black, 20.0, 180.0).repeat(3, axis=2)), upper)
    assert found[cuff].all()
    assert not found[~cuff].any()


def test_crumbs_of_hair_on_clothes_are_no_hair_and_strands_on_the_wall_are(scene: Scene) -> None:
    hair = (np.abs(scene.lateral) < 0.2) & (scene.down < 0.0)
    crumb = (np.abs(scene.lateral - 0.2) < 0.015) & (np.abs(scene.down - 0.08) < 0.01)
    upper = (scene.down > 0.0) & (np.abs(scene.lateral) < 0.5)
    dressed = with_parts(scene, hair=hair | crumb, upper=upper & ~crumb)
    photo = np.where((hair | crumb)[..., None], 20.0, 200.0).repeat(3, axis=2).astype(np.float32)
    found = free_hair(replace(dressed, photo=photo, reach=np.ones_like(scene.reach))).alpha
    assert found[crumb].max() == 0.0
    assert found[hair & (scene.down < -0.05)].min() > 0.7
    outside = replace(dressed, parts=replace(dressed.parts, upper=np.zeros_like(scene.matte)))
    assert free_hair(replace(outside, photo=photo, reach=np.ones_like(scene.reach))).alpha[crumb].max() > 0.5


@pytest.mark.parametrize("skirt", [False, True])
def test_straps_on_bare_shoulders_are_cloth_and_shadows_there_are_none(scene: Scene, skirt: bool) -> None:
    """Whatever colour the old garment has farther down."""
    chest = (scene.down > 0.2) & (scene.down < 0.8) & (np.abs(scene.lateral) < 0.4)
    bare = (scene.down > -0.1) & (scene.down <= 0.2) & (np.abs(scene.lateral) < 0.4)
    strap = bare & (np.abs(scene.lateral + 0.25) < 0.008)
    shadow = bare & (np.abs(scene.lateral - 0.25) < 0.008)
    thin = strap | shadow
    photo = np.where(bare[..., None], np.float32((220, 180, 150)), np.float32(20.0))
    photo = np.where(shadow[..., None], np.float32((190, 150, 125)), photo)
    photo = np.where(strap[..., None], np.float32(20.0), photo).astype(np.float32)
    below = skirt & (scene.down >= 0.8)
    photo[below] = np.float32((225, 215, 205))
    worn = replace(with_parts(scene, upper=chest | below | thin, neck=bare & ~thin), photo=photo)
    found = thin_straps(worn, chest | below)
    assert found[strap].mean() > 0.95
    assert not found[shadow].any()
    assert not found[chest].any()


def test_a_strip_too_low_to_be_a_midriff_belongs_to_the_bottoms(scene: Scene) -> None:
    """On the left the old hem hung a little below the new one, on the right far below it."""
    bare = replace(scene, garment=replace(scene.garment, alpha=np.zeros_like(scene.matte), sleeves=None))
    rows, columns = np.indices(scene.matte.shape)
    low, high = 0.03 * scene.unit, 0.2 * scene.unit
    middle = scene.matte.shape[1] // 2
    midriff = (rows >= 200) & (rows < 200 + np.where(columns < middle, low, high))
    found = narrow_strip(bare, midriff)
    assert found[midriff & (columns < middle)].all()
    assert not found[columns >= middle].any()
    covered = replace(bare, garment=replace(bare.garment, alpha=np.ones_like(scene.matte)))
    assert not narrow_strip(covered, midriff).any()


def test_threads_are_what_is_thin_and_never_corners() -> None:
    waistband = np.zeros((200, 300), np.bool_)
    waistband[120:, 40:260] = True
    shadow = np.zeros_like(waistband)
    shadow[80:88, 40:260] = shadow[80:120, 252:260] = True  # under the old hem, and down the side to the band
    found = threads(waistband | shadow, 6.0)
    assert not found[waistband].any()
    assert found[:100][shadow[:100]].all()
