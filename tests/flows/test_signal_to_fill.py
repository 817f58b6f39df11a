"""From a posted signal over a card and a tap to a fill: what the exchange got, what the chat says, what `/api` says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.flows.setup import (
    APPROVER,
    OWNER,
    PAPER,
    PATH_SECRET,
    SOON,
    STRANGER,
    VIEWER,
    House,
    said,
)
from tests.waiting import until

D = Decimal


async def test_a_signed_signal_becomes_an_approved_order_and_its_fills_stand_on_the_card(
    house: House,
) -> None:
    house.set_price("60000", ask_amount="0.004")
    async with house.open():
        now = datetime.now(UTC).isoformat()
        body = {"symbol": "BTCUSDT", "side": "buy", "note": "Breakout.", "time": now}
        answer = await house.signed(body, "msg-1")
        assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
        signal = answer.json()["signal"]
        ticket = await house.ticket_in("pending", signal)
        card = await house.card(ticket, "needed")
        assert said(card).startswith("SANDBOX · BUY 0.00996 BTC/USDT ≈ 600 USDT\nbinance main · T-")
        assert "At most 60 240, for 30 s" in said(card)
        assert "Breakout." in said(card)
        popup = await house.tap(card, "Approve")
        assert popup.text == "Approved. Checked once more, then sent."

        order = await house.order_in("working", signal)
        (accepted,) = house.exchange.account.accepted
        assert accepted.client_id == order["client_order_id"]
        # The market of that moment plus the slippage tolerance, not the worst price of 60 240.
        assert (accepted.price, accepted.amount) == (D("60060"), D("0.00996"))
        assert (accepted.side, accepted.time_in_force) == ("BUY", "GTC")
        partial = await house.card(ticket, "40 % filled")
        assert "████░░░░░░ 40 %   0.004 at 60 000" in said(partial)

        house.exchange.account.fill(accepted.client_id, "0.00596")
        ticket = await house.ticket_in("done", signal)
        record = await house.card(ticket, "filled at")
        assert record.id == card.id, "one living message per ticket"
        assert said(record).startswith("SANDBOX · BUY 0.00996 BTC/USDT · filled at 60 035.90")
        filled = await house.hears("Filled: bought 0.00996 BTC/USDT")
        assert filled.reply_to == card.id
        await _api_agrees(house, signal)


async def _api_agrees(house: House, signal: str) -> None:
    """Tickets, orders, fills and positions tell the same story as the exchange."""
    ticket = (await house.get("tickets", signal=signal))["items"][0]
    order = (await house.get("orders", signal=signal))["items"][0]
    fills = (await house.get("fills", signal=signal))["items"]
    (position,) = (await house.get("positions"))["items"]
    assert (ticket["state"], ticket["amount"], ticket["price"]) == ("done", "0.00996", "60240")
    assert [(v["person"], v["vote"]) for v in ticket["votes"]] == [(f"tg:{APPROVER}", "approve")]
    assert (order["state"], order["filled"], order["ticket"]) == ("filled", "0.00996", ticket["id"])
    trades = house.exchange.account.trades
    shown = [(D(f["amount"]), D(f["price"]), D(f["fee"]), f["fee_currency"]) for f in fills]
    assert sorted(shown) == sorted(
        (D(t["qty"]), D(t["price"]), D(t["commission"]), t["commissionAsset"]) for t in trades
    )
    bought = sum(D(t["qty"]) - D(t["commission"]) for t in trades)
    assert (position["symbol"], D(position["amount"])) == ("BTC/USDT", bought)
    status = await house.get("status")
    assert status["orders"] == {"open": 0, "unknown": 0}
    assert [p["amount"] for p in status["positions"]] == [position["amount"]]


async def test_the_text_form_rests_at_its_price_and_cancel_takes_it_back(house: House) -> None:
    async with house.open():
        answer = await house.http.post(
            f"/signals/tv/{PATH_SECRET}",
            content="buy BTCUSDT 0.01 @ 59000.50 sl 58000 tp 61000",
            headers={"Content-Type": "text/plain"},
        )
        assert answer.status_code == 202
        signal = answer.json()["signal"]
        ticket = await house.approve(signal)
        order = await house.order_in("working", signal)
        (accepted,) = house.exchange.account.accepted
        assert (accepted.price, accepted.amount) == (D("59000.50"), D("0.01"))
        assert accepted.client_id == order["client_order_id"]
        card = said(await house.card(ticket))
        assert "Stop 58 000: −10 USDT" in card
        assert "Target 61 000\nStop and target: not placed by us" in card

        house.chat.say(f"/cancel T-{ticket['id'][-4:]}", by=APPROVER)
        await house.hears("asking binance main to cancel what is left")
        await house.ticket_in("canceled", signal)
        assert accepted.status == "CANCELED"
        told = await house.hears("canceled, nothing filled")
        assert "Canceled by Ana" in said(told)


async def test_a_rule_that_requires_nobody_sends_at_once_and_no_card_waits(house: House) -> None:
    async with house.open():
        signal = await house.send("auto", symbol="BTCUSDT", side="buy")
        ticket = await house.ticket_in("done", signal)
        assert (ticket["required"], ticket["votes"]) == (0, [])
        await house.hears("Filled")
        assert "Straight through by rule straight" in said(await house.card(ticket))
        assert not [m for m in house.chat.messages if m.labels and "Approve" in m.labels[0]]
        assert len(house.exchange.account.accepted) == 1


async def test_half_asks_again_and_sends_half(house: House) -> None:
    async with house.open():
        signal = await house.send(symbol="BTCUSDT", side="buy")
        ticket = await house.ticket_in("pending", signal)
        first = await house.card(ticket, "needed")
        popup = await house.tap(first, "½")
        assert popup.text == "Asked again as revision 2. Earlier votes are void."
        stale = await house.tap(first, "Approve")
        assert (stale.text, stale.alert) == ("Changed since: look at revision 2.", True)
        second = await house.card(ticket, "revision 2")
        assert second.labels[0] == "Approve 300 USDT"
        await house.tap(second, "Approve")
        await house.ticket_in("done", signal)
        assert [order.amount for order in house.exchange.account.accepted] == [D("0.00498")]


async def test_a_price_that_ran_away_is_asked_again_and_only_the_second_approval_sends(
    house: House,
) -> None:
    async with house.open():
        signal = await house.send(symbol="BTCUSDT", side="buy")
        ticket = await house.ticket_in("pending", signal)
        card = await house.card(ticket, "needed")
        await _market_moves(house, "60300")
        popup = await house.tap(card, "Approve")
        assert popup.text == "The price moved, nothing was sent: look at revision 2."
        again = await house.card(ticket, "You saw")
        assert "it is 60 300 (+0.5 %, limit 0.3 %). Nothing was sent." in said(again)
        assert house.exchange.account.accepted == []
        await house.tap(again, "Approve")
        done = await house.ticket_in("done", signal)
        (order,) = house.exchange.account.accepted
        assert order.price == D("60360.30")
        assert [(v["revision"], v["counts"]) for v in done["votes"]] == [(1, False), (2, True)]


async def test_a_better_price_does_not_ask_again(house: House) -> None:
    async with house.open():
        signal = await house.send(symbol="BTCUSDT", side="buy")
        ticket = await house.ticket_in("pending", signal)
        card = await house.card(ticket, "needed")
        await _market_moves(house, "59000")
        await house.tap(card, "Approve")
        await house.ticket_in("done", signal)
        assert [order.price for order in house.exchange.account.accepted] == [D("59059")]


async def _market_moves(house: House, ask: str) -> None:
    """The price at the exchange changes, and the product has heard of it."""
    house.set_price(ask)
    asked = len(house.exchange.asked("GET ticker/bookTicker"))
    # Two: the first may have been answered with the old price.
    await until(
        lambda: len(house.exchange.asked("GET ticker/bookTicker")) >= asked + 2, timeout_s=SOON
    )


async def test_a_refusal_is_told_with_its_code_and_sends_nothing(house: House) -> None:
    async with house.open():
        signal = await house.send("auto", symbol="BTCUSDT", side="buy", amount="1")
        ticket = await house.ticket_in("refused", signal)
        assert [r["code"] for r in ticket["refusals"]] == ["MAX_ORDER_NOTIONAL"]
        assert (ticket["amount"], ticket["orders"]) == ("1", [])
        told = await house.hears("Refused: BUY 1 BTC/USDT")
        assert "MAX_ORDER_NOTIONAL" in said(told)
        assert "Nothing was sent." in said(told)
        assert house.exchange.account.accepted == []


async def test_a_card_nobody_answers_expires(house: House) -> None:
    async with house.open({"approval.expires_after": "1s"}):
        signal = await house.send(symbol="BTCUSDT", side="buy")
        ticket = await house.ticket_in("expired", signal)
        card = await house.card(ticket, "expired, nothing was sent")
        assert card.labels == ["Propose again"]
        assert house.exchange.account.accepted == []


async def test_a_tap_after_the_deadline_sends_nothing(house: House) -> None:
    async with house.open({"approval.expires_after": "1s"}):
        signal = await house.send(symbol="BTCUSDT", side="buy")
        card = await house.sees(lambda m: "Reject" in m.labels)
        await house.ticket_in("expired", signal)
        popup = await house.tap(card, "Approve")
        assert str(popup.text).startswith("Expired at ")
        assert (await house.ticket_in("expired", signal))["votes"] == []
        assert house.exchange.account.accepted == []


async def test_one_reject_ends_it(house: House) -> None:
    async with house.open():
        signal = await house.send(symbol="BTCUSDT", side="buy")
        card = await house.card(await house.ticket_in("pending", signal), "needed")
        assert (await house.tap(card, "Reject")).text == "Rejected. Nothing was sent."
        late = await house.tap(card, "Approve", by=OWNER)
        assert str(late.text).startswith("Ana rejected this at ")
        ticket = await house.ticket_in("rejected", signal)
        await house.card(ticket, "rejected by Ana")
        assert house.exchange.account.accepted == []


async def test_only_people_who_may_and_only_once(house: House) -> None:
    """A stranger, a viewer and a second approval change nothing: one order."""
    async with house.open():
        signal = await house.send(symbol="BTCUSDT", side="buy", price="59000")
        card = await house.card(await house.ticket_in("pending", signal), "needed")
        assert (await house.tap(card, "Approve", STRANGER)).text == (
            "You are not on this desk's list."
        )
        assert (await house.tap(card, "Approve", VIEWER)).text == "You can look, not approve."
        assert (await house.ticket_in("pending", signal))["votes"] == []
        first, second = await asyncio.gather(
            house.tap(card, "Approve", APPROVER), house.tap(card, "Approve", OWNER)
        )
        assert first.text == "Approved. Checked once more, then sent."
        assert str(second.text).startswith("Ana approved this at ")
        await house.order_in("working", signal)
        assert len(house.exchange.account.accepted) == 1
        assert len((await house.get("tickets", signal=signal))["items"][0]["votes"]) == 1


async def test_what_rests_too_long_is_canceled_and_told(house: House) -> None:
    async with house.open({"execution.order_timeout": "1s"}):
        signal = await house.send("auto", symbol="BTCUSDT", side="buy", price="59000")
        await house.order_in("canceled", signal)
        assert (await house.ticket_in("canceled", signal))["orders"]
        assert house.exchange.account.accepted[0].status == "CANCELED"
        told = await house.hears("canceled, nothing filled")
        assert "Its time to rest was over." in said(told)


async def test_a_market_order_goes_as_a_capped_limit_that_never_rests(house: House) -> None:
    house.set_price("60000", ask_amount="0.004")
    async with house.open():
        signal = await house.send("auto", symbol="BTCUSDT", side="buy", type="market")
        await house.ticket_in("done", signal)
        (order,) = house.exchange.account.accepted
        assert (order.type, order.time_in_force, order.price) == ("LIMIT", "IOC", D("60060"))
        told = await house.hears("Partly filled: bought 0.004 of 0.00996")
        assert told.reply_to is not None
        assert (await house.get("orders", signal=signal))["items"][0]["state"] == "expired"


async def test_what_was_bought_can_be_sold_again(house: House) -> None:
    """A sell without a size closes the position, less the fee that was taken in the base asset."""
    house.exchange.account.deposit("BTC", "0")
    async with house.open():
        bought = await house.send("auto", symbol="BTCUSDT", side="buy", amount="0.01")
        await house.ticket_in("done", bought)
        sold = await house.send("auto", symbol="BTCUSDT", side="sell")
        ticket = await house.ticket_in("done", sold)
        assert ticket["amount"] == "0.00999"
        _, sell = house.exchange.account.accepted
        assert (sell.side, sell.amount, sell.price) == ("SELL", D("0.00999"), D("59930.01"))


@pytest.mark.parametrize("source", ["tv", "auto"])
async def test_on_paper_no_exchange_is_asked(house: House, source: str) -> None:
    """The paper venue on its synthetic market: with a picture on the card, and a fill in its own books."""
    async with house.open(PAPER):
        signal = await house.send(source, symbol="BTC/USDT", side="buy", type="market")
        if source == "tv":
            card = await house.card(await house.ticket_in("pending", signal), "needed")
            assert said(card).startswith("PAPER · BUY ")
            await house.sees(lambda m: m.id == card.id and m.photo is not None)
            await house.tap(card, "Approve")
        ticket = await house.ticket_in("done", signal)
        assert ticket["mode"] == "paper"
        await house.hears("illed: bought")
    assert house.exchange.requests == []
