"""The playground as one object: the chat, the Bot API and the page, ready to be mounted or served.

bot/app.py mounts `Playground.app` for the demo; tests run it with `serve` and play the people. It stands in for
Telegram only: nothing of the product depends on it at run time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from bot.playground.api import BotApi, Call
from bot.playground.browser import LoopbackOnly, Page
from bot.playground.chat import Chat
from bot.playground.faults import Faults, FloodLimits
from bot.playground.methods import Methods
from bot.playground.records import (
    Button,
    CallbackAnswer,
    Change,
    ChatInfo,
    Message,
    PlaygroundPerson,
    Sender,
    SignalDoor,
)


class Playground:
    """A Telegram for one bot: a group `chat_id`, private chats with `people`, a Bot API at `/bot<token>`, a page at `/`.

    `path` is its own SQLite file, or ":memory:". `signals` lets people on the page send one. `token` looks like Telegram's, `<digits>:<secret>`: ValueError
    otherwise. `flood=True` enforces Telegram's rate limits. `faults` switches trouble on; `calls` and `malformed` tell
    what the bot asked for, the latter whatever the Bot API's reference does not have.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        token: str,
        chat_id: int,
        people: Sequence[PlaygroundPerson],
        clock: Callable[[], datetime],
        title: str = "Trading desk",
        signals: SignalDoor | None = None,
        flood: bool = False,
    ) -> None:
        number, _, secret = token.partition(":")
        if not (number.isascii() and number.isdigit() and secret):
            raise ValueError("token must look like 123456:secret")
        if chat_id >= 0:
            raise ValueError("chat_id must be negative: the playground's chat is a group")
        bot = Sender(int(number), "Countersign", is_bot=True, username="countersign_bot")
        self.chat = Chat(path, bot=bot, chat_id=chat_id, title=title, people=people, clock=clock)
        self.faults = Faults()
        self._methods = Methods(self.chat)
        self.flood = FloodLimits(clock) if flood else None
        self._api = BotApi(self._methods, token=token, faults=self.faults, flood=self.flood)
        self._page = Page(self.chat, signals)
        self.app = Starlette(
            routes=[
                Route("/bot{token}/{method}", self._api.respond, methods=["GET", "POST"]),
                *self._page.routes,
            ],
            middleware=[Middleware(LoopbackOnly)],
        )

    @property
    def calls(self) -> list[Call]:
        """The newest 10 000 calls with a valid token and a known method, in order, failed ones included."""
        return list(self._api.calls)

    @property
    def malformed(self) -> list[str]:
        """Methods, names and kinds the Bot API does not have, and what is missing; empty for a bot that is right."""
        return self._api.malformed

    def count(self, method: str) -> int:
        """How often `method` was called."""
        return sum(call.method == method for call in self._api.calls)

    def hang_up(self) -> None:
        """Ends what waits: long polls, the page's event streams, silent calls. New ones are welcome."""
        self._methods.hang_up()
        self._page.hang_up()
        self.faults.release()

    async def close(self) -> None:
        """Ends what waits and closes the file. Call it before the web server stops, or that waits for open streams."""
        self.hang_up()
        await asyncio.sleep(0)
        self.chat.close()

    # Playing the people

    @property
    def messages(self) -> list[Message]:
        """The newest 200 messages of all chats, oldest first, as they stand now."""
        return self.chat.messages()

    def add_group(self, chat_id: int, title: str = "Another group") -> None:
        self.chat.add_group(chat_id, title)

    def say(
        self,
        text: str,
        *,
        by: int,
        chat_id: int | None = None,
        name: str = "",
        reply_to: Message | int | None = None,
        thread_id: int | None = None,
        anonymous: bool = False,
        sender_chat: ChatInfo | None = None,
    ) -> Message:
        """A person writes, in the group unless `chat_id` says otherwise (their own id: the private chat)."""
        return self.chat.say(
            text,
            by=by,
            chat_id=chat_id,
            name=name,
            reply_to=reply_to.id if isinstance(reply_to, Message) else reply_to,
            thread_id=thread_id,
            anonymous=anonymous,
            sender_chat=sender_chat,
        )

    def tap(
        self,
        message: Message,
        button: str | Button,
        *,
        by: int,
        name: str = "",
        anonymous: bool = False,
    ) -> asyncio.Future[CallbackAnswer]:
        """A person taps the button whose text begins so; await it for the bot's answer.

        A `str` is looked up on `message` as given, so an old copy taps the old keyboard; LookupError when absent.
        """
        found = message.button(button) if isinstance(button, str) else button
        return self.chat.tap(message, found, by=by, name=name, anonymous=anonymous)

    async def wait_for(
        self, predicate: Callable[[Message], bool], *, timeout_s: float = 5.0
    ) -> Message:
        """The newest message that matches, now or as soon as one is sent or edited so. TimeoutError tells what stood."""
        for message in reversed(self.messages):
            if predicate(message):
                return message
        found: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def look(change: Change) -> None:
            message = change.message
            if (
                change.kind in {"new", "edited"}
                and message
                and not found.done()
                and predicate(message)
            ):
                found.set_result(message)

        with self.chat.listening(look):
            try:
                return await asyncio.wait_for(found, timeout_s)
            except TimeoutError:
                stood = [message.text[:80] for message in self.messages[-5:]]
                raise TimeoutError(f"no such message within {timeout_s} s; last: {stood}") from None

    async def wait_for_text(self, part: str, *, timeout_s: float = 5.0) -> Message:
        """The bot's newest message that contains `part`."""
        bot = self.chat.bot.id
        return await self.wait_for(
            lambda message: message.sender.id == bot and part in message.text, timeout_s=timeout_s
        )


_LAST_ANSWERS_S = 2.0


class _LoopbackServer(uvicorn.Server):
    """uvicorn inside a running loop: leaves signals alone, and waits for events where uvicorn looks every 0.1 s."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.stop = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        self.ready.set()
        await self.stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in tuple(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            _, late = await asyncio.wait(self.server_state.tasks, timeout=_LAST_ANSWERS_S)
            for task in late:
                task.cancel()
        await asyncio.sleep(0)


def _listener(port: int) -> socket.socket:
    """A bound loopback socket. asyncio turns Nagle's delay off only where the protocol is named: 40 ms a call."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


@asynccontextmanager
async def serve(playground: Playground, *, port: int = 0) -> AsyncIterator[str]:
    """Runs the playground on a loopback port (0: a free one) in this loop; yields its address, `http://127.0.0.1:<port>`.

    The bot's `base_url` is that address + `/bot`. Leaving ends waiting calls but keeps the playground open, so it can
    be served again, on the same port too: Telegram going away and coming back.
    """
    listener = _listener(port)
    config = uvicorn.Config(
        playground.app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
    )
    server = _LoopbackServer(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await server.ready.wait()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        playground.hang_up()
        server.stop.set()
        await running
