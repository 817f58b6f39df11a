"""One transaction: everything it may read and change, grouped by subject."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property

from pydantic import TypeAdapter
from sqlalchemy import Connection, bindparam, delete, select, update

from execution.errors import Corrupt
from execution.store.accounts import Accounts
from execution.store.breakers import Breakers
from execution.store.chat import Chat
from execution.store.comparisons import Comparisons
from execution.store.journal import Journal
from execution.store.limits import ChangedLimits
from execution.store.orders import Fills, Orders
from execution.store.pairs import PairBlocks
from execution.store.payments import Payments
from execution.store.positions import Positions
from execution.store.records import columns_of, put
from execution.store.sealed import Sealed
from execution.store.tickets import Signals, Tickets
from execution.tables import MetaRow, TradingRow
from execution.trading import Halt, Trading
from execution.types import TradingState

_TRADING = columns_of(TradingRow)
_META = columns_of(MetaRow)
_KNOWN = select(_META.c.value).where(_META.c.key == bindparam("key"))
_REMEMBER = put(_META)
_FORGET = delete(_META).where(_META.c.key == bindparam("forgotten"))
_READ_TRADING = select(_TRADING).where(_TRADING.c.id == 1)
_HALT: TypeAdapter[Halt | None] = TypeAdapter(Halt | None)


class Transaction:
    """What `Store.write` and `Store.read` hand to their work. Never kept, never awaited in."""

    def __init__(
        self,
        connection: Connection,
        *,
        journal_key: bytes,
        now: datetime,
        new_id: Callable[[], str],
    ) -> None:
        self._connection = connection
        self.now = now
        self.new_id = new_id
        self.journal = Journal(connection, journal_key)
        self._trading: Trading | None = None

    @cached_property
    def signals(self) -> Signals:
        """Signals and the keys they are known by."""
        return Signals(self._connection)

    @cached_property
    def tickets(self) -> Tickets:
        """Tickets and votes."""
        return Tickets(self._connection)

    @cached_property
    def orders(self) -> Orders:
        """Orders."""
        return Orders(self._connection)

    @cached_property
    def fills(self) -> Fills:
        """Fills."""
        return Fills(self._connection, self.positions, self.accounts)

    @cached_property
    def positions(self) -> Positions:
        """What is held, and what each fill came to."""
        return Positions(self._connection)

    @cached_property
    def accounts(self) -> Accounts:
        """What accounts hold, how the desk stands, what stopped it."""
        return Accounts(self._connection)

    @cached_property
    def payments(self) -> Payments:
        """What was paid for holding positions."""
        return Payments(self._connection, self.accounts)

    @cached_property
    def breakers(self) -> Breakers:
        """Which venues orders may go to."""
        return Breakers(self._connection)

    @cached_property
    def comparisons(self) -> Comparisons:
        """When each venue was last compared with our rows."""
        return Comparisons(self._connection)

    @cached_property
    def pairs(self) -> PairBlocks:
        """Pairs in which entries wait for an owner."""
        return PairBlocks(self._connection)

    @cached_property
    def limits(self) -> ChangedLimits:
        """Limits changed in the chat."""
        return ChangedLimits(self._connection)

    @cached_property
    def sealed(self) -> Sealed:
        """The sealed keys of venues."""
        return Sealed(self._connection)

    @cached_property
    def chat(self) -> Chat:
        """What audiences were shown."""
        return Chat(self._connection)

    def trading(self) -> Trading:
        """Active, paused or halted."""
        if self._trading is None:
            row = self._connection.execute(_READ_TRADING).one()
            self._trading = Trading(
                state=TradingState(row.state),
                generation=row.generation,
                halt=_HALT.validate_python(row.halt),
            )
        return self._trading

    def set_trading(self, before: Trading, after: Trading) -> None:
        """Change the desk's state, if it still stands as `before` says.

        Raises:
            Corrupt: somebody else changed it.
        """
        result = self._connection.execute(
            update(_TRADING)
            .where(_TRADING.c.id == 1, _TRADING.c.generation == before.generation)
            .values(
                state=after.state,
                generation=after.generation,
                halt=_HALT.dump_python(after.halt, mode="json"),
            )
        )
        if result.rowcount != 1:
            raise Corrupt("the trading state was changed by somebody else")
        self._trading = after

    def account_of(self, venue: str, is_now: str) -> str:
        """Whose orders and positions stand under a venue's name: `is_now` as long as there are none."""
        key = f"account:{venue}"
        was = self.fact(key, is_now.encode).decode()
        held = any(position.venue == venue for position in self.positions.open())
        if was == is_now or held or self.orders.symbols(venue):
            return was
        self.remember(key, is_now.encode())
        return is_now

    def fact(self, key: str, otherwise: Callable[[], bytes]) -> bytes:
        """A fact about this installation, made the first time it is asked for."""
        value = self.known(key)
        if value is None:
            value = otherwise()
            self.remember(key, value)
        return value

    def known(self, key: str) -> bytes | None:
        """A fact about this installation, if there is one of that name."""
        value = self._connection.execute(_KNOWN, {"key": key}).scalar_one_or_none()
        return None if value is None else bytes(value)

    def remember(self, key: str, value: bytes | None) -> None:
        """Keep a fact in place of what was known; None forgets it."""
        if value is None:
            self._connection.execute(_FORGET, {"forgotten": key})
        else:
            self._connection.execute(_REMEMBER, {"key": key, "value": value})
