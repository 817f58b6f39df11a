"""`countersign init`: questions, a code sent to the bot, and two files that `run` can use; or nothing at all."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.init import Terminal, env_of, init
from bot.playground import ChatInfo, Playground, serve
from bot.settings import SettingsError, load_settings
from bot.telegram import pairing
from bot.telegram.pairing import CannotPair, code, pair
from bot.terminal import Report
from tests.clock import Clock
from tests.desk import ANA, GROUP, OLGA, PEOPLE, SAM, TOKEN
from tests.waiting import until

CODE = "2345-6789"


def counting(count: int) -> bytes:
    """Bytes that are no secret: the code they make is `CODE`."""
    return bytes(range(count))


@dataclass
class Person:
    """Who sits at the terminal: answers what is asked, and keeps what is said."""

    answers: list[str]
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)

    def ask(self, text: str, *, default: str | None = None, hidden: bool = False) -> str:
        self.asked.append(text)
        if hidden:
            self.hidden.append(text)
        answer = self.answers.pop(0)
        return answer if answer or default is None else default


@pytest.fixture
async def telegram() -> AsyncIterator[tuple[Playground, str]]:
    playground = Playground(":memory:", token=TOKEN, chat_id=GROUP, people=PEOPLE, clock=Clock())
    async with serve(playground) as url:
        yield playground, url
    await playground.close()


@dataclass
class Scene:
    folder: Path
    playground: Playground
    environ: dict[str, str]

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    async def run(self, person: Person, *, meanwhile: Callable[[], Any] | None = None) -> Report:
        """Run init beside; `meanwhile` is done when the code is shown."""
        terminal = Terminal(ask=person.ask, say=person.said.append)
        running = asyncio.create_task(
            asyncio.to_thread(init, self.folder, self.environ, terminal, counting)
        )
        if meanwhile is not None:
            await until(lambda: running.done() or self.playground.count("getUpdates"))
            meanwhile()
        return await running


@pytest.fixture
def scene(tmp_path: Path, telegram: tuple[Playground, str]) -> Scene:
    playground, url = telegram
    return Scene(tmp_path, playground, {"COUNTERSIGN_TELEGRAM__API_URL": url})


async def test_whoever_sends_the_code_in_a_group_is_its_owner(scene: Scene) -> None:
    person = Person([TOKEN, "", "Europe/Berlin"])
    report = await scene.run(
        person, meanwhile=lambda: scene.playground.say(f"/start {CODE}", by=OLGA)
    )
    settings = load_settings(None, {}, scene.folder)
    assert settings.people.owners == (OLGA,)
    assert (settings.telegram.chat_id, settings.telegram.topic_id) == (GROUP, 0)
    assert settings.require_token() == TOKEN
    assert settings.general.timezone.key == "Europe/Berlin"
    assert settings.venues["main"].exchange == "paper"
    assert settings.sources["desk"].secrets[0].startswith("whsec_")
    assert settings.web.control_token is not None
    assert report.json["owner"] == OLGA
    assert report.text.startswith("Olga is the owner, the desk is in Trading desk.")
    assert any(CODE in line and "t.me/countersign_bot?startgroup" in line for line in person.said)
    assert scene.playground.messages[-1].text == "Paired: Olga is the owner of this desk."
    assert scene.playground.chat.pending_updates() == 0
    assert scene.playground.malformed == []


async def test_both_files_are_for_nobody_else_to_read(scene: Scene) -> None:
    await scene.run(Person([TOKEN, "", ""]), meanwhile=lambda: scene.playground.say(CODE, by=OLGA))
    assert scene.files() == [".env", "countersign.toml"]
    for name in scene.files():
        assert (scene.folder / name).stat().st_mode & 0o777 == 0o600
    assert TOKEN not in (scene.folder / "countersign.toml").read_text()


async def test_topic_in_which_the_code_was_sent_is_the_desks(scene: Scene) -> None:
    await scene.run(
        Person([TOKEN, "", ""]),
        meanwhile=lambda: scene.playground.say(CODE, by=OLGA, thread_id=7),
    )
    assert load_settings(None, {}, scene.folder).telegram.topic_id == 7


async def test_only_the_code_counts_and_only_from_somebody_with_a_name(scene: Scene) -> None:
    """Guesses, anonymous admins, channels and private chats pair nobody; the owner still can."""
    person = Person([TOKEN, "", ""])

    def everybody() -> None:
        say = scene.playground.say
        say("/start AAAA-AAAA", by=SAM)
        say("/start", by=SAM)
        say(CODE, by=ANA, anonymous=True)
        say(CODE, by=ANA, sender_chat=ChatInfo(-1005, "Ana"))
        say(CODE, by=SAM, chat_id=SAM)
        say(f"/start@countersign_bot {CODE.lower().replace('-', '')}", by=OLGA)

    report = await scene.run(person, meanwhile=everybody)
    assert report.json["owner"] == OLGA
    bots = [m.text for m in scene.playground.messages if m.sender.id == 123456]
    assert [text.partition(":")[0] for text in bots] == [
        "Send it as yourself", "Send it as yourself",
        "Now send the same in the group where the desk shall be.", "Paired",
    ]  # fmt: skip


async def test_real_exchange_starts_in_its_sandbox_with_the_keys_in_env(scene: Scene) -> None:
    person = Person([TOKEN, "binance", "", "a key", "it's \\ secret # here", ""])
    await scene.run(person, meanwhile=lambda: scene.playground.say(CODE, by=OLGA))
    venue = load_settings(None, {}, scene.folder).venues["main"]
    assert (venue.exchange, venue.mode) == ("binance", "sandbox")
    assert venue.api_key is not None
    assert venue.secret is not None
    assert venue.api_key.get_secret_value() == "a key"
    assert venue.secret.get_secret_value() == "it's \\ secret # here"
    assert person.hidden == ["The bot's token, from @BotFather", "API key", "Secret", "Passphrase"]


async def test_wrong_answer_is_said_and_asked_again(scene: Scene) -> None:
    person = Person(["no token", TOKEN, "Binanze", "UTC", "paper", "Mars/Olympus", "paper", "UTC"])
    await scene.run(person, meanwhile=lambda: scene.playground.say(CODE, by=OLGA))
    said = "\n".join(person.said)
    assert "that is no token" in said
    assert "venues.main.exchange" in said
    assert 'no exchange has this id; the nearest is "binance".' in said
    assert "general.timezone" in said


async def test_token_that_telegram_refuses_ends_it_with_nothing_written(scene: Scene) -> None:
    with pytest.raises(CannotPair, match="Telegram refuses this token"):
        await scene.run(Person(["1:wrong", "2:wrong", "3:wrong"]))
    assert scene.files() == []


async def test_nobody_in_time_leaves_nothing_behind(
    scene: Scene, telegram: tuple[Playground, str]
) -> None:
    with pytest.raises(CannotPair, match="nobody sent the code in time"):
        await pair(TOKEN, telegram[1], CODE, lambda _: None, patience=0.2)
    assert scene.files() == []


@pytest.mark.parametrize("fault", ["a webhook stands", "somebody else polls"])
async def test_bot_that_is_read_elsewhere_is_said(
    telegram: tuple[Playground, str], fault: str
) -> None:
    playground, url = telegram
    if fault == "a webhook stands":
        playground.chat.set_webhook({"url": "https://other.example", "secret_token": ""})
    else:
        playground.faults.error("getUpdates", status=409, description="Conflict: terminated")
    with pytest.raises(CannotPair, match="something else reads this bot's updates"):
        await pair(TOKEN, url, CODE, lambda _: None)


@pytest.mark.parametrize("name", ["countersign.toml", ".env"])
async def test_what_stands_already_is_not_touched(scene: Scene, name: str) -> None:
    (scene.folder / name).write_text("# mine\n")
    with pytest.raises(SettingsError, match=f"{re.escape(name)}: stands here already"):
        await scene.run(Person([]))
    assert (scene.folder / name).read_text() == "# mine\n"
    assert scene.files() == [name]


async def test_file_that_appears_meanwhile_is_not_touched_and_the_other_not_left(
    scene: Scene,
) -> None:
    def somebody_was_faster() -> None:
        (scene.folder / "countersign.toml").write_text("# mine\n")
        scene.playground.say(CODE, by=OLGA)

    with pytest.raises(SettingsError, match="cannot be written to"):
        await scene.run(Person([TOKEN, "", ""]), meanwhile=somebody_was_faster)
    assert scene.files() == ["countersign.toml"]


def test_code_is_forty_bits_without_letters_that_look_like_digits() -> None:
    assert code(counting) == CODE
    assert len(pairing._ALPHABET) == 32
    assert re.fullmatch(r"[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}", code(lambda n: bytes([255] * n)))


def test_secrets_survive_the_file_as_they_are(tmp_path: Path) -> None:
    odd = "a'b\\c #d\"e$f"
    (tmp_path / ".env").write_text(env_of({"COUNTERSIGN_TELEGRAM__TOKEN": odd}))
    assert load_settings(None, {}, tmp_path).require_token() == odd


@asynccontextmanager
async def command_line(scene: Scene) -> AsyncIterator[asyncio.subprocess.Process]:
    """`countersign init --json` in the folder, its questions answered."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "init", "--json"),
        cwd=scene.folder,
        env={"PATH": os.environ["PATH"], **scene.environ},
        stdin=PIPE, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(f"{TOKEN}\n\n\n".encode())
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def shown_code(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    text = await asyncio.wait_for(process.stderr.readuntil(b"?startgroup="), 30)
    return (text + await process.stderr.readline()).decode().strip().rpartition("=")[2]


async def test_command_line_asks_on_standard_error_and_reports_on_standard_output(
    scene: Scene,
) -> None:
    async with command_line(scene) as process:
        scene.playground.say(f"/start {await shown_code(process)}", by=OLGA)
        assert process.stdout is not None
        report = json.loads(await asyncio.wait_for(process.stdout.read(), 30))
        assert await process.wait() == 0
    assert (report["owner"], report["chat_id"], report["bot"]) == (OLGA, GROUP, "countersign_bot")
    assert load_settings(None, {}, scene.folder).people.owners == (OLGA,)


async def test_ctrl_c_leaves_nothing_half_done(scene: Scene) -> None:
    async with command_line(scene) as process:
        await shown_code(process)
        await until(lambda: scene.playground.count("getUpdates"))
        process.send_signal(signal.SIGINT)
        _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode not in {0, None}
    assert b"Traceback" not in said
    assert scene.files() == []
