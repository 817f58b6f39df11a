"""What every loopback exchange is: an HTTP server that notes each request, with faults on request.

What it tells unasked, over WebSocket, is in `streaming.py`. Each exchange's own module answers; what was accepted stays known whatever the client was answered.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from aiohttp import web

from tests.doubles.streaming import Frame, Socket, Streaming

JSON = "application/json;charset=UTF-8"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What happens to a request instead of, or (`process`) after, doing what it asks for."""

    kind: str
    """`answer`, `drop` (reset the connection), `truncate` (half a body), `hang` (until `release`)."""
    process: bool = False
    status: int = 200
    body: str = ""
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request that came in."""

    method: str
    path: str
    params: dict[str, str]
    at: float
    """`time.monotonic()`, seconds."""
    raw: str = ""
    """The query and the body as they came."""
    headers: Mapping[str, str] = field(default_factory=dict)


class Loopback:
    """The server; `async with` starts and stops it."""

    prefix: str
    """What every path begins with, and tests leave out."""

    def __init__(self) -> None:
        self.clock_offset = 0
        """Milliseconds by which the server's clock is ahead of this machine's."""
        self.requests: list[Request] = []
        self.unreachable = False
        """While True every request is dropped unread."""
        self.latency = 0.0
        """Seconds from a request to its answer, there and back."""
        self.url = ""
        self.forbidden: list[str] = []
        """Requests that would have changed what only the account's owner may change: they fail the test."""
        self.streaming = Streaming(self.hear)
        self._faults: list[tuple[str, Fault]] = []
        self._released = asyncio.Event()
        self.hanging = asyncio.Event()
        """Set once a request hangs."""
        self._runner: web.AppRunner | None = None

    def answer(
        self, request: web.Request, path: str, params: Mapping[str, str], raw: str
    ) -> web.Response:
        """What the exchange answers; `raw` is the query and the body as they came."""
        raise NotImplementedError

    def hear(self, socket: Socket, frame: Frame) -> None:
        """Do what a frame of a WebSocket asks for, and answer it."""
        raise NotImplementedError

    def control(self, what: str, told: dict[str, Any]) -> object:
        """What an onlooker in another process asks for."""
        raise NotImplementedError

    async def start(self, port: int = 0) -> None:
        """Listen on loopback; port 0 takes a free one."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening and end what hangs. The account stays as it is."""
        self.release()
        self.streaming.drop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()
        assert not self.forbidden, f"our product never asks for this: {self.forbidden}"

    def fail(self, endpoint: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next requests to `"POST order"`, `"GET myTrades"` ... meet this fault."""
        self._faults += [(endpoint, fault)] * times

    def forget_faults(self) -> None:
        """Take back the faults that did not come up."""
        self._faults.clear()

    def release(self) -> None:
        """Let everything that hangs go on, and be dropped."""
        self._released.set()
        self._released = asyncio.Event()

    def asked(self, endpoint: str) -> list[Request]:
        """The requests so far to `"POST order"` and the like."""
        return [one for one in self.requests if f"{one.method} {one.path}" == endpoint]

    def now(self) -> int:
        """The server's clock, milliseconds since the epoch."""
        return time.time_ns() // 1_000_000 + self.clock_offset

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.text()
        path = request.path.removeprefix(self.prefix)
        if path.startswith("/_double/"):
            told = json.loads(raw) if raw else {}
            return as_json(self.control(path.removeprefix("/_double/"), told))
        query = request.raw_path.partition("?")[2]
        params = dict(parse_qsl(query))
        params |= json.loads(raw) if _is_json(request, raw) else dict(parse_qsl(raw))
        at, sent = time.monotonic(), query + raw
        self.requests.append(
            Request(
                method=request.method,
                path=path,
                params=params,
                at=at,
                raw=sent,
                headers=request.headers,
            )
        )
        fault = self._next_fault(f"{request.method} {path}")
        if self.unreachable:
            fault = Fault(kind="drop")
        if fault is None and request.headers.get("Upgrade", "").lower() == "websocket":
            return await self.streaming.serve(request)
        answer = None
        if fault is None or fault.process:
            answer = self.answer(request, path, params, sent)
        if self.latency:
            await asyncio.sleep(self.latency)
        if fault is None:
            assert answer is not None
            return answer
        return await self._fail(request, fault, answer)

    def _next_fault(self, endpoint: str) -> Fault | None:
        for place, (wanted, fault) in enumerate(self._faults):
            if wanted == endpoint:
                del self._faults[place]
                return fault
        return None

    async def _fail(
        self, request: web.Request, fault: Fault, answer: web.Response | None
    ) -> web.StreamResponse:
        if fault.kind == "answer":
            return web.Response(
                status=fault.status,
                body=fault.body.encode(),
                headers={"Content-Type": fault.content_type, **fault.headers},
            )
        if fault.kind == "hang":
            self.hanging.set()
            await self._released.wait()
        transport = request.transport
        if transport is not None:
            if fault.kind == "truncate":
                whole = answer.body if answer is not None else b'{"symbol":"BTCUSDT","orderId":1}'
                assert isinstance(whole, bytes)
                head = f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nContent-Length: {len(whole)}"
                transport.write(f"{head}\r\n\r\n".encode() + whole[: len(whole) // 2])
                transport.close()
            else:
                transport.abort()
        return web.Response()  # nobody is left to read it


def _is_json(request: web.Request, raw: str) -> bool:
    return bool(raw) and request.content_type == "application/json"


def as_json(body: object, *, status: int = 200) -> web.Response:
    """An answer in JSON."""
    return web.Response(
        status=status, body=json.dumps(body).encode(), headers={"Content-Type": JSON}
    )
