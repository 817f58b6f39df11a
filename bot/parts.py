"""Builds every part from the settings; nothing is connected or started here.

`app` runs all of it, the command line only the trading side. The one place besides the command line
that reads the clock and draws random numbers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version as installed_version
from random import Random, SystemRandom
from types import MappingProxyType

from ulid import ULID

from bot import house
from bot.charts import Charts
from bot.clock import Clock
from bot.heartbeat import Heartbeat
from bot.keyring import Claim, demand_keys, unlock, with_keys
from bot.news import News
from bot.notifier import Notifier
from bot.panel import PinnedPanel
from bot.people import roles
from bot.settings import Settings, SettingsError
from bot.telegram import moving
from bot.telegram.chat import TelegramChat, telegram_bot
from bot.telegram.faces import Look
from bot.telegram.front import Front
from bot.telegram.hearing import Hearing
from bot.telegram.intake import Hook, Intake
from bot.telegram.tokens import Buttons
from bot.telegram.webhook import PATH
from bot.vault import master_key
from bot.vetoes import Vetoes
from execution import orders
from execution.accounts import Accounts
from execution.alarms import Alarms
from execution.config import Config
from execution.dead_man import DeadMan
from execution.deadlines import Deadlines
from execution.desk import Desk
from execution.errors import CountersignError
from execution.executor import Executor
from execution.executor.bells import Bells
from execution.halt_file import HaltFile
from execution.halting import Halting
from execution.instruments import MarketKind
from execution.key_rights import KeyWatch
from execution.market import Market
from execution.migrations import upgrade
from execution.proving import Prover
from execution.reconcile import Reconciler
from execution.store import Store, Transaction
from execution.streaming import Streaming
from execution.trading import Brake
from execution.types import OrderState
from execution.venues.market_data import MarketData
from execution.venues.venue import Venue

log = logging.getLogger(__name__)

VERSION = installed_version("countersign")


now = Clock(wall=lambda: datetime.now(UTC), ticks=time.monotonic)
"""What time it is, in UTC."""


class Ids:
    """ULIDs that only grow, also within one millisecond."""

    def __init__(self) -> None:
        self._last = ULID()

    def __call__(self) -> str:
        """The next id."""
        made = ULID()
        if made <= self._last:
            made = ULID.from_int(int(self._last) + 1)
        self._last = made
        return str(made)


def open_store(settings: Settings, ids: Callable[[], str]) -> Store:
    """The database at its newest schema, and the master key its journal is chained with.

    Raises:
        SettingsError: the key is missing or not the one this database was made with.
        StoreUnavailable: the database cannot be opened.
    """
    key = master_key(settings)
    if key.made:
        log.info("made a master key, keep a copy of it apart from the database: %s", key.path)
    upgrade(settings.database.url)
    locked = locked_store(settings, ids)
    try:
        keys = unlock(locked, key)
    finally:
        locked.close()
    return Store(settings.database.url, journal_key=keys.journal, clock=now, new_id=ids)


def locked_store(settings: Settings, ids: Callable[[], str]) -> Store:
    """The database without its journal's key: its facts can be read, nothing can be journaled."""
    return Store(settings.database.url, journal_key=b"", clock=now, new_id=ids)


@dataclass(frozen=True)
class Trading:
    """The trading side: everything that needs no chat."""

    store: Store
    desk: Desk
    market: Market
    venues: Mapping[str, Venue]
    executor: Executor
    reconciler: Reconciler
    prover: Prover
    accounts: Accounts
    brake: Brake
    alarms: Alarms
    halting: Halting
    deadlines: Deadlines
    keys: Mapping[str, KeyWatch]
    """What asks each venue what its key may do."""
    switches: Mapping[str, DeadMan]
    """The dead man's switches that are on, by venue."""
    streams: Mapping[str, Streaming]
    """What hears each venue that tells anything without being asked."""

    async def close(self) -> None:
        """Let go of venues and the database."""
        for venue in self.venues.values():
            await venue.close()
        self.store.close()


@dataclass(frozen=True)
class Chat:
    """The chat side, on top of a trading side."""

    room: TelegramChat
    intake: Intake
    notifier: Notifier
    panel: PinnedPanel
    charts: Charts
    vetoes: Vetoes
    hearing: Hearing

    async def close(self) -> None:
        """Let go of connections and the drawing process."""
        await self.charts.close()
        await self.room.close()


