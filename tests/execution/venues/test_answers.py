"""What ccxt's exceptions and dictionaries mean: every class of its tree has its meaning."""

from __future__ import annotations

import builtins
import importlib
import json
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
from execution.types import OrderState
from execution.venues import answers
from execution.venues.answers import Wire
from execution.venues.markets import instrument
from execution.venues.quirks import Quirks, quirks_of

REFUSED = {
    "AccountNotEnabled",
    "AccountSuspended",
    "ArgumentsRequired",
    "AuthenticationError",
    "BadRequest",
    "BadSymbol",
    "ContractUnavailable",
    "InsufficientFunds",
    "InvalidOrder",
    "ManualInteractionNeeded",
    "MarketClosed",
    "NotSupported",
    "OperationRejected",
    "OrderImmediatelyFillable",
    "OrderNotFillable",
    "PermissionDenied",
    "RestrictedLocation",
}
UNKNOWN = {
    "AddressPending",
    "BadResponse",
    "BaseError",
    "CancelPending",
    "ChecksumError",
    "DDoSProtection",
    "DuplicateOrderId",
    "ExchangeClosedByUser",
    "ExchangeError",
    "ExchangeNotAvailable",
    "InvalidAddress",
    "InvalidNonce",
    "InvalidProxySettings",
    "MarginModeAlreadySet",
    "NetworkError",
    "NoChange",
    "NullResponse",
    "OnMaintenance",
    "OperationFailed",
    "OrderNotCached",
    "OrderNotFound",
    "RateLimitExceeded",
    "RequestTimeout",
    "UnsubscribeError",
}


def classes() -> dict[str, type[Exception]]:
    """ccxt's exceptions by name; imported only when a test runs, since that takes seconds."""
    found = vars(importlib.import_module("ccxt.base.errors")).items()
    return {n: k for n, k in found if isinstance(k, type) and issubclass(k, Exception)}


def a_wire(**changes: Any) -> Wire:
    """One request, answered with a refusal in JSON, unless changed."""
    usual: dict[str, Any] = {
        "exchange": "binance",
        "secrets": ("k3y", "s3cret"),
        "requests": 1,
        "status": 400,
        "body": json.dumps({"code": -7, "msg": "No."}),
    }
    return Wire(**(usual | changes))


def test_an_order_at_kraken_is_unknown_by_the_words_of_this_answer_alone() -> None:
    """ccxt raises `OrderNotFound` by those of the last answer on the connection, whoever asked for it."""
    kraken, raised = quirks_of("kraken"), classes()["OrderNotFound"]("no")
    for error, outcome in (
        ("EOrder:Unknown order", OrderUnknown),
        ("EGeneral:Internal error", VenueUnavailable),
    ):
        wire = a_wire(status=200, body=json.dumps({"error": [error]}))
        assert type(answers.asking_failed(raised, wire, kraken)) is outcome


def test_every_exception_of_this_ccxt_has_been_judged() -> None:
    assert set(classes()) == REFUSED | UNKNOWN


@pytest.mark.parametrize("name", sorted(REFUSED | UNKNOWN))
def test_an_answer_refuses_an_order_only_where_its_class_says_so(name: str) -> None:
    problem = answers.sending_failed(classes()[name]("binance no"), a_wire(), quirks_of("binance"))
    assert type(problem) is (VenueRefused if name in REFUSED else OutcomeUnknown)


@pytest.mark.parametrize("name", sorted(REFUSED | UNKNOWN))
@pytest.mark.parametrize("changes", [{"status": None, "body": ""}, {"status": 500}, {"body": "no"}])
def test_no_class_refuses_an_order_without_the_exchanges_own_word(
    name: str, changes: dict[str, Any]
) -> None:
    problem = answers.sending_failed(
        classes()[name]("binance no"), a_wire(**changes), quirks_of("binance")
    )
    assert type(problem) is OutcomeUnknown


