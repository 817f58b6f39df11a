"""The command line: run, look, stop and start again; usable when Telegram is down.

Exit code 0 done, 1 the thing failed or is not so, 2 usage or configuration: one clear line, never a
traceback.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import secrets
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from bot.settings import Settings, SettingsError, load_settings

T = TypeVar("T")

app = typer.Typer(
    name="countersign",
    help="A trading bot that asks first.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
db = typer.Typer(help="The database.", no_args_is_help=True)
audit = typer.Typer(help="The journal.", no_args_is_help=True)
policy = typer.Typer(help="The approval rules.", no_args_is_help=True)
app.add_typer(db, name="db")
app.add_typer(audit, name="audit")
app.add_typer(policy, name="policy")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The settings file; default countersign.toml.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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


def person_here() -> str:
    """Who is at this command line, as the journal names them."""
    return f"cli:{getpass.getuser()}"


@app.command()
def init(as_json: JsonOption = False) -> None:  # noqa: FBT002  # typer makes a flag of it
    """Ask a few questions, pair the first owner, write countersign.toml and .env here."""
    from bot import init as first

    def ask(text: str, *, default: str | None = None, hidden: bool = False) -> str:
        shown = default if default else None
        answer: str = typer.prompt(
            text, default=default, show_default=shown is not None, hide_input=hidden, err=True
        )
        return answer

    terminal = first.Terminal(ask=ask, say=lambda line: typer.echo(line, err=True))
    done = _with_desk(lambda: first.init(Path.cwd(), os.environ, terminal, secrets.token_bytes))
    typer.echo(json.dumps(done.json, indent=2) if as_json else done.text)


@app.command()
def run(config: ConfigOption = None) -> None:
    """Web and worker in one process; the default."""
    from bot import logs
    from bot.app import App

    loaded = settings(config)
    logs.set_up(loaded.web.log, loaded.secrets())
    _until_stopped(lambda: App(loaded).run())


@app.command()
def demo(
    reset: Annotated[bool, typer.Option("--reset", help="Start over.")] = False,  # noqa: FBT002  # typer makes a flag of it
) -> None:
    """The whole product on a synthetic market, with a chat page in the browser."""
    from bot.demo import run_demo

    port = os.environ.get("PORT", "8080")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        fail(f"PORT ({port}): not a port number; try PORT=8090", 2)
    _until_stopped(lambda: run_demo(Path.cwd() / ".demo", int(port), reset=reset))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The faster event loop, where it runs."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


def _until_stopped(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run to the end; what does not allow to start is one line."""
    from execution.errors import CountersignError

    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(work())
    except SettingsError as error:
        fail(str(error), 2)
    except CountersignError as error:
        fail(str(error), 1)


@app.command()
def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:  # noqa: FBT002  # typer makes a flag of it
    """How things stand, by what is stored."""
    from bot import terminal

    loaded = settings(config)
    view = _with_desk(lambda: terminal.status(loaded))
    typer.echo(json.dumps(view.json, indent=2) if as_json else view.text)


@app.command()
def kill(
    reason: Annotated[list[str] | None, typer.Argument(help="Why; it is journaled.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,  # noqa: FBT002  # typer makes a flag of it
) -> None:
    """Halt: commit it, cancel every open order of ours, look twice. Exit 0 only when verified."""
    from bot import terminal

    loaded = settings(config)

    def say(line: str) -> None:
        typer.echo(line, err=as_json)

    why = " ".join(reason or ())
    done = _with_desk(lambda: terminal.kill(loaded, person_here(), why, say))
    if as_json:
        typer.echo(json.dumps(done.json, indent=2))
    else:
        typer.echo(done.text)
    if not done.verified:
        raise typer.Exit(1)


@app.command()
def resume(config: ConfigOption = None, as_json: JsonOption = False) -> None:  # noqa: FBT002  # typer makes a flag of it
    """Trade again after a halt that is verified."""
    from bot import terminal

    loaded = settings(config)
    done = _with_desk(lambda: terminal.resume(loaded, person_here()))
    typer.echo(json.dumps(done.json, indent=2) if as_json else done.text)


@db.command("upgrade")
def db_upgrade(config: ConfigOption = None) -> None:
    """Bring the database to the newest schema; also done at every start."""
    from execution.migrations import upgrade

    loaded = settings(config)
    _with_desk(lambda: upgrade(loaded.database.url))
    typer.echo("The database is at the newest schema.")


@audit.command("verify")
def audit_verify(
    head: Annotated[
        str | None, typer.Option("--head", help="A head from a daily message: is it still there?")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,  # noqa: FBT002  # typer makes a flag of it
) -> None:
    """Recompute the journal's chain; exit 1 and the first bad entry if it is broken."""
    from bot import terminal

    try:
        posted = None if head is None else terminal.Posted.read(head)
    except ValueError as error:
        fail(f"--head ({head}): {error}", 2)
    loaded = settings(config)
    done = _with_desk(lambda: terminal.verify(loaded, posted))
    typer.echo(json.dumps(done.json, indent=2) if as_json else done.text)
    if not done.verified:
        raise typer.Exit(1)


@audit.command("show")
def audit_show(
    ticket: Annotated[str, typer.Argument(help="Its id, or the last characters of it.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,  # noqa: FBT002  # typer makes a flag of it
) -> None:
    """Who did what when with a ticket, from the signal to the last fill."""
    from bot import terminal

    loaded = settings(config)
    shown = _with_desk(lambda: terminal.audit(loaded, ticket))
    typer.echo(json.dumps(shown.json, indent=2) if as_json else shown.text)


@policy.command("test")
def policy_test(
    file: Annotated[Path, typer.Argument(help="A settings file; its [approval] is tried.")],
    last: Annotated[
        int, typer.Option("--last", min=1, help="How many of the newest tickets.")
    ] = 1000,
    config: ConfigOption = None,
    as_json: JsonOption = False,  # noqa: FBT002  # typer makes a flag of it
) -> None:
    """What past signals would have met under the rules of another file. Changes nothing."""
    from bot import policy as rules
    from bot.settings import load_approval
    from bot.terminal import Report

    loaded = settings(config)

    def work() -> Report:
        other = load_approval(file, loaded)
        return rules.test(loaded, other, last=last, say=lambda text: typer.echo(text, err=True))

    done = _with_desk(work)
    typer.echo(json.dumps(done.json, indent=2) if as_json else done.text)


def _with_desk(work: Callable[[], T]) -> T:
    """Run work on the stored desk; what goes wrong is one line."""
    from execution.errors import CountersignError

    try:
        return work()
    except SettingsError as error:
        fail(str(error), 2)
    except CountersignError as error:
        fail(str(error), 1)


def main() -> None:
    """The entry point."""
    app(prog_name="countersign")
