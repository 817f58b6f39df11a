"""Contracts from the chat, on a whole desk: shorts and longs, what closes them, what stops entries.

What an order does to a position is held by tests/execution; this is what people type, tap and read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from bot.playground import Message
from execution.types import OrderState, OrderType, Side, Ticket, TicketState
from tests.bot.control import CONTROL, answer, client_of
from tests.desk import ANA, OLGA, TOML, VIC, FrontDesk, front_desk
from tests.waiting import until

D = Decimal
PERP = "BTC/USDT:USDT"
SWAP = TOML.replace('mode = "paper"', 'mode = "paper"\nmarket = "swap"', 1)


@pytest.fixture
async def swap(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    """A desk whose one venue trades contracts, and all of it runs."""
    async with front_desk(tmp_path, toml=SWAP) as built:
        await built.start("trading", "intake", "notifier")
        yield built


def plain(message: Message) -> str:
    """A message with ordinary blanks."""
    return message.text.replace("\u202f", " ").replace("\u00a0", " ")


def held(desk: FrontDesk) -> Decimal:
    """What our fills come to, negative when short."""
    position = desk.read(lambda tx: tx.positions.of("main", PERP))
    return D(0) if position is None else position.amount


async def says(desk: FrontDesk, text: str, *, by: int = ANA) -> str:
    """What the bot answers to something typed."""
    asked = desk.playground.say(text, by=by)
    return plain(await desk.playground.wait_for(lambda m: m.reply_to == asked.id))


async def asked_for(desk: FrontDesk, text: str, *, by: int = ANA) -> Ticket:
    """The ticket that something typed makes, once it is no new one any more."""
    before = desk.read(lambda tx: tx.tickets.newest(limit=1))

    def made() -> Ticket | None:
        found = desk.read(lambda tx: tx.tickets.newest(limit=1))
        is_new = found and found[:1] != before[:1] and found[0].state is not TicketState.NEW
        return found[0] if is_new else None

    desk.playground.say(text, by=by)
    ticket = await until(made)
    assert ticket is not None
    return ticket


async def traded(desk: FrontDesk, text: str) -> Message:
    """The card of what somebody proposed and Olga approved, from before she did."""
    ticket = await asked_for(desk, text)
    card = await desk.card(ticket)
    await desk.tap(card, "Approve", by=OLGA)
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    return card


async def compared(desk: FrontDesk, part: str) -> Message:
    """What is told after the account was compared until a difference is no matter of moments."""

    def told() -> Message | None:
        desk.clock.advance(8)
        desk.side.market.compare_soon()
        return next((m for m in desk.said if part in plain(m)), None)

    found = await until(told, timeout_s=8)
    assert found is not None
    return found


async def test_a_sale_opens_a_short_and_a_buy_closes_it(swap: FrontDesk) -> None:
    card = await traded(swap, "/sell BTC/USDT:USDT 0.01")
    assert plain(card).splitlines()[0] == (
        "PAPER · SELL 0.01 BTC/USDT:USDT ≈ 600 USDT · opens a short"
    )
    assert "Nothing held · leverage 1x" in plain(card).splitlines()
    await swap.playground.wait_for_text("Filled: sold short 0.01 BTC/USDT:USDT")
    assert held(swap) == D("-0.01")
    assert (
        (await says(swap, "/positions", by=VIC))
        .splitlines()[1]
        .startswith("BTC/USDT:USDT short 0.01 at 60 000")
    )

    swap.prices.set_price(PERP, D(59_000))
    card = await traded(swap, "/buy BTCUSDT.P 0.004")
    assert plain(card).splitlines()[0].endswith(" USDT · reduces the short")
    assert "Short 0.01 held · leverage 1x" in plain(card).splitlines()
    card = await traded(swap, "/buy btcusdt 0.006")
    assert plain(card).splitlines()[0].endswith(" USDT · closes the short")
    await swap.playground.wait_for_text("Filled: bought back 0.006 BTC/USDT:USDT")
    assert held(swap) == 0
    sent = [(one.side, one.reduce_only) for one in swap.paper.accepted]
    assert sent == [(Side.SELL, False), (Side.BUY, True), (Side.BUY, True)]


async def test_what_would_flip_a_position_is_refused_with_what_closes_it(swap: FrontDesk) -> None:
    await traded(swap, "/sell BTC/USDT:USDT 0.01")

    ticket = await asked_for(swap, "/buy BTC/USDT:USDT 0.015")

    (refusal,) = ticket.refusals
    assert (refusal.code, ticket.state) == ("NOT_REDUCING", TicketState.REFUSED)
    assert refusal.text.endswith("0.01 would close it.")


async def test_a_senders_flip_is_a_close_and_then_an_entry_of_its_own(swap: FrontDesk) -> None:
    await traded(swap, "/buy BTC/USDT:USDT 0.004")

    close = await swap.new_ticket(symbol="BTCUSDT.P", side=Side.SELL, amount="0.01")
    card = await swap.card(close)
    first, *rest = plain(card).splitlines()
    assert first.endswith(" USDT · closes the long")
    assert "Then a sell of 0.006 BTC/USDT:USDT follows, as a card of its own" in rest
    await swap.tap(card, "Approve", by=ANA)

    def followed() -> Ticket | None:
        found = swap.read(lambda tx: tx.tickets.newest(limit=1))[0]
        return found if found.after == close.id and found.state is TicketState.PENDING else None

    entry = await until(followed)
    assert entry is not None
    card = await swap.card(entry)
    first, *rest = plain(card).splitlines()
    assert first.endswith(" USDT · opens a short")
    assert f"Follows the close T-{close.id[-4:]}" in rest
    await swap.tap(card, "Approve", by=ANA)
    await until(lambda: held(swap) == D("-0.006"))
    audit = await says(swap, f"/audit {entry.id}", by=VIC)
    assert f"Signal from tv, after the close T-{close.id[-4:]}" in audit


async def test_close_buys_back_half_of_a_short_and_then_the_rest(swap: FrontDesk) -> None:
    await traded(swap, "/sell BTC/USDT:USDT 0.01")

    swap.playground.say("/close BTCUSDT.P 50%", by=ANA)
    await swap.playground.wait_for_text("Filled: bought back 0.005 BTC/USDT:USDT")
    assert held(swap) == D("-0.005")
    swap.playground.say("/close BTC/USDT:USDT", by=ANA)
    await until(lambda: held(swap) == 0)

    closing = next(m for m in swap.said if "CLOSE 0.005" in m.text)
    assert "Only reduces the short" in plain(closing)


async def test_the_button_of_a_short_closes_it_with_two_taps(swap: FrontDesk) -> None:
    await traded(swap, "/sell BTC/USDT:USDT 0.01")
    await says(swap, "/positions")
    listed = await swap.playground.wait_for(lambda m: "1 position" in m.text)

    await swap.tap(listed, "Close BTC/USDT:USDT", by=ANA)
    sure = await swap.playground.wait_for(lambda m: m.id == listed.id and "Confirm" in m.labels[0])
    assert sure.labels == ["Confirm close short 0.01 BTC/USDT:USDT"]
    await swap.tap(sure, sure.labels[0], by=ANA)

    await until(lambda: held(swap) == 0)


async def test_a_stop_behind_a_short_is_shown_kept_by_a_kill_and_gives_way_to_a_flatten(
    swap: FrontDesk,
) -> None:
    await traded(swap, "/sell BTC/USDT:USDT 0.01")
    stop = await swap.new_ticket(
        source="straight",
        symbol=PERP,
        side=Side.BUY,
        type=OrderType.STOP,
        stop_price=D(61_000),
        amount="0.01",
        reduce_only=True,
    )
    await until(lambda: swap.ticket(stop.id).state is TicketState.WORKING)
    await until(lambda: swap.order(stop).state is OrderState.WORKING)
    (row,) = (await says(swap, "/positions", by=VIC)).splitlines()[1:]
    assert ", stop 61 000" in row

    swap.playground.say("/kill", by=ANA)
    halted = await swap.playground.wait_for_text("HALTED by Ana")
    assert "Kept: stop buy 0.01 BTC/USDT:USDT at 61 000, paper main" in plain(halted)
    assert "Open: short 0.01 BTC/USDT:USDT, paper main" in plain(halted)
    swap.playground.say("/kill flatten", by=ANA)

    def flat() -> bool:
        swap.clock.advance(1)
        return held(swap) == 0

    await until(flat, timeout_s=8)
    assert [one.reduce_only for one in swap.paper.accepted] == [False, True, True]
    closed = await swap.playground.wait_for(
        lambda m: m.id == halted.id and "Closed short 0.01 BTC/USDT:USDT" in plain(m), timeout_s=60
    )
    assert "All positions are to be closed: Ana" in plain(closed)


async def test_a_flatten_closes_shorts_and_longs(swap: FrontDesk) -> None:
    await traded(swap, "/sell BTC/USDT:USDT 0.01")
    await traded(swap, "/buy ETH/USDT:USDT 0.1")

    swap.playground.say("/kill flatten", by=ANA)

    def done() -> bool:
        swap.clock.advance(1)
        halt = swap.read(lambda tx: tx.trading()).halt
        return halt is not None and halt.verified_at is not None

    await until(done, timeout_s=8)
    assert not swap.read(lambda tx: tx.positions.open())
    assert all(one.reduce_only for one in swap.paper.accepted[2:])


async def test_a_signal_that_only_says_close_takes_the_side_that_ends_the_position(
    swap: FrontDesk,
) -> None:
    await traded(swap, "/sell BTC/USDT:USDT 0.01")

    ticket = await swap.new_ticket(source="straight", symbol="BTCUSDT.P", side=None, close=True)

    await until(lambda: swap.ticket(ticket.id).state is TicketState.DONE)
    assert held(swap) == 0
    assert swap.paper.accepted[-1].side is Side.BUY


async def test_hedge_mode_is_told_and_nothing_goes_there(swap: FrontDesk) -> None:
    swap.paper.faults.hedged = True
    swap.side.market.compare_soon()
    await swap.playground.wait_for_text("paper main is in hedge mode: no order goes there")

    ticket = await asked_for(swap, "/sell BTC/USDT:USDT 0.01")
    assert "VENUE_DOWN" in [one.code for one in ticket.refusals]
    status = (await says(swap, "/status", by=VIC)).splitlines()
    assert status[1].startswith(
        "paper main connected, swap, its account is in hedge mode: set it to one-way, "
    )

    swap.paper.faults.hedged = False
    swap.side.market.compare_soon()
    await swap.playground.wait_for_text("paper main is in one-way mode. Orders go again")
    assert swap.paper.accepted == []


async def test_more_leverage_than_allowed_stops_entries_and_no_exit(swap: FrontDesk) -> None:
    await traded(swap, "/sell BTC/USDT:USDT 0.01")
    swap.paper.faults.leverage = D(20)
    feed = swap.side.market.feed("main")
    swap.side.market.compare_soon()
    await until(lambda: feed.contracts and feed.contracts.leverage[PERP] == 20)

    ticket = await asked_for(swap, "/sell BTC/USDT:USDT 0.01")
    assert [one.code for one in ticket.refusals] == ["LEVERAGE"]
    card = await traded(swap, "/buy BTC/USDT:USDT 0.01")
    assert "Short 0.01 held · leverage 20x" in plain(card).splitlines()
    assert held(swap) == 0


async def test_a_trade_by_hand_stops_entries_until_an_owner_books_it(swap: FrontDesk) -> None:
    await traded(swap, "/sell BTC/USDT:USDT 0.01")
    await swap.paper.trade_by_hand(PERP, Side.SELL, D("0.02"))

    told = await compared(swap, "our fills come to short 0.01")
    assert plain(told).splitlines()[0] == (
        "PAPER · paper main holds short 0.03 BTC/USDT:USDT, our fills come to short 0.01"
    )
    *_, adopt = plain(told).splitlines()
    assert adopt.endswith("/adopt BTC/USDT:USDT -0.02 <price>")
    ticket = await asked_for(swap, "/sell BTC/USDT:USDT 0.01")
    assert [one.code for one in ticket.refusals] == ["UNKNOWN_OUTCOME"]
    waits = "No entries in BTC/USDT:USDT at main: short 0.03 there, our fills come to short 0.01"
    assert waits in (await says(swap, "/status", by=VIC)).splitlines()
    async with client_of(swap, token=CONTROL, given=CONTROL) as http:
        assert await apart_at(http) == [("-0.01", "-0.03")]

    await swap.side.reconciler.look("main")  # what was seen before the clock moved is old
    said = await says(swap, "/adopt BTC/USDT:USDT \u22120.02 60000", by=OLGA)
    assert said == "PAPER · Adopted. BTC/USDT:USDT short 0.03 at 60 000 now. paper main"
    await compared(swap, "holds of BTC/USDT:USDT what our fills come to")
    await traded(swap, "/sell BTC/USDT:USDT 0.01")
    assert held(swap) == D("-0.04")


async def test_a_position_that_is_gone_there_leaves_our_books_by_an_owners_word(
    swap: FrontDesk,
) -> None:
    await traded(swap, "/sell BTC/USDT:USDT 0.01")
    await swap.paper.trade_by_hand(PERP, Side.BUY, D("0.01"))
    await compared(swap, "holds no BTC/USDT:USDT, our fills come to short 0.01")

    assert await says(swap, "/adopt BTC/USDT:USDT 0.02 60000", by=OLGA) == (
        "PAPER · Main shows a position of 0 BTC, our fills come to −0.01: 0.01 can be adopted."
    )
    said = await says(swap, "/adopt BTC/USDT:USDT 0.01 60000", by=OLGA)

    assert said == "PAPER · Adopted. Nothing is held of BTC/USDT:USDT now."
    assert held(swap) == 0


@pytest.mark.parametrize("amount", ["--1", "-", "0", "-0", "+-1", "1-"])
async def test_what_is_no_amount_is_not_adopted(swap: FrontDesk, amount: str) -> None:
    said = await says(swap, f"/adopt BTC/USDT:USDT {amount} 60000", by=OLGA)

    assert said.startswith("PAPER · Amount ")


async def test_the_whole_path_can_be_tried_at_a_venue_of_contracts(swap: FrontDesk) -> None:
    ticket = await asked_for(swap, "/test", by=OLGA)
    await swap.tap(await swap.card(ticket), "Approve", by=ANA)

    await until(lambda: swap.ticket(ticket.id).state is TicketState.CANCELED)
    assert swap.paper.accepted == []


async def apart_at(http: httpx.AsyncClient) -> list[tuple[str, str]]:
    """What `/api/status` says differs: ours and theirs of each."""
    (venue,) = (await answer(http, "status"))["venues"]
    assert venue["market"] == "swap"
    return [(one["ours"], one["theirs"]) for one in venue["positions_apart"]]


async def test_the_api_tells_a_short_by_its_sign(swap: FrontDesk) -> None:
    await traded(swap, "/sell BTC/USDT:USDT 0.01 sl 61000")
    swap.prices.set_price(PERP, D(59_000))
    swap.clock.advance(60)
    await swap.side.market.fresh_quote("main", PERP)

    async with client_of(swap, token=CONTROL, given=CONTROL) as http:
        (position,) = (await answer(http, "positions"))["items"]

    assert (position["symbol"], position["amount"]) == (PERP, "-0.01")
    assert (position["average"], position["mark"]) == ("60000", "59000.1")
    assert D(position["unrealized"]) == D("9.999")
