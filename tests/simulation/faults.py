"""Everything an exchange's answer can come to but an answer: one table, from bytes to error.

The simulation raises what `raises` names; `test_contract.py` proves each row by letting the real ccxt
meet these bytes on a loopback server. So the simulation may claim nothing that ccxt does not do.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from execution.errors import KeyRefused, NotSent, OutcomeUnknown, VenueError, VenueUnavailable

JSON = "application/json;charset=UTF-8"
HTML = "text/html"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way a request can end without its answer. Whether the exchange did what it asks is another
    matter: each of them, but `unreachable`, happens with and without."""

    ends: str
    """`answered`, `dropped` (connection reset), `cut off` (half a body), `silent` (never), `unreachable`."""
    status: int | None = None
    body: str = ""
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    raises: str = ""
    """The ccxt class; empty where ccxt takes it for an answer."""
    cause: str = ""
    """The network library's class behind it, where that decides."""
    to_send: type[VenueError] = OutcomeUnknown
    """Our error when it met an order."""
    to_ask: type[VenueError] = VenueUnavailable
    """Our error when it met a look-up or a cancel."""


def _json(code: int, text: str, *, status: int, raises: str, **more: Any) -> Fault:
    body = json.dumps({"code": code, "msg": text})
    return Fault(ends="answered", status=status, body=body, raises=raises, **more)


def _page(status: int, body: str, raises: str = "", kind: str = HTML) -> Fault:
    return Fault(ends="answered", status=status, body=body, kind=kind, raises=raises)


FAULTS: Mapping[str, Fault] = {
    "unreachable": Fault(
        ends="unreachable",
        raises="ExchangeNotAvailable",
        cause="ClientConnectorError",
        to_send=NotSent,
    ),
    "connection dropped": Fault(ends="dropped", raises="ExchangeNotAvailable"),
    "no answer": Fault(ends="silent", raises="RequestTimeout"),
    "half a body": Fault(ends="cut off", raises="ExchangeError", cause="ClientPayloadError"),
    "200 with nothing": _page(200, "", kind=JSON),
    "200 with an empty object": _page(200, "{}", kind=JSON),
    "200 with a page": _page(200, "<html>busy</html>"),
    "400 with text": _page(400, "Bad Request", "ExchangeNotAvailable", "text/plain"),
    "401 with a page": _page(401, "<html>401</html>", "AuthenticationError"),
    "403 of a firewall": _page(403, "<html>403 Forbidden</html>", "ExchangeNotAvailable"),
    "500 with a page": _page(500, "<html>500</html>", "ExchangeNotAvailable"),
    "502 with a page": _page(502, "<html>502</html>", "ExchangeNotAvailable"),
    "504 with a page": _page(504, "<html>504</html>", "RequestTimeout"),
    "503 with code -1": _json(
        -1, "Unknown error, please check your request", status=503, raises="ExchangeError"
    ),
    "-1000": _json(-1000, "An unknown error occurred.", status=400, raises="OperationFailed"),
    "-1006": _json(-1006, "Unexpected response.", status=400, raises="OperationFailed"),
    "-1007": _json(-1007, "Timeout waiting for response.", status=408, raises="RequestTimeout"),
    "-1008": _json(-1008, "Server is overloaded.", status=503, raises="ExchangeError"),
    "429": _json(
        -1003,
        "Too many requests.",
        status=429,
        headers={"Retry-After": "3"},
        raises="DDoSProtection",
    ),
    "418": _json(
        -1003,
        "IP banned.",
        status=418,
        headers={"Retry-After": "20"},
        raises="DDoSProtection",
    ),
    "outside of the window": _json(
        -1021,
        "Timestamp for this request is outside of the recvWindow.",
        status=400,
        raises="InvalidNonce",
        to_send=NotSent,
        to_ask=KeyRefused,
    ),
}
NEVER_TAKEN = frozenset({"unreachable", "outside of the window"})
"""Faults after which the exchange certainly did nothing."""


def ccxt_error(name: str, text: str) -> Exception:
    """ccxt's exception of this name."""
    made: Exception = getattr(importlib.import_module("ccxt.base.errors"), name)(text)
    return made


class ClientConnectorError(Exception):
    """Stands for the network library's: the product knows it by name."""
