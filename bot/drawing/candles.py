"""Draws a card's picture: candles, the ticket's prices as labelled lines, few times.

Prices become floats here, for drawing only, and nothing read from a picture ever flows back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

from bot.drawing import style
from bot.drawing.style import Font, Sheet
from bot.pictures import CandlePicture
from bot.telegram import figures
from execution.types import Candle, Side

_WIDEST = 0.34
"""Room for the levels' labels, at most; longer ones are written smaller."""
_FEWEST_SLOTS = 30
"""Few candles keep their shape and stand at the right, where now is."""
_LABEL_GAP = 0.072
"""Least distance between two labels, as a share of the picture's height."""
_REACH = 1.2
"""How many times the candles' span a level may be away and still be drawn to scale."""
_TIME_STEPS = (60, 300, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000)
_MOST_TIMES = 5
_MOST_TARGETS = 4
"""Labels of more would not find room beside the others."""


@dataclass(frozen=True, slots=True)
class _Level:
    """One horizontal line and what stands beside it."""

    word: str
    price: Decimal
    colour: str
    dashes: tuple[float, ...] = ()

    @property
    def y(self) -> float:
        return float(self.price)


def draw(picture: CandlePicture) -> bytes:
    """The picture as PNG."""
    sheet, levels = Sheet(), _levels(picture)
    low, high = _price_range(picture.candles, levels)
    labels = _labels(levels, low, high)
    room = max((sheet.width(text, style.LABEL) for text in labels), default=0.0)
    axes = sheet.axes(low, high, right=1 - 2 * style.EDGE - min(room, _WIDEST))
    slots = max(len(picture.candles), _FEWEST_SLOTS)
    axes.set_xlim(len(picture.candles) - slots - 0.8, len(picture.candles) + 0.2)
    _times(axes, picture, slots)
    _zones(axes, picture)
    _candles(axes, picture.candles)
    size = style.LABEL["fontsize"] * min(1.0, _WIDEST / (room or 1.0))
    _lines(sheet.figure, axes, levels, labels, size=size)
    _title(sheet, picture)
    return sheet.png()


def _levels(picture: CandlePicture) -> list[_Level]:
    """The lines of a picture; whatever is not known has none."""
    levels = []
    if picture.last is not None:
        levels.append(_Level("now", picture.last, style.LAST, (1, 3)))
    if picture.entry is not None:
        levels.append(_Level("entry", picture.entry, style.ENTRY))
    if picture.worst is not None:
        word = "at most" if picture.side is Side.BUY else "at least"
        levels.append(_Level(word, picture.worst, style.ENTRY, (6, 3)))
    if picture.stop is not None:
        levels.append(_Level("stop", picture.stop, style.DOWN))
    levels += [_Level("target", target, style.UP) for target in picture.targets[:_MOST_TARGETS]]
    return levels


def _price_range(candles: Sequence[Candle], levels: Sequence[_Level]) -> tuple[float, float]:
    """What the height shows: all candles, and every level that would not flatten them."""
    low = min(float(c.low) for c in candles)
    high = max(float(c.high) for c in candles)
    span = high - low or high * 0.002 or 1.0
    near = [level.y for level in levels if low - _REACH * span <= level.y <= high + _REACH * span]
    low, high = min([low, *near]), max([high, *near])
    margin = (high - low or span) * 0.06
    return low - margin, high + margin


