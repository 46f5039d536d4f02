"""Outfits and worn garments over HTTP, by the real preparation and the real ``warp``."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from inference.app import create_app
from inference.config import Settings
from inference.embedded import EmbeddedPreparation
from inference.engines.registry import discover
from tests.bad_inputs import Part, file, value
from tests.contract.conftest import listening, wait_until_settled

JSON = {"accept": "application/json"}
SETTINGS = Settings(engine="warp", reuse_s=300)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    app = create_app(SETTINGS, registry=discover(), preparation=EmbeddedPreparation(SETTINGS))
    with listening(app) as url, httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        wait_until_settled(client)
        yield client


def sample(field: str, name: str) -> Part:
    return file(field, (Path("samples") / f"{name}.jpg").read_bytes())


def ask(client: httpx.Client, *parts: Part) -> httpx.Response:
    person = sample("person", "people/p4_man__base")
    return client.post("/v1/tryon", files=[person, *parts], headers=JSON)


def mask_of(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(answer.json()["mask"]))))


def test_an_outfit_is_one_result_in_whichever_order_it_is_sent(client: httpx.Client) -> None:
    top, trousers = sample("garment", "garments/tshirt_print"), sample("garment", "garments/trousers_denim")

    together, turned = ask(client, top, trousers), ask(client, trousers, top)
    alone = [mask_of(ask(client, garment)) for garment in (top, trousers)]

    whole = mask_of(together)
    assert together.json()["images"] == turned.json()["images"]
    assert len(together.json()["images"]) == 1
    for mask in alone:
        assert (whole[mask > 250] > 200).mean() > 0.9
    assert whole.astype(bool).sum() > 1.2 * max(mask.astype(bool).sum() for mask in alone)


@pytest.mark.parametrize("categories", [("auto", "auto"), ("upper", "upper"), ("auto", "upper")])
def test_two_tops_cannot_be_worn_together(client: httpx.Client, categories: tuple[str, str]) -> None:
    """Said by the caller, or seen once they are cut out."""
    parts = [sample("garment", "garments/tshirt_print"), sample("garment", "garments/polo_green")]

    answer = ask(client, *parts, *(value("category", category) for category in categories))

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:cabine:error:category-conflict")
    assert "garment[0] (upper) and garment[1] (upper)" in answer.json()["detail"]


@pytest.mark.parametrize("other", ["tshirt_print", "skirt_navy"])
def test_a_dress_leaves_no_room_for_a_top_or_a_skirt(client: httpx.Client, other: str) -> None:
    dress = sample("garment", "garments/dress_floral")

    alone, both = ask(client, dress), ask(client, dress, sample("garment", f"garments/{other}"))

    assert mask_of(alone).any()
    assert (both.status_code, both.json()["type"]) == (422, "urn:cabine:error:category-conflict")
    assert "garment[0] (dress) and garment[1]" in both.json()["detail"]


def test_a_garment_comes_off_the_person_who_wears_it(client: httpx.Client) -> None:
    worn = sample("garment", "people/p1_man__tshirt_print")

    seen, said = ask(client, worn), ask(client, worn, value("photo", "worn"), value("category", "upper"))

    assert mask_of(seen).any()
    assert seen.json()["images"] == said.json()["images"]


def test_worn_and_flat_garments_make_an_outfit(client: httpx.Client) -> None:
    parts = [
        *(sample("garment", name) for name in ("people/p1_man__tshirt_print", "garments/trousers_denim")),
        *(value("photo", kind) for kind in ("worn", "flat")),
    ]

    assert mask_of(ask(client, *parts)).any()


def test_a_worn_garment_that_is_not_there_is_refused_with_the_fix(client: httpx.Client) -> None:
    product = sample("garment", "garments/polo_green")

    nobody = ask(client, product, value("photo", "worn"))
    cropped = ask(client, sample("garment", "people/p1_man__base"), value("category", "lower"))

    for answer, slug in ((nobody, "no-person"), (cropped, "body-not-visible")):
        assert (answer.status_code, answer.json()["type"]) == (422, f"urn:cabine:error:{slug}")
        assert answer.json()["field"] == "garment"
        assert "send" in answer.json()["detail"]
