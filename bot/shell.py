"""What the commands of the command line share: their options, their questions, and one line for an error.

`cli.py` is made of it. Nothing here decides anything; a traceback must never reach who typed a command.
"""

from __future__ import annotations

import getpass
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from bot.settings import Settings, SettingsError, load_settings
from execution.errors import CountersignError

T = TypeVar("T")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The settings file; default countersign.toml.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
VenueArgument = Annotated[str, typer.Argument(help="Its name in the settings.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
MasterOption = Annotated[
    bool, typer.Option("--master", help="The master key, which wraps all of them.")
]
PassphraseOption = Annotated[
    bool, typer.Option("--passphrase", help="With --master: a passphrase from now on.")
]
FromOption = Annotated[
    Path | None, typer.Option("--from", help="The file they are in: JSON; a master key as base64.")
]


def fail(text: str, code: int) -> NoReturn:
    """One line on standard error, and the exit code."""
    typer.echo(f"countersign: {text}", err=True)
    raise typer.Exit(code)


def settings(config: Path | None) -> Settings:
    """The settings, or exit 2 with the one line that says what is wrong with them."""
    try:
        return load_settings(config, os.environ, Path.cwd())
    except SettingsError as error:
        fail(str(error), 2)


def opened(config: Path | None) -> Settings:
    """The settings, with the master key in them where that is a passphrase: asked for at a terminal."""
    loaded = settings(config)
    return with_desk(lambda: with_master_key(loaded))


def with_master_key(loaded: Settings, before: Callable[[], None] = lambda: None) -> Settings:
    """The same; `before` is done before anybody is asked.

    Raises:
        CountersignError: it does not open, or must be asked for and cannot.
    """
    from bot import parts, passphrase

    ids = parts.Ids()
    return passphrase.unlocked(loaded, lambda: parts.locked_store(loaded, ids), ask_hidden(before))


def ask_hidden(before: Callable[[], None] = lambda: None) -> Callable[[str], str] | None:
    """Asks at the terminal without showing what is typed, once `before` is done; None where nobody can be
    asked."""

    def ask(text: str) -> str:
        before()
        answer: str = typer.prompt(text, default="", show_default=False, hide_input=True, err=True)
        return answer

    return ask if sys.stdin.isatty() else None


def asking(command: str, *, yes: bool) -> Callable[[str], bool]:
    """Asks whether to go on; who said `--yes` is not asked."""

    def sure(question: str) -> bool:
        if not yes and not sys.stdin.isatty():
            fail(f"{command}: nobody can be asked here; add --yes", 2)
        return yes or _confirmed(question)

    return sure


def _confirmed(question: str) -> bool:
    """What is answered; Ctrl-C ends the command here too, where an event loop would only take note of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return typer.confirm(question, err=True)
    finally:
        signal.signal(signal.SIGINT, before)


def person_here() -> str:
    """Who is at this command line, as the journal names them."""
    return f"cli:{getpass.getuser()}"


def with_desk(work: Callable[[], T]) -> T:
    """Run work on the stored desk; what goes wrong is one line."""
    try:
        return work()
    except SettingsError as error:
        fail(str(error), 2)
    except CountersignError as error:
        fail(str(error), 1)
