"""Session fixtures shared by all tests: samples, model files, provider, prepared people and garments."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from preprocess.decode import Limits, decode
from preprocess.person import prepare_person
from preprocess.providers.embedded import EmbeddedProvider
from preprocess.types import Garment, Person

ROOT = Path(__file__).resolve().parent.parent
WARP_CANVAS = (768, 1024)
NO_TORCH = "torch is not installed: make test TORCH=yes"


def forget_settings() -> None:
    """Settings of the developer's shell must not reach the tests, nor the processes they start.

    What is meant for the tests themselves, ``CABINE_TEST_*``, stays. torch gets one thread: with tensors as
    small as here, threads on a busy machine mostly wait for each other (measured: eight times slower). MKL
    computes the same however its numbers lie in memory: on AMD's processors it does not of itself, and two
    equal requests differ in the last bit (``MKL_CBWR``, Intel's oneMKL developer guide, on reproducibility).
    Jobs are kept in memory where a test does not say otherwise: none leaves files in the working tree.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_CBWR", "AUTO")
    ours = [name for name in os.environ if name.startswith("CABINE_")]
    for name in ours:
        if not name.startswith("CABINE_TEST_"):
            del os.environ[name]
    os.environ["CABINE_JOBS_STORE"] = "memory"


# At once: where pytest is given a folder, its conftest makes settings before any hook is called.
forget_settings()


@pytest.fixture(scope="session")
def samples() -> Path:
    """``samples/`` with ``people/``, ``garments/`` and ``truth/``."""
    return ROOT / "samples"


@pytest.fixture(scope="session")
def models() -> Path:
    """Directory of the embedded model files, fetched once by ``make setup``."""
    return ROOT / "models"


@pytest.fixture(scope="session")
def provider(models: Path) -> EmbeddedProvider:
    return EmbeddedProvider(models, threads=2)


@pytest.fixture(scope="session")
def people(samples: Path, provider: EmbeddedProvider) -> Callable[[str], Person]:
    """``people("p1_man__base")``: that sample prepared for a 768x1024 canvas, once a session."""

    @cache
    def prepare(name: str) -> Person:
        data = (samples / "people" / f"{name}.jpg").read_bytes()
        return prepare_person(decode(data, Limits()), provider, WARP_CANVAS)

    return prepare


@pytest.fixture(scope="session")
def garments(samples: Path) -> Callable[[str], Garment]:
    """``garments("tshirt_print")``: that sample prepared, once a session."""
    from preprocess.garment import prepare_garment  # only tests that ask for garments pay for it

    @cache
    def prepare(name: str) -> Garment:
        data = (samples / "garments" / f"{name}.jpg").read_bytes()
        return prepare_garment(decode(data, Limits()))

    return prepare


@pytest.fixture(scope="session")
def idm_vton_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ``CABINE_WEIGHTS`` folder with a tiny random checkpoint of IDM-VTON: variant ``base``, for tops."""
    pytest.importorskip("torch", reason=NO_TORCH)
    from tests.idm_vton_checkpoint import make_checkpoint

    weights = tmp_path_factory.mktemp("weights")
    make_checkpoint(weights / "idm-vton" / "base")
    return weights


@pytest.fixture(scope="session")
def idm_vton_checkpoint(idm_vton_weights: Path) -> Path:
    """Folder of that checkpoint, in the published layout; only to be read."""
    return idm_vton_weights / "idm-vton" / "base"


@pytest.fixture(scope="session")
def idm_vton_goldens() -> Path:
    """Recorded runs of the IDM-VTON reference: ``checkpoint/``, ``*.npz``, ``index.json``, ``manifests/``.

    In ``$CABINE_TEST_GOLDENS/idm_vton`` or ``../shared/goldens/idm_vton`` beside the checkout.
    """
    beside = ROOT.parent / "shared" / "goldens"
    folder = Path(os.environ.get("CABINE_TEST_GOLDENS", beside)) / "idm_vton"
    if not (folder / "index.json").is_file():
        pytest.skip("no recorded runs of the reference: set CABINE_TEST_GOLDENS to their folder")
    return folder
