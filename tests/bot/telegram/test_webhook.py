"""Telegram's webhook: let in by its secret, answered after the commit, taken once, and on one path with polling."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot import parts
from bot.playground.records import Json
from bot.telegram.webhook import webhook
from bot.web import web
from execution.events import EventKind
from execution.types import TicketState, TradingState
from tests.desk import ANA, OLGA, TOML, FrontDesk, front_desk
from tests.doubles.telegram_webhook import Courier, couriered
from tests.waiting import until

SECRET = "a-secret-that-only-Telegram_shows"
URL = "https://desk.example/telegram"
SHOWN = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
BY_WEBHOOK = {
    "COUNTERSIGN_TELEGRAM__UPDATES": "webhook",
    "COUNTERSIGN_TELEGRAM__WEBHOOK_SECRET": SECRET,
    "COUNTERSIGN_WEB__PUBLIC_URL": "https://desk.example/",
}


async def _nothing() -> Any:
    raise AssertionError("this route asks for nothing else")


def door(desk: FrontDesk) -> httpx.AsyncClient:
    """Whoever reaches the process over HTTP."""
    hook = parts.hook(desk.settings)
    assert hook is not None
    routers = [webhook(desk.chat.intake, hook)]
    app = web(version="1", ready=_nothing, metrics=_nothing, routers=routers)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path, environ=BY_WEBHOOK) as built:
        yield built


@pytest.fixture
async def http(desk: FrontDesk) -> AsyncIterator[httpx.AsyncClient]:
    async with door(desk) as client:
        yield client


@pytest.fixture
async def courier(desk: FrontDesk, http: httpx.AsyncClient) -> AsyncIterator[Courier]:
    """Telegram brings updates, and the desk has set its webhook."""
    async with couriered(desk.playground, http) as running:
        await desk.start("intake", heard=False)
        await until(lambda: desk.chat.intake.reason is None)
        yield running


def kill_update(number: int = 77) -> Json:
    """Ana's `/kill`, as Telegram brings it."""
    chat = {"id": -1001234567890, "type": "supergroup", "title": "Trading desk"}
    who = {"id": ANA, "is_bot": False, "first_name": "Ana"}
    message = {"message_id": 1, "date": 1, "chat": chat, "from": who, "text": "/kill"}
    return {"update_id": number, "message": message}


def state(desk: FrontDesk) -> TradingState:
    return desk.read(lambda tx: tx.trading()).state


async def test_webhook_is_set_with_its_secret_and_updates_come_by_it(
    desk: FrontDesk, courier: Courier
) -> None:
    assert desk.playground.chat.webhook == {"url": URL, "secret_token": SECRET}
    (asked,) = [call for call in desk.playground.calls if call.method == "setWebhook"]
    assert json.loads(asked.values["allowed_updates"]) == ["message", "callback_query"]
    desk.playground.say("/whoami", by=OLGA)
    await desk.playground.wait_for_text("1111")
    assert courier.answers == [200]
    assert desk.playground.count("getUpdates") == 0
    assert desk.playground.malformed == []


async def test_tap_counts_as_it_does_by_polling(desk: FrontDesk, courier: Courier) -> None:
    await desk.start("trading", "notifier")
    ticket = await desk.new_ticket()
    card = await desk.card(ticket)
    assert (await desk.tap(card, "Approve", by=ANA)).text == (
        "Approved. Checked once more, then sent."
    )
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)


@pytest.mark.parametrize(
    "shown", [{}, {"X-Telegram-Bot-Api-Secret-Token": "guessed"}, SHOWN | {"x": "y"}], ids=range(3)
)
async def test_nobody_is_let_in_without_the_secret(
    desk: FrontDesk, http: httpx.AsyncClient, shown: dict[str, str]
) -> None:
    got = await http.post(URL, json=kill_update(), headers=shown)
    let_in = shown.get("X-Telegram-Bot-Api-Secret-Token") == SECRET
    assert got.status_code == (200 if let_in else 401)
    assert SECRET not in got.text
    assert state(desk) is (TradingState.HALTED if let_in else TradingState.ACTIVE)


