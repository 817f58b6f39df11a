"""F01 to F06: the process dies at each step of a send. The next one knows what to do."""

from __future__ import annotations

from execution.types import OrderState, OrderType, TicketState, VoteKind
from tests.faults.scene import ANA, RESTS, Scene, case


async def dies_at(scene: Scene, point: str) -> None:
    """An order is sent, the process dies at this point, and the next one starts."""
    await scene.start()
    scene.foretell(after=1, where=point)
    ticket = await scene.signal(price=RESTS)
    await scene.works_once(ticket)
    assert scene.deaths == 1


@case
async def test_f01_an_approval_that_was_not_stored_is_not_there_and_can_be_given_again(
    scene: Scene,
) -> None:
    await scene.start()
    ticket = await scene.signal(source="tv", price=RESTS)
    scene.foretell(after=1, where="before commit")
    await scene.do(
        lambda process: process.desk.vote(ticket.id, revision=1, person=ANA, kind=VoteKind.APPROVE)
    )
    await scene.start()
    assert (scene.deaths, scene.latest(ticket).state) == (1, TicketState.PENDING)
    assert (await scene.tap(ticket)).votes == 1
    await scene.ends(ticket, "working")
    await scene.until(lambda: scene.exchange.orders)
    assert scene.sent == 1


@case
async def test_f02_a_planned_order_goes_out_after_a_restart_while_its_approval_holds(
    scene: Scene,
) -> None:
    await scene.start()
    ticket = await scene.planned()
    scene.kill("at a bad moment")
    await scene.ends(ticket, "done")
    assert len(scene.exchange.orders) == 1


@case
async def test_f02_a_planned_order_whose_approval_is_old_by_then_is_denied_and_told(
    scene: Scene,
) -> None:
    await scene.start()
    ticket = await scene.planned()
    scene.kill("at a bad moment")
    await scene.passes(120)
    await scene.ends(ticket, "failed")
    assert scene.state(ticket) is OrderState.DENIED
    await scene.hears("could not be sent while its approval held")
    assert scene.exchange.orders == []


@case
async def test_f03_what_died_before_the_first_byte_is_proved_absent_and_not_sent_by_itself(
    scene: Scene,
) -> None:
    await scene.start()
    scene.foretell(after=1, where="POST order leaves")
    ticket = await scene.signal(price=RESTS)
    await scene.ends(ticket, "failed")
    assert scene.state(ticket) is OrderState.ABSENT
    await scene.passes(60)
    assert (scene.deaths, scene.sent, scene.exchange.orders) == (1, 1, [])


@case
async def test_f04_an_order_sent_by_a_process_that_died_before_the_answer_is_adopted(
    scene: Scene,
) -> None:
    await dies_at(scene, "POST order done")


@case
async def test_f05_an_order_whose_answer_came_and_was_not_stored_is_adopted(
    scene: Scene,
) -> None:
    await dies_at(scene, "POST order answered")


@case
async def test_f06_a_fill_that_was_stored_and_not_told_is_told_after_the_restart_once(
    scene: Scene,
) -> None:
    await scene.start()
    scene.foretell(
        after=1,
        where="POST order answered",
        deed=lambda: scene.foretell(after=1, where="message leaves"),
    )
    ticket = await scene.signal(type=OrderType.MARKET)
    await scene.ends(ticket, "done")
    await scene.hears("Filled: bought 0.01 BTC/USDT")
    await scene.passes(30)
    assert scene.deaths == 1
    assert scene.said.count("Filled: bought 0.01 BTC/USDT") == 1
