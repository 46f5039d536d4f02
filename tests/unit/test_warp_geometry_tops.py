"""How tops sit on the rendered samples: shoulders, necklines, sleeves, cuffs, waistbands, hems, prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from inference.engines.warp.body import measure
from inference.engines.warp.fit import fit_garment
from inference.engines.warp.lay import lay
from inference.engines.warp.neckline import lay_neckline, neck_opening
from inference.engines.warp.silhouette import Silhouette, on_spine
from inference.engines.warp.torso import torso_map
from preprocess.types import BASIC_LABELS, Garment, Person

People = Callable[[str], Person]
Garments = Callable[[str], Garment]
PEOPLE = ("p1_man__base", "p2_woman__base", "p3_woman__base", "p4_man__base")
SHOULDERS, LEFT_IN_PICTURE = [11, 12], (14, 16, 18, 20)
"""Landmarks of BlazePose: shoulder joints; elbow, wrist and fingers of the arm on the picture's left."""


def _posed(person: Person, points: np.ndarray) -> Person:
    return replace(person, pose=replace(person.pose, points=points.astype(np.float32)))


def _turned(person: Person, degrees: float) -> Person:
    """The forearm on the picture's left turned about its elbow; what the photo shows stays."""
    points = person.pose.points.astype(np.float64)
    elbow, *fore = LEFT_IN_PICTURE
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points[fore] = points[elbow] + (points[fore] - points[elbow]) @ turn.T
    return _posed(person, points)


@pytest.mark.parametrize("wider", [0.75, 1.0, 1.3])
@pytest.mark.parametrize("name", PEOPLE)
def test_shoulders_lie_on_the_outline_wherever_the_joints_are(
    people: People, name: str, wider: float
) -> None:
    person = people(name)
    points = person.pose.points.astype(np.float64)
    middle = points[SHOULDERS].mean(axis=0)
    points[SHOULDERS] = middle + (points[SHOULDERS] - middle) * wider
    body = measure(_posed(person, points))
    inside = (person.matte.alpha * (1 - person.parsing.weight("hair")) > 0.5).astype(np.uint8)
    far = [cv2.distanceTransform(region, cv2.DIST_L2, cv2.DIST_MASK_5) for region in (inside, 1 - inside)]
    for x, y in (body.acromion.left.astype(int), body.acromion.right.astype(int)):
        assert max(distance[y, x] for distance in far) < 0.03 * body.shoulder_width


@pytest.mark.parametrize("degrees", [-150, -120, -90, -45, 0, 30, 130, 150])
def test_a_long_sleeve_reaches_the_wrist_at_any_angle_of_the_elbow(
    people: People, garments: Garments, degrees: float
) -> None:
    person = _turned(people("p1_man__base"), degrees)
    body = measure(person)
    sleeves = lay(garments("longsleeve_stripes"), person, body).sleeves
    assert sleeves is not None
    assert sleeves.left.reach == pytest.approx(1.0)
    arm = body.arms.left
    for share in (0.2, 0.5, 0.9):
        x, y = (arm.elbow + share * (arm.wrist - arm.elbow)).astype(int)
        assert sleeves.left.alpha[y, x] > 0.9


def test_a_cuff_closes_round_the_wrist_however_wide_the_hand(people: People, garments: Garments) -> None:
    person = people("p1_man__base")
    body = measure(person)
    arm, unit = body.arms.left, body.shoulder_width
    alpha = person.matte.alpha.copy()
    palm = arm.wrist + 0.06 * unit * (arm.wrist - arm.elbow) / np.hypot(*(arm.wrist - arm.elbow))
    cv2.circle(alpha, [int(v) for v in palm], int(0.14 * unit), 1.0, -1)
    wide = replace(person, matte=replace(person.matte, alpha=alpha))
    sleeves = lay(garments("longsleeve_stripes"), wide, body).sleeves
    assert sleeves is not None

    def width(share: float) -> float:
        bone = (arm.wrist - arm.elbow) / np.hypot(*(arm.wrist - arm.elbow))
        centre = arm.elbow + share * (arm.wrist - arm.elbow)
        places = centre + np.arange(-0.3 * unit, 0.3 * unit)[:, None] * np.array([-bone[1], bone[0]])
        x, y = places.astype(int).T
        return float((sleeves.left.alpha[y, x] > 0.5).sum())

    assert 0 < width(0.95) < 1.05 * width(0.5)


