"""ccxt's classes as this desk uses them: one exchange's at a time, every answer noted.

`connections.py` makes its instances of them. Nothing is imported before it is asked for, so that
nothing waits for ccxt at start-up.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

from execution.venues.answers import Wire
from execution.venues.pacing import Pace, nothing

wire_of_call: ContextVar[Wire] = ContextVar("wire_of_call")
"""What crosses the wire in the call that is under way."""
_OF_THE_MACHINE = "include_OS_certificates"
"""ccxt's option to trust whom the machine trusts too; it then reads both itself."""


def known_exchanges() -> frozenset[str]:
    """Every exchange id ccxt has, read from its folder without importing it."""
    found = importlib.util.find_spec("ccxt")
    folders = found.submodule_search_locations if found else None
    files = [
        file for folder in folders or () for file in Path(folder, "async_support").glob("*.py")
    ]
    return frozenset(file.stem for file in files if not file.stem.startswith("_"))


def exchange_class(exchange: str) -> Any:
    """ccxt's class of one exchange for questions and orders, without importing the hundred others.

    ccxt's packages import every exchange they have, which takes a second and 50 MiB. Here they stand
    in `sys.modules` unexecuted, with the names that their own modules ask of `ccxt`.
    """
    for package in ("ccxt", "ccxt.async_support"):
        spec = importlib.util.find_spec(package)
        assert spec is not None, "ccxt is a dependency"
        sys.modules.setdefault(package, importlib.util.module_from_spec(spec))
    ccxt = sys.modules["ccxt"]
    if not hasattr(ccxt, "Exchange"):
        errors = vars(importlib.import_module("ccxt.base.errors"))
        vars(ccxt).update({name: error for name, error in errors.items() if name[0] != "_"})
        vars(ccxt)["Exchange"] = importlib.import_module("ccxt.base.exchange").Exchange
    return getattr(importlib.import_module(f"ccxt.async_support.{exchange}"), exchange)


def stream_class(exchange: str) -> Any:
    """ccxt.pro's class of one exchange, to hear what it tells, in the same way."""
    asking = exchange_class(exchange)
    # Its module takes the classes it builds on from the package, where now only modules stand.
    package = sys.modules["ccxt.async_support"]
    vars(sys.modules["ccxt"])["async_support"] = package
    vars(package).update({one.__name__: one for one in asking.__mro__ if one is not object})
    spec = importlib.util.find_spec("ccxt.pro")
    assert spec is not None, "ccxt is a dependency"
    sys.modules.setdefault("ccxt.pro", importlib.util.module_from_spec(spec))
    return getattr(importlib.import_module(f"ccxt.pro.{exchange}"), exchange)


@cache
def _trusting(cafile: str) -> ssl.SSLContext:
    """What checks certificates against the authorities in a file; reading it takes some 20 ms."""
    return ssl.create_default_context(cafile=cafile)


