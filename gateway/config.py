"""Settings of the gateway: read once from ``CABINE_*`` variables, then passed down, never read again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

RESERVED_THREADS = 12
"""Threads that never relay: page and health checks answer however many streams are slow."""

HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#]+/?$")]


def _shared(name: str) -> AliasChoices:
    """A variable without the gateway's prefix: other parts of Cabine read it too."""
    return AliasChoices(name, f"CABINE_{name.upper()}")


class Settings(BaseSettings):
    """What an operator can change; the variable is ``CABINE_GATEWAY_<NAME>`` unless it is shared."""

    model_config = SettingsConfigDict(
        env_prefix="CABINE_GATEWAY_", frozen=True, extra="forbid", env_ignore_empty=True
    )

    host: str = Field("127.0.0.1", description="Address the gateway listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the gateway listens on (make run: PORT).")
    inference_url: HttpUrl = Field(
        "http://127.0.0.1:8001",
        validation_alias=_shared("inference_url"),
        description="Where the gateway reaches the inference service.",
    )
    samples: Path = Field(
        Path("samples"),
        validation_alias=_shared("samples"),
        description="Folder with people/ and garments/ offered on the page; a missing folder offers none.",
    )
    threads: int = Field(
        128,
        ge=RESERVED_THREADS + 1,
        le=1024,
        description=f"Requests served at the same time; {RESERVED_THREADS} of them never wait for inference.",
    )
    max_request_mb: int = Field(
        128,
        ge=1,
        validation_alias=_shared("max_request_mb"),
        description="Largest request body, in megabytes; more is refused before it is read.",
    )
    max_file_mb: int = Field(
        20,
        ge=1,
        validation_alias=_shared("max_file_mb"),
        description="Largest image file, in megabytes; the page says so before anything is sent.",
    )
    connect_timeout_s: float = Field(3.0, gt=0, description="Longest wait for a connection to inference.")
    read_timeout_s: float = Field(
        310.0,
        gt=0,
        description="Longest silence of inference; above its own limit of 300 s, so that it answers first.",
    )
    client_timeout_s: int = Field(30, ge=1, description="Longest silence of a client that sends or receives.")
    keep_alive_s: int = Field(75, ge=1, description="How long an idle client connection is kept open.")
    grace_s: int = Field(30, ge=1, description="How long running requests may finish after SIGTERM.")

    @property
    def max_request_bytes(self) -> int:
        return self.max_request_mb * 2**20

    @property
    def relay_slots(self) -> int:
        """How many requests may wait for inference at the same time."""
        return self.threads - RESERVED_THREADS
