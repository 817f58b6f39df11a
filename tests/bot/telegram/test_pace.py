"""Telegram's limits, counted by ourselves: on virtual time, to the second."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from bot.telegram.pace import Pace, Urgency
from tests.virtual_time import passes, run_virtually

GROUP, OTHER, PRIVATE = -100, -200, 300


def send(pace: Pace, place: int, times: int = 1) -> None:
    for _ in range(times):
        with pace.sending(place):
            pass


async def go_on(pace: Pace, place: int, urgency: Urgency, seconds: float) -> list[float]:
    """When messages go, sent as soon as there is room for each."""
    loop = asyncio.get_running_loop()
    sent: list[float] = []
    while loop.time() < seconds:
        wait = pace.wait(place, urgency)
        if wait > 0:
            await passes(wait)
            continue
        send(pace, place)
        sent.append(loop.time())
    return sent


def most_within(sent: list[float], seconds: float) -> int:
    """How many stood in the fullest window."""
    return max(sum(1 for at in sent if start <= at < start + seconds) for start in sent)


@pytest.mark.parametrize(
    ("urgency", "most"), [("HALT", 20), ("REPLY", 19), ("NEWS", 18), ("EDIT", 12)]
)
def test_group_gets_its_share_of_twenty_a_minute_and_no_more(urgency: str, most: int) -> None:
    sent = run_virtually(go_on(Pace(), GROUP, Urgency[urgency], 600))
    assert most_within(sent, 60) == most
    assert len(sent) == 10 * most


def test_private_chat_gets_one_a_second_on_average() -> None:
    sent = run_virtually(go_on(Pace(), PRIVATE, Urgency.HALT, 100))
    assert most_within(sent, 10) == 10


def at_once(work: Coroutine[Any, Any, None]) -> None:
    run_virtually(work)


def test_what_matters_more_finds_room_where_others_do_not() -> None:
    async def story() -> None:
        pace = Pace()
        for _ in range(2):
            send(pace, GROUP, 6)
            await passes(10)
        assert pace.wait(GROUP, Urgency.EDIT) > 0
        assert pace.wait(GROUP, Urgency.NEWS) == 0
        send(pace, GROUP, 6)
        assert pace.wait(GROUP, Urgency.NEWS) > 0
        assert pace.wait(GROUP, Urgency.REPLY) == 0, (
            "who asks does not wait for all there is to tell"
        )
        send(pace, GROUP)
        assert pace.wait(GROUP, Urgency.REPLY) > 0
        assert pace.wait(GROUP, Urgency.HALT) == 0

    at_once(story())


def test_all_chats_together_keep_the_limit_of_a_second() -> None:
    async def story() -> None:
        pace = Pace()
        for place in (GROUP, OTHER, PRIVATE):
            send(pace, place, 10)
        assert pace.wait(1, Urgency.HALT) == pytest.approx(1)
        await passes(1)
        assert pace.wait(1, Urgency.HALT) == 0

    at_once(story())


def test_message_counts_while_it_is_under_way_and_from_its_answer_on() -> None:
    """Slow answers must not let two messages arrive closer than they were sent."""

    async def story() -> None:
        pace = Pace()
        with pace.sending(GROUP):
            await passes(30)
            send(pace, GROUP, 19)
            await passes(20)
            assert pace.wait(GROUP, Urgency.HALT) == pytest.approx(40)
        await passes(41)
        assert pace.wait(GROUP, Urgency.HALT) == 0
        send(pace, GROUP, 19)
        assert pace.wait(GROUP, Urgency.HALT) == pytest.approx(19)

    at_once(story())


def test_pause_holds_everything_and_is_not_shortened_by_another() -> None:
    async def story() -> None:
        pace = Pace()
        pace.hold(30)
        pace.hold(5)
        assert pace.wait(GROUP, Urgency.HALT) == pytest.approx(30)
        await passes(29)
        assert pace.wait(PRIVATE, Urgency.HALT) == pytest.approx(1)
        await passes(1)
        assert pace.wait(GROUP, Urgency.HALT) == 0

    at_once(story())
