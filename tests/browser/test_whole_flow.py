"""From opening the page to a saved picture, with the real services and the real engine."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.browser.conftest import DESKTOP, PHONE, Visitor
from tests.page_visit import GARMENT, PERSON, SAMPLES, Visit


def pixels(picture: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(picture)) as image:
        return np.asarray(image.convert("RGB"))


def assert_dressed(saved: bytes) -> None:
    """The chest has changed, the corners have not: they are the photo's own pixels."""
    before, after = pixels(PERSON.read_bytes()), pixels(saved)
    assert after.shape == before.shape
    changed = (after != before).any(axis=-1)
    height, width = changed.shape
    assert changed[int(0.35 * height) : int(0.5 * height), int(0.4 * width) : int(0.6 * width)].mean() > 0.9
    assert not changed[: height // 20].any()
    assert not changed[-height // 20 :].any()


def press(visit: Visit, selector: str) -> None:
    """With a finger where there is one."""
    if visit.page.evaluate("navigator.maxTouchPoints > 0"):
        visit.page.tap(selector)
    else:
        visit.page.click(selector)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_own_photos(visitor: Visitor, real_url: str, size: dict[str, Any]) -> None:
    visit = visitor(real_url, **size).open()
    page = visit.page
    page.set_input_files("#person-file", PERSON)
    press(visit, "#consent input")
    press(visit, "#consent .primary")
    page.wait_for_selector("#person-coach[data-mood=good]")
    page.set_input_files("#garment-file", GARMENT)
    page.wait_for_selector(".worn-item .coach[data-mood=good]")
    assert page.is_checked(".worn-item .chip input[value=upper]"), "recognised"
    assert not page.locator(".tile input:checked").count(), "one top at a time"
    press(visit, ".go .primary")
    visit.wait("working")
    visit.wait("done")
    assert "AI-made picture" in page.inner_text(".label")
    if size is PHONE:
        box = page.locator(".compare").bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    else:
        page.focus(".compare")
        page.keyboard.press("PageUp")
    assert int(page.input_value(".compare")) > 0
    assert_dressed(visit.saved())


def test_with_the_keyboard_alone(visitor: Visitor, real_url: str) -> None:
    visit = visitor(real_url).open()
    page, keys = visit.page, visit.page.keyboard
    page.on("filechooser", lambda chooser: chooser.set_files(PERSON))
    visit.tab_to(".skip")
    keys.press("Enter")
    visit.tab_to("#person-file")
    keys.press("Enter")
    page.wait_for_selector("#consent[open]")
    visit.tab_to("#consent input")
    keys.press("Space")
    keys.press("Enter")
    page.wait_for_selector("#person-coach[data-mood=good]")
    visit.tab_to(".tile input[data-name='polo_green.jpg']")
    keys.press("Space")
    visit.tab_to(".go .primary")
    keys.press("Enter")
    visit.wait("done")
    assert visit.focused("#stage"), "the result is what comes next"
    visit.tab_to(".compare")
    keys.press("End")
    assert page.get_attribute(".compare", "aria-valuetext") == "photo only"
    visit.tab_to("[data-action=save]")
    with page.expect_download() as download:
        keys.press("Enter")
    assert_dressed(download.value.path().read_bytes())
    assert download.value.suggested_filename.endswith(".png")


def test_what_the_real_coach_says_of_no_person(visitor: Visitor, real_url: str) -> None:
    visit = visitor(real_url).open()
    visit.page.set_input_files("#person-file", SAMPLES / "garments" / "polo_green.jpg")
    visit.consent()
    visit.page.wait_for_selector("#person-coach[data-mood=bad]")
    assert "Nobody was found." in visit.page.inner_text("#person-coach")
    visit.page.click(".go .primary")
    assert visit.message().startswith("Nobody was found in your photo.")


def test_a_reload_picks_up_the_real_job(visitor: Visitor, real_url: str) -> None:
    visit = visitor(real_url).open()
    with visit.page.expect_response("**/events"):
        visit.page.click(".go .primary")
    visit.page.reload()
    visit.wait("done")
    assert visit.page.locator(".result-tools").is_visible()
