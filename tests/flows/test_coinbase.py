"""The whole product with an account at Coinbase, live, at a loopback server that speaks its protocol."""

from __future__ import annotations

import json

from tests.doubles.coinbase import CoinbaseServer, refusal
from tests.doubles.loopback import Fault
from tests.flows.setup import House, said


async def test_an_approved_order_whose_answer_is_lost_is_found_at_coinbase_and_not_sent_again(
    house: House,
) -> None:
    async with CoinbaseServer() as coinbase:
        # No candles: cards come without pictures, whose drawing takes seconds.
        unavailable = refusal("UNAVAILABLE", status=503)
        coinbase.fail("GET market/products/BTC-USD/candles", unavailable, times=1000)
        coinbase.fail("POST orders", Fault(kind="drop", process=True))
        quick = {"timeout": 3000, "timeout_on_exit": 1}  # milliseconds
        live = {
            "allow_live": "yes",
            "venues.main.exchange": "coinbase",
            "venues.main.mode": "live",
            "venues.main.api_key": coinbase.api_key,
            "venues.main.secret": coinbase.secret.replace("\n", "\\n"),
            "venues.main.ccxt": json.dumps(coinbase.ccxt_overrides() | quick),
        }
        async with house.open(live):
            signal = await house.send(symbol="BTCUSD", side="buy")
            await house.approve(signal)
            await house.ticket_in("done", signal)
            filled = await house.hears("Filled: bought 0.00996015 BTC/USD at 60\u202f000")
            assert "LIVE" in said(filled)
        (order,) = coinbase.account.accepted
        assert order.filled == order.amount
        assert len(coinbase.asked("POST orders")) == 1
