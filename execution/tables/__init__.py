"""SQLModel rows; storage, not domain.

A `table=True` model validates nothing, so only `store/` touches these and converts to and from the
frozen records of `types.py`.
"""

from execution.tables.accounts import AccountRow, DayPriceRow, MovedRow, StandingRow, StopRow
from execution.tables.desk import (
    BreakerRow,
    ButtonRow,
    ComparisonRow,
    CursorRow,
    EventRow,
    HeadRow,
    LimitRow,
    MetaRow,
    PairBlockRow,
    PostRow,
    SealedKeysRow,
    TradingRow,
)
from execution.tables.row import metadata
from execution.tables.trades import (
    FillRow,
    OrderRow,
    PaymentRow,
    PositionRow,
    ResultRow,
    SignalKeyRow,
    SignalRow,
    TicketRow,
    VoteRow,
)

__all__ = [
    "AccountRow",
    "BreakerRow",
    "ButtonRow",
    "ComparisonRow",
    "CursorRow",
    "DayPriceRow",
    "EventRow",
    "FillRow",
    "HeadRow",
    "LimitRow",
    "MetaRow",
    "MovedRow",
    "OrderRow",
    "PairBlockRow",
    "PaymentRow",
    "PositionRow",
    "PostRow",
    "ResultRow",
    "SealedKeysRow",
    "SignalKeyRow",
    "SignalRow",
    "StandingRow",
    "StopRow",
    "TicketRow",
    "TradingRow",
    "VoteRow",
    "metadata",
]
