"""Which files give which artefact, what is said when they are missing, and who serves otherwise."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'cabine[full]'")
pytest.importorskip("onnx", reason="onnx, which writes the tiny networks, is not installed: make setup")

from preprocess.densepose import approximate_densepose
from preprocess.errors import InputError
from preprocess.licenses import RECORD
from preprocess.models import ModelsError
from preprocess.providers.artefacts import Artefacts
from preprocess.providers.full import (
    WEIGHT_SETS,
    FullArtefacts,
    accepted_sets,
    available,
    network,
    unaccepted,
)
from preprocess.providers.full.body import body_box
from preprocess.providers.full.densepose import network_input
from preprocess.providers.full.spec import DENSEPOSE, DWPOSE, OPENPOSE, OWNER, SCHP, SOURCES
from preprocess.types import ATR_LABELS, Person
from preprocess.weights import WeightsError, WeightSet
from tests.figure import figure
from tests.full_networks import body_surface, constants_of, parser, whole_body

ALL = frozenset(wanted.name for wanted in WEIGHT_SETS)
"""Every licence is accepted."""


def path_of(weights: Path, wanted: WeightSet, number: int = 0) -> Path:
    return wanted.folder(weights) / list(wanted.files)[number]


def install_schp(weights: Path) -> None:
    two = {0: 0, 1: ATR_LABELS.index("upper_clothes")}
    parser(path_of(weights, SCHP, 0), side=512, grid=16, classes=18, colours=two)
    parser(path_of(weights, SCHP, 1), side=473, grid=15, classes=20, colours=two)


def install_densepose(weights: Path, person: Person, score: float = 0.9) -> None:
    box = np.array([body_box(person)]) * network_input(person.image)[1]
    coarse = np.stack([np.zeros((8, 8)), np.ones((8, 8))])[None]
    fine = np.zeros((1, 25, 8, 8))
    fine[:, 5] = 1.0
    body_surface(path_of(weights, DENSEPOSE), box, np.array([score]), coarse, fine)


@pytest.fixture
def person() -> Person:
    somebody = figure()
    return replace(somebody, image=np.full_like(somebody.image, 255))


def test_each_artefact_counts_on_its_own(tmp_path: Path, person: Person) -> None:
    assert available(tmp_path, ALL) == frozenset()
    whole_body(path_of(tmp_path, DWPOSE))
    assert available(tmp_path, ALL) == {"coco18"}
    install_densepose(tmp_path, person)
    assert available(tmp_path, ALL) == {"coco18", "densepose-parts"}
    install_schp(tmp_path)
    assert available(tmp_path, ALL) == set(SOURCES)
    path_of(tmp_path, SCHP, 1).unlink()  # ATR alone is not enough
    assert available(tmp_path, ALL) == {"coco18", "densepose-parts"}


def test_full_artefacts_carry_tag_and_frame(tmp_path: Path, person: Person) -> None:
    install_schp(tmp_path)
    whole_body(path_of(tmp_path, DWPOSE))
    install_densepose(tmp_path, person)
    full = FullArtefacts(tmp_path, 1, ALL)
    for artefact, tag in (
        (full.parse(person), "atr18"),
        (full.pose18(person), "coco18"),
        (full.densepose(person), "densepose-parts"),
    ):
        assert artefact.tag == tag
        assert artefact.frame == person.frame


def test_missing_files_are_all_named_with_the_command(tmp_path: Path, person: Person) -> None:
    full = FullArtefacts(tmp_path, 1, ALL)
    with pytest.raises(WeightsError, match=r"parsing_atr\.onnx, ckpt/humanparsing/parsing_lip\.onnx"):
        full.parse(person)
    with pytest.raises(WeightsError, match=f"cabine weights pull {OWNER}"):
        full.pose18(person)
    with pytest.raises(WeightsError, match=r"densepose\.onnx"):
        full.densepose(person)


def test_openpose_serves_where_only_it_is_there(tmp_path: Path, person: Person) -> None:
    nothing = {"paf": np.zeros((1, 38, 23, 16)), "heat": np.zeros((1, 19, 23, 16))}
    constants_of(path_of(tmp_path, OPENPOSE), nothing)
    assert FullArtefacts(tmp_path, 1, ALL).pose18(person).score == 0.0
    whole_body(path_of(tmp_path, DWPOSE))
    assert FullArtefacts(tmp_path, 1, ALL).pose18(person).score > 0.0


def test_a_damaged_file_is_named(tmp_path: Path, person: Person) -> None:
    path = path_of(tmp_path, DENSEPOSE)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(ModelsError, match=r"densepose\.onnx is not a readable ONNX network"):
        FullArtefacts(tmp_path, 1, ALL).densepose(person)


def test_a_network_of_another_kind_is_named(tmp_path: Path, person: Person) -> None:
    whole_body(path_of(tmp_path, DENSEPOSE))
    with pytest.raises(ModelsError, match="another network: it takes \\[1, 3, 384, 288\\] and gives 2"):
        FullArtefacts(tmp_path, 1, ALL).densepose(person)


def test_without_the_runtime_the_extra_is_named(
    tmp_path: Path, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_body(path_of(tmp_path, DWPOSE))
    monkeypatch.setattr(network, "runtime_installed", lambda: False)
    with pytest.raises(ModelsError, match=r"pip install 'cabine\[full\]'"):
        FullArtefacts(tmp_path, 1, ALL).pose18(person)


def test_threads_share_one_network(tmp_path: Path, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_body(path_of(tmp_path, DWPOSE))
    opened: list[Path] = []
    open_session = network._open

    def counted(path: Path, threads: int) -> object:
        opened.append(path)
        return open_session(path, threads)

    monkeypatch.setattr(network, "_open", counted)
    full = FullArtefacts(tmp_path, 1, ALL)
    scores: list[float] = []
    threads = [threading.Thread(target=lambda: scores.append(full.pose18(person).score)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1
    assert len(set(scores)) == 1
    assert len(scores) == 4


def test_nothing_is_loaded_before_it_is_asked_for(tmp_path: Path) -> None:
    """Neither onnxruntime nor torch come with the module or with an object of it."""
    script = (
        "import sys, pathlib; from preprocess.providers.artefacts import Artefacts; "
        f"Artefacts(pathlib.Path({str(tmp_path)!r}), 1, ()).sources(); "
        "print(sorted({'onnxruntime', 'torch', 'onnx'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# which provider


@pytest.fixture
def embedded(tmp_path: Path) -> Artefacts:
    return Artefacts(tmp_path, 1, ALL)


def test_the_embedded_provider_serves_without_files(embedded: Artefacts, person: Person) -> None:
    assert set(embedded.sources().values()) == {"embedded"}
    assert embedded.labels_atr18(person).tag == "atr18"
    assert embedded.coco18(person).tag == "coco18"
    dense = embedded.densepose(person)
    assert dense.approximate
    assert (dense.parts == approximate_densepose(person).parts).all()


def test_the_full_provider_serves_what_it_has(tmp_path: Path, person: Person) -> None:
    install_densepose(tmp_path, person)
    install_schp(tmp_path)
    artefacts = Artefacts(tmp_path, 1, ALL)
    assert artefacts.sources() == {"atr18": "full", "coco18": "embedded", "densepose-parts": "full"}
    dense = artefacts.densepose(person)
    assert not dense.approximate
    assert set(np.unique(dense.parts)) == {0, 5}
    assert artefacts.labels_atr18(person).soft.shape[-1] == 19
    assert artefacts.coco18(person).tag == "coco18"


def test_somebody_that_densepose_does_not_see_is_painted_and_said_so(tmp_path: Path, person: Person) -> None:
    install_densepose(tmp_path, person, score=0.2)
    with pytest.raises(InputError):
        FullArtefacts(tmp_path, 1, ALL).densepose(person)
    assert Artefacts(tmp_path, 1, ALL).densepose(person).approximate


def test_damaged_files_are_not_replaced_by_an_approximation(tmp_path: Path, person: Person) -> None:
    path = path_of(tmp_path, DENSEPOSE)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    with pytest.raises(ModelsError):
        Artefacts(tmp_path, 1, ALL).densepose(person)


def test_without_the_runtime_the_embedded_provider_serves(
    tmp_path: Path, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_body(path_of(tmp_path, DWPOSE))
    monkeypatch.setattr("preprocess.providers.artefacts.runtime_installed", lambda: False)
    artefacts = Artefacts(tmp_path, 1, ALL)
    assert artefacts.sources()["coco18"] == "embedded"
    assert artefacts.coco18(person).points[0].tolist() == person.pose.points[0].tolist()


# licences


def test_networks_in_the_folder_are_used_only_once_their_licence_is_accepted(
    tmp_path: Path, person: Person
) -> None:
    """None of them may be used commercially, so none is ever a silent default."""
    install_schp(tmp_path)
    whole_body(path_of(tmp_path, DWPOSE))
    install_densepose(tmp_path, person)
    nobody, one, everything = (accepted_sets(tmp_path, owners) for owners in ((), ("idm-vton",), (OWNER,)))

    assert (nobody, one, everything) == (frozenset(), frozenset(), ALL)
    artefacts = Artefacts(tmp_path, 1, nobody)
    assert set(artefacts.sources().values()) == {"embedded"}
    assert artefacts.densepose(person).approximate
    assert artefacts.coco18(person).points[0].tolist() == person.pose.points[0].tolist()
    assert unaccepted(tmp_path, nobody) == (SCHP, DWPOSE, DENSEPOSE)
    assert set(Artefacts(tmp_path, 1, everything).sources().values()) == {"full"}
    assert unaccepted(tmp_path, everything) == ()


def test_acceptances_by_command_count_for_each_licence_alone(tmp_path: Path, person: Person) -> None:
    whole_body(path_of(tmp_path, DWPOSE))
    install_densepose(tmp_path, person)
    record = {OWNER: {DENSEPOSE.license: {"accepted": "2026-11-22", "command": DENSEPOSE.pull_command}}}
    (tmp_path / RECORD).write_text(json.dumps(record))

    accepted = accepted_sets(tmp_path, ())

    assert accepted == {"densepose"}
    assert Artefacts(tmp_path, 1, accepted).sources() == {
        "atr18": "embedded",
        "coco18": "embedded",
        "densepose-parts": "full",
    }


def test_openpose_serves_where_only_its_licence_is_accepted(tmp_path: Path, person: Person) -> None:
    nothing = {"paf": np.zeros((1, 38, 23, 16)), "heat": np.zeros((1, 19, 23, 16))}
    constants_of(path_of(tmp_path, OPENPOSE), nothing)
    whole_body(path_of(tmp_path, DWPOSE))

    assert FullArtefacts(tmp_path, 1, {"openpose"}).pose18(person).score == 0.0
    assert FullArtefacts(tmp_path, 1, {"openpose", "dwpose"}).pose18(person).score > 0.0


def test_a_network_that_nobody_accepted_is_never_opened(tmp_path: Path, person: Person) -> None:
    install_densepose(tmp_path, person)

    with pytest.raises(WeightsError, match=f"CABINE_ACCEPTED_LICENSES={OWNER}") as raised:
        FullArtefacts(tmp_path, 1, {"schp"}).densepose(person)
    assert f"cabine weights pull {OWNER} --variant densepose --accept-license" in str(raised.value)


# the sets


def files() -> Iterator[tuple[WeightSet, str, str]]:
    for wanted in WEIGHT_SETS:
        for path, digest in wanted.files.items():
            yield wanted, path, digest


@pytest.mark.parametrize(("wanted", "path", "digest"), list(files()))
def test_sets_name_owner_licence_and_digest(wanted: WeightSet, path: str, digest: str) -> None:
    assert wanted.owner == OWNER
    assert wanted.license
    assert not wanted.commercial_use  # every one was trained on data for research only
    assert path.endswith(".onnx")
    assert len(digest) == (64 if wanted.repo else 0)
    assert wanted.default is bool(wanted.repo)  # what nobody publishes cannot be pulled by default


def test_the_docs_describe_every_file() -> None:
    page = (Path(__file__).parents[2] / "docs" / "preprocessing-models.md").read_text()
    for wanted, path, _ in files():
        assert Path(path).name in page
        assert wanted.name in page
