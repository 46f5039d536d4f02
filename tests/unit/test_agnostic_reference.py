"""The reference mask on drawn label maps; every expected number follows from the published rules by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from preprocess.agnostic import agnostic_mask
from preprocess.agnostic.reference import reference_mask
from preprocess.geometry import fit_region, frame_image
from preprocess.labels import convert as convert_labels
from preprocess.pose import convert as convert_pose
from preprocess.types import ATR_LABELS, Frame, LabelMap, Person
from tests.unit.test_agnostic import mannequin

HEIGHT, WIDTH = 512, 384
NOWHERE = np.zeros((18, 2), np.float32)
Labels = NDArray[np.uint8]

# Label numbers as the description counts them.
GARMENT = {"upper": {4, 7}, "lower": {5, 6, 12, 13}, "dress": {4, 5, 6, 7}}
FIXED = {
    "upper": {1, 3, 5, 6, 9, 10, 11, 16},
    "lower": {1, 3, 4, 9, 10, 11, 14, 15, 16},
    "dress": {1, 3, 9, 10, 11, 16},
}
CATEGORIES = sorted(GARMENT)


def scene(*boxes: tuple[int, slice, slice]) -> Labels:
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for label, rows, columns in boxes:
        labels[rows, columns] = label
    return labels


def box(top: int, bottom: int, left: int, right: int) -> Labels:
    """A mask that is 255 in these rows and columns, both ends included."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top : bottom + 1, left : right + 1] = 255
    return mask


def points(**joints: tuple[float, float]) -> NDArray[np.float32]:
    names = {"r_shoulder": 2, "r_elbow": 3, "r_wrist": 4, "l_shoulder": 5, "l_elbow": 6, "l_wrist": 7}
    found = NOWHERE.copy()
    for name, point in joints.items():
        found[names[name]] = point
    return found


def garment_of(category: str) -> int:
    return min(GARMENT[category])


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("label", range(1, 19))
def test_each_label_alone(category: str, label: int) -> None:
    """Garment grows by 5 times 2 pixels, arms without joints by 4 times 2, the neck by 2, nothing else."""
    grows = dict.fromkeys(GARMENT[category], 10)
    if category != "lower":
        grows |= {14: 8, 15: 8, 18: 2}
    mask = reference_mask(scene((label, np.s_[200:300], np.s_[150:250])), NOWHERE, category)
    by = grows.get(label)
    expected = 0 * mask if by is None else box(200 - by, 299 + by, 150 - by, 249 + by)
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("label", range(1, 19))
def test_what_lies_beside_the_garment(category: str, label: int) -> None:
    """Fixed labels stay, hair, belt, scarf and the like give way within the margin."""
    labels = scene(
        (garment_of(category), np.s_[100:300], np.s_[150:250]), (label, np.s_[180:220], np.s_[250:300])
    )
    mask = reference_mask(labels, NOWHERE, category)
    assert (mask[200, 255] == 0) == (label in FIXED[category])


ARM = {"l_shoulder": (200.0, 100.0), "l_elbow": (200.0, 200.0), "l_wrist": (200.0, 260.0)}


@pytest.mark.parametrize("category", ["upper", "dress"])
@pytest.mark.parametrize(("kind", "least", "most"), [("hd", 162, 238), ("dc", 170, 230)])
def test_an_arm_is_drawn_and_grows_by_eight(category: str, kind: str, least: int, most: int) -> None:
    """60 or 45 wide (half of 45 covers 22 whole pixels), from a disc at the shoulder to 1.2 forearms."""
    mask = reference_mask(scene(), points(**ARM), category, kind)
    row = np.flatnonzero(mask[150])
    assert (row[0], row[-1]) == (least, most)
    column = np.flatnonzero(mask[:, 200])
    assert column[0] == 100 - (200 - least)
    assert column[-1] == 200 + 1.2 * 60 + 8
    assert mask[100 - (200 - least), least] == 0  # a disc has no corners
    assert mask[280, least] == 255  # the far end is straight


def test_joints_are_round() -> None:
    bent = points(l_shoulder=(150, 100), l_elbow=(150, 200), l_wrist=(250, 200))
    mask = reference_mask(scene(), bent, "upper")
    assert mask[220, 130] == 255  # within 30 pixels of the elbow, outside both straight pieces
    assert mask[238, 112] == 0  # a mitred corner would reach here


