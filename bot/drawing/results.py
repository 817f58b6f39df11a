"""Draws a result: a bar for each day, and the sum of them as a line.

Money becomes floats here, for drawing only, and nothing read from a picture ever flows back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import accumulate

from matplotlib.axes import Axes

from bot.drawing import style
from bot.drawing.style import Font, Sheet
from bot.pictures import ResultPicture
from bot.telegram import figures

_MOST_DATES = 6
_BAR = 0.38
"""Half of a bar's width, where a day is one wide."""
_FEWEST = 7
"""Few days stand at the right, where now is, and are no wider than a week's."""


def draw(picture: ResultPicture) -> bytes:
    """The picture as PNG."""
    sheet = Sheet()
    results = [float(result) for _, result in picture.days]
    sums = list(accumulate(results))
    low, high = _range(results + sums)
    axes = sheet.axes(low, high, right=1 - 2 * style.EDGE)
    count = len(picture.days)
    axes.set_xlim(min(count - _FEWEST, 0) - 0.6, count - 0.4)
    _dates(axes, [day for day, _ in picture.days])
    axes.axhline(0, color=style.FAINT, linewidth=1.6, zorder=2)
    _bars(axes, results)
    _line(axes, sums)
    _title(sheet, picture)
    return sheet.png()


def _range(values: Sequence[float]) -> tuple[float, float]:
    """What the height shows: nought, and everything that is drawn."""
    low, high = min(0.0, *values), max(0.0, *values)
    margin = (high - low or 1.0) * 0.08
    return low - margin, high + margin


def _dates(axes: Axes, days: Sequence[date]) -> None:
    """A few dates below the bars, the last day always among them."""
    step = -(-len(days) // _MOST_DATES)
    places = range(len(days) - 1, -1, -step)
    labels = [f"{days[place].day} {days[place]:%b}" for place in places]
    axes.set_xticks(list(places), labels=labels, **style.TICK)


def _bars(axes: Axes, results: Sequence[float]) -> None:
    colours = [style.DOWN if result < 0 else style.UP for result in results]
    axes.bar(range(len(results)), results, width=2 * _BAR, color=colours, alpha=0.75, zorder=3)


def _line(axes: Axes, sums: Sequence[float]) -> None:
    """The sum so far, with a point where it stands now."""
    axes.plot(range(len(sums)), sums, color=style.ENTRY, linewidth=3, zorder=4)
    axes.plot([len(sums) - 1], [sums[-1]], "o", color=style.ENTRY, markersize=9, zorder=5)


def _title(sheet: Sheet, picture: ResultPicture) -> None:
    """The sum and over how many days at the left; what was at stake at the right."""
    total = sum((result for _, result in picture.days), Decimal(0))
    bold: Font = {"fontsize": 23, "fontweight": "bold"}
    sheet.title(
        (
            f"{figures.money(total, signed=True)} {picture.currency}",
            style.DOWN if total < 0 else style.UP if total else style.INK,
            bold,
        ),
        (f"in {figures.several(len(picture.days), 'day')}", style.FAINT, {"fontsize": 19}),
    )
    sheet.corner(picture.mode)
