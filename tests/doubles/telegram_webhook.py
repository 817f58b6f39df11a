"""Telegram's side of a webhook: brings the playground's updates to where setWebhook said, until they are taken.

In order, one after the other; what is not answered with 2xx is brought again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from bot.playground import Playground
from bot.playground.records import Json

AGAIN_AFTER_S = 0.02


class Courier:
    """Brings updates. `answers` are the statuses it got, in order."""

    def __init__(self, playground: Playground, client: httpx.AsyncClient) -> None:
        self._chat = playground.chat
        self._client = client
        self.answers: list[int] = []
        self.lose_answers = 0
        """So many answers are lost on the way: what was taken is brought once more."""

    async def run(self) -> None:
        """Bring what there is, for ever."""
        while True:
            webhook, waiting = self._chat.webhook, self._chat.storage.updates(limit=1)
            if not webhook or not waiting:
                await asyncio.sleep(AGAIN_AFTER_S)
            elif not await self.bring(waiting[0], webhook):
                self._chat.set_webhook(
                    webhook
                    | {"last_error_date": 1, "last_error_message": f"answer {self.answers[-1]}"}
                )
                await asyncio.sleep(AGAIN_AFTER_S)

    async def bring(self, update: Json, webhook: Json) -> bool:
        """Bring one update; whether it is confirmed by that."""
        secret = {"X-Telegram-Bot-Api-Secret-Token": webhook["secret_token"]}
        try:
            response = await self._client.post(webhook["url"], json=update, headers=secret)
        except httpx.TransportError:
            self.answers.append(0)  # nobody there
            return False
        self.answers.append(response.status_code)
        if not response.is_success:
            return False
        if self.lose_answers:
            self.lose_answers -= 1
            return False
        self._chat.storage.confirm_updates(below=update["update_id"] + 1)
        return True


@asynccontextmanager
async def couriered(playground: Playground, client: httpx.AsyncClient) -> AsyncIterator[Courier]:
    """A courier at work until the block ends."""
    courier = Courier(playground, client)
    running = asyncio.create_task(courier.run())
    try:
        yield courier
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
