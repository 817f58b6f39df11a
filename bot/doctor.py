"""`countersign doctor`: one line for each part, whether it works, and what to do where it does not.

Asks what `run` would need. It sends no order and no message, and keeps no running desk from its work.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import partial

from bot import parts
from bot.keyring import missing_key, with_keys
from bot.parts import Ids, now
from bot.settings import Settings
from bot.settings.values import PAPER
from bot.telegram import checkup, figures
from bot.terminal import Report
from execution import certificates
from execution.breaker import BreakerState
from execution.errors import CountersignError, VenueError
from execution.instruments import MarketKind
from execution.key_rights import refused
from execution.record import Record
from execution.types import Mode
from execution.venues.quirks import ends
from execution.venues.rights import KeyRights
from execution.venues.venue import Contracts, Venue

PATIENCE = 20.0
"""Seconds a venue, or Telegram, is given for all that it is asked."""
_ROOM = 500 * 1024 * 1024
"""Bytes on the disk of the database below which it is named."""
_NAMED = 3
"""Markets that are named where many are set to too much leverage."""
_CLOCKS = 1.0
"""Seconds by which two clocks may differ unmentioned."""


class Result(StrEnum):
    """How one part is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Check(Record):
    """What was found of one part."""

    part: str
    result: Result
    text: str
    fix: str = ""

    @property
    def line(self) -> str:
        """The check as one line."""
        return f"{self.result.value:8}{self.part}: {self.text}" + (
            f" {self.fix}" if self.fix else ""
        )


def doctor(settings: Settings, say: Callable[[str], None]) -> Report:
    """Check every part, saying each line as soon as it is known."""

    async def work() -> list[Check]:
        found = []
        async for check in _checks(settings):
            say(check.line)
            found.append(check)
        return found

    checks = asyncio.run(work())
    failed = sum(check.result is Result.FAILED for check in checks)
    warned = sum(check.result is Result.WARNING for check in checks)
    text = f"{figures.several(failed, 'part')} failed, {figures.several(warned, 'warning')}."
    if not failed and not warned:
        text = "All is well."
    json = {
        "ok": not failed,
        "checks": [
            {"part": c.part, "result": c.result, "text": c.text, "fix": c.fix or None}
            for c in checks
        ],
    }
    return Report(text=text, json=json, verified=not failed)


async def _checks(settings: Settings) -> AsyncIterator[Check]:
    for check in (_settings(settings), *_files(settings), _room(settings)):
        yield check
    yield await _telegram(settings)
    for name, source in settings.sources.items():
        yield _ok(f"source {name}", f"{source.kind}, posts to /signals/{name}")
    if not settings.sources:
        yield _ok("sources", "none; people propose with /buy and /sell")
    try:
        side = parts.trading(settings, Ids(), started_at=now(), halting=True)
    except CountersignError as error:
        yield _failed("database", str(error))
        return
    try:
        wrong = await side.store.read(lambda tx: next(iter(tx.journal.broken()), None))
        yield (
            _ok("database", "the journal verifies")
            if wrong is None
            else _failed("database", f"the journal breaks at entry {wrong}.", "See audit verify.")
        )
        keyed = with_keys(settings, side.store, halting=True).venues
        for name, venue in side.venues.items():
            if (missing := missing_key(name, keyed[name])) is not None:
                yield _failed(f"venue {name}", f"{missing}.")
                continue
            certified = await side.store.read(partial(certificates.told_of, venue=venue))
            most = settings.venues[name].max_leverage
            yield await _venue(name, venue, certified, most)
            state = (await side.store.read(lambda tx, name=name: tx.breakers.of(name))).state  # type: ignore[misc]
            if state is not BreakerState.CLOSED:
                yield _warning(f"venue {name}", f"its circuit breaker is {state}; run closes it")
    finally:
        await side.close()


def _ok(part: str, text: str) -> Check:
    return Check(part=part, result=Result.OK, text=text)


def _warning(part: str, text: str, fix: str = "") -> Check:
    return Check(part=part, result=Result.WARNING, text=text, fix=fix)


def _failed(part: str, text: str, fix: str = "") -> Check:
    return Check(part=part, result=Result.FAILED, text=text, fix=fix)


def _settings(settings: Settings) -> Check:
    """They were read, or nobody would be here."""
    modes = {venue.mode for venue in settings.venues.values()}
    gravest = max(modes, key=lambda mode: mode.gravity, default=Mode.PAPER)
    venues = figures.several(len(settings.venues), "venue")
    return _ok("settings", f"{settings.path.name}, {venues}, {gravest.value.upper()}")


def _files(settings: Settings) -> list[Check]:
    """What holds secrets is nobody else's to read."""
    found = []
    for name in (".env", "countersign.key"):
        path = settings.path.parent / name
        if path.is_file() and path.stat().st_mode & 0o077:
            text = "other users of this machine can read it."
            found.append(_warning(name, text, f"chmod 600 {name}"))
    return found


