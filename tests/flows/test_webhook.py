"""The product by Telegram's webhook: cards, taps and `/kill` as by polling, over a restart, and back to polling."""

from __future__ import annotations

import httpx

from tests.doubles.telegram_webhook import couriered
from tests.flows.setup import APPROVER, OWNER, SOON, House
from tests.waiting import until

SECRET = "a-secret-that-only-Telegram_shows"
BY_WEBHOOK = {
    "telegram.updates": "webhook",
    "telegram.webhook_secret": SECRET,
    "web.public_url": "https://desk.example",
}


class Proxy(httpx.AsyncBaseTransport):
    """What stands before the desk: takes https, passes on the path."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host == "desk.example"
        content, headers = await request.aread(), request.headers
        shown = {name: headers[name] for name in ("x-telegram-bot-api-secret-token",)}
        answer = await self._house.http.post(request.url.path, content=content, headers=shown)
        return httpx.Response(answer.status_code, content=answer.content)


async def test_desk_is_run_by_webhook_over_a_restart_and_then_by_polling(house: House) -> None:
    house.set_price("60000")
    async with httpx.AsyncClient(transport=Proxy(house)) as outside:
        async with couriered(house.chat, outside) as courier:
            async with house.start(BY_WEBHOOK) as process:
                signal = await house.send(symbol="BTCUSDT", side="buy")
                await house.approve(signal)
                await house.ticket_in("done", signal)
                assert set(courier.answers) == {200}
                forged = await house.http.post("/telegram", json={"update_id": 1})
                assert forged.status_code == 401
                assert SECRET not in process.output()
            # Nobody answers now: what is said waits at Telegram, and is brought to the next process.
            house.chat.say("/kill", by=APPROVER)
            tried = len(courier.answers)
            async with house.start(BY_WEBHOOK):
                await house.halted_for_good()
                assert len(courier.answers) > tried
        assert house.chat.count("getUpdates") == 0
    async with house.start():
        house.chat.say("/status", by=OWNER)
        await house.hears("HALTED")
        await until(lambda: not house.chat.chat.webhook, timeout_s=SOON)
        gone = await house.http.post("/telegram", json={})
        assert gone.status_code == 404
