"""Sending, editing and answering through a real bot: what arrives, and how trouble is sorted."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from bot.playground import CallbackAnswer
from bot.telegram.chat import (
    Away,
    Full,
    Gone,
    Later,
    Moved,
    Refused,
    Sent,
    TelegramChat,
    telegram_bot,
)
from bot.telegram.faces import Action, Button, ButtonStyle, Face
from bot.telegram.pace import Urgency
from tests.bot.playground.conftest import picture
from tests.desk import ANA, GROUP, OLGA, TOKEN, FrontDesk

GO = Button(label="Go", action=Action.APPROVE, value=Decimal(1), style=ButtonStyle.SUCCESS)
STOP = Button(label="Stop", action=Action.REJECT)
TOKENS = {GO: "token-1", STOP: "token-2"}
PLAIN = Face(text="<b>Head</b> &amp; line")
ASKING = Face(text="<b>Sure?</b>", buttons=((GO,), (STOP,)))


@pytest.fixture
def room(desk: FrontDesk) -> TelegramChat:
    return desk.chat.room


async def test_text_is_said_in_the_desks_own_chat(desk: FrontDesk, room: TelegramChat) -> None:
    sent = await room.say(PLAIN, {})
    (message,) = desk.said
    assert sent == Sent(place=GROUP, number=message.id)
    assert (message.chat_id, message.text, message.silent) == (GROUP, "Head & line", False)
    assert message.entities == ({"type": "bold", "offset": 0, "length": 4},)


async def test_buttons_carry_their_token_and_nothing_else(
    desk: FrontDesk, room: TelegramChat
) -> None:
    await room.say(ASKING, TOKENS)
    rows = desk.said[0].keyboard
    assert [[(b.text, b.data, b.style) for b in row] for row in rows] == [
        [("Go", "token-1", "success")],
        [("Stop", "token-2", "")],
    ]


async def test_picture_stands_above_its_text(desk: FrontDesk, room: TelegramChat) -> None:
    await room.say(ASKING, TOKENS, picture=picture(), silent=True)
    (message,) = desk.said
    assert message.photo is not None
    assert (message.text, message.labels, message.silent) == ("Sure?", ["Go", "Stop"], True)


async def test_message_goes_where_it_is_told_and_replies(
    desk: FrontDesk, room: TelegramChat
) -> None:
    asked = desk.playground.say("hello", by=ANA, chat_id=ANA)
    await room.say(PLAIN, {}, place=ANA, reply_to=asked.id)
    assert (desk.said[0].chat_id, desk.said[0].reply_to) == (ANA, asked.id)


async def test_reply_to_a_message_that_is_gone_is_said_all_the_same(
    desk: FrontDesk, room: TelegramChat
) -> None:
    await room.say(PLAIN, {}, reply_to=987)
    assert desk.said[0].reply_to is None


@pytest.mark.parametrize("with_picture", [False, True])
async def test_edit_changes_text_and_buttons_in_place(
    desk: FrontDesk, room: TelegramChat, with_picture: bool
) -> None:
    sent = await room.say(ASKING, TOKENS, picture=picture() if with_picture else None)
    await room.change(sent, PLAIN, {}, has_picture=with_picture)
    (message,) = desk.said
    assert (message.text, message.labels) == ("Head & line", [])
    assert (message.photo is not None) == with_picture


async def test_text_gets_its_picture_later(desk: FrontDesk, room: TelegramChat) -> None:
    sent = await room.say(ASKING, TOKENS)
    await room.change(sent, ASKING, TOKENS, has_picture=False, picture=picture())
    (message,) = desk.said
    assert message.photo is not None
    assert (message.text, message.labels) == ("Sure?", ["Go", "Stop"])


async def test_edit_that_changes_nothing_is_no_error(room: TelegramChat) -> None:
    sent = await room.say(ASKING, TOKENS)
    await room.change(sent, ASKING, TOKENS, has_picture=False)


async def test_tap_is_answered_with_a_toast_an_alert_or_nothing(
    desk: FrontDesk, room: TelegramChat
) -> None:
    await room.say(ASKING, TOKENS)
    async with room.bot as bot:
        for text, alert, seen in (
            ("Done.", False, CallbackAnswer("Done.")),
            ("Look.", True, CallbackAnswer("Look.", alert=True)),
            ("", False, CallbackAnswer(None)),
        ):
            tap = desk.playground.tap(desk.said[0], "Go", by=OLGA)
            update = (await bot.get_updates(offset=-1, timeout=5))[-1]
            assert update.callback_query is not None
            await room.answer(update.callback_query.id, text, alert=alert)
            assert await tap == seen


async def test_too_late_an_answer_to_a_tap_is_refused_for_good(room: TelegramChat) -> None:
    with pytest.raises(Refused, match="too old"):
        await room.answer("12345", "Done.")


async def test_message_that_is_gone_is_told_apart(desk: FrontDesk, room: TelegramChat) -> None:
    sent = await room.say(PLAIN, {})
    desk.playground.chat.delete(desk.said[0])
    with pytest.raises(Gone):
        await room.change(sent, ASKING, TOKENS, has_picture=False)


async def test_refusal_is_for_good(desk: FrontDesk, room: TelegramChat) -> None:
    desk.playground.faults.error(
        "sendMessage", status=400, description="Bad Request: can't parse entities"
    )
    with pytest.raises(Refused) as caught:
        await room.say(PLAIN, {})
    assert not isinstance(caught.value, Gone)


async def test_bot_that_was_put_out_of_the_chat_says_it_when_it_is_back(
    desk: FrontDesk, room: TelegramChat
) -> None:
    desk.playground.faults.error(
        "sendMessage", status=403, description="Forbidden: bot was kicked from the supergroup chat"
    )
    with pytest.raises(Later, match="bot was kicked"):
        await room.say(PLAIN, {})


@pytest.mark.parametrize(
    "description", ["chat not found", "message thread not found", "TOPIC_CLOSED"]
)
async def test_chat_that_is_not_there_is_for_later(
    desk: FrontDesk, room: TelegramChat, description: str
) -> None:
    """A wrong id or a closed topic is mended by people; nothing is lost meanwhile."""
    desk.playground.faults.error(
        "sendMessage", status=400, description=f"Bad Request: {description}"
    )
    with pytest.raises(Later, match="refuses the chat"):
        await room.say(PLAIN, {})


async def test_group_that_moved_says_where_to(desk: FrontDesk, room: TelegramChat) -> None:
    desk.playground.chat.migrate(-1009876543210)
    with pytest.raises(Moved) as caught:
        await room.say(PLAIN, {})
    assert caught.value.to == -1009876543210


@pytest.mark.parametrize(
    ("status", "description", "seconds"),
    [(500, "Internal Server Error", 2), (502, "Bad Gateway", 2), (401, "Unauthorized", 30)],
)
async def test_trouble_is_for_later(
    desk: FrontDesk, room: TelegramChat, status: int, description: str, seconds: float
) -> None:
    desk.playground.faults.error("sendMessage", status=status, description=description)
    with pytest.raises(Later) as caught:
        await room.say(PLAIN, {})
    assert caught.value.seconds == seconds
    assert "123456" not in str(caught.value), "no token in what is logged"


@pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")
async def test_pause_is_as_long_as_telegram_asked(desk: FrontDesk, room: TelegramChat) -> None:
    desk.playground.faults.error(
        "sendMessage", status=429, description="Too Many Requests", retry_after=17
    )
    with pytest.raises(Later) as caught:
        await room.say(PLAIN, {})
    assert caught.value.seconds == 17


@pytest.mark.parametrize("fault", ["lose_call", "lose_answer"])
async def test_lost_connection_is_for_later(
    desk: FrontDesk, room: TelegramChat, fault: str
) -> None:
    getattr(desk.playground.faults, fault)("sendMessage")
    with pytest.raises(Later):
        await room.say(PLAIN, {})
    assert len(desk.said) == (1 if fault == "lose_answer" else 0)


async def test_what_found_no_connection_takes_no_room(desk: FrontDesk) -> None:
    """However often it was tried while Telegram was away, all of the room is there afterwards."""
    nowhere = TelegramChat(telegram_bot(TOKEN, "http://127.0.0.1:9"), chat_id=GROUP, topic_id=0)
    for _ in range(20):
        with pytest.raises(Away):
            await nowhere.say(PLAIN, {}, urgency=Urgency.EDIT)
    await nowhere.close()


async def test_nothing_is_asked_for_which_there_is_no_room(
    desk: FrontDesk, room: TelegramChat
) -> None:
    """What has waited longest is not what decides: a halt still finds room."""
    for _ in range(9):
        await room.say(PLAIN, {})
    for _ in range(3):
        with pytest.raises(Full) as caught:
            await room.say(PLAIN, {})
        assert 0 < caught.value.seconds <= 10
    assert desk.playground.count("sendMessage") == 9
    await room.say(PLAIN, {}, urgency=Urgency.HALT)
    assert len(desk.said) == 10


@pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")
async def test_during_a_pause_nothing_is_asked(desk: FrontDesk, room: TelegramChat) -> None:
    sent = await room.say(PLAIN, {})
    desk.playground.faults.error(
        "editMessageText", status=429, description="Too Many Requests", retry_after=17, times=1
    )
    with pytest.raises(Later):
        await room.change(sent, ASKING, TOKENS, has_picture=False)
    with pytest.raises(Full):
        await room.say(PLAIN, {}, urgency=Urgency.HALT)
    assert desk.playground.count("sendMessage") == 1


async def test_calls_at_the_same_time_do_not_wait_for_each_other(
    desk: FrontDesk, room: TelegramChat
) -> None:
    """The pool holds more than one connection: a slow edit does not stop an answer."""
    sent = await room.say(PLAIN, {})
    desk.playground.faults.hold("editMessageText")
    slow = [
        asyncio.create_task(room.change(sent, Face(text=f"version {n}"), {}, has_picture=False))
        for n in range(4)
    ]
    await room.say(PLAIN, {})
    assert not any(task.done() for task in slow)
    desk.playground.faults.clear()
    await asyncio.gather(*slow)


async def test_no_call_has_a_parameter_that_telegram_does_not_know(
    desk: FrontDesk, room: TelegramChat
) -> None:
    sent = await room.say(ASKING, TOKENS, topic=5, reply_to=1, picture=picture(), silent=True)
    await room.change(sent, PLAIN, {}, has_picture=True)
    await room.change(sent, ASKING, TOKENS, has_picture=True, picture=picture(width=60))
    assert desk.playground.malformed == []
