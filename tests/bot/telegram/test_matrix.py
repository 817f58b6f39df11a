"""Who may do what: every command, button and question by everybody who could try, through Telegram's own server.

Each cell says what is answered, and that nothing is stored where nothing may be. What a handler declares is
all it takes to be here; one that declares nothing does not start (`commands`, `taps`, `typed`).
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bot.playground import CallbackAnswer, ChatInfo, Message
from bot.playground.records import Button as ChatButton
from bot.playground.records import Change, Json
from bot.telegram import commands, replies, taps, typed
from bot.telegram.faces import Action
from execution.approval import Role
from execution.desk import Person
from tests.bot.telegram.subjects import (
    JUST_NOW,
    a_blocked_pair,
    a_drawdown,
    a_first_tap,
    a_halt_with_a_position,
    a_looser_limit,
    a_position,
    a_resting_entry,
    the_panel,
)
from tests.desk import ANA, GROUP, OLGA, SAM, VIC, FrontDesk, front_desk
from tests.waiting import until

OTHER_GROUP, CHANNEL, OTHER_TOPIC = -1009999999999, -1005555555555, 77
ROLES: Mapping[int, Role | None] = {
    OLGA: Role.OWNER, ANA: Role.APPROVER, VIC: Role.VIEWER, SAM: None,
}  # fmt: skip
NAMES = {OLGA: "owner", ANA: "approver", VIC: "viewer", SAM: "stranger"}
OLGA_HERSELF = Person(id=f"tg:{OLGA}", name="Olga")
NOT_ON_THE_LIST = "You are not on this desk's list."
UNKNOWN = "This is not known here any more."
BOOKKEEPING = {"buttons", "posts", "cursors"}
"""Tables of what the chat shows and has been told; everything else is the desk."""

cells: Counter[tuple[str, str]] = Counter()
"""Every cell that was tried, by what was tried and what came of it."""


@pytest.fixture(scope="module", autouse=True)
def counted() -> Iterator[None]:
    """Print how many cells there were."""
    yield
    for (what, verdict), count in sorted(cells.items()):
        Console().print(f"{what}: {verdict} {count}")
    Console().print(f"{sum(cells.values())} cells")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path) as built:
        yield built


def stored(desk: FrontDesk) -> dict[str, list[Any]]:
    """Everything the desk has stored, table by table."""
    with sqlite3.connect(desk.folder / "countersign.db") as raw:
        found = raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        tables = {name for (name,) in found} - BOOKKEEPING
        rows = {name: raw.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
    raw.close()
    return rows


def bring(desk: FrontDesk, kind: str, body: Json) -> None:
    """An update as Telegram would make it."""
    chat = desk.playground.chat
    number = chat.storage.new_update_id()
    chat.storage.save_update(number, {"update_id": number, kind: body})
    chat.tell(Change("update"))


# --- commands and typed replies ---------------------------------------------------------------------


def by_channel_post(desk: FrontDesk, text: str, to: int | None) -> None:
    channel = {"id": CHANNEL, "type": "channel", "title": "News"}
    body = {"message_id": 1, "date": 1, "chat": channel, "sender_chat": channel, "text": text}
    bring(desk, "channel_post", body)


def by_linked_channel(desk: FrontDesk, text: str, to: int | None) -> None:
    """What a channel posts appears in its discussion group by itself."""
    chat, channel = desk.playground.chat, {"id": CHANNEL, "type": "channel", "title": "News"}
    message = chat.json(chat.post(GROUP, chat.sender(SAM), text, reply_to=to))
    origin = {"type": "channel", "chat": channel, "message_id": 9, "date": 1}
    telegram = {"id": 777000, "is_bot": False, "first_name": "Telegram"}
    more = {"is_automatic_forward": True, "forward_origin": origin, "sender_chat": channel}
    bring(desk, "message", message | more | {"from": telegram})


def by_name_of_a_chat(desk: FrontDesk, text: str, to: int | None) -> None:
    """An owner's own id, but said in the name of the group."""
    chat = desk.playground.chat
    message = chat.json(chat.post(GROUP, chat.sender(OLGA), text, reply_to=to))
    bring(desk, "message", message | {"sender_chat": message["chat"]})