class Watched:
    """Mixed into a ccxt class: notes on the call's `Wire` what left and what came, reads no float."""

    on_json_response = staticmethod(partial(json.loads, parse_float=str))
    pace: Pace
    """The account's, the same for each of its connections."""

    def open(self, *lazily: bool) -> None:
        """Get ready to connect; whom to trust is read once for all, since an order may not wait so long."""
        ours: Any = self
        if ours.ssl_context is None and ours.verify and not ours.options.get(_OF_THE_MACHINE):
            ours.ssl_context = _trusting(ours.cafile)
        super().open(*lazily)  # type: ignore[misc]  # ccxt's

    async def throttle(self, cost: float | None = None) -> None:
        """Wait until a request may be signed; ccxt asks right before it signs."""
        if not self.pace.counts:
            await super().throttle(cost)  # type: ignore[misc]  # ccxt's
        wire = wire_of_call.get()
        wire.end_turn = await self.pace.turn(
            1 if cost is None else cost, signed=wire.signed, urgent=wire.urgent
        )
        wire.signing = True

    def seconds(self) -> int:
        """The exchange's time, which ccxt heeds in milliseconds only, and signs some requests with."""
        ahead = self.options.get("timeDifference") or 0  # type: ignore[attr-defined]  # ccxt's
        return int(self.milliseconds() - ahead) // 1000  # type: ignore[attr-defined]  # ccxt's

    async def handle_builder_fee_approval(self) -> bool:
        """Sign nothing away: ccxt would have a share of each order at Hyperliquid paid to it."""
        return True

    def incrementing_nonce(self) -> int:
        return self.pace.nonces.above(self.nonce())  # type: ignore[attr-defined]  # ccxt's

    async def fetch(
        self, url: str, method: str = "GET", headers: object = None, body: object = None
    ) -> Any:
        wire = wire_of_call.get()
        wire.signing = False
        wire.may_leave()
        wire.requests += 1
        wire.status, wire.headers, wire.body = None, {}, ""
        try:
            answer = await super().fetch(url, method, headers, body)  # type: ignore[misc]  # ccxt's
        finally:
            wire.end_turn()
            wire.end_turn = nothing
        if not isinstance(answer, dict | list) or answer == {}:
            # A gateway's page, nothing or `{}`: ccxt would read it as an empty account.
            raise ValueError("the answer says nothing")
        return answer

    def on_rest_response(
        self, code: int, reason: str, url: str, method: str, headers: Any, body: str, *sent: object
    ) -> str:
        wire = wire_of_call.get()
        wire.status, wire.headers, wire.body = code, dict(headers), body
        return body.strip()


class Ear(Protocol):
    """Who hears what comes over a stream."""

    def connected(self) -> None:
        """The connection stands."""

    def lives(self) -> None:
        """A ping or a pong came."""

    def hears(self, text: str, pass_on: Callable[[], None]) -> None:
        """A frame came; `pass_on` lets ccxt have it too."""

    def lost(self, error: Exception) -> None:
        """The connection broke, or could not be made."""


class Overheard(Watched):
    """Mixed into a ccxt.pro class: what comes is heard by us, and only then, if at all, by ccxt.

    ccxt takes some hundred microseconds to parse an event, and its cache of orders loses some.
    """

    ear: Ear
    answering: asyncio.Future[None]
    """The answer to the ping that came last."""

    def client(self, url: str) -> Any:
        """ccxt's end of one socket."""
        made = super().client(url)  # type: ignore[misc]  # ccxt's
        made.handle_message = partial(self._comes, made)
        made.future = partial(_awaited, made)
        return made

    def _comes(self, client: Any, message: Any) -> None:
        kind = message.type.name
        if kind == "TEXT":
            self.ear.hears(message.data, partial(type(client).handle_message, client, message))
            return
        if kind in ("PING", "PONG"):
            self.ear.lives()
        if kind == "PING":  # ccxt leaves it to the log where its answer meets a closing connection
            self.answering = asyncio.ensure_future(_pong(client, message.data))
        else:
            type(client).handle_message(client, message)

    def on_connected(self, client: Any, *told: object) -> None:
        super().on_connected(client, *told)  # type: ignore[misc]  # ccxt's
        self.ear.connected()

    def on_error(self, client: Any, error: Exception) -> None:
        super().on_error(client, error)  # type: ignore[misc]  # ccxt's
        self.ear.lost(error)

    def on_close(self, client: Any, code: object) -> None:
        super().on_close(client, code)  # type: ignore[misc]  # ccxt's
        self.ear.lost(ConnectionResetError())


async def _pong(client: Any, payload: bytes) -> None:
    with suppress(ConnectionError):  # the connection is closing
        await client.connection.pong(payload)


def _awaited(client: Any, name: str) -> Any:
    """ccxt's future of an answer, whose failure counts as noticed: ccxt does not await each of them."""
    made = type(client).future(client, name)
    made.add_done_callback(lambda done: done.cancelled() or done.exception())
    return made
