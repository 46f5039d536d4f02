"""Pulling weights: what is fetched, from which commit, what is compared, what is refused."""

from __future__ import annotations

import sys
from collections import namedtuple
from pathlib import Path

import pytest

from inference.engines.idm_vton.spec import FILES as IDM_FILES
from inference.engines.idm_vton.spec import PICKLED_UNET, SPEC
from inference.weights import pull as pulling
from inference.weights.catalogue import set_of
from inference.weights.hub import HuggingFaceHub
from inference.weights.pull import pull
from preprocess.weights import WeightsError, read_manifest
from tests.fake_hub import COMMIT, FILES, PICKLE, SAFE, FakeHub, digest, lay_out, weight_set

SET = weight_set()
NEXT = "f" * 40


def quiet(_: str) -> None:
    pass


def test_only_the_files_of_the_set_are_fetched(tmp_path: Path) -> None:
    hub = FakeHub(files={**FILES, "README.md": b"read me", "ckpt/other.onnx": b"not ours"})

    pull(SET, tmp_path, hub, quiet)

    assert set(hub.brought) == set(FILES)
    assert not SET.missing(tmp_path)


def test_a_second_pull_brings_nothing_and_keeps_the_commit(tmp_path: Path) -> None:
    pull(SET, tmp_path, FakeHub(), quiet)
    again = FakeHub()

    pull(SET, tmp_path, again, quiet)

    assert again.brought == {}
    assert again.asked == [f"{SET.repo}@{COMMIT}"]


def test_another_revision_is_followed_when_asked_for(tmp_path: Path) -> None:
    pull(SET, tmp_path, FakeHub(), quiet)
    lay_out(SET.folder(tmp_path), {SAFE: b"made of the old pickle"})
    moved = FakeHub(files={**FILES, PICKLE: b"new weights"}, commit=NEXT)

    manifest = pull(SET, tmp_path, moved, quiet, revision="v2")

    assert moved.asked == [f"{SET.repo}@v2"]
    assert (manifest.revision, manifest.commit) == ("v2", NEXT)
    assert PICKLE in moved.brought
    assert "vae/model.safetensors" not in moved.brought
    assert not (SET.folder(tmp_path) / SAFE).exists(), "made of another commit"


def test_another_repository_is_remembered(tmp_path: Path) -> None:
    pull(SET, tmp_path, FakeHub(), quiet, repo="me/mirror")
    again = FakeHub()

    pull(SET, tmp_path, again, quiet)

    assert again.asked == [f"me/mirror@{COMMIT}"]


def test_an_interrupted_pull_keeps_what_has_arrived(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="stopped"):
        pull(SET, tmp_path, FakeHub(breaks_after=2000), quiet)
    again = FakeHub()

    pull(SET, tmp_path, again, quiet)

    assert again.brought[PICKLE] == len(FILES[PICKLE]) - 2000
    assert "unet/config.json" not in again.brought
    assert (SET.folder(tmp_path) / PICKLE).read_bytes() == FILES[PICKLE]
    assert not list(tmp_path.rglob("*.partial"))


def test_files_copied_by_hand_are_compared_not_fetched(tmp_path: Path) -> None:
    lay_out(SET.folder(tmp_path), FILES)
    (SET.folder(tmp_path) / "vae/model.safetensors").write_bytes(b"x" * len(FILES["vae/model.safetensors"]))
    hub = FakeHub()

    pull(SET, tmp_path, hub, quiet)

    assert PICKLE not in hub.brought
    assert "vae/model.safetensors" in hub.brought


def test_a_file_that_is_not_what_the_hub_says_is_deleted(tmp_path: Path) -> None:
    class Tampered(FakeHub):
        def download(self, *where: object) -> None:  # type: ignore[override]
            super().download(*where)  # type: ignore[arg-type]
            if where[3] == PICKLE:
                Path(str(where[4])).write_bytes(b"?" * len(FILES[PICKLE]))

    with pytest.raises(WeightsError, match=rf"{PICKLE}.*expected {digest(FILES[PICKLE])}.*deleted"):
        pull(SET, tmp_path, Tampered(), quiet)

    assert not list(SET.folder(tmp_path).rglob("*model.bin*"))


def test_a_digest_in_the_spec_counts_above_the_hub(tmp_path: Path) -> None:
    confirmed = weight_set(files={**dict.fromkeys(FILES, ""), "unet/config.json": "0" * 64})

    with pytest.raises(WeightsError, match="unet/config.json"):
        pull(confirmed, tmp_path, FakeHub(), quiet)


def test_everything_a_repository_lacks_is_listed_before_the_download(tmp_path: Path) -> None:
    hub = FakeHub(files={"unet/config.json": b"{}"})

    with pytest.raises(WeightsError, match=rf"lacks {PICKLE}, vae/model.safetensors.*--repo"):
        pull(SET, tmp_path, hub, quiet)

    assert hub.brought == {}


VAE = "vae/model.safetensors"
WITH_OTHER = weight_set(elsewhere={VAE: "other/whole"})


