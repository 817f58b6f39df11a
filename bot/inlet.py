"""The door for signals: two routes that verify, read, and hand a Signal to the desk.

`bot/app.py` puts the router into the web application. A 2xx means that the desk has committed the
signal; an error means that nothing was stored. Neither a body nor a secret is ever logged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import structlog
from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from bot.problems import problem
from bot.sources import tradingview, webhook
from bot.sources.fields import BadField
from bot.sources.rate import Allowance
from bot.sources.signal import read_signal
from bot.sources.source import Delivery, Source, SourceKind
from execution.errors import Duplicate, NotAllowed, StoreUnavailable
from execution.receiving import Accepted, SignalKey
from execution.types import Signal

LARGEST_BODY = 64 * 1024  # bytes

log = structlog.get_logger(__name__)


class SignalDesk(Protocol):
    """The part of the desk that the inlet needs."""

    async def accept(self, signal: Signal, *, keys: Sequence[SignalKey], digest: str) -> Accepted:
        """Commit the signal, unless one of its keys was already received.

        Raises:
            Duplicate: a key was received with another content.
            StoreUnavailable: nothing was stored.
        """


class Inlet:
    """What happens to one request, from its bytes to the answer."""

    def __init__(
        self,
        desk: SignalDesk,
        sources: Mapping[str, Source],
        *,
        clock: Callable[[], datetime],
        ids: Callable[[], str],
        venues: Collection[str] | None,
    ) -> None:
        self._desk = desk
        self._sources = sources
        self._clock = clock
        self._ids = ids
        self._venues = venues
        self._allowances = {name: Allowance(source.rate) for name, source in sources.items()}

    async def receive(self, name: str, request: Request, path_secret: str | None) -> Response:
        """Answer one request to a source, as contract section 4 says."""
        source = self._sources.get(name)
        if source is None:
            return problem(404, "there is no such source", fix="check the address")
        if path_secret is not None and source.kind is not SourceKind.TRADINGVIEW:
            return problem(404, "this source takes no secret in its path", fix="sign the request")
        try:
            body = await read_body(request)
            if body is None:
                return refuse(source, 413, "the body is over 64 KiB", field="body", fix="send less")
            return await self._take(source, request.headers, body, path_secret)
        except ClientDisconnect:
            return refuse(source, 400, "the request ended before its body did")
        except NotAllowed as error:
            return refuse(source, 401, str(error))
        except BadField as error:
            return refuse(source, 422, str(error), field=error.field, fix=error.fix)
        except Duplicate as error:
            return refuse(source, 409, str(error), field="id", fix="give a new signal a new id")
        except StoreUnavailable as error:
            return refuse(source, 503, str(error), fix="send it again", retry_after=5)

    async def _take(
        self, source: Source, headers: Mapping[str, str], body: bytes, path_secret: str | None
    ) -> Response:
        now = self._clock()
        allowance = self._allowances[source.name]
        if wait := allowance.wait(now):
            seconds = math.ceil(wait.total_seconds())
            rate = f"{source.rate.count} in {source.rate.per.total_seconds():.0f} s"
            detail = f"this source sends more than its rate, {rate}"
            return refuse(source, 429, detail, fix=f"wait {seconds} s", retry_after=seconds)
        if source.kind is SourceKind.WEBHOOK:
            webhook.verify(source, headers, body, now)
        else:
            tradingview.verify(source, body, path_secret)
        allowance.count(now)
        if source.kind is SourceKind.WEBHOOK:
            delivery = webhook.read(source, headers, body)
        else:
            delivery = tradingview.read(source, body)
        return await self._hand_over(source, delivery, now)

    async def _hand_over(self, source: Source, delivery: Delivery, now: datetime) -> Response:
        signal = read_signal(
            delivery.fields,
            id=self._ids(),
            source=source.name,
            received_at=now,
            venues=self._venues,
        )
        keys = [SignalKey(value=value, keeps=keeps) for value, keeps in delivery.ids.items()]
        accepted = await self._desk.accept(signal, keys=keys, digest=delivery.digest)
        status = "duplicate" if accepted.duplicate else "accepted"
        log.info("signal taken", source=source.name, signal=accepted.id, status=status)
        return JSONResponse(
            {"signal": accepted.id, "status": status}, 200 if accepted.duplicate else 202
        )


def inlet(
    desk: SignalDesk,
    sources: Mapping[str, Source],
    clock: Callable[[], datetime],
    ids: Callable[[], str],
    *,
    venues: Collection[str] | None = None,
) -> APIRouter:
    """The routes of `/signals`.

    `ids` makes the signals' ids; `venues` are the names a signal may ask for, None for any.
    """
    door = Inlet(desk, sources, clock=clock, ids=ids, venues=venues)
    router = APIRouter(tags=["signals"])

    @router.post("/signals/{source}", status_code=202, response_class=Response)
    async def signed(source: str, request: Request) -> Response:
        """A signal: signed by the Standard Webhooks headers, or JSON that holds its secret."""
        return await door.receive(source, request, None)

    @router.post("/signals/{source}/{secret:path}", status_code=202, response_class=Response)
    async def with_secret(source: str, secret: str, request: Request) -> Response:
        """A signal of a sender that can set no header: JSON or the text form."""
        return await door.receive(source, request, secret)

    return router


def refuse(
    source: Source,
    status: int,
    detail: str,
    *,
    field: str | None = None,
    fix: str | None = None,
    retry_after: int | None = None,
) -> Response:
    """A problem, and a line in the log that says which source and field, never which value.

    `retry_after` is in seconds.
    """
    log.warning("signal not taken", source=source.name, status=status, field=field)
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return problem(status, detail, field=field, fix=fix, headers=headers)


async def read_body(request: Request) -> bytes | None:
    """The body, also a chunked one; None as soon as it is known to be over 64 KiB."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)