ROWS: dict[str, tuple[str, type[VenueError], type[VenueError]]] = {
    "no error of ccxt": ("TypeError KeyError", OutcomeUnknown, VenueUnavailable),
    "the id is taken": ("DuplicateOrderId", OutcomeUnknown, VenueUnavailable),
    "time-outs and broken answers": (
        "RequestTimeout BadResponse NullResponse OperationFailed NetworkError",
        OutcomeUnknown,
        VenueUnavailable,
    ),
    "not available": ("ExchangeNotAvailable", OutcomeUnknown, VenueUnavailable),
    "maintenance": ("OnMaintenance", OutcomeUnknown, VenueUnavailable),
    "too many requests": ("RateLimitExceeded", OutcomeUnknown, VenueUnavailable),
    "banned": ("DDoSProtection", OutcomeUnknown, VenueUnavailable),
    "clock": ("InvalidNonce ChecksumError", OutcomeUnknown, KeyRefused),
    "funds": ("InsufficientFunds", VenueRefused, VenueUnavailable),
    "would fill at once, cannot fill": (
        "OrderImmediatelyFillable OrderNotFillable",
        VenueRefused,
        VenueUnavailable,
    ),
    "a wrong order": (
        "InvalidOrder BadRequest BadSymbol ContractUnavailable ArgumentsRequired NotSupported"
        " MarketClosed RestrictedLocation OperationRejected",
        VenueRefused,
        VenueUnavailable,
    ),
    "no change": ("NoChange MarginModeAlreadySet", OutcomeUnknown, VenueUnavailable),
    "no such order": ("OrderNotFound", OutcomeUnknown, OrderUnknown),
    "no such order in ccxt's own memory": ("OrderNotCached", OutcomeUnknown, VenueUnavailable),
    "the cancel is on its way": ("CancelPending", OutcomeUnknown, VenueUnavailable),
    "key": ("AuthenticationError", VenueRefused, KeyRefused),
    "rights": ("PermissionDenied AccountNotEnabled AccountSuspended", VenueRefused, KeyRefused),
    "somebody must act": ("ManualInteractionNeeded", VenueRefused, VenueUnavailable),
    "proxy, closed by us": (
        "InvalidProxySettings ExchangeClosedByUser",
        OutcomeUnknown,
        VenueUnavailable,
    ),
    "anything, as ccxt calls what it does not know": (
        "ExchangeError",
        OutcomeUnknown,
        VenueUnavailable,
    ),
}
"""What an error in JSON means: for an order, and for a look-up or a cancel."""


@pytest.mark.parametrize("row", ROWS)
def test_each_kind_of_error_leads_to_what_is_done_about_it(row: str) -> None:
    names, sent, asked = ROWS[row]
    for name in names.split():
        kind = classes().get(name) or vars(builtins)[name]
        quirks = quirks_of("bitstamp")
        assert type(answers.sending_failed(kind("no"), a_wire(), quirks)) is sent, name
        assert type(answers.asking_failed(kind("no"), a_wire(), quirks)) is asked, name


@pytest.mark.parametrize(
    ("code", "sent", "asked"),
    [
        ("-1021", NotSent, KeyRefused),
        ("-1022", VenueRefused, KeyRefused),
        ("-2015", VenueRefused, KeyRefused),
        ("-1131", VenueRefused, VenueUnavailable),
        ("-4116", OutcomeUnknown, VenueUnavailable),
        ("-9999", OutcomeUnknown, VenueUnavailable),
    ],
)
def test_a_code_says_more_than_its_class(
    code: str, sent: type[VenueError], asked: type[VenueError]
) -> None:
    error, quirks = classes()["ExchangeError"]("no"), quirks_of("binance")
    wire = a_wire(body=json.dumps({"code": int(code), "msg": "No."}))
    assert type(answers.sending_failed(error, wire, quirks)) is sent
    assert type(answers.asking_failed(error, wire, quirks)) is asked


