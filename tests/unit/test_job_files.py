"""Pictures of jobs on the disk: who may read them, what a full disk leaves behind."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from inference.jobs.errors import StoreDown
from inference.jobs.files import DiskFiles

ROOT = Path(__file__).resolve().parents[2]
INPUTS = "0" * 32 + ".in"

FULL_DISK = """
import resource
import sys
from pathlib import Path
from inference.jobs.errors import StoreFull
from inference.jobs.files import DiskFiles
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    DiskFiles(Path(sys.argv[1])).write(sys.argv[2], {"person": b"x" * 4096, "garment-0": b"x" * 4097})
except StoreFull:
    print("full")
"""


def modes(root: Path) -> dict[str, int]:
    return {str(path.relative_to(root.parent)): stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")}


def test_only_this_user_may_read(tmp_path: Path) -> None:
    root = tmp_path / "files"
    root.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        DiskFiles(root).write(INPUTS, {"person": b"face"})
    finally:
        os.umask(before)

    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert modes(root) == {f"files/{INPUTS}": 0o700, f"files/{INPUTS}/person": 0o600}


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("..", "person"),
        (INPUTS, "../person"),
        (INPUTS, "/etc/passwd"),
        (INPUTS, "person.part"),
        (INPUTS, "Person"),
        (INPUTS, ""),
        ("0" * 32, "person"),
        (f"{INPUTS}/..", "person"),
    ],
)
def test_names_of_another_form_never_reach_the_disk(tmp_path: Path, folder: str, name: str) -> None:
    files = DiskFiles(tmp_path / "files")

    with pytest.raises(ValueError, match="wrong form"):
        files.write(folder, {name: b""})
    with pytest.raises(ValueError, match="wrong form"):
        files.read(folder, name)
    with pytest.raises(ValueError, match="wrong form"):
        files.remove("../files")
    assert list((tmp_path / "files").iterdir()) == []


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    files = DiskFiles(tmp_path / "files")
    files.write(INPUTS, {"person": b"old"})
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / "files" / INPUTS / "person.part").symlink_to(victim)

    with pytest.raises(StoreDown):
        files.write(INPUTS, {"person": b"new"})
    assert victim.read_bytes() == b"mine"
    assert files.read(INPUTS, "person") == b"old"


def test_full_disk_leaves_whole_files_only(tmp_path: Path) -> None:
    """A real process that may write no file over 4 kB, like one whose disk is full."""
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path / "files", INPUTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout == "full\n"
    assert [path.name for path in (tmp_path / "files" / INPUTS).iterdir()] == ["person"]
    assert DiskFiles(tmp_path / "files").size(INPUTS) == 4096


def test_removed_is_gone(tmp_path: Path) -> None:
    files = DiskFiles(tmp_path / "files")
    files.write(INPUTS, {"person": b"face"})
    files.remove(INPUTS)
    files.remove(INPUTS)

    assert files.size(INPUTS) == 0
    with pytest.raises(KeyError):
        files.read(INPUTS, "person")
    assert list((tmp_path / "files").iterdir()) == []


def test_age_is_that_of_the_last_change(tmp_path: Path) -> None:
    files = DiskFiles(tmp_path / "files")
    files.write(INPUTS, {"person": b"face"})
    os.utime(tmp_path / "files" / INPUTS, (1000, 1000))
    (tmp_path / "files" / "lost+found").mkdir()

    assert files.older_than(1000) == []
    assert files.older_than(1001) == [INPUTS]
    files.write(INPUTS, {"garment-0": b"shirt"})
    assert files.older_than(1001) == []


def test_a_disk_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("not a folder")

    with pytest.raises(StoreDown):
        DiskFiles(tmp_path / "files")
