"""Tables and goals as they are printed."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """The value should be at most the limit, or at least."""

    name: str
    value: float
    limit: float
    unit: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        sign, verdict = "≥" if self.at_least else "≤", "ok" if self.met else "MISSED"
        return f"{verdict:6}  {self.name}: {shown(self.value)}{self.unit} ({sign} {self.limit:g}{self.unit})"


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; columns of numbers stand to the right."""
    cells = [list(head), *([shown(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    sides = [">" if not isinstance(cell, str) else "<" for cell in rows[0]]
    cells.insert(1, ["-" * width for width in widths])
    print(f"\n{title}\n")
    for row in cells:
        print("  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)).rstrip())
    print(flush=True)


def shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}" if value == 0 or value >= 0.1 else f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
