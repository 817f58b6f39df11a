"""Who gets into `/api`, and the two calls that change something: kill and resume."""

from __future__ import annotations

import httpx
import pytest

from bot.api import LARGEST_BODY
from execution.desk import Person
from execution.events import EventKind
from execution.types import TicketState, TradingState
from tests.bot.control import CONTROL, answer, client_of, problem_of
from tests.desk import FrontDesk
from tests.waiting import until

ROUTES = [
    ("GET", "/api/status"),
    ("GET", "/api/tickets"),
    ("GET", "/api/tickets/01JD4N5V8Y3QW6T1ZC9GHB7F3K"),
    ("GET", "/api/orders"),
    ("GET", "/api/fills"),
    ("GET", "/api/positions"),
    ("POST", "/api/kill"),
    ("POST", "/api/resume"),
]


# --- who gets in ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_without_a_configured_token_there_is_no_such_page(
    desk: FrontDesk, method: str, path: str
) -> None:
    head = desk.head()
    for given in (None, "", "None", CONTROL):
        async with client_of(desk, token=None, given=given) as client:
            problem_of(await client.request(method, path), 404)
    assert desk.head() == head


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_without_the_right_token_nobody_gets_in(
    desk: FrontDesk, method: str, path: str
) -> None:
    head = desk.head()
    for header in (
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {CONTROL}x",
        f"Bearer {CONTROL[:-1]}",
        f"Basic {CONTROL}",
        CONTROL,
        "Bearer \xe4\xf6\xfc",
    ):
        async with client_of(desk, token=CONTROL, given=None) as client:
            headers = {} if header is None else {"Authorization": header.encode("latin-1")}
            refused = await client.request(method, path, headers=headers)
            problem_of(refused, 401)
            assert refused.headers["www-authenticate"] == "Bearer"
            assert CONTROL not in refused.text
    assert desk.head() == head


async def test_scheme_is_read_in_any_case(desk: FrontDesk) -> None:
    async with client_of(desk, token=CONTROL, given=None) as client:
        headers = {"Authorization": f"bearer {CONTROL}"}
        assert (await client.get("/api/status", headers=headers)).status_code == 200


# --- kill and resume -----------------------------------------------------------------------------


async def test_kill_answers_after_the_commit(desk: FrontDesk, http: httpx.AsyncClient) -> None:
    got = await http.post("/api/kill", json={"reason": "wrong feed"})
    assert got.status_code == 202
    assert got.json() == {
        "halt": {
            "by": "api",
            "at": "2026-11-20T14:30:00Z",
            "reason": "wrong feed",
            "verified": False,
            "flatten": None,
        }
    }
    assert desk.read(lambda tx: tx.trading()).state is TradingState.HALTED
    status = await answer(http, "status")
    assert (status["trading"], status["halt"]) == ("halted", got.json()["halt"])


@pytest.mark.parametrize("body", [b"", b"{}", b'{"flatten": false}'])
async def test_kill_needs_no_words(desk: FrontDesk, http: httpx.AsyncClient, body: bytes) -> None:
    assert (await http.post("/api/kill", content=body)).status_code == 202
    assert desk.read(lambda tx: tx.trading()).state is TradingState.HALTED


async def test_second_kill_keeps_the_first(desk: FrontDesk, http: httpx.AsyncClient) -> None:
    first = await http.post("/api/kill", json={"reason": "one"})
    head = desk.head()
    desk.clock.advance(60)
    second = await http.post("/api/kill", json={"reason": "two"})
    assert (second.status_code, second.json()) == (202, first.json())
    assert desk.head() == head
    assert desk.read(lambda tx: tx.journal.count(EventKind.HALTED)) == 1


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b'{"flatten": 1.5}', 422, "flatten"),
        (b'{"flaten": false}', 422, "flaten"),
        (b'{"reason": 5}', 422, "reason"),
        (b'{"reason": "' + b"x" * 201 + b'"}', 422, "reason"),
        (b"[]", 422, "body"),
        (b"{", 422, "body"),
        (b"\xff", 422, "body"),
        (b" " * (LARGEST_BODY + 1), 413, None),
    ],
)
async def test_kill_with_a_wrong_body_says_which_field_and_halts_nothing(
    desk: FrontDesk,
    http: httpx.AsyncClient,
    body: bytes,
    status: int,
    field: str | None,
) -> None:
    head = desk.head()
    assert problem_of(await http.post("/api/kill", content=body), status).get("field") == field
    assert desk.head() == head


