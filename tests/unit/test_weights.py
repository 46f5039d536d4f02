"""Weights on the disk: complete, unchanged, licensed, and which variant serves which garment."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from inference.engines.base import EngineUnavailable
from inference.engines.idm_vton.spec import FILES as IDM_FILES
from inference.engines.idm_vton.spec import SPEC
from inference.weights import licenses
from inference.weights.catalogue import catalogue, select
from inference.weights.requirement import (
    checked_folder,
    lacks_variant,
    needs_weights,
    variant_for,
    variants_here,
)
from inference.weights.verify import verify
from preprocess.weights import MANIFEST, WeightsError, checked, read_manifest, write_json
from tests.fake_hub import FILES, PICKLE, SAFE, lay_out, weight_set

SET = weight_set()
BASE, DC = SPEC.variants
VAE = "vae/model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete folder, recorded."""
    lay_out(SET.folder(tmp_path), FILES)
    verify(SET, tmp_path, lambda _: None)
    return SET.folder(tmp_path)


def complete(weights: Path, variant: str) -> None:
    lay_out(weights / "idm-vton" / variant, dict.fromkeys(IDM_FILES, b"."))


def test_nothing_to_compare_with_before_the_first_verify(tmp_path: Path) -> None:
    lay_out(SET.folder(tmp_path), FILES)

    assert checked(tmp_path, SET) == SET.folder(tmp_path)


def test_verify_names_every_missing_file_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as raised:
        verify(SET, tmp_path, lambda _: None)

    assert all(path in str(raised.value) for path in FILES)
    assert "cabine weights pull some-engine --accept-license" in str(raised.value)
    assert not (SET.folder(tmp_path) / MANIFEST).exists()


def test_a_changed_file_is_seen_at_load_and_at_verify(tmp_path: Path, folder: Path) -> None:
    (folder / VAE).write_bytes(b"VAE" * 999)

    with pytest.raises(WeightsError, match=rf"not what was recorded: {VAE}.*weights pull"):
        checked(tmp_path, SET)
    with pytest.raises(WeightsError, match=VAE):
        verify(SET, tmp_path, lambda _: None)


def test_only_verify_sees_through_an_old_time(tmp_path: Path, folder: Path) -> None:
    stat = (folder / VAE).stat()
    (folder / VAE).write_bytes(b"VAE" * 999)
    os.utime(folder / VAE, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert checked(tmp_path, SET) == folder
    with pytest.raises(WeightsError, match=VAE):
        verify(SET, tmp_path, lambda _: None)


def test_a_copied_file_is_compared_by_content(tmp_path: Path, folder: Path) -> None:
    os.utime(folder / VAE, ns=(1, 1))

    assert checked(tmp_path, SET) == folder


def test_a_file_nobody_recorded_is_not_loaded(tmp_path: Path, folder: Path) -> None:
    lay_out(folder, {SAFE: b"from somewhere"})

    with pytest.raises(WeightsError, match=SAFE):
        checked(tmp_path, SET)


def test_a_converted_file_stands_in_for_its_pickle(tmp_path: Path) -> None:
    lay_out(SET.folder(tmp_path), {**FILES, SAFE: b"converted"})
    (SET.folder(tmp_path) / PICKLE).unlink()

    assert SET.missing(tmp_path) == ()
    assert "unet/config.json" in weight_set(files={**SET.files, "x": ""}).missing(tmp_path / "empty")


def test_a_digest_of_the_set_is_compared_in_a_copied_folder(tmp_path: Path) -> None:
    lay_out(SET.folder(tmp_path), FILES)

    with pytest.raises(WeightsError, match=VAE):
        verify(weight_set(files={**SET.files, VAE: "0" * 64}), tmp_path, lambda _: None)

    assert read_manifest(SET.folder(tmp_path)) is None


@pytest.mark.parametrize(
    "text", ["", "[]", '{"repo": 1}', '{"repo":"a","revision":"b","commit":null,"files":1}']
)
def test_a_damaged_manifest_says_what_to_do(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)

    with pytest.raises(WeightsError, match="delete it"):
        read_manifest(folder)


def test_a_digest_of_the_set_counts_above_the_manifest(tmp_path: Path, folder: Path) -> None:
    confirmed = weight_set(files={**SET.files, VAE: "0" * 64})

    with pytest.raises(WeightsError, match=f"not what was recorded: {VAE}"):
        verify(confirmed, tmp_path, lambda _: None)
    with pytest.raises(WeightsError, match=f"not what was recorded: {VAE}"):
        checked(tmp_path, confirmed)


def test_licences_are_recorded_by_engine(tmp_path: Path) -> None:
    assert not licenses.accepted(tmp_path, "some-engine", SET.license)

    licenses.accept(tmp_path, SET, "cabine weights pull some-engine --accept-license")

    assert licenses.accepted(tmp_path, "some-engine", SET.license)
    assert not licenses.accepted(tmp_path, "other", SET.license)
    assert not licenses.accepted(tmp_path, "some-engine", "another licence")
    record = json.loads((tmp_path / licenses.RECORD).read_text())["some-engine"]["CC BY-NC-SA 4.0"]
    assert record["command"].endswith("--accept-license")
    assert record["accepted"].endswith("+00:00")


@pytest.mark.parametrize("text", ["{", "[]", '{"some-engine": true}'])
def test_an_unreadable_record_of_licences_accepts_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / licenses.RECORD).write_text(text)

    assert not licenses.accepted(tmp_path, "some-engine", SET.license)


