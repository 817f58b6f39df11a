"""Sending, editing and deleting through the real client, with Telegram's limits and error texts."""

from __future__ import annotations

import httpx
import pytest
from telegram import (
    CopyTextButton,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    ReplyParameters,
)
from telegram.error import BadRequest, InvalidToken, NetworkError

from tests.bot.playground.conftest import GROUP, TOKEN, client, picture

ONE_BUTTON = InlineKeyboardMarkup([[InlineKeyboardButton("Approve", callback_data="a")]])


async def refusal(awaitable):
    """What Telegram said, as the client shows it."""
    with pytest.raises(BadRequest) as caught:
        await awaitable
    return caught.value.message


async def test_a_message_keeps_text_entities_buttons_and_topic(bot, playground):
    buttons = [
        [
            InlineKeyboardButton("Approve 2 490 USDT", callback_data="t:1", style="success"),
            InlineKeyboardButton("Copy", copy_text=CopyTextButton("T-7F3K")),
        ],
        [InlineKeyboardButton("Docs", url="https://example.org")],
    ]
    sent = await bot.send_message(
        GROUP,
        "<b>LIVE</b> · BUY",
        parse_mode="HTML",
        message_thread_id=7,
        disable_notification=True,
        reply_markup=InlineKeyboardMarkup(buttons),
    )
    assert (sent.text, sent.message_thread_id, sent.chat.id) == ("LIVE · BUY", 7, GROUP)
    assert sent.reply_markup.inline_keyboard[0][0].style == "success"
    stood = playground.messages[-1]
    assert stood.labels == ["Approve 2 490 USDT", "Copy", "Docs"]
    assert stood.button("Approve").data == "t:1"
    assert stood.button("Copy").copy_text == "T-7F3K"
    assert stood.silent
    assert playground.malformed == []


async def test_a_photo_keeps_size_and_caption(bot, playground):
    sent = await bot.send_photo(
        GROUP, picture(width=40, height=30), caption="<i>c</i>", parse_mode="HTML"
    )
    assert (sent.photo[0].width, sent.photo[0].height, sent.caption) == (40, 30, "c")
    again = await bot.send_photo(GROUP, sent.photo[0].file_id)
    assert again.photo[0].file_id == sent.photo[0].file_id
    assert playground.malformed == []


async def test_a_text_message_becomes_a_photo_and_its_caption_is_edited(bot, playground):
    card = await bot.send_message(GROUP, "card", reply_markup=ONE_BUTTON)
    media = InputMediaPhoto(picture(), caption="<b>card</b>", parse_mode="HTML")
    pictured = await bot.edit_message_media(media, GROUP, card.id, reply_markup=ONE_BUTTON)
    assert pictured.message_id == card.message_id
    assert pictured.photo
    assert pictured.caption == "card"
    edited = await bot.edit_message_caption(GROUP, card.id, caption="working")
    assert edited.caption == "working"
    assert edited.reply_markup is None
    assert playground.messages[-1].edited_at is not None
    assert playground.malformed == []


async def test_text_and_caption_edits_are_for_their_own_kind(bot):
    text = await bot.send_message(GROUP, "text")
    photo = await bot.send_photo(GROUP, picture(), caption="c")
    assert (
        await refusal(bot.edit_message_text("new", GROUP, photo.id))
        == "There is no text in the message to edit"
    )
    assert (
        await refusal(bot.edit_message_caption(GROUP, text.id, caption="new"))
        == "There is no caption in the message to edit"
    )


async def test_an_edit_that_changes_nothing_is_refused(bot):
    message = await bot.send_message(GROUP, "<b>a</b>", parse_mode="HTML", reply_markup=ONE_BUTTON)
    same = bot.edit_message_text(
        "<b>a</b>", GROUP, message.id, parse_mode="HTML", reply_markup=ONE_BUTTON
    )
    assert (await refusal(same)).startswith(
        "Message is not modified: specified new message content"
    )
    same = bot.edit_message_reply_markup(GROUP, message.id, reply_markup=ONE_BUTTON)
    assert (await refusal(same)).startswith("Message is not modified")


