"""Books of an earlier version: brought up in place when they are opened, nothing of them lost."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execution.errors import VenueUnavailable
from execution.types import OrderState, OrderType
from execution.venues.venue import Balance, OrderKey
from tests.clock import NOW
from tests.execution.venues.paper.setup import BTC, PERP, Desk, key_of

_TABLES = """
CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    client_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    type TEXT NOT NULL,
    amount TEXT NOT NULL,
    price TEXT{needed},
    time_in_force TEXT NOT NULL,
    post_only INTEGER NOT NULL,
    reduce_only INTEGER NOT NULL,
    state TEXT NOT NULL,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL{more}
) STRICT;
CREATE INDEX orders_client ON orders (client_order_id);
CREATE INDEX orders_working ON orders (id) WHERE state = 'working';
CREATE INDEX orders_changed ON orders (changed_at);
CREATE TABLE trades (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    amount TEXT NOT NULL,
    price TEXT NOT NULL,
    fee TEXT NOT NULL,
    fee_currency TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE INDEX trades_order ON trades (order_id);
CREATE INDEX trades_at ON trades (at);
CREATE TABLE balances (asset TEXT PRIMARY KEY, total TEXT NOT NULL) STRICT;
INSERT INTO orders (id, client_order_id, symbol, side, type, amount, price, time_in_force, post_only,
    reduce_only, state, created_at, changed_at) VALUES
    (1, 'bought', 'BTC/USDT', 'buy', 'limit', '0.01', '60000.01', 'GTC', 0, 0,
    'filled', '2026-11-20T14:00:00.000000+00:00', '2026-11-20T14:00:00.000000+00:00'),
    (7, 'resting', 'BTC/USDT', 'buy', 'limit', '0.02', '59000', 'GTC', 0, 0,
    'working', '2026-11-20T14:00:01.000000+00:00', '2026-11-20T14:00:02.000000+00:00');
INSERT INTO trades VALUES (1, 1, 'BTC/USDT', 'buy', '0.01', '60000.01', '0.00001', 'BTC',
    '2026-11-20T14:00:00.000000+00:00');
INSERT INTO trades VALUES (2, 7, 'BTC/USDT', 'buy', '0.005', '59000', '0.000005', 'BTC',
    '2026-11-20T14:00:02.000000+00:00');
INSERT INTO balances VALUES ('BTC', '0.014985'), ('USDT', '99104.9999');
PRAGMA user_version = {version};
"""
_FIRST = _TABLES.format(needed=" NOT NULL", more="", version=1)
_SECOND = _TABLES.format(
    needed="",
    more=""",
    stop_price TEXT,
    trail TEXT,
    trail_is_share INTEGER,
    good_till TEXT,
    stop TEXT,
    touched_at TEXT""",
    version="2; CREATE TABLE countdown (ends_at TEXT NOT NULL) STRICT",
)
"""What earlier versions wrote, as they wrote it."""


@pytest.fixture(params=[_FIRST, _SECOND], ids=["first", "second"])
def old(tmp_path: Path, request: pytest.FixtureRequest) -> Desk:
    """A venue, not opened, on books of an earlier version."""
    raw = sqlite3.connect(tmp_path / "paper.db")
    raw.executescript(request.param)
    raw.close()
    return Desk(tmp_path / "paper.db")


async def test_orders_trades_and_balances_are_there_as_they_were(old: Desk) -> None:
    await old.venue.open()
    bought = await old.venue.find(OrderKey(client_order_id="bought", symbol=BTC))
    (resting,) = await old.venue.open_orders([BTC])
    assert bought is not None
    assert (bought.state, bought.filled) == (OrderState.FILLED, Decimal("0.01"))
    assert (resting.venue_order_id, resting.client_order_id) == ("7", "resting")
    assert (resting.price, resting.filled) == (Decimal(59_000), Decimal("0.005"))
    assert [t.trade_id for t in await old.venue.trades(key_of(resting))] == ["2"]
    held = Decimal("0.015") * 59_000
    assert await old.venue.balances() == {
        "BTC": Balance(free=Decimal("0.014985"), locked=Decimal(0)),
        "USDT": Balance(free=Decimal("99104.9999") - held, locked=held),
    }
    await old.venue.close()


async def test_they_go_on_with_every_kind_of_order(old: Desk) -> None:
    await old.venue.open()
    stop = await old.buy("0.01", None, type=OrderType.STOP, stop_price=Decimal(61_000))
    assert stop.venue_order_id == "8", "no number is given twice"
    await old.venue.arm(timedelta(seconds=60))
    old.market.set_price(BTC, Decimal(58_000))
    assert (await old.venue.find(OrderKey(client_order_id="resting", symbol=BTC))) is not None
    await old.venue.close()
    later = old.again()
    await later.open()
    resting = await later.find(OrderKey(client_order_id="resting", symbol=BTC))
    assert resting is not None
    assert resting.state is OrderState.FILLED
    old.market.set_price(BTC, Decimal(62_000))
    old.clock.advance(1)
    assert await later.open_orders([BTC]) == []
    old.clock.advance(60)
    assert await later.open_orders([BTC]) == [], "the countdown was kept in the books"
    await later.close()


async def test_a_process_that_died_half_way_left_them_as_they_were(old: Desk) -> None:
    raw = sqlite3.connect(old.path)
    raw.execute("CREATE TABLE account (in_the_way TEXT)")
    raw.commit()
    with pytest.raises(VenueUnavailable, match=r"paper\.db"):
        await old.venue.open()
    assert raw.execute("SELECT count(*) FROM orders").fetchone() == (2,)
    raw.execute("DROP TABLE account")
    raw.commit()
    raw.close()
    await old.venue.open()
    assert len(await old.venue.open_orders([])) == 1
    await old.venue.close()


async def test_books_of_a_newer_version_are_left_alone(desk: Desk) -> None:
    await desk.venue.close()
    raw = sqlite3.connect(desk.path)
    raw.execute("PRAGMA user_version = 4")
    raw.close()
    with pytest.raises(VenueUnavailable, match="a newer version of Countersign made them"):
        await desk.venue.open()


async def test_books_of_a_spot_account_are_none_of_contracts(old: Desk) -> None:
    swaps = Desk(old.path, PERP)
    with pytest.raises(VenueUnavailable, match=r"paper\.db: they are those of a spot account"):
        await swaps.venue.open()
    await old.venue.open()
    assert len(await old.venue.open_orders([])) == 1
    await old.venue.close()


async def test_books_of_contracts_are_none_of_a_spot_account(swaps: Desk) -> None:
    await swaps.sell("0.5", "59900")
    await swaps.venue.close()
    spot = Desk(swaps.path)
    with pytest.raises(VenueUnavailable, match=r"paper\.db: they are those of a swap account"):
        await spot.venue.open()
    await swaps.venue.open()
    assert await swaps.position() == Decimal("-0.5")


async def test_every_kind_of_order_is_read_back_as_it_was_taken(desk: Desk) -> None:
    await desk.buy("0.5", "60100")
    sent = [
        await desk.sell("0.01", None, type=OrderType.STOP, stop_price=Decimal(59_000)),
        await desk.buy("0.01", None, type=OrderType.TAKE_PROFIT, stop_price=Decimal(59_000)),
    ]
    other = desk.again()
    await other.open()
    assert await other.open_orders([]) == sent
    assert other.accepted == desk.venue.accepted
    assert [one.at for one in sent] == [NOW, NOW]
    await other.close()
