"""`/api`: the desk over HTTP, for whoever holds the control token, which counts as an owner."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot import shapes
from bot.problems import problem
from bot.shapes import Json
from bot.telegram import pausing
from bot.telegram.front import Front
from bot.telegram.silence import silence
from execution import reports
from execution.desk import Person
from execution.equity import day_start
from execution.errors import NotPossible, StoreUnavailable
from execution.store import Transaction
from execution.types import OrderState, TicketState

API = Person(id="api", name="api")
LARGEST_BODY = 64 * 1024

Limit = Annotated[int, Query(ge=1, le=1000)]
Text = Annotated[str | None, Query(max_length=64)]


class KillBody(BaseModel):
    """What `POST /api/kill` takes."""

    model_config = ConfigDict(extra="forbid")

    flatten: bool = False
    reason: Annotated[str, Field(max_length=200)] = ""


def guard(token: str | None) -> Callable[[Request], None]:
    """Lets only the holder of the control token in; without one configured there is no such page."""

    def check(request: Request) -> None:
        if token is None:
            raise HTTPException(404, "Not Found")
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode(), token.encode())
        if scheme.lower() != "bearer" or not right:
            fix = "Send the header Authorization: Bearer <control_token>."
            raise HTTPException(401, fix, headers={"WWW-Authenticate": "Bearer"})

    return check


def api(front: Front, token: str | None) -> APIRouter:
    """The routes, each behind the control token."""
    router = APIRouter(prefix="/api", dependencies=[Depends(guard(token))])

    @router.get("/status")
    async def status() -> Json:
        """The truth at this moment."""
        view = await front.status()
        lost = await front.store.read(silence)
        heard = {"telegram": None if lost is None else lost.data["reason"]}
        unsaved = front.desk.unsaved_halt
        halted = {} if unsaved is None else shapes.unsaved_json(unsaved)
        return shapes.status_json(view) | heard | halted

    @router.get("/tickets/{id}")
    async def ticket(id: str) -> Response:
        """One ticket."""
        view = await front.view(id)
        if view is None:
            return problem(404, "There is no ticket of that id.", field="id")
        return JSONResponse(shapes.ticket_json(view))

    @router.get("/positions")
    async def positions(symbol: Text = None, venue: Text = None) -> Json:
        """What our own fills bought and have not sold; all of it on one page."""

        def read(tx: Transaction) -> Json:
            start = day_start(tx.now, front.look.zone)
            views = [
                view
                for view in reports.positions(tx, front.market, start)
                if symbol in {None, view.symbol} and venue in {None, view.venue}
            ]
            return _page([shapes.position_json(view) for view in views], len(views) + 1)

        return await front.store.read(read)

    _lists(router, front)
    _changes(router, front)
    return router


def _lists(router: APIRouter, front: Front) -> None:
    """Tickets, orders and fills, a page at a time."""
    store = front.store

    @router.get("/tickets")
    async def tickets(
        limit: Limit = 100,
        cursor: Text = None,
        state: TicketState | None = None,
        signal: Text = None,
        symbol: Text = None,
        venue: Text = None,
    ) -> Json:
        """Tickets, newest first."""
        equal = _given(state=state, signal=signal, symbol=symbol, venue=venue)

        def read(tx: Transaction) -> Json:
            found = tx.tickets.newest(limit=limit, before=cursor, **equal)
            views = reports.ticket_views(tx, found, reports.exchanges(front.market))
            return _page([shapes.ticket_json(view) for view in views], limit)

        return await store.read(read)

    @router.get("/orders")
    async def orders(
        limit: Limit = 100,
        cursor: Text = None,
        state: OrderState | None = None,
        signal: Text = None,
        symbol: Text = None,
        venue: Text = None,
    ) -> Json:
        """Orders, newest first."""
        equal = _given(state=state, symbol=symbol, venue=venue)

        def read(tx: Transaction) -> Json:
            if not _narrow(tx, equal, signal):
                return _page([], limit)
            found = tx.orders.newest(limit=limit, before=cursor, **equal)
            fills = {order.id: tx.fills.of_order(order.id) for order in found}
            return _page([shapes.order_json(o, fills[o.id]) for o in found], limit)

        return await store.read(read)

    @router.get("/fills")
    async def fills(
        limit: Limit = 100,
        cursor: Text = None,
        signal: Text = None,
        symbol: Text = None,
        venue: Text = None,
    ) -> Json:
        """Fills, newest first."""
        equal = _given(symbol=symbol, venue=venue)

        def read(tx: Transaction) -> Json:
            if not _narrow(tx, equal, signal):
                return _page([], limit)
            found = tx.fills.newest(limit=limit, before=cursor, **equal)
            return _page([shapes.fill_json(fill) for fill in found], limit)

        return await store.read(read)


def _changes(router: APIRouter, front: Front) -> None:
    """The two calls that change something."""

    @router.post("/kill", status_code=202, response_model=None)
    async def kill(request: Request) -> Response:
        """Halt at once; answers after the commit."""
        body = await request.body()
        if len(body) > LARGEST_BODY:
            return problem(413, "The body is over 64 KiB.")
        try:
            asked = KillBody.model_validate_json(body or b"{}")
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "body"
            return problem(422, str(first["msg"]), field=field)
        try:
            trading = await front.desk.halt(person=API, reason=asked.reason, flatten=asked.flatten)
        except StoreUnavailable as error:
            return problem(503, f"{error} Trading is stopped in this process all the same.")
        return JSONResponse({"halt": shapes.halt_json(trading)}, status_code=202)

    @router.post("/resume", response_model=None)
    async def resume() -> Response:
        """Trade again at once; answers what restarts and what does not."""
        plan = pausing.plan(await front.plan(), front.config.sources, front.look)
        try:
            trading = await front.desk.resume(person=API)
        except NotPossible as error:
            return problem(409, str(error))
        return JSONResponse({"trading": trading.state, "plan": plan})


def _given(**filters: str | None) -> dict[str, str]:
    return {name: str(value) for name, value in filters.items() if value is not None}


def _narrow(tx: Transaction, equal: dict[str, str], signal: str | None) -> bool:
    """Narrow a filter to what came of one signal; False when nothing did."""
    if signal is None:
        return True
    found = tx.tickets.newest(limit=1, signal=signal)
    if found:
        equal["ticket"] = found[0].id
    return bool(found)


def _page(items: Sequence[Json], limit: int) -> Json:
    """One page; `next` goes back in as `cursor`."""
    more = len(items) == limit
    return {"items": list(items), "next": items[-1]["id"] if more and items else None}
