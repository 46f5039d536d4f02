"""What goes over HTTP, for answers and for the documentation at ``/docs``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from preprocess.types import Notice


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ProblemBody(_Answer):
    """RFC 9457 problem details."""

    type: str = Field(examples=["urn:cabine:error:no-person"])
    title: str
    status: int
    detail: str
    retryable: bool
    field: str | None = Field(description="Which input was wrong.")
    request_id: str


class WarningBody(_Answer):
    name: str = Field(examples=["low-resolution"])
    detail: str


def warning_bodies(notices: Sequence[Notice]) -> list[WarningBody]:
    return [WarningBody(name=notice.name, detail=notice.detail) for notice in notices]


class EngineUsed(_Answer):
    name: str
    revision: str
    license: str
    reason: str = Field(
        description="Why this engine: requested, default, first available, or what it replaces."
    )
    preview: bool
    sampling: str = Field(
        description="How a generative engine drew it, approximate or exact; empty for others.",
        examples=["30 steps of DDPM"],
    )


class Resolution(_Answer):
    width: int
    height: int
    scale: float = Field(description="Engine pixels per photo pixel.")


class TryOnAnswer(_Answer):
    images: list[str] = Field(description="Result pictures, base64.")
    mask: str = Field(description="Base64 PNG, 8 bit grey, the photo's size; 0 = identical to the photo.")
    format: Literal["png", "jpeg", "webp"]
    width: int
    height: int
    mask_source: Literal["input", "derived", "full"]
    seed: int
    engine: EngineUsed
    confidence: float
    warnings: list[WarningBody]
    timings: dict[str, float] = Field(
        description="Seconds per stage; `person` and `garment` are prepared side by side."
    )
    effective_resolution: Resolution
    request_id: str


class JobAnswer(_Answer):
    id: str = Field(examples=["9f0c3c5e0b8e4b5a8a6e2f1d7c4b3a29"])
    state: Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]
    queue_position: int | None = Field(description="1 is the next; null unless queued.")
    stage: str | None = Field(description="What is being done: decode, person, garment, engine, ...")
    step: int = Field(description="Of the stage; only engines count several.")
    steps: int
    eta_s: float | None = Field(description="Estimated seconds until it is done.")
    attempts: int = Field(description="How often it was begun; 2 after a crash of the service.")
    engine: EngineUsed
    seed: int | None
    confidence: float | None
    warnings: list[WarningBody]
    timings: dict[str, float] = Field(description="Seconds per stage.")
    error: ProblemBody | None = Field(description="Why it failed: what a sync request would have answered.")
    images: list[str] = Field(description="Addresses of the pictures; empty until it has succeeded.")
    mask: str | None = Field(description="Address of the mask, as in a JSON answer.")
    previews: list[str] = Field(
        description="Addresses of small JPEG pictures to show meanwhile, the roughest first; mostly empty."
    )
    format: Literal["png", "jpeg", "webp"] | None
    width: int | None
    height: int | None
    mask_source: Literal["input", "derived", "full"] | None
    effective_resolution: Resolution | None
    created: str = Field(description="RFC 3339, UTC, as the times below.")
    started: str | None
    finished: str | None
    expires: str | None = Field(description="When job and results are removed; null until it is finished.")
    request_id: str = Field(description="Of the request that made the job.")


class ChecksBody(_Answer):
    person_visible: bool | None = Field(description="null for a garment.")
    sharp: bool
    large_enough: bool
    warnings: list[WarningBody]


class AssetAnswer(_Answer):
    id: str = Field(examples=["p3tZ0rX9dGm1yV5bQw8cKA"])
    kind: Literal["person", "garment"]
    width: int
    height: int
    expires: str = Field(description="RFC 3339, UTC.")
    checks: ChecksBody


class LookAnswer(_Answer):
    category: str | None = Field(description="What a garment was recognised as; null for a person.")
    refusal: WarningBody | None = Field(
        description="What a try-on with it would be refused for; `name` is the slug of the problem."
    )
    warnings: list[WarningBody]


class OptionBody(_Answer):
    name: str
    least: float | None = None
    most: float | None = None
    default: float | None = None
    choices: list[str] | None = None


class VariantBody(_Answer):
    """One checkpoint of an engine."""

    name: str
    categories: list[str]
    repo: str
    here: bool = Field(description="All of its files are on this machine.")


class EngineBody(_Answer):
    name: str
    title: str
    summary: str
    revision: str
    code_license: str
    weights_license: str
    commercial_use: bool
    preview: bool
    categories: list[str]
    served: list[str] = Field(description="Categories it can dress here now; others lack a checkpoint.")
    photo_kinds: list[str]
    canvas: list[int]
    artefacts: list[str]
    devices: list[str]
    options: list[OptionBody]
    variants: list[VariantBody]
    vram_mb: dict[str, int] = Field(description="Memory profile -> planned megabytes of VRAM.")
    validated_on: list[str]
    available: bool
    reason: str | None = Field(description="Why it cannot run here, and the command that mends it.")


class KeepsBody(_Answer):
    """For how long this service keeps what it is sent, in seconds."""

    asset_s: float = Field(description="An uploaded picture, in memory, unless it is deleted earlier.")
    request_s: float = Field(description="A photo that came as a file, in memory, after its answer.")
    job_s: float = Field(description="A finished job's results, unless it is deleted earlier.")
    jobs_on_disk: bool = Field(description="Do photos and results of jobs lie on a disk meanwhile?")


class EnginesAnswer(_Answer):
    default: str | None = Field(description="The engine that engine=auto means now; null when none can run.")
    engines: list[EngineBody]
    garments: int = Field(description="Most garments in one request.")
    keeps: KeepsBody


class HealthAnswer(_Answer):
    status: Literal["live", "started", "ready"]


class FrameBody(_Answer):
    x0: float
    y0: float
    scale: float
    width: int
    height: int


class PoseAnswer(_Answer):
    tag: str
    frame: FrameBody
    points: list[list[float]]
    visibility: list[float]
    depth: list[float]
    score: float


class ParseAnswer(_Answer):
    tag: str
    frame: FrameBody
    labels: list[str] = Field(description="Name of each value in the map.")
    map: str = Field(description="Base64 PNG, 8 bit, one label a pixel.")
    confidence: dict[str, float]
    warnings: list[WarningBody]


class MaskAnswer(_Answer):
    tag: str
    frame: FrameBody
    mask: str = Field(description="Base64 PNG, 8 bit grey, on the photo's grid: white = may change.")


class GarmentAnswer(_Answer):
    tag: str = Field(examples=["garment"])
    frame: FrameBody
    category: str
    kind: str
    sleeve_length: str
    collar: str | None
    cutout_confidence: float
    landmarks: dict[str, Any] | None = Field(description="In pixels of the frame, the viewer's sides.")
    cutout: str = Field(description="Base64 PNG with alpha.")
    warnings: list[WarningBody]
