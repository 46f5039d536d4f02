"""``cabine weights pull``: the real client of the hub, the real engine, a tiny checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inference.cli import app
from inference.engines.idm_vton.spec import CONVERTED_UNET, FILES, PICKLED_UNET
from inference.weights import cli as weights_cli
from inference.weights.hub import HuggingFaceHub
from tests.fake_hub import HubServer, serve_hub

pytest.importorskip("torch", reason="torch is not installed: make test TORCH=yes")
pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: make test TORCH=yes")

from tests.idm_vton_checkpoint import make_checkpoint  # noqa: E402 - after the check for torch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub that publishes a tiny checkpoint as the real one does: the try-on UNet as a pickle."""
    published = make_checkpoint(tmp_path / "published", pickled_unet=True)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("CABINE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("CABINE_DEVICE", "cpu")
    monkeypatch.chdir(ROOT)
    with serve_hub("yisol/IDM-VTON", {path: (published / path).read_bytes() for path in FILES}) as running:
        monkeypatch.setattr(weights_cli, "HuggingFaceHub", lambda: HuggingFaceHub(running.endpoint))
        yield running


def test_from_the_hub_to_a_picture(server: HubServer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["weights", "pull", "idm-vton", "--accept-license", "--delete-pickle"])

    assert result.exit_code == 0, result.output
    folder = tmp_path / "weights" / "idm-vton" / "base"
    assert (folder / CONVERTED_UNET).exists()
    assert not (folder / PICKLED_UNET).exists()
    assert "Cabine self-test: idm-vton, upper: passed" in result.output
    assert "per step: -" not in result.output
    report = result.output.partition("Cabine self-test")[2]
    assert "torch" in report
    assert str(tmp_path) not in report

    again = CliRunner().invoke(app, ["weights", "verify", "idm-vton"])

    assert again.exit_code == 0, again.output
    assert "complete and unchanged, from yisol/IDM-VTON at 0123456789ab" in again.output
    assert "idm-vton" in CliRunner().invoke(app, ["engines"]).output