async def test_the_keyboard_can_be_edited_alone_and_goes_when_not_given(bot, playground):
    message = await bot.send_message(GROUP, "a", reply_markup=ONE_BUTTON)
    other = InlineKeyboardMarkup([[InlineKeyboardButton("Reject", callback_data="r")]])
    await bot.edit_message_reply_markup(GROUP, message.id, reply_markup=other)
    assert playground.messages[-1].labels == ["Reject"]
    await bot.edit_message_text("b", GROUP, message.id)
    assert playground.messages[-1].labels == []


async def test_only_messages_of_the_bot_that_exist_can_be_edited(bot, playground):
    theirs = playground.say("hello", by=2222)
    assert await refusal(bot.edit_message_text("x", GROUP, theirs.id)) == "Message can't be edited"
    assert await refusal(bot.edit_message_text("x", GROUP, 999)) == "Message to edit not found"
    mine = await bot.send_message(2222, "private")
    assert await refusal(bot.edit_message_text("x", GROUP, mine.id)) == "Message to edit not found"


async def test_deleting_and_pinning(bot, playground):
    message = await bot.send_message(GROUP, "a")
    await bot.pin_chat_message(GROUP, message.id, disable_notification=True)
    assert playground.messages[-1].pinned
    await bot.unpin_chat_message(GROUP, message.id)
    assert not playground.messages[-1].pinned
    assert await refusal(bot.unpin_chat_message(GROUP)) == "Message to unpin not found"
    await bot.delete_message(GROUP, message.id)
    assert playground.messages == []
    assert await refusal(bot.delete_message(GROUP, message.id)) == "Message to delete not found"
    assert await refusal(bot.pin_chat_message(GROUP, message.id)) == "Message to pin not found"


async def test_text_limits_count_utf16_units_after_parsing(bot):
    rocket = "\U0001f680"
    await bot.send_message(GROUP, f"<b>{rocket * 2048}</b>", parse_mode="HTML")
    too_long = rocket * 2048 + "a"
    assert await refusal(bot.send_message(GROUP, too_long)) == "Message is too long"
    short = await bot.send_message(GROUP, "short")
    assert await refusal(bot.edit_message_text(too_long, GROUP, short.id)) == "Message_too_long"


async def test_caption_limits_count_utf16_units_after_parsing(bot):
    photo = await bot.send_photo(GROUP, picture(), caption="a" * 1024)
    assert (
        await refusal(bot.send_photo(GROUP, picture(), caption="a" * 1025))
        == "Message caption is too long"
    )
    too_long = bot.edit_message_caption(GROUP, photo.id, caption="a" * 1025)
    assert await refusal(too_long) == "Media_caption_too_long"


@pytest.mark.parametrize("text", ["", "  \n ", "<b> </b>"])
async def test_an_empty_text_is_refused(bot, text):
    empty = bot.send_message(GROUP, text, parse_mode="HTML")
    assert await refusal(empty) == "Message text is empty"


async def test_broken_markup_is_refused_in_telegrams_words(bot):
    assert await refusal(bot.send_message(GROUP, "a <b>b", parse_mode="HTML")) == (
        "Can't parse entities: can't find end tag corresponding to start tag \"b\""
    )
    other = bot.send_message(GROUP, "*a*", parse_mode="MarkdownV2")
    assert await refusal(other) == "The playground only parses html, not markdownv2"


@pytest.mark.parametrize("data", ["x" * 65, "é" * 33])
async def test_callback_data_is_at_most_64_bytes(bot, data):
    markup = InlineKeyboardMarkup([[InlineKeyboardButton("a", callback_data=data)]])
    assert await refusal(bot.send_message(GROUP, "a", reply_markup=markup)) == "Button_data_invalid"


async def test_callback_data_of_64_bytes_is_taken(bot):
    markup = InlineKeyboardMarkup([[InlineKeyboardButton("a", callback_data="é" * 32)]])
    await bot.send_message(GROUP, "a", reply_markup=markup)


async def test_a_reply_carries_the_message_it_answers(bot, playground):
    card = await bot.send_photo(GROUP, picture(), caption="card")
    fill = await bot.send_message(
        GROUP, "Filled", reply_parameters=ReplyParameters(card.id), reply_markup=ForceReply()
    )
    assert fill.reply_to_message.caption == "card"
    assert playground.messages[-1].reply_to == card.message_id
    assert playground.messages[-1].force_reply


