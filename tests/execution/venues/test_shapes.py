"""What leaves for the exchanges that are known and not certified, byte for byte, and what answers mean.

The real ccxt, through our own venue, at a server that answers as each exchange's documentation shows it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.errors import (
    KeyRefused,
    NotSent,
    OrderUnknown,
    OutcomeUnknown,
    VenueError,
    VenueRefused,
    VenueUnavailable,
)
from execution.kinds import TRIGGERED
from execution.symbols import assets
from execution.types import Mode, OrderState, OrderType, Quote, Side, TimeInForce
from execution.venues.connections import has_sandbox
from execution.venues.exchange import ExchangeVenue
from tests.doubles.loopback import Fault
from tests.execution.venues.exchange.setup import HTML
from tests.execution.venues.shapes.binance_usdm import BINANCE_USDM
from tests.execution.venues.shapes.bitget import BITGET
from tests.execution.venues.shapes.bybit import BYBIT
from tests.execution.venues.shapes.gate import GATE
from tests.execution.venues.shapes.hyperliquid import HYPERLIQUID
from tests.execution.venues.shapes.kraken_futures import KRAKEN_FUTURES
from tests.execution.venues.shapes.kucoin import KUCOIN
from tests.execution.venues.shapes.okx import OKX
from tests.execution.venues.shapes.place import AT, UNIQUE, Answer, Asked, Exchange, Place

KNOWN = (BINANCE_USDM, BITGET, BYBIT, GATE, HYPERLIQUID, KRAKEN_FUTURES, KUCOIN, OKX)
ORDERS = {
    "GTC": {"time_in_force": TimeInForce.GTC},
    "IOC": {"time_in_force": TimeInForce.IOC},
    "FOK": {"time_in_force": TimeInForce.FOK},
    "GTD": {"time_in_force": TimeInForce.GTD, "good_till": AT + timedelta(days=1)},
    "post-only": {"post_only": True},
}
MEANS: dict[str, type[VenueError]] = {
    "duplicate": OutcomeUnknown,
    "refused": VenueRefused,
    "in doubt": OutcomeUnknown,
    "late": NotSent,
    "too many": NotSent,
}


def of(exchanges: Sequence[Exchange]) -> pytest.MarkDecorator:
    """For these alone."""
    return pytest.mark.parametrize("exchange", exchanges, ids=[one.name for one in exchanges])


def of_each(kind: str) -> pytest.MarkDecorator:
    """For each that is written down of each exchange."""
    pairs = [(one, what) for one in KNOWN for what in getattr(one, kind)]
    names = [f"{one.name} {what}" for one, what in pairs]
    return pytest.mark.parametrize(("exchange", "what"), pairs, ids=names)


@pytest.fixture(params=KNOWN, ids=lambda one: one.name)
def exchange(request: pytest.FixtureRequest) -> Exchange:
    found: Exchange = request.param
    return found


@pytest.fixture
async def place(exchange: Exchange) -> AsyncIterator[Place]:
    async with Place(exchange) as server:
        yield server


@pytest.fixture
async def venue(place: Place) -> AsyncIterator[ExchangeVenue]:
    opened = place.venue()
    await opened.open()
    place.came.clear()
    yield opened
    await opened.close()


def _unordered(asked: list[Asked]) -> list[str]:
    return sorted(map(repr, asked))


REGIONAL = [
    replace(one, name=name)
    for one, names in (
        (BYBIT, ("bybiteu", "bybitid")),
        (GATE, ("gateeu",)),
        (OKX, ("myokx", "okxus")),
    )
    for name in names
]


@of(REGIONAL)
async def test_the_same_exchange_by_a_regional_address_is_sent_the_same(
    venue: ExchangeVenue, place: Place, exchange: Exchange
) -> None:
    await venue.send(exchange.order())
    await venue.find(exchange.key())
    await venue.cancel(exchange.key())
    assert place.taken() == [exchange.sent["GTC"], exchange.found, exchange.canceled]


class TestOpening:
    async def test_nothing_is_asked_but_the_time_the_markets_and_the_balances(
        self, place: Place, exchange: Exchange
    ) -> None:
        venue = place.venue()
        await venue.open()
        assert _unordered(place.taken()) == _unordered(list(exchange.opening))
        assert exchange.symbol in venue.instruments()
        await venue.close()

    @of([one for one in KNOWN if one.key_refused])
    async def test_a_key_that_is_refused_is_told_in_words_and_without_it(
        self, place: Place, exchange: Exchange
    ) -> None:
        assert exchange.key_refused is not None
        place.instead[str(exchange.opening[-1])] = exchange.key_refused
        venue = place.venue()
        with pytest.raises(KeyRefused, match=": the key ") as problem:
            await venue.open()
        assert not [one for one in exchange.credentials.values() if one in str(problem.value)]
        await venue.close()


class TestSending:
    @of_each("sent")
    async def test_an_order_leaves_as_it_is_written_down(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange, what: str
    ) -> None:
        order = exchange.order(**ORDERS[what])
        report = await venue.send(order)
        (came,) = place.came
        assert exchange.is_signed(came)
        assert place.taken() == [exchange.sent[what]]
        assert (report.venue_order_id, report.client_order_id, report.state) == (
            exchange.venue_order_id,
            order.client_order_id,
            OrderState.WORKING,
        )
        assert (report.amount, report.filled) == (order.amount, Decimal(0))

    async def test_what_is_written_down_is_what_a_market_says_it_takes(
        self, venue: ExchangeVenue, exchange: Exchange
    ) -> None:
        offers = venue.instruments()[exchange.symbol].offers
        times = {time.value for time in offers.times}
        assert {*times, *(["post-only"] if offers.post_only else [])} == set(exchange.sent)
        assert offers.types - TRIGGERED == {OrderType.LIMIT, OrderType.MARKET}
        assert bool(offers.types & TRIGGERED) == exchange.triggered

    async def test_what_it_does_not_take_is_refused_and_not_sent(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        stop = exchange.order(type=OrderType.STOP_LIMIT, stop_price=exchange.price)
        others = [exchange.order(**ORDERS[one]) for one in ORDERS if one not in exchange.sent]
        for order in (*([] if exchange.triggered else [stop]), *others):
            with pytest.raises(VenueRefused, match="nothing was sent"):
                await venue.send(order)
        assert place.taken() == []

    async def test_a_price_off_the_steps_is_refused_and_not_sent(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        order = exchange.order(price=exchange.price + Decimal("0.0000123"))
        with pytest.raises(VenueRefused, match="nothing was sent"):
            await venue.send(order)
        assert place.taken() == []

    async def test_numbers_leave_exactly_and_as_text(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        amount, price = exchange.fine
        await venue.send(exchange.order(amount=Decimal(amount), price=Decimal(price)))
        (asked,) = place.taken()
        assert {amount, price} <= {one for one in _leaves(asked).values() if isinstance(one, str)}

    async def test_a_sell_says_so(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        await venue.send(exchange.order())
        await venue.send(exchange.order(side=Side.SELL))
        buy, sell = map(_leaves, place.taken())
        told = {name: (buy[name], sell[name]) for name in buy if buy[name] != sell[name]}
        assert list(told.values()) in (
            [("buy", "sell")],
            [("Buy", "Sell")],
            [("BUY", "SELL")],
            [(True, False)],  # Hyperliquid's `b`
        )

    def test_a_client_id_is_made_of_sixteen_bytes_without_loss(self, exchange: Exchange) -> None:
        venue = Place(exchange).venue()
        assert venue.client_order_id(UNIQUE) == exchange.client_order_id
        made = {venue.client_order_id(bytes(15) + bytes([last])) for last in range(256)}
        assert len(made) == 256

    async def test_neither_key_nor_secret_leaves_or_is_logged(
        self,
        venue: ExchangeVenue,
        place: Place,
        exchange: Exchange,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        await venue.send(exchange.order())
        (came,) = place.came
        secret = exchange.credentials["secret"]
        for said in (came.target, came.raw, *came.headers.values(), caplog.text):
            assert secret not in said
            assert secret.removeprefix("0x") not in said
        assert exchange.credentials["api_key"] not in came.target + came.raw + caplog.text

    async def test_the_first_order_is_one_request(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        """ccxt would look up the kind of account first, and a failure of that would be the order's."""
        await venue.send(exchange.order())
        assert len(place.taken()) == 1


