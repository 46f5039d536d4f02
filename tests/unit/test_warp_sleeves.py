"""Sleeves: their corners on a garment's outline, their length on an arm, the arc of their cuffs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from inference.engines.warp.body import measure
from inference.engines.warp.composite import bare_limbs
from inference.engines.warp.lay import lay
from inference.engines.warp.limbs import place_limb
from inference.engines.warp.occlusion import front_layers, over_torso
from inference.engines.warp.scene import build_scene
from inference.engines.warp.sleeve_plan import ROWS
from inference.engines.warp.sleeves import cuff_arc
from preprocess.garment.outline import resample
from preprocess.garment.sleeves import SAMPLES, cuff_corners
from preprocess.types import Garment, Person, Sides, Sleeve

People = Callable[[str], Person]
Garments = Callable[[str], Garment]


@pytest.mark.parametrize("bulge", [0.0, 6.0, 14.0])
def test_the_inner_edge_of_a_covering_sleeve_takes_nothing_of_a_curved_cuff(bulge: float) -> None:
    shoulder, cuff, notch = (100.0, 0.0), (40.0, 120.0), (98.0, 140.0)
    t = np.linspace(0.0, 1.0, 40)[:, None]
    outer = np.array(shoulder) * (1 - t) + np.array(cuff) * t - np.sin(np.pi * t) * (12.0, 0.0)
    edge = np.array(cuff) * (1 - t) + np.array(notch) * t + np.sin(np.pi * t) * (0.0, bulge)
    arc = resample(np.concatenate([outer, edge]).astype(np.float32), SAMPLES)
    first, second, _ = cuff_corners(arc, shoulder, (98.0, 80.0))
    assert np.hypot(*(arc[first] - cuff)) < 12
    assert np.hypot(*(arc[second] - notch)) < 15


def test_the_edge_of_a_cap_sleeve_is_its_cuff_and_not_its_inner_edge() -> None:
    shoulder, cuff, armpit = (100.0, 0.0), (30.0, 95.0), (95.0, 112.0)
    t = np.linspace(0.0, 1.0, 40)[:, None]
    outer = np.array(shoulder) * (1 - t) + np.array(cuff) * t - np.sin(np.pi * t) * (22.0, 16.0)
    edge = np.array(cuff) * (1 - t) + np.array(armpit) * t
    arc = resample(np.concatenate([outer, edge]).astype(np.float32), SAMPLES)
    first, second, _ = cuff_corners(arc, shoulder, armpit)
    assert np.hypot(*(arc[first] - cuff)) < 15
    assert np.hypot(*(arc[second] - armpit)) < 15


@pytest.mark.parametrize("name", ["p1_man__base", "p2_woman__base"])
def test_shoulders_found_too_narrow_do_not_make_sleeves_longer(
    people: People, garments: Garments, name: str
) -> None:
    person, garment = people(name), garments("tshirt_mustard")
    body, marks = measure(person), garment.landmarks
    assert marks is not None
    inward = 0.08 * (marks.shoulder.right[0] - marks.shoulder.left[0])
    left, right = marks.shoulder.left, marks.shoulder.right
    tips = Sides(left=(left[0] + inward, left[1]), right=(right[0] - inward, right[1]))
    narrow = replace(garment, landmarks=replace(marks, shoulder=tips))
    true, found = (lay(each, person, body).sleeves for each in (garment, narrow))
    assert true is not None
    assert found is not None
    for side in ("left", "right"):
        assert found[side].reach < true[side].reach + 0.05


def test_a_cuff_is_one_arc_whatever_bites_the_matte_has() -> None:
    matte = np.zeros((200, 120), np.float32)
    matte[:160, 20:100] = 1.0
    x = np.linspace(20.0, 100.0, 9)
    y = np.concatenate([np.zeros(3), np.linspace(20.0, 160.0, ROWS), [175.0]])
    source = np.stack(np.meshgrid(x, y), axis=-1)
    whole = np.polyval(cuff_arc(matte, source), np.linspace(0.1, 0.9, 9))
    assert whole == pytest.approx(ROWS - 1, abs=0.1)
    cv2.circle(matte, (55, 160), 6, 0.0, -1)
    bitten = np.polyval(cuff_arc(matte, source), np.linspace(0.1, 0.9, 9))
    assert bitten == pytest.approx(whole, abs=0.25)


def test_a_hand_is_not_drawn_over_its_own_cuff(people: People, garments: Garments) -> None:
    person = people("p1_man__base")
    body = measure(person)
    scene = build_scene(person, body, lay(garments("longsleeve_stripes"), person, body))
    usual = Sides(
        left=place_limb(scene.arms.left, scene.matte.shape, scene.unit),
        right=place_limb(scene.arms.right, scene.matte.shape, scene.unit),
    )
    limbs = bare_limbs(scene, usual)
    sleeve = scene.garment.sleeves
    assert sleeve is not None
    reach = (limbs.left.along < sleeve.left.reach) & (sleeve.left.alpha > 0.99)
    # The hand's own label, drawn up over the wrist as badly seen hands are.
    hands = np.maximum(scene.parts.hands, (reach & (limbs.left.along > 0.9)).astype(np.float32))
    drawn_up = replace(scene, parts=replace(scene.parts, hands=hands))
    near = np.abs(limbs.left.across) <= np.abs(limbs.right.across)
    assert front_layers(drawn_up, limbs).hands[reach & near].max() < 0.02
    assert front_layers(drawn_up, limbs).hands.max() > 0.9


def test_an_arm_found_beside_its_sleeve_is_in_it_all_the_same(people: People, garments: Garments) -> None:
    person, garment = people("p1_man__base"), garments("tshirt_print")
    body = measure(person)
    scene = build_scene(person, body, lay(garment, person, body))
    sleeves = scene.garment.sleeves
    assert sleeves is not None
    limb = place_limb(scene.arms.left, scene.matte.shape, scene.unit)
    limbs = Sides(left=limb, right=place_limb(scene.arms.right, scene.matte.shape, scene.unit))
    nothing = replace(sleeves.left, alpha=np.zeros_like(sleeves.left.alpha))
    missed = replace(scene.garment, sleeves=replace(sleeves, left=nothing))
    free = over_torso(replace(scene, garment=missed), limbs).left
    in_sleeve = (limb.inside > 0.5) & (limb.along < sleeves.left.reach - 0.03)
    assert free[in_sleeve].max() == 0.0
    assert free[(limb.inside > 0.5) & (limb.along > sleeves.left.reach + 0.01)].min() == 1.0


@pytest.mark.parametrize("share", [0.5, 0.7, 0.85])
def test_a_sleeve_that_measures_shorter_ends_where_the_other_one_does(
    people: People, garments: Garments, share: float
) -> None:
    person, garment = people("p2_woman__base"), garments("longsleeve_stripes")
    marks = garment.landmarks
    assert marks is not None
    assert marks.sleeves is not None
    folded = marks.sleeves.left
    kept = max(2, int(share * len(folded.outer)))
    folded = replace(folded, outer=folded.outer[:kept], inner=folded.inner[:kept])
    marks = replace(marks, sleeves=Sides(left=folded, right=marks.sleeves.right))
    laid = lay(replace(garment, landmarks=marks), person, measure(person))
    assert laid.sleeves is not None
    assert abs(laid.sleeves.left.reach - laid.sleeves.right.reach) < 0.06


def test_a_sleeve_does_not_fade_into_a_torso_that_is_cut_away_there(
    people: People, garments: Garments
) -> None:
    person, garment = people("p2_woman__base"), garments("tshirt_mustard")
    marks = garment.landmarks
    assert marks is not None
    neck, tip = np.array(marks.neck.left), np.array(marks.shoulder.left)
    # Clear of the points of the seam that are pinned: the map of the torso hardly moves.
    left, right = (int(x) for x in (tip[0], tip[0] + 0.15 * (neck - tip)[0]))
    cut = garment.alpha.copy()
    cut[: int(tip[1] + 0.4 * (marks.armpit.left[1] - tip[1])), left:right] = 0
    body = measure(person)
    whole, open_ = (
        lay(replace(garment, alpha=alpha), person, body).sleeves for alpha in (garment.alpha, cut)
    )
    assert whole is not None
    assert open_ is not None
    lost = whole.left.alpha - open_.left.alpha
    assert lost.max() > 0.5
    assert open_.right.alpha.sum() == pytest.approx(whole.right.alpha.sum(), rel=0.01)


def test_a_sleeve_leaves_the_tip_of_a_shoulder_aslant(people: People, garments: Garments) -> None:
    """However far the old clothes stood out beside it: cloth that goes out at once looks padded."""
    person = people("p1_man__base")
    body = measure(person)
    tips = Sides(
        left=body.acromion.left + body.across * 0.12 * body.shoulder_width,
        right=body.acromion.right - body.across * 0.12 * body.shoulder_width,
    )
    sleeves = lay(garments("tshirt_mustard"), person, replace(body, acromion=tips)).sleeves
    assert sleeves is not None
    row = int(tips.left[1] + 0.04 * body.shoulder_width)
    out = tips.left[0] - np.flatnonzero(sleeves.left.alpha[row] > 0.5)[0]
    assert 0.05 < out / body.shoulder_width < 0.16  # at once it was .18


def test_a_sleeve_that_hangs_beside_the_torso_leaves_nothing_on_it(
    people: People, garments: Garments
) -> None:
    """Below the armpit the torso ends at its own outline, however the line of the armhole goes on."""
    person, garment = people("p1_man__base"), garments("tshirt_mustard")
    body, marks = measure(person), garment.landmarks
    assert marks is not None
    assert marks.sleeves is not None
    x, y = (int(v) for v in marks.armpit.left)
    bottom = int(max(marks.hem.left[1], marks.hem.right[1])) + 60
    hanging = np.zeros_like(garment.alpha)
    hanging[y:bottom, x - 60 : x + 4] = 1.0
    left = replace(marks.sleeves.left, region=np.maximum(marks.sleeves.left.region, hanging))
    sleeves = replace(marks.sleeves, left=left)
    longer = replace(
        garment,
        alpha=np.maximum(garment.alpha, hanging),
        landmarks=replace(marks, sleeves=sleeves),
    )
    own, found = (lay(each, person, body).alpha > 0.3 for each in (garment, longer))
    around = cv2.dilate(own.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    assert not (found & ~around).any()


@pytest.mark.parametrize("name", ["p1_man__base", "p2_woman__base", "p3_woman__base", "p4_man__base"])
def test_long_sleeves_end_at_the_wrist_and_half_length_ones_do_not(
    people: People, garments: Garments, name: str
) -> None:
    person, whole = people(name), garments("longsleeve_stripes")
    marks = whole.landmarks
    assert marks is not None
    assert marks.sleeves is not None

    def cut(sleeve: Sleeve) -> Sleeve:
        kept = round(0.86 * len(sleeve.outer))
        outer, inner = (resample(line[:kept], len(line)) for line in (sleeve.outer, sleeve.inner))
        below = np.indices(sleeve.region.shape)[0] > min(outer[-1, 1], inner[-1, 1])
        return replace(sleeve, outer=outer, inner=inner, region=np.where(below, 0, sleeve.region))

    shortened = Sides(left=cut(marks.sleeves.left), right=cut(marks.sleeves.right))
    half = replace(whole, landmarks=replace(marks, sleeves=shortened))
    long, short = (lay(garment, person, measure(person)).sleeves for garment in (whole, half))

    assert long is not None
    assert short is not None
    assert min(long.left.reach, long.right.reach) > 0.97
    assert max(short.left.reach, short.right.reach) < 0.85
