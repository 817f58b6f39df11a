"""What the command line does at a desk: look, halt and prove it, resume, check the journal.

Works on the database itself, with the service up or down. It never sends an order; a halt that no
live worker takes is carried out from here.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bot import parts, shapes
from bot.alone import Alone
from bot.notifier import undelivered
from bot.parts import VERSION, Ids, Trading, now
from bot.settings import Settings
from bot.telegram import dead_man, directions, figures, pausing
from bot.telegram.silence import silence
from bot.telegram.trail import sentence, told
from execution import checklist, reports
from execution.checklist import SweepView
from execution.desk import Person
from execution.errors import CountersignError, NotPossible, StoreUnavailable
from execution.events import EventKind
from execution.halt_file import AskedHalt, HaltFile
from execution.instruments import MarketKind
from execution.reports import ResumeView, StatusView, Trail, VenueView
from execution.store import Transaction
from execution.types import TradingState

TAKEN_WITHIN = 3.0
"""Seconds a live worker is given to take a halt before it is carried out from here."""
PATIENCE = 60.0
"""Seconds after which an unfinished halt is reported as not done; it stays committed."""
_STEP = 0.25


@dataclass(frozen=True)
class Report:
    """What a command came to."""

    text: str
    json: dict[str, Any]
    verified: bool = True


def status(settings: Settings) -> Report:
    """How things stand, by what is stored; only the running process knows its connections."""
    side = parts.trading(settings, Ids(), started_at=now(), halting=True)
    try:
        view = side.store.read_now(partial(_status, side, settings))
        lost = side.store.read_now(silence)
    finally:
        side.store.close()
    alive = Alone(settings.database.url).is_taken()
    halt = view.trading.halt
    lines = [
        f"{view.mode.upper()} · {view.trading.state}" + ("" if alive else " · not running"),
        *([] if halt is None else [_halt_line(view)]),
        f"waiting {view.pending} · open {view.open} · unknown {view.unknown}",
        *map(_venue_line, view.venues),
        *(
            f"{p.venue} {p.symbol}: {directions.held(p.symbol, p.amount)} at {figures.price(p.average)}"
            for p in view.positions
        ),
    ]
    reason = None
    if lost is not None:
        reason = lost.data["reason"]
        lines.append(f"Telegram since {lost.at:%H:%M:%S} UTC: {reason}")
    json = shapes.status_json(view) | {"telegram": reason, "running": alive}
    return Report(text="\n".join(lines), json=json)


def kill(
    settings: Settings,
    person: str,
    reason: str,
    say: Callable[[str], None],
    patience: float = PATIENCE,
) -> Report:
    """Halt, and follow it until it is proved or patience (seconds) ends."""
    return asyncio.run(_kill(settings, person, reason, say, patience))


def resume(settings: Settings, person: str) -> Report:
    """Trade again, by what a running process has stored; it notices at once. Says what restarts."""

    async def work() -> Report:
        side = parts.trading(settings, Ids(), started_at=now(), halting=True)
        try:
            view = await side.store.read(partial(_plan, side, settings))
            trading = await side.desk.resume(person=Person(id=person, name=person))
        finally:
            await side.close()
        plan = pausing.plan(view, settings.sources, parts.look(settings))
        text = "\n".join(["Trading again.", *plan])
        return Report(text=text, json={"trading": trading.state, "plan": plan})

    return asyncio.run(work())


@dataclass(frozen=True)
class Posted:
    """A head of the journal as the daily message posted it."""

    entry: int
    digits: str

    @classmethod
    def read(cls, text: str) -> Posted:
        """Read `1234:3f9a1c0e77ab42d1`.

        Raises:
            ValueError: it is not that.
        """
        match = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{16,64})", text.strip())
        if match is None:
            raise ValueError("not a head; copy it from a daily message: 1234:3f9a1c0e77ab42d1")
        return cls(entry=int(match[1]), digits=match[2])


def verify(settings: Settings, posted: Posted | None = None) -> Report:
    """Recompute the journal's chain and the positions, and look for a head that was posted."""

    def read(tx: Transaction) -> tuple[int | None, tuple[int, str], bool, list[tuple[str, str]]]:
        held = posted is None or tx.journal.holds(posted.entry, posted.digits)
        bad = next(tx.journal.broken(), None)
        return bad, tx.journal.head(), held, sorted(tx.positions.wrong())

    store = parts.open_store(settings, Ids())
    try:
        bad, head, held, wrong = store.read_now(read)
    finally:
        store.close()
    json: dict[str, Any] = {"verified": bad is None and held and not wrong}
    json |= {"entries": head[0], "head": head[1]} if bad is None else {"first_bad": bad}
    if bad is None:
        text = f"The journal verifies: {head[0]} entries, head {head[1][:16]}."
    else:
        text = f"The journal does not verify: entry {bad} is the first bad one."
    if posted is not None:
        json["posted"] = {"entry": posted.entry, "held": held}
        text += f" {_held(posted, head[0], held=held)}"
    if wrong:
        json["positions"] = [{"venue": venue, "symbol": symbol} for venue, symbol in wrong]
        places = figures.listed([f"{symbol} at {venue}" for venue, symbol in wrong])
        text += f" The position in {places} is not what its fills come to."
    return Report(text=text, json=json, verified=json["verified"])


