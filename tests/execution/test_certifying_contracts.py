"""A conformance run in contracts, with the real ccxt against a loopback Binance USD-M: it passes at one that
does as it should, and each step fails when the exchange misbehaves in the way that step is there to catch.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from execution.certificates import Outcome
from execution.certifying import contract_steps, fills
from execution.certifying.plan import (
    DoesNotHold,
    Plan,
    market_of,
    smallest,
    waiting_kinds,
    waits,
)
from execution.certifying.run import CLEARED, names
from execution.instruments import Instrument, MarketKind, Offers, Shares
from execution.types import OrderType, Side, Trail
from execution.venues.exchange import ExchangeVenue
from execution.venues.venue import Balance, Payment
from tests.doubles.binance import refusal
from tests.doubles.binance_usdm.server import BinanceUsdmServer
from tests.doubles.kraken_futures.server import KrakenFuturesServer
from tests.doubles.loopback import Fault, as_json
from tests.execution.certifying import (
    Params,
    Proper,
    Trial,
    Twist,
    Twisted,
    failing,
    resting,
    stepped,
    told,
    tried,
)
from tests.execution.venues.binance_usdm import setup as usdm
from tests.execution.venues.kraken_futures import setup as kraken_futures

D = Decimal
STEPS = names(MarketKind.SWAP)
ORDER, ALGO = "POST v1/order", "POST v1/algoOrder"
ACCOUNT = "GET v3/account"
FILLING = (contract_steps.fill, contract_steps.stops, contract_steps.close)
STOPS_TOLD = {ALGO, "GET v1/algoOrder", "GET v1/openAlgoOrders"}
LEFT = "may be left, to be ended by hand"
NOT_SHOWN = "; sent as reduce-only, which only one that fires would show"


class Odd(Twisted, BinanceUsdmServer):
    """A Binance USD-M that answers some requests otherwise than it should."""

    def __init__(self) -> None:
        super().__init__()
        self.twists = {}

    def answer(self, request: web.Request, path: str, params: Params, raw: str) -> web.Response:
        self.weights.clear()  # waits are skipped: many a minute passes in one of its clock
        return super().answer(request, path, params, raw)


@pytest.fixture
async def exchange() -> AsyncIterator[Odd]:
    async with Odd() as server:
        yield server


def at(exchange: BinanceUsdmServer) -> ExchangeVenue:
    """The venue, which waits for no allowance: ccxt counts real time."""
    quick = {"timeout_on_exit": 1, "rateLimit": 1}
    return usdm.venue_at(exchange, overrides=exchange.ccxt_overrides() | quick)


async def tried_at(exchange: BinanceUsdmServer, symbol: str | None = None) -> Trial:
    return await tried(at(exchange), symbol)


async def looked(exchange: BinanceUsdmServer) -> dict[str, str]:
    """Why nothing was sent."""
    trial = await tried_at(exchange)
    assert exchange.asked(ORDER) == []
    return trial.failed


def held(exchange: BinanceUsdmServer | KrakenFuturesServer) -> dict[str, Decimal]:
    """What the account holds."""
    return {position.symbol: position.amount for position in exchange.account.held()}


def forbidden() -> web.Response:
    return as_json({"code": -4192, "msg": "Trade forbidden."}, status=400)


def without(params: Params, name: str) -> Params:
    return {key: value for key, value in params.items() if key != name}


async def test_it_passes_where_the_exchange_does_as_it_should(exchange: Odd) -> None:
    trial = await tried_at(exchange)

    assert trial.failed == {}
    assert list(trial.findings) == STEPS
    assert trial.findings["account"].text == (
        "one-way mode, BTC/USDT:USDT at leverage 20, no position there"
    )
    assert trial.findings["balance"].text == "79.19 USDT of margin may be needed, 100\u202f000 free"
    assert trial.findings["reduce-only"].text.startswith(
        "with no position: refused (ReduceOnly Order is rejected. (-2022): "
    )
    assert trial.findings["fill"].text.startswith("0.002 bought in full; 1 trade adds up, fee 0.06")
    assert trial.findings["stops and targets"].text == (
        "found by our id, listed and canceled: stop, stop limit, take profit, take profit limit,"
        f" trailing stop{NOT_SHOWN}"
    )
    assert trial.findings["close"].text == (
        "0.002 sold in full; 1 trade adds up, fee 0.05999 USDT; no position, and the wallet shows result"
        " and fees only"
    )


async def test_it_passes_at_kraken_futures_too() -> None:
    async with KrakenFuturesServer() as exchange:
        trial = await tried(kraken_futures.venue_at(exchange))

    assert trial.failed == {}
    assert list(trial.findings) == STEPS
    assert resting(exchange) == exchange.triggers.open_orders() == []
    assert held(exchange) == {}
    assert trial.findings["market"].text == "BTC/USD:USD at 60\u202f000, steps of 1 and 0.0001"
    assert trial.findings["reduce-only"].text.startswith(
        "with no position: refused (wouldNotReducePosition: "
    )
    assert trial.findings["proof of absence"].text == (
        "not there in 3 complete looks; nothing proves an order absent here, a person decides"
    )


async def test_what_reduces_is_bound_to_and_nothing_is_left(exchange: Odd) -> None:
    assert await stepped(at(exchange), *FILLING) == {}

    (opened, closed) = (one for one in exchange.account.accepted if one.filled)
    assert (opened.side, closed.side) == ("BUY", "SELL")
    assert told_of(closed) == (D("0.002"), True)
    assert [told_of(one) for one in exchange.algos.accepted] == [(D("0.002"), True)] * 5
    assert resting(exchange) == exchange.algos.open_orders() == []
    assert held(exchange) == {}


def told_of(order: Any) -> tuple[Decimal, bool]:
    return order.amount, order.reduce_only


async def test_a_position_in_another_market_changes_nothing(exchange: Odd) -> None:
    exchange.account.trade_elsewhere("ETHUSDT", "SELL", "3", "3100")

    assert await stepped(at(exchange), *FILLING) == {}
    assert held(exchange) == {"ETHUSDT": D(-3)}


async def test_what_fills_in_part_is_the_position_and_is_closed(exchange: Odd) -> None:
    exchange.account.set_book("BTCUSDT", bid="59990", ask="60000", ask_amount="0.001")

    assert await stepped(at(exchange), *FILLING) == {}
    assert [one.filled for one in exchange.account.accepted] == [D("0.001"), D("0.001")]
    assert held(exchange) == {}


async def test_what_closes_in_parts_is_closed_by_several_orders(exchange: Odd) -> None:
    exchange.account.set_book("BTCUSDT", bid="59990", ask="60000", bid_amount="0.001")

    def again(params: Params, proper: Proper) -> web.Response:
        answer = proper(params)
        exchange.account.set_book("BTCUSDT", bid="59990", ask="60000", bid_amount="0.001")
        return answer

    exchange.twists[ORDER] = again

    assert await stepped(at(exchange), *FILLING) == {}
    assert [one.filled for one in exchange.account.accepted] == [D("0.002"), *[D("0.001")] * 2]


async def test_funding_that_is_paid_meanwhile_is_counted(exchange: Odd) -> None:
    def pays(params: Params, proper: Proper) -> web.Response:
        exchange.account.fund("BTCUSDT", "0.01")
        return proper(params)

    exchange.twists[ALGO] = pays

    assert await stepped(at(exchange), *FILLING) == {}
    assert [row["incomeType"] for row in exchange.account.income].count("FUNDING_FEE") == 5


# What has to hold before anything is sent


async def test_nothing_is_sent_in_hedge_mode(exchange: Odd) -> None:
    exchange.account.hedge = True
    assert (await looked(exchange))["account"] == (
        "it is in hedge mode, and only one-way mode is traded: switch it over"
    )


async def test_nothing_is_sent_beside_a_position(exchange: Odd) -> None:
    exchange.account.trade_elsewhere("BTCUSDT", "BUY", "0.5", "60000")
    assert await looked(exchange) == {
        "account": "a position of 0.5 is in BTC/USDT:USDT, and nothing is sent beside one: close it,"
        " or try --symbol ETH/USDT:USDT"
    }
    exchange.account.trade_elsewhere("ETHUSDT", "SELL", "0.5", "3000")
    assert (await looked(exchange))["account"].endswith("nothing is sent beside one: close it")


async def test_nothing_is_sent_where_the_leverage_is_not_told(exchange: Odd) -> None:
    def others(params: Params, proper: Proper) -> web.Response:
        return as_json([row for row in told(proper(params)) if row["symbol"] != "BTCUSDT"])

    exchange.twists["GET v1/symbolConfig"] = others
    assert await looked(exchange) == {"account": "the leverage of BTC/USDT:USDT is not told"}


async def test_nothing_is_sent_where_the_account_is_not_told(exchange: Odd) -> None:
    exchange.fail("GET v1/accountConfig", refusal(-1000, "An unknown error."), times=9)
    failed = await looked(exchange)
    assert list(failed) == ["account"]
    assert "An unknown error. (-1000)" in failed["account"]


async def test_nothing_is_sent_without_the_margin_for_it(exchange: Odd) -> None:
    exchange.account.deposit("USDT", "70")
    assert await looked(exchange) == {"balance": "79.19 USDT of margin may be needed, 70 free"}
    exchange.account.leverage["BTCUSDT"] = 50
    assert await stepped(at(exchange)) == {}


# Exchanges that misbehave


async def test_reduce_only_that_is_not_heeded_fails_and_what_it_opened_is_closed(
    exchange: Odd,
) -> None:
    def ignores(params: Params, proper: Proper) -> web.Response:
        return proper(without(params, "reduceOnly"))

    exchange.twists[ORDER] = ignores

    assert await stepped(at(exchange), contract_steps.reduce_only) == {
        "reduce_only": "with no position it sold 0.003, and the position is \u22120.003"
    }
    assert held(exchange) == {}


async def test_reduce_only_that_is_taken_and_ends_unfilled_is_as_good(exchange: Odd) -> None:
    def ends(params: Params, proper: Proper) -> web.Response:
        return proper({**without(params, "reduceOnly"), "price": "61000.0"})

    exchange.twists[ORDER] = ends

    assert await stepped(at(exchange), contract_steps.reduce_only) == {}
    assert [order.status for order in exchange.account.accepted] == ["EXPIRED"]


async def test_reduce_only_that_opens_a_position_without_saying_so(exchange: Odd) -> None:
    def opens(params: Params, proper: Proper) -> web.Response:
        if params.get("reduceOnly") == "true":
            exchange.account.trade_elsewhere("BTCUSDT", "SELL", params["quantity"], "59990")
        return proper(params)

    exchange.twists[ORDER] = opens
    why = await failing(at(exchange), contract_steps.reduce_only)

    assert why == "with no position it sold 0, and the position is \u22120.003"


async def test_a_position_that_is_not_what_filled(exchange: Odd) -> None:
    def half(params: Params, proper: Proper) -> web.Response:
        answer = told(proper(params))
        for row in answer["positions"]:
            row["positionAmt"] = str(D(row["positionAmt"]) / 2)
        return as_json(answer)

    exchange.twists[ACCOUNT] = half

    assert await stepped(at(exchange), contract_steps.fill) == {
        "fill": "the position is 0.001, by the trades it would be 0.002"
    }
    assert held(exchange) == {}, "what filled is closed, whatever the account shows"


class Poorer:
    """A venue that leaves positions out of what the account is worth."""

    def __init__(self, venue: ExchangeVenue) -> None:
        self._venue = venue

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    async def balances(self) -> Mapping[str, Balance]:
        told = await self._venue.balances()
        return {asset: balance for asset, balance in told.items() if asset != "BTC"}


async def test_a_position_that_is_not_among_the_balances(exchange: Odd) -> None:
    why = await failing(Poorer(at(exchange)), contract_steps.fill)

    assert why == "the account has 0 BTC, by the trades and their fees it would be 0.002"


async def test_a_fee_that_was_higher_than_is_told(exchange: Odd) -> None:
    def less(params: Params, proper: Proper) -> web.Response:
        return as_json([row | {"commission": "0.01"} for row in told(proper(params))])

    exchange.twists["GET v1/userTrades"] = less
    why = await failing(at(exchange), contract_steps.fill)

    assert why == (
        "the account has 99\u202f879.94 USDT, by the trades and their fees it would be 99\u202f879.99"
    )
    assert held(exchange) == {}


async def test_a_fill_that_is_not_booked_is_closed_and_nothing_is_tried_with_it(
    exchange: Odd,
) -> None:
    exchange.twists["GET v1/userTrades"] = lambda params, proper: as_json([])

    assert await stepped(at(exchange), *FILLING) == {
        "fill": "its trades come to 0, it claims 0.002, after 30.0 s",
        "stops": "no fill was booked that they could stand behind",
        "close": "no fill was booked that could be closed",
    }
    assert held(exchange) == {}


def taken_otherwise(params: Params, proper: Proper) -> web.Response:
    return proper({**params, "triggerPrice": "57000.0"})


def shown_otherwise(params: Params, proper: Proper) -> web.Response:
    answer = proper(params)
    return as_json(told(answer) | {"triggerPrice": "57000.0"}) if answer.status == 200 else answer


def without_stop_price(params: Params, proper: Proper) -> web.Response:
    answer = proper(params)
    if answer.status != 200:
        return answer
    shown = told(answer)
    listed = shown if isinstance(shown, list) else [shown]
    for row in listed:
        row.pop("triggerPrice", None)
    return as_json(shown)


@pytest.mark.parametrize(
    ("endpoint", "twist"), [(ALGO, taken_otherwise), ("GET v1/algoOrder", shown_otherwise)]
)
async def test_a_stop_at_another_price_than_was_sent(
    exchange: Odd, endpoint: str, twist: Twist
) -> None:
    exchange.twists[endpoint] = twist

    assert await stepped(at(exchange), *FILLING) == {
        "stops": "stop: it shows the stop price 57\u202f000, sent was 57\u202f590.4"
    }
    assert exchange.algos.open_orders() == []


@pytest.mark.parametrize("endpoint", ["GET v1/algoOrder", "GET v1/openAlgoOrders"])
async def test_a_stop_price_that_one_look_tells_is_enough(exchange: Odd, endpoint: str) -> None:
    exchange.twists |= dict.fromkeys(STOPS_TOLD - {endpoint}, without_stop_price)

    assert await stepped(at(exchange), *FILLING) == {}


async def test_a_stop_price_that_no_look_tells(exchange: Odd) -> None:
    exchange.twists |= dict.fromkeys(STOPS_TOLD, without_stop_price)

    assert await stepped(at(exchange), *FILLING) == {"stops": "stop: its stop price is never told"}
    assert exchange.algos.open_orders() == []


async def test_a_stop_that_the_list_shows_at_another_price(exchange: Odd) -> None:
    def otherwise(params: Params, proper: Proper) -> web.Response:
        return as_json([row | {"triggerPrice": "57000.0"} for row in told(proper(params))])

    exchange.twists["GET v1/openAlgoOrders"] = otherwise

    assert await stepped(at(exchange), *FILLING) == {
        "stops": "stop: it shows the stop price 57\u202f000, sent was 57\u202f590.4"
    }


async def test_a_stop_that_is_not_bound_to_reduce_looks_the_same(exchange: Odd) -> None:
    """None fires; so it is said that they are sent as reduce-only, and no more."""
    exchange.twists[ALGO] = lambda params, proper: proper(without(params, "reduceOnly"))

    assert await stepped(at(exchange), *FILLING) == {}
    assert [one.reduce_only for one in exchange.algos.accepted] == [False] * 5


async def test_a_stop_that_is_not_listed(exchange: Odd) -> None:
    exchange.twists["GET v1/openAlgoOrders"] = lambda params, proper: as_json([])

    assert await stepped(at(exchange), *FILLING) == {"stops": "stop: listed 0 times, with our id"}
    assert exchange.algos.open_orders() == []


async def test_a_stop_that_is_canceled_and_stays(exchange: Odd) -> None:
    def pretends(params: Params, proper: Proper) -> web.Response:
        return as_json({"algoId": params["algoId"], "code": "200", "msg": "success"})

    exchange.twists["DELETE v1/algoOrder"] = pretends
    failed = await stepped(at(exchange), *FILLING)

    (left,) = exchange.algos.open_orders()
    assert failed["stops"] == "stop: it has not ended after 30.0 s"
    assert f"{left.client_id} (algo-{left.id})" in failed["clear"]


async def test_a_stop_that_is_refused_is_named_and_the_close_is_tried_all_the_same(
    exchange: Odd,
) -> None:
    def no_trailing(params: Params, proper: Proper) -> web.Response:
        if params["type"] == "TRAILING_STOP_MARKET":
            return as_json({"code": -2007, "msg": "Invalid callBack rate."}, status=400)
        return proper(params)

    exchange.twists[ALGO] = no_trailing
    failed = await stepped(at(exchange), *FILLING)

    assert list(failed) == ["stops"]
    assert failed["stops"].startswith("trailing stop: Invalid callBack rate.")


async def test_a_position_that_still_shows_once_it_is_closed(exchange: Odd) -> None:
    last: list[Any] = []

    def stale(params: Params, proper: Proper) -> web.Response:
        answer = told(proper(params))
        if any(D(row["positionAmt"]) for row in answer["positions"]):
            last[:] = answer["positions"]
        return as_json(answer | {"positions": last})

    exchange.twists[ACCOUNT] = stale

    assert await stepped(at(exchange), *FILLING) == {
        "close": "the position is 0.002, by the trades it would be 0",
        "clear": f"{LEFT}: a position of 0.002 in BTC/USDT:USDT",
    }


async def test_a_wallet_that_lost_more_than_result_and_fees(exchange: Odd) -> None:
    def takes(params: Params, proper: Proper) -> web.Response:
        answer = proper(params)
        if params["side"] == "SELL" and answer.status == 200:
            exchange.account.wallets["USDT"] -= 1
        return answer

    exchange.twists[ORDER] = takes

    assert await stepped(at(exchange), *FILLING) == {
        "close": "the account has 99\u202f998.86001 USDT, by the trades and their fees it would be"
        " 99\u202f999.86001"
    }


async def test_a_market_that_is_gone_whenever_a_close_comes(exchange: Odd) -> None:
    closes: list[Params] = []

    def falls(params: Params, proper: Proper) -> web.Response:
        if params["side"] == "SELL" and held(exchange):
            closes.append(params)
            if len(closes) <= 3:
                bid = D(params["price"]) - 100
                exchange.account.set_book("BTCUSDT", bid=str(bid), ask="60000")
        return proper(params)

    exchange.twists[ORDER] = falls

    assert await stepped(at(exchange), *FILLING) == {"close": "3 orders closed 0 of 0.002"}
    assert held(exchange) == {}


async def test_a_market_where_nobody_buys(exchange: Odd) -> None:
    def nobody(params: Params, proper: Proper) -> web.Response:
        return as_json(told(proper(params)) | {"bids": []})

    exchange.twists["GET v1/depth"] = nobody

    assert await stepped(at(exchange), *FILLING) == {
        "close": "nothing is on offer",
        "clear": f"{LEFT}: a position of 0.002 in BTC/USDT:USDT: nothing is on offer",
    }


# The end


async def test_interrupted_while_the_long_is_open_it_is_closed(exchange: Odd) -> None:
    exchange.fail(ALGO, Fault(kind="hang", process=True))
    trial = Trial(at(exchange))
    running = asyncio.create_task(trial.run())
    await exchange.hanging.wait()
    assert held(exchange) == {"BTCUSDT": D("0.002")}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert held(exchange) == {}
    assert exchange.algos.open_orders() == []
    assert trial.findings[CLEARED].text == "everything has ended, seen in two looks"


async def test_interrupted_while_the_order_that_opens_is_on_its_way_it_is_closed(
    exchange: Odd,
) -> None:
    def interrupts(params: Params, proper: Proper) -> web.Response:
        if params["side"] == "BUY" and params["timeInForce"] == "IOC":
            running.cancel()
        return proper(params)

    exchange.twists[ORDER] = interrupts
    trial = Trial(at(exchange))
    running = asyncio.create_task(trial.run())
    with pytest.raises(asyncio.CancelledError):
        await running

    assert "fill" not in trial.findings
    assert held(exchange) == {}
    assert trial.findings[CLEARED].outcome is Outcome.HELD


async def test_interrupted_while_the_last_step_closes_it_closes_all_the_same(
    exchange: Odd,
) -> None:
    def refuses_twice(params: Params, proper: Proper) -> web.Response:
        if params["side"] == "BUY" or not held(exchange):
            return proper(params)
        closes.append(params)
        if len(closes) == 2:  # the first one is that of the step
            running.cancel()
        return forbidden() if len(closes) <= 2 else proper(params)

    closes: list[Params] = []
    exchange.twists[ORDER] = refuses_twice
    trial = Trial(at(exchange))
    running = asyncio.create_task(trial.run())
    with pytest.raises(asyncio.CancelledError):
        await running

    assert held(exchange) == {}
    assert trial.findings[CLEARED].text == "everything has ended, seen in two looks"


async def test_interrupted_twice_in_the_last_step_it_ends(exchange: Odd) -> None:
    def refuses(params: Params, proper: Proper) -> web.Response:
        if params["side"] == "BUY" or not held(exchange):
            return proper(params)
        closes.append(params)
        running.cancel()  # first in the step that closes
        return forbidden()

    closes: list[Params] = []
    exchange.twists[ORDER] = refuses
    trial = Trial(at(exchange))
    running = asyncio.create_task(trial.run())
    with pytest.raises(asyncio.CancelledError):
        await running

    assert len(closes) == 3
    assert CLEARED not in trial.findings


async def test_a_fill_whose_answer_was_lost_is_closed_however_late_it_shows(exchange: Odd) -> None:
    """Until the fence and the grace of the venue are over, the desk would not call it absent either."""

    def lost(params: Params, proper: Proper) -> web.Response:
        exchange.twists[ORDER] = lambda params, proper: proper(params)
        exchange.blind.update({"id", "openOrders", "allOrders", "userTrades"})
        asyncio.get_running_loop().call_later(38, exchange.blind.clear)
        proper(params)
        return web.Response(status=502, text="<html>bad gateway</html>")

    def unseen(params: Params, proper: Proper) -> web.Response:
        answer = proper(params)
        return as_json(told(answer) | {"positions": []}) if exchange.blind else answer

    exchange.twists |= {ORDER: lost, ACCOUNT: unseen}
    await failing(at(exchange), contract_steps.fill)

    assert [order.status for order in exchange.account.accepted] == ["FILLED"] * 2
    assert held(exchange) == {}


async def test_a_close_that_cannot_be_seen_to_have_ended_is_not_sent_again(exchange: Odd) -> None:
    """Else it would sell down what somebody else has bought meanwhile."""

    def acknowledged(params: Params, proper: Proper) -> web.Response:
        answer = proper(params)
        if params["side"] == "BUY":
            return answer
        exchange.account.trade_elsewhere("BTCUSDT", "BUY", "0.1", "60000")
        exchange.fail("GET v1/order", refusal(-1001, "Internal error.", status=503), times=999)
        untold = {"status": "NEW", "executedQty": "0", "cumQuote": "0", "avgPrice": "0.00"}
        return as_json(told(answer) | untold)

    exchange.twists[ORDER] = acknowledged
    failed = await stepped(at(exchange), contract_steps.fill)

    _, closed, _ = exchange.account.accepted
    assert held(exchange) == {"BTCUSDT": D("0.1")}
    assert failed["clear"] == (
        f"{LEFT}: {closed.client_id} ({closed.id});"
        " a position of 0.002 in BTC/USDT:USDT, unless an order that was sent has closed it"
    )


async def test_a_close_that_never_arrived_is_sent_again_once_that_is_proved(exchange: Odd) -> None:
    sent_at: list[float] = []

    def lost_once(params: Params, proper: Proper) -> web.Response:
        if params["side"] == "BUY":
            return proper(params)
        sent_at.append(asyncio.get_running_loop().time())
        return as_json({}, status=502) if len(sent_at) == 1 else proper(params)

    exchange.twists[ORDER] = lost_once
    await stepped(at(exchange), contract_steps.fill)

    assert held(exchange) == {}
    first, second = sent_at
    assert second - first > 40, "the fence and the grace of the venue"


async def test_what_its_answer_alone_says_has_filled_is_closed(exchange: Odd) -> None:
    exchange.blind.update({"openOrders", "allOrders", "userTrades"})
    gone = {"code": -2013, "msg": "Order does not exist."}
    exchange.twists["GET v1/order"] = lambda params, proper: as_json(gone, status=400)
    why = await failing(at(exchange), contract_steps.fill)

    assert why == "it has not ended after 30.0 s"
    assert held(exchange) == {}


async def test_a_position_that_shows_late_is_closed_all_the_same(exchange: Odd) -> None:
    """Reading the account alone would find nothing to close, twice."""

    def later(params: Params, proper: Proper) -> web.Response:
        return as_json(told(proper(params)) | {"positions": []})

    exchange.twists[ACCOUNT] = later
    why = await failing(at(exchange), contract_steps.fill)

    assert why == "the position is 0, by the trades it would be 0.002"
    assert held(exchange) == {}


async def test_what_cannot_be_closed_is_named_with_the_reason(exchange: Odd) -> None:
    exchange.twists[ORDER] = lambda params, proper: (
        forbidden() if params["side"] == "SELL" else proper(params)
    )

    assert await stepped(at(exchange), *FILLING) == {
        "close": "Trade forbidden. (-4192)",
        "clear": f"{LEFT}: a position of 0.002 in BTC/USDT:USDT: Trade forbidden. (-4192)",
    }


async def test_a_position_that_somebody_else_opens_meanwhile_is_named_and_left(
    exchange: Odd,
) -> None:
    def opens(params: Params, proper: Proper) -> web.Response:
        if params["side"] == "SELL" and held(exchange):
            exchange.account.trade_elsewhere("BTCUSDT", "BUY", "0.1", "60000")
        return proper(params)

    exchange.twists[ORDER] = opens

    assert await stepped(at(exchange), *FILLING) == {
        "close": "the position is 0.1, by the trades it would be 0",
        "clear": f"{LEFT}: a position of 0.1 in BTC/USDT:USDT",
    }
    assert held(exchange) == {"BTCUSDT": D("0.1")}


# What is sent, without an exchange


def a_market(offers: Offers) -> Instrument:
    return Instrument(
        symbol="BTC/USDT:USDT",
        base="BTC",
        quote="USDT",
        active=True,
        amount_step=D("0.001"),
        price_step=D(10),
        min_amount=D("0.001"),
        offers=offers,
    )


def a_plan(leverage: Decimal | None = None, **offers: Any) -> Plan:
    taken = Offers(types=frozenset(OrderType), **offers)
    return Plan(market=a_market(taken), bid=D(1000), ask=D(1010), leverage=leverage)


def test_the_usual_contract_is_the_first_that_trades() -> None:
    usd = a_market(Offers()).evolve(symbol="BTC/USD:USD", min_amount=None)
    spot = a_market(Offers()).evolve(symbol="BTC/USDT")
    markets = {"BTC/USDT": spot, "BTC/USD:USD": usd}
    assert market_of(markets, MarketKind.SWAP, None) is usd
    assert smallest(usd, D(1000)) == usd.amount_step, "where none is told"
    with pytest.raises(DoesNotHold, match="no market BTC/USDT:USDT or BTC/USD:USD trades there"):
        market_of({"BTC/USDT": spot}, MarketKind.SWAP, None)


@pytest.mark.parametrize(
    ("kind", "side", "stop", "price"),
    [
        (OrderType.STOP, Side.SELL, 960, None),
        (OrderType.STOP, Side.BUY, 1060, None),
        (OrderType.STOP_LIMIT, Side.SELL, 960, 960),
        (OrderType.TAKE_PROFIT, Side.SELL, 1040, None),
        (OrderType.TAKE_PROFIT_LIMIT, Side.BUY, 960, 960),
    ],
)
def test_what_waits_is_away_from_the_market_on_the_right_side_of_it(
    kind: OrderType, side: Side, stop: int, price: int | None
) -> None:
    terms = waits(a_plan(), kind, side)
    assert (terms.stop_price, terms.price, terms.trail) == (stop, price, None)


@pytest.mark.parametrize(
    ("shares", "trail"),
    [
        (Shares(least=D("0.001"), most=D("0.1"), step=D("0.001")), Trail(value=D("0.04"), is_share=True)),
        (Shares(least=D("0.05"), most=D("0.1"), step=D("0.01")), Trail(value=D("0.05"), is_share=True)),
        (Shares(least=D("0.01"), most=D("0.025"), step=D("0.01")), Trail(value=D("0.02"), is_share=True)),
        (None, Trail(value=D(40), is_share=False)),
    ],
)  # fmt: skip
def test_a_trailing_stop_keeps_a_distance_the_market_takes(
    shares: Shares | None, trail: Trail
) -> None:
    plan = a_plan(trails_by_share=shares, trails_by_distance=shares is None)
    assert waits(plan, OrderType.TRAILING_STOP, Side.SELL).trail == trail


def test_more_orders_are_announced_where_more_are_tried() -> None:
    plain = a_plan().evolve(market=a_market(Offers()))
    assert waiting_kinds(plain.market) == []
    assert plain.orders == 8
    assert a_plan().orders == 13
    assert a_plan(leverage=D(3)).orders == 17
    assert a_plan(leverage=D(3)).needed == D("3.71"), "rounded up"


def test_funding_counts_in_what_the_wallet_should_have_of_its_currency_alone() -> None:
    paid = Payment(
        payment_id="1", symbol="BTC/USDT:USDT", amount=D(-2), currency="USDT", at=usdm.Clock()()
    )
    payments = [paid, paid.evolve(currency="USDC", amount=D(7))]
    assert fills.quote_after(D(10), [], "USDT", payments) == 8
