"""A venue's name stands for one account as long as its orders are in the database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot import parts
from bot.settings import Settings, SettingsError
from execution.store import Transaction
from tests.desk import TOML, settings_in
from tests.execution.rows import order, stored

KEYS = {
    "COUNTERSIGN_VENUES__MAIN__API_KEY": "key",
    "COUNTERSIGN_VENUES__MAIN__SECRET": "secret",
    "COUNTERSIGN_ALLOW_LIVE": "yes",
}


def binance(folder: Path, mode: str, *, market: str = "spot") -> Settings:
    """The same desk, its one venue another account."""
    account = f'exchange = "binance"\nmode = "{mode}"\nmarket = "{market}"'
    toml = TOML.replace('exchange = "paper"\nmode = "paper"', account)
    return settings_in(folder, toml=toml, environ=KEYS)


def start(settings: Settings, *, trades: bool = False, halting: bool = False) -> None:
    """Put a trading side together and let go of it; with an order in its database if it `trades`."""

    def traded(tx: Transaction) -> None:
        stored(tx, "done")
        tx.orders.add(order("filled"))

    side = parts.trading(settings, parts.Ids(), started_at=parts.now(), halting=halting)
    if trades:
        side.store.write_now(traded)
    asyncio.run(side.close())


@pytest.mark.parametrize("mode", ["sandbox", "live"])
def test_orders_of_another_account_do_not_pass_for_those_of_this_one(
    tmp_path: Path, mode: str
) -> None:
    """A position on paper would be sold as a real one, as an order that only reduces."""
    start(settings_in(tmp_path), trades=True)
    other = binance(tmp_path, mode)
    for _ in range(2):
        with pytest.raises(SettingsError, match="its orders here are of paper paper") as refused:
            start(other)
        assert f"venues.main: is binance {mode} now" in str(refused.value)
    start(other, halting=True)
    start(settings_in(tmp_path))


def test_contracts_of_an_exchange_are_another_account_than_its_spot(tmp_path: Path) -> None:
    spot, swap = (binance(tmp_path, "sandbox", market=kind) for kind in ("spot", "swap"))
    start(spot, trades=True)
    with pytest.raises(SettingsError) as refused:
        start(swap)
    said = "venues.main: is binance sandbox swap now, its orders here are of binance sandbox: "
    assert str(refused.value).startswith(said)
    start(spot)


def test_a_name_that_nothing_was_sent_under_may_come_to_stand_for_another(tmp_path: Path) -> None:
    sandbox = binance(tmp_path, "sandbox")
    start(settings_in(tmp_path))
    start(sandbox, trades=True)
    start(sandbox)
    with pytest.raises(SettingsError):
        start(settings_in(tmp_path))
