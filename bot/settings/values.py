"""How one setting is read: durations, shares, money, rates, hours, sizes, secrets.

`sections.py` names these as the types of its keys. Each reader returns an exact value or raises
`ValueError` with the fix, and never repeats what it was given: that may be a misplaced secret.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, SecretStr

from execution import hours
from execution.types import ZERO, Size, SizeKind
from execution.venues.ccxt_classes import known_exchanges

PAPER = "paper"
SECONDS = {"s": 1, "m": 60, "h": 3600}
NOT_BUILT = "not built yet in this version; remove it"
WEBHOOK_SECRET_BYTES = 24  # the least that Standard Webhooks allows
LARGEST_EXPONENT = 18  # of money, either way: 1e18 is more than any desk has


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` signals within `per`."""

    count: int
    per: timedelta


def read_duration(value: object) -> timedelta:
    """`"90s"`, `"5m"`, `"2h"`; a fraction such as `"0.5s"` down to a millisecond."""
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smh])", _text(value))
    if found is None:
        raise ValueError('not a duration; write a number and a unit, "90s", "5m" or "2h"')
    duration = timedelta(milliseconds=int(Decimal(found[1]) * SECONDS[found[2]] * 1000))
    if not duration:
        raise ValueError("a duration must be longer than zero")
    return duration


def read_duration_or_none(value: object) -> timedelta | None:
    """The same; an empty text is none."""
    return None if value in (None, "") else read_duration(value)


def read_share(value: object) -> Decimal:
    """`"0.5%"` as the fraction 0.005, from 0 to 1."""
    found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,12})?) ?%", _text(value))
    share = Decimal(found[1]).scaleb(-2) if found else None
    if share is None or share > 1:
        raise ValueError('not a share; write it with its sign, "0.5%", up to "100%"')
    return share


def read_money(value: object) -> Decimal:
    """A whole number, a TOML number or digits in quotes, taken exactly; never negative."""
    amount: Decimal | None = None
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        amount = Decimal(value)
    elif re.fullmatch(r"[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", _text(value)):
        amount = Decimal(_text(value))
    if amount is None or not amount.is_finite():
        raise ValueError('not an amount; write digits, 1000 or "0.25"')
    if amount < 0 or (amount and abs(amount.adjusted()) > LARGEST_EXPONENT):
        raise ValueError("an amount must be zero or more, and of a sensible size")
    return amount


def read_rate(value: object) -> Rate:
    """`"60/1m"`: a count and the time it is for."""
    count, slash, per = _text(value).partition("/")
    if not slash or not re.fullmatch(r"[1-9][0-9]{0,5}", count.strip()):
        raise ValueError('not a rate; write a count and a duration, "60/1m"')
    return Rate(int(count), read_duration(per.strip()))


def read_hours(value: object) -> hours.Hours:
    """`"Mon-Fri 08:00-22:00"`, in `general.timezone`."""
    return hours.parse_hours(_text(value))


def read_clock(value: object) -> time:
    """`"08:00"`, in `general.timezone`."""
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", _text(value))
    if found is None:
        raise ValueError('not a time of day; write hours and minutes, "08:00"')
    return time(int(found[1]), int(found[2]))


