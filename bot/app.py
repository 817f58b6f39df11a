"""Runs everything in one process and one event loop, and stops it in order.

Signals are accepted as soon as the database is there; exchanges and Telegram connect behind that, and
are tried again for as long as they are away.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Callable, Coroutine, Generator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from bot import house, jobs, parts
from bot.alone import Alone
from bot.api import api
from bot.daily import Daily
from bot.inlet import inlet
from bot.keyring import Keyring
from bot.metrics import Metrics
from bot.parts import VERSION, Chat, Ids, Trading, now
from bot.settings import Settings, SettingsError
from bot.telegram.front import Front
from bot.telegram.webhook import webhook
from bot.web import web
from execution.desk import Person
from execution.errors import StoreUnavailable, VenueMisconfigured
from execution.events import EventKind
from execution.venues.market_data import MarketData

log = logging.getLogger(__name__)

REMEMBERED = timedelta(minutes=1)
"""How long /readyz tells of a task that failed and was started again."""
CALM = 1.0
"""Seconds before a task of ours that failed is started again."""
LAST_REQUESTS = 2
"""Seconds that HTTP requests are given when the process stops."""

_THE_HOST = Person(id="host:SIGUSR1", name="SIGUSR1 on the host")
Work = Callable[[], Coroutine[Any, Any, None]]


def listen(settings: Settings) -> socket.socket:
    """The bound port.

    Raises:
        SettingsError: it is taken, or not ours to take.
    """
    host, port = settings.web.host, settings.web.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, because asyncio turns Nagle's delay off only for a socket that says it is TCP.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise SettingsError(
            f"web.port ({port}): {error.strerror or error}; choose another with PORT=<number>"
        ) from error
    return bound


class Server(uvicorn.Server):
    """uvicorn inside our loop: signals are ours to handle."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when requests are taken."""
        await super().startup(sockets=sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals alone."""
        yield


class App:
    """One process: web and worker in one event loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        page: ASGIApp | None = None,
        prices: MarketData | None = None,
        ending: Work | None = None,
    ) -> None:
        """`page` takes `/` and what no other route has: the demo's chat page.

        `prices` are what paper venues trade against, else a synthetic market of their own.
        `ending` is awaited when the process stops, before open requests are waited for.
        """
        self._settings = settings
        self._page = page
        self._prices = prices
        self._ending = ending
        self._troubles: dict[str, tuple[datetime, str]] = {}
        self._stop = asyncio.Event()
        self._halt = asyncio.Event()
        """Set by SIGUSR1."""
        self._misconfigured: SettingsError | None = None

    async def run(self, *beside: Callable[[Trading], Coroutine[Any, Any, None]]) -> None:
        """Start everything, run until a signal asks to stop, stop everything.

        `beside` runs along once signals are accepted.

        Raises:
            SettingsError: something in the settings or on this machine does not allow to start.
            AlreadyRunning: another process works on this database.
        """
        # First of all: who has no handler for it is ended by this signal.
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._halt.set)
        # Asked for before anything is made: a key, a database, a lock.
        self._settings.require_token()
        self._settings.require_chat_id()
        alone = Alone(self._settings.database.url, house.keys(self._settings))
        bound = listen(self._settings)
        ids, started_at = Ids(), now()
        try:
            side = await self._alone(alone, ids, started_at)
        except BaseException:
            bound.close()
            raise
        front = parts.front(self._settings, side, started_at=started_at)
        chat = parts.chat(self._settings, side, front)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        await self._recover(side)
        metrics = Metrics(side.store, side.market)
        await metrics.start()
        server = self._server(self._web(side, chat, front, metrics, ids))
        serving = asyncio.create_task(server.serve(sockets=[bound]), name="web")
        await server.listening.wait()
        log.info("listening on %s:%s", *bound.getsockname()[:2])
        # What is loaded stays, thousands of markets too: a full collection over it holds up an order.
        gc.freeze()
        side.market.on_change(gc.freeze)
        hour, zone = self._settings.telegram.daily_at, self._settings.general.timezone
        ticks = jobs.scheduler(
            deadlines=side.deadlines,
            halting=side.halting,
            daily=Daily(store=side.store, at=hour, zone=zone),
            vetoes=chat.vetoes,
        )
        ticks.start()
        work = forever(self._settings, side, chat) | {
            "SIGUSR1": partial(self._halt_when_signaled, side),
            "keys": self._keyring(side, alone).run,
        }
        work |= {f"beside {n}": partial(b, side) for n, b in enumerate(beside)}
        tasks = [
            asyncio.create_task(self._keep(name, one), name=name) for name, one in work.items()
        ]
        await self._stop.wait()
        log.info("stopping: no more signals, what is being sent is finished")
        server.should_exit = True
        ticks.shutdown(wait=False)
        await _end(side, chat, tasks, serving, self._ending)
        alone.release()
        if self._misconfigured is not None:
            raise self._misconfigured

    def stop(self) -> None:
        """Ask it to stop, as SIGTERM does."""
        self._stop.set()

    async def _alone(self, alone: Alone, ids: Callable[[], str], started_at: datetime) -> Trading:
        """The trading side, once nobody else works on this database and its accounts."""
        alone.take()
        return await asyncio.to_thread(
            parts.trading,
            self._settings,
            ids,
            started_at=started_at,
            prices=self._prices,
            claim=alone.claim,
        )

    async def _recover(self, side: Trading) -> None:
        """Halt if that was asked for meanwhile, then make safe what a dead process left behind."""
        await self._halt_if_signaled(side)
        await side.halting.take_file()
        await side.executor.recover()
        await side.store.write(
            lambda tx: tx.journal.add(EventKind.STARTED, tx.now, version=VERSION)
        )

    def _keyring(self, side: Trading, alone: Alone) -> Keyring:
        """Brings replaced keys to the venues; each is asked about before an order goes with it."""
        return Keyring(
            self._settings,
            side.store,
            side.venues,
            alone.claim,
            lambda venue: _hear_of_other_keys(side, venue),
        )

    async def _halt_when_signaled(self, side: Trading) -> None:
        """Halt at each SIGUSR1: `kill -USR1` works where the command line has no settings."""
        while True:
            await self._halt.wait()
            await self._halt_if_signaled(side)

    async def _halt_if_signaled(self, side: Trading) -> None:
        if not self._halt.is_set():
            return
        self._halt.clear()
        with contextlib.suppress(StoreUnavailable):  # the file HALT keeps it
            await side.desk.halt(person=_THE_HOST, reason="")

    async def _keep(self, name: str, work: Work) -> None:
        """Run a task for ever; one that fails is told in /readyz and started again."""
        while True:
            try:
                await work()
                return
            except VenueMisconfigured as error:
                self._misconfigured = SettingsError(
                    f"venues.{name.removeprefix('market ')}.{error}"
                )
                self._stop.set()
                return
            except Exception as error:  # the last boundary: a dead task is silent
                log.critical("%s failed and is started again: %s", name, error, exc_info=error)
                self._troubles[name] = (now(), f"failed: {type(error).__name__}")
                await asyncio.sleep(CALM)

    def _server(self, app: FastAPI) -> Server:
        proxies = [str(network) for network in self._settings.web.trusted_proxies]
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies,
            server_header=False,
            timeout_graceful_shutdown=LAST_REQUESTS,
        )
        return Server(config)

    def _web(
        self, side: Trading, chat: Chat, front: Front, metrics: Metrics, ids: Callable[[], str]
    ) -> FastAPI:
        token = self._settings.web.control_token
        signals = inlet(
            side.desk,
            house.sources(self._settings),
            now,
            ids,
            venues=frozenset(self._settings.venues),
        )
        control = api(front, None if token is None else token.get_secret_value())
        hook = parts.hook(self._settings)
        telegram = [] if hook is None else [webhook(chat.intake, hook)]
        app = web(
            version=VERSION,
            ready=partial(self._ready, side, chat),
            metrics=metrics.text,
            routers=[signals, control, *telegram],
            home=self._page is None,
        )
        if self._page is not None:
            app.mount("/", self._page)
        return app

    async def _ready(self, side: Trading, chat: Chat) -> dict[str, str | None]:
        """Every part and why it is not ready, or None."""
        database = side.store.trouble
        try:
            await side.store.read(lambda tx: tx.journal.head())
        except StoreUnavailable as error:
            database = str(error)
        # What cannot be stored cannot be told either; that is not Telegram's fault.
        untold = chat.notifier.trouble if database is None else None
        states: dict[str, str | None] = {
            "database": database,
            "telegram": chat.intake.reason or untold,
        }
        for name, feed in side.market.feeds().items():
            states[f"venue {name}"] = feed.trouble
        fresh = {n: text for n, (at, text) in self._troubles.items() if now() - at < REMEMBERED}
        return states | fresh


