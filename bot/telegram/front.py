"""What commands and taps work with: the desk to ask, the rows to show, the chat to answer in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.notifier import undelivered
from bot.people import Somebody
from bot.pictures import ResultPicture
from bot.telegram import figures
from bot.telegram.faces import Face, Look
from bot.telegram.kill_button import PanelTaps
from bot.telegram.tokens import Buttons
from execution import reports
from execution.approval import Role
from execution.checks import Limits
from execution.config import Config
from execution.desk import Desk
from execution.market import Market
from execution.reports import ResumeView, StatusView, TicketView, Trail
from execution.snapshots import Moment, Used
from execution.store import Store, Transaction
from execution.store.limits import ChangedLimit
from execution.types import Mode, Ticket


@dataclass(frozen=True)
class LimitsNow:
    """The limits in force, and what counts towards them."""

    at: datetime
    limits: Limits
    used: Used
    changed: Mapping[str, ChangedLimit]
    """Those that were changed in the chat, by key."""


@dataclass(frozen=True)
class Front:
    """Everything a handler may use."""

    desk: Desk
    store: Store
    market: Market
    config: Config
    buttons: Buttons
    look: Look
    roles: Mapping[str, Role]
    version: str
    started_at: datetime
    clock: Callable[[], datetime]
    panel: PanelTaps = field(default_factory=PanelTaps)

    @property
    def mode(self) -> Mode:
        """The gravest mode of all venues: the badge of what is not about one ticket."""
        return reports.gravest(self.market)

    async def status(self) -> StatusView:
        """The truth at this moment."""
        return await self.store.read(self._status)

    def _status(self, tx: Transaction) -> StatusView:
        return reports.status(
            tx,
            self.market,
            version=self.version,
            started_at=self.started_at,
            zone=self.look.zone,
            undelivered=undelivered(tx),
        )

    async def plan(self) -> ResumeView:
        """What a resume would come to at this moment."""

        def read(tx: Transaction) -> ResumeView:
            return reports.resume(tx, self.market, self._status(tx))

        return await self.store.read(read)

    async def limits(self) -> LimitsNow:
        """The desk's limits at this moment, and how much of them is used."""

        def read(tx: Transaction) -> LimitsNow:
            moment = Moment(tx=tx, market=self.market, config=self.config)
            return LimitsNow(
                at=tx.now, limits=moment.limits, used=moment.used(), changed=tx.limits.all()
            )

        return await self.store.read(read)

    async def view(self, ticket_id: str) -> TicketView | None:
        """One ticket with everything about it."""

        def read(tx: Transaction) -> TicketView | None:
            ticket = tx.tickets.get(ticket_id)
            if ticket is None:
                return None
            return reports.ticket_views(tx, [ticket], reports.exchanges(self.market))[0]

        return await self.store.read(read)

    async def trail(self, ticket: Ticket) -> Trail:
        """Everything that was done with a ticket."""
        names = reports.exchanges(self.market)
        return await self.store.read(lambda tx: reports.trail(tx, ticket, names))

    async def tickets_named(self, typed: str) -> list[Ticket]:
        """What somebody may mean by `T-7F3K`, `7f3k` or a whole id, newest first."""
        return await self.store.read(lambda tx: tx.tickets.named(typed))

    async def shorten(self) -> Callable[[str], str]:
        """How people say a ticket's id now: as short as is clear among the newest."""
        others = await self.store.read(lambda tx: tx.tickets.recent_ids())
        return lambda id: figures.short_id(id, others)


@dataclass(frozen=True)
class Reply:
    """What a handler wants said: a new message, or an edit of the one that was tapped."""

    face: Face
    subject: str = "reply"
    revision: int = 0
    edits: bool = False
    more: tuple[Face, ...] = ()
    """What does not fit the first message, in order."""
    picture: ResultPicture | None = None
    """What is to be drawn above it."""
    to: int | None = None
    """The message of the same chat it replies to, where that is not the one that asked."""


@dataclass(frozen=True)
class Asked:
    """A command, by whom, with the words after it."""

    who: Somebody
    words: tuple[str, ...]
    key: str = ""
    """The message that asks: the same one asks the same thing, however often it comes."""
    at_home: bool = True
    """Whether it was typed where the desk speaks."""
