"""Settings of the gateway: read once from ``CABINE_*`` variables, then passed down, never read again."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from limits import parse_many
from pydantic import AliasChoices, Field, SecretStr, StringConstraints, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway import keys

RESERVED_THREADS = 12
"""Threads that never relay: page and health checks answer however many streams are slow."""

SECRET_LENGTH = 16
"""Least characters of a secret that signs: shorter ones can be found by trying."""

HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#]+/?$")]
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")]
"""As browsers send it: lower case, no path; patterns and ``*`` are not taken."""


def _shared(name: str) -> AliasChoices:
    """A variable without the gateway's prefix: other parts of Cabine read it too."""
    return AliasChoices(name, f"CABINE_{name.upper()}")


class Settings(BaseSettings):
    """What an operator can change; the variable is ``CABINE_GATEWAY_<NAME>`` unless it is shared."""

    model_config = SettingsConfigDict(
        env_prefix="CABINE_GATEWAY_",
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        hide_input_in_errors=True,  # somebody will paste a key where its digest belongs
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
        640,
        ge=RESERVED_THREADS + 1,
        le=2048,
        description="Requests served at the same time, each client that follows a job included: "
        f"CABINE_MAX_WATCHERS, {RESERVED_THREADS} that never wait for inference, the rest for try-ons.",
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
    upload_timeout_s: float = Field(
        60.0,
        gt=0,
        validation_alias=_shared("upload_timeout_s"),
        description="Longest time for a request body to arrive, in seconds.",
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

    api_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        validation_alias=_shared("api_keys"),
        description="Accepted keys, comma separated `name:digest` (`python -m gateway keys new`); "
        "empty: everybody may use it.",
    )
    page: Literal["key", "open"] = Field(
        "key",
        description="Where keys are set: the page asks for one (`key`), or serves whoever opens it (`open`).",
    )
    session_secret: SecretStr = Field(
        SecretStr(""),
        description="Signs the page's sessions, 16 characters or more; empty: a random one, so that a "
        "restart ends them.",
    )
    rate_per_address: str = Field(
        "600/minute",
        description="Requests without a key from one address (IPv6: one /64); empty: no limit.",
    )
    rate_per_key: str = Field("6000/minute", description="Requests with one key; empty: no limit.")
    rate_storage: str = Field(
        "memory://",
        pattern=r"^(memory|rediss?|redis\+(sentinel|cluster|unix))://",
        description="Where requests are counted: `redis://host:6379` for several gateways (extra `redis`).",
    )
    trusted_proxies: int = Field(
        0,
        ge=0,
        le=8,
        description="Reverse proxies in front that set X-Forwarded-For and -Proto; 0: nobody is believed.",
    )
    cors_origins: Annotated[tuple[Origin, ...], NoDecode] = Field(
        (),
        validation_alias=_shared("cors_origins"),
        description="Other sites whose pages may call the API, comma separated origins; empty: none.",
    )
    reuse_s: float = Field(
        0.0,
        ge=0,
        validation_alias=_shared("reuse_s"),
        description="Seconds that inference keeps photos after an answer; the page without scripts says so.",
    )
    metrics: bool = Field(
        True,
        validation_alias=_shared("metrics"),
        description="Serve `/metrics` for Prometheus (the gateway: to keys; without keys to loopback).",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        validation_alias=_shared("log_level"),
        description="Least severe log lines that are written.",
    )
    log_format: Literal["json", "console"] = Field(
        "json",
        validation_alias=_shared("log_format"),
        description="`json` (one object a line) or `console` (for people).",
    )

    @field_validator("api_keys", "cors_origins", mode="before")
    @classmethod
    def _split(cls, names: object) -> object:
        if not isinstance(names, str):
            return names
        return tuple(part.strip() for part in names.split(",") if part.strip())

    @field_validator("api_keys")
    @classmethod
    def _check_keys(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        keys.parse(entries)
        return entries

    @field_validator("session_secret")
    @classmethod
    def _check_secret(cls, secret: SecretStr) -> SecretStr:
        if 0 < len(secret.get_secret_value()) < SECRET_LENGTH:
            raise ValueError(f"a secret has {SECRET_LENGTH} characters or more")
        return secret

    @field_validator("rate_per_address", "rate_per_key")
    @classmethod
    def _check_rate(cls, rate: str) -> str:
        """Anything that the library cannot read is a ``ValueError`` of its own."""
        if rate:
            parse_many(rate)
        return rate

    @field_validator("rate_storage")
    @classmethod
    def _check_storage(cls, address: str) -> str:
        if address.startswith("redis") and find_spec("redis") is None:
            raise ValueError("counting in redis needs its package; run: pip install redis")
        return address

    @property
    def max_request_bytes(self) -> int:
        return self.max_request_mb * 2**20

    @property
    def relay_slots(self) -> int:
        """How many requests may wait for inference at the same time."""
        return self.threads - RESERVED_THREADS
