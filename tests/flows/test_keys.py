"""The vault in the whole product: started without a key in its environment, and given another while it trades."""

from __future__ import annotations

import asyncio
import logging

import pytest

from bot import keys
from bot.sealed import VenueKeys
from bot.settings import load_settings
from tests.flows.setup import SOON, House
from tests.waiting import until

NONE_GIVEN = {"venues.main.api_key": "", "venues.main.secret": ""}
WHO = "cli:ana"


async def test_keys_from_the_vault_trade_and_replaced_ones_go_on_without_a_restart(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot.keyring")
    exchange = house.exchange
    settings = load_settings(house.toml, house.environ(NONE_GIVEN), house.folder)
    first = VenueKeys(exchange.api_key, exchange.secret)
    other = VenueKeys("another-key-of-the-same-account", "its-secret-nobody-may-see")
    await asyncio.to_thread(keys.add, settings, "main", lambda: first, WHO)

    async with house.open(NONE_GIVEN):
        signal = await house.send("auto", symbol="BTCUSDT", side="buy", price="59000")
        await house.order_in("working", signal)

        exchange.api_key, exchange.secret = other.api_key, other.secret
        await asyncio.to_thread(keys.rotate, settings, "main", lambda: other, WHO)
        await house.hears("The keys of main were replaced by cli:ana")
        await until(lambda: "main: goes on with the keys" in caplog.text, timeout_s=SOON)
        signal = await house.send("auto", symbol="ETHUSDT", side="buy", price="2900")
        await house.order_in("working", signal)

    files = [path for path in house.folder.iterdir() if path.is_file()]
    for secret in (first.secret, other.secret, other.api_key):
        assert not [path.name for path in files if secret.encode() in path.read_bytes()]
    assert not house.told(first.secret) + house.told(other.api_key)
