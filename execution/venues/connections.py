"""The ccxt connections of one account: one instance for orders, one for reads, one for each stream.

`exchange.py` asks through it, and `streams.py` listens. ccxt is imported in a thread, and not before
`open`. It must never retry, and never let ccxt's own error out: that carries the signed address.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from execution.errors import NotSent, VenueError, VenueMisconfigured, VenueUnavailable
from execution.instruments import MarketKind
from execution.spellings import spellings
from execution.types import Mode
from execution.venues.answers import Wire, asking_failed, clock_is_off, sending_failed
from execution.venues.ccxt_classes import (
    Ear,
    Overheard,
    Watched,
    exchange_class,
    known_exchanges,
    stream_class,
    wire_of_call,
)
from execution.venues.market_lists import Listing, MarketFile, MarketList, elsewhere
from execution.venues.pacing import Pace
from execution.venues.quirks import Quirks, ccxt_id, quirks_of
from execution.venues.venue import SIGN_OF_LIFE

log = logging.getLogger(__name__)

T = TypeVar("T")
Ask = Callable[[Any], Awaitable[T]]
"""What to ask of a ccxt instance, reading of the answer included."""
Failed = Callable[[Exception, Wire, Quirks], VenueError]

LAST_WORDS = timedelta(seconds=1)
"""How long the other end of a stream may take to say goodbye."""
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


def has_sandbox(exchange: str, kind: MarketKind = MarketKind.SPOT) -> bool:
    """Whether there is a sandbox of this exchange; ccxt is imported for that, so not within the loop."""
    quirks, ccxt = quirks_of(ccxt_id(exchange, kind)), exchange_class(ccxt_id(exchange, kind))
    return _has_sandbox(ccxt(copy.deepcopy(dict(quirks.config))), quirks)


def _has_sandbox(ccxt: Any, quirks: Quirks) -> bool:
    addresses = ccxt.urls.get("demo" if quirks.sandbox_is_demo else "test")
    return bool(addresses) or quirks.sandbox_by_header


class Connections:
    """Two ccxt instances of one account, so that an order never queues behind reads, and one more for
    each stream.

    Each has its own rate limiter and its own sockets; markets and clock are measured once for all.
    """

    def __init__(
        self,
        exchange: str,
        mode: Mode,
        *,
        kind: MarketKind = MarketKind.SPOT,
        credentials: Mapping[str, str],
        overrides: Mapping[str, Any],
        quirks: Quirks,
        clock: Callable[[], datetime],
        kept: Path | None = None,
    ) -> None:
        """Remember the settings; nothing is imported or asked before `open`.

        The list of markets is kept in the file `kept` for the next start.

        Raises:
            ValueError: a setting cannot work; the text names it and the fix.
        """
        if exchange not in known_exchanges():
            raise ValueError(f'exchange = "{exchange}": no ccxt exchange has this id')
        for setting, reason in _REFUSED_SETTINGS.items():
            if _has_key(overrides, setting):
                raise ValueError(f"ccxt: take out {setting}, {reason}")
        self._exchange, self._mode, self._ccxt_id = exchange, mode, ccxt_id(exchange, kind)
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
        self._file = None if kept is None else MarketFile(kept, of=f"{self._ccxt_id} {mode}")
        self.listed_at: datetime | None = None
        """When the exchange was asked for the markets that are known; None: they are out of the file."""
        self._kind: Any = None
        """ccxt's class."""
        self._orders: Any = None
        self._reads: Any = None
        self._listening: list[Any] = []
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

        Returns the instance for reads, with its markets. May be called again after failing.

        Raises:
            ValueError: a setting cannot work, such as `sandbox` where the exchange has none.
            VenueUnavailable: the exchange cannot be reached, or refuses the key; try later.
        """
        self._heed(VenueUnavailable)
        if self._orders is None:
            self._kind = await asyncio.to_thread(exchange_class, self._ccxt_id)
            self._orders, self._reads = self._new(self._kind), self._new(self._kind)

        async def load() -> Any:
            await self._set_clock(self._orders)
            if not await self._know_kept():
                await self._know_anew()
            if self._mode is not Mode.PAPER:
                await self._reads.fetch_balance()
            return self._reads

        reads = await self._ask(load, asking_failed)
        self._ready = True
        return reads

    async def reload(self) -> Any:
        """Ask for the markets anew, over a connection of their own and without a key.

        Returns what `open` does.

        Raises:
            VenueUnavailable: they could not be had; those known before stay.
        """
        self._heed(VenueUnavailable)
        await self._ask(self._know_anew, asking_failed, signed=False)
        return self._reads

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
            if not wire_of_call.get().requests:  # else the order may have left
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

    async def listen(
        self, ear: Ear, watch: Callable[[Any], Awaitable[NoReturn]], failed: Failed, *, signed: bool
    ) -> NoReturn:
        """Listen on a connection of its own until that ends.

        Raises:
            VenueUnavailable: why it could not begin, or ended.
        """
        self._heed(VenueUnavailable)
        if not self._ready:
            raise VenueUnavailable(f"{self._exchange} is not open yet")
        made = await asyncio.to_thread(self._to_listen, ear)
        reads = self._reads
        if reads is None:
            raise VenueUnavailable(f"{self._exchange} was closed")
        made.set_markets_from_exchange(reads)
        made.options["timeDifference"] = reads.options.get("timeDifference")
        heed = partial(self._heed, VenueUnavailable)
        self._listening.append(made)
        try:
            # What a stream is refused for holds up no order: reads ask often, and learn it themselves.
            await self._ask(lambda: watch(made), failed, heed=heed, signed=signed, learns=False)
        finally:
            self._listening.remove(made)
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS.total_seconds()):
                    await made.close()
            vars(made).clear()  # it holds itself, and all markets, until a collection

    def _to_listen(self, ear: Ear) -> Any:
        """What listens; making it takes too long for the loop."""
        return self._new(stream_class(self._ccxt_id), Overheard, ear=ear)

    async def _ask(
        self,
        call: Callable[[], Awaitable[T]],
        failed: Failed,
        *,
        heed: Callable[[], None] = lambda: None,
        signed: bool = True,
        urgent: bool = False,
        learns: bool = True,
    ) -> T:
        """Make a call and turn whatever goes wrong into one of our errors, without its secrets."""
        secrets = tuple(part for one in self._credentials.values() for part in spellings(one))
        wire = Wire(
            exchange=self._exchange, secrets=secrets, signed=signed, urgent=urgent, may_leave=heed
        )
        token = wire_of_call.set(wire)
        try:
            answer = await call()
        except VenueError:
            raise
        except Exception as error:  # noqa: BLE001  # ccxt parses untyped data: whatever breaks there
            problem = failed(error, wire, self._quirks)  # after an order left is an unknown outcome
            if learns:
                self._learn(error, wire)
        else:
            self._throttled = 0
            if signed:
                self._times_refused = 0
            return answer
        finally:
            wire.end_turn()
            wire_of_call.reset(token)
        raise problem  # outside the handler, so that it does not carry ccxt's error with it

    def _learn(self, error: Exception, wire: Wire) -> None:
        """Heed what a refusal says of our clock, and of how much we asked."""
        if clock_is_off(error, wire, self._quirks):
            self._time_refused(wire)
        elif wire.refuses_key(self._quirks):  # it may be the time as well
            self._clock_is_off = True
        if wire.throttled(self._quirks):
            self._keep_silent(wire.retry_after())

    async def _know_kept(self) -> bool:
        """Know the markets by the list that was kept; whether there is one that still reads."""
        kept = None
        if self._file is not None:
            kept = await asyncio.to_thread(self._file.read, self._clock())
        if kept is None:
            return False
        try:
            self._know(await elsewhere(partial(self._listed, kept.answers)))
        except Exception as error:  # noqa: BLE001  # whatever it breaks in ccxt, the exchange has another
            log.info("kept markets of %s do not read any more: %s", self._exchange, type(error))
            return False
        self.listed_at = None
        return True

    async def _know_anew(self) -> None:
        """Know the markets as the exchange tells them now, and keep the list."""
        at = self._clock()
        found = await elsewhere(partial(self._listed, None))
        if self._reads.markets and not found.markets:
            raise ValueError("no market is listed any more")
        self._know(found)
        self.listed_at = at
        if self._file is not None:
            await asyncio.to_thread(self._file.write, MarketList(at=at, answers=found.answers))

    def _know(self, found: Any) -> None:
        for one in (self._orders, self._reads, *self._listening):
            one.set_markets_from_exchange(found)

    async def _listed(self, answers: Mapping[str, str] | None) -> Any:
        """An instance with the markets of these answers, or of those that the exchange gives now."""
        alone = Pace(most=None, per_second=1, in_turn=False)
        made = self._new(self._kind, Listing, pace=alone, given=answers)
        vars(made).update(dict.fromkeys(self._credentials))  # the list is public
        try:
            await made.load_markets()
        finally:
            await made.close()
        return made

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

    def _new(self, kind: Any, how: type[Watched] = Watched, **more: Any) -> Any:
        """One ccxt instance with our settings, the quirks' and, last, the user's."""
        # ccxt logs headers and bodies, the key among them, at DEBUG.
        logging.getLogger("ccxt").setLevel(logging.WARNING)
        streams = self._quirks.streams if how is Overheard else None
        base = {
            **self._credentials,
            "enableRateLimit": True,
            "timeout": TIMEOUT // timedelta(milliseconds=1),
            "aiohttp_trust_env": False,
            # Exact, and not Decimal: ccxt reads its own numbers again, and drops the Decimals.
            "number": str,
            "streaming": {"keepAlive": SIGN_OF_LIFE / 3 // timedelta(milliseconds=1)},
        }
        of_streams = {} if streams is None else streams.config
        config = kind.deep_extend(
            base, copy.deepcopy(self._quirks.config), copy.deepcopy(of_streams), self._overrides
        )
        bases = tuple(one for one in (how, self._quirks.mixed_in, kind) if one is not None)
        made = type(kind.__name__, bases, {"pace": self._pace, **more})(config)
        if self._mode is Mode.SANDBOX:
            if not _has_sandbox(made, self._quirks):
                raise VenueMisconfigured(
                    f"mode: {self._exchange} has no sandbox; use paper or live"
                )
            demo = self._quirks.sandbox_is_demo
            (made.enable_demo_trading if demo else made.set_sandbox_mode)(True)
            # Both put other addresses in the place of `urls.api`; what the user set still comes last.
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
