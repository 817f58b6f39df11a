"""What leaves for Kraken Futures and what its answers mean: to an order, a cancel, a look."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.errors import (
    KeyRefused,
    NotSent,
    OrderUnknown,
    OutcomeUnknown,
    VenueError,
    VenueMisconfigured,
    VenueRefused,
    VenueUnavailable,
)
from execution.types import Mode, OrderState, OrderType, Side, TimeInForce
from execution.venues.exchange import ExchangeVenue
from execution.venues.quirks import quirks_of
from execution.venues.rights import KeyRights
from tests.doubles.kraken_futures.server import KrakenFuturesServer, refusal, rejection
from tests.doubles.loopback import Fault
from tests.execution.venues.exchange.setup import Clock
from tests.execution.venues.kraken_futures.setup import AMOUNT, an_order, key_of, venue_at

SEND, CANCEL, STATUS = "POST sendorder", "POST cancelorder", "POST orders/status"
NEAR = {"price": Decimal(60000), "time_in_force": TimeInForce.IOC}


def sent(exchange: KrakenFuturesServer) -> Mapping[str, str]:
    """What the last order was sent with."""
    return exchange.asked(SEND)[-1].params


def answered(status: int = 200, **told: Any) -> Fault:
    return Fault(kind="answer", status=status, body=json.dumps(told))


class TestAnOrder:
    @pytest.mark.parametrize(
        ("changes", "kind"),
        [
            ({}, "lmt"),
            ({"time_in_force": TimeInForce.IOC}, "ioc"),
            ({"time_in_force": TimeInForce.FOK}, "fok"),
            ({"post_only": True}, "post"),
        ],
        ids=["GTC", "IOC", "FOK", "post-only"],
    )
    async def test_its_time_in_force_is_its_kind(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, changes: Any, kind: str
    ) -> None:
        """ccxt would let one rest that may not."""
        order = an_order(venue, price=Decimal(59990), **changes)
        if kind in ("ioc", "fok"):
            order = order.evolve(price=Decimal(60000))
        await venue.send(order)
        told = dict(sent(exchange))
        assert told.pop("processBefore")
        assert told == {
            "symbol": "PF_XBTUSD",
            "side": "buy",
            "size": "0.01",
            "limitPrice": str(order.price),
            "orderType": kind,
            "cliOrdId": order.client_order_id,
        }

    async def test_small_numbers_leave_in_full(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        tiny = {"amount": Decimal(3000), "price": Decimal("0.0000100001")}
        await venue.send(an_order(venue, symbol="PEPE/USD:USD", **tiny))
        assert (sent(exchange)["size"], sent(exchange)["limitPrice"]) == ("3000", "0.0000100001")

    async def test_it_tells_until_when_it_may_be_taken_by_the_exchanges_clock(
        self, exchange: KrakenFuturesServer, clock: Clock
    ) -> None:
        clock.ahead = timedelta(hours=-1)
        venue = venue_at(exchange, clock=clock)
        await venue.open()
        await venue.send(an_order(venue))
        told = datetime.fromisoformat(sent(exchange)["processBefore"])
        assert abs(told - datetime.now(UTC) - timedelta(seconds=5)) < timedelta(seconds=1)
        assert venue.fence == timedelta(seconds=10)
        await venue.close()

    async def test_one_that_comes_too_late_was_not_taken(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        exchange.clock_offset = 3_600_000
        with pytest.raises(NotSent, match="wouldProcessAfterSpecifiedTime"):
            await venue.send(an_order(venue))
        assert exchange.account.accepted == []
        await venue.balances()  # a read sets the clock
        await venue.send(an_order(venue))

    async def test_what_is_filled_over_several_prices_is_told_with_their_average(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        book = exchange.account.books["PF_XBTUSD"]
        book.asks = [(Decimal(60000), Decimal("0.004")), (Decimal(60007), Decimal(1))]
        order = an_order(venue, price=Decimal(61000), time_in_force=TimeInForce.IOC)
        await venue.send(order)
        found = await venue.find(key_of(order))
        assert found is not None
        trades = await venue.trades(key_of(order, venue_order_id=found.venue_order_id))
        told = [(one.amount, one.price) for one in trades]
        assert told == [(Decimal("0.004"), 60000), (Decimal("0.006"), 60007)]
        assert (found.filled, found.average) == (AMOUNT, Decimal("60004.2"))
        assert [one.fee for one in trades] == [
            one["fee"] for one in exchange.account.trades[-len(trades) :]
        ]
        assert {one.fee_currency for one in trades} == {"USD"}


STATUSES = {
    "invalidSize": VenueRefused,
    "insufficientAvailableFunds": VenueRefused,
    "outsidePriceCollar": VenueRefused,
    "postWouldExecute": VenueRefused,
    "iocWouldNotExecute": VenueRefused,
    "marketSuspended": VenueRefused,
    "wouldCauseLiquidation": VenueRefused,
    "wouldNotReducePosition": VenueRefused,
    "fixedLeverageTooHigh": VenueRefused,
    "clientOrderIdInvalid": VenueRefused,
    "clientOrderIdAlreadyExist": OutcomeUnknown,
    "wouldProcessAfterSpecifiedTime": NotSent,
    "notFound": OutcomeUnknown,
    "cancelled": OutcomeUnknown,
    "aNewWord": OutcomeUnknown,
}
ERRORS: dict[str, tuple[Fault, type[VenueError]]] = {
    "too many": (refusal("apiLimitExceeded"), NotSent),
    "key": (refusal("authenticationError"), VenueRefused),
    "argument": (refusal("invalidArgument: size"), VenueRefused),
    "market": (refusal("marketUnavailable"), VenueRefused),
    "server": (refusal("Server Error"), OutcomeUnknown),
    "unavailable": (refusal("Unavailable"), OutcomeUnknown),
    "unknown": (refusal("unknownError"), OutcomeUnknown),
    "kind": (
        answered(400, result="error", errors=[{"code": 11, "message": "invalid order type"}]),
        VenueRefused,
    ),
    "margin": (
        answered(500, result="error", errors=[{"code": 92, "message": "INSUFFICIENT_MARGIN"}]),
        OutcomeUnknown,
    ),
    "nothing": (answered(result="success", sendStatus={}), OutcomeUnknown),
    "another": (
        answered(
            result="success",
            sendStatus={
                "status": "placed",
                "order_id": "0000",
                "cliOrdId": "another",
                "receivedTime": "2026-11-22T09:30:00.000Z",
            },
        ),
        OutcomeUnknown,
    ),
}


class TestAnswersToAnOrder:
    @pytest.mark.parametrize("status", STATUSES)
    async def test_an_order_that_was_not_placed_is_refused_in_words(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, status: str
    ) -> None:
        """All of it is answered with success."""
        exchange.fail(SEND, rejection(status))
        with pytest.raises(STATUSES[status]) as problem:
            await venue.send(an_order(venue))
        meaning = quirks_of("krakenfutures").meanings.get(status)
        assert meaning is None or meaning in str(problem.value)
        assert "{" not in str(problem.value)

    @pytest.mark.parametrize("what", ERRORS)
    async def test_an_error_is_no_definite_no_unless_it_says_so(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, what: str
    ) -> None:
        fault, kind = ERRORS[what]
        exchange.fail(SEND, fault)
        with pytest.raises(kind) as problem:
            await venue.send(an_order(venue))
        assert type(problem.value) is kind
        assert "{" not in str(problem.value)

    @pytest.mark.parametrize("event", ["EXECUTION", "PLACE"])
    @pytest.mark.parametrize("status", ["selfFill", "tooManySmallOrders"])
    async def test_a_refusal_of_one_that_was_taken_in_part_is_no_definite_no(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, status: str, event: str
    ) -> None:
        """As against trading with oneself: what others offer is bought, and the rest refused."""
        told = {"status": status, "orderEvents": [{"type": event}]}
        exchange.fail(SEND, answered(result="success", sendStatus=told))
        with pytest.raises(OutcomeUnknown, match=f"took a part of it, and says {status}"):
            await venue.send(an_order(venue, **NEAR))

    def test_every_refusal_is_told_in_a_traders_words(self) -> None:
        quirks = quirks_of("krakenfutures")
        plain = {"invalidOrderType", "invalidPrice", "invalidSide", "invalidSize"}
        plain |= {"clientOrderIdTooBig", "clientOrderIdTooLong", "requiredArgumentMissing"}
        assert quirks.definite_codes - plain - {"marketUnavailable"} <= quirks.meanings.keys()


class TestACancel:
    async def test_it_names_the_order_once(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        orders = [an_order(venue, number) for number in (1, 2)]
        reports = [await venue.send(order) for order in orders]
        await venue.cancel(key_of(orders[0]))
        await venue.cancel(key_of(orders[1], venue_order_id=reports[1].venue_order_id))
        assert [one.params for one in exchange.asked(CANCEL)] == [
            {"cliOrdId": orders[0].client_order_id},
            {"order_id": reports[1].venue_order_id},
        ]

    @pytest.mark.parametrize("status", ["filled", "notFound"])
    async def test_what_is_not_open_is_unknown(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, status: str
    ) -> None:
        exchange.fail(CANCEL, answered(result="success", cancelStatus={"status": status}))
        with pytest.raises(OrderUnknown):
            await venue.cancel(key_of(an_order(venue)))

    async def test_another_answer_is_none(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        exchange.fail(CANCEL, answered(result="success", cancelStatus={"status": "aNewWord"}))
        with pytest.raises(VenueUnavailable, match="aNewWord"):
            await venue.cancel(key_of(an_order(venue)))


class TestALook:
    async def test_an_order_that_rests_costs_no_history(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        """Of that little may be asked."""
        order = an_order(venue)
        report = await venue.send(order)
        for _ in range(5):
            await venue.find(key_of(order, venue_order_id=report.venue_order_id))
            await venue.open_orders([])
        assert not [one for one in exchange.requests if "history" in one.path]

    @pytest.mark.parametrize("vague", [True, False])
    async def test_one_that_ended_a_while_ago_is_found_in_history(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, clock: Clock, vague: bool
    ) -> None:
        """`orders/status` knows it for five seconds, and may then tell a row that says nothing."""
        exchange.endpoints.vague = vague
        kept, filled, canceled = (an_order(venue, number) for number in (1, 2, 3))
        for order in (kept, filled, canceled):
            await venue.send(order)
        exchange.account.fill(filled.client_order_id, str(AMOUNT))
        exchange.account.fill(canceled.client_order_id, "0.004")
        await venue.cancel(key_of(canceled))
        exchange.clock_offset += 6000
        clock.ahead += timedelta(seconds=6)
        states = {}
        for order in (kept, filled, canceled):
            found = await venue.find(key_of(order))
            assert found is not None
            assert found.amount == AMOUNT
            states[order] = found.state, found.filled, found.average
        assert list(states.values()) == [
            (OrderState.WORKING, 0, None),
            (OrderState.FILLED, AMOUNT, 50000),
            (OrderState.CANCELED, Decimal("0.004"), 50000),
        ]
        assert await venue.find(key_of(an_order(venue, 4))) is None

    async def test_one_that_was_refused_as_it_came_is_told_as_refused(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        """Its answer was lost."""
        order = an_order(venue, time_in_force=TimeInForce.IOC)
        exchange.fail(SEND, Fault(kind="drop", process=True))
        with pytest.raises(OutcomeUnknown):
            await venue.send(order)
        found = await venue.find(key_of(order))
        assert found is not None
        assert (found.state, found.filled) == (OrderState.REJECTED, 0)

    async def test_a_refused_try_of_the_same_id_does_not_hide_the_order(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        order = an_order(venue, **NEAR)
        await venue.send(order)
        (at, symbol, element), *_ = events = exchange.endpoints.history.events["orders"]
        told = element["event"]["OrderPlaced"]
        tried = told | {"order": told["order"] | {"uid": "0000", "quantity": "0.01", "filled": "0"}}
        refused = element | {"event": {"OrderRejected": tried | {"orderError": "marketSuspended"}}}
        exchange.blind.add("orders/status")
        for place in (0, len(events)):
            events.insert(place, (at, symbol, refused))
            found = await venue.find(key_of(order))
            assert found is not None
            assert (found.state, found.filled) == (OrderState.FILLED, AMOUNT)

    async def test_history_is_read_to_its_end_over_all_its_pages(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        exchange.endpoints.history.page = 2
        orders = [an_order(venue, number, **NEAR) for number in range(1, 6)]
        for order in orders:
            await venue.send(order)
        exchange.blind.update({"orders/status", "openorders"})
        for order in orders:
            found = await venue.find(key_of(order))
            assert found is not None
            (trade,) = await venue.trades(key_of(order, venue_order_id=found.venue_order_id))
            assert trade.amount == AMOUNT

    async def test_an_empty_page_that_leads_on_is_not_the_end(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        order = an_order(venue, **NEAR)
        report = await venue.send(order)
        page = answered(elements=[], continuationToken="MA==")
        exchange.fail("GET /api/history/v3/executions", page)
        trades = await venue.trades(key_of(order, venue_order_id=report.venue_order_id))
        assert [one.amount for one in trades] == [AMOUNT]

    @pytest.mark.parametrize(
        "element",
        [
            {"uid": "1", "timestamp": 1, "event": {"ANewKind": {}}},
            {"uid": "1", "timestamp": 1, "event": {}},
        ],
        ids=["unknown", "empty"],
    )
    async def test_an_event_that_nobody_knows_is_not_passed_over(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, element: Any
    ) -> None:
        exchange.fail("GET /api/history/v3/orders", answered(elements=[element]))
        with pytest.raises(VenueUnavailable):
            await venue.find(key_of(an_order(venue)))

    @pytest.mark.parametrize(
        "event", ["OrderNotFound", "OrderEditRejected", "OrderTriggerEditRejected"]
    )
    async def test_an_event_that_changed_no_order_is_none(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, event: str
    ) -> None:
        element = {"uid": "1", "timestamp": 1, "event": {event: {"orderId": "1"}}}
        exchange.fail("GET /api/history/v3/orders", answered(elements=[element]))
        assert await venue.find(key_of(an_order(venue))) is None

    async def test_a_full_page_that_leads_nowhere_is_not_the_whole(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        element = {"uid": "1", "timestamp": 1, "event": {"OrderNotFound": {"orderId": "1"}}}
        exchange.fail("GET /api/history/v3/orders", answered(elements=[element] * 1000))
        with pytest.raises(VenueUnavailable):
            await venue.find(key_of(an_order(venue)))

    async def test_a_trade_without_its_fee_is_not_told(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        order = an_order(venue, **NEAR)
        report = await venue.send(order)
        (_, _, element), *_ = exchange.endpoints.history.events["executions"]
        element["event"]["Execution"]["execution"]["orderData"] = None
        with pytest.raises(VenueUnavailable):
            await venue.trades(key_of(order, venue_order_id=report.venue_order_id))

    async def test_a_state_that_nobody_knows_is_no_open_order(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        exchange.fail(STATUS, answered(orders=[{"order": {}, "status": "ANEWSTATE"}]))
        with pytest.raises(VenueUnavailable):
            await venue.find(key_of(an_order(venue)))

    async def test_what_others_trade_may_be_told_without_its_fee(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        exchange.account.trade_elsewhere("PF_XBTUSD", "SELL", "0.001", "60000")
        (_, _, element), *_ = exchange.endpoints.history.events["executions"]
        element["event"]["Execution"]["execution"]["orderData"] = None
        order = an_order(venue, **NEAR)
        report = await venue.send(order)
        trades = await venue.trades(key_of(order, venue_order_id=report.venue_order_id))
        assert [one.amount for one in trades] == [AMOUNT]

    @pytest.mark.parametrize("by_us", [True, False])
    async def test_an_order_that_cannot_be_read_is_in_the_way_only_if_it_may_be_ours(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, by_us: bool
    ) -> None:
        """A direction may be "Unknown"."""
        exchange.account.trade_elsewhere("PF_XBTUSD", "SELL", "0.001", "60000")
        order = an_order(venue)
        await venue.send(order)
        exchange.blind.update({"orders/status", "openorders", "executions"})
        _, _, element = exchange.endpoints.history.events["orders"][by_us]
        element["event"]["OrderPlaced"]["order"]["direction"] = "Unknown"
        if by_us:
            with pytest.raises(VenueUnavailable):
                await venue.find(key_of(order))
        else:
            found = await venue.find(key_of(order))
            assert found is not None
            assert found.state is OrderState.WORKING

    @pytest.mark.parametrize(
        ("kind", "quantity", "filled", "told"),
        [
            ("ORDER", 0.01, 0, None),
            ("ORDER", 0, 0.01, AMOUNT),
            ("TRIGGER_ORDER", 0, None, None),
            ("TRIGGER_ORDER", 0, 0.01, AMOUNT),
        ],
    )
    async def test_one_that_was_executed_is_told_with_what_was_filled_or_not_at_all(
        self,
        venue: ExchangeVenue,
        exchange: KrakenFuturesServer,
        kind: str,
        quantity: float,
        filled: float | None,
        told: Decimal | None,
    ) -> None:
        """It may be shown as it came, with nothing filled."""
        order = an_order(venue, **NEAR)
        await venue.send(order)
        (row,) = exchange.endpoints.order_status({"cliOrdIds": [order.client_order_id]})["orders"]
        shown = row["order"] | {"type": kind, "quantity": quantity, "filled": filled}
        exchange.fail(STATUS, answered(orders=[row | {"order": shown}]))
        if told is None:
            with pytest.raises(VenueUnavailable):
                await venue.find(key_of(order))
        else:
            found = await venue.find(key_of(order))
            assert found is not None
            assert (found.state, found.filled) == (OrderState.FILLED, told)


class TestStopsThatAreListedWithoutTheirSize:
    """As Kraken lists them."""

    async def test_they_are_asked_for_all_at_once(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        stop = {"side": Side.SELL, "type": OrderType.STOP, "price": None}
        orders = [an_order(venue, n, stop_price=Decimal(59000 - n), **stop) for n in (1, 2, 3)]
        for order in orders:
            await venue.send(order)
        before = len(exchange.asked(STATUS))
        found = await venue.open_orders([])
        assert {one.client_order_id for one in found} == {one.client_order_id for one in orders}
        assert {one.amount for one in found} == {AMOUNT}
        assert len(exchange.asked(STATUS)) == before + 1

    @pytest.mark.parametrize("vague", [True, False])
    async def test_one_of_which_nothing_more_is_told_is_not_left_out(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer, vague: bool
    ) -> None:
        """An order that is open would be missing."""
        stop = {"side": Side.SELL, "type": OrderType.STOP, "price": None}
        await venue.send(an_order(venue, stop_price=Decimal(59000), **stop))
        exchange.endpoints.vague = vague
        exchange.blind.add("orders/status")
        with pytest.raises(VenueUnavailable):
            await venue.open_orders([])


class TestTheKey:
    async def test_one_that_is_refused_is_told_in_words(
        self, exchange: KrakenFuturesServer
    ) -> None:
        venue = venue_at(exchange, api_key="of somebody else")
        with pytest.raises(KeyRefused, match="the key is unknown, was revoked"):
            await venue.open()
        await venue.close()

    async def test_what_it_may_do_is_asked(
        self, venue: ExchangeVenue, exchange: KrakenFuturesServer
    ) -> None:
        assert await venue.rights() == KeyRights(trades=True, withdraws=False, bound=True)
        exchange.endpoints.rights = {"general": "READ_ONLY", "transfer": "FULL_ACCESS"}
        exchange.endpoints.bound_to = []
        assert await venue.rights() == KeyRights(trades=False, withdraws=True, bound=False)

    async def test_there_is_no_sandbox_to_use_it_in(self, exchange: KrakenFuturesServer) -> None:
        """ccxt still has the addresses of the demo environment that Kraken switched off."""
        venue = venue_at(exchange, mode=Mode.SANDBOX)
        with pytest.raises(VenueMisconfigured, match="kraken has no sandbox; use paper or live"):
            await venue.open()


async def test_the_dead_mans_switch_cancels_when_nobody_asks_again(
    venue: ExchangeVenue, exchange: KrakenFuturesServer
) -> None:
    await venue.send(an_order(venue))
    await venue.arm(timedelta(seconds=60))
    assert exchange.asked("POST cancelallordersafter")[-1].params == {"timeout": "60"}
    exchange.clock_offset += 61_000
    assert await venue.open_orders([]) == []
    await venue.disarm()
    assert exchange.account.cancels_at is None
