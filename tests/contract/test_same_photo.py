"""The same photo sent again: what is not done twice; what of it stays in memory, for whom and how long."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import pytest

from inference import opening, service
from inference.config import Settings
from preprocess.decode import Limits, decode
from preprocess.types import Garment, Person, Photo
from tests.bad_inputs import PAIR, PERSON, Part, file, garment_photo, noise_png, person_photo, value
from tests.contract.conftest import Rig, running, until
from tests.contract.test_jobs import ASYNC, finished
from tests.contract.test_metrics import at, scrape
from tests.fakes import FakePreparation

OTHER = file("garment", noise_png(300, 400))
KEPT = Settings(engine="warp", reuse_s=300)
SHOP = {"X-Cabine-Key": "shop"}


@dataclass(kw_only=True)
class Watched(FakePreparation):
    """Remembers the photos it saw, without holding them."""

    photos: list[weakref.ref[Photo]] = field(default_factory=list)

    def person(self, photo: Photo, canvas: tuple[int, int]) -> Person:
        self.photos.append(weakref.ref(photo))
        return super().person(photo, canvas)

    def garment(self, photo: Photo, *, category: str) -> Garment:
        self.photos.append(weakref.ref(photo))
        return super().garment(photo, category=category)

    def forgotten(self) -> bool:
        gc.collect()
        return all(photo() is None for photo in self.photos)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Files that were decoded for requests."""
    files = []

    def count(data: bytes, limits: Limits) -> Photo:
        files.append(data)
        return decode(data, limits)

    monkeypatch.setattr(opening, "decode", count)
    return files


@pytest.fixture
def kept() -> Iterator[Rig]:
    with running(KEPT, Watched()) as rig:
        yield rig


def try_on(rig: Rig, *parts: Part, headers: dict[str, str] | None = None) -> httpx.Response:
    answer = rig.client.post("/v1/tryon", files=list(parts or PAIR), headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def stages(rig: Rig, decoded: list[bytes]) -> Counter[str]:
    """How often each stage of preparation was really done."""
    return rig.preparation.counts + Counter(decode=len(decoded), agnostic=len(rig.preparation.algorithms))


def test_the_second_request_for_a_person_does_less_than_two_thirds(kept: Rig, decoded: list[bytes]) -> None:
    first = try_on(kept)
    before = stages(kept, decoded)
    try_on(kept, PERSON, OTHER)
    added = stages(kept, decoded) - before

    assert before.total() >= 1.5 * added.total()
    assert added == {"decode": 1, "garment": 1, "person_score": 1}  # of the other garment
    assert try_on(kept).content == first.content
    assert stages(kept, decoded) == before + added


def test_requests_and_jobs_share(kept: Rig, decoded: list[bytes]) -> None:
    try_on(kept)
    job = kept.client.post("/v1/tryon", files=list(PAIR), headers=ASYNC).headers["location"]
    assert finished(kept, job)["state"] == "succeeded"
    assert kept.client.post("/v1/preprocess/parse", files=[PERSON]).status_code == 200  # a canvas of its own
    assert len(decoded) == 2


def test_what_a_job_prepared_serves_requests_of_its_key(kept: Rig, decoded: list[bytes]) -> None:
    answer = kept.client.post("/v1/tryon", files=list(PAIR), headers={**ASYNC, **SHOP})
    assert finished(kept, answer.headers["location"], SHOP)["state"] == "succeeded"
    before = stages(kept, decoded)
    try_on(kept, headers=SHOP)
    assert stages(kept, decoded) == before
    try_on(kept)

    assert kept.preparation.counts["person"] == 2


def test_by_default_nothing_of_a_request_stays(decoded: list[bytes]) -> None:
    preparation = Watched()
    with running(Settings(engine="warp"), preparation) as rig:
        for _ in range(2):
            try_on(rig)
            until(preparation.forgotten)

    assert preparation.counts["person"] == preparation.counts["garment"] == 2
    assert len(decoded) == 4


def test_by_default_those_that_run_at_the_same_time_prepare_once() -> None:
    preparation = Watched()
    with (
        running(Settings(engine="warp", concurrency=2), preparation) as rig,
        ThreadPoolExecutor(2) as clients,
    ):
        rig.warp.gate.clear()
        answers = [clients.submit(try_on, rig)]
        until(rig.warp.started.is_set)
        answers.append(clients.submit(try_on, rig))
        until(lambda: rig.service.tools.reuse.lookups["shared"] == 2)
        rig.warp.gate.set()

        assert answers[0].result().content == answers[1].result().content
        assert preparation.counts["person"] == preparation.counts["garment"] == 1
        until(preparation.forgotten)


def test_keys_share_nothing(kept: Rig) -> None:
    try_on(kept, headers=SHOP)
    for headers in ({"X-Cabine-Key": "studio"}, None):
        before = kept.preparation.counts.copy()
        try_on(kept, headers=headers)
        assert kept.preparation.counts["person"] == before["person"] + 1
        assert kept.preparation.counts["garment"] == before["garment"] + 1
    try_on(kept, headers=SHOP)

    assert kept.preparation.counts["person"] == 3


def test_forgotten_in_time_where_nobody_asks_for_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "FORGET_S", 0.01)
    preparation = Watched()
    with running(Settings(engine="warp", reuse_s=0.05), preparation) as rig:
        try_on(rig)
        until(preparation.forgotten)

    assert len(preparation.photos) == 2