async def test_answer_comes_only_after_the_commit(desk: FrontDesk, http: httpx.AsyncClient) -> None:
    """While nothing can be stored it is 503, and what is brought again is done then."""
    with desk.broken_database():
        got = await http.post(URL, json=kill_update(), headers=SHOWN)
        assert got.status_code == 503
    assert state(desk) is TradingState.ACTIVE
    got = await http.post(URL, json=kill_update(), headers=SHOWN)
    assert got.status_code == 200
    assert state(desk) is TradingState.HALTED


async def test_update_whose_answer_was_lost_is_brought_again_and_taken_once(
    desk: FrontDesk, courier: Courier
) -> None:
    courier.lose_answers = 2
    desk.playground.say("/whoami", by=OLGA)
    await until(lambda: len(courier.answers) == 3)
    await desk.chat.intake.stop()
    assert courier.answers == [200, 200, 200]
    assert len(desk.said) == 1


async def test_update_that_was_taken_before_a_restart_is_not_taken_again(desk: FrontDesk) -> None:
    asked = kill_update()
    asked["message"]["text"] = "/whoami"
    for _ in range(2):
        async with door(desk) as client:
            got = await client.post(URL, json=asked, headers=SHOWN)
            assert got.status_code == 200
        await desk.chat.intake.stop()
        await desk.restart()
    assert len(desk.said) == 1
    async with door(desk) as client:
        await client.post(URL, json=asked | {"update_id": 78}, headers=SHOWN)
    await desk.chat.intake.stop()
    assert len(desk.said) == 2


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"update_id": "x"', b'"x"', b"\xff"])
async def test_what_is_no_update_is_400_and_stops_nothing(
    desk: FrontDesk, http: httpx.AsyncClient, body: bytes
) -> None:
    got = await http.post(URL, content=body, headers=SHOWN)
    assert got.status_code == 400
    assert got.json()["detail"] == "The body is not an Update of the Bot API."


async def test_long_update_is_taken_and_an_endless_one_is_not(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    """Two long messages in one update exceed what other doors take; refused it would come for ever."""
    update = kill_update()
    update["message"]["reply_to_message"] = dict(update["message"], text="x" * 100_000)
    assert (await http.post(URL, json=update, headers=SHOWN)).status_code == 200
    assert state(desk) is TradingState.HALTED
    got = await http.post(URL, content=b"x" * (1024 * 1024 + 1), headers=SHOWN)
    assert got.status_code == 413


async def test_webhook_of_somebody_else_is_put_right_and_told(desk: FrontDesk) -> None:
    await desk.start("notifier")
    await desk.start("intake", heard=False)
    await until(lambda: desk.playground.chat.webhook)
    desk.playground.chat.set_webhook({"url": "https://thief.example", "secret_token": "x"})
    told = await desk.playground.wait_for_text("Not heard from")
    assert "Somebody set a webhook of their own" in told.text
    assert desk.playground.chat.webhook["url"] == URL


async def test_webhook_that_telegram_cannot_reach_is_trouble_until_it_can(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    away = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(502)))
    async with away, couriered(desk.playground, away):
        await desk.start("intake", heard=False)
        desk.playground.say("/whoami", by=OLGA)
        await until(lambda: "get through" in (desk.chat.intake.reason or ""))
        assert desk.chat.intake.reason == f"Telegram does not get through to {URL}: answer 502"
    async with couriered(desk.playground, http):
        await desk.playground.wait_for_text("1111")
        await until(lambda: desk.chat.intake.reason is None)


async def test_back_to_polling_the_webhook_is_taken_away_without_an_alarm(
    desk: FrontDesk, courier: Courier, tmp_path: Path
) -> None:
    await desk.stop("intake")
    folder = tmp_path / "polling"
    folder.mkdir()
    async with front_desk(folder, toml=TOML) as other:
        other.playground.chat.set_webhook(desk.playground.chat.webhook)
        other.playground.say("/whoami", by=OLGA)
        await other.start("intake", heard=False)
        await other.playground.wait_for_text("1111")
        assert other.playground.chat.webhook == {}
        assert other.read(lambda tx: tx.journal.last(EventKind.CHAT_LOST)) is None
