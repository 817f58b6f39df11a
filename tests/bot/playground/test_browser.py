"""The page's HTTP: state, events, saying and tapping, and who is turned away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, InputMediaPhoto

from bot.playground import Playground, PlaygroundPerson, SignalDoor, browser, serve
from tests.bot.playground.conftest import GROUP, PEOPLE, TOKEN, Clock, client, picture

KEYBOARD = InlineKeyboardMarkup(
    [
        [
            InlineKeyboardButton("Approve", callback_data="a", style="success"),
            InlineKeyboardButton("Docs", url="https://example.org"),
        ]
    ]
)


@pytest.fixture
async def page(url) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, verify=False) as page:
        yield page


async def test_the_page_and_its_files_are_served_under_a_strict_policy(page):
    for path, kind in (
        ("/", "text/html"),
        ("/playground/page/chat.css", "text/css"),
        ("/playground/page/chat.js", "text/javascript"),
    ):
        answer = await page.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
    for path in ("/playground/page/chat.py", "/playground/page/..%2fserver.py"):
        assert (await page.get(path)).status_code == 404


async def test_the_page_loads_nothing_from_elsewhere(page):
    names = [path.name for path in (Path(browser.__file__).parent / "page").iterdir()]
    assert len(names) > 10
    for name in names:
        text = (await page.get(f"/playground/page/{name}")).text
        assert "//" not in text.replace("http://www.w3.org/2000/svg", "").replace("// ", ""), name


async def test_the_state_tells_all_the_page_shows(bot, page):
    await bot.set_my_commands([("status", "Where things stand")])
    card = await bot.send_photo(
        GROUP, picture(), caption="<b>LIVE</b> &lt;", parse_mode="HTML", reply_markup=KEYBOARD
    )
    await bot.pin_chat_message(GROUP, card.message_id)
    state = (await page.get("/playground/state")).json()
    (message,) = state["messages"]
    photo = message.pop("photo")
    assert message == {
        "id": card.message_id,
        "chat": GROUP,
        "from": {"id": bot.id, "name": "Countersign", "bot": True},
        "date": "2026-11-20T14:30:00+00:00",
        "edited": None,
        "text": "LIVE <",
        "html": "<b>LIVE</b> &lt;",
        "buttons": [
            [
                {"text": "Approve", "style": "success", "url": "", "copy_text": ""},
                {"text": "Docs", "style": "", "url": "https://example.org", "copy_text": ""},
            ]
        ],
        "reply_to": None,
        "pinned": True,
        "silent": False,
        "force_reply": False,
    }
    assert (photo["width"], photo["height"]) == (40, 30)
    shown = await page.get(photo["url"])
    assert (shown.headers["content-type"], shown.content) == ("image/png", picture())
    assert state["people"][1] == {"id": 2222, "name": "Ana", "role": "approver"}
    assert state["commands"]["2222"]["group"][0]["command"] == "status"
    assert state["group"] == {"id": GROUP, "title": "Trading desk"}
    assert state["signals"] is None


async def test_the_state_offers_the_door_for_signals_where_there_is_one():
    door = SignalDoor("/signals/demo/secret", ("BTC/USDT", "ETH/USDT"))
    playground = Playground(
        ":memory:", token=TOKEN, chat_id=GROUP, people=PEOPLE, clock=Clock(), signals=door
    )
    async with serve(playground) as url, httpx.AsyncClient(base_url=url, verify=False) as page:
        state = (await page.get("/playground/state")).json()
    assert state["signals"] == {"url": door.url, "symbols": ["BTC/USDT", "ETH/USDT"]}
    await playground.close()


async def test_the_state_holds_the_newest_500_messages_and_what_is_pinned(bot, page, playground):
    pinned = playground.say("the rules", by=1111)
    gone = playground.say("long ago", by=1111)
    await bot.pin_chat_message(GROUP, pinned.id)
    newest = [playground.say(f"message {n}", by=2222).id for n in range(500)]
    state = (await page.get("/playground/state")).json()
    shown = [message["id"] for message in state["messages"]]
    assert shown == [pinned.id, *newest]
    assert gone.id not in shown
    await bot.unpin_chat_message(GROUP)
    state = (await page.get("/playground/state")).json()
    assert [message["id"] for message in state["messages"]] == newest


async def test_a_new_command_menu_is_told_to_the_open_page(bot, page):
    async with page.stream("GET", "/playground/events") as stream:
        events = events_of(stream)
        await anext(events)
        await bot.set_my_commands([("status", "Where things stand")])
        kind, menus = await anext(events)
    assert kind == "commands"
    assert menus == (await page.get("/playground/state")).json()["commands"]
    assert menus["3333"]["group"] == [{"command": "status", "description": "Where things stand"}]


async def test_pictures_of_two_demos_have_different_addresses(bot, page):
    """Browsers keep a picture for a year; a demo that was reset counts from one again."""
    other = Playground(":memory:", token=TOKEN, chat_id=GROUP, people=PEOPLE, clock=Clock())
    async with serve(other) as url, client(url) as again:
        await bot.send_photo(GROUP, picture(width=50))
        await again.send_photo(GROUP, picture(width=60))
        async with httpx.AsyncClient(base_url=url, verify=False) as later:
            states = [(await one.get("/playground/state")).json() for one in (page, later)]
    one, two = (state["messages"][0]["photo"]["url"] for state in states)
    assert one != two
    await other.close()


async def test_a_photo_that_is_not_there_is_not_found(page):
    for name in ("photo-7", "photo-7-0123456789ab", "photo-x", "photo-%C2%B2"):
        assert (await page.get(f"/playground/photo/{name}")).status_code == 404


async def test_events_follow_messages_edits_deletions_and_what_the_bot_is_busy_with(
    bot, page, playground
):
    async with page.stream("GET", "/playground/events") as stream:
        events = events_of(stream)
        assert (await anext(events))[0] == "hello"
        card = await bot.send_message(GROUP, "card", reply_markup=KEYBOARD)
        kind, message = await anext(events)
        assert (kind, message["text"], message["buttons"][0][0]["text"]) == (
            "new",
            "card",
            "Approve",
        )
        await bot.edit_message_media(InputMediaPhoto(picture(), caption="c"), GROUP, card.id)
        kind, message = await anext(events)
        assert (kind, message["text"], message["photo"]["width"]) == ("edited", "c", 40)
        await bot.send_chat_action(GROUP, "upload_photo")
        assert await anext(events) == ("action", {"chat": GROUP, "action": "upload_photo"})
        playground.say("hello", by=2222)
        kind, message = await anext(events)
        assert (kind, message["from"]["name"]) == ("new", "Ana")
        await bot.delete_message(GROUP, card.id)
        assert await anext(events) == ("deleted", {"id": card.id, "chat": GROUP})


async def test_streams_end_when_the_playground_hangs_up(page, playground):
    async with page.stream("GET", "/playground/events") as stream:
        events = events_of(stream)
        await anext(events)
        playground.hang_up()
        with pytest.raises(StopAsyncIteration):
            await anext(events)


async def test_saying_on_the_page_reaches_the_bot(bot, page):
    card = await bot.send_message(GROUP, "card")
    said = {"as": 2222, "text": "  1200 ", "reply_to": card.message_id}
    assert (await page.post("/playground/say", json=said)).status_code == 200
    private = {"as": 2222, "text": "/help", "chat": 2222}
    assert (await page.post("/playground/say", json=private)).status_code == 200
    reply, help_command = await bot.get_updates()
    assert reply.message.text == "1200"
    assert reply.message.reply_to_message.message_id == card.message_id
    assert help_command.message.chat.type == "private"


async def test_tapping_on_the_page_returns_the_bots_answer(bot, page):
    card = await bot.send_message(GROUP, "card", reply_markup=KEYBOARD)
    tap = {"as": 2222, "message": card.message_id, "row": 0, "column": 0, "label": "Approve"}
    tapping = asyncio.create_task(page.post("/playground/tap", json=tap))
    (update,) = await bot.get_updates(timeout=10)
    await update.callback_query.answer("Approved.", show_alert=True)
    assert (await tapping).json() == {"answer": "Approved.", "alert": True}


@pytest.mark.parametrize(
    ("path", "change", "field"),
    [
        ("say", {"as": 9999}, "as"),
        ("say", {"as": "2222"}, "as"),
        ("say", {"text": " "}, "text"),
        ("say", {"text": "a" * 4097}, "text"),
        ("say", {"text": "\U0001f680" * 2049}, "text"),
        ("say", {"text": 5}, "text"),
        ("say", {"chat": 1111}, "chat"),
        ("say", {"reply_to": 999}, "reply_to"),
        ("tap", {"as": 9999}, "as"),
        ("tap", {"message": 999}, "message"),
        ("tap", {"row": 5}, "row, column"),
        ("tap", {"column": -1}, "row, column"),
        ("tap", {"column": 1}, "row, column"),
        ("tap", {"label": "Reject"}, "row, column"),
    ],
)
async def test_wrong_input_is_refused_by_name_and_reaches_nobody(bot, page, path, change, field):
    card = await bot.send_message(GROUP, "card", reply_markup=KEYBOARD)
    body = {"say": {"as": 2222, "text": "a"}, "tap": {"as": 2222, "row": 0, "column": 0}}[path]
    body = body | ({"message": card.message_id} if path == "tap" else {}) | change
    answer = await page.post(f"/playground/{path}", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert await bot.get_updates() == ()


async def test_a_form_another_site_could_post_is_not_understood(page, playground):
    text = json.dumps({"as": 2222, "text": "/kill"})
    answer = await page.post(
        "/playground/say", content=text, headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 422
    assert playground.messages == []


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "192.168.1.7:8080"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_other_hosts_and_other_sites_are_turned_away(page, playground, headers):
    """DNS rebinding shows in Host, a request from another site in Origin or Sec-Fetch-Site."""
    said = await page.post("/playground/say", json={"as": 1111, "text": "/kill"}, headers=headers)
    sent = await page.get(f"/bot{TOKEN}/getUpdates", headers=headers)
    seen = await page.get("/playground/state", headers=headers)
    assert [answer.status_code for answer in (said, sent, seen)] == [403, 403, 403]
    assert playground.messages == []
    assert playground.calls == []


async def test_the_pages_own_requests_are_taken(page, url, playground):
    headers = {"origin": url, "sec-fetch-site": "same-origin"}
    answer = await page.post("/playground/say", json={"as": 1111, "text": "a"}, headers=headers)
    assert answer.status_code == 200
    assert (await page.get("/", headers={"host": "localhost:8080"})).status_code == 200
    assert len(playground.messages) == 1


async def test_the_app_can_be_mounted_behind_other_routes(playground):
    app = FastAPI(routes=[Route("/healthz", lambda request: PlainTextResponse("alive"))])
    app.mount("/", playground.app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8080") as page:
        assert (await page.get("/healthz")).text == "alive"
        assert (await page.get("/")).headers["content-type"].startswith("text/html")
        assert (await page.get("/playground/state")).json()["messages"] == []
        assert (await page.get(f"/bot{TOKEN}/getMe")).json()["ok"]


async def test_a_caller_from_another_machine_is_turned_away(playground):
    transport = httpx.ASGITransport(playground.app, client=("192.168.1.7", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as stranger:
        assert (await stranger.get("/playground/state")).status_code == 403


async def test_hostile_names_and_texts_stay_text():
    hostile = "<img src=x onerror=alert(1)>"
    people = [PlaygroundPerson(2222, hostile)]
    playground = Playground(":memory:", token=TOKEN, chat_id=GROUP, people=people, clock=Clock())
    async with serve(playground) as url, httpx.AsyncClient(base_url=url, verify=False) as page:
        await page.post("/playground/say", json={"as": 2222, "text": f"{hostile} /x"})
        (message,) = (await page.get("/playground/state")).json()["messages"]
    assert message["from"]["name"] == hostile
    assert message["html"] == (
        '&lt;img src=x onerror=alert(1)&gt; <button type="button" class="command">/x</button>'
    )
    await playground.close()


async def events_of(stream: httpx.Response) -> AsyncIterator[tuple[str, dict]]:
    """The named events of a stream with their data."""
    name = ""
    async for line in stream.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        if line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))
