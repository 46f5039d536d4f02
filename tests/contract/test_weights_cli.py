"""``cabine weights`` as a user types it, with a hub that is not there."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inference.cli import app
from inference.console import REFUSED, UNAVAILABLE
from inference.engines.idm_vton.spec import FILES, PICKLED_UNET
from inference.weights import cli as weights_cli
from inference.weights.selftest import Report
from tests.fake_hub import COMMIT, FakeHub, digest, lay_out

PUBLISHED = {path: path.encode() * 50 for path in FILES}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeHub:
    """Every command gets this hub, and an empty folder of weights."""
    monkeypatch.setenv("CABINE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("COLUMNS", "250")
    fake = FakeHub(files=dict(PUBLISHED))
    monkeypatch.setattr(weights_cli, "HuggingFaceHub", lambda: fake)
    return fake


@pytest.fixture
def base(hub: FakeHub, tmp_path: Path) -> Path:
    return tmp_path / "weights" / "idm-vton" / "base"


def weights(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["weights", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def converter(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """In place of torch: writes a file and says which pickle it read."""
    read: list[Path] = []

    def convert(source: Path, target: Path, progress: object) -> str:
        read.append(source)
        target.write_bytes(b"converted")
        return digest(b"converted")

    monkeypatch.setattr("inference.weights.conversion._converter", lambda owner: convert)
    return read


def test_list_says_what_where_which_licence_and_the_command(hub: FakeHub) -> None:
    code, said, _ = weights("list")

    assert code == 0
    assert "yisol/IDM-VTON" in said
    assert "from yisol/IDM-VTON, licence CC BY-NC-SA 4.0 (non-commercial)" in said
    assert "about 28.4 GB; run: cabine weights pull idm-vton --accept-license" in said
    assert "cabine weights pull idm-vton --variant dc --accept-license" in said


def test_nothing_is_pulled_before_the_licence_is_accepted(hub: FakeHub, tmp_path: Path) -> None:
    code, said, complaint = weights("pull", "idm-vton")

    assert code == REFUSED
    assert "non-commercial use only: CC BY-NC-SA 4.0" in said
    assert "https://creativecommons.org/licenses/by-nc-sa/4.0" in said
    assert "cabine weights pull idm-vton --accept-license" in complaint
    assert hub.asked == []
    assert not (tmp_path / "weights").exists()


def test_pull_downloads_converts_and_says_why_it_did_not_try_the_engine(
    hub: FakeHub, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = converter(monkeypatch)
    monkeypatch.setattr(weights_cli, "cannot_run", lambda spec, registry, settings: "there is no GPU here")

    code, said, complaint = weights("pull", "idm-vton", "--accept-license")

    assert code == 0, complaint
    assert "non-commercial use only" in said
    assert hub.asked == ["yisol/IDM-VTON@main"]
    assert read == [base / PICKLED_UNET]
    assert (base / PICKLED_UNET).exists(), "kept unless told otherwise"
    assert "cabine weights convert idm-vton --variant base --delete-pickle" in said
    assert "self-test skipped: there is no GPU here" in said
    assert json.loads((base / "manifest.json").read_text())["commit"] == COMMIT
    accepted = json.loads((base.parents[1] / "licenses.json").read_text())["idm-vton"]
    assert set(accepted) == {"CC BY-NC-SA 4.0"}


def test_a_licence_is_accepted_once(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    converter(monkeypatch)
    weights("pull", "idm-vton", "--accept-license", "--no-self-test")

    code, said, _ = weights("pull", "idm-vton", "--no-self-test")

    assert code == 0
    assert "0 of them to bring" in said
    assert "self-test" not in said


def test_the_pickle_goes_when_told_so(hub: FakeHub, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converter(monkeypatch)

    weights("pull", "idm-vton", "--accept-license", "--no-self-test", "--delete-pickle")
    code, said, _ = weights("list")

    assert code == 0
    assert not (base / PICKLED_UNET).exists()
    assert "complete" in said


def test_repository_and_revision_can_be_others(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    converter(monkeypatch)

    weights(
        *("pull", "idm-vton", "--variant", "dc", "--accept-license", "--no-self-test"),
        *("--repo", "me/dress-code", "--revision", "v2"),
    )

    assert hub.asked == ["me/dress-code@v2"]


def test_one_place_cannot_be_that_of_several_sets(hub: FakeHub) -> None:
    code, _, complaint = weights("pull", "idm-vton", "--variant", "all", "--repo", "me/dress-code")

    assert code == 2
    assert "--variant" in complaint
    assert hub.asked == []


def test_a_repository_of_another_layout_is_refused_with_every_missing_file(hub: FakeHub) -> None:
    del hub.files["vae/config.json"], hub.files["unet/config.json"]

    code, _, complaint = weights("pull", "idm-vton", "--accept-license")

    assert code == UNAVAILABLE
    assert "unet/config.json, vae/config.json" in complaint
    assert "Traceback" not in complaint


def test_verify_records_a_folder_copied_by_hand_then_sees_changes(hub: FakeHub, base: Path) -> None:
    lay_out(base, PUBLISHED)
    yet = (
        "not recorded yet, so changed files would not be seen: cabine weights verify idm-vton --variant base"
    )
    assert yet in weights("list")[1]
    assert f"idm-vton base: {yet}" in CliRunner().invoke(app, ["doctor"]).stdout

    code, said, _ = weights("verify")
    assert code == 0
    assert "complete; recorded" in said
    assert yet not in weights("list")[1]
    assert yet not in CliRunner().invoke(app, ["doctor"]).stdout

    code, said, _ = weights("verify", "idm-vton")
    assert code == 0
    assert "complete and unchanged, from a folder copied by hand" in said

    (base / "vae/config.json").write_text("{}")
    code, said, complaint = weights("verify", "idm-vton")
    assert code == UNAVAILABLE
    assert "BAD vae/config.json" in said
    assert "not what was recorded: vae/config.json" in complaint


def test_verify_lists_every_missing_file(hub: FakeHub, base: Path) -> None:
    lay_out(base, {path: data for path, data in PUBLISHED.items() if not path.startswith("text_encoder")})

    code, _, complaint = weights("verify")

    assert code == UNAVAILABLE
    missing = [path for path in PUBLISHED if path.startswith("text_encoder")]
    assert len(missing) == 4
    assert all(path in complaint for path in missing)
    assert f"4 of {len(PUBLISHED)} files are missing" in complaint


@pytest.mark.parametrize("command", ["pull", "verify", "convert", "self-test"])
def test_unknown_names_list_the_known(hub: FakeHub, command: str) -> None:
    code, _, complaint = weights(command, "no-such-engine")

    assert code == UNAVAILABLE
    assert "known: idm-vton" in complaint


def test_verify_of_nothing_points_to_the_list(hub: FakeHub) -> None:
    assert "cabine weights list" in weights("verify")[1]


def test_a_variant_of_nothing_in_particular_is_refused(hub: FakeHub) -> None:
    code, _, complaint = weights("verify", "--variant", "dc")

    assert code == 2
    assert "--variant goes with" in complaint


def test_a_self_test_that_could_not_run_is_no_success(
    hub: FakeHub, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(base, PUBLISHED)

    code, _, complaint = weights("self-test", "idm-vton")
    assert code == UNAVAILABLE
    assert "CC BY-NC-SA 4.0" in complaint, "weights copied by hand need an accepted licence like others"

    monkeypatch.setattr(weights_cli, "cannot_run", lambda spec, registry, settings: None)
    code, _, complaint = weights("self-test", "idm-vton", "--variant", "dc")
    assert code == UNAVAILABLE
    assert "cabine weights pull idm-vton --variant dc" in complaint

    assert weights("self-test", "preprocess-full")[0] == UNAVAILABLE


def test_the_licence_of_another_repository_is_not_taken_for_known(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    converter(monkeypatch)
    own = ("pull", "idm-vton", "--accept-license", "--no-self-test")

    assert "me/fine-tune may have a licence of its own" in weights(*own, "--repo", "me/fine-tune")[1]
    assert "licence of its own" not in weights(*own, "--repo", "yisol/IDM-VTON")[1]


def test_an_export_of_ones_own_is_accepted_by_the_same_command(hub: FakeHub, tmp_path: Path) -> None:
    export = tmp_path / "weights/preprocess-full/densepose/densepose.onnx"
    command = ("pull", "preprocess-full", "--variant", "densepose", "--accept-license")

    code, _, complaint = weights(*command)
    assert (code, "nobody publishes this export" in complaint) == (UNAVAILABLE, True)

    export.parent.mkdir(parents=True)
    export.write_bytes(b"network")
    assert weights(*command)[0] == 0
    assert hub.asked == []
    assert digest(b"network") in export.with_name("manifest.json").read_text()
    assert "CC BY-SA 3.0" in (tmp_path / "weights/licenses.json").read_text()


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_the_report_of_the_self_test_is_printed_and_counts(
    hub: FakeHub, base: Path, monkeypatch: pytest.MonkeyPatch, passed: bool, code: int
) -> None:
    lay_out(base, PUBLISHED)
    report = Report(
        engine="idm-vton",
        category="upper",
        passed=passed,
        verdict="finite",
        seconds={"engine": 3.25},
        step_seconds=1.5,
        peak_memory_mb=900,
        facts={"device": "RTX 9090"},
        versions={"torch": "2.13"},
    )
    monkeypatch.setattr(weights_cli, "cannot_run", lambda spec, registry, settings: None)
    tried: list[str] = []

    def self_test(spec: object, category: str, registry: object, settings: object) -> Report:
        tried.append(category)
        return report

    monkeypatch.setattr(weights_cli, "self_test", self_test)

    got, said, _ = weights("self-test", "idm-vton")

    assert got == code
    assert tried == ["upper"]
    for words in ("idm-vton, upper: " + ("passed" if passed else "FAILED"), "1.50 s", "900 MB", "RTX 9090"):
        assert words in said
    assert str(base) not in dataclasses.replace(report).text()


def test_engines_and_doctor_name_the_command(hub: FakeHub) -> None:
    narrow = CliRunner().invoke(app, ["engines"], env={"COLUMNS": "60"}).stdout

    assert "cabine weights pull idm-vton --accept-license" in narrow, "whole, to be copied"
