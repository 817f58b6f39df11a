"""What goes wrong at the exchange, at Telegram and with senders: nothing twice, nothing lost, and it is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.playground import Message
from tests.doubles.binance import BinanceServer, Fault, refusal
from tests.flows.setup import APPROVER, OWNER, SOON, House, said, soon
from tests.waiting import until

TAKEN = {
    "the answer is lost": Fault(kind="drop", process=True),
    "the answer hangs": Fault(kind="hang", process=True),
    "half an answer": Fault(kind="truncate", process=True),
    "a web page": Fault(kind="answer", process=True, body="<html>", content_type="text/html"),
    "503 with JSON": refusal(-1008, "Request throttled by server.", status=503, process=True),
    "429": refusal(-1003, "Too many requests.", status=429, process=True),
}
"""Answers to an order that the exchange has taken all the same."""
LOOK_UPS = {"id", "openOrders", "allOrders", "myTrades"}


def impatient(exchange: BinanceServer) -> dict[str, str]:
    """Settings under which a call to the exchange lasts a second at most."""
    quick = {"timeout": 1000, "timeout_on_exit": 1}
    return {"venues.main.ccxt": json.dumps(exchange.ccxt_overrides() | quick)}


@pytest.mark.parametrize("fault", TAKEN.values(), ids=TAKEN.keys())
async def test_an_order_without_a_clear_answer_is_in_doubt_until_it_is_found_and_never_sent_again(
    house: House, fault: Fault
) -> None:
    house.exchange.fail("POST order", fault)
    house.exchange.blind.update(LOOK_UPS)
    async with house.open(impatient(house.exchange)):
        signal = await house.send("auto", symbol="BTCUSDT", side="buy")
        await house.order_in("in_doubt", signal)
        told = await house.hears(": binance did not answer")
        assert "being looked for and will not be sent again" in said(told)
        assert (await house.get("status"))["orders"] == {"open": 1, "unknown": 1}

        house.exchange.blind.clear()
        await house.ticket_in("done", signal)
        await house.hears("Filled: bought 0.00996 BTC/USDT")
        assert len(house.exchange.account.accepted) == 1
        assert len(house.exchange.asked("POST order")) == 1


async def test_a_symbol_with_an_order_in_doubt_takes_no_other_and_other_symbols_go_on(
    house: House,
) -> None:
    house.exchange.fail("POST order", Fault(kind="drop", process=True))
    house.exchange.blind.update(LOOK_UPS)
    async with house.open():
        doubtful = await house.send("auto", symbol="BTCUSDT", side="buy")
        await house.order_in("in_doubt", doubtful)
        same = await house.send("auto", symbol="BTCUSDT", side="buy", note="Once more.")
        other = await house.send("auto", symbol="ETHUSDT", side="buy", price="2900")
        await house.order_in("working", other)
        refused = await house.ticket_in("refused", same)
        assert [r["code"] for r in refused["refusals"]] == ["UNKNOWN_OUTCOME"]
        house.exchange.blind.clear()
        await house.ticket_in("done", doubtful)
        assert [o.symbol for o in house.exchange.account.accepted] == ["BTCUSDT", "ETHUSDT"]


async def test_what_the_exchange_refuses_fails_and_is_told_with_its_words(house: House) -> None:
    house.exchange.fail("POST order", refusal(-2010, "This symbol is not permitted."))
    async with house.open():
        signal = await house.send("auto", symbol="BTCUSDT", side="buy")
        ticket = await house.ticket_in("failed", signal)
        assert [order["state"] for order in ticket["orders"]] == ["rejected"]
        told = await house.hears(": binance refused it")
        assert "This symbol is not permitted" in said(told)
        assert "Propose again" in told.labels
        assert len(house.exchange.asked("POST order")) == 1


async def test_an_exchange_that_is_away_at_the_start_loses_no_signal(house: House) -> None:
    house.exchange.unreachable = True
    async with house.open(ready=False):
        signal = await house.send(symbol="BTCUSDT", side="buy")
        parts = await _parts(house)
        assert (parts["database"], parts["telegram"]) == ("ready", "ready")
        assert "binance" in parts["venue main"]
        assert (await house.get("status"))["venues"][0]["connected"] is False
        house.exchange.unreachable = False
        await house.ticket_in("pending", signal)
        assert await house.answers("/readyz")


async def _parts(house: House) -> dict[str, str]:
    """What /readyz says while something is away, once Telegram is there."""

    async def look() -> dict[str, str] | None:
        answer = await house.http.get("/readyz")
        assert answer.status_code == 503, answer.text
        parts: dict[str, str] = answer.json()["parts"]
        return parts if "not connected yet" not in parts.values() else None

    found = await soon(look)
    assert found is not None
    return found


async def test_what_is_approved_while_the_exchange_is_away_is_sent_when_it_is_back(
    house: House,
) -> None:
    async with house.open():
        signal = await house.send(symbol="BTCUSDT", side="buy")
        await house.ticket_in("pending", signal)
        house.exchange.unreachable = True
        await soon(lambda: _is_down(house))
        assert (await house.http.get("/healthz")).status_code == 200
        await house.hears("binance main does not answer")
        await house.approve(signal)
        await house.ticket_in("approved", signal)

        house.exchange.unreachable = False
        await house.ticket_in("done", signal)
        await house.hears("binance main answers again")
        assert len(house.exchange.account.accepted) == 1
        assert await house.answers("/readyz")


async def _is_down(house: House) -> bool:
    return (await house.http.get("/readyz")).status_code == 503


async def test_while_telegram_is_away_orders_go_on_and_messages_come_later_in_order(
    house: House,
) -> None:
    async with house.open():
        found = await house.hears("was there before Countersign")
        house.chat.faults.error("*", status=502, description="Bad Gateway")
        house.chat.hang_up()
        bought = await house.send("auto", symbol="BTCUSDT", side="buy")
        await house.ticket_in("done", bought)
        refused = await house.send("auto", symbol="BTCUSDT", side="buy", amount="1")
        await house.ticket_in("refused", refused)
        asked = await house.send(symbol="ETHUSDT", side="buy")
        await house.ticket_in("pending", asked)
        assert _news(house) == [found]
        assert (await house.get("status"))["undelivered"] > 0
        await soon(lambda: _is_down(house))

        house.chat.faults.clear()
        await house.approve(asked)
        await house.ticket_in("done", asked)
        _, first, filled, refusal_, card = _news(house)[:5]
        assert (first.reply_to, filled.reply_to) == (None, first.id)
        assert "Filled: bought 0.00996 BTC/USDT" in said(filled)
        assert "Refused: BUY 1 BTC/USDT" in said(refusal_)
        assert "ETH/USDT" in said(card)
        await soon(lambda: house.answers("/readyz"))


def _news(house: House) -> list[Message]:
    """All that was said but the panel."""
    return [message for message in house.chat.messages if "Refresh" not in message.labels]


async def test_an_answer_of_telegrams_that_is_lost_makes_no_second_order(house: House) -> None:
    """The card may stand twice; a tap on either counts, once."""
    async with house.open():
        await house.hears("was there before Countersign")
        house.chat.faults.lose_answer("sendMessage", times=1)
        signal = await house.send(symbol="BTCUSDT", side="buy")
        cards = await until(lambda: _cards(house, 2), timeout_s=SOON)
        popups = [await house.tap(card, "Approve") for card in cards]
        assert popups[0].text == "Approved. Checked once more, then sent."
        assert str(popups[1].text).startswith("Ana approved this at ")
        await house.ticket_in("done", signal)
        assert len(house.exchange.account.accepted) == 1


def _cards(house: House, count: int) -> list[Message] | None:
    found = [
        m for m in house.chat.messages if any(label.startswith("Approve") for label in m.labels)
    ]
    return found if len(found) == count else None


async def test_a_signal_sent_twice_is_one_ticket(house: House) -> None:
    async with house.open():
        body: dict[str, Any] = {"symbol": "BTCUSDT", "side": "buy"}
        first = await house.signed(body, "msg-7")
        again = await house.signed(body, "msg-7")
        other = await house.signed(body | {"side": "sell"}, "msg-7")
        assert [one.status_code for one in (first, again, other)] == [202, 200, 409]
        assert again.json() == {"signal": first.json()["signal"], "status": "duplicate"}
        await house.ticket_in("pending", first.json()["signal"])
        assert len((await house.get("tickets"))["items"]) == 1
        assert (await house.get("status"))["duplicates"] == 1


async def test_kill_cancels_voids_refuses_and_only_an_owner_resumes(house: House) -> None:
    async with house.open():
        resting = await house.send("auto", symbol="BTCUSDT", side="buy", price="59000")
        await house.order_in("working", resting)
        waiting = await house.send(symbol="ETHUSDT", side="buy")
        card = await house.card(await house.ticket_in("pending", waiting), "needed")

        house.chat.say("/kill too wild", by=APPROVER)
        first = await house.hears("HALTED by Ana")
        late = await house.tap(card, "Approve")
        assert str(late.text).startswith("Halted by Ana at ")
        refused = await house.ticket_in(
            "refused", await house.send("auto", symbol="ETHUSDT", side="buy")
        )
        assert [r["code"] for r in refused["refusals"]] == ["HALTED"]
        halt = await house.halted_for_good()
        assert (halt["by"], halt["reason"]) == (f"tg:{APPROVER}", "too wild")
        done = await house.sees(lambda m: m.id == first.id and "Done at" in m.text)
        assert "1 of 1 order closed" in said(done)
        assert "1 ticket voided" in said(done)
        assert [o.status for o in house.exchange.account.accepted] == ["CANCELED"]
        assert (await house.ticket_in("canceled", waiting))["votes"] == []

        house.chat.say("/resume", by=APPROVER)
        await house.hears("/resume needs the role owner")
        house.chat.say("/resume", by=OWNER)
        plan = await house.hears("Resume?")
        assert (await house.tap(plan, "Confirm resume", by=OWNER)).text == "Trading again."
        again = await house.send("auto", symbol="ETHUSDT", side="buy", note="Now.")
        await house.ticket_in("done", again)


async def test_kill_while_an_answer_hangs_is_answered_at_once_and_takes_that_order_too(
    house: House,
) -> None:
    house.exchange.fail("POST order", Fault(kind="hang", process=True))
    async with house.open():
        signal = await house.send("auto", symbol="BTCUSDT", side="buy", price="59000")
        await house.exchange.hanging.wait()
        house.chat.say("/kill", by=APPROVER)
        told = await house.hears("HALTED by Ana")
        assert "NOT DONE: 1 order may still be open at binance main" in said(told)
        assert (await house.get("status"))["halt"]["verified"] is False
        house.exchange.release()
        await house.halted_for_good()
        await house.ticket_in("canceled", signal)
        assert [o.status for o in house.exchange.account.accepted] == ["CANCELED"]


async def test_kill_is_not_done_while_an_order_is_in_doubt(house: House) -> None:
    house.exchange.fail("POST order", Fault(kind="drop", process=True))
    house.exchange.blind.update(LOOK_UPS)
    async with house.open():
        signal = await house.send("auto", symbol="BTCUSDT", side="buy", price="59000")
        await house.order_in("in_doubt", signal)
        house.chat.say("/kill", by=APPROVER)
        await house.hears("NOT DONE: 1 order may still be open at binance main")
        await _seconds_at_the_exchange(house, 6)  # the two looks of a proof would fit between them
        assert (await house.get("status"))["halt"]["verified"] is False
        assert [o.status for o in house.exchange.account.accepted] == ["NEW"]

        house.exchange.blind.clear()
        await house.halted_for_good()
        await house.ticket_in("canceled", signal)
        assert [o.status for o in house.exchange.account.accepted] == ["CANCELED"]


async def _seconds_at_the_exchange(house: House, count: int) -> None:
    """So many more prices of what is watched were asked for, one a second."""
    asked = len(house.exchange.asked("GET ticker/bookTicker")) + count
    await until(lambda: len(house.exchange.asked("GET ticker/bookTicker")) >= asked, timeout_s=SOON)


async def test_kill_is_not_done_while_the_exchange_is_away(house: House) -> None:
    async with house.open():
        signal = await house.send("auto", symbol="BTCUSDT", side="buy", price="59000")
        await house.order_in("working", signal)
        house.exchange.unreachable = True
        house.chat.say("/kill", by=APPROVER)
        await house.hears("NOT DONE: 1 order may still be open at binance main")
        await house.hears("binance main: not answering")
        assert (await house.get("status"))["halt"]["verified"] is False

        house.exchange.unreachable = False
        await house.halted_for_good()
        await house.ticket_in("canceled", signal)
        assert [o.status for o in house.exchange.account.accepted] == ["CANCELED"]
        await house.hears("Done at")