def test_a_file_in_place_of_the_folder_has_accepted_nothing(tmp_path: Path) -> None:
    (tmp_path / "weights").touch()

    assert not licenses.accepted(tmp_path / "weights", "some-engine", SET.license)


def test_a_full_disk_leaves_no_rest_and_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)

    with pytest.raises(OSError, match=r"No space left on device.*manifest\.json"):
        write_json(tmp_path / "manifest.json", {})

    assert list(tmp_path.iterdir()) == []


def test_an_engine_needs_one_complete_variant(tmp_path: Path) -> None:
    lacks = needs_weights(tmp_path)

    assert f"{len(IDM_FILES)} of {len(IDM_FILES)} files are missing" in str(lacks(SPEC))
    assert "cabine weights pull idm-vton --accept-license" in str(lacks(SPEC))

    complete(tmp_path, "dc")
    assert lacks(SPEC) is None
    assert variants_here(SPEC, tmp_path) == (DC,)


def test_each_category_gets_the_checkpoint_trained_for_it(tmp_path: Path) -> None:
    complete(tmp_path, "base")
    assert variant_for(SPEC, tmp_path, {"upper"}) is BASE
    with pytest.raises(EngineUnavailable, match="dress.*weights pull idm-vton --variant dc --accept-license"):
        variant_for(SPEC, tmp_path, {"dress"})
    assert "--variant dc" in str(lacks_variant(tmp_path)(SPEC, "lower"))

    complete(tmp_path, "dc")
    assert variant_for(SPEC, tmp_path, {"upper"}) is BASE
    assert variant_for(SPEC, tmp_path, {"upper", "lower"}) is DC
    assert lacks_variant(tmp_path)(SPEC, "lower") is None
    with pytest.raises(EngineUnavailable, match="no checkpoint for shoes"):
        variant_for(SPEC, tmp_path, {"shoes"})


def test_only_the_other_variant_serves_upper_too(tmp_path: Path) -> None:
    complete(tmp_path, "dc")

    assert variant_for(SPEC, tmp_path, {"upper"}) is DC


def test_checked_folder_speaks_as_an_engine(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="weights pull idm-vton"):
        checked_folder(SPEC, tmp_path, BASE)

    complete(tmp_path, "base")
    assert checked_folder(SPEC, tmp_path, BASE) == tmp_path / "idm-vton" / "base"


def test_sets_are_chosen_by_name() -> None:
    known = catalogue([SPEC])

    assert [item.name for item in select(known, "idm-vton", None)] == ["base"]
    assert [item.name for item in select(known, "idm-vton", "dc")] == ["dc"]
    assert [item.name for item in select(known, "idm-vton", "all")] == ["base", "dc"]
    assert {item.owner for item in select(known, "preprocess-full", "all")} == {"preprocess-full"}
    with pytest.raises(WeightsError, match="known: idm-vton, preprocess-full"):
        select(known, "idm", None)
    with pytest.raises(WeightsError, match="known: base, dc, all"):
        select(known, "idm-vton", "hd")
