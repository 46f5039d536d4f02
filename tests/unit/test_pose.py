"""Conventions of body landmarks, the face region, and the embedded provider against rendered truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preprocess.decode import Limits, decode
from preprocess.pose import convert, face_region, facing_front, seen_from_behind
from preprocess.providers.embedded import EmbeddedProvider, detector
from preprocess.types import Frame, Person, Pose, Rgb

SAMPLES = ("p1_man__base", "p1_man__longsleeve_stripes", "p1_man__tshirt_print") + (
    *("p2_woman__base", "p3_woman__base", "p4_man__base"),
)
COCO18 = (
    *("nose", "neck", "r_shoulder", "r_elbow", "r_wrist", "l_shoulder", "l_elbow", "l_wrist", "r_hip"),
    *("r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "r_eye", "l_eye", "r_ear", "l_ear"),
)
BODY25 = (
    *COCO18[:8],
    *(
        "mid_hip",
        "r_hip",
        "r_knee",
        "r_ankle",
        "l_hip",
        "l_knee",
        "l_ankle",
        "r_eye",
        "l_eye",
        "r_ear",
        "l_ear",
    ),
    *("l_big_toe", "l_small_toe", "l_heel", "r_big_toe", "r_small_toe", "r_heel"),
)
BLAZE33 = (
    *("nose", "l_eye_in", "l_eye", "l_eye_out", "r_eye_in", "r_eye", "r_eye_out", "l_ear", "r_ear"),
    *("l_mouth", "r_mouth", "l_shoulder", "r_shoulder", "l_elbow", "r_elbow", "l_wrist", "r_wrist"),
    *("l_pinky", "r_pinky", "l_index", "r_index", "l_thumb", "r_thumb", "l_hip", "r_hip", "l_knee"),
    *("r_knee", "l_ankle", "r_ankle", "l_heel", "r_heel", "l_big_toe", "r_big_toe"),
)


def numbered_pose() -> Pose:
    """Landmark ``i`` lies at ``(i, 2 i)`` with visibility ``i / 40``."""
    index = np.arange(33, dtype=np.float32)
    return Pose(
        tag="blaze33",
        frame=Frame.whole(100, 100),
        points=np.stack([index, 2 * index], axis=1),
        visibility=index / 40,
        depth=-index,
        score=0.9,
    )


@pytest.mark.parametrize(("tag", "names"), [("coco18", COCO18), ("body25", BODY25)])
def test_adapters_take_every_joint_from_its_namesake(tag: str, names: tuple[str, ...]) -> None:
    pose = numbered_pose()
    converted = convert(pose, tag)
    assert converted.tag == tag
    assert converted.frame == pose.frame
    assert converted.points.shape == (len(names), 2)
    middles = {"neck": ("l_shoulder", "r_shoulder"), "mid_hip": ("l_hip", "r_hip")}
    for k, name in enumerate(names):
        if name.endswith("small_toe"):
            assert converted.visibility[k] == 0
            continue
        sources = [BLAZE33.index(part) for part in middles.get(name, (name,))]
        assert converted.points[k] == pytest.approx(pose.points[sources].mean(axis=0))
        assert converted.depth[k] == pytest.approx(pose.depth[sources].mean())
        assert converted.visibility[k] == pytest.approx(pose.visibility[sources].min())


@pytest.mark.parametrize(
    ("source", "target"),
    [("coco18", "body25"), ("body25", "coco18"), ("coco18", "blaze33"), ("blaze33", "mpii16")],
)
def test_unknown_pairs_fail_loudly(source: str, target: str) -> None:
    with pytest.raises(ValueError, match=f"{source}.*{target}"):
        convert(replace(numbered_pose(), tag=source), target)


def test_same_convention_is_the_same_object() -> None:
    pose = numbered_pose()
    assert convert(pose, "blaze33") is pose


def test_face_region_needs_blaze33() -> None:
    with pytest.raises(ValueError, match="coco18"):
        face_region(replace(numbered_pose(), tag="coco18"))


@pytest.mark.parametrize("name", SAMPLES)
def test_face_region_covers_the_face(name: str, people: Callable[[str], Person], samples: Path) -> None:
    """Against the rendered part map, in which ears and neck side belong to the head."""
    face = people(name).face
    assert face.visible
    parts = np.asarray(Image.open(samples / "truth" / f"{name}.parts.png"))
    y, x = np.mgrid[0 : parts.shape[0], 0 : parts.shape[1]] + 0.5
    dx, dy = x - face.centre[0], y - face.centre[1]
    along = dx * face.down[0] + dy * face.down[1]
    across = -dx * face.down[1] + dy * face.down[0]
    ellipse = (along / face.half_height) ** 2 + (across / face.half_width) ** 2 < 1
    head = parts == 2
    assert (ellipse & (head | (parts == 1))).sum() / ellipse.sum() > 0.9
    assert (ellipse & head).sum() / head.sum() > 0.6
    chin_row = np.nonzero(head.any(axis=1))[0].max()
    assert abs(face.chin[1] - chin_row) < 0.25 * 2 * face.half_height


def test_back_view_has_no_face(people: Callable[[str], Person]) -> None:
    pose = people("p1_man__base").pose
    assert not seen_from_behind(pose)
    mirror = np.array([[-1, 1]], np.float32)
    behind = replace(pose, points=pose.points * mirror + [[768, 0]], depth=-pose.depth)
    assert seen_from_behind(behind)
    assert not face_region(behind).visible


def test_without_a_head_the_front_is_assumed() -> None:
    behind = numbered_pose()  # the own left shoulder, 11, lies left of the right one, 12
    front = facing_front(behind)
    swapped = [name.replace("l_", "R_").replace("r_", "l_").replace("R_", "r_") for name in BLAZE33]
    order = [BLAZE33.index(name) for name in swapped]
    assert np.array_equal(front.points, behind.points[order])
    assert np.array_equal(front.visibility, behind.visibility[order])
    assert np.array_equal(front.depth, -behind.depth[order])
    assert facing_front(front) is front


def test_hidden_face_is_not_visible(people: Callable[[str], Person]) -> None:
    pose = people("p1_man__base").pose
    hidden = pose.visibility.copy()
    hidden[:11] = 0.1
    assert not face_region(replace(pose, visibility=hidden)).visible


def test_anchors_are_those_of_the_model() -> None:
    anchors = detector.anchor_centres()
    assert anchors.shape == (2254, 2)
    assert anchors[0] == pytest.approx([0.5 / 28, 0.5 / 28])
    assert anchors[2] == pytest.approx([1.5 / 28, 0.5 / 28])
    assert anchors[-1] == pytest.approx([6.5 / 7, 6.5 / 7])


# MediaPipe 0.10.21 itself has 10.7 to 22.6 px: the truth are joints of a rig, not those annotators mark.
@pytest.mark.parametrize("name", SAMPLES)
def test_joints_lie_where_the_truth_has_them(
    name: str, people: Callable[[str], Person], samples: Path
) -> None:
    pose = convert(people(name).pose, "coco18")
    truth = json.loads((samples / "truth" / f"{name}.joints.json").read_text())["keypoints"]
    reached = json.loads((samples / "truth" / "pose_check.json").read_text())[name]["mean_px"]
    seen = [k for k, joint in enumerate(truth) if joint["in_frame"]]
    error = np.hypot(*(pose.points[seen] - np.array([truth[k]["xy"] for k in seen])).T)
    assert error.mean() < reached + 4
    assert pose.visibility[seen].min() > 0.8
    outside = [k for k, joint in enumerate(truth) if not joint["in_frame"]]
    assert pose.visibility[outside].max(initial=0) < 0.5


@pytest.mark.parametrize("name", SAMPLES)
def test_segmentation_against_truth(name: str, provider: EmbeddedProvider, samples: Path) -> None:
    rgb = sample(samples, name)
    (detection,) = provider.find_people(rgb)
    found = provider.estimate(rgb, detection)
    assert found.segmentation.dtype == np.float32
    truth = np.asarray(Image.open(samples / "truth" / f"{name}.alpha.png")) > 127
    mask = found.segmentation > 0.5
    assert (mask & truth).sum() / (mask | truth).sum() > 0.945
    assert found.score > 0.9


def test_people_side_by_side_are_told_apart(provider: EmbeddedProvider, samples: Path) -> None:
    pair = np.hstack([sample(samples, "p4_man__base"), sample(samples, "p2_woman__base")])
    hips = sorted(detection.hip[0] for detection in provider.find_people(pair))
    assert len(hips) == 2
    assert 200 < hips[0] < 600
    assert 900 < hips[1] < 1400
    left = min(provider.find_people(pair), key=lambda detection: detection.hip[0])
    segmentation = provider.estimate(pair, left).segmentation
    assert segmentation[:, 850:].max() < 0.5


def test_small_figure_is_found_in_a_tile(provider: EmbeddedProvider, samples: Path) -> None:
    scene = with_figure(sample(samples, "p4_man__base"), (1024, 768), 0.2, (640, 400))
    best = provider.find_people(scene)[0]
    assert best.hip == pytest.approx((640 + 0.2 * 384, 400 + 0.2 * 490), abs=15)


def test_figure_in_a_panorama(provider: EmbeddedProvider, samples: Path) -> None:
    scene = with_figure(sample(samples, "p4_man__base"), (2600, 520), 0.48, (1700, 10))
    assert provider.find_people(scene)[0].hip == pytest.approx((1700 + 0.48 * 384, 10 + 0.48 * 490), abs=30)


def test_dark_picture_gives_the_same_body(provider: EmbeddedProvider, samples: Path) -> None:
    rgb = sample(samples, "p2_woman__base")
    dark = (rgb * 0.2).astype(np.uint8)
    points = [provider.estimate(image, provider.find_people(image)[0]).points for image in (rgb, dark)]
    assert np.abs(points[0] - points[1])[:25].mean() < 10


@pytest.mark.parametrize("level", [0, 255])
def test_nobody_in_an_even_picture(level: int, provider: EmbeddedProvider) -> None:
    assert provider.find_people(np.full((300, 200, 3), level, np.uint8)) == []


def test_threads_may_share_the_provider(provider: EmbeddedProvider, samples: Path) -> None:
    pictures = [sample(samples, name) for name in ("p1_man__base", "p4_man__base")] * 4

    def look(rgb: Rgb) -> np.ndarray:
        return provider.estimate(rgb, provider.find_people(rgb)[0]).points

    alone = [look(rgb) for rgb in pictures[:2]]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(look, pictures))
    for k, points in enumerate(together):
        assert np.array_equal(points, alone[k % 2])


def sample(samples: Path, name: str) -> Rgb:
    return decode((samples / "people" / f"{name}.jpg").read_bytes(), Limits()).rgb


def with_figure(rgb: Rgb, size: tuple[int, int], scale: float, at: tuple[int, int]) -> Rgb:
    """A wide empty picture with a shrunk photo in it."""
    scene = np.full((size[1], size[0], 3), rgb[0, 0], np.uint8)
    small = Image.fromarray(rgb).resize((round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)))
    part = scene[at[1] : at[1] + small.height, at[0] : at[0] + small.width]
    part[:] = np.asarray(small)[: part.shape[0], : part.shape[1]]
    return scene
