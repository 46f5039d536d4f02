"""Bring the files of one set from the hub: those not here yet, each checked and recorded as it arrives."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from inference.weights.hub import Hub, Listing
from preprocess.models import sha256_of
from preprocess.weights import Manifest, WeightsError, WeightSet, read_manifest, record_of, write_manifest

Say = Callable[[str], None]


def pull(
    wanted: WeightSet,
    weights: Path,
    hub: Hub,
    say: Say,
    *,
    repo: str | None = None,
    revision: str | None = None,
) -> Manifest:
    """Complete the set in its folder; files that are there and right are not touched.

    The revision is the given one, else the commit of the first pull, else that of the set. Raises
    :class:`WeightsError`: nothing of that name, files missing upstream, no room on the disk, broken download,
    a file that is not what the hub or the set says.
    """
    folder = wanted.folder(weights)
    before = read_manifest(folder)
    if not (repo or wanted.repo):
        raise WeightsError(f"{', '.join(wanted.files)}: {wanted.remedy}")
    place = repo or (before.repo if before else wanted.repo)
    pinned = before.commit if before and before.repo == place else None
    listing = hub.look(place, wanted.repo_type, revision or pinned or wanted.revision)
    listing = with_elsewhere(listing, wanted, hub, before.elsewhere if before else {})
    if before is not None and pinned == listing.commit:
        manifest = replace(before, elsewhere=dict(listing.elsewhere.values()))
    else:
        manifest = Manifest(
            repo=place,
            revision=revision or wanted.revision,
            commit=listing.commit,
            files={},
            elsewhere=dict(listing.elsewhere.values()),
        )
    paths = published(wanted, folder, listing, manifest)
    todo = [path for path in paths if not here(folder, path, manifest, listing)]
    for other, commit in manifest.elsewhere.items():
        say(f"what {manifest.repo} lacks comes from {other} at {commit[:12]}")
    say(
        f"{manifest.repo} at {listing.commit[:12]}: {len(paths)} files, {_size(listing, paths)}; "
        f"{len(todo)} of them to bring, {_size(listing, todo)}"
    )
    ensure_room(folder, wanted, listing, todo)
    for path in paths:
        if path in todo:
            fetch(wanted, folder, path, listing, manifest.repo, hub)
        if path in todo or path not in manifest.files:
            known = wanted.files.get(path) or listing.files[path].sha256  # compared with it a moment ago
            manifest = manifest.with_file(path, record_of(folder / path, known))
            write_manifest(folder, manifest)
    return manifest


def with_elsewhere(listing: Listing, wanted: WeightSet, hub: Hub, pinned: Mapping[str, str]) -> Listing:
    """Add what the repository lacks and the set knows another for; ``pinned``: commits of an earlier pull."""
    lacking = {path: repo for path, repo in wanted.elsewhere.items() if path not in listing.files}
    files = dict(listing.files)
    places: dict[str, tuple[str, str]] = {}
    for repo in sorted(set(lacking.values())):
        other = hub.look(repo, wanted.repo_type, pinned.get(repo, "main"))
        found = [path for path, its in lacking.items() if its == repo and path in other.files]
        files |= {path: other.files[path] for path in found}
        places |= {path: (repo, other.commit) for path in found}
    return replace(listing, files=files, elsewhere=places)


def published(wanted: WeightSet, folder: Path, listing: Listing, manifest: Manifest) -> tuple[str, ...]:
    """What should be here, as far as the repository has it: pickles only where nothing stands in for them.

    Raises :class:`WeightsError` listing every file that the repository does not have.
    """
    chosen, absent = [], []
    for path in wanted.files:
        stand_in = wanted.converted.get(path)
        if stand_in is not None and stand_in in listing.files:
            chosen.append(stand_in)
        elif stand_in is not None and stand_in in manifest.files and (folder / stand_in).is_file():
            continue  # converted from this commit already
        elif path in listing.files:
            chosen.append(path)
        else:
            absent.append(path)
    if absent:
        raise WeightsError(
            f"{manifest.repo} at {listing.commit[:12]} does not have the published layout; it lacks "
            f"{', '.join(absent)}. --repo and --revision name another place"
        )
    return tuple(chosen)


def here(folder: Path, path: str, manifest: Manifest, listing: Listing) -> bool:
    """Is this file of this commit in the folder; a digest is computed only where size and time are new."""
    target, remote = folder / path, listing.files[path]
    if not target.is_file() or target.stat().st_size != remote.size:
        return False
    record = manifest.files.get(path)
    if record is not None and record.unchanged(target):
        return True
    return remote.sha256 is not None and sha256_of(target) == remote.sha256


def ensure_room(folder: Path, wanted: WeightSet, listing: Listing, todo: list[str]) -> None:
    """Raise :class:`WeightsError` before a download that the disk cannot hold, conversion included."""
    begun = sum(
        partial.stat().st_size for path in todo if (partial := partial_of(folder, path, listing)).is_file()
    )
    pickles = [path for path in todo if path in wanted.converted]
    need = _bytes(listing, todo) - begun + _bytes(listing, pickles) // 2  # float32 becomes float16
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if need > free:
        raise WeightsError(
            f"the disk of {folder} has {readable(free)} free, {readable(need)} are needed; make room, or set "
            "CABINE_WEIGHTS to a folder on another disk"
        )


def fetch(wanted: WeightSet, folder: Path, path: str, listing: Listing, repo: str, hub: Hub) -> None:
    """Download to a partial file, compare, then move it to its place."""
    remote, partial = listing.files[path], partial_of(folder, path, listing)
    partial.parent.mkdir(parents=True, exist_ok=True)
    repo, commit = listing.elsewhere.get(path, (repo, listing.commit))
    hub.download(repo, wanted.repo_type, commit, path, partial, remote.size)
    expected = wanted.files.get(path) or remote.sha256
    got = sha256_of(partial)
    if partial.stat().st_size != remote.size or (expected and got != expected):
        partial.unlink()
        raise WeightsError(
            f"{path} of {repo} arrived with SHA-256 {got}, expected {expected or 'another size'}; it was "
            "deleted. Run the same command again; if it happens again, do not trust this repository"
        )
    if path in wanted.converted:  # what was made of an older commit must not stand in for this one
        (folder / wanted.converted[path]).unlink(missing_ok=True)
    partial.replace(folder / path)


def partial_of(folder: Path, path: str, listing: Listing) -> Path:
    """Where a download grows: beside its target, one for each commit."""
    target = folder / path
    _, commit = listing.elsewhere.get(path, ("", listing.commit))
    return target.with_name(f".{target.name}.{commit[:12]}.partial")


def readable(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def _bytes(listing: Listing, paths: Iterable[str]) -> int:
    return sum(listing.files[path].size for path in paths)


def _size(listing: Listing, paths: Iterable[str]) -> str:
    return readable(_bytes(listing, paths))
