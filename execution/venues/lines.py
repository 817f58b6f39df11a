"""One connection on which an exchange tells, from when somebody listens until it breaks or nobody does.

`streams.py` opens them. Frames are read here before ccxt sees them: an event never reaches ccxt, which
would parse it for longer than an order may wait, and keep it in a cache that loses some. A line must
always end with an error in our words: broken, silent, refused, or ended by us.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, NoReturn

from execution.errors import VenueError, VenueUnavailable
from execution.types import ZERO, Quote
from execution.venues import answers
from execution.venues.answers import Wire, asking_failed
from execution.venues.ccxt_classes import wire_of_call
from execution.venues.connections import TIMEOUT, Connections
from execution.venues.quirks import Quirks, Streams
from execution.venues.quirks.ways import Said, ToldOrder, ToldQuote
from execution.venues.venue import SIGN_OF_LIFE, OrderKey, Stream

_decode = json.JSONDecoder(parse_float=str).decode
_AT_ONCE = 50
"""Frames that are read before anything else may go on: about a millisecond."""
_REMEMBERED = 10_000
"""Orders whose ids are remembered: some exchanges tell all of them only the first time."""


class _Refused(Exception):
    """The exchange refused to tell; its answer is on the wire."""


class Line(ABC):
    """One connection, and who waits for what it tells."""

    of: Stream
    signed: bool
    """Whether it is asked for with the account's key."""

    def __init__(self, exchange: str, facts: Streams) -> None:
        loop = asyncio.get_running_loop()
        self._exchange, self.facts = exchange, facts
        self._bells: set[asyncio.Event] = set()
        self._over: asyncio.Future[Exception] = loop.create_future()
        self._heard_at = loop.time()
        self._has_spoken = False
        self._number: int | None = None
        self._unread: deque[tuple[str, Callable[[], None]]] = deque()
        self._asking: set[asyncio.Future[object]] = set()
        self._wire: Wire
        self._ccxt: Any
        self._task: asyncio.Task[NoReturn]

    @abstractmethod
    async def subscribe(self, ccxt: Any) -> NoReturn:
        """Ask to be told, and go on as long as something may have to be asked."""

    @abstractmethod
    def told(self, said: Said) -> None:
        """Keep what was told, and ring whoever waits for it."""

    def open(self, connections: Connections) -> None:
        """Begin; what becomes of it, `rings` tells."""
        listening = connections.listen(self, self._watch, self._why, signed=self.signed)
        self._task = asyncio.create_task(listening, name=f"{self._exchange}: stream of {self.of}")
        self._task.add_done_callback(self._ring_all)

    def end(self, error: Exception) -> None:
        """Let it end with this, unless it has ended."""
        if not self._over.done():
            self._over.set_result(error)

    async def close(self) -> None:
        """Let go of the connection."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def is_over(self) -> bool:
        """Whether nothing will come any more."""
        return self._over.done() or self._task.done()

    def bell(self) -> asyncio.Event:
        """What `rings` waits for: it is set only for a moment."""
        made = asyncio.Event()
        self._bells.add(made)
        return made

    async def rings(self, bell: asyncio.Event) -> None:
        """Wait until it is rung.

        Raises:
            VenueUnavailable: the line broke, fell silent or was ended.
        """
        loop, patience = asyncio.get_running_loop(), SIGN_OF_LIFE.total_seconds()
        while not self.is_over:
            try:
                async with asyncio.timeout_at(self._heard_at + patience):
                    await bell.wait()
            except TimeoutError:
                if loop.time() >= self._heard_at + patience:
                    self.end(self.problem("fell silent"))
            else:
                if not self.is_over:
                    return
        await asyncio.wait([self._task])
        if self._task.cancelled():
            raise self.problem("was closed")
        self._task.result()

    def problem(self, what: str) -> VenueUnavailable:
        """What became of it, in words."""
        return VenueUnavailable(f"{self._exchange}: its stream of {self.of} {what}")

    # What `ccxt_classes.Ear` asks for

    def lives(self) -> None:
        """A ping or a pong came."""
        self._heard_at, self._has_spoken = asyncio.get_running_loop().time(), True

    def connected(self) -> None:
        """The connection stands."""
        self._heard_at = asyncio.get_running_loop().time()

    def hears(self, text: str, pass_on: Callable[[], None]) -> None:
        """A frame came; a burst of them is read bit by bit, since orders wait meanwhile."""
        self._unread.append((text, pass_on))
        if len(self._unread) == 1:
            asyncio.get_running_loop().call_soon(self._read_some)

    def lost(self, error: Exception) -> None:
        """The connection broke, or could not be made."""
        self.end(error)

    def _read_some(self) -> None:
        self.lives()
        for _ in range(min(_AT_ONCE, len(self._unread))):
            text, pass_on = self._unread.popleft()
            if self._is_for_ccxt(text):
                self._ask(_done(pass_on))
        if self._unread:
            asyncio.get_running_loop().call_soon(self._read_some)

    def _is_for_ccxt(self, text: str) -> bool:
        """Take note of a frame; returns whether ccxt shall have it too, as what it asked for."""
        if text[:1] != "{":
            return True
        try:
            said = self.facts.read(_decode(text))
            if said is None or (said.number is not None and not self._follows(said.number)):
                return said is None
            if said.refusal is not None:
                self._wire.status, self._wire.body = said.status, json.dumps(said.refusal)
                self.end(_Refused())
            if said.ends:
                self.end(self.problem("was ended by the exchange"))
            self.told(said)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
            self.end(self.problem("sent what cannot be read"))
            return False
        return said.stands

    def _follows(self, number: int) -> bool:
        """Whether a frame is new; one that comes again says nothing, and a line that left one out is over."""
        last = self._number
        if last is not None and number <= last:
            return False
        if last is not None and number > last + 1:
            self.end(self.problem("left something out"))
        self._number = number
        return True

    def _ring_all(self, _: object) -> None:
        for bell in self._bells:
            ring(bell)

    async def _watch(self, ccxt: Any) -> NoReturn:
        """Subscribe, and stay until it is over."""
        self._ccxt, self._wire = ccxt, wire_of_call.get()
        self._ask(self.subscribe(ccxt))
        if self.facts.kept_open_by is not None:
            self._ask(self.facts.kept_open_by(ccxt))
        try:
            raise await self._over
        finally:
            for task in self._asking:
                task.cancel()
            await asyncio.gather(*self._asking, return_exceptions=True)

    def _ask(self, answer: Awaitable[object]) -> None:
        """Ask the exchange for something; a refusal ends the line."""
        task = asyncio.ensure_future(answer)
        self._asking.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Future[object]) -> None:
        self._asking.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception) and type(error).__name__ != "UnsubscribeError":
            self.end(error)

    def _why(self, error: Exception, wire: Wire, quirks: Quirks) -> VenueError:
        """What ended it, without ccxt's own words: those name addresses."""
        handshake = error.args[0] if error.args else None
        status = getattr(handshake, "status", None)
        if isinstance(status, int):
            wire.status, wire.headers = status, dict(getattr(handshake, "headers", None) or {})
        if wire.status not in (None, 200) or wire.words()[0] is not None:
            return asking_failed(error, wire, quirks)
        return self._broken()

    def _broken(self) -> VenueError:
        return self.problem("broke off" if self._has_spoken else "could not be opened")


