"""Pictures of cards and of results, and the process that draws them."""

from __future__ import annotations

import asyncio
import io
import multiprocessing
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from PIL import Image

from bot.charts import Charts
from bot.drawing import draw
from bot.drawing.candles import apart
from bot.drawing.style import HEIGHT, WIDTH
from bot.pictures import CandlePicture, ResultPicture
from execution.types import Candle, Mode, Side
from tests.waiting import until

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


def candles(count: int, *, start: str = "60000", step: str = "0.01") -> tuple[Candle, ...]:
    """A quiet walk of seeded steps."""
    walk, price, made = Random(7), Decimal(start), []
    for index in range(count):
        after = price * (1 + Decimal(walk.randint(-30, 30)) / 10_000)
        low, high = sorted((price, after))
        prices = [p.quantize(Decimal(step)) for p in (price, high, low, after)]
        made.append(
            Candle(
                at=NOW + timedelta(minutes=15 * (index - count)),
                open=prices[0],
                high=prices[1],
                low=prices[2],
                close=prices[3],
                volume=Decimal(1),
            )
        )
        price = after
    return tuple(made)


def picture(**changes: Any) -> CandlePicture:
    given: dict[str, Any] = {
        "mode": Mode.PAPER,
        "ticket": "T-7F3K",
        "side": Side.BUY,
        "symbol": "BTC/USDT",
        "interval": "15m",
        "candles": candles(100),
        "zone": UTC,
        "entry": Decimal("60012.4"),
        "stop": Decimal(58900),
        "targets": (Decimal(61500), Decimal(63000)),
        "last": Decimal(60004),
    }
    return CandlePicture(**{**given, **changes})


SMALL = candles(100, start="0.00001234", step="0.00000001")
PICTURES = {
    "a buy": picture(),
    "a sale priced by the desk": picture(
        side=Side.SELL, entry=None, worst=Decimal(59700), stop=None, targets=()
    ),
    "a short": picture(
        side=Side.SELL,
        symbol="BTC/USDT:USDT",
        stop=Decimal(61100),
        targets=(Decimal(58500), Decimal(57500)),
    ),
    "nothing but candles": picture(entry=None, stop=None, targets=(), last=None),
    "one candle": picture(candles=candles(1)),
    "five candles": picture(candles=candles(5)),
    "a market that stands still": picture(
        candles=tuple(
            c.evolve(open=Decimal(5), high=Decimal(5), low=Decimal(5), close=Decimal(5))
            for c in candles(20)
        ),
        entry=None,
        stop=None,
        targets=(),
        last=Decimal(5),
    ),
    "a price of many zeros": picture(
        candles=SMALL,
        entry=Decimal("0.00001234"),
        stop=Decimal("0.000011"),
        targets=(),
        last=None,
    ),
    "levels far out of sight": picture(
        stop=Decimal("0.0000123456789"), targets=(Decimal(9_000_000),)
    ),
    "more targets than find room": picture(
        targets=tuple(Decimal(60100 + i) for i in range(9)), worst=Decimal(60300)
    ),
    "a name with a dollar and a long tail": picture(symbol="$" + "A" * 60 + "/USDT"),
    "months of days": picture(
        interval="1d",
        candles=tuple(c.evolve(at=NOW + timedelta(days=i)) for i, c in enumerate(candles(100))),
    ),
}


def result(*results: str) -> ResultPicture:
    """A day for each result, the last of them today."""
    first = NOW.date() - timedelta(days=len(results) - 1)
    days = tuple((first + timedelta(days=i), Decimal(one)) for i, one in enumerate(results))
    return ResultPicture(mode=Mode.LIVE, currency="USDT", days=days)


WALK = Random(3)
RESULTS = {
    "a month": result(*(str(WALK.randint(-90, 110)) for _ in range(30))),
    "a quarter": result(*(str(WALK.randint(-90, 110)) for _ in range(90))),
    "a week that lost": result("-10", "0", "0", "-3.2", "0", "4", "-20"),
    "one day": result("12.5"),
    "days on which nothing was sold": result(*["0"] * 30),
    "cents": result("0.0012", "-0.0003"),
    "millions": result("1200000", "-3400000", "9000000"),
}


@pytest.mark.parametrize("what", [*PICTURES, *RESULTS])
def test_a_picture_is_drawn(what: str) -> None:
    image = Image.open(io.BytesIO(draw((PICTURES | RESULTS)[what])))

    assert image.format == "PNG"
    assert image.size == (WIDTH, HEIGHT)
    assert len(image.convert("RGB").getcolors(maxcolors=1 << 20) or ()) > 50


def test_the_badge_tells_what_is_at_stake() -> None:
    """The same picture differs between paper and live in the corner of the badge, and only there."""
    paper, live = (
        Image.open(io.BytesIO(draw(picture(mode=mode)))).convert("RGB")
        for mode in (Mode.PAPER, Mode.LIVE)
    )
    below_the_title = (0, 80, WIDTH, HEIGHT)

    assert paper.tobytes() != live.tobytes()
    assert paper.crop(below_the_title).tobytes() == live.crop(below_the_title).tobytes()