def trading(
    settings: Settings,
    ids: Callable[[], str],
    *,
    started_at: datetime,
    halting: bool = False,
    prices: MarketData | None = None,
    claim: Claim = lambda keys: None,
) -> Trading:
    """The trading side. `halting` is for whoever only wants to stop: it never stands in the way.

    `prices` are what paper venues trade against, else a synthetic market of their own. `claim` holds
    accounts for this process alone.

    Raises:
        SettingsError: a setting does not allow it.
        StoreUnavailable: the database cannot be opened.
    """
    store = open_store(settings, ids)
    if not halting:
        _demand_venues_of_open_orders(settings, store)
    keyed = _with_keys(settings, store, claim, halting=halting)
    config, venues = house.config(settings), house.venues(keyed, now, prices)
    if not halting:
        _demand_same_accounts(venues, store)
    market = Market(
        venues,
        clock=now,
        currency=settings.general.currency,
        at_par=settings.general.at_par,
    )
    install = store.write_now(lambda tx: tx.fact("install", lambda: ids().encode())).decode()
    side = assemble(
        store=store,
        market=market,
        venues=venues,
        config=config,
        install=install,
        jitter=SystemRandom(),
        started_at=started_at,
        halt_file=HaltFile.beside(settings.database.url),
        dead_man={
            name: one.dead_man for name, one in settings.venues.items() if one.dead_man is not None
        },
    )
    if halting:
        side.brake.lock()
    return side


def assemble(
    *,
    store: Store,
    market: Market,
    venues: Mapping[str, Venue],
    config: Config,
    install: str,
    jitter: Random,
    started_at: datetime,
    halt_file: HaltFile,
    dead_man: Mapping[str, timedelta] = MappingProxyType({}),
) -> Trading:
    """The trading side of these; it takes over whether the desk is halted, and starts nothing.

    `dead_man` is how long each venue waits for us whose dead man's switch is on.
    """
    brake, bells = Brake(), Bells()
    brake.follow(store.read_now(lambda tx: tx.trading()))
    halting = Halting(store=store, market=market, brake=brake, halt_file=halt_file)
    executor = Executor(
        store=store,
        market=market,
        venues=venues,
        config=config,
        brake=brake,
        bells=bells,
        install=install,
        jitter=jitter,
        started_at=started_at,
    )
    desk = Desk(
        store=store,
        market=market,
        config=config,
        halting=halting,
        decide=executor.decide,
    )
    reconciler = Reconciler(store=store, market=market, venues=venues, config=config)
    return Trading(
        store=store,
        desk=desk,
        market=market,
        venues=venues,
        executor=executor,
        reconciler=reconciler,
        prover=Prover(store=store, market=market, venues=venues, look=reconciler.look_at_orders),
        accounts=Accounts(store=store, market=market, config=config),
        brake=brake,
        alarms=Alarms(store=store, halt=halting.alarm),
        halting=halting,
        deadlines=Deadlines(store=store, market=market, config=config),
        keys={name: KeyWatch(feed, store=store) for name, feed in market.feeds().items()},
        switches={
            name: DeadMan(
                market.feed(name),
                timeout,
                store=store,
                clock=market.clock,
                reconcile_every=config.reconcile_every,
            )
            for name, timeout in dead_man.items()
        },
        streams=_streams(market, store, bells, jitter),
    )


def _streams(market: Market, store: Store, bells: Bells, jitter: Random) -> dict[str, Streaming]:
    return {
        name: Streaming(feed, store=store, bells=bells, clock=market.clock, jitter=jitter)
        for name, feed in market.feeds().items()
        if feed.venue.streams
    }


def _with_keys(settings: Settings, store: Store, claim: Claim, *, halting: bool) -> Settings:
    """The settings with every venue's keys, each account claimed.

    Raises:
        CountersignError: keys are missing, do not open, or their account is taken; not while `halting`.
    """
    try:
        keyed = with_keys(settings, store, halting=halting)
        if not halting:
            demand_keys(keyed)
            claim(house.keys(keyed))
    except CountersignError:
        store.close()
        raise
    return keyed


