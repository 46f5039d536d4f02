"""The job: plain data, its states and the moves between them. Times are seconds since the epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from inference.engines.lanes import Lane

Json: TypeAlias = "str | int | float | bool | None | list[Json] | dict[str, Json]"
JsonObject: TypeAlias = dict[str, Json]

State = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]

TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        "queued": frozenset({"running", "failed", "cancelled"}),
        "running": frozenset({"queued", "succeeded", "failed", "cancelled"}),
        "succeeded": frozenset({"expired"}),
        "failed": frozenset({"expired"}),
        "cancelled": frozenset({"expired"}),
        "expired": frozenset(),
    }
)
"""Back from running to queued: its worker died or gave it back."""

FINISHED: frozenset[State] = frozenset({"succeeded", "failed", "cancelled", "expired"})


@dataclass(frozen=True, kw_only=True)
class JobError:
    """Why a job failed; ``slug`` is one of the table of problems."""

    slug: str
    detail: str
    retryable: bool
    field: str | None = None


@dataclass(frozen=True, kw_only=True)
class Lease:
    """Whose job it is, and until when nobody else may take it."""

    worker: str
    until: float


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a job; ``seq`` counts from 1 within the job.

    ``kind`` is the state that was entered (``data`` is then empty or holds ``error``), ``progress``
    (``stage``, ``step``, ``steps``, ``eta_s``) or ``preview`` (``name`` of the file, and what it shows).
    """

    seq: int
    at: float
    kind: str
    data: JsonObject


@dataclass(frozen=True, kw_only=True)
class Job:
    """One try-on from acceptance until its results are removed. Mappings are not to be changed."""

    id: str
    owner: str | None
    """The API key it came with."""
    engine: str
    lane: Lane
    """The queue it stands in: that of the device which its engine works on."""
    request: JsonObject
    """The validated request, without its pictures."""
    created: float
    deadline: float | None
    """From when on nobody wants it: a job still queued then fails."""

    state: State = "queued"
    queue_position: int | None = None
    """Within its lane, 1 is the next; known while queued, and only in an answer of the store."""
    stage: str = ""
    step: int = 0
    steps: int = 0
    eta_s: float | None = None
    attempts: int = 0
    """How often a worker took it and did not give it back."""
    claims: int = 0
    """How often a worker took it; each time its results get a folder of their own."""
    lease: Lease | None = None
    cancel_requested: bool = False
    started: float | None = None
    finished: float | None = None

    seed: int | None = None
    confidence: float | None = None
    warnings: tuple[JsonObject, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    """Seconds by stage."""
    results: JsonObject = field(default_factory=dict)
    """What else there is to say about the results."""
    files: tuple[str, ...] = ()
    """Names of the result files."""
    error: JobError | None = None
    expires: float | None = None
    """When the results are removed; None until it has finished."""
    bytes: int = 0
    """Of its files, input and results."""
    last_event: int = 0

    @property
    def done(self) -> bool:
        return self.state in FINISHED


@dataclass(frozen=True, kw_only=True)
class Idempotency:
    """A caller's key for a request, and a digest of the request it stands for."""

    key: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A request that wants to become a job. Names of inputs: lower-case words, ``garment-0``."""

    engine: str
    lane: Lane
    request: JsonObject
    inputs: Mapping[str, bytes]
    owner: str | None = None
    deadline: float | None = None
    idempotency: Idempotency | None = None


@dataclass(frozen=True, kw_only=True)
class Success:
    """What a worker hands in. Names of files: lower-case words, ``image-0``."""

    files: Mapping[str, bytes]
    seed: int | None
    confidence: float
    warnings: tuple[JsonObject, ...]
    timings: Mapping[str, float]
    results: JsonObject


def move(job: Job, state: State, **changes: Any) -> Job:
    """The job in another state; raises ``ValueError`` for a move that is not in the table."""
    if state not in TRANSITIONS[job.state]:
        raise ValueError(f"A {job.state} job cannot become {state}.")
    return replace(job, state=state, **changes)


def dumps(job: Job) -> str:
    return json.dumps(asdict(job), ensure_ascii=False)


def loads(text: str) -> Job:
    """The inverse of :func:`dumps`."""
    data = json.loads(text)
    lease, error = data.pop("lease"), data.pop("error")
    return Job(
        **{**data, "warnings": tuple(data["warnings"]), "files": tuple(data["files"])},
        lease=Lease(**lease) if lease else None,
        error=JobError(**error) if error else None,
    )