@pytest.mark.parametrize("cause", ["ClientConnectorError", "ConnectionTimeoutError", "gaierror"])
def test_a_connection_that_was_never_made_carried_no_order(cause: str) -> None:
    error, wire = classes()["ExchangeNotAvailable"]("no"), a_wire(status=None, body="")
    error.__cause__ = type(cause, (OSError,), {})()
    assert type(answers.sending_failed(error, wire, quirks_of("binance"))) is NotSent
    error.__cause__ = type("ServerDisconnectedError", (OSError,), {})()
    assert type(answers.sending_failed(error, wire, quirks_of("binance"))) is OutcomeUnknown


@pytest.mark.parametrize("error", ["InsufficientFunds", "NetworkError"])
def test_of_several_requests_nobody_knows_which_was_the_order(error: str) -> None:
    """Some exchanges are asked for more than the order; that answer is not the order's."""
    kind, wire = classes()[error], a_wire(requests=2)
    never_left = type("ClientConnectorError", (OSError,), {})()
    problem = kind("binance no")
    problem.__cause__ = never_left
    assert type(answers.sending_failed(problem, wire, quirks_of("binance"))) is OutcomeUnknown


def test_what_never_left_may_be_sent_again_unless_it_can_never_be_right() -> None:
    wire, quirks = a_wire(requests=0, status=None, body=""), quirks_of("binance")
    assert type(answers.sending_failed(TypeError("broken"), wire, quirks)) is NotSent
    refused = answers.sending_failed(classes()["BadSymbol"]("binance has no NO/SUCH"), wire, quirks)
    assert type(refused) is VenueRefused
    assert str(refused) == "has no NO/SUCH"


@pytest.mark.parametrize(
    ("headers", "status", "silence"),
    [
        ({"Retry-After": "7"}, 429, timedelta(seconds=7)),
        ({"retry-after": "120"}, 418, timedelta(minutes=2)),
        ({"Retry-After": "7"}, 200, None),
        ({"Retry-After": "soon"}, 429, None),
        ({"Retry-After": "9" * 400}, 418, timedelta(days=3)),
        ({}, 429, None),
    ],
)
def test_silence_is_kept_as_long_as_the_exchange_asks(
    headers: dict[str, str], status: int, silence: timedelta | None
) -> None:
    assert a_wire(headers=headers, status=status).retry_after() == silence


def test_a_closed_order_that_was_not_filled_up_is_canceled() -> None:
    row = {
        "id": "1",
        "clientOrderId": "a",
        "symbol": "BTC/USDT",
        "side": "buy",
        "status": "closed",
        "amount": "2.00",
        "filled": "0.50",
        "price": "1E+2",
        "average": None,
        "timestamp": 1_700_000_000_123,
        "lastUpdateTimestamp": None,
    }
    shown = answers.report(row)
    assert (shown.state, shown.filled) == (OrderState.CANCELED, Decimal("0.5"))
    assert answers.report(row | {"filled": "2"}).state is OrderState.FILLED
    assert str(shown.price) == "100"
    assert shown.at is not None
    assert shown.at.isoformat() == "2023-11-14T22:13:20.123000+00:00"


@pytest.mark.parametrize(
    ("mode", "precision", "step"),
    [(4, "0.00010000", "0.0001"), (4, "10", "10"), (2, "3", "0.001"), (2, "0", "1")],
)
def test_a_step_is_read_in_either_notation(mode: int, precision: str, step: str) -> None:
    nothing: dict[str, Any] = {"min": None, "max": None}
    market = {
        "symbol": "A/B",
        "base": "A",
        "quote": "B",
        "spot": True,
        "active": None,
        "precision": {"amount": precision, "price": precision},
        "limits": {"amount": nothing, "price": nothing, "cost": nothing},
    }
    found = instrument(market, mode, Quirks())
    assert found is not None
    assert str(found.amount_step) == str(found.price_step) == step
    assert found.active
    assert instrument(market | {"spot": False}, mode, Quirks()) is None
    assert instrument(market, 3, Quirks()) is None