def _held(posted: Posted, last: int, *, held: bool) -> str:
    if held:
        return f"It holds entry {posted.entry} as it was posted."
    if posted.entry > last:
        return f"Entry {posted.entry} was posted and is gone: the journal ends at {last}."
    return f"Entry {posted.entry} is not the one that was posted: the journal was written anew."


def audit(settings: Settings, typed: str) -> Report:
    """Who did what when with one ticket, as `/audit` tells it in the chat."""
    store = parts.open_store(settings, Ids())
    try:
        trail = store.read_now(partial(_trail, settings, typed))
    finally:
        store.close()
    lines = told(trail, settings.general.timezone)
    entries = [
        {
            "entry": event.seq,
            "at": shapes.moment(event.at),
            "kind": event.kind,
            "order": event.order,
            "actor": event.actor,
            "text": sentence(trail, event),
            "data": dict(event.data),
        }
        for event in trail.events
    ]
    return Report(text="\n".join(lines), json={"ticket": trail.view.ticket.id, "entries": entries})


def _trail(settings: Settings, typed: str, tx: Transaction) -> Trail:
    found = tx.tickets.named(typed)
    if len(found) != 1:
        many = f"{len(found)} tickets end in {typed}" if found else f"there is no ticket {typed}"
        raise NotPossible(f"{many}; type more of its id")
    exchanges = {name: venue.exchange for name, venue in settings.venues.items()}
    return reports.trail(tx, found[0], exchanges)


async def _kill(
    settings: Settings, person: str, reason: str, say: Callable[[str], None], patience: float
) -> Report:
    try:
        side = parts.trading(settings, Ids(), started_at=now(), halting=True)
    except CountersignError as error:
        return kill_unopened(settings, person, reason, error)
    lock = Alone(settings.database.url)
    tasks: list[asyncio.Task[None]] = []
    try:
        seq, _ = await side.store.read(lambda tx: tx.journal.head())
        try:
            await side.desk.halt(person=Person(id=person, name=person), reason=reason)
        except StoreUnavailable as error:
            return _not_stored(error, in_file=HaltFile.beside(settings.database.url).path.exists())
        say("HALTED. No new orders.")
        if not await _is_taken(side, lock, seq):
            say("No live process takes it: canceling from here.")
            if not lock.is_taken():
                lock.take()
                await side.executor.recover()
            tasks = _sweepers(side)
        return await _follow(side, say, patience)
    finally:
        if tasks:
            await side.executor.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        lock.release()
        await side.close()


def kill_unopened(settings: Settings, person: str, reason: str, error: CountersignError) -> Report:
    """Halt where the database or its keys do not open here: a process that has them takes it."""
    return _not_stored(error, in_file=leave_halt(settings, person, reason))


def leave_halt(settings: Settings, person: str, reason: str) -> bool:
    """Leave a halt in the file `HALT` for whoever has the database open; whether the disk took it."""
    asked = AskedHalt(by=person, name=person, reason=reason)
    return HaltFile.beside(settings.database.url).write(asked)


def _not_stored(error: CountersignError, *, in_file: bool) -> Report:
    """A halt that is in no database; in the file `HALT`, if the disk takes that."""
    where = (
        "It stands in the file HALT beside the database: a running process takes it within a second, "
        "the next one at its start. Nothing is canceled yet: cancel at the exchange by hand, or run "
        "countersign kill again when the database is back."
        if in_file
        else "Stop the process and cancel at the exchange by hand."
    )
    text = f"NOT DONE: the halt could not be stored. {str(error).rstrip('.')}. {where}"
    json = {"halt": None, "verified": False, "left": str(error)}
    return Report(text=text, json=json, verified=False)