def by_edit(desk: FrontDesk, text: str, to: int | None) -> None:
    chat = desk.playground.chat
    message = chat.json(chat.post(GROUP, chat.sender(OLGA), text, reply_to=to))
    bring(desk, "edited_message", message | {"edit_date": 2})


def by_forwarding(desk: FrontDesk, text: str, to: int | None) -> None:
    chat = desk.playground.chat
    message = chat.json(chat.post(GROUP, chat.sender(OLGA), text, reply_to=to))
    origin = {"type": "user", "sender_user": {"id": OLGA, "is_bot": False, "first_name": "O"}}
    bring(desk, "message", message | {"forward_origin": origin | {"date": 1}})


def saying(by: int, **how: Any) -> Callable[[FrontDesk, str, int | None], None]:
    def say(desk: FrontDesk, text: str, to: int | None) -> None:
        desk.playground.say(text, by=by, reply_to=to, **how)

    return say


Write = Callable[[FrontDesk, str, int | None], None]
WRITERS: Mapping[str, Write] = {
    "viewer": saying(VIC),
    "stranger": saying(SAM),
    "anonymous admin": saying(OLGA, anonymous=True),
    "as the group": by_name_of_a_chat,
    "as a channel": saying(OLGA, sender_chat=ChatInfo(CHANNEL, "Olga")),
    "channel post": by_channel_post,
    "linked channel": by_linked_channel,
    "edited": by_edit,
    "forwarded": by_forwarding,
    "other chat": saying(OLGA, chat_id=OTHER_GROUP),
    "stranger in private": saying(SAM, chat_id=SAM),
    "private": saying(OLGA, chat_id=OLGA),
    "other topic": saying(OLGA, thread_id=OTHER_TOPIC),
    "approver": saying(ANA),
    "owner": saying(OLGA),
}
KNOWN = {name: ROLES[id] for id, name in NAMES.items()}
NOBODY_HERE = {"stranger"}
"""In the chat, but nobody: they learn what anybody there may know."""
HIDDEN = {"anonymous admin", "as the group", "as a channel"}
"""Perhaps somebody, who is to write as themselves."""
NOT_HOME = {"private", "other topic"}
ANSWERED, NOT_ALLOWED, POINTER, SILENCE = "answered", "not allowed", "pointer", "silence"
AS_YOURSELF = "as yourself"
SAYS = {
    NOT_ALLOWED: "needs the role",
    POINTER: "works in the desk's own chat only",
    AS_YOURSELF: "Nothing was done: whoever writes as the group or as a channel is nobody here.",
}


def due(who: str, needs: Role | None, *, anywhere: bool) -> str:
    """What a command must come to."""
    if who in NOT_HOME:
        return ANSWERED if anywhere else POINTER
    if who in HIDDEN:
        return AS_YOURSELF
    if who in NOBODY_HERE:
        return SILENCE if needs is not None else ANSWERED
    role = KNOWN.get(who)
    if role is None:
        return SILENCE
    return ANSWERED if needs is None or role.includes(needs) else NOT_ALLOWED


async def came_of(desk: FrontDesk, write: Callable[[], None]) -> tuple[list[str], bool]:
    """What the bot said to something that somebody wrote, and whether anything was stored."""
    before, said = stored(desk), len(desk.said)
    write()
    await desk.heard()
    return [message.text for message in desk.said[said:]], stored(desk) != before


async def brought_again(desk: FrontDesk, write: Callable[[], None]) -> tuple[list[str], bool]:
    """What comes of an update that was taken, when Telegram brings it to the next process again."""
    await desk.stop("intake")
    write()
    (raw,) = desk.playground.chat.storage.updates(limit=1)
    await desk.start("intake")
    await desk.heard()
    await desk.restart()

    def again() -> None:
        desk.playground.chat.storage.save_update(raw["update_id"], raw)

    before, said = stored(desk), len(desk.said)
    again()
    await desk.start("intake")
    await desk.heard()
    return [message.text for message in desk.said[said:]], stored(desk) != before


