"""The demo as a new user meets it: a card within seconds, an approval, a fill, a clean end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.alone import Alone
from bot.demo import run_demo
from bot.demo.process import SYMBOLS, TOML
from bot.demo.scenes import SCENES
from bot.settings import SettingsError, load_settings
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
    assert set(SYMBOLS) <= set(INSTRUMENTS)


# --- what does not allow to start ----------------------------------------------------------------


@pytest.mark.parametrize("reset", [False, True])
async def test_second_demo_in_a_folder_touches_nothing(tmp_path: Path, reset: bool) -> None:
    kept = tmp_path / "secrets.json"
    kept.write_text("{}")
    running = Alone(f"sqlite:///{tmp_path / 'countersign.db'}")
    running.take()
    with pytest.raises(SettingsError, match="a demo is running there; stop it first"):
        await run_demo(tmp_path, 8080, reset=reset)
    running.release()
    assert kept.read_text() == "{}"


async def test_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    taken = tmp_path / ".demo"
    taken.touch()
    with pytest.raises(SettingsError, match=r"\.demo: .* cannot write to it; start it in another"):
        await run_demo(taken, 8080, reset=False)


def test_taken_port_is_one_line_with_the_fix(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        process = started(tmp_path, number)
        told, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert told.splitlines() == [
        f"countersign: web.port ({number}): Address already in use;"
        " choose another with PORT=<number>"
    ]


# --- the whole of it -----------------------------------------------------------------------------


def started(folder: Path, port: int, *words: str) -> subprocess.Popen[str]:
    """The demo as a process of its own in this folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "bot", "demo", *words],
        cwd=folder,
        env={**os.environ, "PORT": str(port), "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


async def test_card_is_there_within_seconds_and_approving_it_fills(
    tmp_path: Path, port: int
) -> None:
    """Started as `countersign demo` starts it, played as its page plays it, stopped with Ctrl-C."""
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
        process.send_signal(signal.SIGINT)
        told, _ = await asyncio.to_thread(process.communicate, timeout=30)
    assert process.returncode == 0, told
    assert f"Countersign demo: http://127.0.0.1:{port}" in told
    assert "Traceback" not in told
    kept = tmp_path / ".demo"
    assert kept.stat().st_mode & 0o077 == 0
    assert (kept / "secrets.json").stat().st_mode & 0o077 == 0
    assert json.loads((kept / "story.json").read_text())["played"] >= 1
    assert os.listdir(tmp_path) == [".demo"]


async def test_reset_starts_over(tmp_path: Path, port: int) -> None:
    kept = tmp_path / ".demo"
    kept.mkdir()
    (kept / "story.json").write_text('{"played": 5}')
    process = started(tmp_path, port, "--reset")
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as page:
            card = await until(lambda: _message(page, "needed"), timeout_s=60)
            assert SCENES[0].note in card["text"]
    finally:
        process.kill()
        await asyncio.to_thread(process.communicate)


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
