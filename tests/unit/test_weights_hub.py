"""The real client library of the hub against a server on this machine."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.weights.hub import HuggingFaceHub, named_errors
from inference.weights.pull import pull
from preprocess.weights import WeightsError, read_manifest
from tests.fake_hub import COMMIT, FILES, PICKLE, HubServer, digest, serve_hub, weight_set

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: make test TORCH=yes")

SET = weight_set()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve_hub(SET.repo, FILES) as running:
        yield running


def test_listing_has_commit_sizes_and_digests(server: HubServer) -> None:
    found = HuggingFaceHub(server.endpoint).look(SET.repo, "model", "main")

    assert found.commit == COMMIT
    assert {path: file.size for path, file in found.files.items()} == {k: len(v) for k, v in FILES.items()}
    assert found.files[PICKLE].sha256 == digest(FILES[PICKLE])
    assert found.files["unet/config.json"].sha256 is None


def test_pull_brings_every_file_and_records_it(server: HubServer, tmp_path: Path) -> None:
    said: list[str] = []

    pull(SET, tmp_path, HuggingFaceHub(server.endpoint), said.append)

    folder = SET.folder(tmp_path)
    assert {path: (folder / path).read_bytes() for path in FILES} == FILES
    manifest = read_manifest(folder)
    assert manifest is not None
    assert manifest.commit == COMMIT
    assert {path: record.sha256 for path, record in manifest.files.items()} == {
        path: digest(data) for path, data in FILES.items()
    }
    assert COMMIT[:12] in said[0]


def test_a_broken_download_goes_on_where_it_stopped(server: HubServer, tmp_path: Path) -> None:
    data, partial = FILES[PICKLE], tmp_path / "partial"
    partial.write_bytes(data[:1000])

    HuggingFaceHub(server.endpoint).download(SET.repo, "model", COMMIT, PICKLE, partial, len(data))

    assert partial.read_bytes() == data
    assert server.ranges == ["bytes=1000-"]


@pytest.mark.parametrize(
    ("repo", "revision", "words"),
    [
        ("nobody/nothing", "main", "there is no repository nobody/nothing.*--repo"),
        (SET.repo, "v9", "has no revision v9; --revision"),
        ("gated/weights", "main", "gated/weights asks for a login.*HF_TOKEN"),
    ],
)
def test_what_is_not_there_is_named(server: HubServer, repo: str, revision: str, words: str) -> None:
    with pytest.raises(WeightsError, match=words):
        HuggingFaceHub(server.endpoint).look(repo, "model", revision)


def test_no_way_to_the_hub_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    with pytest.raises(WeightsError, match=r"stopped.*run the same command again.*HF_ENDPOINT"):
        HuggingFaceHub("http://127.0.0.1:9").look(SET.repo, "model", "main")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_fills_is_not_told_as_a_broken_download(server: HubServer) -> None:
    with pytest.raises(WeightsError, match="No space left on device.*make room.*CABINE_WEIGHTS") as told:
        HuggingFaceHub(server.endpoint).download(
            SET.repo, "model", COMMIT, PICKLE, Path("/dev/full"), len(FILES[PICKLE])
        )

    assert "HF_ENDPOINT" not in str(told.value)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_folder_that_may_not_be_written_is_told(code: int) -> None:
    with pytest.raises(WeightsError, match=f"{os.strerror(code)}.*CABINE_WEIGHTS"), named_errors("a/b", "c"):
        raise OSError(code, os.strerror(code), "folder")