class OrderLine(Line):
    """Tells which orders of the account to look at."""

    of, signed = Stream.ORDERS, True

    def __init__(self, exchange: str, facts: Streams) -> None:
        super().__init__(exchange, facts)
        self.stands = False
        self.news = self.bell()
        self._waiting: dict[str, OrderKey] = {}
        self._known: OrderedDict[str, OrderKey] = OrderedDict()

    async def subscribe(self, ccxt: Any) -> NoReturn:
        """Ask for the account's orders; the answer comes when the line breaks."""
        assert self.facts.orders_by is not None
        while True:
            await self.facts.orders_by(ccxt)

    def connected(self) -> None:
        """The connection stands; some exchanges tell nothing else to say that they will."""
        super().connected()
        if self.facts.stands_when_connected:
            self.stands = True
            ring(self.news)

    def told(self, said: Said) -> None:
        """Keep which orders to look at, each once."""
        self.stands = self.stands or said.stands
        for one in said.orders:
            self._waiting[one.venue_order_id] = self._key(one)
        if said.orders or said.stands:
            ring(self.news)

    def lives(self) -> None:
        """A sign of life is told too."""
        super().lives()
        ring(self.news)

    def take(self) -> Sequence[OrderKey]:
        """The orders to look at since the last time."""
        told, self._waiting = list(self._waiting.values()), {}
        return told

    def _key(self, told: ToldOrder) -> OrderKey:
        """How the order is found, with what was told of it before."""
        known = self._known.pop(told.venue_order_id, None)
        client_order_id, symbol = told.client_order_id, ""
        if told.market_id is not None:
            symbol = self._ccxt.safe_symbol(told.market_id, None, None, "spot")
        if known is not None:
            client_order_id, symbol = (
                client_order_id or known.client_order_id,
                symbol or known.symbol,
            )
        key = OrderKey(
            client_order_id=client_order_id, symbol=symbol, venue_order_id=told.venue_order_id
        )
        self._known[told.venue_order_id] = key
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return key


