"""The demo as a new user meets it: a card within seconds, an approval, a fill, a clean end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.demo import SCENES, TOML
from bot.settings import load_settings
from execution.venues.synthetic import INSTRUMENTS
from tests.waiting import until

Json = dict[str, Any]


@pytest.fixture
def port() -> int:
    """A port that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_its_settings_are_ordinary_settings(tmp_path: Path) -> None:
    path = tmp_path / "countersign.toml"
    path.write_text(TOML)
    settings = load_settings(path, {"COUNTERSIGN_SOURCES__DEMO__SECRET": "s" * 16}, tmp_path)
    assert [str(venue.mode) for venue in settings.venues.values()] == ["paper"]


@pytest.mark.parametrize("scene", SCENES, ids=range(len(SCENES)))
def test_every_scene_is_about_a_market_that_is_there(scene: Any) -> None:
    symbol = str(scene.body["symbol"]).replace("/", "").removesuffix("USDT") + "/USDT"
    assert symbol in INSTRUMENTS


def started(folder: Path, port: int) -> subprocess.Popen[str]:
    """The demo as a process of its own in this folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "bot", "demo"],
        cwd=folder,
        env={**os.environ, "PORT": str(port), "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


async def test_card_is_there_within_seconds_and_approving_it_fills(
    tmp_path: Path, port: int
) -> None:
    """Started as `countersign demo` starts it, played as its page plays it, stopped with SIGTERM."""
    process = started(tmp_path, port)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as page:
            card = await until(lambda: _message(page, "One approval needed"), timeout_s=60)
            assert card["text"].startswith("PAPER · BUY")
            assert card["buttons"][0][0]["text"].startswith("Approve")
            answer = await _approve(page, card)
            assert answer["answer"] == "Approved. Checked once more, then sent."
            await until(lambda: _message(page, "Filled: bought"), timeout_s=30)
            assert (await page.get("/")).status_code == 200
            assert (await page.get("/healthz")).json() == {"status": "alive"}
    finally:
        process.send_signal(signal.SIGTERM)
        told, _ = await asyncio.to_thread(process.communicate, timeout=30)
    assert process.returncode == 0, told
    assert f"Countersign demo: http://127.0.0.1:{port}" in told
    assert "Traceback" not in told
    kept = tmp_path / ".demo"
    assert kept.stat().st_mode & 0o077 == 0
    assert (kept / "secrets.json").stat().st_mode & 0o077 == 0
    assert os.listdir(tmp_path) == [".demo"]


async def _state(page: httpx.AsyncClient) -> Json:
    try:
        got = await page.get("/playground/state")
    except httpx.TransportError:
        return {"messages": []}
    state: Json = got.json()
    return state


async def _message(page: httpx.AsyncClient, part: str) -> Json | None:
    """A message of the bot's with these words."""
    found = [m for m in (await _state(page))["messages"] if part in m["text"]]
    return found[-1] if found else None


async def _approve(page: httpx.AsyncClient, card: Json) -> Json:
    """Ana taps the first button, as the page does."""
    tap = {"as": 2222, "message": card["id"], "row": 0, "column": 0}
    answer: Json = (await page.post("/playground/tap", json=tap)).json()
    return answer
