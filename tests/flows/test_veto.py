"""A card that goes ahead unless somebody rejects it, through the whole product and its own clock."""

from __future__ import annotations

import pytest

from tests.flows.setup import APPROVER, SOON, House, said
from tests.waiting import until

RULE = """
[[approval.rules]]
name = "quiet"
when = { sources = ["tv"] }
veto_window = "2s"
"""


@pytest.fixture
def quiet(house: House) -> House:
    house.toml.write_text(house.toml.read_text() + RULE)
    house.set_price("60000")
    return house


async def test_what_nobody_rejects_is_sent_by_the_rule(quiet: House) -> None:
    async with quiet.open():
        signal = await quiet.send(symbol="BTCUSDT", side="buy", amount="0.01")
        waiting = await quiet.ticket_in("pending", signal)
        assert (waiting["rule"], waiting["required"]) == ("quiet", 1)
        await quiet.card(waiting, "Goes ahead")

        done = await quiet.ticket_in("done", signal)
        assert done["votes"] == []
        assert done["goes_ahead_at"] > done["created_at"]
        filled = await quiet.card(done, "filled at")
        assert "Nobody rejected it within 2 s: rule quiet" in said(filled)


async def test_one_reject_ends_it(quiet: House) -> None:
    async with quiet.open():
        signal = await quiet.send(symbol="BTCUSDT", side="buy", amount="0.01")
        ticket = await quiet.ticket_in("pending", signal)
        popup = await quiet.tap(await quiet.card(ticket), "Reject", APPROVER)
        assert popup.text == "Rejected. Nothing was sent."
        await quiet.ticket_in("rejected", signal)
    assert not quiet.exchange.account.accepted


async def test_nothing_goes_ahead_while_nobody_can_be_heard(quiet: House) -> None:
    """The bot can speak but not hear: a Reject would be lost."""
    async with quiet.open():
        quiet.chat.faults.error("getUpdates", status=409, description="Conflict: terminated")
        signal = await quiet.send(symbol="BTCUSDT", side="buy", amount="0.01")
        ticket = await quiet.ticket_in("pending", signal)
        await quiet.card(ticket, "Goes ahead after")
        polls = quiet.chat.count("getUpdates")
        await until(lambda: quiet.chat.count("getUpdates") >= polls + 3, timeout_s=SOON)
        assert not quiet.exchange.account.accepted
        assert (await quiet.ticket_in("pending", signal))["goes_ahead_at"] is None

        quiet.chat.faults.clear()
        await quiet.ticket_in("done", signal)
