"""Conversion of pickles: the same numbers in float16, nothing in the pickle runs, memory stays small."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test TORCH=yes")
safetensors = pytest.importorskip(
    "safetensors.torch", reason="safetensors is not installed: make test TORCH=yes"
)

from inference.engines.idm_vton.convert import convert  # noqa: E402 - after the check for torch
from inference.weights import conversion  # noqa: E402
from inference.weights.verify import verify  # noqa: E402
from preprocess.weights import FileRecord, WeightsError, checked, read_manifest  # noqa: E402
from tests.fake_hub import FILES, PICKLE, SAFE, lay_out, weight_set  # noqa: E402

SET = weight_set(owner="idm-vton")


def state() -> dict[str, object]:
    generator = torch.Generator().manual_seed(0)
    return {
        "conv.weight": torch.randn(8, 13, 3, 3, generator=generator),
        "norm.bias": torch.randn(5, generator=generator).to(torch.bfloat16),
        "scalar": torch.tensor(3.5, dtype=torch.float64),
        "view": torch.randn(6, 4, generator=generator).T,
        "position_ids": torch.arange(77),
        "empty": torch.zeros(0, 4),
    }


def test_values_are_those_of_the_pickle_in_half_precision(tmp_path: Path) -> None:
    source, target = tmp_path / "model.bin", tmp_path / "model.safetensors"
    torch.save(state(), source)

    digest = convert(source, target)

    loaded = safetensors.load_file(target)
    for name, tensor in state().items():
        expected = tensor.half() if tensor.is_floating_point() else tensor  # type: ignore[attr-defined]
        assert loaded[name].dtype == expected.dtype
        assert torch.equal(loaded[name], expected), name
    assert set(loaded) == set(state())
    assert digest == hashlib.sha256(target.read_bytes()).hexdigest()


def test_diffusers_reads_the_metadata(tmp_path: Path) -> None:
    source, target = tmp_path / "model.bin", tmp_path / "model.safetensors"
    torch.save({"weight": torch.ones(2)}, source)
    convert(source, target)

    with safetensors.safe_open(target, "pt") as file:
        assert file.metadata() == {"format": "pt"}


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, evidence: Path) -> None:
        self.evidence = evidence

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.evidence,)


@pytest.mark.parametrize("form", ["torch.save", "plain pickle", "legacy"])
def test_a_pickle_with_code_is_refused_and_nothing_runs(tmp_path: Path, form: str) -> None:
    source, target, evidence = tmp_path / "model.bin", tmp_path / "model.safetensors", tmp_path / "ran"
    content = {"weight": torch.ones(2), "evil": Bomb(evidence)}
    if form == "plain pickle":
        source.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, source, _use_new_zipfile_serialization=form == "torch.save")

    with pytest.raises(WeightsError, match=r"model.bin is not a plain file of weights"):
        convert(source, target)

    assert not evidence.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]
    _ = (
        pickle.loads(source.read_bytes())
        if form == "plain pickle"
        else torch.load(source, weights_only=False)
    )
    assert evidence.exists(), "the bomb works where it is let"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"big": torch.tensor([1e6])}, "big holds numbers that float16 cannot hold"),
        ({"nan": torch.tensor([float("nan")])}, "nan holds numbers"),
        ({"step": 37000}, "something else than named tensors"),
        ([torch.ones(1)], "something else than named tensors"),
        ({"odd": torch.ones(1, dtype=torch.complex64)}, "odd is of type torch.complex64"),
    ],
)
def test_what_cannot_be_converted_leaves_no_file(tmp_path: Path, content: object, words: str) -> None:
    source, target = tmp_path / "model.bin", tmp_path / "model.safetensors"
    torch.save(content, source)

    with pytest.raises(WeightsError, match=words):
        convert(source, target)

    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux's /proc")
def test_memory_holds_one_tensor_at_a_time(tmp_path: Path) -> None:
    source, count, megabytes = tmp_path / "model.bin", 32, 4
    torch.save({str(i): torch.full((megabytes * 2**18,), float(i)) for i in range(count)}, source)
    held = []

    convert(source, tmp_path / "model.safetensors", lambda *_: held.append(anonymous_mb()))

    assert len(held) == count + 1
    assert max(held) - held[0] < 3 * megabytes, f"the whole file in float16 would be {count * megabytes // 2}"


def anonymous_mb() -> int:
    """Memory of this process that is no file's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) // 1024


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 cut off"])
def test_a_damaged_pickle_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "model.bin").write_bytes(data)

    with pytest.raises(WeightsError, match="damaged"):
        convert(tmp_path / "model.bin", tmp_path / "model.safetensors")


def test_a_converted_set_is_recorded_and_loads_without_its_pickle(tmp_path: Path) -> None:
    folder = SET.folder(tmp_path)
    lay_out(folder, FILES)
    torch.save(state(), folder / PICKLE)
    verify(SET, tmp_path, lambda _: None)

    steps: list[tuple[int, int]] = []
    assert conversion.convert(SET, tmp_path, lambda *step: steps.append(step)) == (SAFE,)

    assert steps[-1] == (len(state()), len(state()))
    assert conversion.convert(SET, tmp_path, lambda *_: None) == ()
    assert conversion.leftovers(SET, tmp_path) == (folder / PICKLE,)
    manifest = read_manifest(folder)
    assert manifest is not None
    assert SAFE in manifest.files
    (folder / PICKLE).unlink()
    assert checked(tmp_path, SET) == folder


def test_a_disk_that_keeps_something_else_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = SET.folder(tmp_path)
    lay_out(folder, FILES)

    def faulty(source: Path, target: Path, progress: object) -> str:
        target.write_bytes(b"zeros")
        return hashlib.sha256(b"weights").hexdigest()

    monkeypatch.setattr(conversion, "_converter", lambda owner: faulty)

    with pytest.raises(WeightsError, match="not on the disk as it was written"):
        conversion.convert(SET, tmp_path, lambda *_: None)

    assert not (folder / SAFE).exists()


def test_stopped_while_it_is_read_back_nothing_stays_that_is_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = SET.folder(tmp_path)
    lay_out(folder, FILES)
    torch.save(state(), folder / PICKLE)
    verify(SET, tmp_path, lambda _: None)
    before = sorted(folder.rglob("*"))

    with monkeypatch.context() as patch:
        patch.setattr(conversion, "record_of", interrupted)
        with pytest.raises(KeyboardInterrupt):
            conversion.convert(SET, tmp_path, lambda *_: None)

    assert sorted(folder.rglob("*")) == before
    assert conversion.convert(SET, tmp_path, lambda *_: None) == (SAFE,)
    assert checked(tmp_path, SET) == folder


def interrupted(path: Path) -> FileRecord:
    raise KeyboardInterrupt


def test_a_missing_pickle_is_named_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=rf"{PICKLE}.*weights pull idm-vton"):
        conversion.convert(SET, tmp_path, lambda *_: None)