DECLARED = {command.name: command.role for command in replies.COMMANDS}
NARROWER = {f"{one.name} {one.arguments.split()[0]}": one.role for one in replies.NARROWER}
WORDS = {
    "close": "BTC/USDT 50%",
    "adopt": "BTC/USDT 0.01 60000",
    "pnl": "7",
    "limits set": "max_open_orders 3",
    "limits reset": "max_open_orders",
}


@pytest.mark.parametrize("name", [*commands.HANDLERS, *NARROWER])
async def test_command(desk: FrontDesk, name: str) -> None:
    await desk.start("trading")
    ticket = await desk.new_ticket()
    if name == "close":
        await a_position(desk)
    await desk.stop("trading")
    desk.playground.add_group(OTHER_GROUP)
    await desk.start("intake")
    if name == "pnl":  # a picture, from a process that takes its time to start
        await desk.chat.charts.warm()
    words = ticket.id if name in {"audit", "cancel"} else WORDS.get(name, "")
    text = f"/{name} {words}".strip()
    anywhere = name in commands.ANYWHERE
    # Who may is last, so that what they do is still to be done by those who may not.
    verdicts = {who: due(who, (DECLARED | NARROWER)[name], anywhere=anywhere) for who in WRITERS}
    for who in sorted(verdicts, key=lambda one: verdicts[one] == ANSWERED):
        desk.clock.advance(1)
        texts, changed = await came_of(desk, lambda who=who: WRITERS[who](desk, text, None))  # type: ignore[misc]
        verdict = verdicts[who]
        cells["commands", verdict] += 1
        if verdict == ANSWERED:
            assert texts or changed, who
            continue
        assert not changed, who
        assert len(texts) == (verdict != SILENCE), (who, texts)
        assert SAYS.get(verdict, "") in "".join(texts), who
    assert await brought_again(desk, lambda: WRITERS["owner"](desk, text, None)) == ([], False)
    cells["commands", "brought again: silence"] += 1
    assert desk.playground.malformed == []


@pytest.mark.parametrize("word", list(typed.HANDLERS))
async def test_typed_reply(desk: FrontDesk, word: str) -> None:
    """A question of ours is answered by who may, in the place where it was asked."""
    needs, _ = typed.HANDLERS[word]
    await desk.start("trading")
    question = await QUESTIONS[word](desk)
    await desk.stop("trading")
    desk.playground.add_group(OTHER_GROUP)
    verdicts = {who: due(who, needs, anywhere=False) for who in WRITERS}
    # A reply is found by the message it answers: elsewhere there is no such message.
    verdicts |= {"private": SILENCE, "other topic": ANSWERED} | dict.fromkeys(HIDDEN, SILENCE)
    for who in sorted(verdicts, key=lambda one: verdicts[one] == ANSWERED):
        reply = WRITERS[who]
        texts, changed = await came_of(desk, lambda r=reply: r(desk, ANSWERS[word], question.id))  # type: ignore[misc]
        cells["typed replies", verdicts[who]] += 1
        if verdicts[who] == ANSWERED:
            assert texts or changed, who
            continue
        assert not changed, who
        assert len(texts) == (verdicts[who] == NOT_ALLOWED), (who, texts)


async def asks_for_an_id(desk: FrontDesk) -> Message:
    order = await desk.stuck_order()
    button = await desk.button_about(Action.NAME_ID, f"ticket:{order.ticket}", revision=1)
    await desk.start("intake")
    await desk.tap(desk.playground.say("a message", by=SAM), button, by=OLGA)
    await desk.heard()
    return desk.said[-1]


async def asks_what_should_change(desk: FrontDesk) -> Message:
    ticket = await desk.new_ticket()
    button = await desk.button("edit", ticket)
    await desk.start("intake")
    await desk.tap(desk.playground.say("a message", by=SAM), button, by=OLGA)
    await desk.heard()
    return desk.said[-1]


async def asks_what_should_change_of_an_order(desk: FrontDesk) -> Message:
    order = await desk.resting_order()
    button = await desk.button_about(Action.EDIT, f"ticket:{order.ticket}", revision=1)
    await desk.start("intake")
    await desk.tap(desk.playground.say("a message", by=SAM), button, by=OLGA)
    await desk.heard()
    return desk.said[-1]


