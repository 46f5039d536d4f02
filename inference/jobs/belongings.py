"""Which folders of files are whose: one for a job's inputs, one for the results of each time it was claimed.

A worker that lost its lease therefore cannot mix its pictures with those of the worker after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog

from inference.jobs.errors import StoreDown, StoreFull
from inference.jobs.files import Files
from inference.jobs.model import Job

log = structlog.get_logger("cabine.jobs")


def inputs_of(job: Job) -> str:
    return f"{job.id}.in"


def results_of(job: Job) -> str:
    return f"{job.id}.{job.claims}"


def size_of(job: Job, files: Files) -> int:
    """Bytes of all its files, as they are now."""
    return files.size(inputs_of(job)) + files.size(results_of(job))


def remove_useless(jobs: Iterable[Job], files: Files) -> None:
    """What finished jobs no longer need.

    Called after the transaction that ended them: a crash leaves orphans, never a job without its files.
    """
    for job in jobs:
        for folder in {inputs_of(job), results_of(job)} - needed_by(job):
            try:
                files.remove(folder)
            except (
                StoreDown,
                StoreFull,
            ) as error:  # what was committed holds; they are orphans now, and go as such
                log.warning("files of a job not removed", job_id=job.id, error=str(error))


def remove_unneeded(folders: Iterable[str], find: Callable[[str], Job | None], files: Files) -> None:
    """Those of the folders that no job needs as it is now."""
    for folder in folders:
        job = find(folder.partition(".")[0])
        if job is None or folder not in needed_by(job):
            files.remove(folder)


def needed_by(job: Job) -> set[str]:
    if not job.done:
        return {inputs_of(job), results_of(job)}
    return {results_of(job)} if job.state == "succeeded" else set()
