"""The lists people ask for and turn the pages of: each page is named by a subject, and read anew.

`/history` says `history:`, its button `Older` says `history:` and the id it goes on before. What is read
is shown by `lists.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from bot.pictures import ResultPicture
from bot.telegram import lists
from bot.telegram.front import Front, Reply
from bot.telegram.lists import PAGE, Paged
from execution import reports
from execution.equity import day_start
from execution.reports import PositionView, TicketView
from execution.results import Results, results
from execution.store import Transaction
from execution.types import TicketState

Page = Callable[[Front, str], Awaitable[Reply]]


async def page(front: Front, subject: str) -> Reply:
    """One page as it is now."""
    name, _, where = subject.partition(":")
    return await PAGES[name](front, where)


def is_one(subject: str) -> bool:
    """Whether a subject names a page."""
    return subject.partition(":")[0] in PAGES


async def _pending(front: Front, where: str) -> Reply:
    def read(tx: Transaction) -> Sequence[TicketView]:
        found = tx.tickets.in_state(TicketState.PENDING)
        return reports.ticket_views(tx, found, reports.exchanges(front.market))

    shown = _part("pending", await front.store.read(read), where)
    face = lists.waiting(front.mode, shown, front.look, short=await front.shorten())
    return Reply(face=face, subject="pending:")


async def _orders(front: Front, where: str) -> Reply:
    views = await front.store.read(lambda tx: reports.on_their_way(tx, front.market))
    shown = _part("orders", views, where)
    face = lists.working(front.mode, shown, short=await front.shorten())
    return Reply(face=face, subject="orders:")


async def _history(front: Front, before: str) -> Reply:
    def read(tx: Transaction) -> Sequence[TicketView]:
        found = tx.tickets.newest(limit=PAGE + 1, before=before or None)
        return reports.ticket_views(tx, found, reports.exchanges(front.market))

    views = await front.store.read(read)
    shown = Paged(
        views=views[:PAGE],
        older=f"history:{views[PAGE - 1].ticket.id}" if len(views) > PAGE else None,
        newest="history:" if before else None,
    )
    face = lists.history(front.mode, shown, front.look, short=await front.shorten())
    return Reply(face=face, subject="history:")


async def _positions(front: Front, where: str) -> Reply:
    return await positions(front)


async def positions(
    front: Front, *, asked: str | None = None, tapped_at: datetime | None = None
) -> Reply:
    """What is held; of the one `asked` for the button is to be confirmed."""

    def read(tx: Transaction) -> Sequence[PositionView]:
        start = day_start(tx.now, front.look.zone)
        return reports.positions(tx, front.market, start)

    views = await front.store.read(read)
    face = lists.held(front.mode, views, asked=asked, tapped_at=tapped_at)
    return Reply(face=face, subject="positions:")


async def _pnl(front: Front, span: str) -> Reply:
    days = int(span)

    def read(tx: Transaction) -> Results:
        today = day_start(tx.now, front.look.zone)
        first = today.date() - timedelta(days=days - 1)
        return results(
            tx.positions.realized_since(today - timedelta(days=days)),
            [payment for _, payment in tx.payments.since(today - timedelta(days=days))],
            first=first,
            last=today.date(),
            zone=front.look.zone,
            rate=front.market.price,
            currency=front.look.currency,
        )

    found = await front.store.read(read)
    picture = ResultPicture(mode=front.mode, currency=found.currency, days=tuple(found.days))
    face = lists.result(front.mode, found, span=days)
    return Reply(face=face, subject=f"pnl:{span}", picture=picture)


PAGES: dict[str, Page] = {
    "pending": _pending,
    "orders": _orders,
    "history": _history,
    "positions": _positions,
    "pnl": _pnl,
}


def _part(name: str, views: Sequence[TicketView], where: str) -> Paged:
    """A page of a short list that is read whole; `where` counts what came before."""
    start = int(where or 0)
    return Paged(
        views=views[start : start + PAGE],
        older=f"{name}:{start + PAGE}" if len(views) > start + PAGE else None,
        newest=f"{name}:" if start else None,
    )