def test_lower_asks_for_no_joints() -> None:
    labels = scene((6, np.s_[200:300], np.s_[150:250]))
    assert np.array_equal(reference_mask(labels, points(**ARM), "lower"), box(190, 309, 140, 259))


@pytest.mark.parametrize(("label", "side"), [(14, "l"), (15, "r")])
def test_what_is_arm_beyond_the_drawn_arm_is_hand_and_stays(label: int, side: str) -> None:
    joints = {f"{side}_{name[2:]}": at for name, at in ARM.items()}
    labels = scene((label, np.s_[150:320], np.s_[190:210]))
    mask = reference_mask(labels, points(**joints), "upper")
    assert mask[272, 200] == 255
    assert mask[273:, 190:210].max() == 0
    assert mask[280, 180] == 255


def test_the_other_arm_is_no_hand_of_this_one() -> None:
    labels = scene((15, np.s_[150:320], np.s_[190:210]))
    assert reference_mask(labels, points(**ARM), "upper")[310, 200] == 255


def test_without_a_wrist_the_parsed_arm_counts_and_no_hand() -> None:
    labels = scene((14, np.s_[150:320], np.s_[190:210]))
    joints = points(l_shoulder=(200, 100), l_elbow=(200, 200), l_wrist=(1, 1))
    assert np.array_equal(reference_mask(labels, joints, "upper"), box(142, 327, 182, 217))


def test_a_missing_elbow_does_not_draw_to_the_corner() -> None:
    joints = points(l_shoulder=(200, 100), l_wrist=(200, 260))
    mask = reference_mask(scene(), joints, "upper")
    assert mask[:, :162].max() == 0
    column = np.flatnonzero(mask[:, 200])
    assert (column[0], column[-1]) == (62, 268)  # not extended: from what?


def test_a_missing_shoulder_leaves_the_forearm() -> None:
    joints = points(l_elbow=(200, 200), l_wrist=(200, 260))
    column = np.flatnonzero(reference_mask(scene(), joints, "upper")[:, 200])
    assert (column[0], column[-1]) == (162, 280)


def test_a_wrist_alone_gives_the_parsed_arm() -> None:
    labels = scene((14, np.s_[150:320], np.s_[190:210]))
    mask = reference_mask(labels, points(l_wrist=(200, 260)), "upper")
    assert np.array_equal(mask, box(142, 327, 182, 217))


def test_a_wrist_extended_beyond_the_picture_does_not_come_back_on_the_other_side() -> None:
    joints = points(l_shoulder=(60, 100), l_elbow=(40, 200), l_wrist=(3, 200))
    mask = reference_mask(scene(), joints, "upper")
    assert mask[200, 1] == 255
    assert mask[:, 110:].max() == 0


def test_holes_are_filled_whatever_is_in_them() -> None:
    labels = scene(
        (4, np.s_[100:300], np.s_[100:300]),
        (16, np.s_[150:250], np.s_[150:250]),
    )
    assert np.array_equal(reference_mask(labels, NOWHERE, "upper"), box(90, 309, 90, 309))


def test_only_the_largest_region_counts() -> None:
    labels = scene((4, np.s_[100:200], np.s_[50:130]), (4, np.s_[100:200], np.s_[250:300]))
    assert np.array_equal(reference_mask(labels, NOWHERE, "upper"), box(90, 209, 40, 139))


def test_the_border_is_cleared() -> None:
    labels = scene((4, np.s_[300:], np.s_[:]))
    assert np.array_equal(reference_mask(labels, NOWHERE, "upper"), box(290, 510, 1, 382))


def test_nothing_to_repaint() -> None:
    assert reference_mask(scene(), NOWHERE, "upper").max() == 0


