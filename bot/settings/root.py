"""`Settings`: all sections together, what must hold between them, and what `run` needs given.

Made by `load.py`, read by `bot/app.py` and `bot/cli.py`. It reads nothing by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, PrivateAttr, SecretStr, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.settings.sections import (
    Approval,
    Database,
    Execution,
    General,
    People,
    Risk,
    SettingsError,
    Sizing,
    SourceSettings,
    TelegramSettings,
    VaultSettings,
    VenueSettings,
    Watchdog,
    Web,
    wrong,
)
from bot.settings.values import PAPER, Name, SecretOrNone
from execution.config import BY_HAND
from execution.types import Mode

FILE = "countersign.toml"


def _yes(value: object) -> bool:
    if value not in (True, False, "yes", "no"):
        raise ValueError('write "yes", and only where real money may be traded')
    return value in (True, "yes")


class Settings(BaseSettings):
    """All settings of one process. Made by `load_settings`; reads nothing by itself."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True,
        env_prefix="COUNTERSIGN_", env_nested_delimiter="__",
    )  # fmt: skip

    general: General = General()
    telegram: TelegramSettings = TelegramSettings()
    people: People = People()
    web: Web = Web()
    database: Database = Database()
    vault: VaultSettings = VaultSettings()
    venues: dict[Name, VenueSettings] = {}
    sources: dict[Name, SourceSettings] = {}
    risk: Risk = Risk()
    sizing: Sizing = Sizing()
    approval: Approval = Approval()
    execution: Execution = Execution()
    watchdog: Watchdog = Watchdog()
    allow_live: Annotated[bool, BeforeValidator(_yes)] = False
    """`COUNTERSIGN_ALLOW_LIVE=yes`; never from the file."""
    master_key: SecretOrNone = None
    """`COUNTERSIGN_MASTER_KEY`; never from the file."""
    _path: Path = PrivateAttr(default=Path(FILE))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in: `load_settings` has read and ordered the sources."""
        return (init_settings,)

    @property
    def path(self) -> Path:
        """The file these were read from, or where it would stand."""
        return self._path

    @property
    def default_venue(self) -> str | None:
        """The venue of signals that name none; None when several venues have no default."""
        marked = [name for name, venue in self.venues.items() if venue.default]
        return next(iter(marked or (self.venues if len(self.venues) == 1 else ())), None)

    def secrets(self) -> list[str]:
        """Every secret value, for the log to strike out."""
        return sorted({part for found in _secrets(self) for part in (found, *found.split())})

    def require_token(self) -> str:
        """The bot's token.

        Raises:
            SettingsError: it is not set.
        """
        if self.telegram.token is None:
            raise SettingsError(
                "telegram.token: not set; give COUNTERSIGN_TELEGRAM__TOKEN in the environment or"
                " .env (@BotFather makes one)"
            )
        return self.telegram.token.get_secret_value()

    def require_chat_id(self) -> int:
        """The chat where cards are posted.

        Raises:
            SettingsError: it is not set.
        """
        if not self.telegram.chat_id:
            raise SettingsError(f"telegram.chat_id: not set; give the chat's id in {self.path}")
        return self.telegram.chat_id

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for contradiction in (*_of_telegram(self), *_of_venues(self), *_of_approval(self)):
            raise contradiction
        return self


def _of_telegram(settings: Settings) -> Iterator[PydanticCustomError]:
    url = settings.web.public_url
    if settings.telegram.updates == "webhook" and not url.startswith("https://"):
        yield wrong("web.public_url", "needed for telegram.updates = \"webhook\": the https"
                    " address where Telegram reaches this process")  # fmt: skip


def _of_venues(settings: Settings) -> Iterator[PydanticCustomError]:
    defaults = [name for name, venue in settings.venues.items() if venue.default]
    if len(defaults) > 1:
        yield wrong(f"venues.{defaults[1]}.default", f"{defaults[0]} is the default already")
    for name, venue in settings.venues.items():
        if venue.mode is Mode.LIVE and not settings.allow_live:
            yield wrong(f"venues.{name}.mode", "live trades real money; it also needs"
                        " COUNTERSIGN_ALLOW_LIVE=yes in the environment")  # fmt: skip
        if venue.mode is Mode.PAPER and venue.exchange != PAPER:
            for key in ("api_key", "secret", "password"):
                if getattr(venue, key) is not None:  # and its owner may believe that it is used
                    yield wrong(f"venues.{name}.mode", f"on paper {venue.exchange} is asked for prices"
                                f" only; take out COUNTERSIGN_VENUES__{name.upper()}__{key.upper()}")  # fmt: skip
    for name, source in settings.sources.items():
        if name == BY_HAND:
            yield wrong(f"sources.{name}", "that is what /buy and /sell in the chat are called;"
                        " give the source another name")  # fmt: skip
        if source.venue is not None and source.venue not in settings.venues:
            known = ", ".join(settings.venues) or "none"
            yield wrong(f"sources.{name}.venue", f"there is no such venue; there is: {known}")


def _of_approval(settings: Settings) -> Iterator[PydanticCustomError]:
    people = len(settings.people.may_approve)
    for at, rule in enumerate(settings.approval.rules):
        if rule.required is not None and rule.required > people:
            who = "person" if people == 1 else "people"
            yield wrong(f"approval.rules[{at}].required", f'the rule "{rule.name}" asks for'
                        f" {rule.required} approvals, but {people} {who} may approve; ask for fewer,"
                        " or add to people.approvers")  # fmt: skip


def _secrets(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _secrets(inner)