def forever(settings: Settings, side: Trading, chat: Chat) -> dict[str, Work]:
    """Every task that runs for ever, by name."""
    work: dict[str, Work] = {
        "executor": side.executor.run,
        "halts": side.prover.run,
        "accounts": side.accounts.run,
        "alarms": side.alarms.run,
        "notifier": chat.notifier.run,
        "panel": chat.panel.run,
        "intake": chat.intake.run,
    }
    beat = parts.heartbeat(settings, side, chat)
    if beat is not None:
        work["heartbeat"] = beat.run
    for name in side.venues:
        work[f"market {name}"] = partial(side.market.run, name)
        work[f"reconcile {name}"] = partial(side.reconciler.run, name)
    work |= {f"streams {name}": one.run for name, one in side.streams.items()}
    work |= {f"key {name}": one.run for name, one in side.keys.items()}
    work |= {f"dead man {name}": one.run for name, one in side.switches.items()}
    return work


def _hear_of_other_keys(side: Trading, venue: str) -> None:
    """Whoever asked the venue something with its keys asks again with these."""
    side.keys[venue].other_keys()
    side.streams[venue].other_keys()


async def _end(
    side: Trading,
    chat: Chat,
    tasks: list[asyncio.Task[None]],
    serving: asyncio.Task[None],
    ending: Work | None,
) -> None:
    """Stop in an order in which nothing that is being sent is dropped."""
    switched_off = [one.stop() for one in side.switches.values()]
    await asyncio.gather(side.executor.stop(), chat.intake.stop(), *switched_off)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if ending is not None:
        await ending()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(serving, LAST_REQUESTS + 1)
    await chat.close()
    await side.close()
