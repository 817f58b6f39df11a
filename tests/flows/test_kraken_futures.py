"""The whole product with an account of perpetual contracts at Kraken Futures, live, at a loopback server that
speaks its protocol: what goes otherwise there than at Binance, and that the rest goes the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.doubles.kraken_futures.account import FuturesOrder
from tests.doubles.kraken_futures.server import KrakenFuturesServer, refusal
from tests.doubles.kraken_futures.stream import FILLS
from tests.doubles.loopback import Fault
from tests.flows.setup import APPROVER, OWNER, House, said, soon
from tests.waiting import until

D = Decimal
SEND = "POST sendorder"
LOOK_UPS = {"openorders", "orders/status", "orders", "triggers", "executions", "fills"}


@pytest.fixture
async def futures() -> AsyncIterator[KrakenFuturesServer]:
    async with KrakenFuturesServer() as server:
        # No candles: cards come without pictures, whose drawing takes seconds.
        for symbol in ("PF_XBTUSD", "PF_ETHUSD"):
            for interval in ("5m", "15m"):
                bars = f"GET /api/charts/v1/trade/{symbol}/{interval}"
                server.fail(bars, refusal("Unavailable"), times=1000)
        yield server


@pytest.fixture
def live(futures: KrakenFuturesServer) -> dict[str, str]:
    """The settings of such an account."""
    quick = {"timeout": 3000, "timeout_on_exit": 1}  # milliseconds
    return {
        "allow_live": "yes",
        "venues.main.exchange": "kraken",
        "venues.main.market": "swap",
        "venues.main.mode": "live",
        "venues.main.max_leverage": "50",
        "venues.main.api_key": futures.api_key,
        "venues.main.secret": futures.secret,
        "venues.main.ccxt": json.dumps(futures.ccxt_overrides() | quick),
    }


def orders(futures: KrakenFuturesServer) -> list[FuturesOrder]:
    """Every order that was taken, in order."""
    taken = [order for order in futures.account.accepted if isinstance(order, FuturesOrder)]
    assert len(taken) == len(futures.account.accepted)
    return taken


def held(futures: KrakenFuturesServer) -> dict[str, Decimal]:
    """What the exchange holds for the account."""
    return {position.symbol: position.amount for position in futures.account.held()}


async def test_a_long_is_opened_and_closed_by_a_reduce_only_sell(
    house: House, futures: KrakenFuturesServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        signal = await house.send(symbol="BTCUSD.P", side="buy")
        ticket = await house.approve(signal)
        await house.ticket_in("done", signal)
        filled = await house.hears("Filled: bought 0.0099 BTC/USD:USD at 60\u202f000")
        assert said(filled).startswith("LIVE")
        assert "Goes long" in said(await house.card(ticket, "filled at"))
        assert held(futures) == {"PF_XBTUSD": D("0.0099")}

        closing = await house.send(symbol="BTCUSD.P", close=True)
        await house.approve(closing)
        await house.ticket_in("done", closing)
        await house.hears("Filled: sold 0.0099 BTC/USD:USD at 59\u202f990")
        assert (await house.get("positions"))["items"] == []
    entry, leaving = orders(futures)
    assert (entry.side, entry.price) == ("BUY", D("60060"))
    assert (entry.reduce_only, leaving.reduce_only) == (False, True)
    assert [one.params.get("reduceOnly") for one in futures.asked(SEND)] == [None, "true"]
    assert held(futures) == {}
    assert futures.account.wallets["USD"] == 100_000 - D("0.099") - D("0.297") - D("0.2969505")


async def test_a_short_is_opened_and_closed_by_a_reduce_only_buy(
    house: House, futures: KrakenFuturesServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        signal = await house.send(symbol="ETHUSD.P", side="sell", amount="0.2")
        await house.approve(signal)
        await house.ticket_in("done", signal)
        await house.hears("Filled: sold short 0.2 ETH/USD:USD at 2\u202f999.50")
        (position,) = (await house.get("positions"))["items"]
        assert (position["amount"], position["average"]) == ("-0.2", "2999.5")

        futures.account.set_book("PF_ETHUSD", bid="2989.5", ask="2990")
        closing = await house.send(symbol="ETHUSD.P", side="buy")
        await house.approve(closing)
        await house.ticket_in("done", closing)
        await house.hears("Filled: bought back 0.2 ETH/USD:USD at 2\u202f990")
        assert (await house.get("positions"))["items"] == []
    entry, leaving = orders(futures)
    assert (entry.side, entry.reduce_only) == ("SELL", False)
    assert (leaving.side, leaving.reduce_only, leaving.realized) == ("BUY", True, D("1.9"))
    assert held(futures) == {}


async def test_a_limit_rests_and_is_canceled(
    house: House, futures: KrakenFuturesServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        signal = await house.send(symbol="BTCUSD.P", side="buy", price="58000", amount="0.01")
        ticket = await house.approve(signal)
        await house.order_in("working", signal)
        house.chat.say(f"/cancel T-{ticket['id'][-4:]}", by=APPROVER)
        await house.ticket_in("canceled", signal)
        await house.hears("canceled, nothing filled")
    (order,) = orders(futures)
    assert (order.price, order.status, order.reason) == (58_000, "CANCELED", "cancelled_by_user")


async def test_an_order_whose_answer_is_lost_is_found_and_is_the_only_one(
    house: House, futures: KrakenFuturesServer, live: dict[str, str]
) -> None:
    futures.fail(SEND, Fault(kind="drop", process=True))
    futures.blind.update(LOOK_UPS)
    async with house.open(live):
        signal = await house.send("auto", symbol="BTCUSD.P", side="sell", amount="0.01")
        await house.order_in("in_doubt", signal)
        futures.blind.clear()
        await house.ticket_in("done", signal)
        (position,) = (await house.get("positions"))["items"]
        assert position["amount"] == "-0.01"
    assert len(futures.asked(SEND)) == len(futures.account.accepted) == 1


async def test_an_order_that_never_arrived_stays_in_doubt_and_is_not_sent_again(
    house: House, futures: KrakenFuturesServer, live: dict[str, str]
) -> None:
    """How late Kraken shows an order nobody says, so only a person can say that there is none."""
    futures.fail(SEND, Fault(kind="drop"))
    async with house.open(live):
        signal = await house.send("auto", symbol="BTCUSD.P", side="sell", amount="0.01")
        await house.order_in("in_doubt", signal)
        await house.hears(": kraken did not answer")
        await until(lambda: len(futures.asked("POST orders/status")) >= 2)
        same = await house.send("auto", symbol="BTCUSD.P", side="sell", amount="0.011")
        refused = await house.ticket_in("refused", same)
        assert [one["code"] for one in refused["refusals"]] == ["UNKNOWN_OUTCOME"]
    assert len(futures.asked(SEND)) == 1
    assert orders(futures) == []


async def test_leverage_that_nobody_has_set_is_the_largest_and_refuses_entries(
    house: House, futures: KrakenFuturesServer, live: dict[str, str]
) -> None:
    """A market without a preference is cross-margined, up to what its first margin level comes to."""
    futures.account.prefer("PF_XBTUSD", "5")
    limited = live | {"venues.main.max_leverage": "5"}
    async with house.open(limited):
        await house.ticket_in("done", await house.send("auto", symbol="BTCUSD.P", side="buy"))
    futures.account.prefer("PF_XBTUSD", None)
    async with house.open(limited):
        more = await house.send("auto", symbol="BTCUSD.P", side="buy", amount="0.01")
        refused = await house.ticket_in("refused", more)
        (refusal_,) = refused["refusals"]
        assert refusal_["code"] == "LEVERAGE"
        assert "50x" in refusal_["text"]
        await house.ticket_in("done", await house.send("auto", symbol="BTCUSD.P", close=True))
    assert held(futures) == {}


async def test_a_position_that_was_liquidated_is_seen_and_lets_no_entry_go(
    house: House, futures: KrakenFuturesServer, live: dict[str, str]
) -> None:
    async with house.open(live | {"execution.reconcile_every": "1s"}):
        short = await house.send("auto", symbol="BTCUSD.P", side="sell", amount="0.01")
        await house.ticket_in("done", short)
        futures.account.liquidate("PF_XBTUSD", "66000")

        async def apart() -> Any:
            (venue,) = (await house.get("status"))["venues"]
            return venue["positions_apart"]

        await soon(apart)
        entry = await house.send("auto", symbol="BTCUSD.P", side="sell", amount="0.011")
        refused = await house.ticket_in("refused", entry)
        assert [one["code"] for one in refused["refusals"]] == ["UNKNOWN_OUTCOME"]


async def test_funding_is_booked_whether_an_hour_ended_or_the_position_changed(
    house: House, futures: KrakenFuturesServer, live: dict[str, str]
) -> None:
    terms = {"symbol": "BTCUSD.P", "side": "sell", "amount": "0.005", "reduce_only": True}
    async with house.open(live):
        long = await house.send("auto", symbol="BTCUSD.P", side="buy", amount="0.01")
        await house.ticket_in("done", long)
        futures.account.fund("PF_XBTUSD", "0.01")
        futures.account.accrue("PF_XBTUSD", "0.005")
        await house.ticket_in("done", await house.send("auto", **terms))
    async with house.open(live):  # a new process asks at once

        async def realized() -> bool:
            (position,) = (await house.get("positions"))["items"]
            funding, fees = D("8.99925"), D("0.3") + D("0.149975")
            return D(position["realized_today"]) == D("-0.05") - fees - funding

        await soon(realized)


async def test_a_stop_that_closes_a_short_waits_until_the_market_touched_it(
    house: House, futures: KrakenFuturesServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        short = await house.send("auto", symbol="BTCUSD.P", side="sell", amount="0.01")
        await house.ticket_in("done", short)
        terms = {"symbol": "BTCUSD.P", "type": "stop", "stop_price": "61000", "close": True}
        stop = await house.send("auto", **terms)
        await house.order_in("working", stop)
        (waits,) = futures.triggers.accepted
        assert (waits.type, waits.side, waits.reduce_only) == ("STOP", "BUY", True)
        futures.account.set_book("PF_XBTUSD", bid="60990", ask="61010")
        await house.ticket_in("done", stop)
        await house.hears("Filled: bought back 0.01 BTC/USD:USD at 61\u202f010")
        assert (await house.get("positions"))["items"] == []
    assert [order.reduce_only for order in orders(futures)] == [False, True]
    assert held(futures) == {}


async def test_kill_flatten_cancels_what_rests_and_what_waits_and_buys_a_short_back(
    house: House, futures: KrakenFuturesServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        terms = {"symbol": "BTCUSD.P", "side": "sell", "amount": "0.01"}
        await house.ticket_in("done", await house.send("auto", **terms))
        await house.order_in("working", await house.send("auto", price="61000", **terms))
        stop = {"type": "stop", "stop_price": "59000"}
        await house.order_in("working", await house.send("auto", **terms, **stop))
        house.chat.say("/kill flatten too wild", by=OWNER)
        await house.hears("Filled: bought back 0.01 BTC/USD:USD at 60\u202f000")
        assert (await house.halted_for_good())["reason"] == "too wild"
        assert (await house.get("positions"))["items"] == []
    told = [(order.status, order.reduce_only) for order in orders(futures)]
    assert told == [("FILLED", False), ("CANCELED", False), ("FILLED", True)]
    assert [order.status for order in futures.triggers.accepted] == ["CANCELED"]
    assert held(futures) == {}


async def test_a_fill_reaches_the_chat_by_a_bell_and_costs_few_look_ups(
    house: House, futures: KrakenFuturesServer, live: dict[str, str]
) -> None:
    async with house.open(live):
        await until(lambda: futures.streaming.on(FILLS))
        signal = await house.send("auto", symbol="BTCUSD.P", side="buy", price="59000")
        await house.order_in("working", signal)
        (order,) = orders(futures)
        looks = len(futures.asked("POST orders/status"))
        futures.account.fill(order.client_id, str(order.rest))
        await house.ticket_in("done", signal)
        await house.hears("Filled: bought 0.0101 BTC/USD:USD at 59\u202f000")
        assert len(futures.asked("POST orders/status")) - looks <= 4
        (venue,) = (await house.get("status"))["venues"]
        assert (venue["stream"], venue["connected"]) == ("up", True)


async def test_the_dead_mans_switch_is_armed_while_an_order_rests_and_off_after_a_planned_stop(
    house: House, futures: KrakenFuturesServer, live: dict[str, str]
) -> None:
    async with house.open(live | {"venues.main.dead_man": "60s"}):
        signal = await house.send("auto", symbol="BTCUSD.P", side="buy", price="58000")
        await house.order_in("working", signal)
        await until(lambda: futures.account.cancels_at is not None)
    assert futures.account.cancels_at is None
    assert [order.status for order in orders(futures)] == ["NEW"]


async def test_on_paper_a_short_trades_at_the_contracts_public_prices_and_nothing_is_signed(
    house: House, futures: KrakenFuturesServer, live: dict[str, str]
) -> None:
    paper = {"venues.main.mode": "paper", "venues.main.api_key": "", "venues.main.secret": ""}
    paper["general.currency"] = "USD"  # what the account begins with
    async with house.open(live | paper):
        short = await house.send("auto", symbol="BTCUSD.P", side="sell", amount="0.01")
        await house.ticket_in("done", short)
        (position,) = (await house.get("positions"))["items"]
        assert (position["amount"], position["average"]) == ("-0.01", "59990")
        await house.ticket_in("done", await house.send("auto", symbol="BTCUSD.P", close=True))
    assert not [one for one in futures.requests if "Authent" in one.headers or one.method != "GET"]
    assert futures.account.accepted == []
