"""What Cabine's images add to their base image, in megabytes.

python -m scripts.image_sizes [BASE]
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from scripts.docker_stack import image, run

BASE = "python:3.11-slim"
LIMITS_MB = {"cabine-gateway": 90, "cabine-inference": 450}
"""What each may add; a larger one has got something that it does not need."""


@dataclass(frozen=True, kw_only=True)
class Size:
    name: str
    added_mb: float
    limit_mb: int

    @property
    def fits(self) -> bool:
        return self.added_mb < self.limit_mb


def sizes(base: str = BASE) -> list[Size]:
    """Images on the shared base; raises ``RuntimeError`` for one missing or made from another."""
    below = image(local(base))
    layers = below["RootFS"]["Layers"]
    found = []
    for name, limit in LIMITS_MB.items():
        made = image(name)
        if made["RootFS"]["Layers"][: len(layers)] != layers:
            raise RuntimeError(f"{name} was not made from this {base}: docker compose build --pull")
        found.append(Size(name=name, added_mb=(made["Size"] - below["Size"]) / 1e6, limit_mb=limit))
    return found


def local(base: str) -> str:
    """The base image, fetched where the builder kept it for itself."""
    try:
        image(base)
    except RuntimeError:
        run(["docker", "pull", "--quiet", base])
    return base


def main() -> int:
    base = sys.argv[1] if len(sys.argv) > 1 else BASE
    print(f"| image | adds to {base} | limit |\n|---|---|---|")
    found = sizes(base)
    for size in found:
        print(f"| {size.name} | {size.added_mb:.0f} MB | {size.limit_mb} MB |")
    return 0 if all(size.fits for size in found) else 1


if __name__ == "__main__":
    sys.exit(main())