@pytest.mark.parametrize(
    ("labels", "found", "category", "named"),
    [
        (np.zeros((384, 512), np.uint8), NOWHERE, "upper", "384x512"),
        (np.zeros((512, 384), np.int64), NOWHERE, "upper", "int64"),
        (scene(), NOWHERE[:17], "upper", r"\(17, 2\)"),
        (scene(), NOWHERE, "hat", "'hat'"),
    ],
)
def test_other_inputs_are_refused(
    labels: Labels, found: NDArray[np.float32], category: str, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        reference_mask(labels, found, category)


def posed() -> Person:
    """The mannequin with elbows and wrists."""
    person = mannequin()
    person.pose.points[[13, 14]] = (117, 100), (43, 100)
    person.pose.points[[15, 16]] = (117, 140), (43, 140)
    return person


@pytest.mark.parametrize(("category", "width"), [("upper", 60), ("dress", 45)])
def test_arms_are_as_wide_as_the_checkpoint_of_the_category_knows_them(category: str, width: int) -> None:
    person = posed()
    frame = fit_region(person.matte.alpha > 0.5, person.frame, (160, 200), (384, 512))
    row = agnostic_mask(person, category, "reference").alpha[120]
    expected = 43 + 0.5 - (width / 2 + 8) / frame.scale  # the bone, half the arm, four dilations by 2
    assert np.flatnonzero(row)[0] == pytest.approx(expected, abs=1.0)


def test_joints_that_are_not_seen_do_not_count() -> None:
    person = posed()
    person.pose.visibility[[15, 16]] = 0.15  # as sure as OpenPose must be
    seen = agnostic_mask(person, "upper", "reference").alpha[120]
    person.pose.visibility[[15, 16]] = 0.05
    unseen = agnostic_mask(person, "upper", "reference").alpha[120]
    assert np.flatnonzero(seen)[0] < np.flatnonzero(unseen)[0] < 38  # the parsed arm, grown


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_person_is_masked_in_their_own_frame(category: str) -> None:
    person = posed()
    mask = agnostic_mask(person, category, "reference")
    assert mask.frame == person.frame
    assert mask.alpha.shape == person.parsing.labels.shape
    assert set(np.unique(mask.alpha)) == {0.0, 1.0}
    old = {"upper": ["upper"], "lower": ["lower"], "dress": ["upper", "lower"]}[category]
    inner = person.parsing.region(*old)[:-2]  # the reference clears the last row of its 384x512 picture
    assert mask.alpha[:-2][inner].mean() > 0.99
    assert mask.alpha[person.parsing.region("face", "shoes")].max() == 0.0


def test_the_frame_does_not_move_the_mask() -> None:
    """The same photo looked at through a larger frame gives the same mask there."""
    person = posed()
    wide = Frame(x0=-30, y0=-10, scale=2.0, width=2 * 220, height=2 * 220)
    stretched = np.pad(person.parsing.labels, ((10, 10), (30, 30))).repeat(2, 0).repeat(2, 1)
    moved = dataclasses.replace(
        person,
        frame=wide,
        image=frame_image(person.photo.rgb, wide),
        pose=dataclasses.replace(
            person.pose, frame=wide, points=((person.pose.points + (30, 10)) * 2).astype(np.float32)
        ),
        matte=dataclasses.replace(person.matte, frame=wide, alpha=(stretched > 0).astype(np.float32)),
        parsing=dataclasses.replace(
            person.parsing,
            frame=wide,
            labels=stretched,
            soft=np.eye(person.parsing.soft.shape[2], dtype=np.float16)[stretched],
        ),
    )
    near = agnostic_mask(person, "upper", "reference").alpha
    far = agnostic_mask(moved, "upper", "reference").alpha[20:420:2, 60:380:2]
    assert np.abs(near - far).mean() < 0.01


def test_artefacts_of_better_models_replace_the_own_ones() -> None:
    person = posed()
    own = agnostic_mask(person, "upper", "reference")
    atr = convert_labels(person.parsing, "atr18", person.pose)
    coco = convert_pose(person.pose, "coco18")
    same = agnostic_mask(person, "upper", "reference", labels=atr, pose18=coco)
    assert np.array_equal(own.alpha, same.alpha)
    nothing = dataclasses.replace(atr, labels=np.zeros_like(atr.labels))
    arms_only = agnostic_mask(person, "upper", "reference", labels=nothing, pose18=coco)
    assert arms_only.alpha.sum() < own.alpha.sum()
    unseen = dataclasses.replace(coco, visibility=np.zeros(18, np.float32))
    empty = agnostic_mask(person, "upper", "reference", labels=nothing, pose18=unseen)
    assert empty.alpha.max() == 0.0


def test_other_conventions_are_named() -> None:
    person = mannequin()
    wrong = LabelMap(
        tag="lip20",
        frame=person.frame,
        labels=person.parsing.labels,
        soft=person.parsing.soft,
        confidence={},
    )
    with pytest.raises(ValueError, match="lip20"):
        agnostic_mask(person, "upper", "reference", labels=wrong)


def test_label_numbers_are_those_of_the_description() -> None:
    assert [ATR_LABELS.index(name) for name in ("upper_clothes", "dress", "head", "neck")] == [4, 7, 11, 18]
