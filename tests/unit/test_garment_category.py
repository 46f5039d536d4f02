"""Category ``auto`` on drawn silhouettes of garments the photos at hand do not show."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from preprocess.errors import InputError
from preprocess.garment.category import classify, resolve
from preprocess.garment.dress import measure_dress
from preprocess.garment.lower import measure_lower
from preprocess.garment.outline import trace

Half = list[tuple[int, int]]

LOWER: dict[str, Half] = {
    "shorts": [(400, 200), (540, 200), (590, 420), (410, 440), (400, 405)],
    "culottes": [(400, 150), (520, 150), (620, 700), (420, 710), (400, 420)],
    "trousers": [(400, 100), (490, 100), (510, 220), (490, 880), (420, 880), (400, 300)],
    "curved waist": [(400, 120), (450, 112), (490, 100), (510, 220), (490, 880), (420, 880), (400, 300)],
    "legs together": [(400, 100), (490, 100), (510, 220), (485, 880), (400, 880)],
    "tapered": [(400, 100), (490, 100), (520, 220), (455, 880), (400, 880)],
    "pencil skirt": [(400, 200), (490, 200), (530, 330), (500, 620), (400, 620)],
    "dipped skirt": [(400, 215), (450, 210), (500, 200), (560, 560), (400, 570)],
    "pleated skirt": [(400, 200), (500, 200), (640, 600), (400, 620)],
    "maxi skirt": [(400, 60), (480, 60), (600, 940), (400, 950)],
}
DRESSES: dict[str, Half] = {
    "jumpsuit": [(400, 90), (430, 85), (450, 50), (500, 70), (490, 130), (510, 170), (490, 290)]
    + [(515, 380), (500, 930), (425, 930), (400, 440)],
    "strapless": [(400, 165), (450, 150), (490, 150), (480, 280), (590, 800), (400, 810)],
    "bodycon": [(400, 130), (440, 120), (460, 90), (510, 100), (500, 170), (515, 220), (490, 350)]
    + [(530, 480), (510, 720), (400, 720)],
    "slip": [(400, 260), (440, 230), (470, 190), (475, 60), (482, 60), (490, 200), (510, 260)]
    + [(490, 400), (560, 800), (400, 800)],
    "maxi": [(400, 80), (430, 75), (450, 55), (500, 70), (560, 330), (530, 340), (490, 170)]
    + [(480, 260), (600, 930), (400, 940)],
}
UPPER: dict[str, Half] = {
    "crop top": [(400, 250), (440, 245), (480, 220), (560, 250), (640, 330), (590, 370), (545, 330)]
    + [(545, 430), (400, 430)],
    "tunic": [(400, 150), (430, 145), (470, 120), (550, 150), (640, 300), (590, 330), (535, 280)]
    + [(550, 680), (400, 680)],
    "waistcoat": [(400, 330), (440, 130), (500, 120), (510, 240), (540, 300), (530, 600), (470, 650)]
    + [(410, 600), (400, 590)],
    "jumper": [(400, 250), (450, 245), (480, 220), (580, 250), (760, 600), (700, 630), (590, 450)]
    + [(590, 700), (400, 700)],
    "tank": [(400, 230), (450, 200), (460, 120), (510, 120), (500, 220), (560, 300), (550, 650), (400, 650)],
    "bandeau": [(400, 405), (530, 400), (520, 560), (400, 560)],
    "camisole": [(400, 260), (460, 250), (490, 200), (490, 100), (500, 100), (510, 240), (530, 280)]
    + [(550, 600), (400, 600)],
}
ALL = [
    (name, kind)
    for kind, shapes in (("lower", LOWER), ("dress", DRESSES), ("upper", UPPER))
    for name in shapes
]


def silhouette(half: Half, turned: float = 0.0) -> NDArray[np.bool_]:
    """A right half, mirrored about x = 400, on a frame of 800x1000."""
    whole = half + [(800 - x, y) for x, y in reversed(half)]
    mask = np.zeros((1000, 800), np.uint8)
    cv2.fillPoly(mask, [np.array(whole, np.int32).reshape(-1, 1, 2)], 1)
    matrix = cv2.getRotationMatrix2D((400.0, 500.0), turned, 1.0)
    return np.asarray(cv2.warpAffine(mask, matrix, (800, 1000)) > 0)


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_silhouettes_get_their_category(name: str, kind: str) -> None:
    shape = {**LOWER, **DRESSES, **UPPER}[name]
    assert classify(trace(silhouette(shape)))[0] == kind


@pytest.mark.parametrize("degrees", [-6.0, 5.0])
@pytest.mark.parametrize("name", ["trousers", "culottes"])
def test_trousers_photographed_at_an_angle(name: str, degrees: float) -> None:
    assert classify(trace(silhouette(LOWER[name], degrees)))[0] == "lower"


@pytest.mark.parametrize(
    ("claimed", "shape", "seen"),
    [
        ("upper", LOWER["trousers"], "lower"),
        ("upper", LOWER["pleated skirt"], "lower"),
        ("dress", LOWER["trousers"], "lower"),
        ("lower", DRESSES["maxi"], "dress"),
        ("upper", DRESSES["maxi"], "dress"),
        ("lower", UPPER["jumper"], "upper"),
    ],
)
def test_clearly_wrong_claims_name_what_to_do(claimed: str, shape: Half, seen: str) -> None:
    with pytest.raises(InputError) as refusal:
        resolve(claimed, trace(silhouette(shape)))
    assert refusal.value.slug == "category-conflict"
    assert f"category={seen}" in refusal.value.detail
    assert f"'{claimed}'" in refusal.value.detail


@pytest.mark.parametrize(
    ("claimed", "shape"),
    [("dress", LOWER["legs together"]), ("lower", DRESSES["jumpsuit"]), ("dress", UPPER["tunic"])],
)
def test_doubtful_shapes_leave_the_claim_with_a_notice(claimed: str, shape: Half) -> None:
    category, notices = resolve(claimed, trace(silhouette(shape)))
    assert category == claimed
    assert [notice.name for notice in notices] == ["garment-category-unsure"]


@pytest.mark.parametrize("shape", [*LOWER.values(), *DRESSES.values(), *UPPER.values()])
def test_a_doubtful_claim_never_breaks_the_measures(shape: Half) -> None:
    mask = silhouette(shape)
    alpha, outline = mask.astype(np.float32), trace(mask)
    picture = np.where(mask[..., None], np.uint8(90), np.uint8(240)).repeat(3, axis=2)
    dress = measure_dress(alpha, picture, outline)
    for rows in (dress.top.landmarks.sides, dress.lower.sides, measure_lower(outline, alpha, picture).sides):
        assert np.isfinite(rows).all()
        assert (np.diff(rows[:, 0]) > 0).all()


def test_jumpsuits_are_measured_down_to_their_hems() -> None:
    mask = silhouette(DRESSES["jumpsuit"])
    picture = np.where(mask[..., None], np.uint8(90), np.uint8(240)).repeat(3, axis=2)
    dress = measure_dress(mask.astype(np.float32), picture, trace(mask))
    assert dress.lower.waist.left[1] == pytest.approx(290, abs=15)
    assert dress.lower.legs is not None
    assert dress.lower.legs.left.inner[0, 1] == pytest.approx(440, abs=15)
    assert dress.lower.hem.left == pytest.approx((300, 930), abs=5)


@pytest.mark.parametrize(("name", "trusted"), [("strapless", False), ("slip", True), ("bodycon", True)])
def test_a_dress_without_shoulders_is_hardly_trusted(name: str, trusted: bool) -> None:
    mask = silhouette(DRESSES[name])
    picture = np.where(mask[..., None], np.uint8(90), np.uint8(240)).repeat(3, axis=2)
    confidence = measure_dress(mask.astype(np.float32), picture, trace(mask)).top.landmarks.confidence
    assert confidence > 0.8 if trusted else confidence < 0.5


def test_long_sleeves_beside_a_long_garment_may_be_a_coat() -> None:
    """They are taken for a dress, but who says that it is a top is believed; the notice names both."""
    body = [(400, 80), (430, 70), (500, 90), (505, 200), (510, 940), (400, 940)]
    sleeve = [(500, 90), (620, 480), (575, 490), (505, 230)]
    mask = silhouette(body) | silhouette(sleeve)
    category, confidence = classify(trace(mask))
    assert (category, confidence < 0.7) == ("dress", True)
    for claimed, other in (("auto", "upper"), ("upper", "dress")):
        taken, notices = resolve(claimed, trace(mask))
        assert taken == ("dress" if claimed == "auto" else "upper")
        assert all(f"category={other}" in notice.detail for notice in notices)
    assert resolve("auto", trace(mask))[1]


@pytest.mark.parametrize("waist", [490, 510])
def test_a_short_strapless_dress_may_be_a_top_and_is_told(waist: int) -> None:
    """Nothing in its shape says where the shoulders are; who says that it is a dress is believed."""
    dress = trace(silhouette([(400, 205), (450, 195), (510, 190), (waist, 340), (515, 560), (400, 560)]))
    taken, notices = resolve("auto", dress)
    assert taken == "upper"
    assert [notice.name for notice in notices] == ["garment-category-unsure"]
    assert "category=dress" in notices[0].detail
    assert resolve("dress", dress) == ("dress", ())


@pytest.mark.parametrize("name", ["bandeau", "crop top", "tank", "camisole", "tunic", "jumper"])
def test_tops_are_taken_without_a_word(name: str) -> None:
    assert resolve("auto", trace(silhouette(UPPER[name]))) == ("upper", ())