def read_zone(value: object) -> ZoneInfo:
    """An IANA time zone by its name, `"Europe/Madrid"`."""
    if isinstance(value, ZoneInfo):
        return value
    try:
        return ZoneInfo(_text(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = difflib.get_close_matches(_text(value), available_timezones(), n=1, cutoff=0.6)
        nearest = known[0] if known else "Europe/Madrid"
        raise ValueError(f'not a known time zone; write an IANA name, "{nearest}"') from None


def read_size(value: object) -> Size | None:
    """A table with one of notional (in `currency`), amount, equity, risk; an empty one is none."""
    if value is None or isinstance(value, Size):
        return value
    kinds = [kind.value for kind in SizeKind]
    if not isinstance(value, Mapping) or not set(value) <= set(kinds):
        raise ValueError("not a size; write one of { notional }, { amount }, { equity }, { risk }")
    if not value:
        return None
    if len(value) > 1:
        raise ValueError(f"several sizes ({', '.join(sorted(value))}); keep one of them")
    (name, given), *_ = value.items()
    kind = SizeKind(name)
    is_share = kind in (SizeKind.EQUITY, SizeKind.RISK)
    size = read_share(given) if is_share else read_money(given)
    if size == ZERO:
        raise ValueError(f"{name} must be more than zero")
    return Size(kind=kind, value=size, in_currency=kind is SizeKind.NOTIONAL)


def read_secret(value: object) -> object:
    """A secret without the blanks a paste brings along; an empty one is none."""
    return (value.strip() or None) if isinstance(value, str) else value


def read_number(value: object) -> object:
    """Anything pydantic takes for a whole number, but not true and false."""
    if isinstance(value, bool):
        raise ValueError("not a whole number")
    return value


def read_url(value: object) -> str:
    """An http address without its closing slash; empty for none."""
    url = _text(value).rstrip("/")
    if url and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
        raise ValueError('not an address; write it whole, "https://desk.example.com"')
    return url


def read_secret_url(value: object) -> object:
    """An http address that may hold a secret, in its path or its query; empty for none."""
    url = _text(value)
    if url and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?(\?[^\s#]*)?", url):
        raise ValueError('not an address; write it whole, "https://watchdog.example.com/ping/..."')
    return url or None


def read_path(value: object) -> Path | None:
    """A file, `~` understood; empty for none."""
    return Path(_text(value)).expanduser() if _text(value) else None


def refuse_unbuilt(value: object) -> None:
    """A key of a feature that is not built: empty is off, anything else asks for it."""
    if value not in ("", None, [], {}):
        raise ValueError(NOT_BUILT)


def plain_numbers(value: Any) -> Any:
    """TOML's exact numbers as the floats ccxt calculates with: timeouts and ratios, not money."""
    if isinstance(value, Mapping):
        return {key: plain_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain_numbers(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def matching(pattern: str, text: str) -> AfterValidator:
    """A text of this shape; `text` says what else it is, and how it should look."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(text)
        return value

    return AfterValidator(check)


def known_exchange(value: str) -> str:
    """An exchange that ccxt has, or paper."""
    known = known_exchanges() | {PAPER}
    if value not in known:
        (nearest,) = difflib.get_close_matches(value, sorted(known), n=1, cutoff=0.0)
        raise ValueError(f'no exchange has this id; the nearest is "{nearest}"')
    return value


def is_webhook_secret(secret: str) -> bool:
    """Whether it is one of Standard Webhooks: `whsec_` and the base64 of enough bytes."""
    head, _, body = secret.partition("whsec_")
    try:
        return not head and len(base64.b64decode(body, validate=True)) >= WEBHOOK_SECRET_BYTES
    except binascii.Error:
        return False


# What the fields of `sections.py` are made of.
Name = Annotated[
    str,
    matching(
        r"[a-z][a-z0-9_]{0,31}",
        "not a name; small letters, digits and _, a letter first, at most 32 characters",
    ),
]
ExchangeId = Annotated[str, AfterValidator(known_exchange)]
Symbol = Annotated[str, matching(r"[^\s/:]+/[^\s/:]+(:[^\s/:]+)?", 'not a pair; write "BTC/USDT"')]
Currency = Annotated[str, matching(r"[^\s/:]{1,20}", 'not a currency; write "USDT"')]
Whole = Annotated[int, BeforeValidator(read_number)]
Count = Annotated[Whole, Field(ge=0)]
Duration = Annotated[timedelta, BeforeValidator(read_duration)]
DurationOrNone = Annotated[timedelta | None, BeforeValidator(read_duration_or_none)]
Share = Annotated[Decimal, BeforeValidator(read_share)]
Money = Annotated[Decimal, BeforeValidator(read_money)]
Clock = Annotated[time, BeforeValidator(read_clock)]
Zone = Annotated[ZoneInfo, BeforeValidator(read_zone)]
Url = Annotated[str, BeforeValidator(read_url)]
SecretOrNone = Annotated[SecretStr | None, BeforeValidator(read_secret)]
SecretUrlOrNone = Annotated[SecretStr | None, BeforeValidator(read_secret_url)]
SignalRate = Annotated[InstanceOf[Rate], BeforeValidator(read_rate)]
Hours = Annotated[InstanceOf[hours.Hours], BeforeValidator(read_hours)]
SizeOrNone = Annotated[InstanceOf[Size] | None, BeforeValidator(read_size)]
PathOrNone = Annotated[Path | None, BeforeValidator(read_path)]
Unbuilt = Annotated[None, BeforeValidator(refuse_unbuilt)]
Ccxt = Annotated[dict[str, Any], BeforeValidator(plain_numbers)]
