"""Plain text tables, the same in every benchmark."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TextIO

Cell = str | float | int | None


def print_table(titles: Sequence[str], rows: Sequence[Sequence[Cell]], out: TextIO | None = None) -> None:
    """Print rows under their titles: words to the left, numbers to the right."""
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    numeric = [all(not isinstance(row[i], str) for row in rows) for i in range(len(titles))]

    def line(values: Sequence[str]) -> str:
        placed = (
            value.rjust(width) if right else value.ljust(width)
            for value, width, right in zip(values, widths, numeric, strict=True)
        )
        return "  ".join(placed).rstrip()

    out = out or sys.stdout
    print(line(titles), file=out)
    print(line(["-" * width for width in widths]), file=out)
    for row in cells:
        print(line(row), file=out)


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return "none" if math.isinf(cell) else f"{cell:.3g}" if abs(cell) < 100 else f"{cell:.0f}"
    return str(cell)
