"""Pairs in which entries are refused until an owner lets them go again: one row for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select

from execution.record import Record
from execution.store.records import Codec, rows_where
from execution.tables import PairBlockRow


@dataclass(frozen=True, kw_only=True, slots=True)
class PairBlock(Record):
    """A pair at a venue in which what was filled is not certain."""

    venue: str
    symbol: str
    entry: int
    """The entry of the journal that tells it: what an owner's tap is about."""
    ticket: str
    at: datetime
    reason: str


_BLOCKS = Codec(PairBlock, PairBlockRow)
_ALL = select(_BLOCKS.table).order_by(_BLOCKS.table.c.entry)
_OF = rows_where(_BLOCKS.table, venue="venue", symbol="symbol")
_ADD = insert(_BLOCKS.table)
_DROP = delete(_BLOCKS.table).where(_BLOCKS.table.c.entry == bindparam("lifted"))


class PairBlocks:
    """What is blocked now."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> Sequence[PairBlock]:
        """Every blocked pair, longest first."""
        return [_BLOCKS.record(row) for row in self._connection.execute(_ALL).mappings()]

    def of(self, venue: str, symbol: str) -> PairBlock | None:
        """Why this pair is blocked; None while it is not."""
        pair = {"venue": venue, "symbol": symbol}
        row = self._connection.execute(_OF, pair).mappings().first()
        return None if row is None else _BLOCKS.record(row)

    def add(self, block: PairBlock) -> None:
        """Block a pair; the key allows each once."""
        self._connection.execute(_ADD, _BLOCKS.values(block))

    def drop(self, block: PairBlock) -> None:
        """Let a pair go."""
        self._connection.execute(_DROP, {"lifted": block.entry})
