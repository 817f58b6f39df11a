"""What every picture shares: its size, its colours, a frame with round figures, its title.

The look is one for all, light ink on dark, readable at 360 pixels' width.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import MaxNLocator

from bot.telegram import figures
from execution.types import Mode

WIDTH, HEIGHT, DPI = 1000, 560, 100
EDGE, BOTTOM, TOP, TITLE = 0.022, 0.115, 0.825, 0.925
"""Where the plot and what stands around it begin and end, as shares of the picture."""
Font = dict[str, Any]
TICK: Font = {"fontsize": 16}
LABEL: Font = {"fontsize": 18.5, "fontweight": "bold"}
HEIGHT_OF_TITLE: Font = {"y": TITLE, "va": "center_baseline"}

BACKGROUND, GRID, FAINT, INK = "#11161d", "#222b36", "#8b98a8", "#eef2f6"
UP, DOWN, ENTRY, LAST = "#35b99a", "#ee6a5f", "#f2c14e", "#a9b6c4"
_BADGES = {Mode.PAPER: "#5b6b7d", Mode.SANDBOX: "#2f7fd0", Mode.LIVE: "#c23b31"}

rcParams["text.parse_math"] = False  # a symbol may hold a dollar sign


class Sheet:
    """An empty picture to draw on."""

    def __init__(self) -> None:
        self.figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=BACKGROUND)
        self._canvas = FigureCanvasAgg(self.figure)

    def width(self, text: str, font: Font) -> float:
        """How wide a text is drawn, as a share of the picture."""
        properties = FontProperties(size=font["fontsize"], weight=font.get("fontweight", "normal"))
        renderer = self._canvas.get_renderer()  # type: ignore[no-untyped-call]  # matplotlib's
        width, _, _ = renderer.get_text_width_height_descent(text, properties, ismath=False)
        return float(width) / WIDTH

    def axes(self, low: float, high: float, *, right: float) -> Axes:
        """The plot between these values, with a few round ones written at the left."""
        ticks = _round_values(low, high)
        left = 2 * EDGE + max((self.width(text, TICK) for text in ticks.values()), default=0.0)
        axes = self.figure.add_axes((left, BOTTOM, right - left, TOP - BOTTOM))
        axes.set_facecolor(BACKGROUND)
        axes.set_ylim(low, high)
        for side in axes.spines.values():
            side.set_visible(False)
        axes.tick_params(length=0, colors=FAINT)
        axes.tick_params(axis="x", pad=6)
        axes.set_yticks(list(ticks), labels=list(ticks.values()), **TICK)
        axes.grid(axis="y", color=GRID, linewidth=1.2)
        axes.set_axisbelow(True)
        return axes

    def title(self, *words: tuple[str, str, Font]) -> None:
        """Words from the left, each with its colour and font."""
        x = EDGE
        for text, colour, font in words:
            self.figure.text(x, s=text, color=colour, **font, **HEIGHT_OF_TITLE)
            x += self.width(text, font) + 0.016

    def corner(self, mode: Mode, text: str = "") -> None:
        """What is at stake as a badge at the right, and a few words beside it."""
        badge = mode.value.upper()
        small: Font = {"fontsize": 17, "fontweight": "bold"}
        box: Font = {
            "boxstyle": "round,pad=0.32",
            "facecolor": _BADGES[mode],
            "edgecolor": "none",
        }
        right: Font = {"ha": "right", **HEIGHT_OF_TITLE}
        x = 1 - EDGE - 0.008
        self.figure.text(x, s=badge, color="white", bbox=box, **small, **right)
        x -= self.width(badge, small) + 0.03
        self.figure.text(x, s=text, color=FAINT, fontsize=19, **right)

    def png(self) -> bytes:
        """What was drawn, as PNG."""
        file = io.BytesIO()
        self.figure.savefig(file, format="png")
        return file.getvalue()


def _round_values(low: float, high: float) -> Mapping[float, str]:
    """Three or four round values and how they are written, all with the same decimals."""
    ticks = [float(y) for y in MaxNLocator(4).tick_values(low, high) if low < y < high]
    step = min((b - a for a, b in pairwise(ticks)), default=high - low)
    exponent = Decimal(f"{step:.2g}").normalize().as_tuple().exponent
    places = max(0, -exponent) if isinstance(exponent, int) else 0
    return {y: _written(y, places) for y in ticks}


def _written(value: float, places: int) -> str:
    text = f"{abs(value):,.{places}f}".replace(",", figures.THIN)
    return f"{figures.MINUS}{text}" if value < 0 else text