@pytest.mark.parametrize("name", PEOPLE)
def test_sizes_follow_the_size_of_the_picture(people: People, garments: Garments, name: str) -> None:
    person, garment = people(name), garments("tshirt_print")
    height, width = person.matte.alpha.shape
    half = (width // 2, height // 2)
    small = replace(
        _posed(person, person.pose.points / 2),
        image=np.asarray(cv2.resize(person.image, half), np.uint8),
        matte=replace(person.matte, alpha=np.asarray(cv2.resize(person.matte.alpha, half), np.float32)),
        parsing=replace(
            person.parsing,
            labels=person.parsing.labels[::2, ::2],
            soft=np.stack(
                [
                    cv2.resize(soft, half)
                    for soft in np.moveaxis(person.parsing.soft.astype(np.float32), 2, 0)
                ],
                axis=-1,
            ).astype(np.float16),
        ),
        face=replace(person.face, chin=(person.face.chin[0] / 2, person.face.chin[1] / 2)),
    )
    body, small_body = measure(person), measure(small)
    here, there = lay(garment, person, body), lay(garment, small, small_body)
    assert here.neckline == pytest.approx(there.neckline * 2, abs=0.03 * body.shoulder_width)
    assert here.hem == pytest.approx(there.hem, abs=0.02)
    assert float(here.alpha.sum()) == pytest.approx(float(there.alpha.sum()) * 4, rel=0.03)


def _belted(person: Person, shadow: float = 0.0) -> Person:
    """Slim bottoms from high up on, and the shadow of the top's hem above them, that far to both sides of the
    spine in shoulder widths, taken for bottoms."""
    body, lower = measure(person), BASIC_LABELS.index("lower")
    labels = person.parsing.labels.copy()
    x0, y0 = on_spine(body, 0.8)
    reach, beside = (int(share * body.shoulder_width) for share in (0.42, shadow))
    labels[int(y0) :][labels[int(y0) :] == BASIC_LABELS.index("upper")] = 0
    labels[int(y0) :, int(x0) - reach : int(x0) + reach] = lower
    labels[int(y0) - 30 : int(y0), int(x0) - beside : int(x0) + beside] = lower
    soft = np.stack([labels == k for k in range(len(BASIC_LABELS))], axis=-1).astype(np.float16)
    parsing = replace(person.parsing, labels=labels, soft=soft)
    return replace(person, parsing=parsing, waist=0.72, waist_confidence=1.0)


def test_the_shadow_of_an_old_hem_is_no_waistband(people: People, garments: Garments) -> None:
    person, garment = people("p1_man__base"), garments("tshirt_print")
    body = measure(person)
    assert garment.landmarks is not None
    clear, shadowed = _belted(person), _belted(person, 0.2)
    silhouette = Silhouette.of(clear)
    expected = fit_garment(garment.landmarks, clear, body, silhouette).half_widths
    found = fit_garment(garment.landmarks, shadowed, body, silhouette).half_widths
    assert np.allclose(found.left, expected.left)
    assert np.allclose(found.right, expected.right)


def test_tucked_cloth_ends_at_the_waistband(people: People, garments: Garments) -> None:
    person, garment = people("p1_man__base"), garments("tshirt_print")
    body = measure(person)
    assert garment.landmarks is not None
    high = replace(_belted(person), waist=0.78)
    fit = fit_garment(garment.landmarks, high, body, Silhouette.of(person))
    loose = fit_garment(garment.landmarks, person, body, Silhouette.of(person))
    assert fit.tucked
    assert not loose.tucked
    at_band = float(np.interp(0.85, fit.side_levels, fit.half_widths.left))
    assert at_band < 0.9 * float(np.interp(0.85, loose.side_levels, loose.half_widths.left))
    assert fit.half_widths.left[0] == pytest.approx(
        loose.half_widths.left[0], rel=0.01
    )  # the chest keeps its width


@pytest.mark.parametrize("name", PEOPLE)
def test_the_collar_hangs_as_deep_as_it_is_planned(people: People, garments: Garments, name: str) -> None:
    """A deep armpit once left the collar to the spline, which drew it down by a third."""
    person, garment = people(name), garments("longsleeve_stripes")
    body = measure(person)
    assert garment.landmarks is not None
    assert garment.collar is not None
    fit = fit_garment(garment.landmarks, person, body, Silhouette.of(person))
    planned = fit.fall.levels(np.array([float(garment.collar.front[:, 1].max())]))[0]
    neckline = lay(garment, person, body).neckline
    lowest = neckline[neckline[:, 1].argmax()].astype(np.float64)
    off = (lowest - on_spine(body, float(planned))) @ body.up
    assert -0.025 < off / body.shoulder_width < 0.005  # cut a little below its edge


@pytest.mark.parametrize("name", PEOPLE)
def test_a_print_is_neither_folded_nor_mirrored_nor_stretched(
    people: People, garments: Garments, name: str
) -> None:
    person, garment = people(name), garments("tshirt_print")
    marks, body, silhouette = garment.landmarks, measure(person), Silhouette.of(person)
    assert marks is not None
    cloth = np.median(garment.image[garment.alpha > 0.98], axis=0)
    printed = (np.abs(garment.image - cloth).max(axis=-1) > 60) & (garment.alpha > 0.98)
    y, x = np.nonzero(printed)
    chest = (
        (np.abs(x - marks.centre_x) < 100) & (y > marks.shoulder.left[1] + 60) & (y < marks.hem.left[1] - 40)
    )
    points = np.stack([x, y], axis=-1)[chest][::97] + 0.5
    assert len(points) > 100
    spline = torso_map(garment, marks, fit_garment(marks, person, body, silhouette), body, silhouette)
    drawn = spline.invert(points, np.tile(on_spine(body, 0.5), (len(points), 1)))
    jacobian = spline.jacobian(drawn)
    assert (np.linalg.det(jacobian) > 0).all()
    assert (jacobian[:, 0, 0] > 0).all()
    local = np.linalg.svd(jacobian, compute_uv=False)
    assert np.percentile(local[:, 0] / local[:, 1], 95) < 1.35
    whole = np.linalg.lstsq(points - points.mean(axis=0), drawn - drawn.mean(axis=0), rcond=None)[0]
    longest, shortest = np.linalg.svd(whole, compute_uv=False)
    assert longest / shortest < 1.12


def test_nothing_stands_up_beside_the_ends_of_a_neckline(people: People, garments: Garments) -> None:
    """Cloth there is cut aslant: what is higher above an end than it is beside it belongs to the opening."""
    person, garment = people("p1_man__base"), garments("longsleeve_stripes")
    assert garment.landmarks is not None
    body, silhouette = measure(person), Silhouette.of(person)
    fit = fit_garment(garment.landmarks, person, body, silhouette)
    torso = torso_map(garment, garment.landmarks, fit, body, silhouette)
    line = lay_neckline(garment.collar, fit, torso)

    opening = neck_opening(line, body, person.matte.alpha.shape)

    for end, outward in ((line[0], -body.across), (line[-1], body.across)):
        beside, above = (0.02 * body.shoulder_width * way for way in (outward, body.up))
        x, y = (end + beside + 1.6 * above).astype(int)
        assert opening[y, x] > 0.5
        x, y = (end + beside - above).astype(int)
        assert opening[y, x] == 0


def test_cloth_does_not_climb_onto_wall_that_was_taken_for_a_shoulder(
    people: People, garments: Garments
) -> None:
    """Between hair and shoulder, as high as a hand is wide."""
    person, garment = people("p1_man__base"), garments("tshirt_mustard")
    body = measure(person)
    unit = body.shoulder_width
    start, end = body.neck_base.right, body.acromion.right
    line = np.array([start + (end - start) * share for share in (0.3, 0.9)])
    wall = np.concatenate([line + (0, 0.05 * unit), line[::-1] - (0, 0.14 * unit)])
    alpha = person.matte.alpha.copy()
    cv2.fillPoly(alpha, [np.round(wall).astype(np.int32).reshape(-1, 1, 2)], 1.0)
    spoilt = replace(person, matte=replace(person.matte, alpha=alpha))
    before, after = (lay(garment, each, body).alpha for each in (person, spoilt))
    assert float((after - before).sum()) < 0.01 * unit**2
