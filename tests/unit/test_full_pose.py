"""DWPose and OpenPose: spots and drawn fields must come back as the points of the right person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'cabine[full]'")
pytest.importorskip("onnx", reason="onnx, which writes the tiny networks, is not installed: make setup")

from preprocess.models import ModelsError
from preprocess.pose import convert
from preprocess.providers.full.affinity import LIMBS, Peak, links, people_of
from preprocess.providers.full.body import body_box
from preprocess.providers.full.openpose import OpenPose, network_input, peaks
from preprocess.providers.full.wholebody import WholeBody, as_openpose, batch, decode, input_transform
from preprocess.types import Frame, Mask, Person, Points
from tests.figure import figure
from tests.full_networks import constants_of, whole_body


def person_of(width: int, height: int, box: tuple[int, int, int, int]) -> Person:
    """Somebody whose matte fills a box of a black picture; their own landmarks are not visible."""
    frame = Frame.whole(width, height)
    matte = np.zeros((height, width), np.float32)
    matte[box[1] : box[3], box[0] : box[2]] = 1.0
    person = figure()
    pose = replace(person.pose, frame=frame, visibility=np.zeros(33, np.float32))
    return replace(
        person,
        frame=frame,
        image=np.zeros((height, width, 3), np.uint8),
        pose=pose,
        matte=Mask(tag="matte", frame=frame, alpha=matte),
    )


def spot(person: Person, x: float, y: float, channel: int) -> None:
    """Into the person's picture: a small bright disc, brightest in its middle."""
    rows, columns = np.mgrid[: person.frame.height, : person.frame.width] + 0.5
    heat = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 4.0**2))
    person.image[..., channel] = np.maximum(person.image[..., channel], heat.round().astype(np.uint8))


@pytest.fixture(scope="module")
def dwpose(tmp_path_factory: pytest.TempPathFactory) -> WholeBody:
    return WholeBody.open(whole_body(tmp_path_factory.mktemp("dwpose") / "pose.onnx"), 1)


@pytest.mark.parametrize("seed", range(8))
def test_points_come_back_within_a_pixel_of_the_network(dwpose: WholeBody, seed: int) -> None:
    random = np.random.default_rng(seed)
    width, height = (int(value) for value in random.integers(120, 900, 2))
    x0, y0 = int(0.25 * width), int(0.2 * height)
    x1, y1 = int(random.uniform(0.5, 0.9) * width), int(random.uniform(0.5, 0.95) * height)
    person = person_of(width, height, (x0, y0, x1, y1))
    places = np.column_stack([random.uniform(x0, x1, 3), random.uniform(y0, y1, 3)])
    for channel, (x, y) in enumerate(places):
        spot(person, x, y, channel)
    pose = dwpose(person)
    assert pose.tag == "coco18"
    assert pose.frame == person.frame
    pixel = 1 / input_transform(body_box(person))[0, 0]
    by_channel = {0: 0, 2: 6, 3: 8, 4: 10, 6: 7, 7: 9, 14: 2, 15: 1}  # OpenPose's number: COCO's
    for joint, coco in by_channel.items():
        assert np.abs(pose.points[joint] - places[coco % 3]).max() <= max(1.0, pixel)
        assert pose.visibility[joint] > 0.5


def test_somebody_else_in_the_picture_is_not_looked_at(dwpose: WholeBody) -> None:
    person = person_of(800, 400, (40, 60, 200, 360))
    for channel in range(3):
        spot(person, 120, 200, channel)
        spot(person, 700, 200, channel)
        person.image[198:203, 698:703] = 255  # brighter than ours
    pose = dwpose(person)
    assert np.abs(pose.points[pose.visibility > 0] - (120, 200)).max() <= 1.5


def test_points_that_are_not_there_are_unknown(dwpose: WholeBody) -> None:
    person = person_of(300, 400, (40, 60, 200, 360))
    spot(person, 100, 150, 0)  # only points of channel 0: nose, right shoulder, right ankle...
    pose = dwpose(person)
    assert pose.visibility[0] > 0.5
    assert pose.visibility[2] > 0.5
    for joint in (1, 5, 14, 16):  # the neck needs both shoulders
        assert pose.visibility[joint] == 0
        assert pose.points[joint].tolist() == [0, 0]