def test_a_picture_of_a_test_says_so_before_its_side() -> None:
    """In the title alone: what is drawn below it is that of any other."""
    real, tried = (
        Image.open(io.BytesIO(draw(picture(test=test)))).convert("RGB") for test in (False, True)
    )
    title, below = (0, 0, WIDTH // 2, 80), (0, 80, WIDTH, HEIGHT)

    assert real.crop(title).tobytes() != tried.crop(title).tobytes()
    assert real.crop(below).tobytes() == tried.crop(below).tobytes()


@pytest.mark.parametrize(
    "places",
    [
        [0.5],
        [0.5, 0.5],
        [0.5, 0.501, 0.502, 0.503, 0.504],
        [0.115, 0.115, 0.12, 0.825, 0.825],
        [0.2, 0.25, 0.3, 0.35, 0.8],
        [],
    ],
)
def test_labels_never_cover_one_another_nor_leave_the_picture(places: list[float]) -> None:
    spread = apart(places)

    assert all(b - a > 0.0719 for a, b in pairwise(spread))
    assert all(0.05 < place < 0.84 for place in spread)
    assert len(spread) == len(places)


def test_labels_with_room_stay_beside_their_lines() -> None:
    assert apart([0.2, 0.4, 0.6]) == [0.2, 0.4, 0.6]


def test_a_picture_without_candles_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one candle"):
        picture(candles=())


def test_a_result_of_no_day_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one day"):
        result()


def test_a_gain_is_told_from_a_loss_of_the_same_size() -> None:
    assert draw(result("5")) != draw(result("-5"))


def test_asking_for_pictures_does_not_import_matplotlib() -> None:
    check = "import sys, bot.charts; sys.exit('matplotlib' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


class Later:
    """Stands for the loop's `call_later`: keeps what was asked for until the test lets it happen."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def __call__(self, seconds: float, call: Callable[[], None]) -> _Handle:
        entry = (seconds, call)
        self.waiting.append(entry)
        return _Handle(self, entry)

    def happens(self) -> None:
        for _, call in self.waiting:
            call()


class _Handle:
    def __init__(self, later: Later, entry: tuple[float, Callable[[], None]]) -> None:
        self._later = later
        self._entry = entry

    def cancel(self) -> None:
        if self._entry in self._later.waiting:
            self._later.waiting.remove(self._entry)


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
async def charts(later: Later) -> AsyncIterator[Charts]:
    charts = Charts(call_later=later)
    yield charts
    await charts.close()


async def test_a_picture_comes_from_a_process_of_its_own(charts: Charts) -> None:
    before = set(multiprocessing.active_children())
    await charts.warm()

    png = await charts.draw(picture())

    assert png.startswith(b"\x89PNG")
    assert len(set(multiprocessing.active_children()) - before) == 1


async def test_a_process_that_died_is_replaced(charts: Charts) -> None:
    before = set(multiprocessing.active_children())
    await charts.warm()
    [worker] = set(multiprocessing.active_children()) - before
    worker.kill()
    await asyncio.to_thread(worker.join)

    assert (await charts.draw(picture())).startswith(b"\x89PNG")


async def test_an_idle_process_ends_and_the_next_picture_starts_another(
    charts: Charts, later: Later
) -> None:
    before = set(multiprocessing.active_children())
    await charts.warm()
    [worker] = set(multiprocessing.active_children()) - before
    assert [seconds for seconds, _ in later.waiting] == [300.0]

    later.happens()
    # The pool waits for it too, and only one of two waiters is told how it ended, at once.
    await until(lambda: worker.exitcode is not None)

    assert worker.exitcode == 0
    assert (await charts.draw(picture())).startswith(b"\x89PNG")


async def test_closing_leaves_no_process_and_no_timer(later: Later) -> None:
    before = set(multiprocessing.active_children())
    charts = Charts(call_later=later)
    await charts.warm()

    await charts.close()

    assert set(multiprocessing.active_children()) == before
    assert later.waiting == []


async def test_closing_what_never_drew_does_nothing() -> None:
    await Charts().close()


async def test_several_pictures_asked_at_once_are_all_drawn(charts: Charts) -> None:
    drawn = await asyncio.gather(
        charts.draw(picture()), charts.draw(PICTURES["a sale priced by the desk"])
    )

    assert drawn[0] != drawn[1]


def test_the_process_ends_with_a_desk_that_was_killed() -> None:
    """A killed process cleans nothing up; its drawing process must notice by itself."""
    desk = subprocess.Popen([sys.executable, "-c", _KILLED_DESK], stdout=subprocess.PIPE, text=True)
    assert desk.stdout is not None
    with desk, desk.stdout:
        assert desk.stdout.readline() == "ready\n"
        desk.kill()
        # The drawing process holds the same pipe: its end is the end of this stream.
        assert desk.stdout.read() == ""


_KILLED_DESK = """
import asyncio, sys
from bot.charts import Charts

async def main():
    await Charts().warm()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