class TestAnswersToAnOrder:
    @of_each("refusals")
    async def test_a_refusal_means_what_the_exchange_says(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange, what: str
    ) -> None:
        place.instead[str(exchange.sent["GTC"])] = exchange.refusals[what]
        with pytest.raises(MEANS[what]) as problem:
            await venue.send(exchange.order())
        assert "{" not in str(problem.value), "in the exchange's own words"
        assert len(place.taken()) == 1

    @pytest.mark.parametrize(
        "fault",
        [
            HTML,
            Fault(kind="answer", body="{}"),
            Fault(kind="answer", status=502, body="<html>bad gateway</html>"),
            Fault(kind="drop", process=True),
            Fault(kind="truncate", process=True),
        ],
        ids=["a page", "nothing", "502", "dropped", "cut off"],
    )
    async def test_an_answer_that_says_nothing_leaves_the_order_in_doubt(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange, fault: Fault
    ) -> None:
        place.fail(str(exchange.sent["GTC"]), fault)
        with pytest.raises(OutcomeUnknown):
            await venue.send(exchange.order())
        assert len(place.requests) == len(exchange.opening) + 1

    async def test_the_answer_to_another_order_is_no_answer(
        self, venue: ExchangeVenue, exchange: Exchange
    ) -> None:
        other = exchange.order(client_order_id=venue.client_order_id(bytes(16)))
        with pytest.raises(OutcomeUnknown, match="another order"):
            await venue.send(other)


