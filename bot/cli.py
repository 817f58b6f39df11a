"""The command line: run, look, stop and start again; usable when Telegram is down.

Exit code 0 done, 1 the thing failed or is not so, 2 usage or configuration: one clear line, never a
traceback.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from bot.settings import SettingsError
from bot.shell import (
    ConfigOption,
    FromOption,
    JsonOption,
    MasterOption,
    PassphraseOption,
    VenueArgument,
    YesOption,
    ask_hidden,
    asking,
    fail,
    opened,
    person_here,
    settings,
    with_desk,
    with_master_key,
)
from execution.errors import CountersignError

if TYPE_CHECKING:
    from bot.sealed import VenueKeys
    from bot.terminal import Report

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
keys = typer.Typer(help="The venue keys in the sealed vault.", no_args_is_help=True)
app.add_typer(db, name="db")
app.add_typer(audit, name="audit")
app.add_typer(policy, name="policy")
app.add_typer(keys, name="keys")


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
    done = with_desk(lambda: first.init(Path.cwd(), os.environ, terminal, secrets.token_bytes))
    typer.echo(json.dumps(done.json, indent=2) if as_json else done.text)


@app.command()
def run(config: ConfigOption = None) -> None:
    """Web and worker in one process; the default."""
    from bot import logs
    from bot.app import App

    loaded = opened(config)
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

    loaded = opened(config)
    view = with_desk(lambda: terminal.status(loaded))
    typer.echo(json.dumps(view.json, indent=2) if as_json else view.text)


@app.command()
def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:  # noqa: FBT002  # typer makes a flag of it
    """Check settings, database, Telegram, each venue and its key, sources: a line each, and the fix."""
    from bot import doctor as ward

    loaded = opened(config)
    done = with_desk(lambda: ward.doctor(loaded, lambda line: typer.echo(line, err=as_json)))
    typer.echo(json.dumps(done.json, indent=2) if as_json else done.text)
    if not done.verified:
        raise typer.Exit(1)


@app.command()
def certify(
    venue: VenueArgument,
    symbol: Annotated[
        str | None, typer.Option("--symbol", help="The market to try it in; default a usual one.")
    ] = None,
    yes: YesOption = False,  # noqa: FBT002  # typer makes a flag of it
    config: ConfigOption = None,
    as_json: JsonOption = False,  # noqa: FBT002  # typer makes a flag of it
) -> None:
    """Try in an exchange's sandbox what this desk relies on, with tiny orders. Exit 0 only if all held."""
    from rich.console import Console

    from bot import parts
    from bot.certify import certify as work

    run = work(
        opened(config),
        venue,
        symbol=symbol,
        console=Console(stderr=True),
        sure=asking("certify", yes=yes),
        clock=parts.now,
        token=secrets.token_bytes,
    )
    done = with_desk(lambda: asyncio.run(run))
    typer.echo(json.dumps(done.json, indent=2) if as_json else done.text)
    if not done.verified:
        raise typer.Exit(1)


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

    who, why = person_here(), " ".join(reason or ())

    def first() -> None:
        if terminal.leave_halt(loaded, who, why):
            say("A running process halts now. Canceling from here takes the vault's key.")

    def work() -> Report:
        try:
            unlocked = with_master_key(loaded, first)
        except typer.Abort:
            left = SettingsError("vault: nobody typed its passphrase")
            return terminal.kill_unopened(loaded, who, why, left)
        except (
            CountersignError
        ) as error:  # a vault that does not open is no reason to go on trading
            return terminal.kill_unopened(loaded, who, why, error)
        return terminal.kill(unlocked, who, why, say)

    done = with_desk(work)
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

    loaded = opened(config)
    done = with_desk(lambda: terminal.resume(loaded, person_here()))
    typer.echo(json.dumps(done.json, indent=2) if as_json else done.text)


