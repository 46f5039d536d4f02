"""Settings: read from the environment, frozen, every one described."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from inference.config import Settings
from inference.engines.base import Runtime


def test_defaults_are_those_of_the_design() -> None:
    settings = Settings()

    assert settings.inference_host == "127.0.0.1"
    assert (settings.max_file_bytes, settings.max_pixels_mp, settings.min_side) == (20 * 2**20, 40, 160)
    assert (settings.max_garments, settings.max_samples, settings.max_queue) == (4, 4, 32)
    assert (settings.request_timeout_s, settings.asset_ttl_s) == (300, 1800)
    assert settings.keep_alive_s == 75


def test_environment_with_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CABINE_ENGINES", "idm-vton, warp")
    monkeypatch.setenv("CABINE_ACCEPTED_LICENSES", "")
    monkeypatch.setenv("CABINE_MAX_QUEUE", "3")

    settings = Settings()

    assert (settings.engines, settings.accepted_licenses, settings.max_queue) == (("idm-vton", "warp"), (), 3)


@pytest.mark.parametrize(
    ("name", "given"), [("MAX_QUEUE", "-1"), ("LOG_LEVEL", "loud"), ("MAX_FILE_MB", "big"), ("DEVICE", "gpu")]
)
def test_wrong_values_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, given: str) -> None:
    monkeypatch.setenv(f"CABINE_{name}", given)

    with pytest.raises(ValidationError):
        Settings()


def test_engines_get_their_runtime_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"WEIGHTS": "/disk", "DEVICE": "cuda:1", "MEMORY_PROFILE": "12gb", "DTYPE": "bf16"}
    given |= {"ATTENTION": "math", "COMPILE": "true", "CHANNELS_LAST": "1", "GARMENT_CACHE_MB": "9"}
    for name, value in (given | {"UNCOND_LSE": "yes"}).items():
        monkeypatch.setenv(f"CABINE_{name}", value)

    assert Settings().runtime == Runtime(
        weights=Path("/disk"),
        device="cuda:1",
        profile="12gb",
        dtype="bf16",
        attention="math",
        compile=True,
        channels_last=True,
        garment_cache_mb=9,
        uncond_lse=True,
    )


def test_runtime_of_the_defaults_is_the_default_runtime() -> None:
    assert Settings().runtime == Runtime()


def test_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().max_queue = 1  # type: ignore[misc]


def test_every_setting_says_what_it_is() -> None:
    for name, field in Settings.model_fields.items():
        assert len(field.description or "") > 15, name
