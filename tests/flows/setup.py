"""One desk as a whole: its settings in a folder, its doors from outside, Telegram and an exchange beside it.

`House.open` runs the product in this process, `House.start` as a process that can be killed; either way
it is reached only as its users reach it: HTTP, the chat, the command line, the exchange.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import httpx
from standardwebhooks import Webhook

from bot import terminal
from bot.app import App
from bot.playground import CallbackAnswer, Message, Playground, PlaygroundPerson
from bot.settings import load_settings
from bot.telegram.figures import NO_BREAK
from execution.figures import THIN
from tests.doubles.binance import BinanceServer, refusal
from tests.waiting import until

OWNER, APPROVER, VIEWER, STRANGER = 1111, 2222, 3333, 4444
PEOPLE = (
    PlaygroundPerson(OWNER, "Olga", "owner"),
    PlaygroundPerson(APPROVER, "Ana", "approver"),
    PlaygroundPerson(VIEWER, "Vic", "viewer"),
    PlaygroundPerson(STRANGER, "Sam"),
)
GROUP = -1001234567890
TOKEN = "1234567890:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"
CONTROL = "control-token-of-the-flows"
SIGNING = "whsec_Zmxvd3MtZmxvd3MtZmxvd3MtZmxvd3MtZmxvd3MtMTI="
PATH_SECRET = "path-secret-of-the-flows"
ROOT = Path(__file__).parents[2]

TOML = f"""\
[telegram]
chat_id = {GROUP}

[people]
owners = [{OWNER}]
approvers = [{APPROVER}]
viewers = [{VIEWER}]

[sources.desk]
kind = "webhook"

[sources.tv]
kind = "tradingview"

[sources.auto]
kind = "tradingview"

[sizing]
default = {{ notional = 600 }}

[approval]
max_price_drift = "0.3%"
[[approval.rules]]
name = "straight"
when = {{ sources = ["auto"] }}
required = 0
"""
PAPER = {"venues.main.exchange": "paper", "venues.main.mode": "paper"}

SOON = 20.0
"""Seconds in which whatever is waited for happens, on a machine that has other things to do."""

Json = dict[str, Any]
T = TypeVar("T")


def said(message: Message) -> str:
    """Its text as one would type it: spaces that do not break are blanks."""
    return message.text.replace(THIN, " ").replace(NO_BREAK, " ")


def free_port() -> int:
    """A loopback port nobody has now; kept over restarts, as a sender's address is."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def soon(look: Callable[[], T | Awaitable[T]], *, timeout_s: float = SOON) -> T:
    """What a look at the desk says as soon as that is truthy; with pauses, as each look is a request
    that the desk has to answer."""
    return await until(look, timeout_s=timeout_s, every_s=0.05)


