"""A conformance run with the real ccxt against loopback exchanges: it passes at three that do as they
should, and each step fails when the exchange misbehaves in the way that step is there to catch.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from aiohttp import web

from execution.certificates import Outcome
from execution.certifying import fills, steps
from execution.certifying.placed import MARK, Placed
from execution.certifying.plan import DoesNotHold, Plan, market_of, smallest, to_fill
from execution.certifying.run import CLEARED, names
from execution.errors import VenueMisconfigured
from execution.instruments import Instrument, MarketKind
from execution.orders import of_our_make
from execution.types import Level, Mode, OrderState, OrderType, Side, TimeInForce
from execution.venues.exchange import ExchangeVenue
from execution.venues.venue import Held, NewOrder, Report, Trade, go
from tests.doubles.binance import BinanceServer, refusal
from tests.doubles.coinbase import CoinbaseServer
from tests.doubles.kraken import KrakenServer
from tests.doubles.kraken_account import Pair
from tests.doubles.loopback import Fault, as_json
from tests.doubles.trading import Order
from tests.execution.certifying import (
    Params,
    Proper,
    Trial,
    Twist,
    Twisted,
    failing,
    resting,
    running_clock,
    told,
    tried,
)
from tests.execution.venues.coinbase import setup as coinbase
from tests.execution.venues.exchange import setup as binance
from tests.execution.venues.exchange.setup import an_order
from tests.execution.venues.kraken import setup as kraken
from tests.virtual_time import skipping

STEPS = names(MarketKind.SPOT)


class Odd(Twisted, BinanceServer):
    """A Binance that answers some requests otherwise than it should."""

    def __init__(self, **twists: Twist) -> None:
        """`twists` by endpoint, its blank written as `_`."""
        super().__init__()
        self.twists = {name.replace("_", " ", 1): twist for name, twist in twists.items()}


def at(exchange: BinanceServer) -> ExchangeVenue:
    """The venue, which waits for no allowance: ccxt counts real time."""
    quick = {"timeout_on_exit": 1, "rateLimit": 1}
    return binance.venue_at(exchange, overrides=exchange.ccxt_overrides() | quick)


async def tried_at(exchange: BinanceServer, symbol: str | None = None) -> Trial:
    """A run at a Binance that is up."""
    return await tried(at(exchange), symbol)


# Exchanges that do as they should


class TestItPasses:
    async def test_at_binance(self) -> None:
        async with BinanceServer() as exchange:
            trial = await tried_at(exchange)

        assert trial.failed == {}
        assert list(trial.findings) == STEPS
        assert trial.findings["same id twice"].text == (
            "while the order is open: binance says the order's id is taken;"
            " once it has ended: makes a new order, canceled at the end"
        )
        assert trial.findings["fill"].text.startswith(
            "0.0001 bought in full; 1 trade adds up, fee 0.0000001 BTC, after "
        )
        assert trial.findings["proof of absence"].text == (
            "not there in 6 complete looks, for 31 s: proved absent"
        )
        assert trial.said == ["looking 6 times, for 31 s", "ending what was begun"]

    async def test_at_kraken(self) -> None:
        async with KrakenServer() as exchange:
            trial = await tried(kraken.venue_at(exchange))

        assert trial.failed == {}
        assert list(trial.findings) == STEPS
        assert resting(exchange) == []
        assert trial.findings["proof of absence"].text == (
            "not there in 3 complete looks; nothing proves an order absent here, a person decides"
        )

    async def test_at_coinbase(self) -> None:
        async with CoinbaseServer() as exchange:
            trial = await tried(coinbase.venue_at(exchange))

        assert trial.failed == {}
        assert list(trial.findings) == STEPS
        assert resting(exchange) == []
        assert trial.findings["same id twice"].text == (
            "while the order is open: answered with that order;"
            " once it has ended: answered with that order"
        )

    async def test_with_orders_as_small_as_the_market_takes_and_only_one_that_fills(self) -> None:
        async with BinanceServer() as exchange:
            await tried_at(exchange)

        taken = exchange.account.accepted
        assert len(taken) == 10
        assert all(5 <= order.amount * (order.price or order.stop) < 7 for order in taken)
        assert [order.status for order in taken].count("FILLED") == 1
        assert resting(exchange) == []
        assert len(exchange.asked("POST order")) == len(taken) + 1, "an id that was taken already"

    async def test_of_stops_and_targets_where_the_market_takes_them(self) -> None:
        async with BinanceServer() as exchange, CoinbaseServer() as another:
            limits = ("LIMIT", "LIMIT_MAKER", "MARKET")
            market = exchange.account.markets["BTCUSDT"]
            exchange.account.markets["BTCUSDT"] = replace(market, order_types=limits)
            none, some = await tried_at(exchange), await tried(coinbase.venue_at(another))

        assert none.failed == some.failed == {}
        assert (
            none.findings["stops and targets"].text == "none is taken here, and none is ever sent"
        )
        assert some.findings["stops and targets"].text == (
            "found by our id, listed and canceled: stop limit"
        )

    async def test_where_a_person_says(self) -> None:
        async with BinanceServer() as exchange:
            trial = await tried_at(exchange, "ETH/USDT")

        assert trial.failed == {}
        assert {order.symbol for order in exchange.account.accepted} == {"ETHUSDT"}

    async def test_where_the_exchanges_price_step_is_wider_than_ccxt_knows(self) -> None:
        async with KrakenServer() as exchange:
            trial = await tried(kraken.venue_at(exchange), "SOL/USD")

        assert trial.failed == {}

    async def test_a_fill_in_part_is_booked_in_part(self) -> None:
        async with BinanceServer() as exchange:
            exchange.account.set_book("BTCUSDT", bid="59990", ask="60000", ask_amount="0.00004")
            trial = await tried_at(exchange)

        assert trial.failed == {}
        assert trial.findings["fill"].text.startswith("0.00004 bought in part, of 0.00014; 1 trade")

    async def test_trades_that_show_late_are_waited_for(self) -> None:
        shown = []

        def late(params: Params, proper: Proper) -> web.Response:
            shown.append(params)
            return proper(params) if len(shown) > 4 else as_json([])

        async with Odd(GET_myTrades=late) as exchange:
            trial = await tried_at(exchange)

        assert trial.failed == {}
        assert len(shown) > 4

    async def test_answers_that_are_really_lost_are_as_good_and_are_called_that(self) -> None:
        def drops(params: Params, proper: Proper) -> web.Response:
            again = exchange.account.find(client_id=params["newClientOrderId"]) is not None
            answer = proper(params)
            if again or len(exchange.account.accepted) == 2:
                return web.Response(status=502, text="<html>bad gateway</html>")
            return answer

        async with Odd(POST_order=drops) as exchange:
            trial = await tried_at(exchange)

        assert trial.failed == {}
        assert trial.findings["answer lost"].text.startswith(
            "the answer was lost (binance answered with HTTP status 502); found by our id after "
        )
        assert trial.findings["same id twice"].text == (
            "while the order is open: binance answered with HTTP status 502;"
            " once it has ended: binance answered with HTTP status 502"
        )


# What has to hold before anything is sent


class TestNothingIsSent:
    async def test_to_an_exchange_that_cannot_be_reached(self) -> None:
        async with BinanceServer() as exchange:
            exchange.unreachable = True
            trial = await tried_at(exchange)

        assert list(trial.failed) == ["reach and clock"]
        assert exchange.account.accepted == []

    async def test_with_a_key_that_is_refused_and_not_shown(self) -> None:
        async with BinanceServer() as exchange:
            exchange.fail("GET account", refusal(-2015, "Invalid API-key.", status=401))
            trial = await tried_at(exchange)

        assert list(trial.failed) == ["reach and clock"]
        assert "Invalid API-key. (-2015)" in trial.failed["reach and clock"]
        assert exchange.api_key not in trial.failed["reach and clock"]

    async def test_where_our_time_is_refused_though_it_was_corrected(self) -> None:
        async with BinanceServer() as exchange:
            too_late = refusal(-1021, "Timestamp for this request is outside of the recvWindow.")
            exchange.fail("GET account", too_late, times=9)
            trial = await tried_at(exchange)

        assert list(trial.failed) == ["reach and clock"]

    async def test_with_a_key_that_may_not_trade(self) -> None:
        async with KrakenServer() as exchange:
            exchange.endpoints.rights.remove("modify-trades")
            trial = await tried(kraken.venue_at(exchange))

        assert trial.failed == {"key": "its key may not trade: allow it to, or make another"}
        assert exchange.account.accepted == []

    async def test_in_a_market_that_is_halted(self) -> None:
        async with BinanceServer() as exchange:
            market = exchange.account.markets["BTCUSDT"]
            exchange.account.markets["BTCUSDT"] = replace(market, status="BREAK")
            trial = await tried_at(exchange, "BTC/USDT")

        assert trial.failed["market"] == (
            "no market BTC/USDT trades there; name another with --symbol"
        )
        assert exchange.account.accepted == []

    async def test_in_a_market_whose_prices_make_no_sense(self) -> None:
        async with BinanceServer() as exchange:
            exchange.account.set_book("BTCUSDT", bid="60000", ask="59990")
            trial = await tried_at(exchange)

        assert trial.failed == {"market": "BTC/USDT has no bid under an ask"}
        assert exchange.account.accepted == []

    async def test_to_an_exchange_without_a_sandbox(self) -> None:
        async with KrakenServer() as exchange:
            with pytest.raises(VenueMisconfigured, match="kraken has no sandbox"):
                await tried(
                    ExchangeVenue(
                        "main",
                        "kraken",
                        Mode.SANDBOX,
                        api_key=exchange.api_key,
                        secret=exchange.secret,
                        clock=binance.Clock(),
                    )
                )

        assert exchange.requests == []

    async def test_from_an_account_that_cannot_pay_for_it(self) -> None:
        async with BinanceServer() as exchange:
            exchange.account.deposit("USDT", "12.5")
            trial = await tried_at(exchange)

        assert trial.failed == {"balance": "66 USDT may be needed, 12.5 free"}
        assert exchange.account.accepted == []


# Exchanges that misbehave


class Mends:
    """A venue that changes what it is asked to send, instead of refusing it."""

    def __init__(self, venue: ExchangeVenue) -> None:
        self._venue = venue

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    async def send(self, order: NewOrder, held: Held = go) -> Report:
        assert order.price is not None
        mended = order.evolve(price=round(order.price, 2), amount=round(order.amount, 5))
        return await self._venue.send(mended, held)


class Deaf(Mends):
    """A venue that sends what it was told to hold."""

    async def send(self, order: NewOrder, held: Held = go) -> Report:
        return await self._venue.send(order)


class TestPrecision:
    async def test_a_venue_that_mends_orders(self) -> None:
        async with BinanceServer() as exchange:
            why = await failing(Mends(at(exchange)), steps.precision)

        assert why == "a half step off the price steps would be sent"

    async def test_a_price_step_that_ccxt_would_change(self) -> None:
        """It tells a tick of a cent, and that prices have one decimal."""
        async with KrakenServer() as exchange:
            exchange.account.pairs["XXBTZUSD"] = Pair(
                base="XXBT", quote="ZUSD", name="XBTUSD", decimals=1, tick="0.01", least="0.00005"
            )
            why = await failing(kraken.venue_at(exchange), steps.precision)

        assert why.endswith(" is on the steps it tells, and would be changed")

    async def test_a_venue_that_sends_what_is_held_back(self) -> None:
        async with BinanceServer() as exchange:
            why = await failing(Deaf(at(exchange)), steps.precision)

        assert why == "an order that was held back is sent all the same"
        assert resting(exchange) == []


class TestCreate:
    async def test_an_answer_with_another_id(self) -> None:
        def other(params: Params, proper: Proper) -> web.Response:
            return as_json(told(proper(params)) | {"clientOrderId": "another"})

        async with Odd(POST_order=other) as exchange:
            why = await failing(at(exchange), steps.create)

        assert why == "the answer is about another order"
        assert resting(exchange) == []

    async def test_a_price_that_is_not_the_one_that_was_sent(self) -> None:
        def dearer(params: Params, proper: Proper) -> web.Response:
            return proper({**params, "price": "47999"})

        async with Odd(POST_order=dearer) as exchange:
            answered = await failing(at(exchange), steps.create)
            found = await failing(at(exchange), steps.look_up)

        assert answered == "it shows the price 47\u202f999, sent was 47\u202f992"
        assert found == answered

    async def test_an_order_that_does_not_rest(self) -> None:
        def at_once(params: Params, proper: Proper) -> web.Response:
            answer = told(proper(params))
            return as_json(answer | {"status": "EXPIRED"})

        async with Odd(POST_order=at_once) as exchange:
            why = await failing(at(exchange), steps.create)

        assert why == "it is expired instead of resting"

    async def test_an_exchange_that_refuses_everything(self) -> None:
        async with BinanceServer() as exchange:
            exchange.fail("POST order", refusal(-2010, "Not today."), times=99)
            trial = await tried_at(exchange)

        assert trial.failed["create"] == "Not today. (-2010)"
        assert trial.findings[CLEARED].outcome is Outcome.HELD
        assert trial.findings["cancel of an unknown order"].outcome is Outcome.HELD


class TestLookingForIt:
    async def test_another_order_under_our_id(self) -> None:
        def another(params: Params, proper: Proper) -> web.Response:
            answer = proper(params)
            if answer.status == 200 and "origClientOrderId" in params:
                return as_json(told(answer) | {"orderId": 1})
            return answer

        async with Odd(GET_order=another) as exchange:
            why = await failing(at(exchange), steps.look_up)

        assert why == "1 is found, 1000 was made"

    async def test_an_order_that_no_look_up_shows(self) -> None:
        async with BinanceServer() as exchange:
            exchange.blind.update({"id", "openOrders", "allOrders"})
            trial = await tried_at(exchange)

        assert trial.failed["look-up by our id"] == "not found by our id within 10.0 s"
        assert trial.failed["answer lost"] == "not found by our id within 10.0 s"
        assert trial.failed["open orders"] == "listed 0 times, with our id"
        assert resting(exchange) == [], "it is canceled by the ids it was answered with"

    async def test_a_list_of_open_orders_that_lacks_it(self) -> None:
        async with BinanceServer() as exchange:
            exchange.blind.add("openOrders")
            why = await failing(at(exchange), steps.open_orders)

        assert why == "listed 0 times, with our id"

    async def test_an_order_that_shows_later_than_it_would_count_as_absent(self) -> None:
        def hides(params: Params, proper: Proper) -> web.Response:
            exchange.blind.update({"id", "openOrders", "allOrders"})
            return proper(params)

        async with Odd(POST_order=hides) as exchange:
            why = await failing(at(exchange), steps.lost)

        assert why == "not found by our id within 10.0 s"
        assert resting(exchange) == []


class TestTheSameId:
    async def test_an_exchange_that_takes_it_twice(self) -> None:
        def takes(params: Params, proper: Proper) -> web.Response:
            """The order that has the id is out of the way while the new one comes."""
            ids = [(order, order.client_id) for order in exchange.account.accepted]
            for order, _ in ids:
                order.client_id = f"hidden-{order.id}"
            answer = proper(params)
            for order, client_id in ids:
                order.client_id = client_id
            return answer

        async with Odd(POST_order=takes) as exchange:
            why = await failing(at(exchange), steps.duplicate)

        assert why == "the id of an open order makes a second order"
        assert resting(exchange) == []

    async def test_one_that_refuses_it_and_takes_it_all_the_same(self) -> None:
        def takes(params: Params, proper: Proper) -> web.Response:
            for order in exchange.account.open_orders():
                if order.client_id == params["newClientOrderId"]:
                    order.client_id = "hidden"
                    proper(params)
                    order.client_id = params["newClientOrderId"]
            return proper(params)

        async with Odd(POST_order=takes) as exchange:
            why = await failing(at(exchange), steps.duplicate)

        assert why == "the id of an open order makes a second order"
        assert resting(exchange) == []

    async def test_one_that_takes_it_twice_and_lists_only_the_first(self) -> None:
        def takes(params: Params, proper: Proper) -> web.Response:
            known = exchange.account.find(client_id=params["newClientOrderId"])
            if known is not None:
                known.client_id = "hidden"
            answer = proper(params)
            if known is not None:
                known.client_id = params["newClientOrderId"]
            return answer

        def first(params: Params, proper: Proper) -> web.Response:
            return as_json(told(proper(params))[:1])

        async with Odd(POST_order=takes, GET_openOrders=first) as exchange:
            why = await failing(at(exchange), steps.duplicate)

        assert why == "the id of an open order makes a second order"
        assert resting(exchange) == []


class TestCanceling:
    async def test_a_cancel_that_is_answered_and_not_carried_out(self) -> None:
        def pretends(params: Params, proper: Proper) -> web.Response:
            known = [order for order in exchange.account.accepted if is_meant(order, params)]
            shown = exchange.state()["accepted"][-1] | {"status": "CANCELED"}
            return as_json(shown) if known else proper(params)

        def is_meant(order: Order, params: Params) -> bool:
            ours = order.client_id == params.get("origClientOrderId")
            return ours or str(order.id) == params.get("orderId")

        async with Odd(DELETE_order=pretends) as exchange:
            trial = await tried_at(exchange)

        assert trial.failed["cancel by our id"] == "it has not ended after 10.0 s"
        left = [(order.client_id, order.id) for order in resting(exchange)]
        assert left
        for client_id, id in left:
            assert f"{client_id} ({id})" in trial.failed[CLEARED]
        assert trial.failed[CLEARED].startswith("may be left, to be ended by hand: ")

    async def test_a_cancel_that_comes_too_late(self) -> None:
        def fills(params: Params, proper: Proper) -> web.Response:
            order = exchange.account.open_orders()[0]
            exchange.account.fill(order.client_id, str(order.rest))
            return as_json(exchange.state()["accepted"][0])

        async with Odd(DELETE_order=fills) as exchange:
            why = await failing(at(exchange), steps.cancel)

        assert why == "it is filled after the cancel"

    async def test_a_cancel_of_anything_that_works(self) -> None:
        def agrees(params: Params, proper: Proper) -> web.Response:
            return as_json({"symbol": "BTCUSDT", "orderId": 1, "status": "CANCELED"})

        async with Odd(DELETE_order=agrees) as exchange:
            why = await failing(at(exchange), steps.unknown)

        assert why == "a cancel of an order that never was is taken"

    async def test_an_order_that_stays_in_the_list_after_its_end(self) -> None:
        def stale(params: Params, proper: Proper) -> web.Response:
            accepted = exchange.state()["accepted"]
            return as_json([order | {"status": "NEW"} for order in accepted[:1]])

        async with Odd(GET_openOrders=stale) as exchange:
            trial = await tried_at(exchange)

        assert trial.failed["cancel by our id"] == "it is listed as open after its end"
        assert "(1000)" in trial.failed[CLEARED], "only a person can tell which of the two is so"


class TestFilling:
    @staticmethod
    def trades(change: Callable[[list[dict[str, Any]]], object]) -> Twist:
        def twisted(params: Params, proper: Proper) -> web.Response:
            return as_json(change(told(proper(params))))

        return twisted

    async def failed(self, change: Callable[[list[dict[str, Any]]], object]) -> str:
        async with Odd(GET_myTrades=self.trades(change)) as exchange:
            return await failing(at(exchange), steps.fill)

    async def test_a_trade_that_is_missing(self) -> None:
        assert await self.failed(lambda rows: []) == (
            "its trades come to 0, it claims 0.0001, after 30.0 s"
        )

    async def test_a_fee_that_is_not_told(self) -> None:
        def no_fee(rows: list[dict[str, Any]]) -> object:
            return [{k: v for k, v in row.items() if "commission" not in k} for row in rows]

        assert await self.failed(no_fee) == "a trade tells no fee"

    async def test_a_fee_that_was_higher_than_is_told(self) -> None:
        def less(rows: list[dict[str, Any]]) -> object:
            return [row | {"commission": "0.00000001"} for row in rows]

        assert await self.failed(less) == (
            "the account has 1.0000999 BTC, by the trades and their fees it would be 1.00009999"
        )

    async def test_a_price_that_is_not_the_orders(self) -> None:
        def cheaper(rows: list[dict[str, Any]]) -> object:
            return [row | {"price": "59000.00"} for row in rows]

        assert await self.failed(cheaper) == (
            "the order's average is 60\u202f000, that of its trades 59\u202f000"
        )

    async def test_a_price_over_the_limit(self) -> None:
        def dearer(rows: list[dict[str, Any]]) -> object:
            return [row | {"price": "60000.01"} for row in rows]

        assert await self.failed(dearer) == "a trade is worse than the limit"

    async def test_a_market_that_is_not_there_any_more_when_the_order_comes(self) -> None:
        def as_before(params: Params, proper: Proper) -> web.Response:
            return as_json(told(proper(params)) | {"asks": [["60000.00", "1.0"]]})

        async with Odd(GET_depth=as_before) as exchange:
            exchange.account.set_book("BTCUSDT", bid="59990", ask="60010")
            why = await failing(at(exchange), steps.fill)

        assert why == "3 orders at the best price filled nothing"

    async def test_a_market_where_nothing_is_on_offer(self) -> None:
        def nothing(params: Params, proper: Proper) -> web.Response:
            return as_json(told(proper(params)) | {"asks": []})

        async with Odd(GET_depth=nothing) as exchange:
            why = await failing(at(exchange), steps.fill)

        assert why == "nothing is on offer"


class TestAbsence:
    """An order that was there before stands in for one that never was."""

    SHOWN: ClassVar = {
        "symbol": "BTCUSDT",
        "orderId": 7,
        "status": "NEW",
        "side": "BUY",
        "price": "1.00",
        "origQty": "1.0",
        "executedQty": "0.0",
        "time": 1_790_000_000_000,
    }

    async def test_an_id_that_never_was_and_is_shown(self) -> None:
        def any_order(params: Params, proper: Proper) -> web.Response:
            return as_json(self.SHOWN | {"clientOrderId": params["origClientOrderId"]})

        async with Odd(GET_order=any_order) as exchange:
            why = await failing(at(exchange), steps.absent)

        assert why == "it shows an order of an id that never was"

    async def test_a_look_that_is_answered_about_another_order(self) -> None:
        def any_order(params: Params, proper: Proper) -> web.Response:
            return as_json(self.SHOWN | {"clientOrderId": "another"})

        async with Odd(GET_order=any_order) as exchange:
            why = await failing(at(exchange), steps.absent)

        assert why == "binance answered about another order"


# The end


class TestWhateverHappens:
    async def test_interrupted_while_an_order_is_on_its_way_it_is_canceled(self) -> None:
        async with BinanceServer() as exchange:
            exchange.fail("POST order", Fault(kind="hang", process=True))
            trial = Trial(at(exchange))
            running = asyncio.create_task(trial.run())
            await exchange.hanging.wait()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

        assert len(exchange.account.accepted) == 1
        assert resting(exchange) == []
        assert trial.findings[CLEARED].text == "everything has ended, seen in two looks"
        assert "create" not in trial.findings

    async def test_an_order_that_comes_late_is_waited_for_and_canceled(self) -> None:
        """Nobody knows what became of it, and until the fence it may still be taken."""
        late: list[Params] = []

        def lost(params: Params, proper: Proper) -> web.Response:
            late.append(params)
            return web.Response(status=502, text="<html>bad gateway</html>")

        async with Odd(POST_order=lost) as exchange:
            exchange.twists["GET openOrders"] = arrives_late(exchange, late)
            why = await failing(at(exchange), steps.create)

        assert why == "binance answered with HTTP status 502"
        assert [order.status for order in exchange.account.accepted] == ["CANCELED"]

    async def test_interrupted_before_an_order_is_taken_it_is_waited_for_too(self) -> None:
        async with Odd() as exchange:
            exchange.fail("POST order", Fault(kind="hang"))
            trial = Trial(at(exchange))
            running = asyncio.create_task(trial.run())
            await exchange.hanging.wait()
            late = [exchange.asked("POST order")[0].params]
            exchange.twists["GET openOrders"] = arrives_late(exchange, late)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

        assert [order.status for order in exchange.account.accepted] == ["CANCELED"]

    async def test_an_order_whose_answer_was_lost_is_waited_for_as_long_as_it_may_take_to_show(
        self,
    ) -> None:
        """Until the fence and the grace of the venue are over, the desk would not call it absent either."""

        def lost(params: Params, proper: Proper) -> web.Response:
            exchange.blind.update({"id", "openOrders", "allOrders"})
            asyncio.get_running_loop().call_later(18, exchange.blind.clear)
            proper(params)
            return web.Response(status=502, text="<html>bad gateway</html>")

        async with Odd(POST_order=lost) as exchange:
            await failing(at(exchange), steps.create)

        assert [order.status for order in exchange.account.accepted] == ["CANCELED"]

    async def test_one_look_is_not_enough(self) -> None:
        looks: list[Params] = []

        def shows_later(params: Params, proper: Proper) -> web.Response:
            looks.append(params)
            return as_json([]) if len(looks) == 1 else proper(params)

        async with Odd(GET_openOrders=shows_later) as exchange:
            venue = at(exchange)
            await venue.open()
            left = venue.client_order_id(MARK + bytes(12))
            await venue.send(an_order(venue, client_order_id=left))
            with skipping():
                market = venue.instruments()[binance.BTC]
                placed = Placed(venue, market, running_clock(), secrets.token_bytes)
                assert await placed.clear() == ()
            await venue.close()

        assert resting(exchange) == []
        assert len(looks) == 4, "one that did not show it, one that did, and two without it"

    async def test_what_a_run_before_it_left_is_canceled_and_what_is_not_ours_is_not(self) -> None:
        async with BinanceServer() as exchange:
            before = at(exchange)
            await before.open()
            killed = an_order(before, client_order_id=before.client_order_id(MARK + bytes(12)))
            by_hand = an_order(before, client_order_id="web-1", price=Decimal(45_000))
            for order in (killed, by_hand):
                await before.send(order)
            await before.close()
            trial = await tried_at(exchange)

        assert trial.failed == {}
        assert [order.client_id for order in resting(exchange)] == ["web-1"]

    async def test_an_exchange_that_falls_silent_leaves_ids_to_cancel_by_hand(self) -> None:
        def silent(params: Params, proper: Proper) -> web.Response:
            exchange.unreachable = True
            return proper(params)

        async with Odd() as exchange:
            exchange.twists["GET openOrders"] = silent
            trial = await tried_at(exchange)

        (left,) = resting(exchange)
        assert trial.findings["create"].outcome is Outcome.HELD
        assert f"{left.client_id} ({left.id})" in trial.failed[CLEARED]

    async def test_our_orders_are_none_that_a_desk_would_take_for_another_countersigns(
        self,
    ) -> None:
        async with BinanceServer() as exchange:
            await tried_at(exchange)

        assert not any(of_our_make(order.client_id) for order in exchange.account.accepted)


def arrives_late(exchange: BinanceServer, late: list[Params]) -> Twist:
    """The open orders, as one that was sent long before is taken seven seconds after the first look."""
    loop, first = asyncio.get_running_loop(), list[float]()

    def look(params: Params, proper: Proper) -> web.Response:
        first.append(loop.time())
        if late and loop.time() - first[0] > 7:
            exchange.account.place(late.pop())
        return proper(params)

    return look


# What is sent, and what is booked, without an exchange


def a_market(**changes: Any) -> Instrument:
    given = {
        "symbol": "BTC/USDT",
        "base": "BTC",
        "quote": "USDT",
        "active": True,
        "amount_step": Decimal("0.001"),
        "price_step": Decimal("0.1"),
        "min_amount": Decimal("0.002"),
        "min_notional": Decimal(10),
    }
    return Instrument(**(given | changes))


class TestThePlan:
    def test_the_usual_market_is_the_first_that_trades(self) -> None:
        usdt, usd = a_market(active=False), a_market(symbol="BTC/USD", quote="USD")
        assert market_of({"BTC/USDT": usdt, "BTC/USD": usd}, MarketKind.SPOT, None) is usd

    @pytest.mark.parametrize(
        ("market", "said"),
        [
            (a_market(active=False), "no market BTC/USDT or BTC/USDC trades there; name another"),
            (
                a_market(min_amount=None, min_notional=None),
                "BTC/USDT does not tell its smallest order",
            ),
        ],
    )
    def test_there_may_be_none(self, market: Instrument, said: str) -> None:
        with pytest.raises(DoesNotHold, match=said):
            market_of({"BTC/USDT": market}, MarketKind.SPOT, None)

    @pytest.mark.parametrize(
        ("price", "amount"),
        [("1000", "0.011"), ("60000", "0.002"), ("10990", "0.002")],
        ids=["by notional, rounded up with room", "by amount", "just enough"],
    )
    def test_an_order_is_the_smallest_that_is_taken(self, price: str, amount: str) -> None:
        assert smallest(a_market(), Decimal(price)) == Decimal(amount)

    @pytest.mark.parametrize(
        ("offered", "amount"),
        [("0.0015", "0.003"), ("0.002", "0.004"), ("0.003", "0.002")],
        ids=["less than that", "as much", "more"],
    )
    def test_what_is_to_fill_takes_a_little_more_than_is_on_offer(
        self, offered: str, amount: str
    ) -> None:
        best = Level(price=Decimal(60000), amount=Decimal(offered))
        assert to_fill(a_market(), best) == Decimal(amount)

    def test_the_account_must_pay_for_all_of_it_at_once(self) -> None:
        plan = Plan(market=a_market(), bid=Decimal(1000), ask=Decimal(1001))
        assert plan.far == 800
        assert plan.each == Decimal("0.014") * 800
        assert plan.needed == 11 * plan.each


def a_trade(**changes: Any) -> Trade:
    given = {
        "trade_id": "1",
        "venue_order_id": "7",
        "symbol": "BTC/USDT",
        "side": Side.BUY,
        "amount": Decimal("0.1"),
        "price": Decimal(100),
        "fee": Decimal("0.0001"),
        "fee_currency": "BTC",
        "at": datetime(2026, 11, 22, tzinfo=UTC),
    }
    return Trade(**(given | changes))


class TestBooking:
    ORDER = NewOrder(
        client_order_id="c",
        symbol="BTC/USDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        amount=Decimal("0.3"),
        price=Decimal(101),
        time_in_force=TimeInForce.IOC,
    )
    ENDED = Report(
        venue_order_id="7",
        client_order_id="c",
        symbol="BTC/USDT",
        side=Side.BUY,
        state=OrderState.EXPIRED,
        amount=Decimal("0.3"),
        filled=Decimal("0.2"),
        average=Decimal("100.5"),
    )
    WHOLE = (a_trade(), a_trade(trade_id="2", price=Decimal(101), fee_currency="BNB"))

    def test_trades_that_make_up_the_order_are_booked(self) -> None:
        fills.demand_booked(self.ORDER, self.ENDED, self.WHOLE, Decimal("0.1"))
        assert fills.amount(self.WHOLE) == self.ENDED.filled
        assert fills.base_after(Decimal(1), self.WHOLE, "BTC") == Decimal("1.1999")
        assert fills.told(self.WHOLE, self.ORDER.amount) == (
            "0.2 bought in part, of 0.3; 2 trades add up, fee 0.0001 BTC, fee 0.0001 BNB"
        )

    def test_a_sale_is_worse_below_its_limit_and_takes_away(self) -> None:
        order = self.ORDER.evolve(side=Side.SELL, price=Decimal(100))
        whole = [one.evolve(side=Side.SELL) for one in self.WHOLE]
        fills.demand_booked(order, self.ENDED, whole, Decimal("0.1"))
        assert fills.base_after(Decimal(1), whole, "BTC") == Decimal("0.7999")
        assert fills.told(whole, order.amount).startswith("0.2 sold in part, of 0.3; ")
        with pytest.raises(DoesNotHold, match="a trade is worse than the limit"):
            fills.demand_booked(
                order.evolve(price=Decimal("100.1")), self.ENDED, whole, Decimal("0.1")
            )

    def test_an_order_without_an_average_is_no_worse(self) -> None:
        untold = self.ENDED.evolve(average=None)
        fills.demand_booked(self.ORDER, untold, self.WHOLE, Decimal("0.1"))

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"trade_id": "2"}, "two trades have one id"),
            ({"venue_order_id": "8"}, "a trade of another order is among them"),
            ({"side": Side.SELL}, "a trade is of the other side"),
            ({"price": Decimal("101.1")}, "a trade is worse than the limit"),
            ({"fee_currency": None}, "a trade tells no fee"),
            ({"price": Decimal(99)}, "the order's average is 100.5, that of its trades 100"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_trade_that_does_not_fit(self, change: dict[str, Any], said: str) -> None:
        wrong = (a_trade(**change), self.WHOLE[1])
        with pytest.raises(DoesNotHold, match=said):
            fills.demand_booked(self.ORDER, self.ENDED, wrong, Decimal("0.1"))
