"""Write the parts of the documentation that the code knows best: settings and engines.

    python -m scripts.render_docs [--check]

``.env.example`` is written whole; in Markdown files the lines between ``<!-- begin: NAME -->`` and
``<!-- end: NAME -->`` are replaced. ``--check`` writes nothing and fails where a file is out of date.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from gateway.config import Settings as GatewaySettings
from inference.config import Settings as InferenceSettings
from inference.engines.idm_vton.activations import Work
from inference.engines.idm_vton.architecture import CANVAS
from inference.engines.idm_vton.memory import make_plan
from inference.engines.idm_vton.profiles import PROFILES, Profile
from inference.engines.idm_vton.sizes import COMPONENTS, PUBLISHED_ARCHITECTURE
from inference.engines.registry import discover

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Setting:
    variable: str
    default: str
    description: str


def settings_of(model: type[BaseSettings]) -> list[Setting]:
    """Every variable that a settings class reads, in its order."""
    prefix = model.model_config.get("env_prefix", "")
    found = []
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        names = [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else []
        variable = next((choice for choice in names if choice.isupper()), f"{prefix}{name}".upper())
        found.append(
            Setting(variable=variable, default=_text(field.default), description=field.description or "")
        )
    return found


def _text(default: object) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def env_example() -> str:
    lines = [
        "# Every setting with its default. Copy to .env and uncomment what you change: `make run` and docker",
        "# compose read that file. Written by `make docs` from inference/config.py and gateway/config.py.",
    ]
    seen: dict[str, str] = {}
    for title, model in (("inference", InferenceSettings), ("gateway", GatewaySettings)):
        lines += ["", f"# --- {title} ---"]
        for setting in settings_of(model):
            if seen.setdefault(setting.variable, setting.default) != setting.default:
                raise ValueError(f"{setting.variable} has two defaults")
            if f"# {setting.variable}={setting.default}" not in lines:  # both services may read one
                lines += ["", f"# {setting.description}", f"# {setting.variable}={setting.default}"]
    return "\n".join(lines) + "\n"


def settings_table(model: type[BaseSettings]) -> str:
    rows = (
        f"| `{setting.variable}` | {_code(setting.default)} | {setting.description} |"
        for setting in settings_of(model)
    )
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def engines_table() -> str:
    header = "| engine | categories | runs on | code / weights | commercial use | VRAM | run for real on |"
    rows = (
        f"| `{spec.name}`{' (preview)' if spec.preview else ''} | {', '.join(sorted(spec.categories))} "
        f"| {', '.join(spec.devices)} | {spec.code_license} / {spec.weights_license} "
        f"| {'yes' if spec.commercial_use else 'no'} | {_memory(spec.vram_mb)} "
        f"| {', '.join(spec.validated_on) or 'nothing yet'} |"
        for spec in discover().in_order(())
    )
    return "\n".join([header, "|---|---|---|---|---|---|---|", *rows])


def _memory(vram_mb: Mapping[str, int]) -> str:
    """Gigabytes of GPU memory by profile; profiles without a GPU need none."""
    profiles = (f"{mb / 1000:.1f} GB (`{profile}`)" for profile, mb in vram_mb.items() if mb)
    return ", ".join(profiles) or "none"


def profiles_table() -> str:
    """What each memory profile of idm-vton keeps where, as its planner computes it."""
    rows = (_profile_row(profile) for profile in PROFILES.values())
    header = "| profile | stays on the GPU | free GPU memory it asks for | host memory | result |"
    return "\n".join([header, "|---|---|---|---|---|", *rows])


def _profile_row(profile: Profile) -> str:
    cpu = profile.name == "cpu"
    work = Work(canvas=CANVAS, number_bytes=4 if cpu else 2)
    plan = make_plan(PUBLISHED_ARCHITECTURE, profile, work)
    stays = (
        "everything"
        if profile.stays == frozenset(COMPONENTS)
        else ", ".join(f"`{part}`" for part in COMPONENTS if part in profile.stays)
    )
    cells = (
        f"`{profile.name}`",
        "no GPU" if cpu else stays,
        "" if cpu else f"{plan.need / 1e9:.1f} GB",
        f"{plan.host / 1e9:.1f} GB",
        f"approximate: {', '.join(plan.approximations)}" if plan.approximations else "exact",
    )
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    return f"`{text}`" if text else "(empty)"


BLOCKS = {
    "README.md": {"engines": engines_table},
    "docs/engines.md": {"engines": engines_table},
    "docs/engines/idm-vton.md": {"profiles": profiles_table},
    "docs/configuration.md": {
        "inference": lambda: settings_table(InferenceSettings),
        "gateway": lambda: settings_table(GatewaySettings),
    },
}


def rendered() -> Iterable[tuple[Path, str]]:
    """Every file with its up-to-date text."""
    yield ROOT / ".env.example", env_example()
    for name, blocks in BLOCKS.items():
        text = (ROOT / name).read_text()
        for block, render in blocks.items():
            text = replace_block(text, block, render())
        yield ROOT / name, text


def replace_block(text: str, block: str, content: str) -> str:
    """``text`` with ``content`` between the marks of ``block``; raises ``ValueError`` without such marks."""
    pattern = re.compile(rf"(<!-- begin: {block} -->\n).*?(<!-- end: {block} -->)", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"expected the block {block!r} exactly once")
    return pattern.sub(lambda match: f"{match[1]}{content}\n{match[2]}", text)


def main() -> int:
    parser = argparse.ArgumentParser(description="settings and engines for the documentation")
    parser.add_argument(
        "--check", action="store_true", help="write nothing, fail where a file is out of date"
    )
    check = parser.parse_args().check
    stale = [(path, text) for path, text in rendered() if not path.is_file() or path.read_text() != text]
    for path, text in stale:
        print(f"{path.relative_to(ROOT)} {'is out of date: run make docs' if check else 'written'}")
        if not check:
            path.write_text(text)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
