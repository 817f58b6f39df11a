"""What README.md and docs/http.md promise to somebody who types along, tried by typing along.

The settings of the README start the real product, its commands run in a shell; only Telegram, the
exchange and the port are this machine's. The map of the code and every table are compared with the code.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from dotenv import dotenv_values

from bot import house, parts
from bot.api import api
from bot.app import App
from bot.cli import app as command_line
from bot.inlet import inlet
from bot.parts import Ids
from bot.playground import Playground, PlaygroundPerson, serve
from bot.settings import Settings, load_settings
from bot.telegram.replies import COMMANDS
from bot.web import web
from tests.doubles.binance import BinanceServer, refusal
from tests.markdown import DOCS, PAGES, README, ROOT, code_of
from tests.waiting import until

WRITTEN = "http://127.0.0.1:8080"
PEOPLE = (PlaygroundPerson(1111, "Olga", "owner"), PlaygroundPerson(2222, "Ana", "approver"))
PLACEHOLDERS = {
    "{{ticker}}": "BTCUSDT",
    "{{exchange}}": "BINANCE",
    "{{strategy.order.action}}": "buy",
    "{{strategy.order.id}}": "Long",
}

with_a_shell = pytest.mark.skipif(
    not all(map(shutil.which, ("sh", "curl", "openssl", "od"))),
    reason="NOT TRIED: the README's commands need sh, curl, openssl and od",
)


@dataclass(frozen=True)
class Desk:
    """The product, started as the README says."""

    http: httpx.AsyncClient
    chat: Playground
    settings: Settings

    @property
    def tv_secret(self) -> str:
        """What TradingView puts into the address."""
        return self.settings.sources["tv"].secrets[0]

    async def type(self, script: str) -> list[str]:
        """Run a block of commands as it is written but for the port; the answers, a line each."""
        assert self.settings.web.control_token
        token = self.settings.web.control_token.get_secret_value()
        shell = await asyncio.create_subprocess_exec(
            *("sh", "-eu", "-c", script.replace(WRITTEN, str(self.http.base_url).rstrip("/"))),
            env={"PATH": os.environ["PATH"], "SECRET": self.tv_secret, "TOKEN": token},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(shell.communicate(), 30)
        assert shell.returncode == 0, said
        return re.sub(r"}(?=\{)", "}\n", said.decode()).splitlines()

    async def ticket(self, signal: str, state: str) -> dict[str, Any]:
        """What became of a signal, once it is in this state."""

        async def look() -> dict[str, Any] | None:
            found = (await self.http.get("/api/tickets", params={"signal": signal})).json()["items"]
            return found[0] if found and found[0]["state"] == state else None

        found = await until(look, timeout_s=15)
        assert found is not None
        return found

    async def approved(self, signal: str) -> dict[str, Any]:
        """The ticket of a signal after Ana has approved its card and its order was filled."""
        ticket = await self.ticket(signal, "pending")
        short = f"T-{ticket['id'][-4:]}"
        card = await self.chat.wait_for(lambda m: short in m.text and "needed" in m.text)
        await asyncio.wait_for(self.chat.tap(card, "Approve", by=2222), 10)
        return await self.ticket(signal, "done")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    write_settings(tmp_path)
    token, chat_id = load_readme(tmp_path).require_token(), load_readme(tmp_path).require_chat_id()
    chat = Playground(
        ":memory:", token=token, chat_id=chat_id, people=PEOPLE, clock=lambda: datetime.now(UTC)
    )
    async with BinanceServer() as exchange, serve(chat) as telegram:
        exchange.fail("GET klines", refusal(-1000, "No candles: drawing takes seconds."), times=99)
        settings = load_readme(
            tmp_path,
            COUNTERSIGN_TELEGRAM__API_URL=telegram,
            COUNTERSIGN_VENUES__MAIN__API_KEY=exchange.api_key,
            COUNTERSIGN_VENUES__MAIN__SECRET=exchange.secret,
            COUNTERSIGN_VENUES__MAIN__CCXT=json.dumps(exchange.ccxt_overrides()),
            COUNTERSIGN_DATABASE__URL=f"sqlite:///{tmp_path / 'countersign.db'}",
            COUNTERSIGN_WEB__PORT=str(free_port()),
        )
        async with running(settings) as http:
            yield Desk(http, chat, settings)
    await chat.close()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The product until the block ends, all its parts ready; with a client that has the token."""
    assert settings.web.control_token
    bearer = f"Bearer {settings.web.control_token.get_secret_value()}"
    app = App(settings)
    task = asyncio.create_task(app.run())
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{settings.web.port}",
        headers={"Authorization": bearer},
        trust_env=False,
    ) as http:

        async def ready() -> bool:
            try:
                return task.done() or (await http.get("/readyz")).is_success
            except httpx.TransportError:
                return False

        try:
            await until(ready, timeout_s=30)
            assert not task.done(), task.exception()
            yield http
        finally:
            app.stop()
            await asyncio.wait_for(task, 20)


