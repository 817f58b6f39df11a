"""The ccxt connections of one account: one instance for orders, one for reads.

`exchange.py` asks through it; only here is ccxt imported, and only in `open`, in a thread, so that
nothing waits for it at start-up. It must never retry, and never let ccxt's own error out: that
carries the signed address.
"""

from __future__ import annotations

import asyncio
import copy
import importlib
import importlib.util
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from execution.errors import NotSent, VenueError, VenueMisconfigured, VenueUnavailable
from execution.spellings import spellings
from execution.types import Mode
from execution.venues.answers import Wire, asking_failed, clock_is_off, sending_failed
from execution.venues.pacing import Pace, nothing
from execution.venues.quirks import Quirks, quirks_of

T = TypeVar("T")
Ask = Callable[[Any], Awaitable[T]]
"""What to ask of a ccxt instance, reading of the answer included."""
Failed = Callable[[Exception, Wire, Quirks], VenueError]

TIMEOUT = timedelta(seconds=10)
"""No call lasts longer, unless the settings say otherwise (`ccxt.timeout`, milliseconds)."""
SHORT_SILENCE, LONG_SILENCE = timedelta(seconds=1), timedelta(seconds=60)
"""How long an exchange that had too much of us is left alone when it does not say how long."""
CORRECTIONS = 2
"""How often the clock is set anew before a time that is refused all the same counts as beyond it."""
_REFUSED_SETTINGS = {
    "maxRetriesOnFailure": "an order is never sent twice",
    "verbose": "it prints keys and signatures",
    "number": "amounts are exact decimals",
    "session": "every account has its own connections",
}
_wire: ContextVar[Wire] = ContextVar("_wire")


def known_exchanges() -> frozenset[str]:
    """Every exchange id ccxt has, read from its folder without importing it."""
    found = importlib.util.find_spec("ccxt")
    folders = found.submodule_search_locations if found else None
    files = [
        file for folder in folders or () for file in Path(folder, "async_support").glob("*.py")
    ]
    return frozenset(file.stem for file in files if not file.stem.startswith("_"))


def has_sandbox(exchange: str) -> bool:
    """Whether ccxt knows a sandbox of this exchange; it is imported for that, so not within the loop."""
    return _has_sandbox(_exchange_class(exchange)(), quirks_of(exchange))


def _has_sandbox(ccxt: Any, quirks: Quirks) -> bool:
    return bool(ccxt.urls.get("test")) or quirks.sandbox_by_header


def _exchange_class(exchange: str) -> Any:
    """ccxt's class of one exchange, without importing the hundred others.

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


class _Watched:
    """Mixed into a ccxt class: notes on the call's `Wire` what left and what came, reads no float."""

    on_json_response = staticmethod(partial(json.loads, parse_float=str))
    pace: Pace
    """The account's, the same for each of its connections."""

    async def throttle(self, cost: float | None = None) -> None:
        """Wait until a request may be signed; ccxt asks right before it signs."""
        if not self.pace.counts:
            await super().throttle(cost)  # type: ignore[misc]  # ccxt's
        wire = _wire.get()
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
        wire = _wire.get()
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
        wire = _wire.get()
        wire.status, wire.headers, wire.body = code, dict(headers), body
        return body.strip()


