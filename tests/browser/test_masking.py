"""What will change: seen, painted by any means, sent as it was painted, and kept while it fits the choice."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.browser.conftest import PHONE, Visitor
from tests.page_service import DIFFUSION, ENGINE, SIZE, PageService, service_of
from tests.page_visit import Visit

Mask = NDArray[np.uint8]

MODULES = "/static/app/masking"

REMEMBER_MASK = """
const append = FormData.prototype.append;
FormData.prototype.append = function (name, value, ...rest) {
  if (name === "mask") window.sentMask = value;
  return append.call(this, name, value, ...rest);
};
"""
READ_MASK = """async () => {
  const bytes = new Uint8Array(await window.sentMask.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""


def grey(data: bytes) -> Mask:
    image = Image.open(io.BytesIO(data))
    assert image.mode == "L"
    return np.asarray(image)


def sent_mask(visit: Visit) -> Mask:
    """The mask of the last try-on; Chromium does not show the files of a request."""
    return grey(base64.b64decode(visit.page.evaluate(READ_MASK)))


def open_sheet(visit: Visit) -> None:
    visit.page.click("#stage [data-action=mask]")
    visit.page.wait_for_selector(".mask-tools:not([disabled])")


def choose(visit: Visit, name: str, value: str) -> None:
    visit.page.check(f"#mask [name={name}][value={value}]", force=True)  # it lies unseen over its chip


def press(visit: Visit, action: str) -> None:
    visit.page.click(f"#mask [data-action={action}]")


def use(visit: Visit) -> None:
    press(visit, "use")
    visit.page.wait_for_selector("#mask", state="hidden")


def at(visit: Visit, x: float, y: float) -> tuple[float, float]:
    """A point of the window from shares of the canvas."""
    box = visit.page.locator(".mask-paint").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(visit: Visit, start: tuple[float, float], end: tuple[float, float]) -> None:
    visit.page.mouse.move(*at(visit, *start))
    visit.page.mouse.down()
    visit.page.mouse.move(*at(visit, *end), steps=8)
    visit.page.mouse.up()


def state(visit: Visit) -> str:
    return str(visit.page.inner_text(".mask-state"))


@pytest.fixture
def watched(visitor: Visitor, service: PageService, stub_url: str) -> Visit:
    """A visit whose masks are seen when they are sent."""
    visit = visitor(stub_url)
    visit.context.add_init_script(REMEMBER_MASK)
    return visit.open()


def test_edges_move_by_the_distance(visit: Visit) -> None:
    mask = np.random.default_rng(1).choice([0, 0, 0, 0, 90, 255], (31, 23)).astype(np.uint8)
    script = """async ([module, mask, width, height, directions, distance]) => {
      const { extend, retract } = await import(module);
      const [more, less] = [Uint8Array.from(mask), Uint8Array.from(mask)];
      extend(more, { width, height }, directions, distance);
      retract(less, { width, height }, directions, distance);
      return [[...more], [...less]];
    }"""
    opposite = {"left": "right", "right": "left", "up": "down", "down": "up"}
    for directions in (["left"], ["right"], ["up"], ["down"], ["left", "right", "up", "down"]):
        for distance in (1, 2, 5, 10):
            arguments = [f"{MODULES}/bitmap.js", mask.ravel().tolist(), 23, 31, directions, distance]
            more, less = (np.array(one).reshape(mask.shape) for one in visit.page.evaluate(script, arguments))
            assert (more == reached(mask, directions, distance)).all()
            turned = [opposite[one] for one in directions]
            assert (less == 255 - reached(255 - mask, turned, distance)).all()


def reached(mask: Mask, directions: list[str], distance: int) -> Mask:
    """The same, the slow way."""
    for direction in directions:
        shifts = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}[direction]
        padded = np.pad(mask, distance)
        moved = [np.roll(padded, (n * shifts[0], n * shifts[1]), (0, 1)) for n in range(distance + 1)]
        mask = np.max(moved, axis=0)[distance:-distance, distance:-distance]
    return mask


@pytest.mark.parametrize("size", [(7, 5), (1500, 1400)])
def test_the_file_holds_the_mask_at_the_size_of_the_photo(visit: Visit, size: tuple[int, int]) -> None:
    mask = np.random.default_rng(2).integers(0, 256, (5, 7), dtype=np.uint8)
    script = """async ([modules, mask, width, height]) => {
      const { greyPng, sizeOfPng } = await import(`${modules}/png.js`);
      const { resized } = await import(`${modules}/bitmap.js`);
      const row = resized(Uint8Array.from(mask), { width: 7, height: 5 }, { width, height });
      const blob = await greyPng({ width, height }, row);
      const bytes = new Uint8Array(await blob.arrayBuffer());
      return [btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")), await sizeOfPng(blob)];
    }"""
    data, told = visit.page.evaluate(script, [MODULES, mask.ravel().tolist(), *size])
    written = grey(base64.b64decode(data))
    assert told == {"width": size[0], "height": size[1]}
    wanted = Image.fromarray(mask.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    assert np.abs(written - np.asarray(wanted)).max() <= 0.51


def test_what_will_change_is_shown_and_escape_changes_nothing(watched: Visit) -> None:
    open_sheet(watched)
    assert state(watched).startswith("Found automatically: 18 %")
    drag(watched, (0.1, 0.1), (0.9, 0.1))
    assert state(watched).startswith("Changed by you")
    watched.page.keyboard.press("Escape")
    watched.page.wait_for_selector("#mask", state="hidden")
    assert watched.focused("[data-action=mask]")
    assert not watched.page.is_visible("#own-mask")
    watched.try_on()
    assert watched.page.evaluate("window.sentMask === undefined")


def test_what_is_painted_is_what_is_sent(watched: Visit) -> None:
    open_sheet(watched)
    choose(watched, "mask-tool", "remove")
    drag(watched, (0.3, 0.5), (0.7, 0.5))
    use(watched)
    assert watched.page.inner_text("#own-mask p") == "Only what you marked will change."
    watched.try_on()
    mask = sent_mask(watched)
    assert mask.shape == SIZE[::-1]
    width, height = SIZE
    assert mask[height // 2, int(0.32 * width) : int(0.68 * width)].max() == 0  # wiped out
    assert mask[int(0.4 * height), width // 2] == 255  # as it was found
    assert mask[int(0.1 * height), width // 2] == 0


def test_a_finger_paints(visitor: Visitor, service: PageService, stub_url: str) -> None:
    visit = visitor(stub_url, **PHONE)
    visit.context.add_init_script(REMEMBER_MASK)
    visit.open()
    open_sheet(visit)
    visit.page.touchscreen.tap(*at(visit, 0.5, 0.1))
    use(visit)
    visit.try_on()
    assert sent_mask(visit)[int(0.1 * SIZE[1]), SIZE[0] // 2] == 255


def test_keys_paint_undo_and_repeat(watched: Visit) -> None:
    open_sheet(watched)
    keyboard = watched.page.keyboard
    watched.tab_to(".mask-paint")
    for _ in range(70):
        keyboard.press("ArrowUp")
    keyboard.press(" ")
    for _ in range(12):
        keyboard.press("Shift+ArrowRight")
    assert state(watched).startswith("Changed by you")
    for _ in range(13):
        keyboard.press("Control+z")
    assert state(watched).startswith("Found automatically")
    for _ in range(13):
        keyboard.press("Control+Shift+z")
    watched.tab_to("#mask [data-action=use]")
    keyboard.press("Enter")
    watched.page.wait_for_selector("#mask", state="hidden")
    watched.try_on()
    mask = sent_mask(watched)
    assert mask[0, SIZE[0] // 2] == 255
    assert mask[0].sum() > 255 * 40  # a line, not a dot


def test_buttons_move_the_edges_and_the_automatic_mask_comes_back(watched: Visit) -> None:
    open_sheet(watched)
    found = state(watched)
    press(watched, "grow")
    grown = state(watched)
    press(watched, "shrink")
    assert state(watched) != grown
    watched.page.click("#mask [data-direction=up]")
    press(watched, "reset")
    assert state(watched) == found
    press(watched, "undo")
    assert state(watched).startswith("Changed by you")
    press(watched, "redo")
    use(watched)
    assert not watched.page.is_visible("#own-mask")


def test_nothing_is_no_mask(watched: Visit) -> None:
    open_sheet(watched)
    choose(watched, "mask-tool", "remove")
    watched.page.fill("[name=mask-size]", "25")
    for y in range(25, 75, 3):
        drag(watched, (0.1, y / 100), (0.9, y / 100))
    press(watched, "use")
    assert state(watched) == "Nothing would change: paint where the garment goes."
    assert watched.page.is_visible("#mask")


def test_a_mask_waits_for_the_kind_of_garment_it_was_made_for(
    visitor: Visitor, service: PageService, stub_url: str
) -> None:
    service.service = service_of(DIFFUSION)
    visit = visitor(stub_url)
    visit.context.add_init_script(REMEMBER_MASK)
    visit.open()
    open_sheet(visit)
    press(visit, "grow")
    use(visit)
    visit.page.locator(".tile input[data-category=lower]").first.check(force=True)
    assert "automatic" in visit.page.inner_text("#own-mask p")
    visit.page.locator(".tile input[data-category=upper]:checked").uncheck(force=True)
    visit.try_on()
    assert visit.page.evaluate("window.sentMask === undefined")
    visit.page.locator(".tile input[data-category=upper]").first.check(force=True)
    visit.page.locator(".tile input[data-category=lower]:checked").uncheck(force=True)
    visit.try_on()
    assert sent_mask(visit).any()
    visit.page.click("[data-action=mask-drop]")
    assert not visit.page.is_visible("#own-mask")


def test_two_garments_are_shown_together_and_left_to_the_service(
    visitor: Visitor, service: PageService, stub_url: str
) -> None:
    service.service = service_of(DIFFUSION)
    visit = visitor(stub_url).open()
    visit.page.locator(".tile input[data-category=lower]").first.check(force=True)
    visit.page.click("#stage [data-action=mask]")
    visit.page.wait_for_selector("#mask[data-fixed]")
    assert "With one garment at a time" in state(visit)
    assert len(service.sent("POST", "/v1/preprocess/mask")) == 2
    assert visit.page.locator(".mask-tools[disabled]").count() == 1


@pytest.mark.parametrize("view", ["pose", "parts"])
def test_what_was_read_in_the_photo_is_drawn(visit: Visit, view: str) -> None:
    open_sheet(visit)
    choose(visit, "mask-view", view)
    drawn = """() => {
      const canvas = document.querySelector(".mask-seen");
      if (!canvas.width) return 0;
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, index) => index % 4 === 3 && value > 0).length / (data.length / 4);
    }"""
    visit.page.wait_for_function(f"() => ({drawn})() > {0.9 if view == 'parts' else 0.001}")
    assert visit.page.locator(".mask-tools[disabled]").count() == 1
    choose(visit, "mask-view", "mask")
    assert visit.page.locator(".mask-tools:not([disabled])").count() == 1


def test_the_mask_of_the_result_is_laid_over_it(visit: Visit) -> None:
    visit.try_on()
    button = visit.page.locator("#stage [data-action=mask]")
    assert button.inner_text() == "What changed"
    visit.page.wait_for_selector(".tint", state="hidden")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    visit.page.wait_for_selector(".tint")
    button.click()
    assert not visit.page.is_visible(".tint")


def test_the_drawer_asks_what_the_engine_has_and_remembers(
    visitor: Visitor, service: PageService, stub_url: str
) -> None:
    service.service = service_of(DIFFUSION, ENGINE)
    visit = visitor(stub_url).open()
    visit.page.click("#details summary")
    visit.page.check("#details [name=samples][value='3']", force=True)
    visit.page.check("#details [name=quality][value=fast]", force=True)
    visit.page.fill("#details-seed", "77")
    visit.page.fill("#details-steps", "400")
    assert visit.page.get_attribute("#details-steps", "aria-invalid") == "true"
    visit.try_on()
    asked = {name: service.forms[-1].get(name) for name in ("samples", "quality", "seed", "steps", "engine")}
    assert asked == {"samples": "3", "quality": "fast", "seed": "77", "steps": None, "engine": None}

    visit.page.check("#details [name=engine][value=warp]")
    assert visit.page.locator("#details [data-option]:visible").count() == 0
    visit.try_on()
    assert service.forms[-1]["engine"] == "warp"
    assert "samples" not in service.forms[-1]

    visit.page.check("#details [name=engine][value='']")
    visit.open()
    visit.try_on()
    assert service.forms[-1]["samples"] == "3"
    assert "seed" not in service.forms[-1]  # a seed of another day would draw one picture for ever
    visit.page.click("#details summary")
    visit.page.click("[data-action=details-reset]")
    assert visit.focused("#details summary")
    visit.try_on()
    assert "samples" not in service.forms[-1]


def test_an_engine_that_cannot_run_says_why_and_under_which_licence(
    visitor: Visitor, service: PageService, stub_url: str
) -> None:
    missing: dict[str, Any] = DIFFUSION | {
        "available": False,
        "reason": "its weights are missing",
        "served": [],
    }
    service.service = service_of(missing, ENGINE)
    visit = visitor(stub_url).open()
    visit.page.click("#details summary")
    engine = visit.page.locator(".engine", has=visit.page.locator("[value=idm-vton]"))
    assert engine.locator("input").is_disabled()
    assert "CC BY-NC-SA 4.0. Not for commercial use." in engine.inner_text()
    assert "its weights are missing" in engine.inner_text()
    assert "now Warp" in visit.page.inner_text(".engine")


def test_an_edited_mask_bounds_what_the_real_engine_changes(visitor: Visitor, real_url: str) -> None:
    visit = visitor(real_url)
    visit.page.set_default_timeout(120_000)
    visit.context.add_init_script(REMEMBER_MASK)
    visit.open()
    photo = visit.page.request.get(f"{real_url}{visit.page.get_attribute('.before', 'src')}").body()
    before = np.asarray(Image.open(io.BytesIO(photo)).convert("RGB"))
    visit.try_on()
    free = changed(before, visit.saved())
    visit.page.click("#details summary")
    visit.page.click("#details [data-action=mask-edit]")
    visit.page.wait_for_selector(".mask-tools:not([disabled])")
    choose(visit, "mask-tool", "remove")
    drag(visit, (0.2, 0.55), (0.8, 0.55))
    use(visit)
    visit.try_on()
    bounded, mask = changed(before, visit.saved()), sent_mask(visit)
    assert mask.shape == bounded.shape
    assert free[mask == 0].sum() > 1000  # the stroke went through the garment
    assert not bounded[mask == 0].any()
    assert bounded.any()


def changed(before: NDArray[np.uint8], after: bytes) -> NDArray[np.bool_]:
    pixels = np.asarray(Image.open(io.BytesIO(after)).convert("RGB"))
    return np.asarray((pixels != before).any(axis=-1))
