"""The halt and the pause as this process holds them: in memory first, then stored, else in a file.

The desk asks for people, alarms and ticks for themselves; who may is asked before. What a halt does to
rows is in `stopping.py`, whether it has come about in `proving.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from execution import closing, stopping
from execution.errors import NotPossible, StoreUnavailable
from execution.halt_file import AskedHalt, HaltFile
from execution.market import Market
from execution.store import Store, Transaction
from execution.trading import Brake, Trading
from execution.types import TradingState

BY_ITSELF = "desk"
"""Who halts when nobody asked for it."""


class Halting:
    """Stops trading and lets it go on."""

    def __init__(self, *, store: Store, market: Market, brake: Brake, halt_file: HaltFile) -> None:
        self._store = store
        self._market = market
        self._brake = brake
        self._halt_file = halt_file
        self._stays: AskedHalt | None = None
        """What stands in a file that could not be taken away, and is stored."""
        if halt_file.is_there():
            brake.pull()

    @property
    def unsaved(self) -> AskedHalt | None:
        """A halt that is not stored yet: it holds in this process, and in the file `HALT`."""
        return self._halt_file.read()

    async def halt(self, asked: AskedHalt) -> Trading:
        """Stop everything: committed first, then tickets voided and cancels asked for. Idempotent.

        Who wants every position closed as well may ask for it then, or by a second halt.

        Raises:
            StoreUnavailable: the commit failed; the halt holds in memory and in the file `HALT`.
        """
        self._brake.pull()
        earlier = self._halt_file.read()
        both = (asked,) if earlier in {None, asked} else (earlier, asked)
        halted: Trading | None = None
        try:
            halted = await self._store_halt(both)
        finally:  # whatever kept it from being stored: a full disk, a damaged row, our own end
            if halted is None:
                flatten = any(one.flatten for one in both)
                self._halt_file.write(both[0].evolve(flatten=flatten))
        # Apart from the halt itself, so that nothing that is stored can stand in its way; what fails
        # here is made good by whoever proves the halt.
        with suppress(StoreUnavailable):
            halted = await self._store.write(partial(_sweep, by=asked.by), first=True)
        return halted

    async def alarm(self, reason: str) -> None:
        """Halt because of what the desk has seen itself.

        Raises:
            StoreUnavailable: as `halt`.
        """
        await self.halt(AskedHalt(by=BY_ITSELF, name="the desk", reason=reason))

    async def take_file(self) -> None:
        """Halt if the file `HALT` asks for it, or a commit that failed; stored once the database takes it."""
        asked = self._halt_file.read()
        if asked is None or asked == self._stays:
            self._stays = asked
            return
        with suppress(StoreUnavailable):
            await self.halt(asked)
            self._stays = self._halt_file.read()

    async def pause(self, *, by: str, name: str, reason: str) -> Trading:
        """Let nothing more add exposure, what was approved and has not left included. Idempotent.

        Raises:
            StoreUnavailable: the commit failed; the pause holds in memory until one is stored.
        """
        self._brake.pull(TradingState.PAUSED)

        def work(tx: Transaction) -> Trading:
            stopping.pause(tx, by=by, name=name, reason=reason)
            return tx.trading()

        after = await self._store.write(work, first=True)
        self._brake.committed(after)
        self._market.compare_soon()
        return after

    async def resume(self, *, by: str, name: str, generation: int | None) -> Trading:
        """Trade again, from the state of this generation, else from the one there is now.

        Raises:
            NotPossible: trading is active, halted anew, the halt is not verified yet, a venue was
                not compared since or shows what we do not know, or the file `HALT` is there.
        """
        if self._halt_file.is_there():
            file = self._halt_file.path.name
            raise NotPossible(f"The file {file} beside the database asks for a halt: remove it.")
        if generation is None:
            generation = (await self._store.read(lambda tx: tx.trading())).generation
        venues = self._market.feeds()
        work = partial(stopping.resume, by=by, name=name, generation=generation, venues=venues)
        try:
            after = await self._store.write(work)
        except NotPossible:
            self._market.compare_soon()  # so that it is possible a moment later
            raise
        self._brake.follow(after)
        return after

    async def _store_halt(self, asked: Sequence[AskedHalt]) -> Trading:
        def commit(tx: Transaction) -> Trading:
            for one in asked:
                stopping.halt(tx, by=one.by, name=one.name, reason=one.reason)
                if one.flatten:
                    closing.flatten(tx, by=one.by, name=one.name)
            return tx.trading()

        halted = await self._store.write(commit, first=True)
        self._brake.committed(halted)
        self._market.compare_soon()
        self._halt_file.take_away()
        return halted


def _sweep(tx: Transaction, *, by: str) -> Trading:
    stopping.sweep(tx, actor=by)
    return tx.trading()
