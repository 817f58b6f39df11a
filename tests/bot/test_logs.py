"""No configured secret in any log, at any level, from any library, tracebacks included."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from bot import house, logs
from bot.api import api
from bot.inlet import inlet
from bot.logs import STRUCK, Redaction
from bot.parts import Ids
from bot.web import web
from execution.types import TicketState
from tests.desk import ANA, OLGA, PATH_SECRET, SIGNING_SECRET, TOKEN, FrontDesk, front_desk
from tests.doubles.binance import BinanceServer
from tests.execution.venues.exchange.setup import Clock, venue_at
from tests.waiting import until

CONTROL = "a-control-token-of-some-length"
API_KEY, API_SECRET = "an-api-key-of-some-length", "an-api-secret-of-some-length"


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Every logger of this process as it was before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logging.root.manager.loggerDict}
    yield
    root.handlers[:], root.level = handlers, level
    for name in logging.root.manager.loggerDict:
        logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))
    structlog.reset_defaults()


def everything() -> None:
    """From here on every library logs all it can."""
    logging.getLogger().setLevel(logging.DEBUG)
    for name in logging.root.manager.loggerDict:
        logging.getLogger(name).setLevel(logging.DEBUG)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    environ = {
        "COUNTERSIGN_WEB__CONTROL_TOKEN": CONTROL,
        "COUNTERSIGN_VENUES__MAIN__API_KEY": API_KEY,
        "COUNTERSIGN_VENUES__MAIN__SECRET": API_SECRET,
    }
    async with front_desk(tmp_path, environ=environ) as built:
        yield built


def test_every_configured_secret_is_known_to_the_log(desk: FrontDesk) -> None:
    known = desk.settings.secrets()
    assert {TOKEN, SIGNING_SECRET, PATH_SECRET, CONTROL, API_KEY, API_SECRET} <= set(known)
    assert all(secret not in repr(desk.settings) for secret in known)


@pytest.mark.parametrize("style", ["console", "json"])
async def test_whole_run_at_debug_level_tells_no_secret(
    desk: FrontDesk, capsys: pytest.CaptureFixture[str], style: str
) -> None:
    """Signals, cards, taps, commands, /api with right and wrong secrets, Telegram failing in every way."""
    logs.set_up(style, desk.settings.secrets())  # type: ignore[arg-type]
    everything()
    faults = desk.playground.faults
    faults.error("getUpdates", status=401, description="Unauthorized", times=1)
    faults.lose_answer("sendMessage", times=1)
    await desk.start("trading", "intake", "notifier", heard=False)
    app = web(
        version="1",
        ready=_never,
        metrics=_never,
        routers=[
            inlet(desk.side.desk, house.sources(desk.settings), desk.clock, Ids()),
            api(desk.front, CONTROL),
        ],
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as http:
        body = json.dumps({"symbol": "BTCUSDT", "side": "buy", "secret": PATH_SECRET})
        assert (await http.post("/signals/tv", content=body)).status_code == 202
        await http.post(f"/signals/desk/{SIGNING_SECRET}", content="buy")
        await http.post(f"/signals/tv/{PATH_SECRET}", content="nonsense")
        for token in (CONTROL, CONTROL + "x"):
            await http.get("/api/status", headers={"Authorization": f"Bearer {token}"})
        assert (await http.get("/readyz")).status_code == 500
    ticket = await until(lambda: desk.read(lambda tx: tx.tickets.in_state(TicketState.PENDING)))
    card = await desk.card(ticket[0])
    await desk.tap(card, "Approve", by=ANA)
    await until(lambda: desk.ticket(ticket[0].id).state is TicketState.DONE)
    desk.playground.say("/status", by=OLGA)
    await desk.heard()
    told = "".join(capsys.readouterr())
    assert "getUpdates" in told, "the libraries are heard at this level"
    assert "signal taken" in told
    assert STRUCK in told
    for secret in desk.settings.secrets():
        assert secret not in told


async def _never() -> dict[str, str | None]:
    raise RuntimeError(f"a fault with {CONTROL} and {TOKEN} in it")


async def test_exchange_calls_at_debug_level_tell_no_key(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """ccxt logs every request with its headers and its signature."""
    async with BinanceServer() as server:
        venue = venue_at(server, clock=Clock())
        keys = [server.api_key, server.secret]
        await venue.open()
        logs.set_up("console", keys)
        everything()  # ccxt's own loggers are there only now
        await venue.balances()
        await venue.close()
    told = "".join(capsys.readouterr())
    assert "/api/v3/account" in told, "the library is heard at this level"
    assert all(key not in told for key in keys)
    assert "signature=" not in told.replace(f"signature={STRUCK}", "")


@pytest.mark.parametrize("style", ["console", "json"])
def test_traceback_is_scrubbed_too(capsys: pytest.CaptureFixture[str], style: str) -> None:
    logs.set_up(style, ["hunter2-hunter2"])  # type: ignore[arg-type]
    try:
        raise ValueError("the password is hunter2-hunter2")
    except ValueError:
        logging.getLogger("anything").exception("failed with %s", "hunter2-hunter2")
        structlog.get_logger("ours").error("failed", password="hunter2-hunter2", exc_info=True)
    told = capsys.readouterr().out
    assert "ValueError" in told
    assert "hunter2" not in told


@pytest.mark.parametrize("style", ["console", "json"])
def test_one_event_is_one_line(capsys: pytest.CaptureFixture[str], style: str) -> None:
    logs.set_up(style, [])  # type: ignore[arg-type]
    structlog.get_logger("ours").info("signal taken", source="tv")
    logging.getLogger("theirs").warning("late by %s s", 3)
    first, second = capsys.readouterr().out.splitlines()
    assert "signal taken" in first
    assert "late by 3 s" in second
    if style == "json":
        assert json.loads(first)["source"] == "tv"
        assert json.loads(second)["level"] == "warning"


def test_libraries_that_log_addresses_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """A bot's token is in every address that httpx would log."""
    logs.set_up("console", [])
    for name in ("httpx", "httpcore", "telegram", "ccxt", "apscheduler"):
        logging.getLogger(f"{name}.inner").info("GET https://api.telegram.org/bot1:2/getMe")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("the key is hunter2-hunter2.", f"the key is {STRUCK}."),
        ("bot123456789:AAE-abcdefghijklmnopqrstuvwxyz01234/getMe", f"bot{STRUCK}/getMe"),
        ("?a=1&signature=0af1&b=2", f"?a=1&signature={STRUCK}&b=2"),
        ("API-Sign=abc", f"API-Sign={STRUCK}"),
        ("at 14:30:00, 60000:1", "at 14:30:00, 60000:1"),
    ],
)
def test_what_looks_like_a_secret_is_struck_out(text: str, told: str) -> None:
    assert Redaction(["hunter2-hunter2"]).text(text) == told


def test_longer_secret_is_struck_before_a_part_of_it() -> None:
    assert Redaction(["abcdef", "abcdefghij"]).text("abcdefghij abcdef") == f"{STRUCK} {STRUCK}"


def test_values_of_any_kind_are_scrubbed_and_numbers_stay() -> None:
    event = {
        "a": ["hunter2-hunter2"],
        "b": 5,
        "c": None,
        "d": True,
        "e": ValueError("hunter2-hunter2"),
    }
    told = Redaction(["hunter2-hunter2"])(None, "info", event)
    assert told == {"a": f"['{STRUCK}']", "b": 5, "c": None, "d": True, "e": STRUCK}


def test_secret_too_short_to_be_one_blackens_nothing() -> None:
    assert Redaction(["abc", ""]).text("abc or not") == "abc or not"


async def test_many_at_once_are_scrubbed(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json", ["hunter2-hunter2"])
    log = logging.getLogger("busy")
    await asyncio.gather(*(asyncio.to_thread(log.info, "hunter2-hunter2 %s", n) for n in range(50)))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 50
    assert all("hunter2" not in json.loads(line)["event"] for line in lines)
