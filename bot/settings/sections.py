"""Every setting there is: one frozen model per section of `countersign.toml`.

`load.py` fills them, `bot/app.py` reads them. Defaults here are the documented ones. A key whose
feature is not built yet is known by name and refused; nothing here reads a file or a variable.
"""

from __future__ import annotations

import re
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from bot.loudness import Loudness
from bot.settings.values import (
    NOT_BUILT,
    PAPER,
    Ccxt,
    Clock,
    Count,
    Currency,
    Duration,
    DurationOrNone,
    ExchangeId,
    Hours,
    Money,
    Name,
    PathOrNone,
    SecretOrNone,
    SecretUrlOrNone,
    Share,
    SignalRate,
    SizeOrNone,
    Symbol,
    Unbuilt,
    Url,
    Whole,
    Zone,
    is_webhook_secret,
)
from bot.settings.values import Rate as SignalsPer
from execution.approval import DEFAULT_RULE
from execution.errors import CountersignError
from execution.instruments import MarketKind
from execution.types import Mode, Side
from execution.venues.quirks import SWAP_EXCHANGES, ccxt_id, switch_at

SECOND = timedelta(seconds=1)
CCXT_CREDENTIALS = ("apiKey", "secret", "password", "privateKey")


class SettingsError(CountersignError):
    """The settings cannot be used. One line: the key, where it came from, and the fix."""


def wrong(key: str, text: str) -> PydanticCustomError:
    """What is wrong between keys: the key to look at, inside this section, and the fix."""
    return PydanticCustomError("setting", "{text}", {"key": key, "text": text})


def built(*choices: str) -> AfterValidator:
    """Of the documented choices of a key, the ones that work today."""

    def check(value: str) -> str:
        if value not in choices:
            raise ValueError(NOT_BUILT)
        return value

    return AfterValidator(check)


class Section(BaseModel):
    """A table of the file: never changed after start, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class General(Section):
    """What money and time mean here."""

    currency: Currency = "USDT"
    at_par: tuple[Currency, ...] = ("USD", "USDT", "USDC")
    timezone: Zone = ZoneInfo("UTC")


class Notify(Section):
    """How loud each kind of news is. What stops trading or needs a person is none of them."""

    card: Loudness = Loudness.ON
    fill: Loudness = Loudness.ON
    refusal: Loudness = Loudness.ON
    error: Loudness = Loudness.ON
    reminder: Loudness = Loudness.ON
    daily: Loudness = Loudness.ON

    @model_validator(mode="before")
    @classmethod
    def _what_needs_a_person_is_told(cls, given: Any) -> Any:
        if isinstance(given, dict):
            for name in _ALWAYS_TOLD & given.keys():
                raise wrong(name, "a person must know it at once: always told, and it rings")
            if given.get("card") == Loudness.OFF:
                raise wrong("card", 'it asks for a decision; "silent" posts it without sound')
        return given


_ALWAYS_TOLD = {"kill", "halt", "resume", "doubt", "stuck", "rules"}
"""What people may look for among the kinds of news; some of it waits for a decision."""


class TelegramSettings(Section):
    """Where the chat is."""

    token: SecretOrNone = None
    chat_id: Whole | None = None
    topic_id: Annotated[Whole, Field(ge=0)] = 0
    api_url: Url = "https://api.telegram.org"
    updates: Literal["polling", "webhook"] = "polling"
    webhook_secret: SecretOrNone = None
    daily_at: Clock = time(8)
    notify: Notify = Notify()

    @model_validator(mode="after")
    def _telegram_shows_a_secret(self) -> Self:
        secret = None if self.webhook_secret is None else self.webhook_secret.get_secret_value()
        if secret is None:
            if self.updates == "webhook":
                raise wrong("webhook_secret", "needed; without it anybody could send updates")
        elif not re.fullmatch(r"[A-Za-z0-9_-]{24,256}", secret):
            raise wrong("webhook_secret", "not 24 to 256 of A-Z, a-z, 0-9, _ and -")
        return self


class People(Section):
    """Telegram user ids by role. A stronger role includes the weaker ones."""

    owners: tuple[Whole, ...] = ()
    approvers: tuple[Whole, ...] = ()
    viewers: tuple[Whole, ...] = ()

    @property
    def may_approve(self) -> frozenset[int]:
        """Everybody whose vote counts."""
        return frozenset(self.owners + self.approvers)

    @model_validator(mode="after")
    def _each_person_once(self) -> Self:
        seen: dict[int, str] = {}
        for role in ("owners", "approvers", "viewers"):
            for person in getattr(self, role):
                if person <= 0:
                    raise wrong(role, "a person's id is above zero; a chat's id stands elsewhere")
                if person in seen:
                    raise wrong(role, f"{person} is in {seen[person]} too; keep the stronger role")
                seen[person] = role
        return self


class Web(Section):
    """How the outside reaches the process."""

    host: str = "127.0.0.1"
    port: Annotated[Whole, Field(ge=0, le=65535)] = 8080
    public_url: Url = ""
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    control_token: SecretOrNone = None
    log: Literal["console", "json"] = "console"


def _sqlite_file(url: str) -> str:
    scheme, _, rest = url.partition("://")
    if scheme.partition("+")[0] in ("postgres", "postgresql"):
        raise ValueError("PostgreSQL is not built yet in this version; remove it to use SQLite")
    if scheme != "sqlite" or not rest.startswith("/") or rest in ("/", "/:memory:"):
        raise ValueError('not a database file; write "sqlite:///countersign.db"')
    return url


class Database(Section):
    """Where the store is."""

    url: Annotated[str, AfterValidator(_sqlite_file), Field(repr=False)] = (
        "sqlite:///countersign.db"
    )

    @property
    def file(self) -> Path:
        """SQLite's file; what else this desk writes lies beside it."""
        return Path(self.url.partition(":///")[2])


