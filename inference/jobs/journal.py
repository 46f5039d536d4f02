"""A line in the log for every turn in a job's life, whoever brought it about: a caller, a worker, time."""

from __future__ import annotations

import structlog

from inference.jobs.model import Job

log = structlog.get_logger("cabine.jobs")


def tell(job: Job) -> None:
    """Say what became of the job, as it is now; no word of its request but its id."""
    event, facts = _said(job)
    if job.owner is not None:
        facts["key"] = job.owner
    facts |= {"job_id": job.id, "request_id": job.request.get("request_id"), "engine": job.engine}
    log.info(event, **{name: value for name, value in facts.items() if value is not None})


def _said(job: Job) -> tuple[str, dict[str, object]]:
    if job.state == "queued":
        again = {"attempts": job.attempts} if job.claims else {}
        return "job queued again" if job.claims else "job accepted", {"lane": job.lane, **again}
    if job.state == "running":
        return "job started", {"attempts": job.attempts, "waited": _between(job.created, job.started)}
    if job.state == "expired":
        return "job expired", {}
    return "job ended", {
        "state": job.state,
        "error": None if job.error is None else job.error.slug,
        "attempts": job.attempts,
        "seconds": _between(job.started, job.finished),
        "timings": dict(job.timings) or None,
    }


def _between(start: float | None, end: float | None) -> float | None:
    """Seconds; None where one of both never was."""
    return None if start is None or end is None else round(end - start, 3)