async def is_a_card(desk: FrontDesk) -> Message:
    ticket = await desk.new_ticket()
    await desk.start("intake", "notifier")
    card = await desk.card(ticket)
    await desk.stop("notifier")
    return card


QUESTIONS: Mapping[str, Callable[[FrontDesk], Awaitable[Message]]] = {
    "name_id": asks_for_an_id,
    "edit": asks_what_should_change,
    "replace": asks_what_should_change_of_an_order,
    "ticket": is_a_card,
}
"""How each message that takes a typed reply comes about; one without an entry fails here."""
ANSWERS = {"name_id": "12345", "edit": "0.001", "replace": "0.001", "ticket": "0.001"}


# --- buttons ----------------------------------------------------------------------------------------


async def of_a_ticket(desk: FrontDesk) -> str:
    return f"ticket:{(await desk.new_ticket()).id}"


async def of_a_refused_ticket(desk: FrontDesk) -> str:
    return f"ticket:{(await desk.new_ticket(notional='54000')).id}"


async def of_a_resting_order(desk: FrontDesk) -> str:
    return f"ticket:{(await desk.resting_order()).ticket}"


async def of_an_unproved_order(desk: FrontDesk) -> str:
    return f"ticket:{(await desk.stuck_order()).ticket}"


async def of_a_proved_halt(desk: FrontDesk) -> str:
    await desk.side.desk.halt(person=OLGA_HERSELF, reason="")

    def proved() -> bool:
        desk.clock.advance(1)
        halt = desk.read(lambda tx: tx.trading()).halt
        return halt is not None and halt.verified_at is not None

    await until(proved, timeout_s=8)
    return f"resume:{desk.read(lambda tx: tx.trading()).generation}"


async def of_the_status(desk: FrontDesk) -> str:
    return "status"


async def of_a_list(desk: FrontDesk) -> str:
    return "pending:"


async def of_a_posted_card(desk: FrontDesk) -> str:
    ticket = await desk.new_ticket()
    await desk.start("notifier")
    await desk.card(ticket)
    await desk.stop("notifier")
    return f"ticket:{ticket.id}"


Subject = Callable[[FrontDesk], Awaitable[str]]
SUBJECTS: Mapping[Action, Subject] = {
    Action.CANCEL_REST: of_a_resting_order,
    Action.PROPOSE: of_a_refused_ticket,
    Action.CONFIRM_RESUME: of_a_proved_halt,
    Action.LOOK_AGAIN: of_an_unproved_order,
    Action.MARK_ABSENT: of_an_unproved_order,
    Action.CONFIRM_ABSENT: of_an_unproved_order,
    Action.NAME_ID: of_an_unproved_order,
    Action.REFRESH_STATUS: of_the_status,
    Action.PAGE: of_a_list,
    Action.SHOW_CARD: of_a_posted_card,
    Action.REPLACE: of_a_resting_order,
    Action.CANCEL_ENTRIES: a_resting_entry,
    Action.RELEASE_PAIR: a_blocked_pair,
    Action.CONFIRM_RELEASE: a_blocked_pair,
    Action.CONFIRM_LIMIT: a_looser_limit,
    Action.RESET_DRAWDOWN: a_drawdown,
    Action.KILL: the_panel,
    Action.CONFIRM_KILL: a_first_tap(OLGA),
    Action.REFRESH_PANEL: the_panel,
    Action.SHOW_STATUS: the_panel,
    Action.FLATTEN: a_halt_with_a_position,
    Action.CONFIRM_FLATTEN: a_halt_with_a_position,
    Action.CLOSE: a_position,
    Action.CONFIRM_CLOSE: a_position,
}
"""What a button is about, so that a tap by somebody who may does something; else a ticket that waits."""
ARGUMENTS = {
    Action.RESIZE: "0.001",
    Action.REPLACE: "0.001",
    Action.PROPOSE: "100",
    Action.CONFIRM_ABSENT: "0",
    Action.CONFIRM_FLATTEN: JUST_NOW,
    Action.CONFIRM_CLOSE: JUST_NOW,
}
OF_A_REVISION = {Action.APPROVE, Action.REJECT, Action.HALF, Action.RESIZE, Action.EDIT}
"""What people decide on: only as the card last said it."""