async def test_a_reply_to_nothing_is_refused_unless_allowed(bot):
    nothing = ReplyParameters(999)
    refused = bot.send_message(GROUP, "a", reply_parameters=nothing)
    assert await refusal(refused) == "Message to be replied not found"
    allowed = ReplyParameters(999, allow_sending_without_reply=True)
    sent = await bot.send_message(GROUP, "a", reply_parameters=allowed)
    assert sent.reply_to_message is None


async def test_unknown_chats_and_tokens_are_refused(bot, url):
    assert await refusal(bot.send_message(-1, "a")) == "Chat not found"
    stranger = client(url, "123456:wrong")
    with pytest.raises(InvalidToken):
        await stranger.initialize()
    await stranger.shutdown()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"not a picture", "Image_process_failed"),
        (picture(width=9000, height=1001), "Photo_invalid_dimensions"),
        (picture(width=210, height=10), "Photo_invalid_dimensions"),
    ],
)
async def test_pictures_telegram_cannot_show_are_refused(bot, data, problem):
    assert await refusal(bot.send_photo(GROUP, data)) == problem


async def test_a_picture_over_10_mb_is_refused(bot):
    with pytest.raises(NetworkError, match="Too Large"):
        await bot.send_photo(GROUP, picture() + bytes(10 * 1024 * 1024))


async def test_an_unknown_file_id_is_refused(bot):
    assert await refusal(bot.send_photo(GROUP, "photo-77")) == (
        "Wrong file identifier/http url specified"
    )


async def test_methods_take_json_forms_addresses_and_any_case(url, playground):
    async with httpx.AsyncClient(base_url=f"{url}/bot{TOKEN}") as http:
        as_json = await http.post("/sendMessage", json={"chat_id": GROUP, "text": "json"})
        as_form = await http.post("/sendmessage", data={"chat_id": GROUP, "text": "form"})
        as_query = await http.get("/SENDMESSAGE", params={"chat_id": GROUP, "text": "query"})
        unknown = await http.post("/sendCarrierPigeon")
        broken = await http.post(
            "/sendMessage", content=b"{", headers={"content-type": "application/json"}
        )
    assert [r.json()["ok"] for r in (as_json, as_form, as_query)] == [True] * 3
    assert [m.text for m in playground.messages] == ["json", "form", "query"]
    assert unknown.json() == {
        "ok": False,
        "error_code": 404,
        "description": "Not Found: method not found",
    }
    assert (broken.status_code, broken.json()["error_code"]) == (400, 400)


@pytest.mark.parametrize(
    ("values", "description"),
    [
        ({"text": "a"}, "Bad Request: chat_id is empty"),
        ({"chat_id": "@nobody", "text": "a"}, "Bad Request: chat not found"),
        ({"chat_id": GROUP}, "Bad Request: message text is empty"),
        (
            {"chat_id": GROUP, "text": "a", "reply_markup": "{"},
            "Bad Request: can't parse reply markup JSON object",
        ),
        (
            {"chat_id": GROUP, "text": "a", "reply_markup": "[]"},
            "Bad Request: object expected as reply markup",
        ),
        (
            {"chat_id": GROUP, "text": "a", "message_thread_id": "x"},
            "Bad Request: invalid message_thread_id specified",
        ),
        (
            {"chat_id": GROUP, "text": "a", "reply_markup": {"inline_keyboard": [[{"text": "b"}]]}},
            "Bad Request: can't parse inline keyboard button: "
            "Text buttons are unallowed in the inline keyboard",
        ),
    ],
)
async def test_wrong_parameters_are_refused_by_name(url, values, description):
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{url}/bot{TOKEN}/sendMessage", json=values)
    assert answer.json() == {"ok": False, "error_code": 400, "description": description}


async def test_parameters_the_bot_api_does_not_have_are_recorded(url, playground):
    markup = {"inline_keyboard": [[{"text": "a", "callback_data": "b", "colour": "red"}]]}
    values = {"chat_id": GROUP, "text": "a", "textt": "b", "reply_markup": markup}
    async with httpx.AsyncClient() as http:
        await http.post(f"{url}/bot{TOKEN}/sendMessage", json=values)
    assert playground.malformed == [
        "sendMessage: textt",
        "sendMessage: InlineKeyboardButton.colour",
    ]


async def test_ids_are_not_used_again_after_a_deletion(bot):
    first = await bot.send_message(GROUP, "a")
    await bot.delete_message(GROUP, first.id)
    second = await bot.send_message(GROUP, "b")
    assert second.id > first.id
