"""The documentation says what the code does: settings, errors, engines, commands and links."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

from gateway.config import Settings as GatewaySettings
from inference.config import Settings as InferenceSettings
from inference.engines.registry import discover
from inference.problems import TYPES
from scripts.render_docs import rendered, settings_of

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
SERVICES = (InferenceSettings, GatewaySettings)
SETTINGS = [setting for service in SERVICES for setting in settings_of(service)]
EXAMPLE = dict(re.findall(r"^# (CABINE_\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
ALL_TEXT = "\n".join(page.read_text() for page in PAGES)


@pytest.mark.parametrize(("path", "text"), [pytest.param(*item, id=item[0].name) for item in rendered()])
def test_generated_parts_are_up_to_date(path, text):
    assert path.read_text() == text, "run: make docs"


def test_every_setting_is_in_the_example_file_and_nothing_else():
    assert set(EXAMPLE) == {setting.variable for setting in SETTINGS}
    assert all(setting.description for setting in SETTINGS)


def test_the_example_file_uncommented_gives_the_defaults(monkeypatch):
    for name in [name for name in os.environ if name.startswith("CABINE_")]:
        monkeypatch.delenv(name)
    defaults = [service() for service in SERVICES]
    for name, value in EXAMPLE.items():
        monkeypatch.setenv(name, value)
    assert [service() for service in SERVICES] == defaults


def test_the_table_of_errors_is_that_of_the_code():
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (\d{3}) \| (yes|no) \|", (ROOT / "docs/api.md").read_text(), re.MULTILINE
    )
    documented = {slug: (int(status), retry == "yes") for slug, status, retry in rows}
    assert documented == {slug: (kind.status, kind.retryable) for slug, kind in TYPES.items()}


def test_the_table_of_warnings_is_that_of_the_code():
    sources = [path for folder in ("preprocess", "inference") for path in (ROOT / folder).rglob("*.py")]
    notice = re.compile(r'(?:Notice|Doubt)\(\s*name="([\w-]+)"')
    given = {name for path in sources for name in notice.findall(path.read_text())}
    warnings = (ROOT / "docs/api.md").read_text().partition("## Warnings")[2]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", warnings, re.MULTILINE)) == given


def test_every_engine_is_documented():
    assert discover().entries
    for name in discover().entries:
        assert f"| `{name}`" in (ROOT / "README.md").read_text()
        assert f"## {name}" in (ROOT / "docs/engines.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http:", "https:")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            assert anchor in {
                re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings
            }


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", ALL_TEXT, re.MULTILINE))
    assert named
    assert named <= targets


def test_every_cabine_command_that_is_named_exists():
    from typer.main import get_command

    from inference.cli import app

    named = set(re.findall(r"\bcabine (try|batch|serve|doctor|weights)\b", ALL_TEXT))
    assert named <= set(get_command(app).commands)  # type: ignore[attr-defined]


def test_pictures_are_small():
    pictures = [path for path in (ROOT / "docs").rglob("*") if path.suffix in {".jpg", ".png", ".webp"}]
    assert pictures
    assert all(path.stat().st_size < 300_000 for path in pictures)


def pins(name: str) -> dict[str, str]:
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.!+]+", line) for line in lines)
    return {_normal(line.partition("==")[0]): line.partition("==")[2] for line in lines}


def _normal(package: str) -> str:
    return package.lower().replace("_", "-")


def test_constraints_pin_every_direct_dependency_and_torch_has_its_own_file():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = (re.split(r"[<>=!~ ]", line, maxsplit=1)[0] for lines in extras.values() for line in lines)
    torch = pins("constraints-torch.txt")
    assert set(map(_normal, names)) - set(pins("constraints.txt")) == {"torch"}
    assert set(torch) == {"torch"}
    assert "torch" not in pins("constraints.txt")
    assert pins("constraints-torch-cpu.txt") == {"torch": f"{torch['torch']}+cpu"}