def forbidden(needs: Role, role: Role | None) -> str | None:
    """What the pop-up says to somebody of this role; None where it lets them in."""
    if role is None:
        return NOT_ON_THE_LIST
    if role.includes(needs):
        return None
    return "You can look, not approve." if needs is Role.APPROVER else "Only for owners."


@pytest.mark.parametrize("action", list(Action))
async def test_button(desk: FrontDesk, action: Action) -> None:
    needs, _ = taps.HANDLERS[action]
    await desk.start("trading")
    subject = await SUBJECTS.get(action, of_a_ticket)(desk)
    await desk.stop("trading")
    await desk.start("intake")
    desk.playground.say("/status", by=VIC)  # a message of the bot's own, for what edits it
    here = await desk.playground.wait_for_text("up ")
    desk.playground.add_group(OTHER_GROUP)
    there = desk.playground.say("a message", by=SAM, chat_id=OTHER_GROUP)
    alone = desk.playground.say("a message", by=OLGA, chat_id=OLGA)

    async def made(**how: Any) -> ChatButton:
        given = {"revision": 1, "argument": ARGUMENTS.get(action, "")} | how
        return await desk.button_about(action, subject, **given)

    button, foreign = await made(), await made(place=OTHER_GROUP)
    random = ChatButton("forged", data="01JD4N5V8Y3QW6T1ZC9GHB7F3K")
    worded = ChatButton("forged", data=f"{action}:{subject}")

    async def tried(
        what: str, on: Message, what_on: ChatButton, due: str | None, **how: Any
    ) -> CallbackAnswer:
        before = stored(desk)
        answer = await desk.tap(on, what_on, **({"by": OLGA} | how))
        await desk.heard()
        cells["buttons", what] += 1
        if due is not None:
            assert answer == CallbackAnswer(due, alert=True), what
            assert stored(desk) == before, what
        return answer

    await tried("forged by a stranger: not on the list", here, random, NOT_ON_THE_LIST, by=SAM)
    await tried("forged: unknown", here, random, UNKNOWN)
    await tried("forged words: unknown", here, worded, UNKNOWN)
    await tried("token of another chat: unknown", here, foreign, UNKNOWN)
    await tried("in another chat: unknown", there, button, UNKNOWN)
    await tried("forwarded to another chat: unknown", there, foreign, UNKNOWN)
    await tried("in private: unknown", alone, button, UNKNOWN)
    await tried("anonymous: not on the list", here, button, NOT_ON_THE_LIST, anonymous=True)
    may = [id for id, role in ROLES.items() if forbidden(needs, role) is None]
    for id in ROLES.keys() - set(may):
        await tried("role: not allowed", here, button, forbidden(needs, ROLES[id]), by=id)
    if action in OF_A_REVISION:
        old = await made(revision=0)
        late = "Changed since: look at revision 1."
        for id in may:
            await tried("stale revision: changed since", here, old, late, by=id)
    for id in may:
        answer = await tried("role: let in", here, button, None, by=id)
        refusals = {NOT_ON_THE_LIST, UNKNOWN, "You can look, not approve.", "Only for owners."}
        assert answer.text not in refusals, (NAMES[id], answer)
    await no_repeat(desk, here, button)
    assert desk.playground.malformed == []


async def no_repeat(desk: FrontDesk, here: Message, button: ChatButton) -> None:
    """The last tap again, as an update that the next process is brought once more."""

    def tap() -> None:
        desk.playground.tap(here, button, by=OLGA)

    said, changed = await brought_again(desk, tap)
    cells["buttons", "brought again: nothing"] += 1
    assert (said, changed) == ([], False)


def test_every_handler_declares_who_may() -> None:
    """What is not declared cannot be run: there is no handler beside these tables."""
    assert set(DECLARED) == set(commands.HANDLERS)
    assert set(taps.HANDLERS) == set(Action)
    assert set(typed.HANDLERS) == set(QUESTIONS) == set(ANSWERS)
    assert all(isinstance(needs, Role) for needs, _ in taps.HANDLERS.values())
    assert all(isinstance(needs, Role) for needs, _ in typed.HANDLERS.values())
    assert {name for name, role in DECLARED.items() if role is None} == {"help", "whoami"}