def test_cocos_points_are_openposes_and_the_neck_is_between_the_shoulders() -> None:
    points = np.column_stack([np.arange(133), 1000 + np.arange(133)]).astype(np.float32)
    sure = np.linspace(1, 0.1, 133).astype(np.float32)
    body, confidence = as_openpose(points, sure)
    assert body[:, 0].tolist() == [0, 5.5, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]
    assert confidence[1] == min(sure[5], sure[6])


def test_left_and_right_are_those_of_the_embedded_pose() -> None:
    """The same body as COCO's 17 points and through the embedded landmarks: every joint in the same place."""
    pose = figure().pose
    coco = [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
    points = np.zeros((133, 2), np.float32)
    points[:17] = pose.points[coco]
    body, _ = as_openpose(points, np.ones(133, np.float32))
    assert np.abs(body - convert(pose, "coco18").points).max() < 1e-4


def test_the_input_is_rgb_with_imagenets_mean_and_deviation() -> None:
    rgb = np.zeros((384, 288, 3), np.uint8)
    rgb[...] = (255, 51, 0)
    tensor = batch(rgb, np.array([[1.0, 0, 0], [0, 1.0, 0]]))
    assert tensor.shape == (1, 3, 384, 288)
    expected = [(255 - 123.675) / 58.395, (51 - 116.28) / 57.12, -103.53 / 57.375]
    assert tensor[0, :, 100, 100].tolist() == pytest.approx(expected, abs=1e-5)


def test_a_bin_is_half_a_pixel_and_the_worse_axis_counts() -> None:
    x, y = np.zeros((133, 576), np.float32), np.zeros((133, 768), np.float32)
    x[:, 101], y[:, 300] = 0.9, 0.4
    points, sure = decode(x, y)
    assert points[0].tolist() == [50.5, 150.0]
    assert sure[0] == pytest.approx(0.4)


# OpenPose

BODY: Points = convert(figure().pose, "coco18").points
WIDTH, HEIGHT = 400, 288


def maps(bodies: list[Points], width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """What OpenPose would give for these bodies, on the grid of its output."""
    batch, (rows, _) = network_input(np.zeros((height, width, 3), np.uint8))
    h, w = batch.shape[2] // 8, batch.shape[3] // 8
    scale = rows / height / 8
    y, x = np.mgrid[:h, :w] + 0.5
    heat, fields = np.zeros((1, 19, h, w)), np.zeros((1, 38, h, w))
    for body in bodies:
        for joint, point in enumerate(body * scale):
            blob = np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / (2 * 0.8**2))
            heat[0, joint] = np.maximum(heat[0, joint], blob)
        for start, end, channel in LIMBS:
            a, b = body[start] * scale, body[end] * scale
            line = np.zeros((h, w), np.uint8)
            cv2.line(line, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), 1, 2)
            unit = (b - a) / max(float(np.hypot(*(b - a))), 1e-6)
            fields[0, channel : channel + 2, line > 0] = unit
    return heat, fields


def two_people() -> tuple[Person, Points, Points]:
    """Ours on the right, somebody taller-scoring on the left, wide enough apart to be told."""
    ours, other = BODY + (230, 0), BODY + (20, 0)
    person = person_of(WIDTH, HEIGHT, (int(ours[:, 0].min()), 20, int(ours[:, 0].max()), 260))
    return person, ours.astype(np.float32), other.astype(np.float32)


