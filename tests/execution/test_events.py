"""The journal's words: stable, unique, and one for each state a ticket or an order can reach."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from execution.events import Event, EventKind
from execution.types import OrderState, TicketState
from tests.execution.builders import NOW


def test_each_word_is_stored_as_its_name_in_lower_case() -> None:
    for kind in EventKind:
        assert kind.value == kind.name.lower()
        assert re.fullmatch("[a-z_]{2,40}", kind.value), "what the column holds"


@pytest.mark.parametrize("state", sorted(set(TicketState) - {TicketState.NEW}))
def test_each_state_a_ticket_moves_to_has_its_word(state: TicketState) -> None:
    assert EventKind(f"ticket_{state}")


@pytest.mark.parametrize("state", OrderState)
def test_each_state_of_an_order_has_its_word(state: OrderState) -> None:
    assert EventKind(f"order_{state}")


def test_an_event_without_a_zone_is_refused() -> None:
    def event(at: datetime) -> Event:
        return Event(
            seq=1,
            at=at,
            kind=EventKind.STARTED,
            ticket=None,
            order=None,
            actor=None,
            data={},
            mac="",
        )

    assert event(NOW).at == NOW
    with pytest.raises(ValueError, match="naive"):
        event(NOW.replace(tzinfo=None))
