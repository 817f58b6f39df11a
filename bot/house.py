"""The settings as the execution side wants them: one frozen `Config`, sources, venues.

`app` calls it once at start. Nothing else in the product reads both a setting and an execution record.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from pathlib import Path

from bot.people import roles
from bot.settings import Settings, SettingsError, load_limit
from bot.settings.sections import Risk, RuleSettings, VenueSettings
from bot.settings.values import PAPER
from bot.sources.mapping import FieldMap
from bot.sources.source import Source, SourceKind
from execution import limits
from execution.approval import Policy, Rule, When
from execution.checks import Limits
from execution.config import Config, SourceTerms
from execution.instruments import MarketKind
from execution.pricing import PriceTerms
from execution.types import Mode, OnTimeout, OrderType
from execution.venues.exchange import ExchangeVenue
from execution.venues.market_data import MarketData
from execution.venues.paper import OPENED_WITH, PaperVenue
from execution.venues.public import PublicMarket
from execution.venues.venue import Venue


def config(settings: Settings) -> Config:
    """The house rules."""
    execution = settings.execution
    zone = settings.general.timezone
    return Config(
        policy=policy(settings),
        limits=_limits(settings.risk, zone),
        prices=PriceTerms(
            order_type=OrderType(execution.order_type),
            slippage_tolerance=execution.slippage_tolerance,
            max_price_drift=settings.approval.max_price_drift,
            order_timeout=execution.order_timeout,
            on_timeout=OnTimeout(execution.on_timeout),
        ),
        default_venue=settings.default_venue,
        default_size=settings.sizing.default,
        sources={
            name: SourceTerms(venue=source.venue, size=source.sizing)
            for name, source in settings.sources.items()
        },
        currency=settings.general.currency,
        zone=zone,
        max_retries=execution.max_retries,
        retry_delay=execution.retry_delay,
        reconcile_every=execution.reconcile_every,
        max_leverage={
            name: venue.max_leverage
            for name, venue in settings.venues.items()
            if venue.market is MarketKind.SWAP
        },
    )


def limit(key: str, typed: str) -> object:
    """The value of one limit as somebody types it, read as the settings are; `off` switches it off.

    Raises:
        SettingsError: there is no such limit, or it cannot be read.
        NotPossible: it cannot be switched off.
    """
    known = limit_key(key)
    if typed.strip().lower() == "off":
        return limits.off(known)
    return getattr(_limits(load_limit(known, typed), UTC), known)


def limit_key(typed: str) -> str:
    """The limit of this name.

    Raises:
        SettingsError: there is none.
    """
    if typed in limits.TIGHTER:
        return typed
    (nearest,) = get_close_matches(typed, limits.TIGHTER, n=1, cutoff=0.0)
    raise SettingsError(f"There is no such limit; the nearest is {nearest}")


def _limits(risk: Risk, zone: tzinfo) -> Limits:
    return Limits(
        max_order_notional=risk.max_order_notional,
        max_signal_age=risk.max_signal_age,
        max_position_notional=risk.max_position_notional,
        max_open_orders=risk.max_open_orders,
        max_open_positions=risk.max_open_positions,
        max_orders_per_minute=risk.max_orders_per_minute,
        max_daily_loss=risk.max_daily_loss,
        max_drawdown=risk.max_drawdown,
        max_price_deviation=risk.max_price_deviation,
        max_spread=risk.max_spread,
        min_quote_reserve=risk.min_quote_reserve,
        symbols=None if risk.symbols is None else frozenset(risk.symbols),
        sides=None if risk.sides is None else frozenset(risk.sides),
        trading_hours=risk.trading_hours,
        cooldown_after_loss=risk.cooldown_after_loss,
        duplicate_window=risk.duplicate_window,
        stop_loss_required=risk.stop_loss_required,
        zone=zone,
    )


def policy(settings: Settings) -> Policy:
    """Who may do what, and what an order needs."""
    return Policy(
        people=roles(settings),
        rules=tuple(_rule(rule) for rule in settings.approval.rules),
        expires_after=settings.approval.expires_after,
        max_price_drift=settings.approval.max_price_drift,
        zone=settings.general.timezone,
    )


def sources(settings: Settings) -> dict[str, Source]:
    """Who may send signals.

    Raises:
        SettingsError: a source's `map` names a field that does not exist.
    """
    made = {}
    for name, source in settings.sources.items():
        try:
            fields = FieldMap.compile(source.map) if source.map else None
        except ValueError as error:
            raise SettingsError(f"sources.{name}.map: {error}") from error
        made[name] = Source(
            name=name,
            kind=SourceKind(source.kind),
            secrets=source.secrets,
            rate=source.rate,
            map=fields,
        )
    return made


def venues(
    settings: Settings, clock: Callable[[], datetime], prices: MarketData | None = None
) -> dict[str, Venue]:
    """Every exchange account, not opened yet; the paper exchange trades against `prices`, if given."""
    return {
        name: _paper(settings, name, venue, clock, prices)
        if venue.mode is Mode.PAPER
        else _account(settings, name, venue, clock)
        for name, venue in settings.venues.items()
    }


def keys(settings: Settings) -> dict[str, str]:
    """The API key of every venue that is no paper.

    Raises:
        SettingsError: two venues have the same one.
    """
    found: dict[str, str] = {}
    for name, venue in settings.venues.items():
        key = "" if venue.api_key is None else venue.api_key.get_secret_value()
        if venue.mode is Mode.PAPER or not key:
            continue
        if key in found.values():
            other = next(other for other, taken in found.items() if taken == key)
            raise SettingsError(
                f"venues.{name}.api_key: venues.{other} has the same one; an account is one venue"
            )
        found[name] = key
    return found


def _paper(
    settings: Settings,
    name: str,
    venue: VenueSettings,
    clock: Callable[[], datetime],
    prices: MarketData | None,
) -> Venue:
    """Books of our own, on the paper exchange's prices or on the public ones of a real exchange."""
    books = settings.path.parent / (venue.books or f"paper-{name}.db")
    if venue.exchange == PAPER:
        return PaperVenue(name, books, clock, market=prices, kind=venue.market)
    try:
        market = PublicMarket(
            venue.exchange,
            clock,
            kind=venue.market,
            overrides=venue.ccxt,
            kept=_market_list(settings, name),
        )
    except ValueError as error:
        raise SettingsError(f"venues.{name}.{error}") from None
    opening = {settings.general.currency: OPENED_WITH}
    return PaperVenue(name, books, clock, market=market, kind=venue.market, opening=opening)