def write_settings(folder: Path) -> None:
    """The README's two files."""
    (folder / "countersign.toml").write_text(README.blocks("toml")[0])
    (folder / ".env").write_text(README.blocks("dotenv")[0])


def load_readme(folder: Path, **environ: str) -> Settings:
    """The README's settings, with what only this machine knows in the environment."""
    return load_settings(None, environ, folder)


def free_port() -> int:
    """A loopback port nobody has now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


# Typed along


@with_a_shell
async def test_the_first_signal_becomes_a_card_and_its_repeat_does_not(desk: Desk) -> None:
    """Sent twice under one webhook-id, as by a sender that got no answer."""
    (block,) = [block for block in README.blocks("sh") if "openssl dgst" in block]
    sending = block[block.index("curl ") :]

    said = await desk.type(f"{block}\n{sending}")

    first, again = map(json.loads, said)
    assert first["status"] == "accepted"
    assert again == {"signal": first["signal"], "status": "duplicate"}
    ticket = await desk.approved(first["signal"])
    assert (ticket["symbol"], ticket["side"], ticket["note"]) == ("BTC/USDT", "buy", "first signal")


async def test_the_alert_for_tradingview_becomes_a_card(desk: Desk) -> None:
    (body,) = README.blocks("json")
    placeholders = PLACEHOLDERS | {"{{timenow}}": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    for placeholder, value in placeholders.items():
        body = body.replace(placeholder, value)
    assert "{{" not in body
    (line,) = [code for code in README.code if re.match(r"buy \S+ \$", code)]

    for alert in (body, line):
        answer = await desk.http.post(f"/signals/tv/{desk.tv_secret}", content=alert)

        assert answer.status_code == 202, answer.text
        await desk.ticket(answer.json()["signal"], "pending")


@with_a_shell
async def test_every_command_of_the_http_page_works_and_its_shapes_are_the_ones_it_lists(
    desk: Desk,
) -> None:
    *signals, health, asking = DOCS["http"].blocks("sh")
    for block in signals:
        accepted = [json.loads(line) for line in await desk.type(block)]
        assert {one["status"] for one in accepted} == {"accepted"}
    figures = "\n".join(await desk.type(health))
    names = [code for code in DOCS["operations"].code if code.startswith("countersign_")]
    assert len(names) > 5
    assert [name for name in names if name not in figures] == []
    await desk.approved(accepted[0]["signal"])
    too_large = {"symbol": "BTCUSDT", "side": "buy", "notional": "5000"}
    answer = await desk.http.post(f"/signals/tv/{desk.tv_secret}", json=too_large)
    refused = await desk.ticket(answer.json()["signal"], "refused")

    said = [json.loads(line) for line in await desk.type(asking)]

    status, _, orders, fills, positions, halt = said
    done = (await desk.http.get("/api/tickets", params={"state": "done"})).json()["items"][0]
    shown = {
        "status": status,
        "halt": halt["halt"],
        "venue": status["venues"][0],
        "ticket": done,
        "vote": done["votes"][0],
        "refusal": refused["refusals"][0],
        "order": orders["items"][0],
        "fill": fills["items"][0],
        "position": positions["items"][0],
    }
    listed = {
        shape: code_of(fields) for shape, fields in DOCS["http"].table("## The desk", "shape")
    }
    assert {shape: [*json_] for shape, json_ in shown.items()} == listed


async def test_a_misspelled_field_is_answered_as_the_http_page_shows(desk: Desk) -> None:
    (example,) = DOCS["http"].blocks("json")

    answer = await desk.http.post(
        f"/signals/tv/{desk.tv_secret}", json={"symbol": "BTCUSDT", "sid": "buy"}
    )

    assert answer.json() == json.loads(example)


def test_the_env_file_gives_every_secret_the_settings_ask_for(tmp_path: Path) -> None:
    write_settings(tmp_path)

    settings = load_readme(tmp_path)

    given = {text for text in dotenv_values(tmp_path / ".env").values() if text}
    assert set(settings.secrets()) == given
    assert set(house.sources(settings)) == {"desk", "tv"}


# Compared with the code


@pytest.mark.parametrize("package", ["bot", "execution"])
def test_the_map_has_one_row_for_every_module_and_folder(package: str) -> None:
    rows = README.table("## How it is built", f"in `{package}/`")
    listed = [path.strip("`") for path, _ in rows]

    modules = [path.name for path in (ROOT / package).glob("*.py") if path.stem != "__init__"]
    folders = [f"{path.parent.name}/" for path in (ROOT / package).glob("*/__init__.py")]

    assert sorted(listed) == sorted(f"{package}/{name}" for name in [*modules, *folders])
    assert all(why for _, why in rows)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.stem)
def test_every_file_that_is_named_exists(page: Any) -> None:
    named = [code for code in page.code if re.match(r"(bot|execution|tests|docs)/[\w/.]*$", code)]
    linked = [target for target in page.links if not target.startswith("#")]

    missing = [code for code in named if not (ROOT / code).exists()]
    missing += [
        target for target in linked if not (page.path.parent / target.partition("#")[0]).exists()
    ]

    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.stem)
def test_every_link_to_a_heading_finds_it(page: Any) -> None:
    headings = {other.path: other.headings for other in PAGES}
    anchors = [target.partition("#") for target in page.links if "#" in target]

    missing = [
        f"{file}#{anchor}"
        for file, _, anchor in anchors
        if anchor not in headings[(page.path.parent / file).resolve() if file else page.path]
    ]

    assert not missing


def test_the_path_of_a_signal_is_eight_lines_that_name_their_files() -> None:
    lines = re.findall(r"^([0-9])\. (.*)$", README.section("## How it is built"), re.M)

    assert [int(number) for number, _ in lines] == [*range(1, 9)]
    assert all(any("/" in code for code in code_of(line)) for _, line in lines)


def test_every_promise_names_the_tests_that_hold_it() -> None:
    rows = README.table("## What it promises", "promise")

    assert len(rows) == 7
    assert all(any(code.startswith("tests/") for code in code_of(held)) for _, held in rows)


def test_the_chat_commands_are_those_of_the_bot() -> None:
    rows = README.table("## Commands", "in the chat")
    listed = [(command.strip("`"), who) for command, who, _ in rows]

    known = [(f"/{c.name} {c.arguments}".strip(), c.role or "anyone") for c in COMMANDS]

    assert sorted(listed) == sorted(known)


def test_the_host_commands_are_those_of_the_command_line() -> None:
    rows = README.table("## Commands", "on the host")
    listed = [command.strip("`").removeprefix("countersign ") for command, _ in rows]

    assert sorted(listed) == sorted(spoken(typer.main.get_command(command_line)))


def test_the_calls_are_those_of_the_product(tmp_path: Path) -> None:
    write_settings(tmp_path)
    at = tmp_path / "countersign.db"
    settings = load_readme(tmp_path, COUNTERSIGN_DATABASE__URL=f"sqlite:///{at}")
    side = parts.trading(settings, Ids(), started_at=parts.now())
    try:
        signals = inlet(side.desk, house.sources(settings), parts.now, Ids())
        control = api(parts.front(settings, side, started_at=parts.now()), "token")
    finally:
        side.store.close()
    page = web(version="0", ready=nothing, metrics=nothing, routers=[signals, control])
    known = {
        f"{method.upper()} {path.replace(':path', '')}"
        for path, methods in page.openapi()["paths"].items()
        for method in methods
    }
    listed = [call.strip("`") for call, _ in README.table("## Commands", "over HTTP")]

    assert sorted(listed) == sorted(known)


async def nothing() -> Any:
    """Stands where a page would be asked for; no page is."""


def spoken(command: Any, words: str = "") -> Iterator[str]:
    """Every command a person can type, groups spelled out."""
    for name, inner in getattr(command, "commands", {}).items():
        whole = f"{words} {name}".strip()
        yield from spoken(inner, whole) if hasattr(inner, "commands") else [whole]
