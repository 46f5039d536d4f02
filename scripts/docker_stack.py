"""The compose stack under a name of its own, so that a test never touches the one somebody uses."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND_WITHIN_S = 900
"""Building is the longest: packages come from an index."""

OVERRIDE = """\
# Nobody's .env, and leases short enough for a test to wait for.
services:
  inference:
    env_file: !reset []
    environment:
      CABINE_JOB_LEASE_S: "3"
  gateway:
    env_file: !reset []
"""


@dataclass(frozen=True, kw_only=True)
class Stack:
    folder: Path
    """For the override file."""
    gateway_port: int
    inference_port: int
    name: str = "cabine-test"

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def inference(self) -> str:
        return f"http://127.0.0.1:{self.inference_port}"

    def compose(self, *arguments: str) -> str:
        """What ``docker compose`` prints; raises ``RuntimeError`` with its last words."""
        override = self.folder / "override.yml"
        override.write_text(OVERRIDE)
        files = ["--file", "docker-compose.yml", "--file", str(override)]
        ports = {"PORT": f"127.0.0.1:{self.gateway_port}", "INFERENCE_PORT": str(self.inference_port)}
        return run(
            ["docker", "compose", "--env-file", os.devnull, "--project-name", self.name, *files, *arguments],
            ports,
        )

    def up(self) -> None:
        self.compose("up", "--detach", "--wait", "--wait-timeout", "180")

    def inside(self, service: str, *command: str) -> str:
        """Run a program inside of a running container."""
        return self.compose("exec", "--no-TTY", service, *command)

    def container(self, service: str) -> dict[str, Any]:
        """What docker knows of the container, running or not."""
        (name,) = self.compose("ps", "--all", "--quiet", service).split()
        (found,) = json.loads(run(["docker", "inspect", name]))
        return dict(found)


def image(name: str) -> dict[str, Any]:
    (found,) = json.loads(run(["docker", "image", "inspect", name]))
    return dict(found)


def run(command: list[str], variables: Mapping[str, str] | None = None) -> str:
    """Raises ``RuntimeError`` with the program's last words."""
    done = subprocess.run(
        command,
        env={**os.environ, **(variables or {})},
        capture_output=True,
        text=True,
        timeout=COMMAND_WITHIN_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:3])}: {(done.stderr or done.stdout).strip()[-800:]}")
    return done.stdout