def half_here() -> FakeHub:
    """A repository with a UNet only, and a whole one beside it."""
    unet_only = {path: data for path, data in FILES.items() if path != VAE}
    return FakeHub(files=unet_only, others={"other/whole": FakeHub(commit=NEXT)})


def test_what_a_repository_lacks_comes_from_another(tmp_path: Path) -> None:
    hub = half_here()
    said: list[str] = []

    manifest = pull(WITH_OTHER, tmp_path, hub, said.append)

    assert hub.others["other/whole"].places == {VAE: f"other/whole@{NEXT}"}
    assert hub.places.keys() == FILES.keys() - {VAE}
    assert manifest.files[VAE].sha256 == digest(FILES[VAE])
    assert said[0] == f"what {SET.repo} lacks comes from other/whole at {NEXT[:12]}"
    assert read_manifest(SET.folder(tmp_path)) == manifest


def test_both_commits_are_kept_to(tmp_path: Path) -> None:
    pull(WITH_OTHER, tmp_path, half_here(), quiet)
    again = half_here()

    pull(WITH_OTHER, tmp_path, again, quiet)

    assert again.asked == [f"{SET.repo}@{COMMIT}", f"other/whole@{NEXT}"]
    assert again.brought == again.others["other/whole"].brought == {}


def test_a_whole_repository_needs_no_other(tmp_path: Path) -> None:
    hub = FakeHub(others={"other/whole": FakeHub(commit=NEXT)})

    manifest = pull(WITH_OTHER, tmp_path, hub, quiet)

    assert hub.asked == [f"{SET.repo}@main"]
    assert manifest.elsewhere == {}


def test_the_try_on_network_never_comes_from_the_other_repository(tmp_path: Path) -> None:
    dc = set_of(SPEC, next(variant for variant in SPEC.variants if variant.name == "dc"))
    base = FakeHub(files=dict.fromkeys(IDM_FILES, b"."))

    with pytest.raises(WeightsError, match=f"it lacks unet/config.json, {PICKLED_UNET}. --repo"):
        pull(dc, tmp_path, FakeHub(files={}, others={"yisol/IDM-VTON": base}), quiet)
    mine = FakeHub(files={"unet/config.json": b"{}", PICKLED_UNET: b"dc"}, others={"yisol/IDM-VTON": base})
    pull(dc, tmp_path, mine, quiet)

    assert not dc.missing(tmp_path)
    assert (dc.folder(tmp_path) / PICKLED_UNET).read_bytes() == b"dc"


def test_without_the_client_library_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    with pytest.raises(WeightsError, match=r"huggingface_hub is not installed: pip install -e '.\[torch\]'"):
        HuggingFaceHub().look("yisol/IDM-VTON", "model", "main")


def test_what_nobody_publishes_names_the_guide(tmp_path: Path) -> None:
    exported = weight_set(repo="", files={"densepose.onnx": ""})

    with pytest.raises(WeightsError, match=r"densepose.onnx: nobody publishes.*docs/preprocessing-models.md"):
        pull(exported, tmp_path, FakeHub(), quiet)

    pull(exported, tmp_path, FakeHub(files={"densepose.onnx": b"onnx"}), quiet, repo="me/exports")
    assert not exported.missing(tmp_path)


def test_safetensors_are_taken_where_the_repository_has_them(tmp_path: Path) -> None:
    hub = FakeHub(files={**FILES, SAFE: b"safe"})

    pull(SET, tmp_path, hub, quiet)

    assert SAFE in hub.brought
    assert PICKLE not in hub.brought


def test_a_deleted_pickle_is_not_fetched_again(tmp_path: Path) -> None:
    manifest = pull(SET, tmp_path, FakeHub(), quiet)
    folder = SET.folder(tmp_path)
    lay_out(folder, {SAFE: b"converted"})
    pulling.write_manifest(folder, manifest.with_file(SAFE, pulling.record_of(folder / SAFE)))
    (folder / PICKLE).unlink()
    again = FakeHub()

    pull(SET, tmp_path, again, quiet)

    assert again.brought == {}


def test_a_disk_that_is_too_small_is_told_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024
    total = sum(map(len, FILES.values()))
    free = total + len(FILES[PICKLE]) // 2 - 1  # one byte short of the download and the converted pickle
    monkeypatch.setattr(pulling.shutil, "disk_usage", lambda _: usage(free, 0, free))
    hub = FakeHub()

    with pytest.raises(WeightsError, match="free, .* are needed.*CABINE_WEIGHTS"):
        pull(SET, tmp_path, hub, quiet)

    assert hub.brought == {}


def test_the_manifest_says_where_everything_came_from(tmp_path: Path) -> None:
    pull(SET, tmp_path, FakeHub(), quiet)

    manifest = read_manifest(SET.folder(tmp_path))

    assert manifest is not None
    assert (manifest.repo, manifest.revision, manifest.commit) == (SET.repo, "main", COMMIT)
    assert manifest.files[PICKLE].sha256 == digest(FILES[PICKLE])
    assert manifest.files[PICKLE].size == len(FILES[PICKLE])