class TestLookingUp:
    async def test_an_order_is_found_by_our_id(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        found = await venue.find(exchange.key())
        (came,) = place.came
        assert exchange.is_signed(came)
        assert place.taken() == [exchange.found]
        _is_the_shown_one(found, exchange)

    async def test_an_order_is_found_by_the_exchanges_id(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        found = await venue.find(exchange.key(venue_order_id=exchange.venue_order_id))
        (asked,) = place.taken()
        assert exchange.venue_order_id in repr(asked)
        assert exchange.client_order_id not in repr(asked)
        _is_the_shown_one(found, exchange)

    async def test_an_order_that_is_not_found_is_looked_for_in_every_list(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        place.instead.update(exchange.nothing)
        assert await venue.find(exchange.key()) is None
        assert place.taken() == [exchange.found, *exchange.searched]

    @of([one for one in KNOWN if one is not BYBIT])  # there the same list answers both
    async def test_what_only_the_list_of_open_orders_knows_is_found(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        listed = dict(exchange.nothing)
        listed.pop(_name(exchange.searched[0]))
        place.instead.update(listed)
        _is_the_shown_one(await venue.find(exchange.key()), exchange)

    async def test_a_list_that_cannot_be_read_is_not_an_empty_one(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        place.instead.update(exchange.nothing)
        place.instead[_name(exchange.searched[-1])] = Answer(body={"nobody": "knows"}, status=500)
        with pytest.raises(VenueUnavailable):
            await venue.find(exchange.key())

    async def test_all_open_orders_are_told(self, venue: ExchangeVenue, exchange: Exchange) -> None:
        (found,) = await venue.open_orders([exchange.symbol])
        _is_the_shown_one(found, exchange)

    async def test_the_trades_of_an_order_are_told_with_their_fee(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        key = exchange.key(venue_order_id=exchange.venue_order_id)
        (trade,) = await venue.trades(key)
        assert place.taken()[0] == exchange.of_theirs
        found = await venue.find(key)
        assert found is not None
        assert (trade.amount, trade.at, trade.side) == (found.filled, AT, Side.BUY)
        assert trade.fee > 0
        assert trade.fee_currency in exchange.symbol


class TestCanceling:
    async def test_an_order_is_canceled_by_our_id(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        await venue.cancel(exchange.key())
        (came,) = place.came
        assert exchange.is_signed(came)
        assert place.taken() == [exchange.canceled]

    async def test_an_order_is_canceled_by_the_exchanges_id(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        await venue.cancel(exchange.key(venue_order_id=exchange.venue_order_id))
        assert place.taken() == [exchange.canceled_by_theirs]

    async def test_an_order_that_is_over_is_not_known(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        place.instead[str(exchange.canceled)] = exchange.gone
        with pytest.raises(OrderUnknown):
            await venue.cancel(exchange.key())


class TestReading:
    async def test_what_orders_hold_is_told_apart(
        self, venue: ExchangeVenue, exchange: Exchange
    ) -> None:
        base, quote = assets(exchange.symbol)
        held = exchange.balances
        assert await venue.balances() == {quote: held["quote"], base: held["base"]}

    async def test_the_best_bid_and_ask_of_one_market_are_one_request_about_it(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        quote = await venue.quote(exchange.symbol)
        assert isinstance(quote, Quote)
        assert quote.bid < quote.ask
        (asked,) = place.taken()
        assert [value for value in _leaves(asked).values() if _base(exchange) in str(value)]

    async def test_a_book_and_bars_are_one_request_each(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        (best,) = await venue.book(exchange.symbol, Side.BUY)
        assert best.price == (await venue.quote(exchange.symbol)).ask
        place.taken()
        before, last = await venue.candles(exchange.symbol, "1h", 2)
        assert len(place.taken()) == 1
        assert (before.at, last.at) == (AT - timedelta(hours=1), AT)
        told = (last.open, last.high, last.low, last.close, last.volume)
        assert told == tuple(map(Decimal, ("49900", "50100", "49800", "50000", "12.5")))


class TestWhatCcxtMisreads:
    @of([GATE])
    @pytest.mark.parametrize("reason", ["poc", "fok", "stp", "depth_not_enough", "small"])
    async def test_an_order_that_gate_canceled_by_itself(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange, reason: str
    ) -> None:
        """ccxt takes the reason for the state, and a list with such an order could not be read."""
        name = str(exchange.found)
        shown = exchange.answers[name] | {"status": "cancelled", "finish_as": reason}
        place.instead[name] = Answer(body=shown)
        found = await venue.find(exchange.key())
        assert found is not None
        assert (found.state, found.filled) == (OrderState.CANCELED, Decimal("0.0023"))

    @of([HYPERLIQUID])
    async def test_an_order_that_hyperliquids_dead_mans_switch_canceled(
        self, venue: ExchangeVenue, place: Place, exchange: Exchange
    ) -> None:
        told = exchange.answers["orderStatus"]
        canceled = {**told["order"], "status": "scheduledCancel"}
        place.instead["orderStatus"] = Answer(body={**told, "order": canceled})
        found = await venue.find(exchange.key())
        assert found is not None
        assert found.state is OrderState.CANCELED

    @of([HYPERLIQUID])
    async def test_another_address_is_asked_about_from_the_next_request_on(
        self, venue: ExchangeVenue, place: Place
    ) -> None:
        other = f"0x{'33' * 20}"
        venue.use(api_key=other, secret=f"0x{'44' * 32}", password="")
        await venue.balances()
        (asked,) = place.taken()
        assert asked.body["user"] == other


class TestOnPaper:
    async def test_prices_need_no_key(self, place: Place, exchange: Exchange) -> None:
        venue = place.venue(Mode.PAPER)
        await venue.open()
        assert exchange.symbol in venue.instruments()
        assert (await venue.quote(exchange.symbol)).bid
        assert await venue.book(exchange.symbol, Side.SELL)
        assert await venue.candles(exchange.symbol, "1h", 2)
        signs = {"sign", "signature", "key", "passphrase"}
        assert not [
            name
            for came in place.came
            for name in came.headers
            if set(name.lower().split("-")) & signs
        ]
        assert not [name for one in place.taken() for name in _leaves(one) if "user" in name]
        await venue.close()


class TestTheSandbox:
    @of([one for one in KNOWN if one.sandbox])
    async def test_an_order_there_says_that_it_is_not_meant_in_earnest(
        self, place: Place, exchange: Exchange
    ) -> None:
        for mode in (Mode.SANDBOX, Mode.LIVE):
            venue = place.venue(mode)
            await venue.open()
            place.came.clear()
            await venue.send(exchange.order())
            headers = place.came[0].headers
            found = {name: headers[name] for name in exchange.sandbox if name in headers}
            assert found == (exchange.sandbox if mode is Mode.SANDBOX else {})
            await venue.close()

    def test_kucoin_and_krakens_contracts_have_none(self) -> None:
        without = [one.name for one in KNOWN if not has_sandbox(one.name, one.kind)]
        assert sorted(without) == ["kraken", "kucoin"]


def _leaves(asked: Asked) -> dict[str, Any]:
    """Every value of a request, by where it stands."""
    found: dict[str, Any] = {}

    def walk(where: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, one in value.items():
                walk(f"{where}.{name}", one)
        elif isinstance(value, list):
            for place, one in enumerate(value):
                walk(f"{where}.{place}", one)
        else:
            found[where] = value

    walk("path", asked.path)
    walk("query", dict(asked.query))
    walk("body", asked.body)
    return found


def _name(asked: Asked) -> str:
    """By what an answer to it is looked up."""
    return asked.body["type"] if asked.body and "type" in asked.body else str(asked)


def _base(exchange: Exchange) -> str:
    """What its markets are named by."""
    return "@107" if exchange is HYPERLIQUID else exchange.symbol.split("/")[0]


def _is_the_shown_one(found: Any, exchange: Exchange) -> None:
    assert (found.venue_order_id, found.client_order_id) == (
        exchange.venue_order_id,
        exchange.client_order_id,
    )
    assert (found.symbol, found.side, found.state) == (
        exchange.symbol,
        Side.BUY,
        OrderState.WORKING,
    )
    assert (found.amount, found.price) == (exchange.amount, exchange.price)
    assert Decimal(0) < found.filled < found.amount
    assert found.at == AT
