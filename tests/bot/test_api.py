"""What `/api` shows: every shape field by field, pages and filters."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from execution.desk import Person
from execution.equity import DayResult, Standing, Stop, StopKind
from execution.errors import NotPossible
from execution.store import Transaction
from execution.types import OrderState, TicketState
from execution.venues.books import Books
from tests.bot.control import Json, answer, problem_of
from tests.desk import ANA, FrontDesk
from tests.waiting import until

D = Decimal


async def test_status_has_the_documented_shape(desk: FrontDesk, http: httpx.AsyncClient) -> None:
    await desk.start("trading")
    await desk.new_ticket()
    await desk.resting_order()
    await bought(desk)
    desk.clock.advance(1.5)
    status = await answer(http, "status")
    assert list(status) == [
        "version", "mode", "trading", "halt", "venues", "tickets", "orders", "positions",
        "undelivered", "duplicates", "uptime_s", "pause", "day_result", "drawdown", "stops", "telegram",
    ]  # fmt: skip
    assert (status["mode"], status["trading"], status["halt"]) == ("paper", "active", None)
    (venue,) = status["venues"]
    assert venue | {"last_reconciled": None} == {
        "name": "main",
        "exchange": "paper",
        "mode": "paper",
        "market": "spot",
        "connected": True,
        "reason": None,
        "stream": None,
        "stream_heard": None,
        "open_orders": 1,
        "last_reconciled": None,
        "dead_man": "off",
        "dead_man_renewed": None,
        "certified": None,
        "positions_apart": [],
    }
    assert is_time(venue["last_reconciled"])
    assert status["tickets"] == {"pending": 1}
    assert status["orders"] == {"open": 1, "unknown": 0}
    assert len(status["positions"]) == 1
    assert (status["duplicates"], status["uptime_s"]) == (0, 1.5)
    assert status["undelivered"] > 0, "no notifier runs here"


async def test_a_stream_is_up_or_down_once_it_was_tried(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    told = desk.side.market.feed("main").told
    told.heard_at = desk.clock()
    (venue,) = (await answer(http, "status"))["venues"]
    assert (venue["stream"], is_time(venue["stream_heard"])) == ("up", True)
    told.heard_at, told.broken_at = None, desk.clock()
    (venue,) = (await answer(http, "status"))["venues"]
    assert (venue["stream"], venue["stream_heard"]) == ("down", None)


async def test_what_was_read_of_the_accounts_stands_in_the_status(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    before = await answer(http, "status")
    assert (before["day_result"], before["drawdown"], before["stops"]) == (None, None, [])
    at, today = desk.clock(), desk.clock().date()
    day = DayResult(
        day=today, realized=D(-6), unrealized=D("-50.5"), apart={"EUR": D(-1)}, prices_at=at
    )
    standing = Standing(at=at, day=day, equity=D(90), mark=D(100), prices_at=at)
    stop = Stop(kind=StopKind.DRAWDOWN, since=at, day=today, figure=D("0.1"), bound=D("0.05"))

    def work(tx: Transaction) -> None:
        tx.accounts.stand(standing)
        tx.accounts.stop(stop)

    await desk.side.store.write(work)
    status = await answer(http, "status")
    moment = at.isoformat().replace("+00:00", "Z")
    assert status["day_result"] == {
        "day": today.isoformat(),
        "total": "-56.5",
        "realized": "-6",
        "unrealized": "-50.5",
        "apart": {"EUR": "-1"},
        "prices_at": moment,
    }
    assert status["drawdown"] == {
        "share": "0.1",
        "equity": "90",
        "mark": "100",
        "prices_at": moment,
    }
    assert status["stops"] == [{"kind": "drawdown", "since": moment, "figure": "0.1"}]
    desk.clock.advance(86400)
    assert (await answer(http, "status"))["day_result"] is None, "it is of another day"


async def test_ticket_has_the_documented_shape(desk: FrontDesk, http: httpx.AsyncClient) -> None:
    await desk.start("trading", "intake")
    pending = await desk.new_ticket(amount="0.01", price=D("59000.10"), note="Why not.")
    message = desk.playground.say("a message", by=ANA)
    await desk.tap(message, await desk.button("approve", pending), by=ANA)
    await until(lambda: desk.ticket(pending.id).state is TicketState.WORKING)
    await until(lambda: desk.order(pending).state is OrderState.WORKING)
    await desk.stop("trading")
    order = desk.order(pending)
    ticket = await answer(http, f"tickets/{pending.id}")
    (listed,) = (await answer(http, "tickets"))["items"]
    assert listed == ticket
    (shown,) = ticket.pop("orders")
    assert shown == (await answer(http, "orders"))["items"][0]
    assert ticket == {
        "id": pending.id,
        "signal": pending.signal,
        "source": "tv",
        "state": "working",
        "revision": 1,
        "symbol": "BTC/USDT",
        "side": "buy",
        "type": "limit",
        "amount": "0.01",
        "price": "59000.1",
        "stop_price": None,
        "notional": "590.001",
        "venue": "main",
        "mode": "paper",
        "rule": "default",
        "required": 1,
        "votes": [
            {
                "person": f"tg:{ANA}",
                "name": "Ana",
                "vote": "approve",
                "revision": 1,
                "counts": True,
                "at": "2026-11-20T14:30:00Z",
            }
        ],
        "refusals": [],
        "expires_at": "2026-11-20T14:35:00Z",
        "goes_ahead_at": None,
        "proposer": None,
        "then": None,
        "after": None,
        "replaces": None,
        "created_at": "2026-11-20T14:30:00Z",
        "reason": None,
        "note": "Why not.",
    }
    assert shown["id"] == order.id


async def test_votes_on_an_earlier_revision_do_not_count(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    await desk.start("trading", "intake")
    ticket = await desk.new_ticket(amount="0.01")
    message = desk.playground.say("a message", by=ANA)
    await desk.tap(message, await desk.button("half", ticket), by=ANA)
    await desk.tap(message, await desk.button("reject", ticket, revision=2), by=ANA)
    shown = await answer(http, f"tickets/{ticket.id}")
    assert (shown["state"], shown["revision"], shown["amount"]) == ("rejected", 2, "0.005")
    assert [(vote["revision"], vote["counts"]) for vote in shown["votes"]] == [(2, True)]


async def test_refused_ticket_keeps_what_it_asked_for(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    await desk.start("trading")
    refused = await desk.new_ticket(amount="0.9")
    shown = await answer(http, f"tickets/{refused.id}")
    assert (shown["state"], shown["amount"], shown["symbol"]) == ("refused", "0.9", "BTC/USDT")
    (refusal,) = shown["refusals"]
    assert (set(refusal), refusal["code"]) == ({"code", "text"}, "MAX_ORDER_NOTIONAL")
    unsized = await desk.new_ticket(symbol="NO/SUCH")
    shown = await answer(http, f"tickets/{unsized.id}")
    assert [r["code"] for r in shown["refusals"]] == ["UNKNOWN_SYMBOL"]
    assert (shown["symbol"], shown["amount"], shown["orders"]) == ("NO/SUCH", None, [])


async def test_order_fill_and_position_have_the_documented_shape(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    await desk.start("trading")
    ticket = await bought(desk)
    order = desk.order(ticket)
    (shown,) = (await answer(http, "orders"))["items"]
    assert shown == {
        "id": order.id,
        "ticket": ticket.id,
        "leg": "entry",
        "client_order_id": order.client_order_id,
        "venue_order_id": "1",
        "state": "filled",
        "venue": "main",
        "symbol": "BTC/USDT",
        "side": "buy",
        "type": "limit",
        "amount": "0.01",
        "price": "60060.01",
        "stop_price": None,
        "time_in_force": "GTC",
        "filled": "0.01",
        "average": "60000.01",
        "reason": None,
        "created_at": "2026-11-20T14:30:00Z",
        "sent_at": "2026-11-20T14:30:00Z",
        "ended_at": "2026-11-20T14:30:00Z",
    }
    (fill,) = (await answer(http, "fills"))["items"]
    assert fill == {
        "id": fill["id"],
        "order": order.id,
        "ticket": ticket.id,
        "venue": "main",
        "symbol": "BTC/USDT",
        "side": "buy",
        "amount": "0.01",
        "price": "60000.01",
        "fee": fill["fee"],
        "fee_currency": fill["fee_currency"],
        "at": "2026-11-20T14:30:00Z",
        "inferred": False,
    }
    assert D(fill["fee"]) > 0
    listed = await answer(http, "positions")
    (position,) = listed["items"]
    assert listed["next"] is None
    assert (await answer(http, "status"))["positions"] == [position]
    assert list(position) == [
        "venue", "symbol", "amount", "average", "mark", "mark_age_s", "unrealized",
        "realized_today", "stop", "currency",
    ]  # fmt: skip
    assert (position["venue"], position["symbol"], position["currency"]) == (
        "main", "BTC/USDT", "USDT",
    )  # fmt: skip
    assert (position["mark"], position["stop"]) == ("60000", None)
    assert D(position["amount"]) > 0


async def test_what_was_adopted_is_a_position_and_a_fill_without_an_order(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    Books(desk.folder / "paper.db", {"USDT": D(100_000), "ETH": D(3)}).close()
    await desk.start("trading")
    await bought(desk)
    olga = Person(id="tg:1111", name="Olga")

    async def adopted() -> bool:
        await desk.side.market.fresh_balances("main")
        # The order that just filled may have made them stale once more.
        with suppress(NotPossible):
            await desk.side.desk.adopt("ETH/USDT", amount=D(2), average=D("1999.5"), person=olga)
            return True
        return False

    await until(adopted)

    (fill, _) = (await answer(http, "fills"))["items"]
    assert (fill["order"], fill["ticket"], fill["symbol"]) == (None, None, "ETH/USDT")
    (adopted,) = (await answer(http, "positions", symbol="ETH/USDT"))["items"]
    assert (adopted["amount"], adopted["average"], adopted["realized_today"]) == (
        "2", "1999.5", "0",
    )  # fmt: skip
    assert len((await answer(http, "positions", venue="main"))["items"]) == 2
    assert (await answer(http, "positions", venue="other"))["items"] == []


async def bought(desk: FrontDesk) -> Any:
    """A ticket that was filled at once."""
    ticket = await desk.new_ticket(source="straight", amount="0.01")
    await until(lambda: desk.ticket(ticket.id).state is TicketState.DONE)
    return desk.ticket(ticket.id)


def is_time(text: str) -> bool:
    """ISO 8601 in UTC."""
    return text.endswith("Z") and datetime.fromisoformat(text).utcoffset() == timedelta(0)


NUMBERS = {"amount", "price", "notional", "filled", "average", "fee", "mark", "unrealized",
           "realized_today"}  # fmt: skip
TIMES = {"at", "created_at", "sent_at", "ended_at", "expires_at", "goes_ahead_at",
         "last_reconciled", "dead_man_renewed"}  # fmt: skip


async def test_numbers_are_exact_text_and_times_are_utc_everywhere(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    await desk.start("trading")
    await desk.new_ticket()
    await bought(desk)

    def walk(value: Any, name: str = "") -> None:
        if isinstance(value, dict):
            for inner_name, inner in value.items():
                walk(inner, inner_name)
        elif isinstance(value, list):
            for inner in value:
                walk(inner, name)
        elif name in NUMBERS and value is not None:
            assert isinstance(value, str), name
            assert D(value).is_finite()
            assert "E" not in value.upper()
        elif name in TIMES and value is not None:
            assert is_time(value), name

    for path in ("status", "tickets", "orders", "fills", "positions"):
        walk(await answer(http, path))


# --- pages and filters ---------------------------------------------------------------------------


async def test_lists_are_paged_newest_first(desk: FrontDesk, http: httpx.AsyncClient) -> None:
    await desk.start("trading")
    made = []
    for n in range(5):
        ticket = await desk.new_ticket(source="straight", amount=f"0.00{n + 1}")
        await until(lambda t=ticket: desk.ticket(t.id).state is TicketState.DONE)
        made.append(ticket.id)
    for path, of in (("tickets", "id"), ("orders", "ticket"), ("fills", "ticket")):
        seen: list[str] = []
        cursor: Json = {}
        for size in (2, 2, 1):
            page = await answer(http, path, limit=2, **cursor)
            assert len(page["items"]) == size
            seen += [item[of] for item in page["items"]]
            cursor = {"cursor": page["next"]}
        assert page["next"] is None
        assert seen == made[::-1]
        whole = await answer(http, path)
        assert [item[of] for item in whole["items"]] == made[::-1]
        assert whole["next"] is None


async def test_last_page_that_is_exactly_full_leads_to_an_empty_one(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    await desk.start("trading")
    await desk.new_ticket()
    page = await answer(http, "tickets", limit=1)
    after = await answer(http, "tickets", limit=1, cursor=page["next"])
    assert after == {"items": [], "next": None}


async def test_lists_are_filtered(desk: FrontDesk, http: httpx.AsyncClient) -> None:
    await desk.start("trading")
    done = await bought(desk)
    pending = await desk.new_ticket(symbol="ETH/USDT")

    async def ids(path: str, of: str, **query: str) -> list[str]:
        return [item[of] for item in (await answer(http, path, **query))["items"]]

    assert await ids("tickets", "id", state="pending") == [pending.id]
    assert await ids("tickets", "id", symbol="BTC/USDT") == [done.id]
    assert await ids("tickets", "id", signal=pending.signal) == [pending.id]
    assert await ids("tickets", "id", venue="main") == [pending.id, done.id]
    assert await ids("tickets", "id", venue="other") == []
    assert await ids("tickets", "id", state="done", symbol="ETH/USDT") == []
    for path in ("orders", "fills"):
        assert await ids(path, "ticket", signal=done.signal) == [done.id]
        assert await ids(path, "ticket", signal=pending.signal) == []
        assert await ids(path, "ticket", signal="unknown") == []
        assert await ids(path, "ticket", symbol="BTC/USDT", venue="main") == [done.id]
        assert await ids(path, "ticket", symbol="ETH/USDT") == []
    assert await ids("orders", "ticket", state="filled") == [done.id]
    assert await ids("orders", "ticket", state="working") == []


@pytest.mark.parametrize("path", ["tickets", "orders", "fills"])
async def test_limit_is_from_one_to_a_thousand(http: httpx.AsyncClient, path: str) -> None:
    for limit in (1, 1000):
        assert (await http.get(f"/api/{path}", params={"limit": limit})).status_code == 200
    for wrong in ("0", "1001", "-1", "many", "1.5", ""):
        got = await http.get(f"/api/{path}", params={"limit": wrong})
        assert problem_of(got, 422)["field"] == "limit"


@pytest.mark.parametrize("path", ["tickets", "orders"])
async def test_unknown_state_is_named(http: httpx.AsyncClient, path: str) -> None:
    got = await http.get(f"/api/{path}", params={"state": "happy"})
    assert problem_of(got, 422)["field"] == "state"


async def test_every_state_can_be_asked_for(http: httpx.AsyncClient) -> None:
    for path, states in (("tickets", TicketState), ("orders", OrderState)):
        for state in states:
            assert (await answer(http, path, state=str(state)))["items"] == []


async def test_unknown_ticket_and_unknown_route_are_not_found(http: httpx.AsyncClient) -> None:
    assert problem_of(await http.get("/api/tickets/unknown"), 404)["field"] == "id"
    problem_of(await http.get("/api/nonsense"), 404)
    problem_of(await http.delete("/api/tickets"), 405)


@pytest.mark.parametrize(
    "cursor", ["x", "0", "~", "' OR 1=1 --", "01JD4N5V8Y3QW6T1ZC9GHB7F3K", "😀"]
)
async def test_any_cursor_is_just_a_place_in_the_list(http: httpx.AsyncClient, cursor: str) -> None:
    assert (await answer(http, "tickets", cursor=cursor))["next"] is None
