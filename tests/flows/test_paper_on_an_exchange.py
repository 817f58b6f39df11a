"""`mode = "paper"` at a real exchange: cards, fills and `/kill` as anywhere, our books on its public prices.

The exchange sees questions about prices that anybody may ask, and nothing else.
"""

from __future__ import annotations

from decimal import Decimal

from tests.flows.setup import OWNER, House, said

ON_PAPER = {"venues.main.mode": "paper", "venues.main.api_key": "", "venues.main.secret": ""}
OPEN_TO_ALL = ("ping", "time", "exchangeInfo", "ticker/bookTicker", "depth", "klines")


def saw_nothing_of_an_account(house: House) -> None:
    """No signature, no order; and prices were asked for."""
    asked = {one.path for one in house.exchange.requests}
    assert "ticker/bookTicker" in asked
    assert asked <= set(OPEN_TO_ALL)
    assert house.exchange.account.accepted == []


async def test_an_approved_order_fills_by_the_public_book_and_the_books_outlive_the_process(
    house: House,
) -> None:
    async with house.open(ON_PAPER):
        signal = await house.send(symbol="BTCUSDT", side="buy")
        ticket = await house.ticket_in("pending", signal)
        card = await house.card(ticket, "needed")
        assert said(card).startswith("PAPER · BUY 0.00996 BTC/USDT ≈ 600 USDT\nbinance main · T-")
        await house.approve(signal)
        await house.ticket_in("done", signal)
        resting = await house.send(
            "auto", symbol="BTCUSDT", side="buy", price="59000", amount="0.01"
        )
        await house.order_in("working", resting)
        (venue,) = (await house.get("status"))["venues"]
        assert (venue["exchange"], venue["mode"]) == ("binance", "paper")
    assert (house.folder / "paper-main.db").exists()
    house.set_price("58500")
    async with house.open(ON_PAPER):
        order = await house.order_in("filled", resting)
        assert (Decimal(order["average"]), order["filled"]) == (59_000, "0.01")
    saw_nothing_of_an_account(house)


async def test_kill_cancels_what_rests_in_our_books_and_proves_it(house: House) -> None:
    async with house.open(ON_PAPER):
        resting = await house.send(
            "auto", symbol="BTCUSDT", side="buy", price="59000", amount="0.01"
        )
        await house.order_in("working", resting)
        house.chat.say("/kill", by=OWNER)
        await house.halted_for_good()
        await house.order_in("canceled", resting)
    saw_nothing_of_an_account(house)


async def test_keys_that_would_not_be_used_are_refused(house: House) -> None:
    process = await house.command("run", changes={"venues.main.mode": "paper"})
    assert await process.exit_code() == 2
    said_last = process.output().strip().splitlines()[-1]
    assert "on paper binance is asked for prices only; take out COUNTERSIGN_VENUES__" in said_last


async def test_doctor_says_whose_prices_these_are(house: House) -> None:
    process = await house.command("doctor", changes=ON_PAPER)
    await process.exit_code()
    said_of_it = "ok      venue main: binance, PAPER, our own books on its public prices\n"
    assert said_of_it in process.output()
    asked = {one.path for one in house.exchange.requests}
    assert asked <= set(OPEN_TO_ALL)
