"""F40 to F42 and W1 to W9: a stop or a target waits at the exchange, and something goes wrong with it."""

from __future__ import annotations

from decimal import Decimal

from execution.types import OrderState, OrderType, Side, TicketState
from tests.faults.positions import (
    BOUGHT,
    LEFT,
    STOP,
    a_stop,
    asked_for_a_stop,
    bought,
    close,
    closings,
    flatten,
    held,
)
from tests.faults.scene import BTC, Scene, case
from tests.simulation.exchange import Accepted

D = Decimal
GAP = D(57_000)
"""Where the market goes on after a jump: far below the stop."""


def stops(scene: Scene) -> list[Accepted]:
    """Every stop and target that the exchange took."""
    return [order for order in scene.exchange.orders if order.stop is not None]


def a_buy(price: str | None = None) -> dict[str, object]:
    """What is told of a buy above the market that waits for its price."""
    kind = OrderType.STOP if price is None else OrderType.STOP_LIMIT
    limit = {} if price is None else {"price": price}
    return {"side": Side.BUY, "type": kind, "stop_price": D(61_000), "reduce_only": False, **limit}


@case
async def test_f40_a_stop_that_the_market_has_passed_when_it_arrives_is_told_and_nothing_rests(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    scene.before_an_order(lambda asked: scene.exchange.move(BTC, GAP))
    ticket = await asked_for_a_stop(scene)
    await scene.ends(ticket, "failed")
    assert scene.state(ticket) is OrderState.REJECTED
    assert (stops(scene), held(scene)) == ([], BOUGHT)
    await scene.hears("Stop price would trigger immediately.")


@case
async def test_f40_a_stop_that_the_market_has_passed_before_it_is_sent_is_refused_unsent(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    sent = scene.sent
    ticket = await asked_for_a_stop(scene, stop_price=D(60_500))
    assert [one.code for one in ticket.refusals] == ["NOT_SUPPORTED"]
    assert "it would fire at once" in ticket.refusals[0].text
    assert scene.sent == sent


@case
async def test_f41_a_stop_whose_answer_is_lost_is_found_and_not_sent_again(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    scene.meets("send", "connection dropped", done=True)
    ticket = await asked_for_a_stop(scene)
    await scene.passes_until(lambda: scene.state(ticket) is OrderState.IN_DOUBT)
    await scene.until(lambda: scene.state(ticket) is OrderState.WORKING)
    await scene.hears("Found: ")
    (taken,) = stops(scene)
    assert (taken.stop, taken.price, taken.amount) == (STOP, None, BOUGHT)


@case
async def test_f41_a_stop_that_fired_while_its_answer_was_lost_is_found_filled(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    scene.weather("no answer", "look")
    scene.meets("send", "no answer", done=True)
    ticket = await asked_for_a_stop(scene)
    await scene.passes_until(lambda: scene.state(ticket) is OrderState.IN_DOUBT)
    scene.exchange.move(BTC, STOP)
    scene.good_weather()
    await scene.ends(ticket, "done")
    assert (len(stops(scene)), held(scene)) == (1, 0)


@case
async def test_f42_a_target_for_what_a_stop_sells_already_is_refused(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    await a_stop(scene)
    target = await asked_for_a_stop(scene, type=OrderType.TAKE_PROFIT, stop_price=D(62_000))
    assert target.state is TicketState.REFUSED
    assert [one.code for one in target.refusals] == ["INSUFFICIENT_BALANCE"]
    assert len(stops(scene)) == 1


@case
async def test_a_market_that_jumps_over_a_stop_is_taken_where_it_is_then(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    ticket = await a_stop(scene)
    scene.exchange.move(BTC, GAP)
    await scene.ends(ticket, "done")
    assert held(scene) == 0
    await scene.hears("sold 0.00999 BTC/USDT at 57 000")


@case
async def test_a_market_that_jumps_over_a_stop_with_a_limit_leaves_it_resting(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    ticket = await a_stop(scene, type=OrderType.STOP_LIMIT, price="58900")
    scene.exchange.move(BTC, GAP)
    await scene.passes(30)
    assert scene.state(ticket) is OrderState.WORKING
    assert held(scene) == BOUGHT
    scene.exchange.move(BTC, D(58_950))
    await scene.ends(ticket, "done")
    assert held(scene) == 0
    assert scene.exchange.trades[-1].price >= D(58_900)


@case
async def test_a_stop_of_which_the_market_takes_half_ends_and_the_rest_is_still_held(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    ticket = await a_stop(scene)
    scene.exchange.takes = D("0.5")
    scene.exchange.move(BTC, STOP)
    await scene.ends(ticket, "done")
    assert scene.state(ticket) is OrderState.EXPIRED
    assert held(scene) == BOUGHT - D("0.005")


@case
async def test_a_stop_that_fires_while_its_cancel_is_on_its_way_is_booked(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    ticket = await a_stop(scene)
    scene.foretell(
        after=1, where="DELETE order leaves", deed=lambda: scene.exchange.move(BTC, STOP)
    )
    await scene.cancel(ticket)
    await scene.ends(ticket, "done")
    assert scene.state(ticket) is OrderState.FILLED
    assert held(scene) == 0


@case
async def test_a_stop_that_fires_while_we_are_down_is_booked_at_the_start(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    ticket = await a_stop(scene)
    scene.kill("a power cut")
    scene.exchange.move(BTC, GAP)
    await scene.passes(3600)
    await scene.start()
    await scene.ends(ticket, "done")
    assert held(scene) == 0
    assert len(stops(scene)) == 1
    await scene.hears("sold 0.00999 BTC/USDT at 57 000")


@case
async def test_a_stop_is_kept_through_a_halt_and_restarts_and_closes_its_position_when_it_fires(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    ticket = await a_stop(scene)
    await scene.halt()
    await scene.until(scene.proved)
    await scene.hears("Kept: stop sell 0.00999 BTC/USDT at 59 000")
    await scene.stop()
    await scene.start()
    await scene.passes(30)
    assert scene.state(ticket) is OrderState.WORKING
    scene.exchange.move(BTC, STOP)
    await scene.ends(ticket, "done")
    await scene.until(scene.proved)
    assert held(scene) == 0
    assert scene.halted()


@case
async def test_a_stop_sized_like_its_entry_is_a_stop_behind_the_position(scene: Scene) -> None:
    """The fee of the entry was taken in BTC: so much of it would come out of holdings."""
    await scene.start()
    await bought(scene)
    ticket = await a_stop(scene, amount=D("0.01"), reduce_only=False)
    await scene.halt()
    await scene.until(scene.proved)
    assert scene.state(ticket) is OrderState.WORKING
    await scene.hears("Kept: stop sell 0.01 BTC/USDT at 59 000")


@case
async def test_a_stop_that_would_add_to_what_is_held_is_canceled_by_a_halt(scene: Scene) -> None:
    await scene.start()
    buys = [await a_stop(scene, **a_buy()), await a_stop(scene, **a_buy("61100"))]
    target = {"type": OrderType.TAKE_PROFIT, "stop_price": D(62_000)}
    await bought(scene)
    sell = await a_stop(scene, **target)
    await scene.halt()
    await scene.until(scene.proved)
    scene.exchange.move(BTC, D(63_000))
    assert [order.now.status for order in stops(scene)] == ["canceled"] * 3
    for ticket in [*buys, sell]:
        assert scene.latest(ticket).state is TicketState.CANCELED
    assert held(scene) == BOUGHT


@case
async def test_a_stop_that_dies_with_us_between_its_approval_and_the_answer_is_found(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    scene.foretell(after=1, where="POST order done")
    signal = await asked_for_a_stop(scene, source="tv")
    await scene.tap(signal)
    await scene.until(lambda: scene.state(signal) is OrderState.WORKING)
    assert scene.deaths == 1
    assert len(stops(scene)) == 1


@case
async def test_a_stop_that_never_left_before_we_died_goes_out_once_while_its_approval_holds(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    scene.weather("unreachable", "send")
    ticket = await asked_for_a_stop(scene)
    await scene.passes_until(lambda: scene.state(ticket) is OrderState.PLANNED)
    scene.kill("a power cut")
    scene.good_weather()
    await scene.start()
    await scene.until(lambda: scene.state(ticket) is OrderState.WORKING)
    assert len(stops(scene)) == 1


@case
async def test_a_stop_that_fires_as_its_position_is_closed_sells_nothing_twice(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    stop = await a_stop(scene)
    scene.foretell(
        after=1, where="DELETE order leaves", deed=lambda: scene.exchange.move(BTC, STOP)
    )
    closing = await close(scene)
    await scene.ends(stop, "done")
    await scene.until(lambda: scene.latest(closing).state is not TicketState.APPROVED)
    assert held(scene) == 0
    assert sum(o.now.filled for o in scene.exchange.orders if o.side == "sell") == BOUGHT


@case
async def test_a_stop_that_fires_in_part_as_its_position_is_flattened_leaves_the_rest_to_it(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    await a_stop(scene)
    await scene.halt()
    await scene.until(scene.proved)
    scene.exchange.takes = D("0.5")

    def fire() -> None:
        scene.exchange.move(BTC, STOP)
        scene.exchange.takes = D(1)

    scene.foretell(after=1, where="DELETE order leaves", deed=fire)
    await flatten(scene)
    await scene.until(scene.proved)
    assert held(scene) == 0
    (closing,) = closings(scene)
    assert scene.filled(closing) == LEFT
