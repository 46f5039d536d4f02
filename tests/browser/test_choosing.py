"""Choosing: photos from a file, a drop, the clipboard, the camera; consent; the coach; kinds of garments."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.browser.conftest import Visitor
from tests.gateway_process import wait_until
from tests.page_service import DIFFUSION, PageService, picture, service_of
from tests.page_visit import GARMENT, PERSON, Visit

PHOTO_IN_PAGE = """encoded => {
  const bytes = Uint8Array.from(atob(encoded), (one) => one.charCodeAt(0));
  window.photoTransfer = () => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "photo.png", { type: "image/png" }));
    return transfer;
  };
}"""


def bring_photo(visit: Visit) -> None:
    """``photoTransfer()`` in the page is what the clipboard, or whoever drops something, holds."""
    visit.page.evaluate(PHOTO_IN_PAGE, base64.b64encode(picture("white")).decode())


def coach_of(visit: Visit) -> str:
    visit.page.wait_for_selector("#person-coach:is([data-mood=good], [data-mood=fair], [data-mood=bad])")
    return str(visit.page.inner_text("#person-coach"))


def choose_own(visit: Visit) -> None:
    visit.page.set_input_files("#person-file", PERSON)
    visit.consent()


# --- one's own photo ---


def test_nothing_is_sent_before_the_visitor_agrees(visit: Visit, service: PageService) -> None:
    visit.page.set_input_files("#person-file", PERSON)
    assert "127.0.0.1" in visit.page.inner_text("#consent li >> nth=0")
    assert "15 minutes" in visit.page.inner_text("#consent li >> nth=1")
    visit.page.click("#consent .primary")
    assert visit.page.is_visible("#consent"), "the tick is asked for"
    visit.page.click("#consent .button")
    assert service.sent("POST", "/v1/assets") == []
    assert visit.page.locator(".model input:checked").count() == 1, "the model stays"
    choose_own(visit)
    assert coach_of(visit) == "Good photo."
    visit.page.reload()
    visit.page.set_input_files("#person-file", PERSON)
    assert coach_of(visit) == "Good photo."
    assert not visit.page.is_visible("#consent"), "asked once"


@pytest.mark.parametrize(
    ("look", "mood", "tip"),
    [
        ({"warnings": [{"name": "arms-over-torso", "detail": ""}]}, "fair", "Arms cover the shirt."),
        ({"warnings": [{"name": "too-dark", "detail": ""}]}, "fair", "Too dark."),
        ({"refusal": {"name": "body-not-visible", "detail": ""}}, "bad", "Step back:"),
    ],
)
def test_the_coach_says_what_to_do(
    visit: Visit, service: PageService, look: dict[str, Any], mood: str, tip: str
) -> None:
    service.looks["person"] = look
    choose_own(visit)
    assert tip in coach_of(visit)
    assert visit.page.get_attribute("#person-coach", "data-mood") == mood


def test_too_large_a_file_is_told_before_it_is_sent(visit: Visit, service: PageService) -> None:
    big = {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": bytes(1_200_000)}
    visit.page.set_input_files("#garment-file", big)
    assert visit.message() == "This file is too large: at most 1 MB are accepted."
    assert service.sent("POST", "/v1/assets") == []


@pytest.mark.parametrize(("place", "kind"), [("body", "person"), ("#garments", "garment")])
def test_paste(visit: Visit, service: PageService, place: str, kind: str) -> None:
    bring_photo(visit)
    visit.page.eval_on_selector(
        place,
        """element => element.dispatchEvent(new ClipboardEvent("paste",
           { bubbles: true, cancelable: true, clipboardData: photoTransfer() }))""",
    )
    visit.consent()
    visit.until("document.querySelector('[data-mood=good]') !== null")
    assert [sent["target"] for sent in service.sent("GET", f"/v1/assets/{kind}")] != []


def test_the_paste_button(visitor: Visitor, service: PageService, stub_url: str) -> None:
    visit = visitor(stub_url, permissions=["clipboard-read", "clipboard-write"]).open()
    visit.page.click("[data-action=paste]")
    assert "no picture in the clipboard" in visit.message()
    bring_photo(visit)
    visit.page.evaluate(
        """() => navigator.clipboard.write(
           [new ClipboardItem({ "image/png": photoTransfer().files[0] })])"""
    )
    visit.page.click("[data-action=paste]")
    visit.consent()
    assert coach_of(visit) == "Good photo."


@pytest.mark.parametrize(("place", "kind"), [(".wall", "person"), (".rack", "garment")])
def test_drop(visit: Visit, service: PageService, place: str, kind: str) -> None:
    bring_photo(visit)
    visit.page.eval_on_selector(
        place,
        """element => element.dispatchEvent(new DragEvent("drop",
           { bubbles: true, cancelable: true, dataTransfer: photoTransfer() }))""",
    )
    visit.consent()
    visit.until("document.querySelector('[data-mood=good]') !== null")
    assert service.sent("GET", f"/v1/assets/{kind}") != []


def test_a_file_dropped_beside_the_places_does_not_replace_the_page(visit: Visit) -> None:
    for kind in ("dragover", "drop"):
        assert visit.page.evaluate(
            """kind => !document.body.dispatchEvent(new DragEvent(kind,
               { bubbles: true, cancelable: true, dataTransfer: new DataTransfer() }))""",
            kind,
        )


# --- the camera ---


def test_a_photo_from_the_camera(visitor: Visitor, service: PageService, stub_url: str) -> None:
    visit = visitor(stub_url, permissions=["camera"]).open()
    page = visit.page
    page.click("[data-action=camera]")
    page.wait_for_selector("#camera[data-state=aim]")
    page.check("#camera [name=timer][value='0']", force=True)
    page.click("#camera [data-action=shoot]")
    page.wait_for_selector("#camera[data-state=look]")
    page.click("#camera [data-action=again]")
    page.click("#camera [data-action=shoot]")
    page.wait_for_selector("#camera[data-state=look]")
    page.click("#camera [data-action=use]")
    visit.consent()
    assert coach_of(visit) == "Good photo."
    assert service.sent("POST", "/v1/assets")[0]["length"] > 5000
    assert page.evaluate("document.querySelector('#camera video').srcObject") is None, "it is off"


def test_a_camera_that_may_not_be_used(visitor: Visitor, service: PageService, stub_url: str) -> None:
    visit = visitor(stub_url, permissions=[]).open()
    visit.page.click("[data-action=camera]")
    visit.page.wait_for_selector("#camera[data-state=fail]")
    assert "may not use the camera" in visit.page.inner_text(".camera-news")
    visit.page.keyboard.press("Escape")
    visit.page.wait_for_selector("#camera", state="hidden")


# --- garments ---


def test_the_kind_of_a_garment_is_found_and_can_be_corrected(
    visitor: Visitor, service: PageService, stub_url: str
) -> None:
    service.service = service_of(DIFFUSION)
    service.looks["garment"] = {"category": "lower"}
    visit = visitor(stub_url).open()
    page = visit.page
    page.set_input_files("#garment-file", GARMENT)
    visit.consent()
    page.wait_for_selector(".worn-item .coach[data-mood=good]")
    assert page.inner_text(".worn-item .coach") == "Good photo. Recognised: Trousers or skirt."
    assert page.is_checked(".worn-item .chip input[value=lower]")
    assert page.is_checked(".tile input[data-name='tshirt_print.jpg']"), "worn together"
    visit.try_on()
    assert service.forms[-1]["category"] == "upper,auto"

    page.check(".worn-item .chip input[value=dress]", force=True)
    assert not page.is_checked(".tile input[data-name='tshirt_print.jpg']")
    assert "made room for" in page.inner_text("#garment-notice")
    visit.try_on()
    assert service.forms[-1]["category"] == "dress"
    page.click(".worn-item .remove")
    page.wait_for_selector(".worn-item", state="detached")


def test_what_nothing_here_can_put_on_is_not_offered(visit: Visit, service: PageService) -> None:
    shown = visit.page.locator(".tile input[data-category]:visible")
    assert {one.get_attribute("data-category") for one in shown.all()} == {"upper"}
    service.looks["garment"] = {"category": "lower"}
    visit.page.set_input_files("#garment-file", GARMENT)
    visit.consent()
    visit.page.wait_for_selector(".worn-item .coach[data-mood=bad]")
    visit.page.click(".go .primary")
    assert visit.message() == (
        "This server cannot try on your garment (Trousers or skirt). Choose something else."
    )
    assert service.forms == []


def test_photos_are_given_back_when_the_page_is_left(visit: Visit, service: PageService) -> None:
    choose_own(visit)
    coach_of(visit)
    visit.page.goto("about:blank")
    [asset] = {one["target"].split("/")[3] for one in service.sent("GET", "/v1/assets/person")}
    wait_until(lambda: asset in service.gone)


def test_a_garment_beyond_the_most_is_not_sent(visit: Visit, service: PageService) -> None:
    service.service = service_of(DIFFUSION) | {"garments": 1}
    visit.open()
    visit.page.set_input_files("#garment-file", GARMENT)
    visit.consent()
    visit.until("document.querySelector('#garment-notice').textContent === 'One garment at a time here.'")
    visit.page.click(".tile input[data-name='trousers_denim.jpg']", force=True)
    assert not visit.page.is_checked(".tile input[data-name='trousers_denim.jpg']")
    visit.try_on()
    assert len(service.sent("POST", "/v1/assets")) == 2, "the model and the sample"


URLS_IN_USE = """
window.urlsInUse = new Set();
const { createObjectURL, revokeObjectURL } = URL;
URL.createObjectURL = (blob) => {
  const url = createObjectURL(blob);
  window.urlsInUse.add(url);
  return url;
};
URL.revokeObjectURL = (url) => {
  window.urlsInUse.delete(url);
  revokeObjectURL(url);
};
"""


def test_a_garment_that_is_removed_leaves_no_photo_in_memory(
    visitor: Visitor, service: PageService, stub_url: str
) -> None:
    visit = visitor(stub_url)
    visit.page.add_init_script(URLS_IN_USE)
    visit.open()
    visit.page.set_input_files("#garment-file", GARMENT)
    visit.consent()
    visit.page.wait_for_selector(".worn .remove")
    assert visit.page.evaluate("window.urlsInUse.size") == 1
    visit.page.click(".worn .remove")
    visit.page.wait_for_selector(".worn .remove", state="detached")
    assert visit.page.evaluate("window.urlsInUse.size") == 0


COUNT_CAMERAS = """
navigator.mediaDevices.getUserMedia = async () => {
  window.camerasStarted = (window.camerasStarted ?? 0) + 1;
  throw new DOMException("none", "NotFoundError");
};
"""


def test_the_camera_is_opened_once_however_often_it_is_asked_for(
    visitor: Visitor, service: PageService, stub_url: str
) -> None:
    visit = visitor(stub_url)
    visit.page.add_init_script(COUNT_CAMERAS)
    visit.open()
    visit.page.evaluate(
        "const button = document.querySelector('[data-action=camera]'); button.click(); button.click();"
    )
    visit.until("document.querySelector('#camera').dataset.state === 'fail'")
    assert visit.page.evaluate("window.camerasStarted") == 1
