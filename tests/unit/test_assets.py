"""The asset store's bounds, with a clock of its own."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from inference.assets import AssetStore, since_boot
from inference.checks import Checks, sharpness
from inference.pictures import Picture
from inference.problems import Problem
from preprocess.types import Person, Photo
from tests.fakes import CANVAS, FakePreparation

CHECKS = Checks(person_visible=True, sharp=True, large_enough=True, warnings=())
PHOTO_BYTES = 200 * 300 * 3


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def picture(seed: int = 0) -> Picture:
    rgb = np.random.default_rng(seed).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    return Picture(Photo(rgb=rgb, sha256=str(seed), format="PNG"))


def store(clock: Clock | None = None, *, count: int = 8, photos: float = 100) -> AssetStore:
    return AssetStore(max_count=count, max_bytes=int(photos * PHOTO_BYTES), ttl_s=60, now=clock or Clock())


def slug_of(assets: AssetStore, asset_id: str) -> str:
    with pytest.raises(Problem) as raised:
        assets.get(asset_id)
    return raised.value.slug


def test_ids_cannot_be_guessed() -> None:
    assets = store(count=100)
    ids = {assets.put(picture(), "person", CHECKS).id for _ in range(100)}

    assert len(ids) == 100
    assert min(len(asset_id) for asset_id in ids) >= 22


def test_expires_after_its_time() -> None:
    clock = Clock()
    assets = store(clock)
    asset = assets.put(picture(), "person", CHECKS)
    clock.now += 59
    assert assets.get(asset.id) is asset
    clock.now += 1

    assert slug_of(assets, asset.id) == "expired"
    assert slug_of(assets, "unheard-of") == "not-found"


def test_lifetimes_are_not_of_the_wall_clock() -> None:
    """Which may be set, while photos are held."""
    asset = AssetStore(max_count=8, max_bytes=10**9, ttl_s=60).put(picture(), "person", CHECKS)

    assert 0 < asset.until - since_boot() <= 60 < asset.expires


def test_others_are_told_nothing() -> None:
    clock = Clock()
    assets = store(clock)
    asset = assets.put(picture(), "person", CHECKS, owner="shop")
    assert slug_of(assets, asset.id) == "not-found"
    clock.now += 61

    assert slug_of(assets, asset.id) == "not-found"
    assert assets.lookups == {"prepared": 0, "bare": 0, "expired": 0, "unknown": 2}
    with pytest.raises(Problem, match="expired"):
        assets.get(asset.id, owner="shop")


def test_expired_make_room() -> None:
    clock = Clock()
    assets = store(clock, count=1)
    assets.put(picture(), "person", CHECKS)
    with pytest.raises(Problem) as raised:
        assets.put(picture(), "person", CHECKS)
    clock.now += 61
    assets.put(picture(), "person", CHECKS)

    assert raised.value.slug == "store-full"
    assert raised.value.headers == {"Retry-After": "60"}


def test_photos_are_bounded_in_bytes() -> None:
    assets = store(photos=2.5)
    assets.put(picture(), "person", CHECKS)
    assets.put(picture(), "person", CHECKS)

    with pytest.raises(Problem) as raised:
        assets.put(picture(), "person", CHECKS)
    assert raised.value.slug == "store-full"


def test_prepared_artefacts_give_way_least_recently_used_first() -> None:
    preparation = FakePreparation()
    pictures = [picture(seed) for seed in range(2)]
    for each in pictures:
        each.person(preparation, CANVAS)
    prepared = pictures[0].prepared_bytes
    assert prepared > 0
    assets = store(photos=(2 * PHOTO_BYTES + 1.5 * prepared) / PHOTO_BYTES)
    first, second = (assets.put(each, "person", CHECKS) for each in pictures)

    assets.get(first.id)
    assets.trim()
    first.picture.person(preparation, CANVAS)
    assets.trim()

    assert preparation.counts["person"] == 3
    assert first.picture.prepared_bytes == 0 or second.picture.prepared_bytes == 0
    assert first.picture.prepared_bytes + second.picture.prepared_bytes <= 1.5 * prepared


def test_nobody_waits_for_a_picture_that_is_being_prepared() -> None:
    """Bounds are kept on the event loop, which a slow preparation in a thread must never hold up."""
    entered, go_on = threading.Event(), threading.Event()

    class Slow(FakePreparation):
        def person(self, photo: Photo, canvas: tuple[int, int]) -> Person:
            entered.set()
            go_on.wait(10)
            return super().person(photo, canvas)

    assets = store(photos=1)
    shared = assets.put(picture(), "person", CHECKS).picture
    thread = threading.Thread(target=shared.person, args=(Slow(), CANVAS))
    thread.start()
    assert entered.wait(10)
    shared.forget()
    assets.trim()
    go_on.set()
    thread.join()
    assets.trim()

    assert shared.prepared_bytes == 0


def test_garments_are_remembered_by_what_was_asked() -> None:
    preparation = FakePreparation()
    shirt = picture()
    for category, description in (("auto", ""), ("auto", "blue"), ("lower", "")):
        cut = shirt.garment(preparation, category=category, kind="flat", description=description)
        assert cut.description == description

    assert preparation.counts["garment"] == 2


def test_sharpness_does_not_depend_on_contrast() -> None:
    edge = np.full((300, 300, 3), 100, np.uint8)
    edge[:, 150:] = 110
    strong = np.full((300, 300, 3), 10, np.uint8)
    strong[:, 150:] = 240

    assert sharpness(edge) == pytest.approx(sharpness(strong), rel=0.05)
    assert sharpness(np.zeros((50, 50, 3), np.uint8)) == 0
