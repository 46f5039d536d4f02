"""Settings of the inference service: read once from ``CABINE_*`` variables, frozen, then passed down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from inference.engines.base import Runtime
from inference.jobs.limits import Limits as JobLimits

Names = Annotated[tuple[str, ...], NoDecode]
"""Comma-separated in the environment."""


class Settings(BaseSettings):
    """Every limit and choice of an operator; the variable of ``max_garments`` is ``CABINE_MAX_GARMENTS``."""

    model_config = SettingsConfigDict(
        env_prefix="CABINE_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    inference_host: str = Field("127.0.0.1", description="Address the inference service listens on.")
    inference_port: int = Field(8001, ge=0, le=65535, description="Port of the inference service.")
    models: Path = Field(
        Path("models"),
        description="Folder of the model files that `python -m preprocess.models fetch` brings.",
    )

    weights: Path = Field(
        Path("weights"),
        description="Folder of the checkpoints that `cabine weights pull` brings, and of accepted licences.",
    )

    engine: str = Field(
        "auto",
        description="Engine used for `engine=auto`: `auto` or a name; a name never falls back silently.",
    )
    engines: Names = Field(
        (),
        description="Engines by preference, comma separated; empty: all that are installed, previews last.",
    )
    fallback: str = Field(
        "",
        description="Engine used (and named) when CABINE_ENGINE cannot run here; empty: answer 503.",
    )
    accepted_licenses: Names = Field(
        (),
        description="Engines whose non-commercial licence you accept, comma separated, and `preprocess-full` "
        "for networks of preprocessing; `cabine weights pull --accept-license` records the same.",
    )
    policy: str = Field(
        "",
        description="Content policy, `module:factory` (inference/policy.py); empty: nothing is refused.",
    )

    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        description="Where engines with weights run: `cuda`, `cuda:1`, `mps`, `cpu` (takes minutes); "
        "`auto`: a GPU, never the CPU.",
    )
    memory_profile: Literal["auto", "24gb", "16gb", "12gb", "8gb", "cpu"] = Field(
        "auto",
        description="What lives where while an engine with weights runs; `auto`: the fastest that fits.",
    )
    dtype: Literal["auto", "fp16", "bf16", "fp32"] = Field(
        "auto", description="Arithmetic of engines with weights; `auto`: fp16 on a GPU, fp32 on the CPU."
    )
    attention: Literal["auto", "flash", "efficient", "cudnn", "math"] = Field(
        "auto", description="Attention kernel of engines with weights; `auto`: the fastest that torch offers."
    )
    compile: bool = Field(
        False, description="Compile the repeated blocks of a network: minutes at the first request."
    )
    channels_last: bool = Field(
        False, description="Channels-last memory format for convolutions; may be faster on a GPU."
    )
    garment_cache_mb: int = Field(
        0,
        ge=0,
        description="Most memory for garment features kept between requests, in megabytes; 0: none kept.",
    )
    uncond_lse: bool = Field(
        False, description="Skip the zero keys of the unconditional half (exact; not yet profiled on a GPU)."
    )

    max_file_mb: int = Field(20, ge=1, description="Largest image file, in megabytes.")
    max_request_mb: int = Field(
        128, ge=1, description="Largest request body, in megabytes: six files of 20 MB and their fields."
    )
    max_uploads_mb: int = Field(
        1024,
        ge=1,
        description="Most memory for request bodies at the same time, in megabytes; beyond it 429.",
    )
    upload_timeout_s: float = Field(
        60.0, gt=0, description="Longest time for a request body to arrive, in seconds."
    )
    max_pixels_mp: int = Field(40, ge=1, description="Largest image, in megapixels, checked before decoding.")
    min_side: int = Field(160, ge=16, description="Smallest accepted shorter side of an image, in pixels.")
    low_resolution_side: int = Field(
        512,
        ge=16,
        description="Below this shorter side, in pixels, the answer carries a `low-resolution` warning.",
    )
    max_garments: int = Field(4, ge=1, description="Most garments in one request.")
    max_samples: int = Field(4, ge=1, description="Most result pictures in one request.")

    concurrency: int = Field(
        2,
        ge=1,
        description="Requests worked on at the same time on the CPU, and as many on a GPU; with 2 one is "
        "prepared while the other has the engine.",
    )
    max_batch: int = Field(
        4,
        ge=1,
        description="Most requests that an engine draws at once, as far as its memory holds them and they "
        "wait already; 1: each alone. Batches need a CABINE_CONCURRENCY above 2.",
    )
    threads: int = Field(2, ge=1, description="Threads of the model runtime in one request.")
    max_queue: int = Field(
        32,
        ge=0,
        description="Requests that may wait for the CPU, as many for a GPU, and jobs likewise; one more is "
        "answered 429.",
    )
    request_timeout_s: float = Field(
        300.0, gt=0, description="Longest life of a request, in seconds, upload and waiting included."
    )

    max_assets: int = Field(256, ge=0, description="Most uploaded assets held in memory.")
    max_assets_mb: int = Field(
        1024, ge=1, description="Most memory for assets and what was prepared from them, in megabytes."
    )
    asset_ttl_s: float = Field(1800.0, gt=0, description="Time to live of an uploaded asset, in seconds.")

    reuse_s: float = Field(
        0.0,
        ge=0,
        description="Seconds that photos of a request or job stay in memory after it, so that the same file, "
        "sent again with the same key, needs no preparation; 0: no longer than the answer takes.",
    )
    reuse_mb: int = Field(
        256,
        ge=1,
        description="Most memory for such photos and what was prepared from them, in megabytes.",
    )

    jobs_store: Literal["sqlite", "memory"] = Field(
        "sqlite",
        description="Where jobs live: `sqlite` survives a crash; `memory` writes nothing to the disk.",
    )
    jobs_dir: Path = Field(
        Path("jobs"), description="Folder of the sqlite store: photos and results of jobs, until they expire."
    )
    max_queued_per_key: int = Field(
        16, ge=1, description="Jobs of one API key that may wait, for all devices."
    )
    max_jobs: int = Field(256, ge=1, description="Most jobs held, waiting, running and succeeded together.")
    max_jobs_mb: int = Field(
        2048, ge=1, description="Most room for photos and results of jobs, in megabytes; beyond it 503."
    )
    job_ttl_s: float = Field(3600.0, gt=0, description="How long a finished job is kept, in seconds.")
    job_timeout_s: float = Field(
        3600.0, gt=0, description="Longest life of a job, in seconds, waiting included; later it fails."
    )
    job_attempts: int = Field(
        2, ge=1, description="How often a job is begun when the process dies under it; then it fails."
    )
    job_lease_s: float = Field(
        15.0, ge=1, description="After how many seconds the jobs of a dead process are taken over."
    )
    job_wait_s: float = Field(
        30.0, gt=0, description="Longest `GET /v1/jobs/{id}?wait=` before it answers, in seconds."
    )
    previews: bool = Field(
        True,
        description="Show the preview engine's picture while an engine on another device works on a job.",
    )
    preview_confidence: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Least confidence of a preview that is shown; warp's pictures below 0.5 are mostly bad.",
    )
    max_watchers: int = Field(
        512,
        ge=1,
        description="Clients that may follow jobs at the same time, by events or `wait`; the gateway needs a "
        "thread for each.",
    )
    max_watchers_per_key: int = Field(
        128, ge=1, description="Clients of one API key that may follow jobs at the same time."
    )
    idempotency_s: float = Field(
        600.0,
        gt=0,
        description="How long answers to an `Idempotency-Key` are repeated, in seconds (not jobs).",
    )
    idempotency_mb: int = Field(
        128, ge=0, description="Most memory for answers that may be repeated, in megabytes."
    )

    keep_alive_s: int = Field(
        75, ge=1, description="Seconds an idle HTTP connection stays open; longer than any pool before it."
    )
    shutdown_grace_s: int = Field(
        30, ge=0, description="Seconds that running requests get to finish after SIGTERM."
    )
    metrics: bool = Field(
        True,
        description="Serve `/metrics` for Prometheus (the gateway: to keys; without keys to loopback).",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log lines that are written."
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="`json` (one object a line) or `console` (for people)."
    )

    @field_validator("engines", "accepted_licenses", mode="before")
    @classmethod
    def _split(cls, names: object) -> object:
        return (
            tuple(part.strip() for part in names.split(",") if part.strip())
            if isinstance(names, str)
            else names
        )

    @property
    def runtime(self) -> Runtime:
        """What engines are loaded with."""
        return Runtime(
            weights=self.weights,
            device=self.device,
            profile=self.memory_profile,
            dtype=self.dtype,
            attention=self.attention,
            compile=self.compile,
            channels_last=self.channels_last,
            garment_cache_mb=self.garment_cache_mb,
            uncond_lse=self.uncond_lse,
        )

    @property
    def max_file_bytes(self) -> int:
        return self.max_file_mb * 2**20

    @property
    def max_request_bytes(self) -> int:
        return self.max_request_mb * 2**20

    @property
    def max_uploads_bytes(self) -> int:
        return self.max_uploads_mb * 2**20

    @property
    def max_assets_bytes(self) -> int:
        return self.max_assets_mb * 2**20

    @property
    def job_limits(self) -> JobLimits:
        """What a job store is made with."""
        return JobLimits(
            max_queued=self.max_queue,
            max_queued_per_owner=self.max_queued_per_key,
            max_jobs=self.max_jobs,
            max_bytes=self.max_jobs_mb * 2**20,
            keep_s=self.job_ttl_s,
            max_attempts=self.job_attempts,
        )
