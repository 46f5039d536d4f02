"""One table, printed as plain text or as Markdown: the same in every benchmark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Cell = str | float | int | None


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under the titles of their columns; None = nothing to measure, infinity = nothing was found."""

    title: str = ""
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def text(self) -> str:
        """Words to the left, numbers to the right."""
        cells = [[_text(cell) for cell in row] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(self.columns, *cells, strict=True)]
        numeric = [all(not isinstance(row[i], str) for row in self.rows) for i in range(len(widths))]

        def line(values: Sequence[str]) -> str:
            placed = (
                value.rjust(width) if right else value.ljust(width)
                for value, width, right in zip(values, widths, numeric, strict=True)
            )
            return "  ".join(placed).rstrip()

        head = [self.title] if self.title else []
        return "\n".join(
            [*head, line(self.columns), line(["-" * width for width in widths]), *map(line, cells)]
        )

    def markdown(self) -> str:
        head = [f"**{self.title}**", ""] if self.title else []
        rows = [
            self.columns,
            ["---"] * len(self.columns),
            *([_text(cell) for cell in row] for row in self.rows),
        ]
        return "\n".join([*head, *("| " + " | ".join(row) + " |" for row in rows)])


def show(tables: Iterable[Table]) -> None:
    """Print tables, an empty line between them."""
    print("\n\n".join(table.text() for table in tables))


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return "none" if math.isinf(cell) else f"{cell:.3g}" if abs(cell) < 100 else f"{cell:.0f}"
    return str(cell)
