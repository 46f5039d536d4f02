"""The pictures of the page after a try-on with the samples, taken in Chromium where there is one.

python -m scripts.page_images
"""

from __future__ import annotations

import importlib.util
import io
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from scripts.demo import services

OUT = Path("docs/images")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking")
DONE_WITHIN_MS = 60_000
QUALITY = 85
"""JPEG, colour at full resolution: letters stay sharp, half the size of a PNG."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture: how large a window, which garment, how much of the photo the slider shows in percent."""

    name: str
    width: int
    height: int
    scheme: str
    person: str
    garment: str
    photo: int


SHOTS = (
    Shot(
        name="page-desktop", width=1280, height=800, scheme="light",
        person="p2_woman__base.jpg", garment="tshirt_print.jpg", photo=45,
    ),
    Shot(
        name="page-dark", width=1280, height=800, scheme="dark",
        person="p4_man__base.jpg", garment="polo_green.jpg", photo=0,
    ),
    Shot(
        name="page-phone", width=390, height=844, scheme="light",
        person="p3_woman__base.jpg", garment="longsleeve_stripes.jpg", photo=50,
    ),
)  # fmt: skip


def take(browser: Any, address: str, shot: Shot) -> Image.Image:
    """Choose, press the button, wait for the picture, move the slider."""
    page = browser.new_page(
        viewport={"width": shot.width, "height": shot.height},
        color_scheme=shot.scheme,
        reduced_motion="reduce",
    )
    page.goto(address)
    for name in (shot.person, shot.garment):
        tile = page.locator(f"input[data-name='{name}']")
        if not tile.is_checked():
            tile.press("Space")
    page.click(".go .primary")
    page.wait_for_selector("#room[data-phase=done]", timeout=DONE_WITHIN_MS)
    page.fill(".compare", str(shot.photo))
    page.evaluate("window.scrollTo(0, 0)")
    page.evaluate("document.activeElement.blur()")
    taken = page.screenshot(animations="disabled")
    page.close()
    return Image.open(io.BytesIO(taken)).convert("RGB")


def main() -> None:
    if CHROMIUM is None or importlib.util.find_spec("playwright") is None:
        print("pictures of the page left as they are: they need Chromium and playwright (make setup-dev)")
        return
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as folder,
        services(Path(folder) / "services.log") as address,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        for shot in SHOTS:
            path = OUT / f"{shot.name}.jpg"
            take(browser, address, shot).save(path, quality=QUALITY, subsampling=0)
            print(f"{path}: {path.stat().st_size / 1000:.0f} KB")
        browser.close()


if __name__ == "__main__":
    main()
