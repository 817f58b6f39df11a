"""A stand-in for Telegram: a Bot API server and a chat page, for the demo and for every test of the chat.

bot/app.py builds a `Playground` for `countersign demo`; tests `serve` it. python-telegram-bot reaches it through
`base_url`, so the bot's code is the one that runs in production.
"""

from bot.playground.records import (
    Button,
    CallbackAnswer,
    ChatInfo,
    Message,
    PlaygroundPerson,
    SignalDoor,
)
from bot.playground.server import Playground, serve

__all__ = [
    "Button",
    "CallbackAnswer",
    "ChatInfo",
    "Message",
    "Playground",
    "PlaygroundPerson",
    "SignalDoor",
    "serve",
]
