"""Put the tables of the last benchmarks into docs/quality.md, so that nobody copies numbers by hand.

    python -m bench.report [--results bench/results]

Reads the JSON that each benchmark wrote; ``make quality`` runs them all first.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import garment, parsing, quality, warp
from bench.table import Table
from scripts.render_docs import ROOT, replace_block

PAGE = ROOT / "docs/quality.md"
TABLES: dict[str, Callable[[Any], tuple[Table, ...]]] = {
    "quality": quality.tables,
    "parsing": parsing.tables,
    "garment": garment.tables,
    "warp": warp.tables,
}
"""Benchmark, which is also the name of its JSON file and of its block on the page -> its tables."""


def filled(page: str, results: Path) -> str:
    """The page with every block renewed; a missing JSON file is an ``OSError``."""
    for name, tables in TABLES.items():
        measured = json.loads((results / f"{name}.json").read_text())
        page = replace_block(page, name, "\n\n".join(table.markdown() for table in tables(measured)))
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("bench/results"))
    PAGE.write_text(filled(PAGE.read_text(), parser.parse_args().results))
    print(f"{PAGE.relative_to(ROOT)} written")


if __name__ == "__main__":
    main()