def _times(axes: Axes, picture: CandlePicture, slots: int) -> None:
    """A few times below the candles, where a round unit of the zone's time begins, or a new day."""
    candles = picture.candles
    span = (candles[-1].at - candles[0].at).total_seconds()
    most = max(_MOST_TIMES * len(candles) // slots, 1)
    step = next((s for s in _TIME_STEPS if span / s <= most), _TIME_STEPS[-1])
    places, labels = [], []
    local = [candle.at.astimezone(picture.zone) for candle in candles]
    units = [int(moment.replace(tzinfo=UTC).timestamp()) // step for moment in local]
    for index, (before, unit) in enumerate(pairwise(units), start=1):
        if unit != before:
            places.append(index)
            labels.append(_time_label(local[index], step))
    axes.set_xticks(places, labels=labels, **style.TICK)


def _time_label(local: datetime, step: int) -> str:
    return f"{local.day} {local:%b}" if step >= 86_400 else f"{local:%H:%M}"


def _candles(axes: Axes, candles: Sequence[Candle]) -> None:
    colours = [style.UP if c.close >= c.open else style.DOWN for c in candles]
    wicks = [((x, float(c.low)), (x, float(c.high))) for x, c in enumerate(candles)]
    low, high = axes.get_ylim()
    thin = (high - low) * 0.003
    bodies = []
    for x, candle in enumerate(candles):
        bottom, top = sorted((float(candle.open), float(candle.close)))
        top = max(top, bottom + thin)
        bodies.append(((x - 0.36, bottom), (x - 0.36, top), (x + 0.36, top), (x + 0.36, bottom)))
    axes.add_collection(LineCollection(wicks, colors=colours, linewidths=1.5, zorder=3))
    axes.add_collection(PolyCollection(bodies, facecolors=colours, edgecolors="none", zorder=4))


def _zones(axes: Axes, picture: CandlePicture) -> None:
    """What is at stake and what is hoped for, as faint bands from the entry."""
    start = picture.entry or picture.worst or picture.last
    if start is None:
        return
    if picture.stop is not None:
        axes.axhspan(float(start), float(picture.stop), color=style.DOWN, alpha=0.10, linewidth=0)
    if picture.targets:
        far = max(picture.targets, key=lambda price: abs(price - start))
        axes.axhspan(float(start), float(far), color=style.UP, alpha=0.08, linewidth=0)


def _labels(levels: Sequence[_Level], low: float, high: float) -> list[str]:
    """What stands beside each level, with an arrow where it is out of sight."""
    texts = []
    for level in levels:
        arrow = " ↑" if level.y > high else " ↓" if level.y < low else ""
        texts.append(f"{level.word}{arrow} {figures.price(level.price)}")
    return texts


def _lines(
    figure: Figure, axes: Axes, levels: Sequence[_Level], labels: Sequence[str], *, size: float
) -> None:
    """Each level's line, and its label at the right, nudged until none covers another."""
    right, (low, high) = axes.get_position().x1, axes.get_ylim()
    ranked = sorted(zip(levels, labels, strict=True), key=lambda pair: pair[0].y)
    seen = [min(max(level.y, low), high) for level, _ in ranked]
    true = [style.BOTTOM + (style.TOP - style.BOTTOM) * (y - low) / (high - low) for y in seen]
    for (level, label), y, start, place in zip(ranked, seen, true, apart(true), strict=True):
        if level.y == y:
            dashes: Any = (0, level.dashes) if level.dashes else "solid"
            axes.axhline(y, color=level.colour, linewidth=2, linestyle=dashes, zorder=2)
            _connect(figure, right, start, place, level.colour)
        font: Font = {**style.LABEL, "fontsize": size, "va": "center_baseline"}
        figure.text(right + style.EDGE, place, label, color=level.colour, **font)


def _connect(figure: Figure, x: float, y: float, place: float, colour: str) -> None:
    """A short stroke from the line's end to its label."""
    pixels = [
        (x * style.WIDTH, y * style.HEIGHT),
        ((x + 0.8 * style.EDGE) * style.WIDTH, place * style.HEIGHT),
    ]
    figure.add_artist(LineCollection([pixels], colors=colour, linewidths=2, transform=None))


def apart(places: Sequence[float]) -> list[float]:
    """Heights in rising order, moved as little as needed so that each has its room.

    Runs that stand too close are spread around their own middle, as one block, again and again.
    """
    blocks = [[place] for place in places]
    joined = True
    while joined:
        joined = False
        for index in range(len(blocks) - 1):
            lower, upper = blocks[index], blocks[index + 1]
            if _spread(upper)[0] - _spread(lower)[-1] < _LABEL_GAP - 1e-9:
                blocks[index : index + 2] = [lower + upper]
                joined = True
                break
    return [place for block in blocks for place in _spread(block)]


def _spread(block: Sequence[float]) -> list[float]:
    """A run of labels at the least distance around its middle, inside the picture."""
    middle = sum(block) / len(block)
    size = (len(block) - 1) * _LABEL_GAP
    start = min(max(middle - size / 2, style.BOTTOM / 2), style.TOP + 0.01 - size)
    return [start + index * _LABEL_GAP for index in range(len(block))]


def _title(sheet: Sheet, picture: CandlePicture) -> None:
    """Side, pair and interval at the left; the ticket and what is at stake at the right."""
    symbol = figures.outside(picture.symbol, 20)
    bold: Font = {"fontsize": 23 if len(symbol) <= 12 else 18, "fontweight": "bold"}
    sheet.title(
        *([("TEST", style.INK, bold)] if picture.test else []),
        (picture.side.value.upper(), style.UP if picture.side is Side.BUY else style.DOWN, bold),
        (symbol, style.INK, bold),
        (picture.interval, style.FAINT, {"fontsize": 19}),
    )
    sheet.corner(picture.mode, picture.ticket)
