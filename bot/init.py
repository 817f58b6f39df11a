"""`countersign init`: a few questions, one code, and a desk that can be run.

Nothing is written before everything is known and was tried, and then both files or none; what stands
already is never touched.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bot.settings import Settings, SettingsError, load_settings
from bot.settings.root import FILE
from bot.settings.sections import TelegramSettings
from bot.telegram.pairing import CannotPair, Paired, bot_name, code, pair
from bot.terminal import Report

ENV = ".env"
TRIES = 3
"""How often a question is asked that is answered wrongly."""
_PLAIN = re.compile(r"[A-Za-z0-9_:./+=@-]*")
_TRIED = Paired(user_id=1, name="", chat_id=-1, topic_id=0, title="")
"""Stands for the pairing while the other answers are tried."""


class Ask(Protocol):
    """Asks at the terminal."""

    def __call__(self, text: str, *, default: str | None = None, hidden: bool = False) -> str: ...


@dataclass(frozen=True)
class Terminal:
    """Who is asked and told."""

    ask: Ask
    say: Callable[[str], None]


@dataclass
class _Answers:
    token: str = ""
    exchange: str = "paper"
    timezone: str = "UTC"
    keys: dict[str, str] = field(default_factory=dict)


def init(
    folder: Path,
    environ: Mapping[str, str],
    terminal: Terminal,
    random: Callable[[int], bytes],
) -> Report:
    """Ask, pair the first owner, and write both files into this folder.

    Raises:
        SettingsError: files stand there already, or an answer cannot be used.
        CannotPair: the bot is not reached, or nobody sent the code.
    """
    for name in (FILE, ENV):
        if (folder / name).exists():
            raise SettingsError(
                f"{name}: stands here already; move it away, or work in another folder"
            )
    answers = _Answers()
    api_url = environ.get("COUNTERSIGN_TELEGRAM__API_URL") or TelegramSettings().api_url
    bot = _ask_token(answers, environ, terminal, api_url)
    _ask_venue(answers, environ, terminal, folder)
    secrets = {
        "COUNTERSIGN_TELEGRAM__TOKEN": answers.token,
        "COUNTERSIGN_WEB__CONTROL_TOKEN": random(32).hex(),
        "COUNTERSIGN_SOURCES__DESK__SECRET": f"whsec_{base64.b64encode(random(32)).decode()}",
    } | answers.keys
    expected = code(random)
    terminal.say(
        f"\nOne code makes you the owner. Send it in the group of the desk, where @{bot} is a member:\n\n"
        f"    /start@{bot} {expected}\n\n"
        f"or choose the group here: https://t.me/{bot}?startgroup={expected}\n"
        "Waiting for ten minutes, Ctrl-C ends it."
    )
    paired = asyncio.run(pair(answers.token, api_url, expected, terminal.say))
    _write(folder, toml_of(answers, paired), env_of(secrets))
    return _report(folder, bot, paired)


def _ask_token(
    answers: _Answers, environ: Mapping[str, str], terminal: Terminal, api_url: str
) -> str:
    """The bot's name; its token is asked for until Telegram takes it."""
    given = environ.get("COUNTERSIGN_TELEGRAM__TOKEN", "").strip()
    for left in reversed(range(TRIES)):
        answers.token = (
            given or terminal.ask("The bot's token, from @BotFather", hidden=True).strip()
        )
        try:
            if not re.fullmatch(r"\d+:[A-Za-z0-9_-]+", answers.token):
                raise CannotPair("that is no token; it looks like 123456:ABC-DEF")
            name = asyncio.run(bot_name(answers.token, api_url))
        except CannotPair as error:
            if given or not left:
                raise
            terminal.say(f"{error}.")
        else:
            terminal.say(f"The bot is @{name}.")
            return name
    raise AssertionError("the last try returns or raises")


def _ask_venue(
    answers: _Answers, environ: Mapping[str, str], terminal: Terminal, folder: Path
) -> None:
    """Exchange, keys and zone, asked for until they can be used together.

    Raises:
        SettingsError: they still cannot.
    """
    for left in reversed(range(TRIES)):
        asked = terminal.ask("Exchange (paper, or a ccxt id such as binance)", default="paper")
        answers.exchange = asked.strip().lower()
        answers.timezone = terminal.ask("Time zone", default="UTC").strip()
        try:
            _tried(toml_of(answers, _TRIED), environ, folder)
        except SettingsError as error:
            if not left:
                raise
            terminal.say(f"{error}.")
        else:
            break
    if answers.exchange != "paper":
        terminal.say(
            "Keys of its sandbox, which need to trade and must not withdraw. They are written to .env;"
            " empty for later, or for the vault: countersign keys add main."
        )
        for key, text in (("API_KEY", "API key"), ("SECRET", "Secret"), ("PASSWORD", "Passphrase")):
            value = terminal.ask(text, default="", hidden=True).strip()
            answers.keys[f"COUNTERSIGN_VENUES__MAIN__{key}"] = value


def _tried(toml: str, environ: Mapping[str, str], folder: Path) -> Settings:
    """The settings that would be loaded, from a folder that is gone afterwards."""
    secret = "whsec_" + base64.b64encode(bytes(32)).decode()
    with tempfile.TemporaryDirectory(dir=folder, prefix=".init-") as place:
        (Path(place) / FILE).write_text(toml, encoding="utf-8")
        given = {**environ, "COUNTERSIGN_SOURCES__DESK__SECRET": secret}
        return load_settings(None, given, Path(place))


def toml_of(answers: _Answers, paired: Paired) -> str:
    """The settings file."""
    mode = "paper" if answers.exchange == "paper" else "sandbox"
    topic = f"topic_id = {paired.topic_id}\n" if paired.topic_id else ""
    return f"""\
[general]
timezone = {json.dumps(answers.timezone)}

[telegram]
chat_id = {paired.chat_id}
{topic}
[people]  # numeric Telegram ids; /whoami in the group tells one
owners = [{paired.user_id}]
approvers = []
viewers = []

[venues.main]
exchange = {json.dumps(answers.exchange)}
mode = "{mode}"

[sources.desk]  # POST /signals/desk, signed with its secret in .env
kind = "webhook"

[sizing]
default = {{ notional = 100 }}
"""


def env_of(secrets: Mapping[str, str]) -> str:
    """The secrets, one a line, quoted where they must be."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in secrets.items())


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _write(folder: Path, toml: str, env: str) -> None:
    """Both files, for nobody else to read, or none."""
    made: list[Path] = []
    try:
        for name, text in ((ENV, env), (FILE, toml)):
            number = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            made.append(folder / name)
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
    except BaseException as error:
        for path in made:
            path.unlink()
        if isinstance(error, OSError):
            raise SettingsError(f"{folder}: cannot be written to: {error.strerror}") from error
        raise


def _report(folder: Path, bot: str, paired: Paired) -> Report:
    where = f"{paired.title or paired.chat_id}"
    text = (
        f"{paired.name} is the owner, the desk is in {where}.\n"
        f"Written: {FILE} and {ENV}, readable by you alone.\n"
        "Start it with: countersign run"
    )
    return Report(
        text=text,
        json={
            "bot": bot,
            "owner": paired.user_id,
            "name": paired.name,
            "chat_id": paired.chat_id,
            "topic_id": paired.topic_id,
            "files": [str(folder / FILE), str(folder / ENV)],
        },
    )