class QuoteLine(Line):
    """Tells best prices, of as many symbols as are listened to."""

    of, signed = Stream.QUOTES, False

    def __init__(self, exchange: str, facts: Streams, clock: Callable[[], datetime]) -> None:
        super().__init__(exchange, facts)
        self._clock = clock
        self._told_at = self._heard_at
        self.newest: dict[str, tuple[ToldQuote, datetime]] = {}
        """What was told last of each symbol, and when."""
        self.unlisted: set[str] = set()
        """What is listened to in vain: the exchange lists no such market."""
        self._listeners: Counter[str] = Counter()
        self._bell_of: dict[str, asyncio.Event] = {}
        self._symbols_of: defaultdict[str, set[str]] = defaultdict(set)
        """By what frames call the market: some exchanges have one book for two symbols."""
        self._changed = asyncio.Event()

    @property
    def is_idle(self) -> bool:
        """Whether nobody listens."""
        return not self._listeners

    @property
    def is_quiet(self) -> bool:
        """Whether it told no price for long, though it lives: of quiet markets, or of none any more."""
        return asyncio.get_running_loop().time() > self._told_at + SIGN_OF_LIFE.total_seconds()

    def join(self, symbol: str) -> asyncio.Event:
        """Have this symbol told; returns its bell."""
        self._listeners[symbol] += 1
        self._changed.set()
        if symbol not in self._bell_of:
            self._bell_of[symbol] = self.bell()
        return self._bell_of[symbol]

    def leave(self, symbol: str) -> None:
        """One listener less; a symbol without any is no longer asked for."""
        self._listeners[symbol] -= 1
        if not self._listeners[symbol]:
            del self._listeners[symbol]
            self.newest.pop(symbol, None)
            self.unlisted.discard(symbol)
            self._bells.discard(self._bell_of.pop(symbol))
            self._changed.set()

    def quote(self, symbol: str) -> Quote | None:
        """The newest, in quote currency; None where one side is empty, or they cross."""
        told, at = self.newest[symbol]
        try:
            quote = answers.quote({"bid": told.bid, "ask": told.ask}, symbol, at)
        except ArithmeticError:
            self.end(self.problem("sent what cannot be read"))
            return None
        return quote if ZERO < quote.bid < quote.ask else None

    async def subscribe(self, ccxt: Any) -> NoReturn:
        """Ask for the symbols that are listened to, and no longer for those that are not."""
        asked: set[str] = set()
        while True:
            self._changed.clear()
            wanted = set(self._listeners)
            await self._unsubscribe(ccxt, sorted(asked - wanted))
            asked = (asked & wanted) | self._ask_for(ccxt, sorted(wanted - asked))
            await self._changed.wait()

    def told(self, said: Said) -> None:
        """Keep the newest of each symbol."""
        if said.quotes:
            self._told_at = self._heard_at
        for one in said.quotes:
            for symbol in self._symbols_of.get(one.market_id, ()):
                bell = self._bell_of.get(symbol)
                if bell is not None:
                    self.newest[symbol] = one, self._clock()
                    ring(bell)

    def _ask_for(self, ccxt: Any, symbols: Sequence[str]) -> set[str]:
        """Subscribe to those that are listed, and return them; ccxt answers when that, or the line, ends."""
        assert self.facts.quotes_by is not None
        subscribe = getattr(ccxt, self.facts.quotes_by)
        known = [symbol for symbol in symbols if symbol in ccxt.markets]
        for symbol in known:
            self._symbols_of[self.facts.quoted_as(ccxt.markets[symbol])].add(symbol)
        for symbol in set(symbols).difference(known):
            self.unlisted.add(symbol)
            ring(self._bell_of[symbol])
        groups = [known] if self.facts.quotes_of_many and known else known
        for what in groups:
            self._ask(subscribe(what))
        return set(known)

    async def _unsubscribe(self, ccxt: Any, symbols: Sequence[str]) -> None:
        if self.facts.quotes_end_by is None or not symbols:
            return
        unsubscribe = getattr(ccxt, self.facts.quotes_end_by)
        try:
            async with asyncio.timeout(TIMEOUT.total_seconds()):
                if self.facts.quotes_of_many:
                    await unsubscribe(list(symbols))
                else:
                    for symbol in symbols:
                        await unsubscribe(symbol)
        except TimeoutError:
            raise self.problem("did not answer") from None


async def _done(pass_on: Callable[[], None]) -> None:
    """Pass it on, where what ccxt makes of it may fail as what it asked for may."""
    pass_on()


def ring(bell: asyncio.Event) -> None:
    """Wake whoever waits for it now."""
    bell.set()
    bell.clear()
