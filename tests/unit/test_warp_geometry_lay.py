"""Laying a garment onto a body, on a drawn person and a drawn shirt."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from inference.engines.warp.body import measure
from inference.engines.warp.fit import fit_garment
from inference.engines.warp.lay import lay
from inference.engines.warp.silhouette import Silhouette
from inference.engines.warp.torso import torso_map
from inference.engines.warp.types import PrintStretch, WarpedGarment
from preprocess.types import (
    BASIC_LABELS,
    Collar,
    FaceRegion,
    Frame,
    Garment,
    GarmentLandmarks,
    LabelMap,
    Mask,
    Person,
    Photo,
    Pose,
    Sides,
    Sleeve,
)

WIDTH, HEIGHT = 300, 400
JOINTS = {
    0: (150, 70), 9: (154, 82), 10: (146, 82), 11: (192, 130), 12: (108, 130), 13: (204, 200), 14: (96, 200),
    15: (208, 262), 16: (92, 262), 17: (212, 276), 18: (88, 276), 19: (206, 278), 20: (94, 278),
    23: (174, 262), 24: (126, 262), 25: (174, 370), 26: (126, 370),
}  # fmt: skip


def _person(joints: dict[int, tuple[float, float]] = JOINTS, waist: float = 1.0) -> Person:
    points = np.zeros((33, 2), np.float32)
    for number, place in joints.items():
        points[number] = place
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)

    def draw(name: str, corners: list[tuple[float, float]]) -> None:
        cv2.fillPoly(labels, [np.array(corners, np.int32)], BASIC_LABELS.index(name))

    def limb(name: str, start: int, end: int, width: int) -> None:
        ends = [tuple(int(v) for v in points[k]) for k in (start, end)]
        cv2.line(labels, ends[0], ends[1], BASIC_LABELS.index(name), width)

    draw("lower", [(112, 255), (188, 255), (190, 399), (110, 399)])
    draw("neck", [(136, 88), (164, 88), (166, 122), (134, 122)])
    draw(
        "upper",
        [(132, 112), (168, 112), (206, 124), (190, 200), (190, 260), (110, 260), (110, 200), (94, 124)],
    )
    for arm, (shoulder, elbow, wrist, finger) in (
        ("left_arm", (11, 13, 15, 19)),
        ("right_arm", (12, 14, 16, 20)),
    ):
        limb("upper", shoulder, elbow, 24)
        limb(arm, elbow, wrist, 18)
        limb("hands", wrist, finger, 14)
    cv2.ellipse(labels, (150, 68), (20, 27), 0, 0, 360, BASIC_LABELS.index("face"), -1)
    soft = np.stack([(labels == k) for k in range(len(BASIC_LABELS))], axis=-1).astype(np.float16)
    frame = Frame.whole(WIDTH, HEIGHT)
    image = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    return Person(
        photo=Photo(rgb=image, sha256="0" * 64, format="PNG"),
        frame=frame,
        image=image,
        pose=Pose(
            tag="blaze33",
            frame=frame,
            points=points,
            visibility=np.ones(33, np.float32),
            depth=np.zeros(33, np.float32),
            score=1.0,
        ),
        face=FaceRegion(
            frame=frame,
            centre=(150, 68),
            half_width=20,
            half_height=27,
            down=(0, 1),
            chin=(150, 94),
            visible=True,
        ),
        matte=Mask(tag="matte", frame=frame, alpha=(labels > 0).astype(np.float32)),
        parsing=LabelMap(tag="basic", frame=frame, labels=labels, soft=soft, confidence={}),
        waist=waist,
        waist_confidence=1.0,
    )


def _shirt(sleeve_length: str = "short") -> Garment:
    """A white shirt with a red square print; its sleeves are set on at 45 degrees."""
    width, height, reach = 440, 400, 60 if sleeve_length == "short" else 150
    slope = np.array([0.55, 0.83]) * reach
    outer, inner = np.array([315.0, 66.0]), np.array([300.0, 150.0])
    cuff = (outer + slope * 1.35, inner + slope * 0.8)

    def mirrored(point: np.ndarray) -> np.ndarray:
        return np.array([width, 0.0]) + point * (-1.0, 1.0)

    mask = np.zeros((height, width), np.uint8)
    body = [(180, 50), (260, 50), (315, 66), (300, 150), (300, 340), (140, 340), (140, 150), (125, 66)]
    cv2.fillPoly(mask, [np.array(body, np.int32)], 255)
    regions = []
    for place in (np.asarray, mirrored):
        region = np.zeros_like(mask)
        corners = np.array([place(p) for p in (outer, cuff[0], cuff[1], inner)])
        cv2.fillPoly(region, [np.round(corners).astype(np.int32)], 255)
        regions.append(region)
        if sleeve_length != "sleeveless":
            mask = np.maximum(mask, region)
    image = np.full((height, width, 3), 240, np.uint8)
    image[180:230, 195:245] = (200, 20, 20)
    opening = np.zeros_like(mask)
    x = np.linspace(180, 260, 41)
    front = np.stack([x, 50 + 26 * np.sqrt(np.clip(1 - ((x - 220) / 40) ** 2, 0, 1))], axis=-1)
    cv2.fillPoly(opening, [np.round(front).astype(np.int32)], 255)

    def sleeve(place: object, region: np.ndarray) -> Sleeve:
        assert callable(place)
        return Sleeve(
            outer=np.array([place(outer), place(cuff[0])], np.float32),
            inner=np.array([place(inner), place(cuff[1])], np.float32),
            region=(region / 255).astype(np.float32),
            overlaps_torso=False,
        )

    sleeves = Sides(left=sleeve(mirrored, regions[1]), right=sleeve(np.asarray, regions[0]))
    heights = np.linspace(150, 340, 6, dtype=np.float32)
    marks = GarmentLandmarks(
        centre_x=220,
        neck=Sides(left=(180, 50), right=(260, 50)),
        shoulder=Sides(left=(125, 66), right=(315, 66)),
        armpit=Sides(left=(140, 150), right=(300, 150)),
        hem=Sides(left=(140, 340), right=(300, 340)),
        sides=np.stack([heights, np.full_like(heights, 140), np.full_like(heights, 300)], axis=-1),
        sleeves=None if sleeve_length == "sleeveless" else sleeves,
        confidence=1.0,
    )
    return Garment(
        photo=Photo(rgb=image, sha256="1" * 64, format="PNG"),
        frame=Frame.whole(width, height),
        image=image,
        alpha=(mask / 255).astype(np.float32),
        category="upper",
        kind="flat",
        sleeve_length=sleeve_length,  # type: ignore[arg-type]
        landmarks=marks,
        collar=Collar(
            kind="crew",
            front=front.astype(np.float32),
            opening=(opening / 255).astype(np.float32),
            confidence=1.0,
        ),
        cutout_confidence=1.0,
    )


def _laid(person: Person, garment: Garment) -> WarpedGarment:
    return lay(garment, person, measure(person))


def _coverage(warped: WarpedGarment) -> np.ndarray:
    layers = [warped.alpha]
    if warped.sleeves is not None:
        layers += [warped.sleeves.left.alpha, warped.sleeves.right.alpha]
    return np.max(layers, axis=0)


def _moved(changes: dict[int, tuple[float, float]]) -> Person:
    return _person({**JOINTS, **changes})


POSES = {
    "arms down": {},
    "arms out": {13: (250, 150), 15: (290, 170), 19: (299, 172), 14: (50, 150), 16: (10, 170), 20: (1, 172)},
    "hands on hips": {
        13: (250, 190),
        15: (200, 245),
        19: (190, 250),
        14: (50, 190),
        16: (100, 245),
        20: (110, 250),
    },
    "crossed arms": {
        13: (206, 195),
        15: (120, 190),
        19: (108, 188),
        14: (94, 195),
        16: (180, 200),
        20: (192, 202),
    },
    "arm at the camera": {13: (196, 140), 15: (198, 146), 17: (199, 149), 19: (199, 149)},
    "arm out of frame": {13: (320, 140), 15: (380, 130), 17: (392, 130), 19: (394, 130)},
    "arms up": {13: (215, 70), 15: (215, 10), 19: (215, -6), 14: (85, 70), 16: (85, 10), 20: (85, -6)},
    "sitting": {25: (190, 280), 26: (110, 280)},
}


@pytest.mark.parametrize("length", ["sleeveless", "short", "long"])
@pytest.mark.parametrize("pose", POSES)
def test_layers_are_sound_in_every_pose(pose: str, length: str) -> None:
    warped = _laid(_moved(POSES[pose]), _shirt(length))
    layers = [(warped.rgb, warped.alpha)]
    if warped.sleeves is not None:
        layers += [(layer.rgb, layer.alpha) for layer in (warped.sleeves.left, warped.sleeves.right)]
    for rgb, alpha in layers:
        assert rgb.shape == (HEIGHT, WIDTH, 3)
        assert rgb.dtype == alpha.dtype == np.float32
        assert np.isfinite(rgb).all()
        assert alpha.min() >= 0
        assert alpha.max() <= 1 + 1e-6
    assert (warped.sleeves is None) == (length == "sleeveless")
    assert np.isfinite(warped.neckline).all()
    assert 0 <= warped.measured <= 1
    assert 1 <= warped.stretch < 3


def test_torso_does_not_fold() -> None:
    person, garment = _person(), _shirt()
    body = measure(person)
    assert garment.landmarks is not None
    fit = fit_garment(garment.landmarks, person, body, Silhouette.of(person))
    spline = torso_map(garment, garment.landmarks, fit, body, Silhouette.of(person))
    y, x = np.nonzero(_laid(person, garment).alpha > 0.5)
    jacobian = spline.jacobian(np.stack([x, y], axis=-1)[::7] + 0.5)
    assert (np.linalg.det(jacobian) > 0).all()


def test_print_keeps_its_place_shape_and_side() -> None:
    garment = _shirt()
    garment.image[180:230, 195:207] = (20, 20, 200)  # a blue edge on the left of the red print
    warped = _laid(_person(), garment)
    rgb = warped.rgb.astype(int)
    red = (rgb[..., 0] > 150) & (rgb[..., 1] < 90) & (warped.alpha > 0.9)
    blue = (rgb[..., 2] > 150) & (rgb[..., 1] < 90) & (warped.alpha > 0.9)
    y, x = np.nonzero(red | blue)
    assert abs(x.mean() - 150) < 3
    assert np.ptp(x) / np.ptp(y) == pytest.approx(1.0, abs=0.12)
    assert np.nonzero(blue)[1].mean() < np.nonzero(red)[1].mean()
    assert warped.stretch < 1.2
    assert 1 < warped.print_stretch.whole < 1.12
    assert 1 < warped.print_stretch.local < 1.12


def test_plain_cloth_has_no_print_to_stretch() -> None:
    garment = _shirt()
    garment.image[:] = 240
    assert _laid(_person(), garment).print_stretch == PrintStretch(whole=1.0, local=1.0)


@pytest.mark.parametrize("tilt", [-14, 14])
def test_a_print_keeps_its_shape_below_sloping_shoulders(tilt: int) -> None:
    """The collar is drawn to one side, the print below it once was, too."""
    joints = {**JOINTS, 11: (192, 130 + tilt), 12: (108, 130 - tilt)}
    garment = _shirt()
    garment.image[110:140, 200:240] = (20, 20, 200)
    stretch = _laid(_person(joints), garment).print_stretch
    assert stretch.whole < 1.12
    assert stretch.local < 1.15


def test_mirrored_inputs_give_the_mirrored_result() -> None:
    person = _moved({13: (240, 170), 15: (262, 120), 19: (266, 106)})
    flipped = {11: 12, 12: 11, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 19: 20, 20: 19}
    flipped |= {23: 24, 24: 23, 25: 26, 26: 25, 9: 10, 10: 9}
    joints = {flipped.get(k, k): (WIDTH - float(x), float(y)) for k, (x, y) in enumerate(person.pose.points)}
    mirrored = _person({k: v for k, v in joints.items() if k in JOINTS})
    swap = [BASIC_LABELS.index(name) for name in ("right_arm", "left_arm")]
    soft = person.parsing.soft[:, ::-1].copy()
    soft[..., [4, 5]] = soft[..., swap]
    labels = soft.argmax(axis=-1).astype(np.uint8)
    mirrored = replace(
        mirrored,
        parsing=replace(mirrored.parsing, soft=soft, labels=labels),
        matte=replace(mirrored.matte, alpha=person.matte.alpha[:, ::-1].copy()),
    )
    here, there = _laid(person, _shirt()), _laid(mirrored, _shirt())
    assert np.abs(here.alpha - there.alpha[:, ::-1]).mean() < 0.004
    assert here.sleeves is not None
    assert there.sleeves is not None
    assert np.abs(here.sleeves.left.alpha - there.sleeves.right.alpha[:, ::-1]).mean() < 0.004
    assert here.sleeves.left.reach == pytest.approx(there.sleeves.right.reach, abs=0.02)


def test_neckline_lies_between_the_shoulders_and_is_open() -> None:
    person = _person()
    body = measure(person)
    warped = lay(_shirt(), person, body)
    assert (np.diff(warped.neckline[:, 0]) > 0).all()
    assert body.acromion.left[0] < warped.neckline[0, 0] < warped.neckline[-1, 0] < body.acromion.right[0]
    lowest = warped.neckline[np.argmax(warped.neckline[:, 1])]
    assert warped.opening[int(lowest[1]) - 3, int(lowest[0])] > 0.9
    assert (warped.alpha * (warped.opening > 0.99)).max() < 0.02


@pytest.mark.parametrize("length", ["short", "long"])
def test_no_slit_at_the_armpit(length: str) -> None:
    person = _person()
    body = measure(person)
    garment = _shirt(length)
    warped = lay(garment, person, body)
    assert garment.landmarks is not None
    fit = fit_garment(garment.landmarks, person, body, Silhouette.of(person))
    covered = _coverage(warped) > 0.5
    for start, end in ((fit.shoulder.left, fit.armpit.left), (fit.shoulder.right, fit.armpit.right)):
        for share in np.linspace(0.3, 0.95, 30):
            x, y = (start + (end - start) * share).astype(int)
            assert covered[y - 1 : y + 2, x - 3 : x + 4].all()


def test_sleeves_end_where_they_should() -> None:
    short, long = _laid(_person(), _shirt("short")).sleeves, _laid(_person(), _shirt("long")).sleeves
    assert short is not None
    assert long is not None
    assert 0.15 < short.left.reach < 0.5
    assert long.left.reach == pytest.approx(1.0)
    assert long.left.alpha[255:262, 80:104].max() > 0.9  # at the wrist
    assert long.left.alpha[285:].max() < 0.1  # the hand stays free


def test_bottoms_that_begin_high_go_over_the_hem() -> None:
    assert _laid(_person(waist=0.8), _shirt()).tucked
    assert not _laid(_person(waist=1.0), _shirt()).tucked


def test_garment_without_landmarks_is_still_laid() -> None:
    garment = _shirt("sleeveless")
    bare = replace(garment, landmarks=None, collar=None)
    with_marks, without = _laid(_person(), garment), _laid(_person(), bare)
    assert without.measured < with_marks.measured
    assert without.alpha.sum() > 5000
    empty = replace(bare, alpha=np.zeros_like(bare.alpha))
    with pytest.raises(ValueError, match="matte is empty"):
        _laid(_person(), empty)


def test_collapsed_landmarks_do_not_crash() -> None:
    garment = _shirt()
    assert garment.landmarks is not None
    point = (220.0, 60.0)
    both = Sides(left=point, right=point)
    marks = replace(garment.landmarks, neck=both, shoulder=both, armpit=both, hem=both)
    warped = _laid(_person(), replace(garment, landmarks=marks))
    assert np.isfinite(warped.rgb).all()


def test_other_pose_conventions_are_refused() -> None:
    person = _person()
    with pytest.raises(ValueError, match="blaze33"):
        measure(replace(person, pose=replace(person.pose, tag="coco18")))
