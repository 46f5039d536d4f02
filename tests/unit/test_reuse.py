"""What requests with the same file share, and what is kept of them: with a clock of its own."""

from __future__ import annotations

import hashlib
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.config import Settings
from inference.embedded import EmbeddedPreparation
from inference.pictures import Picture
from inference.pipeline import try_on
from inference.reuse import Reuse
from inference.selection import choose
from inference.service import build
from inference.stages import Stages
from inference.tryon import GarmentRequest, TryOn
from preprocess.errors import InputError
from preprocess.providers.embedded.network import Network
from preprocess.types import Photo
from tests.bad_inputs import SAMPLES, person_photo
from tests.fakes import CANVAS, FakeEngine, FakePreparation, registry, spec

PHOTO_BYTES = 200 * 300 * 3


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Decoder:
    """Makes photos and counts them."""

    count = 0

    def __call__(self, data: bytes) -> Photo:
        self.count += 1
        rgb = np.random.default_rng(len(data)).integers(0, 256, (300, 200, 3), dtype=np.uint8)
        return Photo(rgb=rgb, sha256=hashlib.sha256(data).hexdigest(), format="PNG")


@pytest.fixture
def decode() -> Decoder:
    return Decoder()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def reuse(clock: Clock | None = None, *, keep_s: float = 60, photos: float = 100) -> Reuse:
    return Reuse(keep_s=keep_s, max_bytes=int(photos * PHOTO_BYTES), now=clock or Clock())


def test_who_works_with_the_same_file_shares_its_picture_and_nothing_outlives_them(decode: Decoder) -> None:
    pictures = reuse(keep_s=0).of("shop")
    first, second = (pictures.picture(b"photo", decode) for _ in range(2))
    pictures.keep([first])
    held = weakref.ref(first.photo)

    assert first is second
    assert decode.count == 1
    del first, second
    assert held() is None
    pictures.picture(b"photo", decode)
    assert decode.count == 2
    assert pictures.reuse.lookups == {"shared": 1, "new": 2}


def test_another_file_is_another_picture(decode: Decoder) -> None:
    pictures = reuse().of("shop")

    assert pictures.picture(b"photo", decode) is not pictures.picture(b"Photo", decode)


def test_owners_share_nothing(decode: Decoder) -> None:
    store = reuse()
    mine = store.of("shop").picture(b"photo", decode)
    store.of("shop").keep([mine])

    for other in ("studio", None):
        theirs = store.of(other).picture(b"photo", decode)
        store.of(other).keep([mine])  # not found under this name: not kept under it either
        store.of(other).forget(mine)
        assert theirs is not mine
    assert store.of("shop").picture(b"photo", decode) is mine
    assert store.usage().count == 1


def test_kept_for_its_time_since_it_was_used_last(decode: Decoder, clock: Clock) -> None:
    store = reuse(clock)
    held = keep(store, b"photo", decode)
    for _ in range(3):
        clock.now += 59
        assert keep(store, b"photo", decode) is held
    clock.now += 60

    assert keep(store, b"photo", decode) is not held
    assert held() is None
    assert decode.count == 2


def test_what_expires_is_let_go_without_being_asked_for(decode: Decoder, clock: Clock) -> None:
    store = reuse(clock)
    held = keep(store, b"photo", decode)
    clock.now += 59
    store.trim()
    assert held() is not None
    clock.now += 1
    store.trim()

    assert held() is None


def test_forgotten_at_once_also_while_it_is_worked_with(decode: Decoder) -> None:
    pictures = reuse().of("shop")
    picture = pictures.picture(b"photo", decode)
    pictures.keep([picture])
    pictures.forget(picture)
    pictures.keep([picture])  # by a request that began before

    assert pictures.reuse.usage().count == 0
    assert pictures.picture(b"photo", decode) is not picture


def test_pictures_of_assets_are_not_kept(decode: Decoder) -> None:
    pictures = reuse().of("shop")
    pictures.keep([Picture(decode(b"photo"))])

    assert pictures.reuse.usage().count == 0


def test_memory_is_bounded_and_the_least_recently_used_goes_first(decode: Decoder) -> None:
    store = reuse(photos=2.5)
    first, second = (keep(store, name, decode) for name in (b"1", b"22"))
    keep(store, b"1", decode)
    third = keep(store, b"333", decode)

    assert (first() is None, second() is None, third() is None) == (False, True, False)
    for size in range(4, 50):
        keep(store, b"x" * size, decode)
        assert store.usage().photos <= 2.5 * PHOTO_BYTES
    assert len(store._shared) == store.usage().count == 2


def test_what_is_prepared_later_counts(decode: Decoder) -> None:
    store = reuse(photos=2)
    picture = store.of("shop").picture(b"photo", decode)
    store.of("shop").keep([picture])
    picture.person(FakePreparation(), CANVAS)
    assert store.usage().prepared > PHOTO_BYTES
    store.trim()

    assert store.usage().count == 0


def test_a_file_that_cannot_be_decoded_leaves_nothing(decode: Decoder) -> None:
    def refuse(data: bytes) -> Photo:
        raise InputError("image-unreadable", "the file is damaged")

    pictures = reuse().of("shop")
    with pytest.raises(InputError):
        pictures.picture(b"photo", refuse)
    pictures.picture(b"photo", decode)

    assert decode.count == 1


def test_two_at_the_same_instant_prepare_once(decode: Decoder) -> None:
    """Both decode, since neither knows of the other yet; then they meet."""
    both, preparation = threading.Barrier(2, timeout=10), FakePreparation()
    found: list[Picture] = []

    def together(data: bytes) -> Photo:
        both.wait()
        return decode(data)

    def work() -> None:
        picture = pictures.picture(b"photo", together)
        both.wait()
        picture.person(preparation, CANVAS)
        found.append(picture)

    pictures = reuse(keep_s=0).of("shop")
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found[0] is found[1]
    assert (decode.count, preparation.counts["person"]) == (2, 1)


def test_the_models_look_at_a_person_once(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real ones. ``photo=flat``: they are not asked whether somebody wears the garment."""
    runs, run = 0, Network.__call__

    def count(network: Network, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        nonlocal runs
        runs += 1
        return run(network, batch)

    monkeypatch.setattr(Network, "__call__", count)
    settings, engines = Settings(models=models, reuse_s=60), registry(FakeEngine(spec=spec()))
    tools = build(settings, engines, EmbeddedPreparation(settings)).tools
    needed = []
    for name in ("tshirt_print", "tshirt_mustard"):
        shirt = (SAMPLES / f"garments/{name}.jpg").read_bytes()
        request = TryOn(person=person_photo(), garments=(GarmentRequest(source=shirt, photo="flat"),))
        before = runs
        try_on(request, choose("warp", engines, settings), tools, Stages())
        needed.append(runs - before)

    assert needed[0] >= 2
    assert needed[1] == 0


def keep(store: Reuse, data: bytes, decode: Decoder) -> weakref.ref[Picture]:
    """Work with a file and leave it there."""
    picture = store.of("shop").picture(data, decode)
    store.of("shop").keep([picture])
    return weakref.ref(picture)
