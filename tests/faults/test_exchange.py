"""F67, F69, F70, F78 and F79: the exchange keeps us out, is away, or has orders that are not ours."""

from __future__ import annotations

from execution.types import OrderState
from tests.faults.scene import RESTS, Scene, case


async def kept_out(scene: Scene, fault: str, told: str) -> None:
    """Nothing is answered but this: people are told, no order goes, what rests is not given up."""
    await scene.start()
    resting = await scene.working()
    scene.weather(fault)
    await scene.hears("binance main does not answer")
    await scene.hears(told)
    await scene.hears("1 order of ours may rest")
    refused = await scene.signal(symbol="ETH/USDT", amount="0.1", price="2900")
    assert [one.code for one in refused.refusals] == ["VENUE_DOWN"]
    await scene.passes(60)
    assert scene.state(resting) is OrderState.WORKING
    assert scene.sent == 1
    scene.good_weather()
    await scene.hears("binance main answers again")


@case
async def test_f67_a_key_that_is_revoked_is_told_and_what_rests_is_not_given_up(
    scene: Scene,
) -> None:
    await kept_out(scene, "401 with a page", "HTTP status 401")


@case
async def test_f69_an_address_that_is_no_longer_allowed_is_told(scene: Scene) -> None:
    await kept_out(scene, "403 of a firewall", "HTTP status 403")


@case
async def test_f70_an_exchange_in_maintenance_is_told_and_waited_for(scene: Scene) -> None:
    await kept_out(scene, "502 with a page", "HTTP status 502")


@case
async def test_f78_an_answer_without_a_list_is_not_an_empty_list(scene: Scene) -> None:
    await scene.start()
    ticket = await scene.working()
    scene.weather("200 with nothing", "ask")
    await scene.passes(60)
    assert scene.state(ticket) is OrderState.WORKING
    await scene.halt()
    await scene.passes(30)
    assert not scene.proved()
    scene.good_weather()
    await scene.until(scene.proved)


@case
async def test_f78_a_halt_is_not_proved_by_a_list_that_did_not_come(scene: Scene) -> None:
    """Nothing of ours is live as far as we know; only the exchange can say so."""
    await scene.start()
    ticket = await scene.working()
    await scene.cancel(ticket)
    await scene.ends(ticket, "canceled")
    scene.weather("200 with nothing", "ask")
    await scene.halt()
    await scene.passes(10)
    assert not scene.proved()
    scene.good_weather()
    await scene.until(scene.proved)


@case
async def test_f79_an_order_placed_by_hand_is_counted_and_left_alone(scene: Scene) -> None:
    await scene.start()
    scene.exchange.place(
        {
            "clientOrderId": "web-1",
            "symbol": "BTC/USDT",
            "type": "LIMIT",
            "side": "buy",
            "amount": "0.01",
            "price": RESTS,
            "stopPrice": None,
            "timeInForce": "GTC",
            "postOnly": False,
        },
        scene.exchange.clock(),
    )
    await scene.working()
    await scene.until(lambda: scene.external() == 1)
    await scene.halt()
    await scene.until(scene.proved)
    assert [order.now.status for order in scene.exchange.orders] == ["open", "canceled"]
