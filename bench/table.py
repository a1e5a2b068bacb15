"""How benchmarks report."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        ratio: figure over baseline; None where the figure stands alone.
        target: what is aimed at, in words; empty where nothing is.
    """

    what: str
    figure: str
    baseline: str = ""
    ratio: float | None = None
    target: str = ""
    met: bool = True


def show(rows: list[Row]) -> None:
    """Print the rows as a table."""
    table = Table("what", "figure", "baseline, same run", "ratio", "target", "")
    for row in rows:
        table.add_row(
            row.what,
            row.figure,
            row.baseline,
            f"{row.ratio:.2f}" if row.ratio is not None else "",
            row.target,
            "" if not row.target else ("met" if row.met else "MISSED"),
        )
    Console(width=160).print(table)
