"""The dead man's switch of a real process: a crash leaves it armed, a planned stop does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from execution.venues.books import Books
from execution.venues.paper import PaperVenue
from tests.flows.setup import PAPER, SOON, House
from tests.waiting import until

ON = PAPER | {"venues.main.dead_man": "60s"}


async def resting(house: House) -> None:
    """An order of ours rests at the exchange, and its switch is armed."""
    signal = await house.send("auto", side="buy", symbol="BTCUSDT", price="1000", amount="0.1")
    await house.order_in("working", signal)

    async def armed() -> bool:
        (venue,) = (await house.get("status"))["venues"]
        return venue["dead_man_renewed"] is not None

    await until(armed, timeout_s=SOON)
    await house.hears("it cancels every order on that account, stops and orders placed by hand too")


async def left(books: Path) -> int:
    """How many orders rest there two minutes from now, if nobody comes."""
    venue = PaperVenue("main", books, lambda: datetime.now(UTC) + timedelta(minutes=2))
    await venue.open()
    try:
        return len(await venue.open_orders([]))
    finally:
        await venue.close()


async def test_a_process_that_is_killed_leaves_it_armed(house: House) -> None:
    async with house.start(ON) as process:
        await resting(house)
        await process.kill()
    assert await left(house.folder / "paper-main.db") == 0


async def test_sigterm_switches_it_off_and_what_rests_stays(house: House) -> None:
    async with house.start(ON) as process:
        await resting(house)
        process.terminate()
        assert await process.exit_code() == 0
    books = Books(house.folder / "paper-main.db", {})
    assert books.countdown() is None
    books.close()
    assert "cancels EVERY order of this account" in process.output()
    assert "the dead man's switch of main is off: what rests there stays" in process.output()
    assert await left(house.folder / "paper-main.db") == 1
