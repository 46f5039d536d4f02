"""Garments taken off people: what is measured on them, continued, refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from preprocess.errors import InputError
from preprocess.garment.stance import Stance
from preprocess.garment.worn import take_off
from preprocess.pose import LEFT_SHOULDER, RIGHT_SHOULDER
from preprocess.types import Garment, Person
from tests.relabel import relabelled

People = Callable[[str], Person]


def sleeve_reach(garment: Garment) -> list[float]:
    marks = garment.landmarks
    assert marks is not None
    assert marks.sleeves is not None
    return [float(marks.sleeves[side].outer[-1, 1]) for side in ("left", "right")]


def test_a_top_is_measured_where_the_figure_wears_it(people: People) -> None:
    person = people("p1_man__tshirt_print")
    garment = take_off(person)
    marks, stance = garment.landmarks, Stance.of(person)

    assert (garment.kind, garment.category, garment.sleeve_length) == ("worn", "upper", "short")
    assert marks is not None
    assert marks.neck.left[0] < marks.neck.right[0] < marks.shoulder.right[0]
    for side, outward in (("left", -1), ("right", 1)):
        arm = stance.arms[side]
        assert abs(marks.shoulder[side][0] - arm.shoulder[0]) < 0.2 * stance.unit
        assert marks.shoulder[side][1] < arm.shoulder[1] < marks.armpit[side][1]
        assert (marks.armpit[side][0] - marks.centre_x) * outward > 0.3 * stance.unit
        assert marks.neck[side][1] < arm.shoulder[1]
    cloth = person.parsing.region("upper")
    ends = marks.hem.left[1], cloth.any(axis=1).nonzero()[0][-1]
    assert abs(ends[0] - ends[1]) < 0.1 * stance.unit
    assert garment.collar is not None
    assert garment.collar.kind in ("crew", "scoop")


def test_sleeves_reach_as_far_as_they_are_seen(people: People) -> None:
    short, long = take_off(people("p1_man__tshirt_print")), take_off(people("p1_man__longsleeve_stripes"))
    wrists = Stance.of(people("p1_man__longsleeve_stripes")).arms

    assert (short.sleeve_length, long.sleeve_length) == ("short", "long")
    assert max(sleeve_reach(short)) < min(sleeve_reach(long))
    for found, wrist in zip(sleeve_reach(long), (wrists.left.wrist[1], wrists.right.wrist[1]), strict=True):
        assert found == pytest.approx(wrist, abs=40)


def test_bottoms_are_taken_off_on_demand(people: People) -> None:
    garment = take_off(people("p4_man__base"), category="lower")

    assert garment.landmarks is None
    assert garment.lower is not None
    assert garment.lower.legs is not None
    assert garment.lower.waist.left[1] < garment.lower.hem.left[1]
    assert [notice.name for notice in garment.notices] == []


def test_what_lies_before_the_cloth_is_filled_with_cloth(people: People) -> None:
    person = people("p2_woman__base")
    stance = Stance.of(person)
    x, y = int(stance.spine(stance.row(0.7))), int(stance.row(0.7))
    patch = np.zeros(person.matte.alpha.shape, bool)
    patch[y - 30 : y + 30, x - 30 : x + 30] = True
    image = person.image.copy()
    image[patch] = (0, 0, 255)

    garment = take_off(relabelled(replace(person, image=image), patch, "hands"))

    assert garment.alpha[patch].min() == 1
    around = np.median(person.image[y - 30 : y + 30, x - 80 : x - 50].reshape(-1, 3), axis=0)
    assert np.abs(garment.image[patch].mean(axis=0) - around).max() < 25


def test_too_much_hidden_is_refused(people: People) -> None:
    person = people("p2_woman__base")
    stance = Stance.of(person)
    rows = np.arange(person.image.shape[0])[:, None]
    middle = (rows > stance.row(0.3)) & (rows < stance.row(0.8)) & person.parsing.region("upper")

    with pytest.raises(InputError, match="hide") as refused:
        take_off(relabelled(person, middle, "hands"))
    assert refused.value.slug == "no-garment"


def test_who_is_turned_away_is_refused(people: People) -> None:
    person = people("p1_man__base")
    points = person.pose.points.copy()
    middle = points[[LEFT_SHOULDER, RIGHT_SHOULDER]].mean(axis=0)
    points[[LEFT_SHOULDER, RIGHT_SHOULDER]] = middle + 0.3 * (
        points[[LEFT_SHOULDER, RIGHT_SHOULDER]] - middle
    )

    with pytest.raises(InputError, match="front") as refused:
        take_off(replace(person, pose=replace(person.pose, points=points)))
    assert refused.value.slug == "body-not-visible"


def test_bottoms_that_the_frame_cuts_at_the_hips_are_refused(people: People) -> None:
    with pytest.raises(InputError) as refused:
        take_off(people("p1_man__base"), category="lower")
    assert refused.value.slug == "body-not-visible"


def test_a_dress_that_the_frame_cuts_above_the_hips_is_refused(people: People) -> None:
    """Also where something else than its cloth lies along the edge."""
    person = people("p2_woman__base")
    down = np.zeros_like(person.pose.points)
    down[:, 1] = person.image.shape[0] - Stance.of(person).row(0.85)
    pose = replace(person.pose, points=person.pose.points + down)
    lowered = replace(person, pose=pose, waist_confidence=0.1)
    edge = np.zeros(person.matte.alpha.shape, bool)
    edge[-4:] = True

    with pytest.raises(InputError, match="above the hem") as refused:
        take_off(relabelled(lowered, edge, "hands"), category="dress")
    assert refused.value.slug == "body-not-visible"


def test_the_other_garment_of_the_photo_is_named(people: People) -> None:
    notices = take_off(people("p4_man__base")).notices

    assert [notice.name for notice in notices] == ["garment-category-unsure"]
    assert "lower" in notices[0].detail


def side_of(garment: Garment, y: int) -> int:
    """Column in which the torso ends on the right in a row."""
    marks = garment.landmarks
    assert marks is not None
    return int(np.interp(y, marks.sides[:, 0], marks.sides[:, 2]))


def test_an_arm_that_was_taken_for_cloth_does_not_go_along(people: People) -> None:
    """By its colours: they are the wearer's, not the garment's."""
    person = people("p2_woman__base")
    cuff = int(sleeve_reach(take_off(person))[0])
    below = person.parsing.region("left_arm", "right_arm")
    below[cuff + 60 :] = False
    below[:, int(Stance.of(person).spine(0.0)) :] = False

    garment = take_off(relabelled(person, below, "upper"))

    assert below.sum() > 1000
    assert (garment.alpha[below] > 0.5).mean() < 0.1
    assert sleeve_reach(garment)[0] == pytest.approx(sleeve_reach(take_off(person))[0], abs=25)


def test_sides_behind_a_hand_are_continued(people: People) -> None:
    person = people("p2_woman__base")
    stance = Stance.of(person)
    whole = take_off(person)
    y = int(stance.row(0.8))
    x = side_of(whole, y)
    hand = np.zeros(whole.alpha.shape, bool)
    hand[y - 16 : y + 16, x - 25 : x + 40] = True
    hidden = hand & (whole.alpha > 0.5)

    garment = take_off(relabelled(person, hand, "hands"))

    assert hidden.sum() > 500
    assert (garment.alpha[hidden] > 0.5).mean() > 0.8
    assert abs(side_of(garment, y) - x) < 0.05 * stance.unit


def test_a_frayed_hem_comes_out_smooth(people: People) -> None:
    person = people("p1_man__tshirt_print")
    teeth = person.parsing.region("upper")
    last = np.flatnonzero(teeth.any(axis=1))[-1]
    teeth[: last - 14] = False
    teeth[:, np.arange(teeth.shape[1]) % 16 > 7] = False

    garment = take_off(relabelled(person, teeth, "lower"))

    middle = int(Stance.of(person).spine(float(last)))
    ends = [np.flatnonzero(garment.alpha[:, x] > 0.5)[-1] for x in range(middle - 60, middle + 60)]
    assert np.abs(np.diff(ends)).max() <= 1


def test_a_tucked_top_is_continued_below_the_waistband(people: People) -> None:
    person = people("p1_man__tshirt_print")
    stance = Stance.of(person)
    rows = np.arange(person.image.shape[0])[:, None]
    off = np.abs(np.arange(person.image.shape[1])[None] - stance.spine(rows[:, 0].astype(float))[:, None])
    bottoms = (rows > stance.row(0.82)) & (off < 0.65 * stance.unit)

    garment = take_off(relabelled(person, bottoms, "lower"))
    marks = garment.landmarks

    assert "garment-tucked" in [notice.name for notice in garment.notices]
    assert marks is not None
    assert marks.hem.left[1] == pytest.approx(stance.row(1.08), abs=2)
    y, x = int(stance.row(1.0)), int(stance.spine(stance.row(1.0)))
    assert garment.alpha[y, x - 40 : x + 40].min() == 1
    cloth = person.image[int(stance.row(0.7)), x - 40 : x + 40].mean(axis=0)
    assert np.abs(garment.image[y, x - 40 : x + 40].mean(axis=0) - cloth).max() < 30


def test_hips_behind_a_hand_are_continued(people: People) -> None:
    person = people("p4_man__base")
    whole = take_off(person, category="lower")
    lower = whole.lower
    assert lower is not None
    y = int(lower.waist.left[1] + 40)
    x = int(np.flatnonzero(whole.alpha[y] > 0.5)[0])
    hand = np.zeros(whole.alpha.shape, bool)
    hand[y - 15 : y + 15, x : x + 14] = True

    garment = take_off(relabelled(person, hand, "hands"), category="lower")

    assert (garment.alpha[hand] > 0.5).mean() > 0.8


def test_a_tape_on_a_sleeve_goes_along(people: People) -> None:
    """It has the wall's colour, and parts a strip from the sleeve where parsing takes it for the wall."""
    person = people("p2_woman__base")
    whole = take_off(person).alpha > 0.5
    depth = cv2.distanceTransform(whole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    rows = np.arange(len(whole))[:, None]
    stance = Stance.of(person)
    sleeves = (rows < stance.row(0.3)) & (rows > stance.row(0.05))
    tape = (depth > 6) & (depth < 10) & sleeves
    image = person.image.copy()
    image[tape] = image[5, 5]

    alpha = take_off(relabelled(replace(person, image=image), tape, "background")).alpha

    strip = (depth > 1) & (depth <= 5) & sleeves
    assert (alpha[strip] > 0.5).mean() > 0.7


def test_background_in_a_slit_beside_the_body_does_not_go_along(people: People) -> None:
    person = people("p2_woman__base")
    whole = take_off(person).alpha > 0.5
    slit = np.zeros_like(whole)
    y = int(Stance.of(person).row(0.7))
    ends = np.array([np.flatnonzero(row)[-1] for row in whole[y : y + 60]])
    for k, end in enumerate(ends):
        slit[y + k, end - 7 : end + 1] = True
    image = person.image.copy()
    image[slit] = image[5, 5]

    alpha = take_off(replace(person, image=image)).alpha

    assert (alpha[slit] > 0.5).mean() < 0.4


@pytest.mark.parametrize("name", ["p1_man__tshirt_print", "p1_man__base", "p2_woman__base"])
def test_a_short_sleeve_takes_nothing_of_the_torso_beside_it(
    people: Callable[[str], Person], name: str
) -> None:
    """A print that reaches to the side of the torso stays whole."""
    marks = take_off(people(name)).landmarks
    assert marks is not None
    assert marks.sleeves is not None
    for column, (sleeve, outward) in enumerate(
        ((marks.sleeves.left, -1.0), (marks.sleeves.right, 1.0)), start=1
    ):
        edge = np.interp(sleeve.inner[:, 1], marks.sides[:, 0], marks.sides[:, column])
        assert (outward * (sleeve.inner[:, 0] - edge) > -2.0).all()
