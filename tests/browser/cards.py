"""`make cards`: every state of a card and every other message as a phone shows them, in artifacts/, to be looked at.

What the tests hold to the letter is shown here as people see it, light and dark.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Browser, ViewportSize
from telegram import Bot
from telegram.constants import ParseMode

from bot import house
from bot.drawing import draw
from bot.pictures import Picture, ResultPicture
from bot.playground import Playground, serve
from bot.telegram import cards, daily, figures, limits, lists, messages, replies, trail
from bot.telegram.chat import keyboard
from bot.telegram.faces import Face
from execution.events import Event, EventKind
from execution.reports import DayView, TicketView, Trail
from execution.results import Results
from execution.types import Mode
from tests.bot.playground.conftest import client
from tests.bot.telegram import (
    test_cards,
    test_details,
    test_doubts,
    test_limits,
    test_messages,
    test_replies,
    views,
)
from tests.bot.telegram.views import LOOK, SHORT, at
from tests.bot.test_charts import candles, picture
from tests.browser.chromium import NONE_FOUND, PHONE, Scheme, chromium, opened
from tests.desk import TOML, settings_in
from tests.flows.setup import GROUP, PEOPLE, ROOT, TOKEN

KEPT = ROOT / "artifacts"
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
SHARPNESS = 2
ON_A_SCREEN = 3
"""Messages shown in one picture."""


@dataclass(frozen=True)
class Shown:
    """A message of the gallery."""

    face: Face
    picture: Picture | None = None


async def main() -> None:
    """Post each group of messages in a chat of its own, and photograph it."""
    KEPT.mkdir(exist_ok=True)
    async with chromium() as browser:
        if browser is None:
            raise SystemExit(NONE_FOUND)
        for group, shown in gallery():
            for start in range(0, len(shown), ON_A_SCREEN):
                name = f"card-{group}-{start // ON_A_SCREEN + 1}"
                await photographed(browser, name, shown[start : start + ON_A_SCREEN])


async def photographed(browser: Browser, name: str, several: list[Shown]) -> None:
    """These messages in one chat, on a phone as tall as they need."""
    chat = Playground(":memory:", token=TOKEN, chat_id=GROUP, people=PEOPLE, clock=lambda: at(72))
    async with serve(chat) as url, client(url, TOKEN) as bot:
        for shown in several:
            await post(bot, shown)
        for scheme in SCHEMES:
            phone = await opened(browser, url, scheme=scheme, sharpness=SHARPNESS)
            height = await phone.page.evaluate(
                """() => {
                    const it = document.querySelector("main");
                    return innerHeight - it.clientHeight + it.scrollHeight;
                }"""
            )
            whole: ViewportSize = {"width": PHONE["width"], "height": height}
            await phone.page.set_viewport_size(whole)
            await phone.page.screenshot(path=KEPT / f"{name}-{scheme}.png")
            await phone.page.context.close()
    await chat.close()


async def post(bot: Bot, shown: Shown) -> None:
    """Send it as the bot does."""
    face = shown.face
    tokens = {button: button.label for row in face.buttons for button in row}
    text, buttons = figures.unbroken(face.text), keyboard(face, tokens)
    if shown.picture is None:
        await bot.send_message(GROUP, text, ParseMode.HTML, reply_markup=buttons)
    else:
        png = draw(shown.picture)
        await bot.send_photo(GROUP, png, text, parse_mode=ParseMode.HTML, reply_markup=buttons)


def gallery() -> Iterator[tuple[str, list[Shown]]]:
    """Every group of messages, by name."""
    yield "states", [of_ticket(view) for view, _, _ in test_cards.CARDS.values()]
    for name, faces in (
        ("messages", test_messages.FACES),
        ("details", test_details.FACES),
        ("replies", test_replies.FACES),
    ):
        yield name, [Shown(face) for face, _, _ in faces.values()]
    stuck = test_doubts.stuck()
    unproved = [test_doubts.told(stuck), test_doubts.told(stuck, confirming=True)]
    yield "doubts", [Shown(face) for face in unproved]
    yield "asked", list(asked())
    yield "lists", list(listed())


def of_ticket(view: TicketView) -> Shown:
    """A card with its picture."""
    terms = view.ticket.terms
    face = cards.card(view, LOOK, short=SHORT, equity=Decimal(10_000))
    if terms is None:
        return Shown(face)
    return Shown(
        face,
        picture(
            mode=view.ticket.mode,
            side=terms.side,
            candles=candles(100, start="61840"),
            entry=terms.price,
            worst=terms.worst_price,
            stop=terms.stop_loss,
            targets=tuple(target.price for target in terms.take_profit),
            last=terms.reference,
            test=terms.test,
        ),
    )


def asked() -> Iterator[Shown]:
    """A card that is a test, a reminder, what came of an edit, the limits."""
    waiting = test_cards.CARDS["waiting for the second of two approvals"][0]
    yield of_ticket(waiting.evolve(ticket=views.ticket(terms=views.terms(test=True)), votes=()))
    silent = {"tg:1111": "Olga", "tg:3333": None}
    yield Shown(messages.reminder(waiting, LOOK, silent, short=SHORT))
    yield Shown(replies.edited(waiting, "Asked again as revision 2.", short=SHORT))
    yield Shown(replies.not_a_change(Mode.LIVE, "limit is not a number."))
    toml = TOML.replace("[risk]\nmax_order_notional = 1000\n", test_limits.ALL)
    with TemporaryDirectory() as folder:
        config = house.config(settings_in(Path(folder), toml=toml))
    used = replace(test_limits.NOTHING, open_orders=3, orders_last_minute=1)
    yield Shown(limits.limits(Mode.LIVE, config, used, now=at(72)))


def listed() -> Iterator[Shown]:
    """What commands list."""
    views = [view for view, _, _ in test_cards.CARDS.values()]
    pending = [view for view in views if view.ticket.state == "pending"]
    working = [view for view in views if view.ticket.state == "working"]
    positions = test_replies.STATUS.positions

    def short(_: str) -> str:
        return SHORT

    yield Shown(lists.waiting(Mode.LIVE, lists.Paged(views=pending[:3]), LOOK, short=short))
    yield Shown(lists.working(Mode.LIVE, lists.Paged(views=working[:3]), short=short))
    yield Shown(lists.history(Mode.LIVE, lists.Paged(views=views[-8:]), LOOK, short=short))
    yield Shown(lists.held(Mode.LIVE, positions))
    days = [(date(2026, 11, 14) + timedelta(n), Decimal(r)) for n, r in enumerate(RESULTS)]
    found = Results(
        currency="USDT",
        days=days,
        symbols=[("BTC/USDT", Decimal("48.2")), ("ETH/USDT", Decimal("-9.04"))],
        apart={},
        exits=9,
        gains=6,
    )
    result = ResultPicture(mode=Mode.LIVE, currency="USDT", days=tuple(days))
    yield Shown(lists.result(Mode.LIVE, found, span=7), result)
    yield Shown(the_day())
    yield from map(Shown, trail.pages(the_trail(), LOOK, short=SHORT))


RESULTS = ("12.4", "-3.1", "0", "-14.6", "21.9", "8.06", "14.5")


def the_day() -> Face:
    """The daily message."""
    status = test_replies.STATUS
    view = DayView(
        mode=status.mode,
        trading=status.trading,
        venues=status.venues,
        unknown=0,
        working=status.working,
        positions=status.positions,
        yesterday={"USDT": Decimal("31.2")},
        today={},
    )
    shorts = {ticket.ticket.id: SHORT for ticket in view.working}
    head = (4211, "9f8e7d6c5b4a39281706f5e4d3c2b1a0")
    return daily.daily(view, LOOK, at=at(72), undelivered=0, head=head, shorts=shorts)


def the_trail() -> Trail:
    """Who did what, of a ticket that is partly filled."""
    view = test_cards.CARDS["partly filled"][0]
    ticket, order, fill = view.ticket, view.orders[0], view.fills[0]
    told = (
        (0, EventKind.TICKET_PENDING, {"required": "1", "rule": "default"}),
        (72, EventKind.VOTE, {"vote": "approve", "revision": "1", "name": "Ana"}),
        (72, EventKind.TICKET_APPROVED, {"rule": "default"}),
        (72, EventKind.ORDER_PLANNED, {"price": str(order.price), "amount": str(order.amount)}),
        (72, EventKind.ORDER_SENDING, {}),
        (72, EventKind.ORDER_WORKING, {}),
        (74, EventKind.FILL, {"fill": fill.id, "amount": str(fill.amount), "price": str(fill.price)}),
    )  # fmt: skip
    events = [
        Event(
            seq=seq,
            at=at(after),
            kind=kind,
            ticket=ticket.id,
            order=order.id,
            actor=None,
            data=data,
            mac="",
        )
        for seq, (after, kind, data) in enumerate(told, start=1)
    ]
    return Trail(view=view, events=events, names={}, repeats={})


if __name__ == "__main__":
    asyncio.run(main())
