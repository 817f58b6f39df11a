"""kill -9 at the worst moments, and what is true after the next start; ends that are asked for; the command line.

What is killed is a process of its own. The exchange and Telegram live in the test's process and outlive it;
so does the next start, whose journal is verified when it ends (`House.open`).
"""

from __future__ import annotations

import json

from tests.doubles.binance import Fault
from tests.flows.setup import APPROVER, SOON, House, Process, free_port, said, soon
from tests.waiting import until

HELD = Fault(kind="hang", process=True)
"""The exchange takes the order, and does not say so."""


async def one_order(house: House, state: str, signal: str) -> None:
    """The exchange was sent and has taken exactly one order, and we say the same of it."""
    order = await house.order_in(state, signal)
    assert [o.client_id for o in house.exchange.account.accepted] == [order["client_order_id"]]
    assert len(house.exchange.asked("POST order")) == 1


async def test_killed_between_a_signals_2xx_and_its_ticket(house: House) -> None:
    house.exchange.unreachable = True
    async with house.start(ready=False) as process:
        signal = await house.send(symbol="BTCUSDT", side="buy")
        assert await house.ticket(signal) is None
        await process.kill()
    house.exchange.unreachable = False
    async with house.open():
        await house.approve(signal)
        await house.ticket_in("done", signal)
        await one_order(house, "filled", signal)


async def test_killed_between_the_tap_and_the_order(house: House) -> None:
    async with house.start() as process:
        signal = await house.send(symbol="BTCUSDT", side="buy")
        await house.ticket_in("pending", signal)
        house.exchange.unreachable = True
        await soon(lambda: _is_down(house))
        await house.approve(signal)
        await process.kill()
    assert house.exchange.account.accepted == []
    house.exchange.unreachable = False
    async with house.open():
        done = await house.ticket_in("done", signal)
        assert [v["counts"] for v in done["votes"]] == [True]
        await one_order(house, "filled", signal)


async def _is_down(house: House) -> bool:
    return (await house.http.get("/readyz")).status_code == 503


async def test_killed_while_the_exchange_holds_the_answer(house: House) -> None:
    house.exchange.fail("POST order", HELD)
    async with house.start() as process:
        signal = await house.send("auto", symbol="BTCUSDT", side="buy", price="59000")
        await house.exchange.hanging.wait()
        await process.kill()
    house.exchange.release()
    async with house.open():
        await one_order(house, "working", signal)
        house.exchange.account.fill(house.exchange.account.accepted[0].client_id, "0.01016")
        await house.ticket_in("done", signal)
        await one_order(house, "filled", signal)
        await house.hears("Filled: bought 0.01016 BTC/USDT at 59\u202f000")
    checked = await house.command("audit", "verify")
    assert await checked.exit_code() == 0
    assert checked.output().startswith("The journal verifies: ")


async def test_killed_between_the_fill_and_its_message(house: House) -> None:
    async with house.start() as process:
        signal = await house.send(symbol="BTCUSDT", side="buy")
        card = await house.card(await house.ticket_in("pending", signal), "needed")
        house.chat.faults.lose_call("sendMessage")
        await house.tap(card, "Approve")
        await house.ticket_in("done", signal)
        await process.kill()
    assert house.told("Filled") == []
    house.chat.faults.clear()
    async with house.open():
        filled = await house.hears("Filled: bought")
        assert filled.reply_to == card.id
        await house.card(await house.ticket_in("done", signal), "filled at")
        assert len(house.told("Filled: bought")) == 1
        await one_order(house, "filled", signal)


async def test_killed_after_kill_was_answered(house: House) -> None:
    async with house.start() as process:
        signal = await house.send("auto", symbol="BTCUSDT", side="buy", price="59000")
        await house.order_in("working", signal)
        house.exchange.fail("DELETE order", Fault(kind="hang"), times=1000)
        house.chat.say("/kill", by=APPROVER)
        first = await house.hears("NOT DONE: 1 order may still be open")
        await house.exchange.hanging.wait()
        # Else the next process does not know of that message, and tells it anew.
        await soon(lambda: _is_all_told(house))
        await process.kill()
    house.exchange.forget_faults()
    house.exchange.release()
    assert [o.status for o in house.exchange.account.accepted] == ["NEW"]
    async with house.open(ready=False):
        assert (await house.get("status"))["trading"] == "halted"
        refused = await house.send("auto", symbol="BTCUSDT", side="buy")
        await house.ticket_in("refused", refused)
        await house.halted_for_good()
        await house.ticket_in("canceled", signal)
        assert [o.status for o in house.exchange.account.accepted] == ["CANCELED"]
        await house.sees(lambda m: m.id == first.id and "Done at" in m.text)


