"""The pictures of jobs: a folder of small named files for each job's inputs and for each try's results.

Names never hold what a user sent: folders are made from job ids, files from the words of our own code.
"""

from __future__ import annotations

import errno
import math
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from inference.jobs.errors import StoreDown, StoreFull

FOLDER = re.compile(r"[0-9a-f]{32}\.(in|[0-9]{1,6})")
NAME = re.compile(r"[a-z]{1,32}(-[0-9]{1,6})?")
PART = ".part"
"""Ending of a file that is being written."""

RESERVE_BYTES = 16 * 2**20
"""Of the disk, which pictures leave free: the database beside them must be able to write that a job has
ended or expired, or nothing would ever be removed again. Its log takes some 4 MB."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Files(Protocol):
    """Safe for several threads. Raises ``StoreFull`` for want of room, ``StoreDown`` for other faults."""

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Add or replace files, each whole or not at all; on the disk when this returns."""
        ...

    def read(self, folder: str, name: str) -> bytes:
        """Raises ``KeyError``."""
        ...

    def size(self, folder: str) -> int:
        """Bytes of all files in it; 0 when there is none."""
        ...

    def remove(self, folder: str) -> None:
        """With all files; it need not be there."""
        ...

    def older_than(self, moment: float) -> list[str]:
        """Folders in which nothing was changed since then (seconds since the epoch)."""
        ...


class MemoryFiles:
    """Files (see there) that never touch the disk."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._folders: dict[str, dict[str, bytes]] = {}
        self._changed: dict[str, float] = {}

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        _check(folder, *files)
        with self._lock:
            self._folders.setdefault(folder, {}).update(files)
            self._changed[folder] = self._now()

    def read(self, folder: str, name: str) -> bytes:
        with self._lock:
            return self._folders[folder][name]

    def size(self, folder: str) -> int:
        with self._lock:
            return sum(len(data) for data in self._folders.get(folder, {}).values())

    def remove(self, folder: str) -> None:
        with self._lock:
            self._folders.pop(folder, None)
            self._changed.pop(folder, None)

    def older_than(self, moment: float) -> list[str]:
        with self._lock:
            return [folder for folder, changed in self._changed.items() if changed < moment]


class DiskFiles:
    """Files (see there) under ``root``, which only this user may enter (0700; files 0600)."""

    def __init__(self, root: Path) -> None:
        self._root = root
        _make_private(root)

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        _check(folder, *files)
        path = self._root / folder
        with _faults():
            if shutil.disk_usage(self._root).free < RESERVE_BYTES + sum(map(len, files.values())):
                raise StoreFull
            path.mkdir(mode=0o700, exist_ok=True)
            for name, data in files.items():
                _write(path / name, data)
            _sync_folder(path)
            _sync_folder(self._root)

    def read(self, folder: str, name: str) -> bytes:
        _check(folder, name)
        with _faults():
            try:
                return (self._root / folder / name).read_bytes()
            except FileNotFoundError:
                raise KeyError(name) from None

    def size(self, folder: str) -> int:
        _check(folder)
        with _faults():
            try:
                with os.scandir(self._root / folder) as entries:
                    return sum(entry.stat().st_size for entry in entries)
            except FileNotFoundError:
                return 0

    def remove(self, folder: str) -> None:
        _check(folder)
        with _faults():
            try:
                shutil.rmtree(self._root / folder)
            except FileNotFoundError:  # never made, or another process removes it too
                return

    def older_than(self, moment: float) -> list[str]:
        with _faults(), os.scandir(self._root) as entries:
            names = [entry.name for entry in entries if FOLDER.fullmatch(entry.name)]
            return [name for name in names if self._changed(name) < moment]

    def _changed(self, folder: str) -> float:
        try:
            return (self._root / folder).stat().st_mtime
        except FileNotFoundError:  # another process has just removed it
            return math.inf


def _make_private(folder: Path) -> None:
    """Make a folder that no other user may enter, also where it is there already; raises ``StoreDown``."""
    with _faults():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)


def _write(path: Path, data: bytes) -> None:
    """Replace the file in one move; where it fails, nothing of it stays."""
    part = path.with_name(path.name + PART)
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _sync_folder(path: Path) -> None:
    """The names in a folder must be on the disk too before a job may rely on them."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check(folder: str, *names: str) -> None:
    for text, pattern in ((folder, FOLDER), *((name, NAME) for name in names)):
        if not pattern.fullmatch(text):
            raise ValueError(f"A name of the wrong form: {text[:80]!r}.")


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StoreFull from error
        raise StoreDown(str(error)) from error
