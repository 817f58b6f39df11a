"""What the buttons of the whole desk are about, so that a tap on one does something."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

from bot.telegram import exits
from bot.telegram.limiting import DRAWDOWN
from bot.telegram.panel import PANEL
from bot.telegram.pausing import ENTRIES
from execution import pairs
from execution.desk import Person
from execution.equity import Standing
from execution.events import EventKind
from execution.limits import SetLimit
from execution.store import Transaction
from execution.types import TicketState
from tests.clock import NOW
from tests.desk import OLGA, FrontDesk
from tests.waiting import until

OLGA_HERSELF = Person(id=f"tg:{OLGA}", name="Olga")
JUST_NOW = str(int(NOW.timestamp()))
"""The argument of a button that confirms, right after the first tap."""


async def a_resting_entry(desk: FrontDesk) -> str:
    """An order of ours rests that may still add exposure."""
    await desk.resting_order()
    return ENTRIES


async def a_blocked_pair(desk: FrontDesk) -> str:
    """Entries in the pair of a resting order wait for an owner."""
    order = await desk.resting_order()
    await desk.side.store.write(lambda tx: pairs.block(tx, order, "it does not add up."))
    (block,) = desk.read(lambda tx: tx.pairs.all())
    return f"pair:{block.entry}"


async def a_looser_limit(desk: FrontDesk) -> str:
    """An owner wants larger orders allowed."""
    wanted = SetLimit(key="max_order_notional", value=Decimal(2000))
    asked = await desk.side.desk.change_limit(wanted, person=OLGA_HERSELF)
    return f"limit:{asked.question}"


async def the_panel(desk: FrontDesk) -> str:
    """The pinned message with the button that halts."""
    return PANEL


def a_first_tap(by: int) -> Callable[[FrontDesk], Awaitable[str]]:
    """Somebody has just tapped Kill."""

    async def tapped(desk: FrontDesk) -> str:
        desk.front.panel.kill(Person(id=f"tg:{by}", name="somebody"), desk.clock())
        return PANEL

    return tapped


async def a_drawdown(desk: FrontDesk) -> str:
    """The accounts were read, and hold less than they did."""

    def work(tx: Transaction) -> None:
        lower = Standing(at=tx.now, equity=Decimal(900), mark=Decimal(1000))
        tx.accounts.stand(lower)

    await desk.side.store.write(work)
    return DRAWDOWN


async def a_position(desk: FrontDesk) -> str:
    """What an order of ours bought, and has not sold."""
    ticket = await desk.new_ticket(source="straight", amount=Decimal("0.01"))
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    (position,) = desk.read(lambda tx: tx.positions.open())
    return exits.subject(position.venue, position.symbol)


async def a_halt_with_a_position(desk: FrontDesk) -> str:
    """The desk is halted, and holds something."""
    await a_position(desk)
    await desk.side.desk.halt(person=OLGA_HERSELF, reason="")
    subject = f"halt:{desk.head()[0]}"
    await until(lambda: desk.read(lambda tx: tx.journal.count(EventKind.HALT_TAKEN)))
    return subject
