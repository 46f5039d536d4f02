"""For everybody: nothing serious for axe-core in any state, light and dark; visible focus; little motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.keys import digest_of, new_secret
from tests.browser.conftest import PHONE, Visitor
from tests.gateway_process import running_gateway
from tests.page_service import DIFFUSION, ENGINE, PageService, Refusal, picture, service_of
from tests.page_visit import GARMENT, PERSON, Visit

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
)


def assert_nothing_serious(visit: Visit) -> None:
    for scheme in ("light", "dark"):
        visit.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = axe.Axe().run(visit.page).response["violations"]
        grave = [
            (scheme, one["id"], [node["target"] for node in one["nodes"]])
            for one in found
            if one["impact"] in {"serious", "critical"}
        ]
        assert grave == []


def consent_asked(visit: Visit, service: PageService) -> None:
    visit.page.set_input_files("#person-file", PERSON)
    visit.page.wait_for_selector("#consent[open]")


def chosen(visit: Visit, service: PageService) -> None:
    service.looks["person"] = {"warnings": [{"name": "arms-over-torso", "detail": ""}]}
    service.looks["garment"] = {"category": "lower"}
    visit.page.set_input_files("#person-file", PERSON)
    visit.consent()
    visit.page.set_input_files("#garment-file", GARMENT)
    visit.page.wait_for_selector("#person-coach[data-mood=fair]")
    visit.page.wait_for_selector(".worn-item .coach[data-mood=good]")


def working(visit: Visit, service: PageService) -> None:
    service.finish.clear()
    service.told = [("started", {"state": "running"})]
    service.previews = True
    visit.page.click(".go .primary")
    visit.page.wait_for_selector(".sketch:not([hidden])")


def done(visit: Visit, service: PageService) -> None:
    service.pictures = (picture("teal"), picture("maroon"))
    visit.try_on()
    visit.page.fill(".compare", "50")


def zoomed(visit: Visit, service: PageService) -> None:
    visit.try_on()
    visit.page.click("[data-action=zoom]")
    visit.page.wait_for_selector("#zoom[open]")


def looks(visit: Visit, service: PageService) -> None:
    visit.try_on()
    visit.page.click("[data-action=history]")
    visit.page.wait_for_selector("#looks[open] .look")


def mask_editor(visit: Visit, service: PageService) -> None:
    visit.page.click("#stage [data-action=mask]")
    visit.page.wait_for_selector(".mask-tools:not([disabled])")


def camera(visit: Visit, service: PageService) -> None:
    visit.page.click("[data-action=camera]")
    visit.page.wait_for_selector("#camera[data-state=aim]")


def drawer(visit: Visit, service: PageService) -> None:
    visit.page.click("#details summary")
    visit.page.wait_for_selector("[data-option=steps]:not([hidden])")


def in_trouble(visit: Visit, service: PageService) -> None:
    visit.expect("status of 500")
    service.refusals = [Refusal(status=500, slug="internal")]
    visit.page.click(".go .primary")
    visit.message()


STATES = (consent_asked, chosen, working, done, zoomed, looks, mask_editor, camera, drawer, in_trouble)


@pytest.mark.parametrize("reach", STATES, ids=lambda reach: reach.__name__)
def test_nothing_serious(
    visitor: Visitor, service: PageService, stub_url: str, reach: Callable[[Visit, PageService], None]
) -> None:
    service.service = service_of(DIFFUSION, ENGINE | {"available": False, "reason": "Run make models."})
    visit = visitor(stub_url, permissions=["camera"], reduced_motion="reduce").open()
    reach(visit, service)
    assert_nothing_serious(visit)


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])
def test_nothing_serious_at_first_sight(
    visitor: Visitor, service: PageService, stub_url: str, size: dict[str, Any]
) -> None:
    assert_nothing_serious(visitor(stub_url, **size).open())


def test_nothing_serious_at_the_door(visitor: Visitor, service: PageService) -> None:
    with running_gateway(service.url, API_KEYS=f"shop:{digest_of(new_secret())}") as gateway:
        visit = visitor(gateway.url)
        visit.page.goto(gateway.url)
        visit.page.fill("#key", "wrong")
        visit.page.click("text=Come in")
        visit.page.wait_for_selector("[role=alert]")
        assert_nothing_serious(visit)


def test_nothing_serious_without_scripts(visitor: Visitor, service: PageService, stub_url: str) -> None:
    """axe itself is a script: the page is made as it looks without, with its own scripts stopped."""
    visit = visitor(stub_url)
    visit.expect("ERR_FAILED")
    visit.page.route("**/app/*.js", lambda route: route.abort())
    visit.page.goto(stub_url)
    assert_nothing_serious(visit)


OUTLINED = """() => {
  const { activeElement } = document;
  const around = [activeElement, ...(activeElement.labels ?? []),
    activeElement.closest(".picture, .tile, .model")];
  const styles = around.filter(Boolean).map((one) => getComputedStyle(one));
  return styles.some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
}"""


COVERED = """() => {
  const { left, top, width, height } = document.activeElement.getBoundingClientRect();
  const seen = document.elementFromPoint(left + width / 2, top + height / 2);
  return seen?.closest(".go") !== null && !document.activeElement.closest(".go");
}"""


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])
def test_the_focus_is_seen_wherever_tab_leads(
    visitor: Visitor, service: PageService, stub_url: str, size: dict[str, Any]
) -> None:
    visit = visitor(stub_url, **size).open()
    visit.page.click("#details summary")
    visit.page.focus(".wordmark")
    seen: list[str] = []
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        if visit.focused("body"):
            break
        name = visit.page.evaluate("document.activeElement.outerHTML.slice(0, 120)")
        assert visit.page.evaluate(OUTLINED), name
        assert not visit.page.evaluate(COVERED), name
        seen.append(name)
    assert len(seen) > 15


def test_whoever_wants_no_motion_gets_none(visitor: Visitor, service: PageService, stub_url: str) -> None:
    visit = visitor(stub_url, reduced_motion="reduce").open()
    visit.page.click(".go .primary")
    visit.wait("done")
    assert visit.page.evaluate("document.getAnimations().length") == 0


def test_what_happens_is_told_to_screen_readers(visit: Visit, service: PageService) -> None:
    service.finish.clear()
    visit.page.click(".go .primary")
    visit.until("document.querySelector('.news[role=status]').textContent !== ''")
    assert visit.page.get_attribute("#stage", "aria-busy") == "true"
    service.finish.set()
    visit.wait("done")
    assert visit.page.inner_text(".news[role=status]") == "Your picture is ready."
    assert visit.page.get_attribute("#stage", "aria-busy") == "false"
    assert "T-shirt" in (visit.page.get_attribute(".after", "alt") or "")
