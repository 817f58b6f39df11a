"""Figures of a measurement: repetitions in, one line of a table out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from rich.console import Console
from rich.table import Table

Figures = Mapping[str, Sequence[float]]


def show(title: str, unit: str, figures: Figures, *, baseline: str, goal: str = "") -> None:
    """Print each row's median, p99, least and most, and how far its median is from the baseline's."""
    table = Table(title=title, caption=goal, title_justify="left", caption_justify="left")
    for column in ("", f"median {unit}", "p99", "min", "max", "n", "over", "ratio"):
        table.add_column(column, justify="right" if column else "left")
    bare = median(figures[baseline])
    for name, values in figures.items():
        mid = median(values)
        over, ratio = ("", "") if name == baseline else (f"{mid - bare:+.2f}", f"{mid / bare:.2f}")
        ends = (f"{value:.2f}" for value in (p99(values), min(values), max(values)))
        table.add_row(name, f"{mid:.2f}", *ends, str(len(values)), over, ratio)
    console = Console(width=110)
    console.print()
    console.print(table)


def p99(values: Sequence[float]) -> float:
    """What 99 of 100 stay within; the greatest of fewer than a hundred."""
    return sorted(values)[-1 - len(values) // 100]