class VaultSettings(Section):
    """Where the master key is; without one named here see `bot/vault.py`."""

    master_key_file: PathOrNone = None


class VenueSettings(Section):
    """One exchange account."""

    exchange: ExchangeId
    mode: Mode
    market: MarketKind = MarketKind.SPOT
    default: bool = False
    api_key: SecretOrNone = None
    secret: SecretOrNone = None
    password: SecretOrNone = None
    max_leverage: Annotated[Money, Field(ge=1)] = Decimal(1)
    dead_man: DurationOrNone = None
    books: PathOrNone = None
    ccxt: Annotated[Ccxt, Field(repr=False)] = {}

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.exchange == PAPER and self.mode is not Mode.PAPER:
            raise wrong("mode", 'the paper exchange has one mode; write "paper"')
        self._market_is_traded()
        self._switch_exists()
        for key in CCXT_CREDENTIALS:
            if key in self.ccxt:
                raise wrong(
                    f"ccxt.{key}", "a credential; give it as a venue's key in the environment"
                )
        return self

    def _market_is_traded(self) -> None:
        swap = self.market is MarketKind.SWAP
        if not swap and self.max_leverage != 1:
            raise wrong("max_leverage", 'spot has none; remove it, or write market = "swap"')
        if self.exchange == PAPER:
            return
        try:
            ccxt_id(self.exchange, self.market)
        except ValueError:
            text = f'{self.exchange} has contracts only; write "swap"'
            if swap:
                others = ", ".join((PAPER, *SWAP_EXCHANGES))
                text = f'"swap" is not built at {self.exchange} yet; it is at {others}'
            raise wrong("market", text) from None

    def _switch_exists(self) -> None:
        if self.dead_man is None:
            return
        switch = switch_at(self.exchange, self.market)
        if switch is None:
            raise wrong(
                "dead_man",
                f"{self.exchange} has no dead man's switch that can be used here; remove it",
            )
        if not switch.takes(self.dead_man):
            shortest, longest = (f"{one // SECOND}s" for one in (switch.shortest, switch.longest))
            raise wrong(
                "dead_man",
                f'{self.exchange} takes whole seconds from "{shortest}" to "{longest}"; "60s" is usual',
            )


class SourceSettings(Section):
    """One sender of signals."""

    kind: Annotated[
        Literal["tradingview", "webhook", "poll", "stream", "telegram"],
        built("tradingview", "webhook"),
    ]
    secret: SecretOrNone = None
    venue: Name | None = None
    sizing: SizeOrNone = None
    rate: SignalRate = SignalsPer(60, timedelta(minutes=1))
    map: dict[str, str] = {}
    url: Unbuilt = None
    interval: Unbuilt = None
    headers: Unbuilt = None
    cursor: Unbuilt = None
    subscribe: Unbuilt = None
    chat_id: Unbuilt = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret that is good now; more than one while they are rotated."""
        return tuple(self.secret.get_secret_value().split()) if self.secret else ()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        from bot.sources.mapping import FieldMap  # it reads values as we do: a circle at the top

        if not self.secrets:
            raise wrong("secret", "empty; anybody could send signals")
        if self.kind == "webhook" and not all(map(is_webhook_secret, self.secrets)):
            raise wrong("secret", 'not "whsec_" and the base64 of at least 24 random bytes')
        try:
            FieldMap.compile(self.map)
        except ValueError as error:
            key, _, text = str(error).partition(": ")
            raise wrong(key, text) from None
        return self


class Risk(Section):
    """The desk's limits: None is off. `execution/risk.py` says what each one measures."""

    max_order_notional: Money = Decimal(1000)
    max_signal_age: Duration = timedelta(minutes=2)
    max_position_notional: Money | None = None
    max_open_orders: Count | None = None
    max_open_positions: Count | None = None
    max_orders_per_minute: Count | None = None
    max_daily_loss: Money | None = None
    max_drawdown: Share | None = None
    max_price_deviation: Share | None = None
    max_spread: Share | None = None
    min_quote_reserve: Money | None = None
    symbols: Annotated[tuple[Symbol, ...], Field(min_length=1)] | None = None
    sides: Annotated[tuple[Side, ...], Field(min_length=1)] | None = None
    trading_hours: Hours | None = None
    cooldown_after_loss: Duration | None = None
    duplicate_window: Duration | None = None
    stop_loss_required: bool = False