class Connections:
    """Two ccxt instances of one account, so that an order never queues behind reads.

    Each has its own rate limiter and its own sockets; markets and clock are measured once for both.
    """

    def __init__(
        self,
        exchange: str,
        mode: Mode,
        *,
        credentials: Mapping[str, str],
        overrides: Mapping[str, Any],
        quirks: Quirks,
        clock: Callable[[], datetime],
    ) -> None:
        """Remember the settings; nothing is imported or asked before `open`.

        Raises:
            ValueError: a setting cannot work; the text names it and the fix.
        """
        if exchange not in known_exchanges():
            raise ValueError(f'exchange = "{exchange}": no ccxt exchange has this id')
        for setting, reason in _REFUSED_SETTINGS.items():
            if _has_key(overrides, setting):
                raise ValueError(f"ccxt: take out {setting}, {reason}")
        self._exchange, self._mode = exchange, mode
        self._credentials = _as_ccxt_takes(credentials, quirks)
        self._overrides = overrides
        self._quirks = quirks
        self._clock = clock
        settings = {**quirks.config, **overrides}
        self._pace = Pace(
            most=quirks.most_at_once,
            per_second=1000 / (settings.get("rateLimit") or 1),
            in_turn=bool(quirks.nonce_codes),
        )
        self._orders: Any = None
        self._reads: Any = None
        self._ready = False
        self._clock_is_off = False
        self._times_refused = 0
        """Requests in a row that were refused for their time, each with the clock set anew."""
        self.clock_ahead = timedelta(0)
        """How far our clock was ahead of the exchange's when it was measured last."""
        self._silent_until: datetime | None = None
        self._throttled = 0
        """Answers in a row that asked for silence."""

    async def open(self) -> Any:
        """Import ccxt, set the clock right, load markets, try the key; both connections are then warm.

        On paper there is no key, and nothing but prices is asked for.

        Returns the instance for reads, with its markets. May be called again, to refresh both.

        Raises:
            ValueError: a setting cannot work, such as `sandbox` where the exchange has none.
            VenueUnavailable: the exchange cannot be reached, or refuses the key; try later.
        """
        self._heed(VenueUnavailable)
        if self._orders is None:
            kind = await asyncio.to_thread(_exchange_class, self._exchange)
            self._orders, self._reads = self._new(kind), self._new(kind)

        async def load() -> Any:
            await self._set_clock(self._orders)
            await self._reads.load_markets(True)
            self._orders.set_markets_from_exchange(self._reads)
            if self._mode is not Mode.PAPER:
                await self._reads.fetch_balance()
            return self._reads

        reads = await self._ask(load, asking_failed)
        self._ready = True
        return reads

    @property
    def clock_refused(self) -> bool:
        """Whether our time is refused in spite of corrections, or twice where there is no time to ask for."""
        corrections = 0 if self._reads is None else CORRECTIONS * bool(self._reads.has["fetchTime"])
        return self._times_refused > max(1, corrections)

    async def close(self) -> None:
        """Close every socket. What is closed may be opened again."""
        closing = [one.close() for one in (self._orders, self._reads) if one is not None]
        self._orders = self._reads = None
        self._ready = False
        await asyncio.gather(*closing)

    def use(self, credentials: Mapping[str, str]) -> None:
        """Sign with other keys of the same account from the next request on."""
        self._credentials = _as_ccxt_takes(credentials, self._quirks)
        for one in (self._orders, self._reads):
            if one is not None:
                vars(one).update(self._credentials)

    async def read(self, ask: Ask[T], *, signed: bool = True) -> T:
        """Ask on the connection for reads, with a true clock; an answer to what is `signed` accepts it.

        Raises:
            OrderUnknown: the exchange does not know the order asked for.
            VenueUnavailable: no answer, or it has asked for silence (418 and 429).
        """
        reads, heed = self._reads, partial(self._heed, VenueUnavailable)
        if not self._ready:
            raise VenueUnavailable(f"{self._exchange} is not open yet")
        heed()

        async def with_true_clock() -> T:
            if self._clock_is_off:
                await self._set_clock(reads)
            return await ask(reads)

        return await self._ask(with_true_clock, asking_failed, heed=heed, signed=signed)

    async def send(self, ask: Ask[T], held: Callable[[], bool]) -> T:
        """Send an order on the connection for orders, unless it is `held` when its turn has come.

        Raises:
            VenueRefused, NotSent, OutcomeUnknown: as `Venue.send`.
        """
        orders = self._orders
        if not self._ready:
            raise NotSent(f"{self._exchange} is not open yet")
        if self._mode is Mode.PAPER:
            raise NotSent("paper orders never reach an exchange")
        self._heed(NotSent)
        if self._clock_is_off:
            raise NotSent(f"{self._exchange} refused our clock; the next read sets it")

        def heed() -> None:
            if not _wire.get().requests:  # else the order may have left
                self._heed(NotSent)
                if held():
                    raise NotSent("it was held back while it waited for its turn")

        return await self._ask(lambda: ask(orders), sending_failed, heed=heed, urgent=True)

    async def cancel(self, ask: Ask[T]) -> T:
        """Cancel on the connection for orders, whatever silence was asked for.

        Raises:
            OrderUnknown, VenueUnavailable: as `Venue.cancel`.
        """
        orders = self._orders
        if not self._ready:
            raise VenueUnavailable(f"{self._exchange} is not open yet")
        if self._mode is Mode.PAPER:
            raise VenueUnavailable("paper orders never reach an exchange")
        return await self._ask(lambda: ask(orders), asking_failed, urgent=True)

    async def _ask(
        self,
        call: Callable[[], Awaitable[T]],
        failed: Failed,
        *,
        heed: Callable[[], None] = lambda: None,
        signed: bool = True,
        urgent: bool = False,
    ) -> T:
        """Make a call and turn whatever goes wrong into one of our errors, without its secrets."""
        secrets = tuple(part for one in self._credentials.values() for part in spellings(one))
        wire = Wire(
            exchange=self._exchange, secrets=secrets, signed=signed, urgent=urgent, may_leave=heed
        )
        token = _wire.set(wire)
        try:
            answer = await call()
        except VenueError:
            raise
        except Exception as error:  # noqa: BLE001  # ccxt parses untyped data: whatever breaks there
            problem = failed(error, wire, self._quirks)  # after an order left is an unknown outcome
            if clock_is_off(error, wire, self._quirks):
                self._time_refused(wire)
            elif wire.refuses_key(self._quirks):  # it may be the time as well
                self._clock_is_off = True
        else:
            self._throttled = 0
            if signed:
                self._times_refused = 0
            return answer
        finally:
            wire.end_turn()
            _wire.reset(token)
        if wire.throttled(self._quirks):
            self._keep_silent(wire.retry_after())
        raise problem  # outside the handler, so that it does not carry ccxt's error with it

    async def _set_clock(self, connection: Any) -> None:
        """Measure the exchange's clock over one connection and use it on both."""
        if connection.has["fetchTime"]:
            lies_within = self._quirks.clock_step / timedelta(milliseconds=2)
            ahead = await connection.load_time_difference() - round(lies_within)
            for one in (self._orders, self._reads):
                one.options["timeDifference"] = ahead
            theirs = datetime.fromtimestamp((connection.milliseconds() - ahead) / 1000, UTC)
            self.clock_ahead = self._clock() - theirs
        self._clock_is_off = False

    def _time_refused(self, wire: Wire) -> None:
        """Note that a request was refused for its time; until the clock is set anew that counts once."""
        if self._clock_is_off:
            return
        self._clock_is_off = True
        self._times_refused += 1
        theirs = wire.answered_at()
        if theirs is not None and not self._reads.has["fetchTime"]:
            self.clock_ahead = self._clock() - theirs

    def _keep_silent(self, asked: timedelta | None) -> None:
        """Nothing but cancels for as long as asked; unasked for a second, then twice as long each time."""
        self._throttled += 1
        silence = asked or min(SHORT_SILENCE * 2 ** (self._throttled - 1), LONG_SILENCE)
        self._silent_until = max(self._clock() + silence, self._silent_until or self._clock())

    def _heed(self, error: type[VenueError]) -> None:
        """Raise this while the exchange wants to hear nothing but cancels."""
        silence = self._silence()
        if silence is not None:
            seconds = -(-silence // timedelta(seconds=1))
            told = f"{self._exchange} asked for silence, {seconds} s of it are left"
            raise error(told, retry_after=silence)

    def _silence(self) -> timedelta | None:
        """How much longer the exchange wants to hear nothing but cancels."""
        until = self._silent_until
        left = timedelta(0) if until is None else until - self._clock()
        return left if left > timedelta(0) else None

    def _new(self, kind: Any) -> Any:
        """One ccxt instance with our settings, the quirks' and, last, the user's."""
        # ccxt logs headers and bodies, the key among them, at DEBUG.
        logging.getLogger("ccxt").setLevel(logging.WARNING)
        base = {
            **self._credentials,
            "enableRateLimit": True,
            "timeout": TIMEOUT // timedelta(milliseconds=1),
            "aiohttp_trust_env": False,
            # Exact, and not Decimal: ccxt reads its own numbers again, and drops the Decimals.
            "number": str,
        }
        config = kind.deep_extend(base, copy.deepcopy(self._quirks.config), self._overrides)
        made = type(kind.__name__, (_Watched, kind), {"pace": self._pace})(config)
        if self._mode is Mode.SANDBOX:
            if not _has_sandbox(made, self._quirks):
                raise VenueMisconfigured(
                    f"mode: {self._exchange} has no sandbox; use paper or live"
                )
            made.set_sandbox_mode(True)
            # It puts `urls.test` in the place of `urls.api`; what the user set still comes last.
            made.urls = kind.deep_extend(made.urls, self._overrides.get("urls", {}))
        return made


def _as_ccxt_takes(credentials: Mapping[str, str], quirks: Quirks) -> dict[str, str]:
    """Credentials by ccxt's names; a PEM may be given on one line, its line ends written out."""
    return {
        quirks.credentials.get(name, name): value.replace("\\n", "\n")
        for name, value in credentials.items()
    }


def _has_key(settings: Mapping[str, Any], name: str) -> bool:
    """Whether a setting is there, at any depth."""
    return name in settings or any(
        _has_key(value, name) for value in settings.values() if isinstance(value, Mapping)
    )
