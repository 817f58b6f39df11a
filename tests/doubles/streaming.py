"""The WebSocket side of every loopback exchange: who is connected, and faults on request.

Each exchange's own module says what a frame asks for and what it tells unasked. What is told meets the
faults; what answers a request does not, unless the connection is half open.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from aiohttp import WSMsgType, web

Frame = dict[str, Any]


class Socket:
    """One client that is connected."""

    def __init__(self, path: str, query: Mapping[str, str]) -> None:
        self.path, self.query = path, query
        self.heard: list[Frame] = []
        """What it sent, oldest first."""
        self.channels: set[str] = set()
        """What it subscribed to, in the exchange's words."""
        self.pongs = 0
        """Its answers to our pings."""
        self.outgoing: asyncio.Queue[str | bytes] = asyncio.Queue()
        """What is to leave: frames as text, pings as bytes."""
        self.abort: Callable[[], None] = lambda: None

    def say(self, frame: object) -> None:
        """Send it a frame, whatever faults were ordered."""
        self.outgoing.put_nowait(json.dumps(frame))


class Streaming:
    """Every socket of a loopback exchange."""

    def __init__(self, hear: Callable[[Socket, Frame], None]) -> None:
        """`hear` does what a frame asks for; it answers by `Socket.say`."""
        self._hear = hear
        self.sockets: list[Socket] = []
        """Who is connected now."""
        self.opened = 0
        """How many ever were."""
        self.half_open = False
        """While True sockets are accepted and read, and nothing leaves: no answer, no event, no pong."""
        self.deaf = False
        """While True requests and pings are answered, and nothing is told unasked."""
        self.greet: Callable[[Socket], None] = lambda _: None
        """Called with who has just connected, where the address alone subscribes."""
        self.stamp: Callable[[Socket, Frame], Frame] = lambda _, frame: frame
        """What an event bears for one socket, such as its number there; a lost one has its number too."""
        self._next: deque[str] = deque()

    def fail(self, kind: str, *, times: int = 1) -> None:
        """Let the next events be told `twice`, be `lost`, or come as `garbage`."""
        assert kind in ("twice", "lost", "garbage")
        self._next.extend([kind] * times)

    def drop(self) -> None:
        """Reset every connection."""
        for socket in list(self.sockets):
            socket.abort()

    def ping(self) -> None:
        """Send every client a ping."""
        for socket in self.sockets:
            socket.outgoing.put_nowait(b"still there")

    def on(self, channel: str) -> list[Socket]:
        """Who subscribed to it."""
        return [socket for socket in self.sockets if channel in socket.channels]

    def tell(self, channel: str, frame: Frame) -> None:
        """Tell everyone on the channel, as far as the faults let it."""
        if self.deaf:
            return
        fault = self._next.popleft() if self._next and self.on(channel) else None
        for socket in self.on(channel):
            stamped = self.stamp(socket, frame)
            if fault == "garbage":
                socket.outgoing.put_nowait('{"e": "executionRep')
            elif fault != "lost":
                socket.say(stamped)
                if fault == "twice":
                    socket.say(stamped)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Converse with one client until either side closes."""
        talking = web.WebSocketResponse(autoping=False)
        await talking.prepare(request)
        socket = Socket(request.path, request.query)
        transport = request.transport
        assert transport is not None
        socket.abort = transport.abort
        self.sockets.append(socket)
        self.opened += 1
        self.greet(socket)
        leaving = asyncio.create_task(self._send(talking, socket))
        try:
            async for message in talking:
                if message.type == WSMsgType.PING and not self.half_open:
                    await talking.pong(message.data)
                elif message.type == WSMsgType.PONG:
                    socket.pongs += 1
                elif message.type == WSMsgType.TEXT:
                    frame = json.loads(message.data)
                    socket.heard.append(frame)
                    self._hear(socket, frame)
        finally:
            self.sockets.remove(socket)
            leaving.cancel()
        return talking

    async def _send(self, talking: web.WebSocketResponse, socket: Socket) -> None:
        with suppress(ConnectionResetError):
            while True:
                what = await socket.outgoing.get()
                if self.half_open:
                    continue
                if isinstance(what, bytes):
                    await talking.ping(what)
                else:
                    await talking.send_str(what)
