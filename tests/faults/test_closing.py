"""A position is closed because a person says so: in slices, halted or not, and never more than it is."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from execution.errors import NotPossible, StoreUnavailable
from execution.events import EventKind
from execution.types import Order, OrderState, Side, Ticket, TicketState
from tests.faults.positions import (
    BID,
    BOUGHT,
    LEFT,
    a_stop,
    bought,
    close,
    closings,
    flatten,
    held,
)
from tests.faults.scene import BTC, RESTS, Scene, case
from tests.simulation.exchange import Accepted
from tests.simulation.process import Process
from tests.simulation.story import ANA

D = Decimal


async def refused(scene: Scene, share: str = "1", symbol: str = BTC) -> str:
    """What Ana is told instead of having a position closed."""

    async def ask(process: Process) -> str:
        try:
            await process.desk.close(symbol, D(share), person=ANA)
        except NotPossible as error:
            return str(error)
        return "closed"

    return await scene.insist(ask)


def sells(scene: Scene) -> list[Accepted]:
    """Every sell at the exchange that is ours."""
    return [o for o in scene.exchange.orders if o.side == "sell" and not o.by_hand]


def legs(scene: Scene, ticket: Ticket) -> list[Order]:
    """The slices of a closing."""
    return scene.read(lambda tx: tx.orders.of_ticket(ticket.id))


@case
async def test_a_position_is_sold_at_once_near_the_best_price(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    ticket = await scene.ends(await close(scene), "done")
    assert (ticket.required, ticket.proposer, ticket.rule) == (0, ANA.id, "close")
    (sell,) = sells(scene)
    assert (sell.amount, sell.price) == (BOUGHT, BID * D("0.999"))
    assert held(scene) == 0
    events = scene.read(lambda tx: tx.journal.of_ticket(ticket.id))
    filled, ended = (
        next(event.at for event in events if event.kind is kind)
        for kind in (EventKind.ORDER_FILLED, EventKind.TICKET_DONE)
    )
    assert ended == filled, "what sold all of it ends it"
    await scene.hears("Filled: sold 0.00999 BTC/USDT at 60 000")


@case
async def test_a_share_of_a_position_is_sold(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    await scene.ends(await close(scene, "0.5"), "done")
    assert [sell.amount for sell in sells(scene)] == [D("0.00499")]
    assert held(scene) == D("0.005")


@case
async def test_what_the_market_did_not_take_follows_until_nothing_is_left(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    scene.exchange.takes = D("0.5")
    ticket = await close(scene)
    await scene.hears("being closed, 50 % done")
    scene.exchange.takes = D(1)
    done = await scene.ends(ticket, "done")
    assert [sell.amount for sell in sells(scene)] == [BOUGHT, LEFT]
    assert [leg.leg for leg in legs(scene, done)] == ["exit", "exit-2"]
    assert held(scene) == 0


@case
async def test_a_slice_is_what_the_book_has_and_leaves_no_rest_too_small_to_be_sold(
    scene: Scene,
) -> None:
    """The exchange takes nothing under 5 USDT: at 59 940 that is 0.00009 BTC."""
    await scene.start()
    await bought(scene)
    scene.exchange.depth = D("0.00494")
    await scene.ends(await close(scene), "done")
    assert [sell.amount for sell in sells(scene)] == [D("0.00494"), D("0.00494"), D("0.00011")]
    times = [sell.at for sell in sells(scene)]
    assert all(b - a >= timedelta(seconds=2) for a, b in pairwise(times)), "the book refills"
    scene.exchange.depth = D("0.00995")
    await bought(scene)
    await scene.ends(await close(scene), "done")
    assert [sell.amount for sell in sells(scene)[3:]] == [D("0.0099"), D("0.00009")]


@case
async def test_a_book_with_almost_nothing_is_met_with_the_least_the_exchange_takes(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene, amount="0.0002")
    scene.exchange.depth = D("0.00001")
    ticket = await close(scene)
    await scene.passes_until(lambda: sells(scene))
    scene.exchange.depth = D(1000)
    await scene.ends(ticket, "done")
    assert sells(scene)[0].amount == D("0.00009")


@case
async def test_each_slice_follows_the_market_and_is_never_past_its_own_cap(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    scene.exchange.takes = D("0.5")
    ticket = await close(scene)
    await scene.passes_until(lambda: len(sells(scene)) == 1)
    scene.exchange.takes = D(1)
    scene.exchange.move(BTC, D(50_000))
    await scene.ends(ticket, "done")
    assert [sell.price for sell in sells(scene)] == [D(59_940), D(49_950)]


@case
async def test_a_lost_answer_of_a_slice_sells_nothing_twice(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    scene.meets("send", "connection dropped", done=True)
    await scene.ends(await close(scene), "done")
    assert [sell.amount for sell in sells(scene)] == [BOUGHT]


@case
async def test_a_slice_that_never_arrived_is_made_anew_from_the_book_of_then(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    scene.meets("send", "unreachable")
    ticket = await close(scene)
    await scene.passes_until(lambda: legs(scene, ticket))
    scene.exchange.move(BTC, D(58_000))
    done = await scene.ends(ticket, "done")
    assert [leg.state for leg in legs(scene, done)] == [OrderState.DENIED, OrderState.FILLED]
    assert [sell.price for sell in sells(scene)] == [D(57_942)]


@case
async def test_a_closing_goes_on_after_a_crash(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    scene.exchange.takes = D("0.5")
    ticket = await close(scene)
    await scene.passes_until(lambda: len(sells(scene)) == 1)
    scene.kill("killed by hand")
    scene.exchange.takes = D(1)
    await scene.start()
    await scene.ends(ticket, "done")
    assert sum(sell.now.filled for sell in sells(scene)) == BOUGHT


@case
async def test_on_a_working_desk_a_closing_that_sells_nothing_ends_in_time(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    scene.weather("unreachable", "send")
    ticket = await scene.ends(await close(scene), "failed")
    assert {leg.state for leg in legs(scene, ticket)} == {OrderState.DENIED}
    assert sells(scene) == []
    scene.good_weather()
    await scene.ends(await close(scene), "done")


@case
async def test_a_resting_sell_gives_way_to_a_closing(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    resting = await scene.working(side=Side.SELL, price="66000", amount="0.005")
    await scene.ends(await close(scene), "done")
    assert held(scene) == 0
    assert scene.order(resting).cancel_reason == "its position is being closed"
    assert scene.latest(resting).state is TicketState.CANCELED


@case
async def test_holdings_are_never_sold(scene: Scene) -> None:
    """Somebody sold the position by hand, and what the account held before us too but a little."""
    await scene.start()
    await bought(scene)
    await scene.passes(5)  # what the account held was asked for a moment ago
    scene.exchange.free["BTC"] = D("0.004")
    ticket = await scene.ends(await close(scene), "done")
    assert [sell.amount for sell in sells(scene)] == [D("0.004")]
    assert [leg.state for leg in legs(scene, ticket)] == [OrderState.FILLED], "none was refused"
    assert ticket.reason == "main has 0 BTC free, the position is 0.00599"
    scene.exchange.free["BTC"] = D(1)


@case
async def test_a_fee_that_is_not_shown_yet_is_not_sold_out_of_holdings(scene: Scene) -> None:
    scene.is_like(trades_within=timedelta(seconds=20))
    await scene.start()
    await scene.ends(await scene.signal(price="60600"), "done")
    assert held(scene) == D("0.01"), "nothing has shown a fee"
    ticket = await close(scene)
    await scene.passes_until(lambda: sells(scene))
    await scene.ends(ticket, "done")
    assert [sell.amount for sell in sells(scene)] == [D("0.0099"), D("0.00009")]
    assert held(scene) == 0


@case
async def test_a_slice_that_turns_out_to_have_filled_after_its_end_is_not_sold_again(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    scene.exchange.takes = D("0.5")
    ticket = await close(scene)
    await scene.passes_until(
        lambda: [leg.state for leg in legs(scene, ticket)] == [OrderState.EXPIRED]
    )
    scene.exchange.takes = D(1)
    scene.exchange.fill_late(sells(scene)[0])
    await scene.ends(ticket, "done")
    assert len(sells(scene)) == 1
    assert held(scene) == 0


@case
async def test_a_closing_is_refused_with_what_is_wrong(scene: Scene) -> None:
    await scene.start()
    assert await refused(scene) == "There is no position in BTC/USDT."
    await bought(scene, amount="0.0002")
    assert await refused(scene, symbol="BTCUSDT", share="0.1") == (
        "BTC/USDT at main is too small: 0.00001998 BTC is left: main trades no less than 0.00009."
    )
    scene.exchange.takes = D("0.1")
    await close(scene)
    assert await refused(scene) == "BTC/USDT at main is being closed already."
    scene.exchange.takes = D(1)


@case
async def test_kill_flatten_is_done_once_everything_is_sold(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    waiting = await scene.signal(source="tv", price=RESTS)
    resting = await scene.working()
    await flatten(scene)
    await scene.hears("All positions are to be closed: Ana")
    await scene.until(scene.proved)
    assert held(scene) == 0
    assert scene.latest(waiting).state is TicketState.CANCELED
    assert scene.order(resting).state is OrderState.CANCELED
    await scene.hears("Closed 0.00999 BTC/USDT at 60 000, binance main")
    await scene.hears("Done at")
    assert [t.proposer for t in closings(scene)] == [ANA.id]


@case
async def test_a_flatten_is_not_done_while_the_exchange_is_away_and_carries_on_after(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    scene.weather("unreachable")
    await flatten(scene)
    await scene.until(lambda: scene.happened(EventKind.HALT_NOT_DONE) == 3)
    assert not scene.proved()
    assert sells(scene) == []
    await scene.hears("0.00999 BTC/USDT at main is not closed yet")
    scene.good_weather()
    await scene.until(scene.proved)
    assert held(scene) == 0


@case
async def test_a_flatten_goes_on_while_the_exchange_refuses_its_orders(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    locked, scene.exchange.free["BTC"] = scene.exchange.free["BTC"], D(5)
    await flatten(scene)
    scene.exchange.free["BTC"] = locked
    await scene.until(scene.proved)
    assert held(scene) == 0


@case
async def test_a_flatten_outlives_a_crash(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    scene.weather("unreachable")
    await flatten(scene)
    scene.kill("killed by hand")
    scene.good_weather()
    await scene.start()
    await scene.until(scene.proved)
    assert held(scene) == 0


@case
async def test_a_flatten_that_could_not_be_stored_is_carried_out_later(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    with scene.database_takes_nothing():
        assert scene.process is not None, "somebody listens"
        with pytest.raises(StoreUnavailable):
            await scene.process.desk.halt(person=ANA, reason="", flatten=True)
        await scene.passes(5)
    await scene.until(scene.proved)
    assert held(scene) == 0


@case
async def test_a_second_kill_does_not_stop_a_flatten_and_a_later_one_may_ask_for_it(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    await scene.halt()
    await scene.until(scene.proved)
    assert held(scene) == BOUGHT
    scene.exchange.takes = D("0.5")
    await flatten(scene)
    assert not scene.proved()
    await scene.passes_until(lambda: len(sells(scene)) == 1)
    await scene.halt()
    scene.exchange.takes = D(1)
    await scene.until(scene.proved)
    assert held(scene) == 0
    assert scene.happened(EventKind.HALTED) == 1


@case
async def test_a_closing_that_is_canceled_leaves_the_rest_open_and_the_halt_gets_done(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    scene.exchange.takes = D("0.5")
    await flatten(scene)
    await scene.passes_until(lambda: sells(scene))
    await scene.cancel(closings(scene)[0])
    await scene.until(scene.proved)
    assert held(scene) == LEFT
    assert len(sells(scene)) == 1
    await scene.hears("is left (canceled by Olga)")


@case
async def test_a_plain_kill_ends_a_closing_of_before(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    scene.exchange.takes = D("0.5")
    ticket = await close(scene)
    await scene.passes_until(lambda: len(sells(scene)) == 1)
    await scene.halt()
    await scene.until(scene.proved)
    assert len(sells(scene)) == 1
    assert scene.latest(ticket).state is TicketState.DONE
    assert held(scene) == LEFT
    scene.exchange.takes = D(1)


@case
async def test_a_position_can_be_closed_while_halted_and_the_halt_is_proved_anew(
    scene: Scene,
) -> None:
    await scene.start()
    await bought(scene)
    await scene.halt()
    await scene.until(scene.proved)
    ticket = await close(scene)
    assert not scene.proved()
    await scene.ends(ticket, "done")
    await scene.until(scene.proved)
    assert held(scene) == 0


@case
async def test_what_fills_after_a_flatten_is_closed_too(scene: Scene) -> None:
    scene.breaks = "guessed"
    await scene.start()
    await bought(scene)
    resting = await scene.working()
    await flatten(scene)
    await scene.until(scene.proved)
    assert held(scene) == 0
    late = next(o for o in scene.exchange.orders if o.price == D(RESTS))
    assert scene.order(resting).state is OrderState.CANCELED
    scene.exchange.fill_late(late)
    await scene.until(lambda: len(closings(scene)) == 2)
    await scene.until(scene.proved)
    assert held(scene) == 0


@case
async def test_a_stop_that_protects_what_is_flattened_gives_way_to_it(scene: Scene) -> None:
    await scene.start()
    await bought(scene)
    stop = await a_stop(scene)
    await scene.halt()
    await scene.until(scene.proved)
    assert scene.order(stop).state is OrderState.WORKING
    await scene.hears("Kept: stop sell 0.00999 BTC/USDT at 59 000")
    await flatten(scene)
    await scene.until(scene.proved)
    assert scene.order(stop).state is OrderState.CANCELED
    assert held(scene) == 0


@case
async def test_what_another_sell_filled_right_before_its_end_is_not_sold_again(
    scene: Scene,
) -> None:
    """Some exchanges show the last trade of a canceled order a little after its end."""
    await scene.start()
    await bought(scene)
    resting = await scene.working(side=Side.SELL, price="66000", amount="0.005")
    await close(scene)
    await scene.passes_until(lambda: scene.order(resting).state is OrderState.CANCELED)
    scene.breaks = "guessed"
    await scene.passes(3)
    scene.exchange.fill_late(next(o for o in scene.exchange.orders if o.price == D(66000)))
    await scene.until(lambda: all(t.state is TicketState.DONE for t in closings(scene)))
    assert held(scene) == 0
    assert sum(order.now.filled for order in sells(scene)) == BOUGHT


@case
async def test_nothing_is_closed_while_an_order_in_that_pair_is_in_doubt(scene: Scene) -> None:
    """Until that is known the pair takes no new order, this one included."""
    scene.is_like(appears_within=timedelta(seconds=8))
    await scene.start()
    await bought(scene)
    doubtful = await scene.in_doubt(done=True)
    ticket = await close(scene)
    await scene.passes_until(lambda: scene.state(doubtful) is not OrderState.IN_DOUBT)
    assert sells(scene) == []
    await scene.ends(ticket, "done")
    assert held(scene) == 0