def _room(settings: Settings) -> Check:
    folder = settings.database.file.absolute().parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return _failed(
            "disk", f"{folder}: {error.strerror}.", "Make the folder, or set DATABASE_URL."
        )
    told = f"{free // 2**20} MiB free beside the database"
    if free < _ROOM:
        return _warning("disk", f"{told}.", "A full disk halts the desk.")
    return _ok("disk", told)


async def _telegram(settings: Settings) -> Check:
    chat = settings.telegram
    if chat.token is None or chat.chat_id is None:
        missing = "telegram.token" if chat.token is None else "telegram.chat_id"
        return _failed("telegram", f"{missing} is not set.", "Run countersign init.")
    try:
        async with asyncio.timeout(PATIENCE):
            seen = await checkup.look(chat.token.get_secret_value(), chat.api_url, chat.chat_id)
    except TimeoutError:
        text = f"no answer within {PATIENCE:.0f} s."
        return _failed("telegram", text, "Check the network and telegram.api_url.")
    if seen.trouble is not None:
        return _failed("telegram", f"{seen.trouble.rstrip('.')}.", seen.fix)
    who = f"@{seen.bot} in {seen.chat}"
    if seen.warnings:
        return _warning("telegram", f"{who}; {'; '.join(seen.warnings)}.", "Allow it to pin.")
    return _ok("telegram", who)


async def _venue(name: str, venue: Venue, certified: str | None, most: Decimal) -> Check:
    part = f"venue {name}"
    if venue.exchange == PAPER:
        return _ok(part, f"{_what(venue)}, a market of our own")
    on_paper = venue.mode is Mode.PAPER
    try:
        async with asyncio.timeout(PATIENCE):
            await venue.open()
            rights = await venue.rights()
            await venue.open_orders([])
            account = await venue.contracts() if venue.kind is MarketKind.SWAP else None
    except VenueError as error:
        fix = "Check the network." if on_paper else "Check the key, the network and the mode."
        return _failed(part, f"{str(error).rstrip('.')}.", fix)
    except TimeoutError:
        return _failed(part, f"no answer within {PATIENCE:.0f} s.", "Check the network.")
    finally:
        await venue.close()
    if certified is None:
        return _ok(part, f"{_what(venue)}, PAPER, our own books on its public prices")
    judged = _judged(part, venue, rights, certified)
    if account is None or judged.result is Result.FAILED:
        return judged
    return _with_contracts(judged, account, most)


def _with_contracts(judged: Check, account: Contracts, most: Decimal) -> Check:
    """The same of an account of contracts, with how it is set."""
    told, end = judged.text.rstrip("."), "." if judged.text.endswith(".") else ""
    if not account.one_way:
        text = f"{told}; in hedge mode: no order goes there."
        return _failed(judged.part, text, "Set it to one-way mode at the exchange.")
    above = sorted(symbol for symbol, found in account.leverage.items() if found > most)
    if not above:
        return judged.evolve(text=f"{told}; one-way mode{end}")
    named = [f"{symbol} {figures.figure(account.leverage[symbol])}x" for symbol in above[:_NAMED]]
    more = [f"{len(above) - _NAMED} more"] if len(above) > _NAMED else []
    text = f"{told}; one-way mode; set to more than {figures.figure(most)}x: "
    text += f"{figures.listed([*named, *more])}. What adds exposure there is refused."
    return _warning(judged.part, text, "Set less at the exchange, or raise max_leverage.")


def _what(venue: Venue) -> str:
    """The exchange, and that contracts are traded there where they are."""
    return venue.exchange if venue.kind is MarketKind.SPOT else f"{venue.exchange} {venue.kind}"


def _judged(part: str, venue: Venue, rights: KeyRights, certified: str) -> Check:
    """A venue that answers: its key and its clock."""
    what = f"{_what(venue)}, {venue.mode.value.upper()}"
    why = refused(rights, venue.mode)
    if why is not None:
        return _failed(part, f"{what}: no order goes there, {why}.")
    ahead = venue.clock_ahead.total_seconds()
    told = [what, f"clock {'ahead' if ahead > 0 else 'behind'} by {abs(ahead):.1f} s"]
    warnings = []
    if abs(ahead) > _CLOCKS:
        warnings.append("set this machine's clock (NTP); it is corrected for meanwhile")
    if venue.mode is not Mode.PAPER and rights.withdraws is None:
        told.append("it does not tell what the key may do")
        if venue.mode is Mode.LIVE:
            warnings.append("make sure that the key may not withdraw")
    if (ends_on := ends(venue.exchange, venue.kind)) is not None:
        warnings.append(f"the exchange switches this interface off on {ends_on:%Y-%m-%d}")
    if rights.withdraws:
        warnings.append("its key may withdraw: live this is refused")
    if rights.bound is False:
        warnings.append("bind the key to this machine's address")
    text = ", ".join([*told, certified])
    return _warning(part, f"{text}; {'; '.join(warnings)}.") if warnings else _ok(part, text)