@db.command("upgrade")
def db_upgrade(config: ConfigOption = None) -> None:
    """Bring the database to the newest schema; also done at every start."""
    from execution.migrations import upgrade

    loaded = settings(config)
    with_desk(lambda: upgrade(loaded.database.url))
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
    loaded = opened(config)
    done = with_desk(lambda: terminal.verify(loaded, posted))
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

    loaded = opened(config)
    shown = with_desk(lambda: terminal.audit(loaded, ticket))
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

    loaded = opened(config)

    def work() -> Report:
        other = load_approval(file, loaded)
        return rules.test(loaded, other, last=last, say=lambda text: typer.echo(text, err=True))

    done = with_desk(work)
    typer.echo(json.dumps(done.json, indent=2) if as_json else done.text)


@keys.command("add")
def keys_add(
    venue: VenueArgument,
    source: FromOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,  # noqa: FBT002  # typer makes a flag of it
) -> None:
    """Seal the keys of a venue: asked for here, or JSON from standard input or a file."""
    from bot import keys as vault

    _give_keys(vault.add, venue, source, config, as_json=as_json)


@keys.command("list")
def keys_list(config: ConfigOption = None, as_json: JsonOption = False) -> None:  # noqa: FBT002  # typer makes a flag of it
    """Which venue has keys, from where and since when. Never the keys."""
    from bot import keys as vault

    loaded = opened(config)
    found = with_desk(lambda: vault.listed(loaded))
    typer.echo(json.dumps(found.json, indent=2) if as_json else found.text)
    if not found.verified:
        raise typer.Exit(1)


@keys.command("rotate")
def keys_rotate(
    venue: Annotated[str | None, typer.Argument(help="Its name in the settings.")] = None,
    master: MasterOption = False,  # noqa: FBT002  # typer makes a flag of it
    passphrase: PassphraseOption = False,  # noqa: FBT002  # typer makes a flag of it
    source: FromOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,  # noqa: FBT002  # typer makes a flag of it
) -> None:
    """Replace the keys of a venue, or the master key. A running process goes on."""
    from bot import keys as vault
    from bot import rotation

    if (venue is None) != master:
        fail("keys rotate: one of the two, a venue or --master", 2)
    if passphrase and not master:
        fail("--passphrase: only with --master", 2)
    if venue is not None:
        _give_keys(vault.rotate, venue, source, config, as_json=as_json)
        return
    loaded = opened(config)
    done = with_desk(
        lambda: rotation.rotate_master(
            loaded, person_here(), ask_hidden(), source=source, passphrase=passphrase
        )
    )
    typer.echo(json.dumps(done.json, indent=2) if as_json else done.text)


@keys.command("remove")
def keys_remove(
    venue: VenueArgument,
    yes: YesOption = False,  # noqa: FBT002  # typer makes a flag of it
    config: ConfigOption = None,
    as_json: JsonOption = False,  # noqa: FBT002  # typer makes a flag of it
) -> None:
    """Forget the keys of a venue."""
    from bot import keys as vault

    loaded, sure = opened(config), asking("keys remove", yes=yes)
    done = with_desk(lambda: vault.remove(loaded, venue, sure, person_here()))
    typer.echo(json.dumps(done.json, indent=2) if as_json else done.text)


def _give_keys(
    give: Callable[..., Report],
    venue: str,
    source: Path | None,
    config: Path | None,
    *,
    as_json: bool,
) -> None:
    from bot import keys as vault

    loaded, ask = opened(config), ask_hidden()

    def read() -> VenueKeys:
        if source is not None:
            return vault.read_keys(vault.read_file(source))
        if ask is not None:
            return vault.ask_for_keys(ask)
        return vault.read_keys(sys.stdin.buffer.read(vault.LARGEST).decode(errors="replace"))

    done = with_desk(lambda: give(loaded, venue, read, person_here()))
    typer.echo(json.dumps(done.json, indent=2) if as_json else done.text)
    if source is not None:
        typer.echo(f"{source} has them in the clear: delete it.", err=True)


def main() -> None:
    """The entry point."""
    app(prog_name="countersign")
