"""F39 to F42: stops and targets are not built. Nobody may believe that one rests at the exchange."""

from __future__ import annotations

from decimal import Decimal

from tests.faults.scene import RESTS, Scene, case

D = Decimal


@case
async def test_f39_a_stop_is_not_placed_and_the_card_says_so(scene: Scene) -> None:
    await scene.start()
    await scene.working(price=RESTS, stop_loss=D(58_000))
    await scene.hears("Stop 58 000: −10 USDT")
    await scene.hears("Stop: not placed by us")
    scene.exchange.fill(scene.exchange.orders[0])
    await scene.hears("Filled: bought 0.01 BTC/USDT")
    assert scene.sent == len(scene.exchange.orders) == 1