def _sweepers(side: Trading) -> list[asyncio.Task[None]]:
    """What a worker would run to carry out a halt. While halted nothing of it sends an order."""
    work = [side.executor.run(), side.prover.run()]
    for name in side.venues:
        work += [side.market.run(name), side.reconciler.run(name)]
    return [asyncio.create_task(one) for one in work]


async def _is_taken(side: Trading, lock: Alone, before: int) -> bool:
    """Whether a live worker has the halt: it says so, or it had it already."""
    if not lock.is_taken():
        return False
    deadline = asyncio.get_running_loop().time() + TAKEN_WITHIN

    def taken(tx: Transaction) -> bool:
        events = tx.journal.after(before)
        fresh = any(event.kind is EventKind.HALTED for event in events)
        return not fresh or any(event.kind is EventKind.HALT_TAKEN for event in events)

    while asyncio.get_running_loop().time() < deadline:
        if await side.store.read(taken):
            return True
        await asyncio.sleep(_STEP)
    return False


async def _follow(side: Trading, say: Callable[[str], None], patience: float) -> Report:
    """Say what changes until it is verified, or patience ends."""
    deadline = asyncio.get_running_loop().time() + patience
    said = ""
    while True:
        trading = await side.store.read(lambda tx: tx.trading())
        if trading.state is not TradingState.HALTED or trading.halt is None:
            text = "NOT DONE: somebody resumed trading meanwhile."
            return Report(text=text, json={"halt": None, "verified": False}, verified=False)
        halt = shapes.halt_json(trading)
        swept = await side.store.read(lambda tx: checklist.sweeps(tx, side.market))
        if trading.halt.verified_at is not None:
            return Report(text=_proved(swept), json={"halt": halt, "verified": True})
        line = "; ".join(f"{s.venue.name}: {s.ended} of {s.orders} orders ended" for s in swept)
        if line != said:
            say(line)
            said = line
        if asyncio.get_running_loop().time() > deadline:
            left = "; ".join(await _left(side)) or "the venues were not seen empty twice"
            text = f"NOT DONE: {left}. The halt stays; run countersign kill again."
            return Report(
                text=text, json={"halt": halt, "verified": False, "left": left}, verified=False
            )
        await asyncio.sleep(_STEP)


def _proved(swept: Sequence[SweepView]) -> str:
    """What a verified halt has come to, with the stops it keeps."""
    kept = [
        f"Kept: stop {order.side} {order.amount:f} {order.symbol} at {order.stop_price or order.counted_at:f}, {order.venue}."
        for sweep in swept
        for order in sweep.kept
    ]
    but = " but what is kept" if kept else ""
    return "\n".join([f"Done: nothing of ours rests anywhere{but}, looked twice.", *kept])


async def _left(side: Trading) -> list[str]:
    with contextlib.suppress(TimeoutError):
        return await asyncio.wait_for(side.prover.left(), 5)
    return []


def _status(side: Trading, settings: Settings, tx: Transaction) -> StatusView:
    return reports.status(
        tx,
        side.market,
        version=VERSION,
        started_at=tx.now,
        zone=settings.general.timezone,
        undelivered=undelivered(tx),
    )


def _plan(side: Trading, settings: Settings, tx: Transaction) -> ResumeView:
    """Without venues: only the running process knows its connections."""
    view = _status(side, settings, tx).evolve(venues=())
    return reports.resume(tx, side.market, view)


def _venue_line(view: VenueView) -> str:
    kind = "" if view.kind is MarketKind.SPOT else f" {view.kind}"
    told = f"{view.open_orders} open orders, dead man's switch {dead_man.setting(view)}"
    certified = "" if view.certified is None else f", {view.certified}"
    return f"{view.exchange} {view.name}{kind}: {told}{certified}"


def _halt_line(view: StatusView) -> str:
    halt = view.trading.halt
    assert halt is not None, "asked while halted or paused"
    at = f"{halt.at:%Y-%m-%d %H:%M:%S} UTC"
    if view.trading.state is TradingState.PAUSED:
        return f"paused by {halt.name} at {at}"
    proved = "done" if halt.verified_at is not None else "NOT DONE"
    return f"halted by {halt.name} at {at}, {proved}"
