"""How large the page is, and that nothing sticks out of it or moves by itself at any width."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Visitor
from tests.page_service import PageService
from tests.page_visit import PERSON

FIRST_LOAD = 150_000
THUMBNAIL = 15_000
"""Bytes over the network."""


def test_the_first_load_is_small(visitor: Visitor, service: PageService, stub_url: str) -> None:
    visit = visitor(stub_url)
    loaded: list[Any] = []
    visit.page.on("requestfinished", lambda request: loaded.append(request))
    visit.open()
    visit.page.wait_for_load_state("networkidle")
    sizes = {one.url: one.sizes()["responseBodySize"] for one in loaded}
    pictures = {url: size for url, size in sizes.items() if "/samples/" in url}
    assert len(sizes) - len(pictures) > 20, "page, styles, scripts"
    assert sum(sizes.values()) - sum(pictures.values()) < FIRST_LOAD
    thumbnails = {url: size for url, size in pictures.items() if url.endswith("/thumbnail")}
    assert len(thumbnails) == 12
    assert max(thumbnails.values()) < THUMBNAIL


@pytest.mark.parametrize("width", [320, 390, 768, 1440, 3840])
def test_nothing_sticks_out(visitor: Visitor, service: PageService, stub_url: str, width: int) -> None:
    visit = visitor(stub_url, viewport={"width": width, "height": 800}).open()
    page = visit.page

    def check(what: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= width, what
        inside = "dialog => dialog.scrollWidth <= dialog.clientWidth && dialog.offsetWidth <= innerWidth"
        for dialog in page.locator("dialog[open]").all():
            assert dialog.evaluate(inside), what

    check("empty")
    page.set_input_files("#person-file", PERSON)
    check("consent")
    visit.consent()
    page.click("#details summary")
    check("details")
    visit.try_on()
    check("result")
    for action, dialog in (("zoom", "#zoom"), ("history", "#looks")):
        page.click(f"[data-action={action}]")
        page.wait_for_selector(f"{dialog}[open]")
        check(action)
        page.keyboard.press("Escape")
    page.click("#details [data-action=mask-edit]")
    page.wait_for_selector(".mask-tools:not([disabled])")
    check("mask")
