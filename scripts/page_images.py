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
QUALITY = 90
"""JPEG, colour at full resolution: letters stay sharp, half the size of a PNG."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture: how large a window, which garment, how much of the original the slider shows."""

    name: str
    width: int
    height: int
    scheme: str
    garment: str
    original: int
    whole_page: bool


SHOTS = (
    Shot(
        name="page-desktop", width=1024, height=740, scheme="light",
        garment="tshirt_print.jpg", original=42, whole_page=False,
    ),
    Shot(
        name="page-phone", width=390, height=844, scheme="dark",
        garment="polo_green.jpg", original=30, whole_page=True,
    ),
)  # fmt: skip


def take(browser: Any, address: str, shot: Shot) -> Image.Image:
    """Press the button, wait for the preview, move the slider."""
    page = browser.new_page(
        viewport={"width": shot.width, "height": shot.height},
        color_scheme=shot.scheme,
        reduced_motion="reduce",
    )
    page.goto(address)
    page.check(f"input[data-name='{shot.garment}']", force=True)
    page.wait_for_selector(".primary[aria-disabled='false']")
    page.click("text=Try it on")
    page.wait_for_selector("#stage[data-state=done]", timeout=DONE_WITHIN_MS)
    page.fill(".compare", str(shot.original))
    page.evaluate("window.scrollTo(0, 0)")
    taken = page.screenshot(full_page=shot.whole_page, animations="disabled")
    page.close()
    return Image.open(io.BytesIO(taken)).convert("RGB")


def main() -> None:
    if CHROMIUM is None or importlib.util.find_spec("playwright") is None:
        print("pictures of the page left as they are: they need Chromium and the package playwright")
        return
    from playwright.sync_api import sync_playwright  # a tool of this script alone, in no extra

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
