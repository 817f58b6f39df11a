"""The door for Telegram's webhook: `POST /telegram`, answered only after the commit.

There with `telegram.updates = "webhook"` only. Whoever does not show the secret learns nothing.
"""

from __future__ import annotations

import hmac
import json

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.problems import problem
from bot.telegram.intake import Hook, Intake

PATH = "/telegram"
_SHOWN = "X-Telegram-Bot-Api-Secret-Token"
_LARGEST = 1024 * 1024
"""An update may be larger than other bodies; one that is refused would be brought again and again."""


def webhook(intake: Intake, hook: Hook) -> APIRouter:
    """The route. An error of the database is 503, upon which Telegram brings the update again."""
    router = APIRouter()

    @router.post(PATH)
    async def update(request: Request) -> Response:
        """Take one update."""
        shown = request.headers.get(_SHOWN, "")
        if not hmac.compare_digest(shown.encode(), hook.secret.encode()):
            return problem(401, f"{_SHOWN} is not the one of telegram.webhook_secret.")
        body = await request.body()
        if len(body) > _LARGEST:
            return problem(413, "The body is over 1 MiB.")
        try:
            raw = json.loads(body)
            await intake.receive(raw)
        except (ValueError, TypeError, KeyError):
            return problem(400, "The body is not an Update of the Bot API.")
        return JSONResponse({})

    return router
