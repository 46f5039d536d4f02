"""The model hub, seen through two questions: what does a repository hold, and bring me one file of it.

``huggingface_hub`` is imported only here, and only when something is pulled. Its ``snapshot_download``
deletes the partial file of a broken download (2.4.0, ``file_download.py``), so that 12 GB would start from
nothing after a Ctrl-C; here it stays beside its target, and the next call asks for the rest of it.
"""

from __future__ import annotations

import errno
import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from preprocess.weights import WeightsError

OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO}
"""A download that fails with these has not failed on its way."""


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    size: int
    sha256: str | None
    """None for small files that the hub keeps in git itself."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A repository at one commit."""

    commit: str
    files: Mapping[str, RemoteFile]
    elsewhere: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Of the files, those that lie in another repository: path -> its name and commit."""


class Hub(Protocol):
    def look(self, repo: str, repo_type: str, revision: str) -> Listing:
        """Raises :class:`WeightsError` where there is no such thing, or no way to it."""

    def download(self, repo: str, repo_type: str, commit: str, path: str, partial: Path, size: int) -> None:
        """Write the file to ``partial``, or the rest of it where ``partial`` has begun already.

        Raises :class:`WeightsError`; what has arrived stays in ``partial``.
        """


class HuggingFaceHub:
    """The real one; ``endpoint`` is for tests, users set HF_ENDPOINT (a mirror) and HF_TOKEN."""

    def __init__(self, endpoint: str | None = None) -> None:
        self._endpoint = endpoint

    def look(self, repo: str, repo_type: str, revision: str) -> Listing:
        client = _client("huggingface_hub")
        with named_errors(repo, revision):
            api = client.HfApi(endpoint=self._endpoint)
            found = api.repo_info(repo, repo_type=repo_type, revision=revision, files_metadata=True)
        files = {
            each.rfilename: RemoteFile(size=each.size or 0, sha256=each.lfs.sha256 if each.lfs else None)
            for each in found.siblings
        }
        return Listing(commit=found.sha, files=files)

    def download(self, repo: str, repo_type: str, commit: str, path: str, partial: Path, size: int) -> None:
        client, transfer = _client("huggingface_hub"), _client("huggingface_hub.file_download")
        url = client.hf_hub_url(
            repo, path, repo_type=repo_type, revision=commit, endpoint=self._endpoint
        )  # not the address it redirects to: that one expires while 12 GB arrive
        headers = client.utils.build_hf_headers(library_name="cabine")
        headers["Accept-Encoding"] = "identity"  # compressed answers have neither ranges nor this size
        with named_errors(repo, commit), partial.open("ab") as file:
            begun = file.tell()
            transfer.http_get(
                url, file, resume_size=begun, headers=headers, expected_size=size, displayed_filename=path
            )


def _client(module: str) -> Any:  # the package has no types where it is not installed
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise WeightsError(
            "huggingface_hub is not installed: pip install -e '.[torch]' (docs/install.md), or copy the "
            "files by hand (docs/weights.md)"
        ) from error


@contextmanager
def named_errors(repo: str, revision: str) -> Iterator[None]:
    """Failures of the client library in words that say what to do."""
    errors = _client("huggingface_hub.errors")
    try:
        yield
    except errors.GatedRepoError as error:
        words = f"{repo} asks for a login: accept its terms on the hub, then set HF_TOKEN"
        raise WeightsError(words) from error
    except errors.RepositoryNotFoundError as error:
        words = f"there is no repository {repo} on the hub, or it is private (HF_TOKEN); --repo names another"
        raise WeightsError(words) from error
    except errors.RevisionNotFoundError as error:
        raise WeightsError(f"{repo} has no revision {revision}; --revision names another") from error
    except (OSError, errors.HfHubHTTPError.__mro__[1]) as error:  # the latter: HTTPError of its HTTP library
        if getattr(error, "errno", None) in OF_THE_DISK:
            raise WeightsError(
                f"what {repo} holds cannot be written here ({_first_line(error)}); make room, or set "
                "CABINE_WEIGHTS to a folder that this user may write to, and run the same command again"
            ) from error
        raise WeightsError(
            f"the download from {repo} stopped ({type(error).__name__}: {_first_line(error)}); run the same "
            "command again, it goes on where it stopped. HF_ENDPOINT sets a mirror; docs/weights.md says how "
            "to copy the files by hand"
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else "no reason given"