def _account(
    settings: Settings, name: str, venue: VenueSettings, clock: Callable[[], datetime]
) -> Venue:
    api_key, secret, password = (
        "" if value is None else value.get_secret_value()
        for value in (venue.api_key, venue.secret, venue.password)
    )
    try:
        return ExchangeVenue(
            name,
            venue.exchange,
            venue.mode,
            kind=venue.market,
            api_key=api_key,
            secret=secret,
            password=password,
            overrides=venue.ccxt,
            clock=clock,
            kept=_market_list(settings, name),
        )
    except ValueError as error:
        raise SettingsError(f"venues.{name}.{error}") from None


def _market_list(settings: Settings, name: str) -> Path:
    """Where a venue's markets are kept for the next start."""
    return settings.database.file.with_name(f"markets-{name}.gz")


def _rule(rule: RuleSettings) -> Rule:
    when = rule.when
    return Rule(
        name=rule.name,
        when=When(
            notional_below=when.notional_below,
            notional_from=when.notional_from,
            symbols=frozenset(when.symbols),
            sides=frozenset(when.sides),
            sources=frozenset(when.sources),
            venues=frozenset(when.venues),
            modes=frozenset(when.modes),
            strategies=frozenset(when.strategies),
            hours=when.hours,
            rolling_24h_from=when.rolling_24h_from,
        ),
        required=1 if rule.required is None else rule.required,
        block=rule.block,
        veto_window=rule.veto_window,
    )
