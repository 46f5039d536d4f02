"""The page in a real browser; skipped, with the reason, where Chromium or playwright is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway_process import Process, running_gateway
from tests.gateway_stub import PNG, Stub, running_stub

pytestmark = pytest.mark.browser
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

SAMPLES = Path(__file__).parents[2] / "samples"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking")


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


@pytest.fixture(scope="module")
def gateway(stub: Stub) -> Iterator[Process]:
    with running_gateway(stub.url, MAX_FILE_MB=1) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, gateway: Process, stub: Stub) -> Iterator[Any]:
    """The loaded page; complaints of the browser (the CSP's too) and requests elsewhere fail the test."""
    stub.requests.clear()
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    complaints: list[str] = []

    def note(message: Any) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def note_elsewhere(request: Any) -> None:
        if not request.url.startswith((gateway.url, "blob:", "about:")):
            complaints.append(request.url)

    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", note)
    page.on("request", note_elsewhere)
    page.goto(gateway.url)
    page.wait_for_selector(".primary[aria-disabled='false']")
    yield page
    context.close()
    assert complaints == []


def done(page: Any) -> None:
    page.wait_for_selector("#stage[data-state=done]", timeout=10_000)


def test_a_sample_try_on_with_the_mouse(page: Any, stub: Stub) -> None:
    page.click("text=Try it on")
    done(page)
    assert "confidence 0.62" in page.inner_text(".confidence-text")
    assert page.inner_text(".warnings") == "The edge of the hair may look soft."
    assert "preview" in page.inner_text(".honest")
    assert "guarantees no fit" in page.inner_text(".honest")
    with page.expect_download() as download:
        page.click("text=Download PNG")
    assert Path(download.value.path()).read_bytes() == PNG
    assert [request["target"] for request in stub.requests if request["method"] == "POST"] == [
        "/v1/assets",
        "/v1/assets",
        "/v1/tryon",
    ]


def test_a_try_on_with_the_keyboard_alone(page: Any) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "garment-sample":
            break
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.checked")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    done(page)
    assert page.evaluate("document.activeElement.id") == "stage"
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    assert page.get_attribute(".compare", "aria-valuetext") == "original only"
    page.keyboard.press("Home")
    assert page.get_attribute(".compare", "aria-valuetext") == "preview only"


def test_the_next_garment_reuses_the_held_person(page: Any, stub: Stub) -> None:
    page.click("text=Try it on")
    done(page)
    page.check("input[data-name='polo_green.jpg']", force=True)
    page.click("text=Try it on")
    done(page)
    uploads = [request for request in stub.requests if request["target"] == "/v1/assets"]
    assert len(uploads) == 3


def test_own_photos_are_checked_when_chosen(page: Any) -> None:
    page.set_input_files("#person-file", SAMPLES / "people" / "p2_woman__base.jpg")
    page.wait_for_selector("#person-checks .poor")
    assert "768 × 1024: person visible, large enough" in page.inner_text("#person-checks")
    assert "The photo is not sharp." in page.inner_text("#person-checks")


def test_too_large_a_file_is_named_before_it_is_sent(page: Any, stub: Stub) -> None:
    stub.requests.clear()
    page.set_input_files(
        "#garment-file", {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": bytes(1_200_000)}
    )
    assert "This file has 1.2 MB; at most 1 MB are accepted." in page.inner_text(".trouble")
    assert [request for request in stub.requests if request["method"] == "POST"] == []


def test_another_choice_cancels_the_work(page: Any, stub: Stub) -> None:
    stub.left.clear()
    page.route("**/compose", lambda route: route.continue_(url=f"{page.url}v1/patient"))
    page.click("text=Try it on")
    page.wait_for_timeout(300)
    page.check("input[data-name='p1_man__base.jpg']", force=True)
    assert page.get_attribute("#stage", "data-state") == "chosen"
    assert page.get_attribute(".primary", "aria-disabled") == "false"
    assert stub.left.wait(3), "nobody works on a result that nobody waits for"
    assert page.inner_text(".trouble") == ""


def test_a_file_dropped_beside_the_cards_does_not_replace_the_page(page: Any) -> None:
    for kind in ("dragover", "drop"):
        prevented = page.evaluate(
            """type => !document.body.dispatchEvent(new DragEvent(type,
               {bubbles: true, cancelable: true, dataTransfer: new DataTransfer()}))""",
            kind,
        )
        assert prevented


def test_held_photos_are_given_back_on_leaving(page: Any, stub: Stub) -> None:
    page.click("text=Try it on")
    done(page)
    page.goto("about:blank")
    page.wait_for_timeout(300)
    assert [request["target"] for request in stub.requests if request["method"] == "DELETE"] == [
        "/v1/assets/abc"
    ] * 2


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out(page: Any, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.click("text=Try it on")
    done(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_works_without_scripts(browser: Any, gateway: Process) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(gateway.url)
    page.set_input_files("#person-file", SAMPLES / "people" / "p1_man__base.jpg")
    page.set_input_files("#garment-file", SAMPLES / "garments" / "polo_green.jpg")
    with page.expect_response("**/compose") as response:
        page.click("text=Try it on")
    assert response.value.headers["content-type"] == "image/png"
    context.close()
