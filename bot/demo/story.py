"""When the demo's next signal comes, and which: nobody is hurried, and nobody is flooded.

It looks at what became of the signals before, as anybody could, and remembers in a file of its own
which scenes were played and how the market was shaken, so that a restart goes on where it was.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter

from bot.demo.scenes import SCENES, Scene, about, body
from execution.errors import VenueUnavailable
from execution.market import Market
from execution.record import Record
from execution.store import Store, Transaction
from execution.symbols import assets
from execution.types import Ticket, TicketState, TradingState
from execution.venues.synthetic import Shock, SyntheticMarket

VENUE = "main"
LOOKS_EVERY = 0.5
"""Seconds between two looks at whether it is time."""
FIRST_AFTER = timedelta(seconds=1)
AFTER_ANSWER = timedelta(seconds=15)
"""From the last answer to the next signal, while there is something new to see."""
SEEN_BEFORE = timedelta(seconds=45)
"""The same, once every scene was played."""
UNANSWERED = timedelta(seconds=60)
"""A card that waits so long does not hold up the next one."""
NOBODY_THERE = timedelta(minutes=10)
"""From one signal to the next, once nobody answered `EXPIRED_IN_A_ROW` cards."""
EXPIRED_IN_A_ROW = 3
MOST_WAITING = 2
SHAKEN_AFTER = timedelta(seconds=4)
"""From a signal to the shock that comes with it: its card is up, and nobody has tapped yet."""
SHOWN = timedelta(hours=12)
"""A shock longer ago than this stands in no picture any more."""
_ENOUGH_TICKETS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen(Record):
    """What the story goes by."""

    now: datetime
    started_at: datetime
    """When this process started: whoever started it is there."""
    sent_at: datetime | None
    """When this process sent its last signal."""
    first_round: bool
    trading: TradingState
    tickets: Sequence[Ticket]
    """The newest, newest first."""


def is_due(seen: Seen) -> bool:
    """Whether the next signal is to be sent now."""
    if seen.now - seen.started_at < FIRST_AFTER:
        return False
    waiting = [ticket for ticket in seen.tickets if ticket.state is TicketState.PENDING]
    if len(waiting) >= MOST_WAITING or _has_said_that_it_stopped(seen):
        return False
    pause = SEEN_BEFORE
    if _nobody_answers(seen):
        pause = NOBODY_THERE
    elif waiting:
        pause = UNANSWERED
    elif seen.first_round:
        pause = AFTER_ANSWER
    moments = [ticket.decided_at or ticket.created_at for ticket in seen.tickets]
    if seen.sent_at is not None:
        moments.append(seen.sent_at)
    return not moments or seen.now - max(moments) >= pause


def _has_said_that_it_stopped(seen: Seen) -> bool:
    """While trading is stopped one refusal shows it; more would be noise."""
    if seen.trading is TradingState.ACTIVE or not seen.tickets:
        return False
    return any(refusal.code == seen.trading.upper() for refusal in seen.tickets[0].refusals)


def _nobody_answers(seen: Seen) -> bool:
    """Whether the last cards since the start all waited in vain."""
    cards = [
        ticket.state
        for ticket in seen.tickets
        if ticket.state not in (TicketState.PENDING, TicketState.REFUSED)
        and ticket.created_at >= seen.started_at
    ]
    return cards[:EXPIRED_IN_A_ROW] == [TicketState.EXPIRED] * EXPIRED_IN_A_ROW


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress(Record):
    """How many scenes were played and what shook the market, kept in a file."""

    played: int = 0
    shocks: tuple[Shock, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Progress:
        """As it was kept; from the beginning where nothing was."""
        return _PROGRESS.validate_json(path.read_text()) if path.exists() else cls()

    def write(self, path: Path) -> None:
        """Keep it, whole or not at all."""
        beside = path.with_suffix(".new")
        beside.write_bytes(_PROGRESS.dump_json(self))
        os.replace(beside, path)

    def after(self, shock: Shock | None, now: datetime) -> Progress:
        """One scene further, with the shock that comes with it."""
        shown = tuple(s for s in self.shocks if now - s.at < SHOWN)
        return Progress(played=self.played + 1, shocks=shown if shock is None else (*shown, shock))

    @property
    def scene(self) -> Scene:
        """The next one."""
        return SCENES[self.played % len(SCENES)]


_PROGRESS: TypeAdapter[Progress] = TypeAdapter(Progress)


class Story:
    """Sends the scenes, one after another, through `send`, and shakes the market as they ask."""

    def __init__(
        self,
        path: Path,
        *,
        store: Store,
        market: Market,
        prices: SyntheticMarket,
        send: Callable[[Mapping[str, str]], Awaitable[object]],
        clock: Callable[[], datetime],
    ) -> None:
        """`path` is where it keeps how far it has come; the shocks in it are in `prices` already."""
        self._path = path
        self._store = store
        self._market = market
        self._prices = prices
        self._send = send
        self._clock = clock
        self._progress = Progress.read(path)
        self._started_at = clock()
        self._sent_at: datetime | None = None

    async def run(self) -> None:
        """Tell it until canceled."""
        while True:
            await self.step()
            await asyncio.sleep(LOOKS_EVERY)

    async def step(self) -> None:
        """Look, and send the next signal if it is time."""
        seen = await self._store.read(self._look)
        if not is_due(seen):
            return
        try:
            signal = await self._next(seen.now)
        except VenueUnavailable:
            return
        if seen.trading is TradingState.ACTIVE:
            await self._turn_the_page(seen.now)
        self._sent_at = self._clock()
        await self._send(signal)

    async def _turn_the_page(self, now: datetime) -> None:
        """Before a scene is sent, so that it never is twice. One that a stopped desk will refuse stays."""
        shock = _shock(self._progress.scene, now)
        self._progress = self._progress.after(shock, now)
        await asyncio.to_thread(self._progress.write, self._path)
        if shock is not None:
            self._prices.shake(shock)

    def _look(self, tx: Transaction) -> Seen:
        return Seen(
            now=self._clock(),
            started_at=self._started_at,
            sent_at=self._sent_at,
            first_round=self._progress.played < len(SCENES),
            trading=tx.trading().state,
            tickets=tx.tickets.newest(limit=_ENOUGH_TICKETS),
        )

    async def _next(self, now: datetime) -> dict[str, str]:
        scene = self._progress.scene
        held = await self._store.read(lambda tx: tx.positions.open())
        symbol = about(scene, held)
        quote = await self._market.fresh_quote(VENUE, symbol)
        instrument = self._market.instrument(VENUE, symbol)
        assert instrument is not None, "a market with a price is known"
        return body(scene, quote, instrument.price_step, now)


def _shock(scene: Scene, now: datetime) -> Shock | None:
    if scene.shock is None:
        return None
    return Shock(asset=assets(scene.symbol)[0], at=now + SHAKEN_AFTER, share=scene.shock)