async def _is_all_told(house: House) -> bool:
    return bool((await house.get("status"))["undelivered"] == 0)


async def test_sigterm_while_an_order_is_sent_stores_its_outcome(house: House) -> None:
    house.exchange.fail("POST order", HELD)
    async with house.start() as process:
        signal = await house.send("auto", symbol="BTCUSDT", side="buy")
        await house.exchange.hanging.wait()
        process.terminate()
        await until(lambda: "stopping" in process.output(), timeout_s=SOON)
        house.exchange.release()
        assert await process.exit_code(within_s=10) == 0
    stored = await house.command("status", "--json")
    assert await stored.exit_code() == 0
    assert json.loads(stored.output())["orders"] == {"open": 1, "unknown": 1}
    async with house.open():
        await house.ticket_in("done", signal)
        await one_order(house, "filled", signal)


async def test_sigterm_is_obeyed_within_ten_seconds_when_nobody_answers(house: House) -> None:
    """Neither the exchange, for longer than that, nor Telegram."""
    house.exchange.fail("POST order", HELD)
    patient = json.dumps(house.exchange.ccxt_overrides() | {"timeout": 30_000})
    async with house.start({"venues.main.ccxt": patient}) as process:
        signal = await house.send(symbol="BTCUSDT", side="buy")
        card = await house.card(await house.ticket_in("pending", signal), "needed")
        house.chat.faults.silence("*")
        house.chat.tap(card, "Approve", by=APPROVER)
        await house.exchange.hanging.wait()
        process.terminate()
        assert await process.exit_code(within_s=10) == 0
    house.exchange.release()
    house.chat.faults.clear()
    async with house.open():
        await one_order(house, "filled", signal)


async def test_a_second_process_on_the_same_database_refuses_to_start(house: House) -> None:
    async with house.open(ready=False):
        second = await house.command("run", changes={"web.port": str(free_port())})
        assert await second.exit_code() == 1
        (line,) = second.output().splitlines()
        assert line.startswith("countersign: another countersign works on this database")
        assert await house.answers("/healthz")


async def test_the_command_line_kills_through_the_running_process(house: House) -> None:
    async with house.open():
        signal = await house.send("auto", symbol="BTCUSDT", side="buy", price="59000")
        await house.order_in("working", signal)
        kill = await house.command("kill", "too wild")
        assert await kill.exit_code() == 0, kill.output()
        _is_done(kill, by_itself=False)
        assert [o.status for o in house.exchange.account.accepted] == ["CANCELED"]
        told = await house.hears("HALTED by ")
        assert "Too wild." in said(told)


async def test_the_command_line_kills_by_itself_when_nothing_runs(house: House) -> None:
    async with house.open():
        signal = await house.send("auto", symbol="BTCUSDT", side="buy", price="59000")
        await house.order_in("working", signal)
    assert [o.status for o in house.exchange.account.accepted] == ["NEW"]
    kill = await house.command("kill")
    assert await kill.exit_code() == 0, kill.output()
    _is_done(kill, by_itself=True)
    assert [o.status for o in house.exchange.account.accepted] == ["CANCELED"]
    async with house.open(ready=False):
        status = await house.get("status")
        assert (status["trading"], status["halt"]["verified"]) == ("halted", True)
        await house.ticket_in("canceled", signal)
        await house.hears("HALTED by ")


def _is_done(kill: Process, *, by_itself: bool) -> None:
    lines = kill.output().splitlines()
    assert "HALTED. No new orders." in lines
    assert lines[-1] == "Done: nothing of ours rests anywhere, looked twice."
    assert ("No live process takes it: canceling from here." in lines) is by_itself
