"""Draws a `Picture` with matplotlib: candles, the ticket's prices as labelled lines, few ticks.

Only the process behind `charts.Charts` imports this. Prices become floats here, for drawing only, and
nothing read from a picture ever flows back.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import MaxNLocator

from bot.charts import Picture
from bot.telegram import figures
from execution.types import Candle, Mode, Side

WIDTH, HEIGHT, DPI = 1000, 560, 100
_EDGE, _BOTTOM, _TOP, _TITLE = 0.022, 0.115, 0.825, 0.925
"""Where the plot and what stands around it begin and end, as shares of the picture."""
_WIDEST = 0.34
"""Room for the levels' labels, at most; longer ones are written smaller."""
_Font = dict[str, Any]
_TICK: _Font = {"fontsize": 16}
_LABEL: _Font = {"fontsize": 18.5, "fontweight": "bold"}
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

_BACKGROUND, _GRID, _FAINT, _INK = "#11161d", "#222b36", "#8b98a8", "#eef2f6"
_UP, _DOWN, _ENTRY, _LAST = "#35b99a", "#ee6a5f", "#f2c14e", "#a9b6c4"
_BADGES = {Mode.PAPER: "#5b6b7d", Mode.SANDBOX: "#2f7fd0", Mode.LIVE: "#c23b31"}

rcParams["text.parse_math"] = False  # a symbol may hold a dollar sign


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


def draw(picture: Picture) -> bytes:
    """The picture as PNG."""
    figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=_BACKGROUND)
    canvas = FigureCanvasAgg(figure)
    levels = _levels(picture)
    low, high = _price_range(picture.candles, levels)
    ticks = _price_ticks(low, high)
    labels = _labels(levels, low, high)
    room = max((_width(canvas, text, _LABEL) for text in labels), default=0.0)
    left = 2 * _EDGE + max((_width(canvas, text, _TICK) for text in ticks.values()), default=0.0)
    right = 1 - 2 * _EDGE - min(room, _WIDEST)
    axes = figure.add_axes((left, _BOTTOM, right - left, _TOP - _BOTTOM), facecolor=_BACKGROUND)
    slots = max(len(picture.candles), _FEWEST_SLOTS)
    axes.set_xlim(len(picture.candles) - slots - 0.8, len(picture.candles) + 0.2)
    axes.set_ylim(low, high)
    _frame(axes, ticks)
    _times(axes, picture, slots)
    _zones(axes, picture)
    _candles(axes, picture.candles)
    _lines(axes, levels, labels, size=_LABEL["fontsize"] * min(1.0, _WIDEST / (room or 1.0)))
    _title(figure, canvas, picture)
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def _width(canvas: FigureCanvasAgg, text: str, font: _Font) -> float:
    """How wide a text is drawn, as a share of the picture."""
    properties = FontProperties(size=font["fontsize"], weight=font.get("fontweight", "normal"))
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]  # matplotlib leaves it so
    width, _, _ = renderer.get_text_width_height_descent(text, properties, ismath=False)
    return float(width) / WIDTH


def _levels(picture: Picture) -> list[_Level]:
    """The lines of a picture; whatever is not known has none."""
    levels = []
    if picture.last is not None:
        levels.append(_Level("now", picture.last, _LAST, (1, 3)))
    if picture.entry is not None:
        levels.append(_Level("entry", picture.entry, _ENTRY))
    if picture.worst is not None:
        word = "at most" if picture.side is Side.BUY else "at least"
        levels.append(_Level(word, picture.worst, _ENTRY, (6, 3)))
    if picture.stop is not None:
        levels.append(_Level("stop", picture.stop, _DOWN))
    levels += [_Level("target", target, _UP) for target in picture.targets[:_MOST_TARGETS]]
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


def _price_ticks(low: float, high: float) -> dict[float, str]:
    """Three or four round prices and how they are written, all with the same decimals."""
    ticks = [float(y) for y in MaxNLocator(4).tick_values(low, high) if low < y < high]
    step = min((b - a for a, b in pairwise(ticks)), default=high - low)
    exponent = Decimal(f"{step:.2g}").normalize().as_tuple().exponent
    places = max(0, -exponent) if isinstance(exponent, int) else 0
    return {y: f"{y:,.{places}f}".replace(",", figures.THIN) for y in ticks}


def _frame(axes: Axes, ticks: Mapping[float, str]) -> None:
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, colors=_FAINT)
    axes.set_yticks(list(ticks), labels=list(ticks.values()), **_TICK)
    axes.grid(axis="y", color=_GRID, linewidth=1.2)
    axes.set_axisbelow(True)