def _demand_venues_of_open_orders(settings: Settings, store: Store) -> None:
    """No order of ours may be out of sight.

    Raises:
        SettingsError: a venue is gone from the settings while orders of ours may rest there.
    """
    open_orders = store.read_now(
        lambda tx: tx.orders.in_state(*orders.LIVE, OrderState.PLANNED, OrderState.STUCK)
    )
    for venue in sorted({order.venue for order in open_orders} - set(settings.venues)):
        store.close()
        count = sum(1 for order in open_orders if order.venue == venue)
        raise SettingsError(
            f"venues.{venue}: not set up any more, but {count} of our orders may be open there;"
            f" bring it back into {settings.path} until they have ended"
        )


def _demand_same_accounts(venues: Mapping[str, Venue], store: Store) -> None:
    """Orders and positions of one account must not pass for those of another.

    Raises:
        SettingsError: a venue's orders were sent to another exchange, or in another mode.
    """
    for name, venue in venues.items():
        is_now = f"{venue.exchange} {venue.mode}"
        if venue.kind is not MarketKind.SPOT:  # databases of spot know no third word
            is_now += f" {venue.kind}"
        was = store.write_now(partial(Transaction.account_of, venue=name, is_now=is_now))
        if was != is_now:
            store.close()
            raise SettingsError(
                f"venues.{name}: is {is_now} now, its orders here are of {was}: give the new account"
                " another name, or a database.url of its own"
            )


def look(settings: Settings) -> Look:
    """What every text of this desk shares."""
    return Look(
        zone=settings.general.timezone,
        currency=settings.general.currency,
        max_price_drift=settings.approval.max_price_drift,
    )


def front(settings: Settings, side: Trading, *, started_at: datetime) -> Front:
    """What commands, taps and `/api` work with."""
    return Front(
        desk=side.desk,
        store=side.store,
        market=side.market,
        config=house.config(settings),
        buttons=Buttons(side.store),
        look=look(settings),
        roles=roles(settings),
        version=VERSION,
        started_at=started_at,
        clock=now,
    )


def hook(settings: Settings) -> Hook | None:
    """Where Telegram calls us, if it is to."""
    secret = settings.telegram.webhook_secret
    if settings.telegram.updates != "webhook" or secret is None:
        return None
    url = settings.web.public_url.rstrip("/") + PATH
    return Hook(url=url, secret=secret.get_secret_value())


def chat(settings: Settings, side: Trading, desk_front: Front) -> Chat:
    """The chat side.

    Raises:
        SettingsError: the bot's token or the chat is not set.
    """
    configured = settings.require_chat_id()
    home = side.store.read_now(lambda tx: moving.home(tx, configured))
    if home != configured:
        log.warning("telegram.chat_id: %s has become %s; write that instead", configured, home)
    room = TelegramChat(
        telegram_bot(settings.require_token(), settings.telegram.api_url),
        chat_id=home,
        topic_id=settings.telegram.topic_id,
    )
    charts = Charts()
    news = News(
        market=side.market,
        look=desk_front.look,
        roles=desk_front.roles,
        notify=settings.telegram.notify.model_dump(),
    )
    windows = [rule.veto_window for rule in settings.approval.rules]
    hearing = Hearing(shortest=min(filter(None, windows), default=None))
    return Chat(
        room=room,
        intake=Intake(
            chat=room, front=desk_front, charts=charts, hearing=hearing, hook=hook(settings)
        ),
        notifier=Notifier(
            store=side.store, chat=room, buttons=desk_front.buttons, charts=charts, news=news
        ),
        panel=PinnedPanel(front=desk_front, chat=room),
        charts=charts,
        vetoes=Vetoes(store=side.store, deadlines=side.deadlines, hearing=hearing),
        hearing=hearing,
    )


def heartbeat(settings: Settings, side: Trading, desk_chat: Chat) -> Heartbeat | None:
    """What calls the watchdog elsewhere; None where none is set."""
    url = settings.watchdog.heartbeat_url
    if url is None:
        return None
    return Heartbeat(
        url.get_secret_value(),
        store=side.store,
        market=side.market,
        hearing=desk_chat.hearing,
        reconcile_every=settings.execution.reconcile_every,
    )
