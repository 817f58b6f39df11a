"""Taps on buttons, what the bot answers, and how the person who tapped sees it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import BadRequest

from bot.playground import Button, CallbackAnswer
from tests.bot.playground.conftest import GROUP

KEYBOARD = InlineKeyboardMarkup([[InlineKeyboardButton("Approve 2 490 USDT", callback_data="t:1")]])
TOO_OLD = "Query is too old and response timeout expired or query id is invalid"


@pytest.fixture
async def card(bot, playground):
    await bot.send_message(GROUP, "card", reply_markup=KEYBOARD)
    return playground.messages[-1]


async def test_a_tap_reaches_the_bot_and_its_answer_the_person(bot, playground, card):
    answer = playground.tap(card, "Approve", by=2222)
    (update,) = await bot.get_updates()
    query = update.callback_query
    assert (query.data, query.from_user.id, query.message.text) == ("t:1", 2222, "card")
    await query.answer("Approved.", show_alert=True)
    assert await answer == CallbackAnswer("Approved.", alert=True)
    assert playground.malformed == []


async def test_an_answer_without_text_ends_the_wait(bot, playground, card):
    answer = playground.tap(card, "Approve", by=2222)
    (update,) = await bot.get_updates()
    await update.callback_query.answer()
    assert await answer == CallbackAnswer(None)


async def test_answering_twice_is_accepted_and_the_first_answer_stands(bot, playground, card):
    answer = playground.tap(card, "Approve", by=2222)
    (update,) = await bot.get_updates()
    await update.callback_query.answer("first")
    await update.callback_query.answer("second")
    assert (await answer).text == "first"


async def test_unknown_and_old_queries_are_refused(bot, playground, card, clock):
    with pytest.raises(BadRequest, match=TOO_OLD):
        await bot.answer_callback_query("77")
    playground.tap(card, "Approve", by=2222)
    (update,) = await bot.get_updates()
    clock.advance(61)
    with pytest.raises(BadRequest, match=TOO_OLD):
        await update.callback_query.answer("too late")


async def test_an_answer_is_at_most_200_units(bot, playground, card):
    playground.tap(card, "Approve", by=2222)
    (update,) = await bot.get_updates()
    with pytest.raises(BadRequest, match="Message_too_long"):
        await update.callback_query.answer("a" * 201)
    await update.callback_query.answer("a" * 200)


async def test_an_old_keyboard_and_a_forged_button_can_be_tapped(bot, playground, card):
    await bot.edit_message_text("decided", GROUP, card.id)
    playground.tap(card, "Approve", by=2222)
    playground.tap(replace(card, chat_id=2222), Button("x", data="forged"), by=4444)
    old, forged = await bot.get_updates()
    assert (old.callback_query.data, old.callback_query.from_user.id) == ("t:1", 2222)
    assert (forged.callback_query.data, forged.callback_query.message.chat.id) == ("forged", 2222)


async def test_a_tap_on_a_button_that_is_not_there_names_those_that_are(playground, card):
    with pytest.raises(LookupError, match="Approve 2 490 USDT"):
        playground.tap(card, "Reject", by=2222)


async def test_a_tap_can_be_a_strangers_or_anonymous(bot, playground, card):
    playground.tap(card, "Approve", by=5555, name="Mallory")
    playground.tap(card, "Approve", by=1111, anonymous=True)
    stranger, anonymous = await bot.get_updates()
    assert stranger.callback_query.from_user.first_name == "Mallory"
    assert anonymous.callback_query.from_user.username == "GroupAnonymousBot"
