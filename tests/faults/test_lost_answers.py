"""F07 to F24: the answer to an order is lost, late or wrong. It is looked for, and never sent again."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from execution.events import EventKind
from execution.types import OrderState, OrderType, TicketState
from tests.faults.scene import RESTS, Scene, case
from tests.simulation.exchange import Row

D = Decimal
SECOND = timedelta(seconds=1)


async def taken_without_a_clear_answer(scene: Scene, fault: str) -> None:
    """The exchange takes an order and answers so: it is found, and went out once."""
    await scene.start()
    scene.meets("send", fault, done=True)
    ticket = await scene.signal(price=RESTS)
    await scene.passes_until(lambda: scene.state(ticket) is OrderState.IN_DOUBT)
    await scene.until(lambda: scene.state(ticket) is OrderState.WORKING)
    await scene.hears("Found: ")
    assert scene.sent == len(scene.exchange.orders) == 1


@case
async def test_f07_an_order_whose_answer_is_lost_is_found_resting(scene: Scene) -> None:
    await taken_without_a_clear_answer(scene, "connection dropped")


@case
async def test_f08_an_order_that_filled_at_once_unheard_is_found_in_history(scene: Scene) -> None:
    """At an exchange that finds no client id of an ended order."""
    scene.is_like("ids found only while open")
    await scene.start()
    scene.meets("send", "no answer", done=True)
    ticket = await scene.signal(type=OrderType.MARKET)
    await scene.ends(ticket, "done")
    await scene.hears("Filled: bought 0.01 BTC/USDT")
    assert scene.sent == len(scene.exchange.orders) == 1


@case
async def test_f09_a_request_that_never_left_goes_out_again_under_the_same_id(
    scene: Scene,
) -> None:
    await scene.start()
    scene.meets("send", "unreachable", "unreachable")
    ticket = await scene.signal(type=OrderType.MARKET)
    await scene.ends(ticket, "done")
    (taken,) = scene.exchange.orders
    assert taken.client_id == scene.order(ticket).client_order_id
    assert scene.sent == 3


@case
async def test_f10_a_request_that_arrives_20_s_late_is_refused_by_the_window(
    scene: Scene,
) -> None:
    await scene.start()
    scene.meets("send", "no answer", late=20)
    ticket = await scene.signal(price=RESTS)
    await scene.ends(ticket, "failed")
    assert (scene.sent, scene.exchange.orders) == (1, [])


@case
async def test_f10_without_a_window_it_is_waited_for_and_found(scene: Scene) -> None:
    scene.is_like("ids never refused, only lists to search")
    await scene.start()
    scene.meets("send", "no answer", late=50)
    ticket = await scene.signal(price=RESTS)
    await scene.until(lambda: scene.state(ticket) is OrderState.WORKING)
    assert scene.now > 50
    assert scene.happened(EventKind.ORDER_ABSENT) == 0
    assert scene.sent == len(scene.exchange.orders) == 1


@case
async def test_f11_an_order_answered_with_a_server_error_is_found(scene: Scene) -> None:
    await taken_without_a_clear_answer(scene, "500 with a page")


@case
async def test_f12_an_order_answered_with_503_and_code_minus_1_is_no_refusal(
    scene: Scene,
) -> None:
    await taken_without_a_clear_answer(scene, "503 with code -1")


@case
async def test_f13_an_order_answered_with_half_a_body_is_found(scene: Scene) -> None:
    await taken_without_a_clear_answer(scene, "half a body")


@case
async def test_f14_an_order_answered_with_200_and_a_page_is_found(scene: Scene) -> None:
    await taken_without_a_clear_answer(scene, "200 with a page")


@case
async def test_f14_an_order_answered_with_200_and_nothing_is_found(scene: Scene) -> None:
    await taken_without_a_clear_answer(scene, "200 with nothing")


@case
async def test_f16_after_429_nothing_is_asked_for_as_long_as_it_says_and_then_looked_up(
    scene: Scene,
) -> None:
    await scene.start()
    scene.meets("send", "429")
    ticket = await scene.signal(price=RESTS)
    await scene.ends(ticket, "failed")
    assert scene.requests(since=scene.last("POST order answered"), seconds=3) == []
    assert (scene.sent, scene.exchange.orders) == (1, [])


@case
async def test_f17_a_ban_is_kept_to_and_told_and_its_order_found_when_it_is_over(
    scene: Scene,
) -> None:
    await scene.start()
    scene.meets("send", "418", done=True)
    ticket = await scene.signal(price=RESTS)
    await scene.hears("binance main does not answer")
    await scene.until(lambda: scene.state(ticket) is OrderState.WORKING)
    assert scene.requests(since=scene.last("POST order answered"), seconds=20) == []
    await scene.hears("binance main answers again")


@case
async def test_f19_an_order_refused_because_its_id_is_taken_is_the_order(scene: Scene) -> None:
    """A proxy passes the request on twice; we hear what the second one came to."""
    await scene.start()
    scene.before_an_order(lambda asked: twice(scene, asked))
    ticket = await scene.signal(price=RESTS)
    await scene.works_once(ticket)


@case
async def test_f20_an_id_that_is_taken_by_an_order_nobody_shows_is_waited_for(
    scene: Scene,
) -> None:
    scene.is_like(appears_within=8 * SECOND)
    await scene.start()
    scene.before_an_order(lambda asked: twice(scene, asked))
    ticket = await scene.signal(price=RESTS)
    await scene.passes(7)
    assert scene.state(ticket) is OrderState.IN_DOUBT
    await scene.works_once(ticket)


def twice(scene: Scene, asked: Row) -> None:
    """The exchange takes this before the request itself arrives."""
    scene.exchange.place(asked, scene.exchange.clock())


@case
async def test_f21_an_order_shown_three_seconds_late_is_adopted_and_not_sent_again(
    scene: Scene,
) -> None:
    scene.is_like(appears_within=3 * SECOND)
    await scene.start()
    ticket = await scene.in_doubt(done=True)
    await scene.passes(2.5)
    assert scene.state(ticket) is OrderState.IN_DOUBT
    await scene.works_once(ticket)


@case
async def test_f22_an_order_that_turns_up_after_its_absence_was_proved_is_back_and_told(
    scene: Scene,
) -> None:
    """It arrives later than its exchange takes anything, by all that is known of it."""
    scene.breaks = "guessed"
    scene.is_like("ids never refused, only lists to search")
    await scene.start()
    scene.meets("send", "no answer", late=200)
    ticket = await scene.signal(price=RESTS)
    await scene.ends(ticket, "failed")
    await scene.until(lambda: scene.state(ticket) is OrderState.WORKING, seconds=120)
    await scene.hears("it exists after all")
    assert scene.sent == len(scene.exchange.orders) == 1


@case
async def test_f22_nothing_that_is_proved_absent_is_sent_again_by_itself(scene: Scene) -> None:
    await scene.start()
    scene.meets("send", "no answer")
    ticket = await scene.signal(price=RESTS)
    ended = await scene.ends(ticket, "failed")
    assert scene.state(ticket) is OrderState.ABSENT
    assert "it does not exist" in str(ended.reason)
    await scene.passes(60)
    assert (scene.sent, scene.exchange.orders) == (1, [])


@case
async def test_f23_a_second_attempts_refusal_says_nothing_of_the_first(scene: Scene) -> None:
    """The network said that the first one never left. It arrives all the same, and takes the money."""
    scene.exchange.free["USDT"] = D(650)
    await scene.start()
    scene.meets("send", "unreachable")
    scene.before_an_order(lambda asked: twice(scene, asked) if scene.sent == 2 else None)
    ticket = await scene.signal(type=OrderType.MARKET)
    await scene.ends(ticket, "done")
    (taken,) = scene.exchange.orders
    assert taken.client_id == scene.order(ticket).client_order_id
    assert scene.sent == 2


@case
async def test_f24_a_definite_no_ends_the_ticket_with_the_exchanges_words(scene: Scene) -> None:
    await scene.start()
    ticket = await scene.signal(price="61000", post_only=True, time_in_force=None)
    ended = await scene.ends(ticket, "failed")
    assert ended.state is TicketState.FAILED
    assert scene.state(ticket) is OrderState.REJECTED
    await scene.hears("Order would immediately match and take.")
    assert (scene.sent, scene.exchange.orders) == (1, [])