class House:
    """A desk's folder and everything around it."""

    def __init__(
        self, folder: Path, *, chat: Playground, telegram: str, exchange: BinanceServer
    ) -> None:
        self.folder, self.chat, self.exchange = folder, chat, exchange
        self.toml = folder / "countersign.toml"
        self.toml.write_text(TOML)
        self.port = free_port()
        self.http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {CONTROL}"},
            timeout=15,
            verify=False,
            trust_env=False,
        )
        quick = {"timeout": 3000, "timeout_on_exit": 1}  # milliseconds
        self._given = {
            "telegram.token": TOKEN,
            "telegram.api_url": telegram,
            "web.port": str(self.port),
            "web.control_token": CONTROL,
            "database.url": f"sqlite:///{folder / 'countersign.db'}",
            "venues.main.exchange": "binance",
            "venues.main.mode": "sandbox",
            "venues.main.api_key": exchange.api_key,
            "venues.main.secret": exchange.secret,
            "venues.main.ccxt": json.dumps(exchange.ccxt_overrides() | quick),
            "sources.desk.secret": SIGNING,
            "sources.tv.secret": PATH_SECRET,
            "sources.auto.secret": PATH_SECRET,
        }

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must stand in no output of the product."""
        return (TOKEN, CONTROL, SIGNING, PATH_SECRET, self.exchange.api_key, self.exchange.secret)

    def environ(self, changes: Mapping[str, str] | None = None) -> dict[str, str]:
        """The settings as environment; `changes` by key, as the file writes them."""
        given = self._given | dict(changes or {})
        if given["venues.main.exchange"] == "paper":
            given = {k: v for k, v in given.items() if k.rpartition(".")[2] not in _OF_AN_EXCHANGE}
        return {
            f"COUNTERSIGN_{key.upper().replace('.', '__')}": text for key, text in given.items()
        }

    # Running it

    @asynccontextmanager
    async def open(
        self, changes: Mapping[str, str] | None = None, *, ready: bool = True
    ) -> AsyncIterator[None]:
        """The product in this process, until the block ends; `ready` waits for all its parts."""
        settings = load_settings(self.toml, self.environ(changes), self.folder)
        app = App(settings)
        running = asyncio.create_task(app.run())
        try:
            path = "/readyz" if ready else "/healthz"
            await soon(lambda: running.done() or self.answers(path), timeout_s=30)
            assert not running.done(), running.exception()
            yield
        finally:
            app.stop()
            await asyncio.wait_for(running, 20)
        assert terminal.verify(settings).verified

    @asynccontextmanager
    async def start(
        self, changes: Mapping[str, str] | None = None, *, ready: bool = True
    ) -> AsyncIterator[Process]:
        """The product as a process of its own, until it is killed or the block ends."""
        process = await self.command("run", changes=changes)
        try:
            path = "/readyz" if ready else "/healthz"
            await soon(lambda: process.ended or self.answers(path), timeout_s=30)
            assert not process.ended, process.output()
            yield process
        finally:
            await process.kill()
        leaked = [secret for secret in self.secrets if secret in process.output()]
        assert not leaked, f"a secret in the log: {leaked}"

    async def command(
        self, *words: str, changes: Mapping[str, str] | None = None, config: bool = True
    ) -> Process:
        """`countersign` with these words, as somebody types it in the desk's folder."""
        log = self.folder / f"{words[0]}-{len(list(self.folder.glob('*.log')))}.log"
        where = ["--config", str(self.toml)] if config else []
        with log.open("wb") as out:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot", *words, *where),
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | self.environ(changes),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=asyncio.subprocess.STDOUT,
            )
        return Process(child, log)

    # Its doors

    async def answers(self, path: str) -> bool:
        """Whether a page answers 200."""
        try:
            return (await self.http.get(path)).status_code == 200
        except httpx.TransportError:
            return False

    async def signed(self, body: Json, id: str, **headers: str) -> httpx.Response:
        """A signal with a Standard Webhooks signature, to the source `desk`."""
        text, now = json.dumps(body), datetime.now(UTC)
        return await self.http.post(
            "/signals/desk",
            content=text,
            headers={
                "webhook-id": id,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": Webhook(SIGNING).sign(id, now, text),
                **headers,
            },
        )

    async def send(self, source: str = "tv", **body: object) -> str:
        """Post a signal, see it taken, and return its id. The source `auto` needs no approval."""
        answer = await self.http.post(f"/signals/{source}/{PATH_SECRET}", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["signal"])

    async def get(self, path: str, **query: str) -> Json:
        """A page of `/api`."""
        answer = await self.http.get(f"/api/{path}", params=query)
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    async def ticket(self, signal: str) -> Json | None:
        """The ticket a signal has become, once it has."""
        found = (await self.get("tickets", signal=signal))["items"]
        return found[0] if found else None

    async def ticket_in(self, state: str, signal: str) -> Json:
        """The ticket of a signal as soon as it is in this state."""

        async def look() -> Json | None:
            ticket = seen["ticket"] = await self.ticket(signal)
            return ticket if ticket is not None and ticket["state"] == state else None

        seen: dict[str, Json | None] = {}
        try:
            return await soon(look)  # type: ignore[return-value]
        except TimeoutError:
            raise TimeoutError(f"no ticket in state {state}: {seen['ticket']}") from None

    async def order_in(self, state: str, signal: str) -> Json:
        """The one order of a signal as soon as it is in this state."""

        async def look() -> Json | None:
            found = (await self.get("orders", signal=signal))["items"]
            assert len(found) <= 1, found
            return found[0] if found and found[0]["state"] == state else None

        return await soon(look)  # type: ignore[return-value]

    async def halted_for_good(self) -> Json:
        """The halt, once it is proved."""

        async def look() -> Json | None:
            halt = (await self.get("status"))["halt"]
            return halt if halt and halt["verified"] else None

        return await soon(look)  # type: ignore[return-value]

    # The chat

    async def hears(self, part: str) -> Message:
        """The bot's newest message that says this, now or soon."""
        return await self.sees(lambda message: message.sender.is_bot and part in message.text)

    async def sees(self, is_it: Callable[[Message], bool]) -> Message:
        """The newest message of this kind, now or soon; the pinned panel, which says it too, is none."""

        def is_news(message: Message) -> bool:
            return not message.pinned and is_it(message)

        return await self.chat.wait_for(is_news, timeout_s=SOON)

    async def card(self, ticket: Json, part: str = "") -> Message:
        """The card of a ticket as soon as it says this."""
        short = f"T-{ticket['id'][-4:]}"

        def is_it(message: Message) -> bool:
            first = message.text.partition("\n\n")[0]
            return message.reply_to is None and short in first and part in said(message)

        return await self.sees(is_it)

    async def tap(self, message: Message, button: str, by: int = APPROVER) -> CallbackAnswer:
        """A person taps; the pop-up they see."""
        return await asyncio.wait_for(self.chat.tap(message, button, by=by), SOON)

    async def approve(self, signal: str, by: int = APPROVER) -> Json:
        """Somebody approves the ticket of this signal on its card."""
        ticket = await self.ticket_in("pending", signal)
        popup = await self.tap(await self.card(ticket, "needed"), "Approve", by)
        assert popup.text == "Approved. Checked once more, then sent."
        return ticket

    def told(self, part: str) -> list[Message]:
        """Messages of the bot that say this now."""
        return [m for m in self.chat.messages if m.sender.is_bot and part in m.text]

    # The exchange

    def set_price(self, ask: str, symbol: str = "BTCUSDT", **amounts: str) -> None:
        """Move the market: this ask, and a bid 10 below it."""
        self.exchange.account.set_book(symbol, bid=str(Decimal(ask) - 10), ask=ask, **amounts)

    def draw_no_pictures(self) -> None:
        """The exchange has no candles: cards come without pictures, whose drawing takes seconds."""
        self.exchange.fail("GET klines", refusal(-1000, "No candles here."), times=1000)


_OF_AN_EXCHANGE = {"api_key", "ccxt"}


class Process:
    """A `countersign` that was started."""

    def __init__(self, child: asyncio.subprocess.Process, log: Path) -> None:
        self._child, self._log = child, log

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._child.returncode is not None

    def output(self) -> str:
        """Everything it has written so far."""
        return self._log.read_text()

    async def exit_code(self, *, within_s: float = 30) -> int:
        """Wait for its end."""
        return await asyncio.wait_for(self._child.wait(), within_s)

    async def kill(self) -> None:
        """SIGKILL: nothing of it runs one instruction more."""
        if not self.ended:
            self._child.send_signal(signal.SIGKILL)
        await self._child.wait()

    def terminate(self) -> None:
        """SIGTERM, as a host stops it."""
        self.send(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        """A signal of the host."""
        self._child.send_signal(number)
