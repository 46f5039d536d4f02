"""From photo to person: who is chosen, how the figure is framed, what is refused and what is warned about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from preprocess.decode import Limits, decode
from preprocess.errors import InputError
from preprocess.geometry import unframe
from preprocess.notices import person_notices
from preprocess.person import person_score, prepare_person
from preprocess.pose import LEFT_HIP, LEFT_KNEE, RIGHT_HIP, RIGHT_KNEE
from preprocess.providers.base import BodyEstimate, Detection
from preprocess.providers.embedded import EmbeddedProvider, detector
from preprocess.providers.embedded.detector import detect
from preprocess.providers.embedded.network import Network
from preprocess.types import Frame, Person, Photo, Rgb

CANVAS = (768, 1024)
OWN_NOTICES = {"low-resolution", "turned-away", "seated", "blurred", "too-dark"}  # parsing has its own
Prepare = Callable[[Rgb], Person]


@pytest.fixture(scope="module")
def prepare(provider: EmbeddedProvider) -> Prepare:
    def prepare(rgb: Rgb) -> Person:
        photo = Photo(rgb=np.ascontiguousarray(rgb), sha256="", format="PNG")
        return prepare_person(photo, provider, CANVAS)

    return prepare


@pytest.fixture(scope="module")
def picture(samples: Path) -> Callable[[str], Rgb]:
    def read(name: str) -> Rgb:
        return decode((samples / f"{name}.jpg").read_bytes(), Limits()).rgb

    return read


def shrunk(rgb: Rgb, scale: float) -> Rgb:
    return np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def placed(rgb: Rgb, size: tuple[int, int], at: tuple[int, int]) -> Rgb:
    """On an even background of the photo's own corner colour; ``size`` is width and height."""
    scene = np.full((size[1], size[0], 3), rgb[0, 0], np.uint8)
    scene[at[1] : at[1] + rgb.shape[0], at[0] : at[0] + rgb.shape[1]] = rgb
    return scene


def test_score_tells_people_from_products(provider: EmbeddedProvider, picture: Callable[[str], Rgb]) -> None:
    def score(rgb: Rgb) -> float:
        return person_score(Photo(rgb=rgb, sha256="", format="PNG"), provider)

    assert score(picture("people/p1_man__base")) > 0.8
    assert score(picture("garments/tshirt_print")) < 0.2


