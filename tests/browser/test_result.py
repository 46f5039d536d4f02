"""The result: comparing, looking closer, choosing among several, saving, earlier ones."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from tests.browser.conftest import PHONE, Visitor
from tests.page_service import SIZE, PageService, picture
from tests.page_visit import Visit


def value_of(visit: Visit) -> int:
    return int(visit.page.input_value(".compare"))


def middle_of(visit: Visit) -> tuple[float, float, float]:
    """x and y of the picture's middle, and its width."""
    box = visit.page.locator(".compare").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"]


def test_the_slider_follows_the_mouse(visit: Visit) -> None:
    visit.try_on()
    x, y, width = middle_of(visit)
    visit.page.mouse.move(x - width / 2 + 4, y)
    visit.page.mouse.down()
    visit.page.mouse.move(x, y, steps=4)
    visit.page.mouse.up()
    assert 40 < value_of(visit) < 60
    assert visit.page.eval_on_selector(".picture", "box => box.classList.contains('mixed')")


def test_the_slider_follows_a_finger(visitor: Visitor, service: PageService, stub_url: str) -> None:
    visit = visitor(stub_url, **PHONE).open()
    visit.try_on()
    x, y, width = middle_of(visit)
    visit.page.touchscreen.tap(x + width / 4, y)
    assert 60 < value_of(visit) < 90


def test_the_slider_follows_keys_and_says_what_it_shows(visit: Visit) -> None:
    visit.try_on()
    visit.page.focus(".compare")
    visit.page.keyboard.press("End")
    assert visit.page.get_attribute(".compare", "aria-valuetext") == "photo only"
    visit.page.keyboard.press("ArrowLeft")
    assert visit.page.get_attribute(".compare", "aria-valuetext") == "99 percent photo"
    visit.page.keyboard.press("Home")
    assert visit.page.get_attribute(".compare", "aria-valuetext") == "preview only"


def test_what_is_said_of_the_result(visit: Visit) -> None:
    visit.try_on()
    assert visit.page.get_attribute(".confidence", "data-level") == "middle"
    assert visit.page.inner_text(".notes li") == "The neckline is a guess."
    assert "not the size or the fit" in visit.page.inner_text(".label")


@pytest.mark.parametrize(("action", "format"), [("save", "PNG"), ("save-jpeg", "JPEG")])
def test_a_saved_picture_is_the_result(visit: Visit, action: str, format: str) -> None:
    visit.try_on()
    with Image.open(io.BytesIO(visit.saved(action))) as saved:
        assert (saved.format, saved.size) == (format, SIZE)
        teal = saved.convert("RGB").getpixel((9, 9))
    assert all(abs(one - other) < 6 for one, other in zip(teal, (0, 128, 128), strict=True))


def test_several_pictures_to_choose_from(visit: Visit, service: PageService) -> None:
    service.pictures = tuple(picture(colour) for colour in ("teal", "maroon", "navy"))
    visit.try_on()
    assert visit.page.locator(".sample input").count() == 3
    visit.page.focus(".sample input:checked")
    visit.page.keyboard.press("ArrowRight")
    assert visit.saved() == picture("maroon")


def test_zoom_by_buttons_keys_wheel_and_drag(visit: Visit) -> None:
    visit.try_on()
    page = visit.page
    page.click("[data-action=zoom]")
    visit.until("document.querySelector('#zoom output').textContent !== ''")

    def size() -> int:
        return int(page.inner_text("#zoom output").split()[0])

    def grown(act: Callable[[], Any]) -> bool:
        before = size()
        act()
        visit.until(f"!document.querySelector('#zoom output').textContent.startsWith('{before} ')")
        return size() > before

    assert grown(lambda: page.click("#zoom [data-action=closer]"))
    assert grown(lambda: page.keyboard.press("+"))
    page.hover(".zoom-view")
    assert grown(lambda: page.mouse.wheel(0, -300))
    assert not grown(lambda: page.keyboard.press("0"))
    page.click("#zoom [data-action=flip]")
    assert page.get_attribute("#zoom [data-action=flip]", "aria-pressed") == "true"
    page.keyboard.press("Escape")
    page.wait_for_selector("#zoom", state="hidden")
    assert visit.focused("[data-action=zoom]")


def test_another_garment_keeps_the_person(visit: Visit, service: PageService) -> None:
    visit.try_on()
    visit.page.click("[data-action=another]")
    visit.page.check(".tile input[data-name='polo_green.jpg']", force=True)
    visit.try_on()
    first, second = service.forms
    assert first["person"] == second["person"]
    assert first["garment"] != second["garment"]


def test_looks_are_kept_in_this_browser_and_nowhere_else(visit: Visit, service: PageService) -> None:
    visit.try_on()
    assert service.jobs[0] in service.gone, "the server has nothing of it any more"
    visit.page.check(".tile input[data-name='polo_green.jpg']", force=True)
    service.pictures = (picture("maroon"),)
    visit.try_on()
    visit.page.reload()
    visit.page.click("[data-action=history]")
    visit.page.wait_for_selector("#looks[open]")
    assert visit.page.locator(".look").count() == 2
    visit.page.click(".look >> nth=1 >> .look-open")
    visit.wait("done")
    assert visit.saved() == picture("teal")
    assert visit.page.is_checked(".tile input[data-name='tshirt_print.jpg']")


def test_looks_can_be_removed_one_by_one_and_all_at_once(visit: Visit) -> None:
    for _ in range(3):
        visit.try_on()
        visit.page.check(".tile input[data-name='polo_green.jpg']", force=True)
    visit.page.click("[data-action=history]")
    visit.page.click(".look >> nth=0 >> .remove")
    visit.page.wait_for_function("document.querySelectorAll('.look').length === 2")
    for _ in range(2):
        visit.page.click("#looks [data-action=clear]")
    visit.page.wait_for_selector(".look", state="detached")
    visit.page.click("#looks [data-action=close]")
    visit.page.reload()
    visit.page.click("[data-action=history]")
    visit.page.wait_for_selector(".looks-empty")
    assert visit.page.locator(".look").count() == 0
