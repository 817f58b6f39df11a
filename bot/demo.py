"""`countersign demo`: the whole product on embedded defaults, with a chat page in the browser.

The real settings, desk, executor and bot; only Telegram is the playground and the exchange the paper
venue. Signals of several kinds arrive at a human pace through the same HTTP door as anybody's.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import shutil
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

import httpx

from bot import logs
from bot.app import App
from bot.parts import Trading, now
from bot.playground import Playground, PlaygroundPerson
from bot.settings import Settings, load_settings
from execution.rounding import plain, price_never_worse
from execution.types import Side

log = logging.getLogger(__name__)

CHAT = -1001234567890
PEOPLE = (
    PlaygroundPerson(id=1111, name="Olga", role="owner"),
    PlaygroundPerson(id=2222, name="Ana", role="approver"),
    PlaygroundPerson(id=3333, name="Vic", role="viewer"),
    PlaygroundPerson(id=4444, name="Sam"),
)
TOML = f"""\
# Written by `countersign demo`; a demo's settings, on paper, on this machine only.
[general]
currency = "USDT"

[telegram]
chat_id = {CHAT}

[people]
owners = [1111]
approvers = [2222]
viewers = [3333]

[venues.main]
exchange = "paper"
mode = "paper"

[sources.demo]
kind = "tradingview"

[sizing]
default = {{ notional = 250 }}

[risk]
max_order_notional = 1000
symbols = ["BTC/USDT", "ETH/USDT", "SOL/USDT"]

[approval]
expires_after = "3m"
"""
FIRST_AFTER, EVERY = 1.0, 45.0
"""Seconds until the first signal, and between two."""


@dataclass(frozen=True)
class Scene:
    """One signal of the story: its body, with prices as factors of the market's."""

    body: dict[str, object]
    price: str | None = None
    stop: str | None = None
    target: str | None = None


SCENES = (
    Scene(
        {"symbol": "BTCUSDT", "side": "buy", "note": "Breakout above the range.", "strategy": "breakout-15m"},
        stop="0.985",
        target="1.03",
    ),
    Scene({"symbol": "ETH/USDT", "side": "buy", "notional": "400"}, price="0.9995", stop="0.98"),
    Scene({"symbol": "BTC/USDT", "side": "buy", "amount": "0.5", "note": "All in."}),
    Scene({"symbol": "SOLUSDT", "side": "buy", "notional": "150", "type": "market"}),
    Scene({"symbol": "BTCUSDT", "side": "sell", "note": "Take what there is."}),
)  # fmt: skip


async def run_demo(folder: Path, port: int, *, reset: bool) -> None:
    """Run until asked to stop. What happened stays in `folder`; `reset` starts over.

    Raises:
        SettingsError: the port is taken, or the folder cannot be used.
    """
    if reset:
        shutil.rmtree(folder, ignore_errors=True)
    settings, secret = _settings(folder, port)
    logs.set_up("console", settings.secrets())
    playground = Playground(
        folder / "playground.db",
        token=settings.require_token(),
        chat_id=CHAT,
        people=PEOPLE,
        clock=now,
    )
    app = App(settings, page=playground.app, ending=playground.close)
    await app.run(partial(_story, settings.web.port, secret))


def _settings(folder: Path, port: int) -> tuple[Settings, str]:
    """The demo's settings, through the same loader as everybody's; its secrets stay in the folder."""
    folder.mkdir(mode=0o700, exist_ok=True)
    toml, kept = folder / "countersign.toml", folder / "secrets.json"
    toml.write_text(TOML)
    if not kept.exists():
        made = {"token": f"1000000001:{secrets.token_hex(20)}", "source": secrets.token_hex(16)}
        kept.write_text(json.dumps(made))
        kept.chmod(0o600)
    own = json.loads(kept.read_text())
    environ = {
        "COUNTERSIGN_TELEGRAM__TOKEN": own["token"],
        "COUNTERSIGN_TELEGRAM__API_URL": f"http://127.0.0.1:{port}",
        "COUNTERSIGN_SOURCES__DEMO__SECRET": own["source"],
        "COUNTERSIGN_DATABASE__URL": f"sqlite:///{folder / 'countersign.db'}",
        "COUNTERSIGN_WEB__PORT": str(port),
        "COUNTERSIGN_WEB__HOST": "127.0.0.1",
    }
    return load_settings(toml, environ, folder), own["source"]


async def _story(port: int, secret: str, side: Trading) -> None:
    """Say where the page is, then send a signal every now and then."""
    address = f"http://127.0.0.1:{port}"
    print(f"\n  Countersign demo: {address}\n  Ctrl-C stops it; what happened stays.\n", flush=True)  # noqa: T201  # the one line a person waits for
    async with httpx.AsyncClient(base_url=address) as client:
        await asyncio.sleep(FIRST_AFTER)
        turn = 0
        while True:
            scene = SCENES[turn % len(SCENES)]
            await client.post(f"/signals/demo/{secret}", json=await _played(scene, side))
            turn += 1
            await asyncio.sleep(EVERY)


async def _played(scene: Scene, side: Trading) -> dict[str, object]:
    """A scene at the market of now."""
    named = str(scene.body["symbol"])
    symbol = named if "/" in named else f"{named.removesuffix('USDT')}/USDT"
    mid = (await side.market.fresh_quote("main", symbol)).mid
    step = side.venues["main"].instruments()[symbol].price_step
    factors = {"price": scene.price, "stop_loss": scene.stop, "take_profit": scene.target}
    prices = {
        name: plain(price_never_worse(mid * Decimal(factor), step, Side.BUY))
        for name, factor in factors.items()
        if factor is not None
    }
    return scene.body | prices | {"time": now().isoformat()}
