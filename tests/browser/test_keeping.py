"""What this browser keeps, when it can and when it cannot."""

from __future__ import annotations

from tests.browser.conftest import Visitor
from tests.page_service import PageService
from tests.page_visit import PERSON, Visit

NO_DATABASE = "indexedDB.open = () => { throw new DOMException('cookies are forbidden', 'SecurityError'); };"

# Results in the database of the page: so many, each older than the one before, one of them large.
FILL = """
({ count, bytes, large }) => new Promise((resolve, reject) => {
  const opening = indexedDB.open("cabine");
  const now = Date.now();
  opening.onerror = reject;
  opening.onsuccess = () => {
    const writing = opening.result.transaction("results", "readwrite");
    const blob = (size) => new Blob([new Uint8Array(size)]);
    for (let index = 0; index < count; index += 1) {
      const size = index === large ? bytes : 1;
      const title = `look ${index}`;
      const photo = { title, own: false, source: null, category: "upper", found: null, photo: "auto" };
      writing.objectStore("results").put({
        id: `old-${index}`, created: now - 1000 * (index + 1), pictures: [blob(size)], mask: blob(1),
        thumbnail: blob(1), person: { ...photo, blob: blob(1) }, garments: [{ ...photo, blob: blob(1) }],
      });
    }
    writing.oncomplete = resolve;
    writing.onerror = reject;
  };
})
"""
MB = 2**20

# What a failed try-on leaves behind; and whether anything of that is left.
LEAVE = """
() => new Promise((resolve, reject) => {
  const opening = indexedDB.open("cabine");
  opening.onerror = reject;
  opening.onsuccess = () => {
    const writing = opening.result.transaction("running", "readwrite");
    writing.objectStore("running").put({ id: "job-left" });
    writing.oncomplete = resolve;
  };
})
"""
NOTHING_LEFT = """
new Promise((resolve, reject) => {
  const opening = indexedDB.open("cabine");
  opening.onerror = reject;
  opening.onsuccess = () => {
    const counting = opening.result.transaction("running").objectStore("running").count();
    counting.onsuccess = () => resolve(counting.result === 0);
  };
})
"""


def looks(visit: Visit) -> list[str]:
    """Titles of what is kept, newest first."""
    visit.page.click("[data-action=history]")
    visit.page.wait_for_selector("#looks[open]")
    titles: list[str] = visit.page.locator(".look-title").all_inner_texts()
    visit.page.click("#looks [data-action=close]")
    return titles


def test_a_browser_that_keeps_nothing_shows_the_picture_all_the_same(
    visitor: Visitor, service: PageService, stub_url: str
) -> None:
    visit = visitor(stub_url)
    visit.page.add_init_script(NO_DATABASE)
    visit.open()
    visit.try_on()
    visit.saved()
    visit.page.click("[data-action=history]")
    visit.page.wait_for_selector("#looks[open]")
    assert "Save the pictures" in visit.page.inner_text("#looks-hint")
    assert visit.page.is_hidden("#looks [data-action=clear]")


def test_no_more_than_forty_looks_are_kept(visit: Visit) -> None:
    visit.page.evaluate(FILL, {"count": 41, "bytes": 1, "large": 0})
    visit.try_on()
    kept = looks(visit)
    assert len(kept) == 40
    assert kept[1] == "look 0"
    assert kept[-1] == "look 38"


def test_large_looks_make_room_for_newer_ones(visit: Visit) -> None:
    visit.page.evaluate(FILL, {"count": 4, "bytes": 201 * MB, "large": 2})
    visit.try_on()
    assert looks(visit)[1:] == ["look 0", "look 1"]


def test_a_look_that_is_opened_again_is_chosen_again(visit: Visit) -> None:
    visit.page.check(".model input[data-name='p1_man__base.jpg']", force=True)
    visit.try_on()
    visit.page.check(".model input[data-name='p3_woman__base.jpg']", force=True)
    visit.page.check(".tile input[data-name='polo_green.jpg']", force=True)
    visit.page.click("[data-action=history]")
    visit.page.click(".look-open")
    visit.wait("done")
    assert visit.page.is_checked(".model input[data-name='p1_man__base.jpg']")
    assert visit.page.is_checked(".tile input[data-name='tshirt_print.jpg']")
    assert not visit.page.is_checked(".tile input[data-name='polo_green.jpg']")
    assert visit.focused("#stage")


def test_clearing_all_takes_what_a_failed_try_on_left(visit: Visit, service: PageService) -> None:
    visit.page.evaluate(FILL, {"count": 1, "bytes": 1, "large": 0})
    visit.page.evaluate(LEAVE)
    visit.page.click("[data-action=history]")
    visit.page.click("#looks [data-action=clear]")
    with visit.page.expect_response("**/v1/jobs/job-left"):
        visit.page.click("#looks [data-action=clear]")
    visit.until(NOTHING_LEFT)
    assert "job-left" in service.gone


def test_an_old_photo_is_not_sent_again_without_consent(visit: Visit, service: PageService) -> None:
    visit.page.set_input_files("#person-file", PERSON)
    visit.consent()
    visit.try_on()
    visit.page.evaluate("localStorage.clear()")  # agreed to once, or to other terms
    visit.open()
    service.requests.clear()
    visit.page.click("[data-action=history]")
    visit.page.click(".look-open")
    visit.wait("done")
    visit.page.click(".go .primary")
    visit.page.wait_for_selector("#consent[open]")
    assert service.sent("POST", "/v1/assets") == []
    visit.page.click("#consent [data-action=not-now]")
    assert visit.page.get_attribute("#room", "data-phase") == "done"
    visit.page.click(".go .primary")
    with visit.page.expect_response("**/v1/tryon"):
        visit.consent()
    visit.wait("done")
    assert len(service.sent("POST", "/v1/assets")) == 2
