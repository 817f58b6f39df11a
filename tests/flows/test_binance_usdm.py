"""The whole product with an account of perpetual contracts at Binance, live, at a loopback server that speaks
its protocol: longs, shorts and their closes, and what an account must be like for anything to be sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from tests.doubles.binance import refusal
from tests.doubles.binance_usdm.account import ContractOrder
from tests.doubles.binance_usdm.server import BinanceUsdmServer
from tests.doubles.binance_usdm.stream import ACCOUNT
from tests.doubles.loopback import Fault
from tests.flows.setup import APPROVER, OWNER, House, said, soon
from tests.waiting import until

D = Decimal
ORDER = "POST v1/order"
LOOK_UPS = {"id", "openOrders", "allOrders", "userTrades"}


@pytest.fixture
async def usdm() -> AsyncIterator[BinanceUsdmServer]:
    async with BinanceUsdmServer() as server:
        # No candles: cards come without pictures, whose drawing takes seconds.
        server.fail("GET v1/klines", refusal(-1000, "No candles here."), times=1000)
        yield server


@pytest.fixture
def live(usdm: BinanceUsdmServer) -> dict[str, str]:
    """The settings of such an account."""
    quick = {"timeout": 3000, "timeout_on_exit": 1}  # milliseconds
    return {
        "allow_live": "yes",
        "venues.main.exchange": "binance",
        "venues.main.market": "swap",
        "venues.main.mode": "live",
        "venues.main.max_leverage": "20",
        "venues.main.api_key": usdm.api_key,
        "venues.main.secret": usdm.secret,
        "venues.main.ccxt": json.dumps(usdm.ccxt_overrides() | quick),
    }


def orders(usdm: BinanceUsdmServer) -> list[ContractOrder]:
    """Every order that was taken, in order."""
    taken = [order for order in usdm.account.accepted if isinstance(order, ContractOrder)]
    assert len(taken) == len(usdm.account.accepted)
    return taken


def held(usdm: BinanceUsdmServer) -> dict[str, Decimal]:
    """What the exchange holds for the account."""
    return {position.symbol: position.amount for position in usdm.account.held()}


async def apart(house: House) -> list[dict[str, str]]:
    """The positions there that our fills do not come to."""
    (venue,) = (await house.get("status"))["venues"]
    found: list[dict[str, str]] = venue["positions_apart"]
    return found


async def resting_exit(house: House) -> str:
    """A long of ours, and the signal of a close that rests above the market."""
    entry = await house.send("auto", symbol="BTCUSDT.P", side="buy", amount="0.01")
    await house.ticket_in("done", entry)
    leaves = await house.send("auto", symbol="BTCUSDT.P", side="sell", price="61000", close=True)
    await house.order_in("working", leaves)
    return leaves


async def test_a_long_is_opened_and_closed_by_a_reduce_only_sell(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        signal = await house.send(symbol="BTCUSDT.P", side="buy")
        ticket = await house.approve(signal)
        await house.ticket_in("done", signal)
        filled = await house.hears("Filled: bought 0.009 BTC/USDT:USDT at 60\u202f000")
        assert said(filled).startswith("LIVE")
        assert "Goes long" in said(await house.card(ticket, "filled at"))
        assert held(usdm) == {"BTCUSDT": D("0.009")}
        (position,) = (await house.get("positions"))["items"]
        assert (position["symbol"], position["amount"]) == ("BTC/USDT:USDT", "0.009")

        closing = await house.send(symbol="BTCUSDT.P", close=True)
        await house.approve(closing)
        await house.ticket_in("done", closing)
        await house.hears("Filled: sold 0.009 BTC/USDT:USDT at 59\u202f990")
        assert (await house.get("positions"))["items"] == []
    entry, leaving = orders(usdm)
    assert (entry.side, entry.reduce_only, entry.price) == ("BUY", False, D("60060"))
    assert (leaving.side, leaving.reduce_only, leaving.amount) == ("SELL", True, D("0.009"))
    assert held(usdm) == {}
    assert usdm.account.wallets["USDT"] == 100_000 - D("0.09") - D("0.27") - D("0.269955")


async def test_a_short_is_opened_and_closed_by_a_reduce_only_buy(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        signal = await house.send(symbol="ETHUSDT.P", side="sell", amount="0.2")
        ticket = await house.approve(signal)
        await house.ticket_in("done", signal)
        await house.hears("Filled: sold short 0.2 ETH/USDT:USDT at 2\u202f999.50")
        assert "Goes short" in said(await house.card(ticket, "filled at"))
        assert held(usdm) == {"ETHUSDT": D("-0.2")}
        (position,) = (await house.get("positions"))["items"]
        assert (position["amount"], position["average"]) == ("-0.2", "2999.5")

        usdm.account.set_book("ETHUSDT", bid="2989.5", ask="2990")
        closing = await house.send(symbol="ETHUSDT.P", side="buy")
        await house.approve(closing)
        await house.ticket_in("done", closing)
        await house.hears("Filled: bought back 0.2 ETH/USDT:USDT at 2\u202f990")
        assert (await house.get("positions"))["items"] == []
    entry, leaving = orders(usdm)
    assert (entry.side, entry.reduce_only) == ("SELL", False)
    assert (leaving.side, leaving.reduce_only, leaving.amount) == ("BUY", True, D("0.2"))
    assert leaving.realized == D("1.9")
    assert held(usdm) == {}


async def test_a_limit_rests_and_is_canceled(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        signal = await house.send(symbol="BTCUSDT.P", side="buy", price="58000.10", amount="0.01")
        ticket = await house.approve(signal)
        await house.order_in("working", signal)
        (order,) = orders(usdm)
        assert (order.price, order.amount, order.status) == (D("58000.1"), D("0.01"), "NEW")
        house.chat.say(f"/cancel T-{ticket['id'][-4:]}", by=APPROVER)
        await house.ticket_in("canceled", signal)
        await house.hears("canceled, nothing filled")
    assert order.status == "CANCELED"


async def test_an_order_whose_answer_is_lost_is_found_and_is_the_only_one(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    usdm.fail(ORDER, Fault(kind="drop", process=True))
    usdm.blind.update(LOOK_UPS)
    async with house.open(live):
        signal = await house.send("auto", symbol="BTCUSDT.P", side="sell", amount="0.01")
        await house.order_in("in_doubt", signal)
        usdm.blind.clear()
        await house.ticket_in("done", signal)
        (position,) = (await house.get("positions"))["items"]
        assert position["amount"] == "-0.01"
    assert len(usdm.asked(ORDER)) == len(usdm.account.accepted) == 1


async def test_killed_before_the_answer_the_close_is_found_and_not_sent_again(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        await house.ticket_in("done", await house.send("auto", symbol="BTCUSDT.P", side="buy"))
    usdm.fail(ORDER, Fault(kind="hang", process=True))
    async with house.start(live) as process:
        signal = await house.send("auto", symbol="BTCUSDT.P", close=True)
        await usdm.hanging.wait()
        await process.kill()
    usdm.release()
    async with house.open(live):
        await house.ticket_in("done", signal)
        assert (await house.get("positions"))["items"] == []
    assert [order.reduce_only for order in orders(usdm)] == [False, True]
    assert held(usdm) == {}


async def test_an_account_in_hedge_mode_is_told_and_gets_no_order(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    usdm.account.hedge = True
    async with house.open(live, ready=False):
        told = await house.hears("is in hedge mode: no order goes there")
        assert "Set it to one-way mode at the exchange" in said(told)
        signal = await house.send("auto", symbol="BTCUSDT.P", side="buy")
        refused = await house.ticket_in("refused", signal)
        assert [one["code"] for one in refused["refusals"]] == ["VENUE_DOWN"]
        assert not await house.answers("/readyz")
    assert usdm.asked(ORDER) == []


async def test_more_leverage_than_allowed_refuses_entries_and_lets_exits_go(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        await house.ticket_in("done", await house.send("auto", symbol="BTCUSDT.P", side="buy"))
    usdm.account.leverage["BTCUSDT"] = 21
    async with house.open(live):
        more = await house.send("auto", symbol="BTCUSDT.P", side="buy", amount="0.01")
        refused = await house.ticket_in("refused", more)
        (refusal_,) = refused["refusals"]
        assert refusal_["code"] == "LEVERAGE"
        assert "21x" in refusal_["text"]
        other = await house.send("auto", symbol="ETHUSDT.P", side="buy", amount="0.1")
        await house.ticket_in("done", other)
        await house.ticket_in("done", await house.send("auto", symbol="BTCUSDT.P", close=True))
    assert held(usdm) == {"ETHUSDT": D("0.1")}


async def test_a_position_that_is_not_ours_lets_no_entry_go_until_an_owner_takes_it_over(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    usdm.account.trade_elsewhere("BTCUSDT", "SELL", "0.5", "59990")
    async with house.open(live):
        await house.hears("holds short 0.5 BTC/USDT:USDT")
        entry = await house.send("auto", symbol="BTCUSDT.P", side="sell", amount="0.01")
        refused = await house.ticket_in("refused", entry)
        assert [one["code"] for one in refused["refusals"]] == ["UNKNOWN_OUTCOME"]
        other = await house.send("auto", symbol="ETHUSDT.P", side="buy", amount="0.1")
        await house.ticket_in("done", other)
        house.chat.say("/adopt BTC/USDT:USDT -0.5 59990", by=OWNER)
        await house.hears("Adopted. BTC/USDT:USDT short 0.5")
        await house.ticket_in("done", await house.send("auto", symbol="BTCUSDT.P", close=True))
    assert held(usdm) == {"ETHUSDT": D("0.1")}
    assert orders(usdm)[-1].reduce_only


async def test_a_position_that_was_liquidated_is_seen_and_an_owner_takes_it_out_of_the_books(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    async with house.open(live | {"execution.reconcile_every": "1s"}):
        short = await house.send("auto", symbol="BTCUSDT.P", side="sell", amount="0.01")
        await house.ticket_in("done", short)
        usdm.account.liquidate("BTCUSDT", "66000")
        closing = await house.send("auto", symbol="BTCUSDT.P", close=True)
        failed = await house.ticket_in("failed", closing)
        assert "there is no position left that it could reduce" in failed["reason"]
        await soon(lambda: apart(house))
        entry = await house.send("auto", symbol="BTCUSDT.P", side="sell", amount="0.011")
        refused = await house.ticket_in("refused", entry)
        assert [one["code"] for one in refused["refusals"]] == ["UNKNOWN_OUTCOME"]
        house.chat.say("/adopt BTC/USDT:USDT 0.01 66000", by=OWNER)
        await house.hears("Adopted. Nothing is held of BTC/USDT:USDT now.")
        assert (await house.get("positions"))["items"] == []
    assert [order.client_id.partition("-")[0] for order in orders(usdm)[1:]] == ["autoclose"]


async def test_an_exit_that_rests_ends_with_the_position_that_somebody_else_closed(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        leaves = await resting_exit(house)
        usdm.account.trade_elsewhere("BTCUSDT", "SELL", "0.01", "59990")
        await house.ticket_in("expired", leaves)
    assert [order.reduce_only for order in orders(usdm)] == [False, True, False]
    assert held(usdm) == {}


async def test_close_takes_back_an_exit_that_rests_which_binance_would_refuse_it_for(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        leaves = await resting_exit(house)
        house.chat.say("/close BTC/USDT:USDT", by=OWNER)
        await house.ticket_in("canceled", leaves)
        await house.hears("Filled: sold 0.01 BTC/USDT:USDT at 59\u202f990")
    assert [order.reduce_only for order in orders(usdm)] == [False, True, True]
    assert held(usdm) == {}


async def test_an_exit_that_the_exchange_made_smaller_is_done_when_that_is_filled(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        leaves = await resting_exit(house)
        usdm.account.trade_elsewhere("BTCUSDT", "SELL", "0.004", "59990")
        usdm.account.fill(orders(usdm)[1].client_id, "0.006")
        await house.ticket_in("done", leaves)
        await house.hears("Partly filled: sold 0.006 of 0.01 BTC/USDT:USDT")
    assert held(usdm) == {}


async def test_a_fill_reaches_the_chat_by_a_bell_and_costs_few_look_ups(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        await until(lambda: usdm.streaming.on(ACCOUNT))
        signal = await house.send("auto", symbol="BTCUSDT.P", side="buy", price="59000")
        await house.order_in("working", signal)
        (order,) = orders(usdm)
        looks = len(usdm.asked("GET v1/order"))
        usdm.account.fill(order.client_id, str(order.rest))
        await house.ticket_in("done", signal)
        await house.hears("Filled: bought 0.01 BTC/USDT:USDT at 59\u202f000")
        assert len(usdm.asked("GET v1/order")) - looks <= 4
        (venue,) = (await house.get("status"))["venues"]
        assert (venue["stream"], venue["connected"]) == ("up", True)


async def test_kill_cancels_what_rests_and_is_proved(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        terms = {"symbol": "BTCUSDT.P", "amount": "0.01"}
        await house.ticket_in("done", await house.send("auto", side="sell", **terms))
        adds = await house.send("auto", side="sell", price="61000", **terms)
        await house.order_in("working", adds)
        leaves = await house.send("auto", side="buy", price="58000", reduce_only=True, **terms)
        await house.order_in("working", leaves)
        house.chat.say("/kill too wild", by=APPROVER)
        assert (await house.halted_for_good())["reason"] == "too wild"
    assert [(order.status, order.reduce_only) for order in orders(usdm)] == [
        ("FILLED", False),
        ("CANCELED", False),
        ("CANCELED", True),
    ]
    assert held(usdm) == {"BTCUSDT": D("-0.01")}


async def test_a_stop_that_closes_a_short_waits_as_an_algo_order_until_the_market_touched_it(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        short = await house.send("auto", symbol="BTCUSDT.P", side="sell", amount="0.01")
        await house.ticket_in("done", short)
        terms = {"symbol": "BTCUSDT.P", "type": "stop", "stop_price": "61000", "close": True}
        stop = await house.send("auto", **terms)
        await house.order_in("working", stop)
        (waits,) = usdm.algos.accepted
        assert (waits.type, waits.side, waits.reduce_only) == ("STOP_MARKET", "BUY", True)
        assert held(usdm) == {"BTCUSDT": D("-0.01")}
        usdm.account.set_book("BTCUSDT", bid="60990", ask="61010")
        await house.ticket_in("done", stop)
        await house.hears("Filled: bought back 0.01 BTC/USDT:USDT at 61\u202f010")
        assert (await house.get("positions"))["items"] == []
    assert [order.reduce_only for order in orders(usdm)] == [False, True]
    assert held(usdm) == {}


async def test_kill_takes_back_a_stop_that_waits(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        terms = {"symbol": "BTCUSDT.P", "type": "stop", "stop_price": "61000", "amount": "0.01"}
        await house.order_in("working", await house.send("auto", side="buy", **terms))
        house.chat.say("/kill", by=APPROVER)
        await house.halted_for_good()
    assert [waits.status for waits in usdm.algos.accepted] == ["CANCELED"]
    assert usdm.account.accepted == []


async def test_on_paper_a_short_trades_at_the_contracts_public_prices_and_nothing_is_signed(
    house: House, usdm: BinanceUsdmServer, live: dict[str, str]
) -> None:
    paper = {"venues.main.mode": "paper", "venues.main.api_key": "", "venues.main.secret": ""}
    async with house.open(live | paper):
        short = await house.send("auto", symbol="BTCUSDT.P", side="sell", amount="0.01")
        await house.ticket_in("done", short)
        (position,) = (await house.get("positions"))["items"]
        assert (position["amount"], position["average"]) == ("-0.01", "59990")
        await house.ticket_in("done", await house.send("auto", symbol="BTCUSDT.P", close=True))
    assert not [one for one in usdm.requests if "signature" in one.params or one.method != "GET"]
    assert usdm.account.accepted == []
