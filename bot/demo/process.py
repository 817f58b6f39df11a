"""The demo as a process: the real settings, desk, executor and bot, all in one folder.

Only Telegram is the playground, and the exchange the paper venue. The story's signals go through the
same HTTP door as anybody's.
"""

from __future__ import annotations

import json
import logging
import secrets
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import httpx

from bot import logs
from bot.alone import Alone
from bot.app import App
from bot.demo.story import Progress, Story
from bot.parts import Trading, now
from bot.playground import Playground, PlaygroundPerson, SignalDoor
from bot.settings import Settings, SettingsError, load_settings
from execution.errors import StoreUnavailable
from execution.venues.synthetic import SyntheticMarket

log = logging.getLogger(__name__)

CHAT = -1001234567890
PEOPLE = (
    PlaygroundPerson(id=1111, name="Olga", role="owner"),
    PlaygroundPerson(id=2222, name="Ana", role="approver"),
    PlaygroundPerson(id=3333, name="Vic", role="viewer"),
    PlaygroundPerson(id=4444, name="Sam"),
)
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
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
default = {{ notional = 500 }}

[risk]
max_order_notional = 20000
symbols = {json.dumps(SYMBOLS)}

[approval]
expires_after = "3m"

[[approval.rules]]
name = "large"
when = {{ notional_from = 10000, sides = ["buy"] }}
required = 2

[execution]
slippage_tolerance = "0.01%"            # so close to the market that a large order fills in parts
order_timeout = "1m"
"""


async def run_demo(folder: Path, port: int, *, reset: bool) -> None:
    """Run until asked to stop. What happened stays in `folder`; `reset` starts over.

    Raises:
        SettingsError: the port is taken, the folder cannot be used, or a demo runs in it.
    """
    try:
        _make_ready(folder, reset=reset)
        settings, secret = _settings(folder, port)
    except (OSError, StoreUnavailable) as error:
        raise SettingsError(
            f"{folder}: the demo keeps everything there and cannot write to it; start it in another"
            " folder"
        ) from error
    logs.set_up("console", settings.secrets())
    playground = Playground(
        folder / "playground.db",
        token=settings.require_token(),
        chat_id=CHAT,
        people=PEOPLE,
        clock=now,
        signals=SignalDoor(url=_door(secret), symbols=SYMBOLS),
    )
    kept = folder / "story.json"
    prices = SyntheticMarket(shocks=Progress.read(kept).shocks)
    app = App(settings, page=playground.app, ending=playground.close, prices=prices)
    await app.run(partial(_tell, kept, prices, settings.web.port, secret))


def _make_ready(folder: Path, *, reset: bool) -> None:
    """A folder that no other demo works in; an empty one after a reset."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if Alone(_database(folder)).is_taken():
        raise SettingsError(f"{folder}: a demo is running there; stop it first, with Ctrl-C")
    if reset:
        shutil.rmtree(folder)
        folder.mkdir(mode=0o700)


def _database(folder: Path) -> str:
    return f"sqlite:///{folder / 'countersign.db'}"


def _door(secret: str) -> str:
    """Where signals go in, the story's and those of people on the page."""
    return f"/signals/demo/{secret}"


def _settings(folder: Path, port: int) -> tuple[Settings, str]:
    """The demo's settings, through the same loader as everybody's; its secrets stay in the folder."""
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
        "COUNTERSIGN_DATABASE__URL": _database(folder),
        "COUNTERSIGN_WEB__PORT": str(port),
        "COUNTERSIGN_WEB__HOST": "127.0.0.1",
    }
    return load_settings(toml, environ, folder), own["source"]


async def _tell(path: Path, prices: SyntheticMarket, port: int, secret: str, side: Trading) -> None:
    """Say where the page is, then tell the story."""
    address = f"http://127.0.0.1:{port}"
    print(f"\n  Countersign demo: {address}\n  Ctrl-C stops it; what happened stays.\n", flush=True)  # noqa: T201  # the one line a person waits for
    async with httpx.AsyncClient(base_url=address) as client:

        async def send(signal: Mapping[str, str]) -> None:
            answer = await client.post(_door(secret), json=dict(signal))
            if answer.is_error:
                log.warning("a signal of the story was not taken: %s", answer.text)

        story = Story(
            path, store=side.store, market=side.market, prices=prices, send=send, clock=now
        )
        await story.run()