def test_who_wears_a_garment_is_looked_for_once(
    provider: EmbeddedProvider, picture: Callable[[str], Rgb], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small figures are no matter then; those in long strips are large ones."""
    looks = []

    def counted(network: Network, rgb: Rgb) -> list[Detection]:
        looks.append(rgb.shape)
        return detect(network, rgb)

    monkeypatch.setattr(detector, "detect", counted)
    product, figure = picture("garments/tshirt_print"), picture("people/p4_man__base")
    strip = placed(figure, (4 * figure.shape[1], figure.shape[0]), (0, 0))

    def score(rgb: Rgb, closely: bool) -> float:
        looks.clear()
        return person_score(Photo(rgb=rgb, sha256="", format="PNG"), provider, closely=closely)

    assert score(product, False) == score(product, True) == 0
    assert len(looks) == 15
    score(product, False)
    assert len(looks) == 1
    assert score(strip, False) > 0.65


def test_score_of_a_large_photo_costs_no_more(picture: Callable[[str], Rgb]) -> None:
    seen = []

    class Blind:
        def find_people(self, rgb: Rgb, *, closely: bool = True) -> list[Detection]:
            seen.append(rgb.shape)
            return []

        def estimate(self, rgb: Rgb, detection: Detection) -> BodyEstimate:
            raise AssertionError("nobody was found")

    large = np.repeat(np.repeat(picture("people/p1_man__base"), 5, axis=0), 5, axis=1)

    assert person_score(Photo(rgb=large, sha256="", format="PNG"), Blind()) == 0
    assert seen == [(1024, 768, 3)]


def test_sample_keeps_its_own_pixels(people: Callable[[str], Person]) -> None:
    person = people("p1_man__base")
    assert person.frame == Frame.whole(768, 1024)
    assert person.image is person.photo.rgb
    for part in (person.pose, person.face, person.matte, person.parsing):
        assert part.frame == person.frame
    assert person.matte.alpha.shape == person.parsing.labels.shape == (1024, 768)
    assert person.pose.points.shape == (33, 2)
    assert not OWN_NOTICES & {notice.name for notice in person.notices}


def test_small_figure_in_a_wide_photo_fills_the_canvas(
    prepare: Prepare, picture: Callable[[str], Rgb]
) -> None:
    scene = placed(shrunk(picture("people/p4_man__base"), 0.5), (2400, 1200), (1500, 500))
    person = prepare(scene)
    assert person.frame.height == 1024
    assert person.frame.scale > 1.7
    head = person.frame.to_photo(person.pose.points[:1])[0]
    assert head == pytest.approx([1500 + 192, 500 + 64], abs=10)
    rows = np.nonzero((person.matte.alpha > 0.5).any(axis=1))[0]
    assert np.ptp(rows) > 0.75 * 1024


def test_large_photo_costs_a_canvas(prepare: Prepare, picture: Callable[[str], Rgb]) -> None:
    large = cv2.resize(picture("people/p2_woman__base"), (4330, 5774))
    person = prepare(np.asarray(large, dtype=np.uint8))
    assert person.image.shape[0] <= 1024
    assert person.image.shape[1] <= 768
    assert (person.photo.width, person.photo.height) == (4330, 5774)


def test_large_person_is_chosen_before_a_small_one(prepare: Prepare, picture: Callable[[str], Rgb]) -> None:
    large = picture("people/p1_man__base")
    small = placed(shrunk(picture("people/p4_man__base"), 0.5), (384, 1024), (0, 512))
    person = prepare(np.hstack([small, large]))
    assert person.frame.to_photo(person.pose.points[:1])[0, 0] > 384


def garment_photo(picture: Callable[[str], Rgb]) -> Rgb:
    return picture("garments/tshirt_print")


def empty_photo(picture: Callable[[str], Rgb]) -> Rgb:
    return np.full((640, 480, 3), 200, np.uint8)


def noise_photo(picture: Callable[[str], Rgb]) -> Rgb:
    return np.random.default_rng(3).integers(0, 256, (640, 480, 3), dtype=np.uint8)


def pair_photo(picture: Callable[[str], Rgb]) -> Rgb:
    return np.hstack([picture("people/p1_man__base"), picture("people/p3_woman__base")])


def tiny_photo(picture: Callable[[str], Rgb]) -> Rgb:
    return placed(shrunk(picture("people/p4_man__base"), 0.13), (300, 300), (100, 100))


def part_of(name: str, rows: slice, columns: slice, picture: Callable[[str], Rgb]) -> Rgb:
    return picture(f"people/{name}")[rows, columns]


def turned(quarters: int, picture: Callable[[str], Rgb]) -> Rgb:
    return np.rot90(picture("people/p1_man__base"), quarters)


EVERYTHING = slice(None)
REFUSED = {
    "garment": (garment_photo, "no-person", "send a photo"),
    "empty": (empty_photo, "no-person", "send a photo"),
    "noise": (noise_photo, "no-person", "send a photo"),
    "tiny": (tiny_photo, "no-person", "send a photo"),
    "legs": (partial(part_of, "p4_man__base", slice(500, None), EVERYTHING), "no-person", "send a photo"),
    "pair": (pair_photo, "several-people", "crop"),
    "head": (partial(part_of, "p1_man__base", slice(0, 380), EVERYTHING), "body-not-visible", "torso"),
    "one side": (
        partial(part_of, "p1_man__base", EVERYTHING, slice(300, None)),
        *("body-not-visible", "right shoulder"),
    ),
    "sideways": (partial(turned, 1), "body-not-visible", "rotate"),
    "upside down": (partial(turned, 2), "body-not-visible", "rotate"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, prepare: Prepare, picture: Callable[[str], Rgb]) -> None:
    make, slug, part = REFUSED[name]
    with pytest.raises(InputError) as caught:
        prepare(make(picture))
    assert caught.value.slug == slug
    assert part in caught.value.detail


@pytest.mark.parametrize(
    "name", ["polo_green", "longsleeve_stripes", "tank_rose", "dress_floral", "trousers_denim"]
)
def test_product_photos_show_nobody(name: str, prepare: Prepare, picture: Callable[[str], Rgb]) -> None:
    with pytest.raises(InputError) as caught:
        prepare(picture(f"garments/{name}"))
    assert caught.value.slug == "no-person"


@pytest.mark.parametrize(
    ("notice", "change"),
    [
        ("blurred", lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 3)),
        ("too-dark", lambda rgb: (rgb * 0.3).astype(np.uint8)),
        ("low-resolution", lambda rgb: shrunk(rgb, 0.3)),
    ],
)
def test_notices(
    notice: str, change: Callable[[Rgb], Rgb], prepare: Prepare, picture: Callable[[str], Rgb]
) -> None:
    person = prepare(change(picture("people/p1_man__base")))
    found = {found.name: found.detail for found in person.notices}
    assert notice in found
    assert ";" in found[notice], "it says what to do"
    assert len(OWN_NOTICES & set(found)) == 1


def test_narrow_shoulders_mean_turned_away(prepare: Prepare, picture: Callable[[str], Rgb]) -> None:
    """A side view, imitated: the same figure squeezed to half its width."""
    rgb = picture("people/p4_man__base")
    narrow = cv2.resize(rgb, (rgb.shape[1] // 2, rgb.shape[0]), interpolation=cv2.INTER_AREA)
    person = prepare(placed(np.asarray(narrow, dtype=np.uint8), (768, 1024), (192, 0)))
    assert "turned-away" in [found.name for found in person.notices]


@pytest.mark.parametrize("knee", [LEFT_KNEE, RIGHT_KNEE])
def test_a_knee_at_the_height_of_the_hips_means_seated(
    knee: int, prepare: Prepare, picture: Callable[[str], Rgb]
) -> None:
    person = prepare(picture("people/p4_man__base"))
    assert "seated" not in [found.name for found in person.notices]
    points = person.pose.points.copy()
    points[knee] = points[knee - 2] + (60.0, 20.0)
    for visibility, seated in ((0.9, True), (0.1, False)):
        seen = np.where(np.arange(33) == knee, visibility, person.pose.visibility).astype(np.float32)
        pose = replace(person.pose, points=points, visibility=seen)
        found = [notice.name for notice in person_notices(person.image, pose, person.matte.alpha)]
        assert ("seated" in found) == seated


def test_beside_a_smaller_person_the_larger_one_is_taken(
    prepare: Prepare, picture: Callable[[str], Rgb]
) -> None:
    large, other = picture("people/p1_man__base"), picture("people/p4_man__base")
    small = placed(shrunk(other, 0.6), (461, 1024), (0, 1024 - 614))
    person = prepare(np.hstack([large, small]))
    hips = person.frame.to_photo(person.pose.points[[LEFT_HIP, RIGHT_HIP]])[:, 0]
    assert (hips < 768).all()
    matte = unframe(person.matte.alpha, person.frame, (person.photo.width, person.photo.height))
    assert matte[:, 790:].mean() < 0.01


@pytest.mark.parametrize(
    ("name", "top", "haired"),
    [("p2_woman__base", 200, False), ("p4_man__base", 135, False), ("p3_woman__base", 200, True)],
)
def test_where_the_frame_cuts_the_head_shaded_skin_is_no_hair(
    name: str, top: int, haired: bool, prepare: Prepare, picture: Callable[[str], Rgb]
) -> None:
    person = prepare(picture(f"people/{name}")[top:])
    assert (person.parsing.region("hair").mean() > 0.001) == haired
