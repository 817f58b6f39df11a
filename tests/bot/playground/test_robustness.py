"""No request, however odd, makes the playground answer anything but a proper Bot API answer."""

from __future__ import annotations

import json

import httpx
import pytest

from bot.playground.methods import Methods
from bot.playground.reference import METHODS
from tests.bot.playground.conftest import GROUP, TOKEN

ODD = [
    None,
    "",
    "x",
    "{",
    "[1]",
    -1,
    2**70,
    1.5,
    True,
    [],
    [1],
    [[1]],
    {},
    {"a": 1},
    {"type": "photo"},
    "\ud800",
    [{"type": "bold"}],
    [{"type": "text_link", "offset": 0, "length": 1}],
    [{"type": "date_time", "offset": 0, "length": 1}],
]
SOUND = {
    "chat_id": GROUP,
    "message_id": 1,
    "text": "a",
    "commands": [{"command": "a", "description": "b"}],
}


@pytest.mark.parametrize("method", sorted(METHODS))
async def test_odd_values_are_answered_properly(playground, method):
    playground.chat.post(GROUP, playground.chat.bot, "a message")
    transport = httpx.ASGITransport(playground.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        for name in sorted(METHODS[method]):
            for value in ODD:
                if name == "timeout" and value in (True, 1.5, 2**70):
                    continue  # sound: these would wait
                sound = {k: v for k, v in SOUND.items() if k in METHODS[method]}
                answer = await http.post(
                    f"/bot{TOKEN}/{method}",
                    content=json.dumps(sound | {name: value}),
                    headers={"content-type": "application/json"},
                )
                assert answer.status_code in {200, 400}, (name, value, answer.text)
                assert answer.json()["ok"] is (answer.status_code == 200)
        assert (await http.get("/playground/state")).status_code == 200


def test_every_method_the_api_names_is_there(playground):
    methods = Methods(playground.chat)
    for method in METHODS:
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in method)
        assert callable(getattr(methods, name))
