"""Numbers, times and outside text as people read them in the chat.

Pure. Cards and messages call it for every figure; it must never round what was approved, only what is
marked as approximate, and never let text from outside bend the message around it.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal

from execution.figures import MINUS as MINUS
from execution.figures import THIN as THIN
from execution.figures import duration as duration
from execution.figures import figure as figure
from execution.rounding import exactly, to_step

NO_BREAK = "\u00a0"
"""Between a number and its unit, in what is sent."""
_TWO_PLACES = Decimal("0.01")
_PART = "·"
_BLANKS = re.compile(rf"[^\S{THIN}]+|{THIN}{{2,}}")
"""Any blanks but the one inside a figure, which keeps it on one line."""
_BAR = 10
_SHORT = 4
_HALF_A_DAY = timedelta(hours=12)
_DIGITS = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_HELD_TOGETHER = re.compile(r"(?<=\d) (?=%|(?:ms|s|min|h|d)\b)|≈ (?:[^ \n]+ (?=[A-Z]))?")


def price(value: Decimal) -> str:
    """A price in quote currency, exactly: those we show are already on the instrument's step.

    A lone decimal of a price above ten gets its second, as prices are read: `60 012.40`.
    """
    text = figure(value)
    return f"{text}0" if abs(value) >= 10 and text[-2] == "." else text


def average(value: Decimal, prices: Iterable[Decimal]) -> str:
    """An average of prices, with no more decimals than the finest of them has (two at least)."""
    places = max((_places(p) for p in prices), default=0)
    return price(_rounded(value, max(places, 2)))


def money(value: Decimal, *, signed: bool = False) -> str:
    """An amount of money: two decimals, or three significant digits below one."""
    if abs(value) >= 1 or value == 0:
        whole, _, fraction = figure(_rounded(value, 2), signed=signed).partition(".")
        return f"{whole}.{fraction.ljust(2, '0')}" if fraction else whole
    return figure(_significant(value, 3), signed=signed)


def about(value: Decimal) -> str:
    """A size of money as it is said aloud: four significant digits, whole units always whole."""
    return figure(_significant(value, 4))


@exactly
def percent(share: Decimal, *, signed: bool = False) -> str:
    """A share as a percentage: two decimals, one from ten on, one significant digit when tiny."""
    value = share * 100
    if abs(value) >= 10:
        value = _rounded(value, 1)
    elif abs(value) >= _TWO_PLACES:
        value = _rounded(value, 2)
    else:
        value = _significant(value, 1)
    return f"{figure(value, signed=signed)} %"


def share_words(share: Decimal) -> str:
    """A part of a position: `half`, else a percentage."""
    return "half" if share == Decimal("0.5") else percent(share)


def clock_time(at: datetime, zone: tzinfo) -> str:
    """A moment as people of that zone read it: `14:35:10`."""
    return at.astimezone(zone).strftime("%H:%M:%S")


def moment(at: datetime, zone: tzinfo, *, seen: datetime) -> str:
    """The same with its day, where who reads it (at `seen`) would take it for another: from half a day on."""
    clock = clock_time(at, zone)
    return clock if abs(at - seen) < _HALF_A_DAY else f"{day(at, zone)}, {clock}"


def day(at: datetime, zone: tzinfo) -> str:
    """The day of a moment in that zone: `Fri 20 Nov 2026`."""
    return at.astimezone(zone).strftime("%a %-d %b %Y")


def lag(span: timedelta) -> str:
    """A delay worth measuring: `86 ms`, `2.1 s`, then as `duration`; never negative."""
    milliseconds = max(span // timedelta(milliseconds=1), 0)
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 10_000:
        return f"{milliseconds // 100 / 10:.1f} s"
    return duration(span)


@exactly
def progress(done: Decimal, whole: Decimal) -> str:
    """How much of an amount is done: `████░░░░░░ 40 %`; full only when all of it is."""
    share = min(max(done / whole, Decimal(0)), Decimal(1))
    full = int(share * _BAR) or (1 if share > 0 else 0)
    return f"{'█' * full}{'░' * (_BAR - full)} {int(share * 100)} %"


def several(count: int, noun: str, plural: str | None = None) -> str:
    """`1 order`, `4 orders`; `plural` where an s does not make it."""
    return f"{count} {noun}" if count == 1 else f"{count} {plural or noun + 's'}"


def read_aloud(text: str) -> str:
    """Figures that the journal keeps as digits, as people read them: `0.5 at 60009.8`."""
    return _DIGITS.sub(lambda found: figure(Decimal(found[0])), text)


def listed(words: Sequence[str], *, last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def unbroken(text: str) -> str:
    """The same text, in which no line of a phone ends between a number and its unit or its sign."""
    return _HELD_TOGETHER.sub(lambda held: held[0].replace(" ", NO_BREAK), text)


def short_id(ticket: str, others: Iterable[str] = ()) -> str:
    """A ticket's id as people say it: `T-` and the last four characters, more while ambiguous."""
    rivals = [other for other in others if other != ticket]
    size = _SHORT
    while size < len(ticket) and any(other.endswith(ticket[-size:]) for other in rivals):
        size += 1
    return f"T-{ticket[-size:]}"


def utf16(text: str) -> int:
    """How long Telegram counts a text: in UTF-16 units."""
    return len(text) + sum(1 for character in text if ord(character) > 0xFFFF)


def cut_utf16(text: str, limit: int) -> str:
    """The text in at most `limit` UTF-16 units; an ellipsis shows that it was longer."""
    if utf16(text) <= limit:
        return text
    kept, size = [], 1
    for character in text:
        size += utf16(character)
        if size > limit:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"


def outside(text: str, limit: int) -> str:
    """Text somebody else wrote, as one line that cannot bend ours: plain, not yet escaped.

    Control and direction-changing characters are dropped, blanks are joined, the rest is cut; the dot
    that parts our own lines is ours alone, so that nobody adds a part. What is written from right to left is isolated, so that the figures after it keep their order (UAX 9).
    """
    visible = "".join(c for c in text if c.isspace() or _is_shown(c))
    words = _BLANKS.sub(" ", visible).strip().split(" ")
    line = " ".join(word for word in words if word != _PART)
    if any(unicodedata.bidirectional(c) in {"R", "AL"} for c in line):
        return f"\u2068{cut_utf16(line, limit - 2)}\u2069"
    return cut_utf16(line, limit)


def quoted(text: str, limit: int) -> str:
    """Text somebody else wrote, cut to `limit` as people see it and escaped for HTML."""
    return html.escape(outside(text, limit), quote=False)


def _is_shown(character: str) -> bool:
    """False for control (Cc), format (Cf: direction marks, zero width) and broken (Cs) characters."""
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def _places(value: Decimal) -> int:
    """Decimals that carry information."""
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "records refuse what is not a number"
    return max(-exponent, 0)


def _significant(value: Decimal, digits: int) -> Decimal:
    """Rounded to this many significant digits, but never above the decimal point."""
    if value == 0:
        return value
    return _rounded(value, max(digits - 1 - value.adjusted(), 0))


def _rounded(value: Decimal, places: int) -> Decimal:
    return to_step(value, Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