class Sizing(Section):
    """How large an entry is when neither the signal nor its source says."""

    default: SizeOrNone = None


class RuleCondition(Section):
    """What a ticket must look like: keys joined by and, values of one list by or."""

    symbols: tuple[Symbol, ...] = ()
    sides: tuple[Side, ...] = ()
    sources: tuple[str, ...] = ()
    venues: tuple[str, ...] = ()
    modes: tuple[Mode, ...] = ()
    strategies: tuple[str, ...] = ()
    notional_below: Money | None = None
    """Exclusive, in `general.currency`."""
    notional_from: Money | None = None
    """Inclusive, in `general.currency`."""
    hours: Hours | None = None
    """In `general.timezone`."""
    rolling_24h_from: Money | None = None
    """Inclusive, in `general.currency`: what went through within 24 h, this order in it."""

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        below, start = self.notional_below, self.notional_from
        if below is not None and start is not None and start >= below:
            raise wrong(
                "notional_from",
                f"no amount is from {start} and below {below}; notional_from must be the smaller one",
            )
        return self


class RuleSettings(Section):
    """One approval rule: it blocks, says how many approvals a ticket needs, or waits for a veto."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    """`rule <n>` where the file gives none."""
    when: RuleCondition = RuleCondition()
    block: bool = False
    required: Count | None = None
    veto_window: Duration | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        said = {
            "required": self.required is not None,
            "veto_window": self.veto_window is not None,
            "block": self.block,
        }
        given = [key for key, is_given in said.items() if is_given]
        if len(given) != 1:
            has = f"has {' and '.join(given)}" if given else "has none of them"
            raise wrong(
                given[0] if given else "required",
                f'the rule "{self.name}" {has}; keep exactly one of required, veto_window,'
                " block = true",
            )
        if self.name == DEFAULT_RULE.name:
            raise wrong("name", f'"{self.name}" is what meets no rule; choose another name')
        return self


class Approval(Section):
    """Who must say yes, how long a card waits, how far the price may run meanwhile."""

    expires_after: Duration = timedelta(minutes=5)
    max_price_drift: Share = Decimal("0.003")
    rules: tuple[RuleSettings, ...] = ()

    @field_validator("rules", mode="before")
    @classmethod
    def _every_rule_has_a_name(cls, rules: Any) -> Any:
        if not isinstance(rules, list | tuple):
            return rules
        return [
            {"name": f"rule {at}", **rule} if isinstance(rule, dict) else rule
            for at, rule in enumerate(rules, start=1)
        ]

    @model_validator(mode="after")
    def _rules_agree(self) -> Self:
        names = [rule.name for rule in self.rules]
        for at, rule in enumerate(self.rules):
            if names.count(rule.name) > 1:
                raise wrong(f"rules[{at}].name", "another rule has this name too")
            if rule.veto_window is not None and rule.veto_window >= self.expires_after:
                raise wrong(
                    f"rules[{at}].veto_window",
                    f'the window of the rule "{rule.name}" must be shorter than'
                    " approval.expires_after, or its cards expire before it ends",
                )
        return self


class Execution(Section):
    """How an approved order is sent and looked after."""

    order_type: Literal["limit", "market"] = "limit"
    slippage_tolerance: Share = Decimal("0.001")
    order_timeout: Duration = timedelta(seconds=30)
    on_timeout: Literal["cancel", "reprice", "market", "leave"] = "cancel"
    max_retries: Annotated[Whole, Field(ge=0, le=10)] = 3
    retry_delay: Duration = timedelta(seconds=1)
    reconcile_every: Duration = timedelta(seconds=30)
    protect_within: Duration = timedelta(seconds=10)
    on_unprotected: Literal["close", "alert"] = "close"


class Watchdog(Section):
    """Who is told that we are alive."""

    heartbeat_url: SecretUrlOrNone = None