def _times(axes: Axes, picture: Picture, slots: int) -> None:
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
    axes.set_xticks(places, labels=labels, **_TICK)
    axes.tick_params(axis="x", pad=6)


def _time_label(local: datetime, step: int) -> str:
    return f"{local.day} {local:%b}" if step >= 86_400 else f"{local:%H:%M}"


def _candles(axes: Axes, candles: Sequence[Candle]) -> None:
    colours = [_UP if c.close >= c.open else _DOWN for c in candles]
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


def _zones(axes: Axes, picture: Picture) -> None:
    """What is at stake and what is hoped for, as faint bands from the entry."""
    start = picture.entry or picture.worst or picture.last
    if start is None:
        return
    if picture.stop is not None:
        axes.axhspan(float(start), float(picture.stop), color=_DOWN, alpha=0.10, linewidth=0)
    if picture.targets:
        far = max(picture.targets, key=lambda price: abs(price - start))
        axes.axhspan(float(start), float(far), color=_UP, alpha=0.08, linewidth=0)


def _labels(levels: Sequence[_Level], low: float, high: float) -> list[str]:
    """What stands beside each level, with an arrow where it is out of sight."""
    texts = []
    for level in levels:
        arrow = " ↑" if level.y > high else " ↓" if level.y < low else ""
        texts.append(f"{level.word}{arrow} {figures.price(level.price)}")
    return texts


def _lines(axes: Axes, levels: Sequence[_Level], labels: Sequence[str], *, size: float) -> None:
    """Each level's line, and its label at the right, nudged until none covers another."""
    figure, right = axes.get_figure(root=True), axes.get_position().x1
    assert figure is not None, "the axes belong to the picture"
    low, high = axes.get_ylim()
    ranked = sorted(zip(levels, labels, strict=True), key=lambda pair: pair[0].y)
    seen = [min(max(level.y, low), high) for level, _ in ranked]
    true = [_BOTTOM + (_TOP - _BOTTOM) * (y - low) / (high - low) for y in seen]
    for (level, label), y, start, place in zip(ranked, seen, true, apart(true), strict=True):
        if level.y == y:
            style: Any = (0, level.dashes) if level.dashes else "solid"
            axes.axhline(y, color=level.colour, linewidth=2, linestyle=style, zorder=2)
            _connect(figure, right, start, place, level.colour)
        font: _Font = {**_LABEL, "fontsize": size, "va": "center_baseline"}
        figure.text(right + _EDGE, place, label, color=level.colour, **font)


def _connect(figure: Figure, x: float, y: float, place: float, colour: str) -> None:
    """A short stroke from the line's end to its label."""
    pixels = [(x * WIDTH, y * HEIGHT), ((x + 0.8 * _EDGE) * WIDTH, place * HEIGHT)]
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
    start = min(max(middle - size / 2, _BOTTOM / 2), _TOP + 0.01 - size)
    return [start + index * _LABEL_GAP for index in range(len(block))]


def _title(figure: Figure, canvas: FigureCanvasAgg, picture: Picture) -> None:
    """Side, pair and interval at the left; the ticket and what is at stake at the right."""
    side, symbol = picture.side.value.upper(), figures.outside(picture.symbol, 20)
    height: _Font = {"y": _TITLE, "va": "center_baseline"}
    bold: _Font = {"fontsize": 23 if len(symbol) <= 12 else 18, "fontweight": "bold"}
    x = _EDGE
    figure.text(x, s=side, color=_UP if picture.side is Side.BUY else _DOWN, **bold, **height)
    x += _width(canvas, side, bold) + 0.016
    figure.text(x, s=symbol, color=_INK, **bold, **height)
    x += _width(canvas, symbol, bold) + 0.016
    figure.text(x, s=picture.interval, color=_FAINT, fontsize=19, **height)
    badge = picture.mode.value.upper()
    small: _Font = {"fontsize": 17, "fontweight": "bold"}
    box: _Font = {
        "boxstyle": "round,pad=0.32",
        "facecolor": _BADGES[picture.mode],
        "edgecolor": "none",
    }
    x = 1 - _EDGE - 0.008
    figure.text(x, s=badge, color="white", ha="right", bbox=box, **small, **height)
    x -= _width(canvas, badge, small) + 0.03
    figure.text(x, s=picture.ticket, color=_FAINT, fontsize=19, ha="right", **height)
