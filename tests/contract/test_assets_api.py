"""``/v1/assets``: upload once, prepare once, forget in time."""

from __future__ import annotations

import pytest

from inference.config import Settings
from tests.bad_inputs import GARMENT, PERSON, file, garment_photo, person_photo, picture, value
from tests.contract.conftest import SETTINGS, Rig, running


def upload(rig: Rig, data: bytes, kind: str = "person") -> str:
    answer = rig.client.post("/v1/assets", files=[file("image", data), value("kind", kind)])
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/assets/{answer.json()['id']}"
    return str(answer.json()["id"])


def test_says_size_expiry_and_checks(rig: Rig) -> None:
    answer = rig.client.post("/v1/assets", files=[file("image", person_photo())]).json()

    assert (answer["kind"], answer["width"], answer["height"]) == ("person", 768, 1024)
    assert answer["expires"].endswith("Z")
    assert answer["checks"] == {"person_visible": True, "sharp": True, "large_enough": True, "warnings": []}
    assert rig.client.get(f"/v1/assets/{answer['id']}").json() == answer


def test_warns_in_words(rig: Rig) -> None:
    answer = rig.client.post("/v1/assets", files=[file("image", picture("PNG", 300, 400, 128))]).json()

    checks = answer["checks"]
    assert (checks["person_visible"], checks["sharp"], checks["large_enough"]) == (False, False, False)
    assert [warning["name"] for warning in checks["warnings"]] == ["no-person", "blurred", "low-resolution"]


def test_next_garment_on_the_same_person_prepares_only_the_garment() -> None:
    with running(SETTINGS) as rig:
        person = upload(rig, person_photo())
        shirt = upload(rig, garment_photo(), "garment")
        for garment in (GARMENT, GARMENT, value("garment", shirt), value("garment", shirt)):
            answer = rig.client.post("/v1/tryon", files=[value("person", person), garment])
            assert answer.status_code == 200, answer.text

        assert rig.preparation.counts["person"] == 1
        assert rig.preparation.counts["garment"] == 3  # twice as a file, once as an asset
        assert rig.warp.runs == 4


def test_preprocessing_shares_the_preparation() -> None:
    with running(SETTINGS) as rig:
        person = upload(rig, person_photo())
        for step in ("pose", "parse", "mask"):
            answer = rig.client.post(f"/v1/preprocess/{step}", files=[value("person", person)])
            assert answer.status_code == 200, answer.text

        assert rig.preparation.counts["person"] == 1


def test_deleted_means_gone(rig: Rig) -> None:
    person = upload(rig, person_photo())

    assert rig.client.delete(f"/v1/assets/{person}").status_code == 204
    assert rig.client.delete(f"/v1/assets/{person}").status_code == 404
    assert rig.client.post("/v1/tryon", files=[value("person", person), GARMENT]).status_code == 404


def test_expired_is_told_from_unknown() -> None:
    with running(Settings(asset_ttl_s=0.001)) as rig:
        person = upload(rig, person_photo())
        answer = rig.client.post("/v1/tryon", files=[value("person", person), GARMENT])
        again = rig.client.get(f"/v1/assets/{person}")

    assert answer.status_code == again.status_code == 410
    assert answer.json()["type"] == "urn:cabine:error:expired"
    assert answer.json()["field"] == "person"


@pytest.mark.parametrize("settings", [Settings(max_assets=1), Settings(max_assets_mb=3)])
def test_full_store_refuses_and_recovers(settings: Settings) -> None:
    with running(settings) as rig:
        first = upload(rig, person_photo())
        refused = rig.client.post("/v1/assets", files=[file("image", person_photo())])
        sent_along = rig.client.post("/v1/tryon", files=[PERSON, GARMENT])
        rig.client.delete(f"/v1/assets/{first}")
        upload(rig, person_photo())

    assert (refused.status_code, refused.json()["type"]) == (503, "urn:cabine:error:store-full")
    assert int(refused.headers["retry-after"]) > 0
    assert sent_along.status_code == 200


def test_pictures_are_their_owners_alone(rig: Rig) -> None:
    mine, theirs = {"X-Cabine-Key": "shop"}, {"X-Cabine-Key": "studio"}
    answer = rig.client.post("/v1/assets", files=[file("image", person_photo())], headers=mine)
    address = f"/v1/assets/{answer.json()['id']}"
    parts = [value("person", answer.json()["id"]), GARMENT]

    for other in (theirs, {}):
        assert rig.client.get(address, headers=other).status_code == 404
        assert rig.client.delete(address, headers=other).status_code == 404
        refused = rig.client.post("/v1/tryon", files=parts, headers=other)
        assert (refused.status_code, refused.json()["field"]) == (404, "person")
        assert rig.client.post("/v1/preprocess/pose", files=parts[:1], headers=other).status_code == 404
    assert rig.client.post("/v1/tryon", files=parts, headers=mine).status_code == 200
    assert rig.client.post("/v1/preprocess/pose", files=parts[:1], headers=mine).status_code == 200
    assert rig.client.delete(address, headers=mine).status_code == 204


# --- a closer look ---


def look(rig: Rig, asset: str) -> dict[str, object]:
    answer = rig.client.get(f"/v1/assets/{asset}/look")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_closer_look(rig: Rig) -> None:
    garment = look(rig, upload(rig, garment_photo(), "garment"))
    assert garment == {"category": "upper", "refusal": None, "warnings": []}
    person = look(rig, upload(rig, person_photo()))
    assert (person["category"], person["refusal"]) == (None, None)
    names = [warning["name"] for warning in person["warnings"]]  # type: ignore[attr-defined]
    assert names == ["arms-over-torso"], "the fake's body is a line, with its arms on it"


def test_a_closer_look_tells_the_refusal_and_keeps_the_first_warnings(rig: Rig) -> None:
    found = look(rig, upload(rig, picture("PNG", 300, 400, 128)))

    refusal, warnings = found["refusal"], found["warnings"]
    assert isinstance(refusal, dict)
    assert isinstance(warnings, list)
    assert refusal["name"] == "no-person"
    assert [warning["name"] for warning in warnings] == ["blurred", "low-resolution"], (
        "each thing is told once"
    )


def test_a_closer_look_sees_who_wears_the_garment(rig: Rig) -> None:
    found = look(rig, upload(rig, person_photo(), "garment"))
    assert found["category"] is None
    assert [warning["name"] for warning in found["warnings"]] == ["garment-worn"]  # type: ignore[attr-defined]


def test_a_closer_look_prepares_once() -> None:
    with running(SETTINGS) as rig:
        person = upload(rig, person_photo())
        look(rig, person)
        look(rig, person)
        rig.client.post("/v1/preprocess/pose", files=[value("person", person)])
        assert rig.preparation.counts["person"] == 1


def test_only_its_owner_looks_closer(rig: Rig) -> None:
    mine, theirs = {"X-Cabine-Key": "mine"}, {"X-Cabine-Key": "theirs"}
    sent = rig.client.post("/v1/assets", files=[file("image", person_photo())], headers=mine)
    address = f"/v1/assets/{sent.json()['id']}/look"
    assert rig.client.get(address, headers=theirs).status_code == 404
    assert rig.client.get(address, headers=mine).status_code == 200


def test_how_long_things_are_kept_is_told() -> None:
    with running(Settings(asset_ttl_s=60, job_ttl_s=90, jobs_store="memory", max_garments=2)) as rig:
        told = rig.client.get("/v1/engines").json()
    assert told["keeps"] == {"asset_s": 60, "request_s": 0, "job_s": 90, "jobs_on_disk": False}
    assert told["garments"] == 2