async def test_resume_answers_the_plan_once_the_halt_is_proved(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    await desk.start("trading")
    await http.post("/api/kill")
    early = problem_of(await http.post("/api/resume"), 409)
    assert "not done yet" in early["detail"]

    def proved() -> bool:
        desk.clock.advance(1)
        return desk.read(lambda tx: tx.journal.count(EventKind.HALT_VERIFIED)) == 1

    await until(proved, timeout_s=8)
    got = await http.post("/api/resume")
    assert got.status_code == 200
    assert got.json()["trading"] == "active"
    assert got.json()["plan"][0] == (
        "New signals become tickets again, and approved ones are sent."
    )
    assert desk.read(lambda tx: tx.trading()).state is TradingState.ACTIVE
    again = problem_of(await http.post("/api/resume"), 409)
    assert again["detail"] == "Trading is already active."


async def test_a_pause_stands_in_the_status_and_is_lifted(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    await desk.start("trading")
    order = await desk.resting_order()
    await desk.side.desk.pause(person=Person(id="tg:2222", name="Ana"), reason="news")
    status = (await http.get("/api/status")).json()
    assert (status["trading"], status["halt"]) == ("paused", None)
    assert status["pause"] == {"by": "tg:2222", "at": "2026-11-20T14:30:00Z", "reason": "news"}

    got = (await http.post("/api/resume")).json()
    assert got["trading"] == "active"
    assert "1 entry at the exchange: untouched." in got["plan"]
    assert desk.order(desk.ticket(order.ticket)).cancel_requested_at is None
    assert (await http.get("/api/status")).json()["pause"] is None


async def test_resume_names_the_venue_that_was_not_compared_since(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    await desk.side.desk.pause(person=Person(id="tg:2222", name="Ana"), reason="")
    early = problem_of(await http.post("/api/resume"), 409)
    assert early["detail"] == "main has not been compared with our orders since the pause."


async def test_what_was_done_by_token_is_journaled_as_api(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    await http.post("/api/kill")
    events = desk.read(lambda tx: tx.journal.after(0))
    assert [(str(e.kind), e.actor) for e in events] == [("halted", "api")]


async def test_database_that_fails_is_told_without_our_inside(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    with desk.broken_database():
        got = await http.get("/api/status")
        assert got.status_code >= 500
        assert "Traceback" not in problem_of(got, got.status_code)["detail"]


async def test_kill_that_cannot_be_committed_says_so_and_stops_this_process_all_the_same(
    desk: FrontDesk, http: httpx.AsyncClient
) -> None:
    """Promise 4 with a disk that is full: no order of ours goes out, and nobody is told that it is done."""
    with desk.broken_database():
        document = problem_of(await http.post("/api/kill"), 503)
        assert "Trading is stopped in this process all the same." in document["detail"]
    assert desk.brake.pulled
    assert desk.read(lambda tx: tx.trading()).state is TradingState.ACTIVE
    await desk.start("trading")
    approved = await desk.new_ticket(source="straight")
    # A later signal is taken in a later turn, so the approved one has been looked at and left.
    await desk.new_ticket(symbol="ETH/USDT")
    assert desk.ticket(approved.id).state is TicketState.APPROVED
    assert desk.brake.pulled
    assert desk.paper.accepted == []