def test_openpose_joins_the_points_of_our_person(tmp_path: Path) -> None:
    person, ours, other = two_people()
    heat, fields = maps([other, ours], WIDTH, HEIGHT)
    heat[0, 10, :, heat.shape[3] // 2 :] = 0  # our right ankle is hidden: the other one has more points
    network = OpenPose.open(constants_of(tmp_path / "o.onnx", {"paf": fields, "heat": heat}), 1)
    pose = network(person)
    seen = pose.visibility > 0
    assert np.flatnonzero(~seen[:14]).tolist() == [10]
    assert np.abs(pose.points[seen] - ours[seen]).max() < 6  # half a cell of the output: 6.3 pixels


def test_openpose_outputs_may_come_in_any_order(tmp_path: Path) -> None:
    person, ours, _ = two_people()
    heat, fields = maps([ours], WIDTH, HEIGHT)
    network = OpenPose.open(constants_of(tmp_path / "o.onnx", {"heat": heat, "paf": fields}), 1)
    assert (network(person).visibility[:14] > 0).all()


def test_openpose_that_finds_nobody_knows_no_point(tmp_path: Path) -> None:
    person, ours, _ = two_people()
    heat, fields = maps([ours], WIDTH, HEIGHT)
    network = OpenPose.open(constants_of(tmp_path / "o.onnx", {"paf": fields, "heat": 0 * heat}), 1)
    pose = network(person)
    assert not pose.visibility.any()
    assert pose.score == 0


def test_another_network_is_named(tmp_path: Path) -> None:
    wrong = constants_of(
        tmp_path / "w.onnx", {"a": np.zeros((1, 17, 23, 32)), "b": np.zeros((1, 38, 23, 32))}
    )
    with pytest.raises(ModelsError, match="gave \\[17, 38\\] channels, expected 19 and 38"):
        OpenPose.open(wrong, 1)(two_people()[0])


def test_openpose_sees_bgr_around_zero_padded_with_grey_to_whole_cells() -> None:
    rgb = np.zeros((368, 250, 3), np.uint8)
    rgb[..., 0] = 255
    batch, (rows, columns) = network_input(rgb)
    assert batch.shape == (1, 3, 184, 128)
    assert (rows, columns) == (184, 125)
    assert batch[0, :, 0, 0].tolist() == pytest.approx([-0.5, -0.5, 255 / 256 - 0.5])
    assert (batch[0, :, :, 125:] == 0).all()


def test_a_field_decides_between_two_candidates() -> None:
    field = np.zeros((2, 64, 64), np.float32)
    field[1, 10:50, 20] = 1.0  # downwards, at x = 20
    start = [Peak(x=20, y=10, heat=1.0)]
    ends = [Peak(x=50, y=30, heat=1.0), Peak(x=20, y=40, heat=0.3)]
    (link,) = links(start, ends, field)
    assert link.end == 1
    assert not links(ends[1:], start, field)  # against the field


def test_limbs_and_channels_are_those_of_the_published_model() -> None:
    """OpenPose's own tables: joints counted from 1, channels among 57 planes, heat (19) first."""
    joints = "2-3 2-6 3-4 4-5 6-7 7-8 2-9 9-10 10-11 2-12 12-13 13-14 2-1 1-15 15-17 1-16 16-18 3-17 6-18"
    planes = "31 39 33 35 41 43 19 21 23 25 27 29 47 49 53 51 55 37 45"
    pairs = [tuple(int(value) - 1 for value in pair.split("-")) for pair in joints.split()]
    channels = [int(value) - 19 for value in planes.split()]
    assert [(*pair, channel) for pair, channel in zip(pairs, channels, strict=True)] == list(LIMBS)


def test_a_limb_longer_than_half_the_picture_needs_a_strong_field() -> None:
    far = [Peak(x=5, y=2, heat=1.0)], [Peak(x=5, y=62, heat=1.0)]
    field = np.zeros((2, 64, 64), np.float32)
    field[1] = 0.3
    assert not links(*far, field)
    field[1] = 0.6
    assert links(*far, field)[0].score == pytest.approx(0.6 + 0.5 * 64 / 60 - 1, abs=1e-6)


def test_a_few_points_are_nobody() -> None:
    fields = np.zeros((38, 64, 64), np.float32)
    fields[12:16] = 1.0
    found: list[list[Peak]] = [[] for _ in range(18)]
    for joint, at in ((1, 10), (2, 20), (3, 30)):
        found[joint] = [Peak(x=at, y=at, heat=1.0)]
    assert people_of(found, fields) == []


def test_a_peak_is_above_its_neighbours_and_the_threshold() -> None:
    heat = np.zeros((60, 80), np.float32)
    heat[20:27, 30:37] = 1.0
    heat[50, 60] = 0.5  # smoothing leaves .009
    (peak,) = peaks(heat)
    assert (peak.x, peak.y, peak.heat) == (33, 23, 1.0)
