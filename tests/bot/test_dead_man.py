"""What people see of dead man's switches, and the process that renews one and switches it off."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest

from bot import parts
from bot.app import forever
from bot.desk_news import DeskNews
from bot.parts import Ids
from bot.settings.values import read_duration
from bot.telegram import dead_man
from execution.events import EventKind
from execution.reports import VenueView
from execution.types import Mode
from execution.venues.ccxt_classes import known_exchanges
from execution.venues.quirks import dead_mans_switch
from tests.clock import NOW
from tests.desk import TOML, FrontDesk, settings_in
from tests.markdown import DOCS, code_of

MINUTE = timedelta(seconds=60)
ON = TOML.replace('mode = "paper"', 'mode = "paper"\ndead_man = "60s"', 1)
VIEW = VenueView(
    name="main",
    exchange="kraken",
    mode=Mode.LIVE,
    connected=True,
    reason=None,
    stream=None,
    open_orders=1,
    last_reconciled=NOW,
    has_dead_man=True,
    dead_man=MINUTE,
    armed_at=NOW - timedelta(seconds=7),
)


@pytest.mark.parametrize(
    ("view", "said", "setting"),
    [
        (VIEW, "renewed at main 7 s ago", "60s"),
        (VIEW.evolve(armed_at=NOW - MINUTE), "NOT RENEWED at main for 1 min", "60s"),
        (VIEW.evolve(armed_at=None), "NOT ARMED at main", "60s"),
        (VIEW.evolve(dead_man=None, armed_at=None), "off at main", "off"),
        (VIEW.evolve(dead_man=None, armed_at=None, has_dead_man=False), "none at main", "none"),
    ],
)
def test_the_status_says_how_each_stands(view: VenueView, said: str, setting: str) -> None:
    assert dead_man.row([view], NOW) == f"Dead man's switch: {said}"
    assert dead_man.setting(view) == setting


def test_several_venues_share_a_line_and_none_has_none() -> None:
    others = [
        VIEW.evolve(name="spare", dead_man=None, armed_at=None),
        VIEW.evolve(name="<b>", exchange="binance", dead_man=None, has_dead_man=False),
    ]
    assert dead_man.row([VIEW, *others], NOW) == (
        "Dead man's switch: renewed at main 7 s ago, off at spare, none at &lt;b&gt;"
    )
    assert dead_man.row([], NOW) == ""


async def test_the_api_says_when_it_was_renewed(desk: FrontDesk, http: httpx.AsyncClient) -> None:
    feed = desk.side.market.feed("main")
    feed.dead_man, feed.armed_at = MINUTE, desk.clock()
    (venue,) = (await http.get("/api/status")).json()["venues"]
    assert venue["dead_man"] == "60s"
    assert venue["dead_man_renewed"] == desk.clock().isoformat().replace("+00:00", "Z")


async def told(desk: FrontDesk, kind: EventKind, **data: str) -> tuple[str, bool]:
    """What the chat is told of an event at the venue, and whether silently."""
    number = await desk.side.store.write(
        lambda tx: tx.journal.add(kind, tx.now, seconds="60", **{"venue": "main"} | data)
    )
    event = desk.read(lambda tx: tx.journal.after(number - 1))[0]
    news = DeskNews(market=desk.side.market, look=desk.front.look)
    message = desk.read(lambda tx: news.message(tx, event))
    return ("", False) if message is None else (message.face.text, message.silent)


async def test_what_an_armed_one_cancels_is_said_in_the_chat_without_a_sound(
    desk: FrontDesk,
) -> None:
    text, silent = await told(desk, EventKind.DEAD_MAN_ARMED)
    assert text.startswith("<b>PAPER · The dead man's switch of paper main is armed</b>")
    assert "nothing of us for 60 s it cancels every order on that account, stops" in text
    assert "placed by hand" in text
    assert silent


async def test_that_it_may_have_acted_rings_and_says_why_and_what_to_look_at(
    desk: FrontDesk,
) -> None:
    text, silent = await told(desk, EventKind.DEAD_MAN_DUE, reason="kraken cannot be reached")
    first, *rest = text.split("\n")
    assert first == "<b>PAPER · paper main may have canceled every order there</b>"
    assert "not renewed for 60 s" in rest[0]
    assert rest[1] == "Kraken cannot be reached."
    assert not silent


async def test_that_it_cannot_be_armed_rings_with_the_reason(desk: FrontDesk) -> None:
    reason = "EGeneral:Permission denied"
    text, silent = await told(desk, EventKind.DEAD_MAN_NOT_ARMED, reason=reason)
    first, *rest = text.split("\n")
    assert first == (
        "<b>PAPER · The dead man's switch of paper main could not be armed for 60 s</b>"
    )
    assert rest[0] == "EGeneral:Permission denied."
    assert "Orders there stay if this desk falls silent" in rest[1]
    assert not silent


async def test_that_it_goes_on_says_that_nothing_is_placed_again(desk: FrontDesk) -> None:
    text, silent = await told(desk, EventKind.DEAD_MAN_AGAIN)
    assert "The dead man's switch of paper main is armed again" in text
    assert "nothing is placed again by itself" in text
    assert not silent


async def test_news_of_one_at_a_venue_that_was_removed_is_none(desk: FrontDesk) -> None:
    assert await told(desk, EventKind.DEAD_MAN_DUE, venue="gone") == ("", False)


def test_the_page_about_it_has_the_times_that_each_exchange_takes() -> None:
    rows = DOCS["operations"].table("## A dead man's switch", "exchange")
    written = {
        name.strip().lower().replace(" ", ""): code_of(times)
        for names, times in rows
        for name in names.split(",")
    }
    had = {one: found for one in known_exchanges() | {"paper"} if (found := dead_mans_switch(one))}
    shown = {
        name: tuple(read_duration(time.strip('"')) for time in times[:2])
        for name, times in written.items()
        if times
    }
    assert shown == {name: (one.shortest, one.longest) for name, one in had.items()}
    assert {"binancespot", "coinbase", "bybit"} <= written.keys() - had.keys()


async def test_a_venue_that_has_it_on_gets_a_task_that_renews_it(
    desk: FrontDesk, tmp_path: Path
) -> None:
    settings = settings_in(tmp_path, toml=ON)
    make = partial(parts.trading, settings, Ids(), started_at=parts.now())
    side = await asyncio.to_thread(make)
    assert side.market.feed("main").dead_man == MINUTE
    assert "dead man main" in forever(settings, side, desk.chat)
    assert "dead man main" not in forever(desk.settings, desk.side, desk.chat)
    await side.close()