def test_assets_too_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "FORGET_S", 0.01)
    with running(Settings(engine="warp", asset_ttl_s=0.05)) as rig:
        rig.client.post("/v1/assets", files=[file("image", person_photo())])
        until(lambda: not rig.service.assets._assets)


def test_deleting_an_asset_deletes_what_is_kept_of_its_file(kept: Rig) -> None:
    answer = kept.client.post("/v1/assets", files=[file("image", person_photo())], headers=SHOP)
    try_on(kept, headers=SHOP)
    try_on(kept, value("person", answer.json()["id"]), OTHER, headers=SHOP)
    kept.client.delete(answer.headers["location"], headers=SHOP)
    before = kept.preparation.counts["person"]
    try_on(kept, headers=SHOP)

    assert kept.preparation.counts["person"] == before + 1


def test_an_asset_lives_no_longer_than_it_says(kept: Rig) -> None:
    """What is made of it is never kept with the files of requests."""
    asset = kept.client.post("/v1/assets", files=[file("image", person_photo())])
    shirt = kept.client.post("/v1/assets", files=[file("image", garment_photo()), value("kind", "garment")])
    try_on(kept, value("person", asset.json()["id"]), value("garment", shirt.json()["id"]))

    assert kept.service.tools.reuse.usage().count == 0


@pytest.mark.parametrize("policy", ["tests.fakes:RefuseGarments", "tests.policies:RefuseResults"])
def test_what_the_policy_refuses_is_not_kept(policy: str) -> None:
    with running(KEPT.model_copy(update={"policy": policy})) as rig:
        answer = rig.client.post("/v1/tryon", files=list(PAIR))

        assert answer.json()["type"] == "urn:cabine:error:content-refused"
        assert rig.service.tools.reuse.usage().count == 0


def test_metrics_tell_of_it(kept: Rig) -> None:
    for _ in range(3):
        try_on(kept)
    found = scrape(kept.client)

    lookups = {kind: at(found, "cabine_reuse_lookups_total", found=kind) for kind in ("shared", "new")}
    assert lookups == {"shared": 4, "new": 2}
    assert at(found, "cabine_reuse_pictures") == 2
    assert at(found, "cabine_reuse_photo_bytes") > 768 * 1024 * 3
    assert at(found, "cabine_reuse_prepared_bytes") > 0
