"""HTTP for the chat page: its files, the state as JSON, changes as server-sent events, and what people do on it.

The page in the browser calls it, from this machine only: `LoopbackOnly` turns away other hosts and other sites. It
plays people without a login, so it must never be reachable from anywhere else.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.playground.chat import Chat
from bot.playground.formatting import render_html, utf16_length
from bot.playground.params import is_utf8
from bot.playground.records import Button, CallbackAnswer, Change, Json, Message, SignalDoor

_FILES = {path.name: path for path in (Path(__file__).parent / "page").iterdir()}
_MESSAGES_SHOWN = 500
_LONGEST_TEXT = 4096
_ANSWER_WAIT_S = 20.0
_HEARTBEAT_S = 15.0
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class LoopbackOnly:
    """Refuses, with 403, callers from elsewhere, foreign Host names (DNS rebinding) and foreign Origins (CSRF)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (problem := _refusal(Request(scope))):
            await Response(problem, status_code=403, media_type="text/plain")(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _refusal(request: Request) -> str:
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if request.client is None or not _is_loopback(request.client.host):
        return "The playground answers this machine only."
    if not _is_loopback(urlsplit(f"//{host}").hostname or ""):
        return "The playground answers to localhost and 127.0.0.1 only; open it under one of these."
    if origin is not None and urlsplit(origin).netloc != host:
        return "The playground takes requests from its own page only."
    if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return "The playground takes requests from its own page only."
    return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Page:
    """The page's routes over one chat. With `signals` it offers to send one, to that door."""

    def __init__(self, chat: Chat, signals: SignalDoor | None = None) -> None:
        self._chat = chat
        self._signals = signals
        self._streams: set[asyncio.Queue[str | None]] = set()
        self.routes = [
            Route("/", self._file),
            Route("/playground/page/{name}", self._file),
            Route("/playground/state", self._state),
            Route("/playground/events", self._events),
            Route("/playground/photo/{photo}", self._photo),
            Route("/playground/say", self._say, methods=["POST"]),
            Route("/playground/tap", self._tap, methods=["POST"]),
        ]

    def hang_up(self) -> None:
        """Ends all event streams; pages reconnect by themselves."""
        for stream in self._streams:
            stream.put_nowait(None)

    async def _file(self, request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in _FILES:
            return Response("Not found.", status_code=404, media_type="text/plain")
        return FileResponse(_FILES[name], headers=_SECURITY)

    async def _photo(self, request: Request) -> Response:
        photo = self._chat.photo(request.path_params["photo"])
        if photo is None:
            return Response("Not found.", status_code=404, media_type="text/plain")
        headers = _SECURITY | {"Cache-Control": "private, max-age=31536000, immutable"}
        data = self._chat.storage.photo_data(photo.id)
        return Response(data, media_type=photo.media_type, headers=headers)

    async def _state(self, request: Request) -> Response:
        return JSONResponse(self._state_json(), headers=_SECURITY)

    def _state_json(self) -> Json:
        chat, door = self._chat, self._signals
        return {
            "bot": {"id": chat.bot.id, "name": chat.bot.name, "username": chat.bot.username},
            "group": {"id": chat.group.id, "title": chat.group.title},
            "people": [
                {"id": person.id, "name": person.name, "role": person.role}
                for person in chat.people.values()
            ],
            "commands": self._commands_json(),
            "messages": [self._message_json(message) for message in self._shown()],
            "signals": door and {"url": door.url, "symbols": list(door.symbols)},
        }

    def _shown(self) -> list[Message]:
        """The newest messages, and before them what is pinned though it is older."""
        newest = self._chat.messages(limit=_MESSAGES_SHOWN)
        first = newest[0].id if newest else 0
        return [*(pin for pin in self._chat.pinned() if pin.id < first), *newest]

    def _commands_json(self) -> Json:
        """Each person's command menus."""
        chat = self._chat
        return {
            str(person.id): {
                "group": chat.menu(chat.group.id, person),
                "private": chat.menu(person.id, person),
            }
            for person in chat.people.values()
        }

    def _message_json(self, message: Message) -> Json:
        sender, photo = message.sender, self._chat.photo(message.photo)
        return {
            "id": message.id,
            "chat": message.chat_id,
            "from": {"id": sender.id, "name": sender.name, "bot": sender.id == self._chat.bot.id},
            "date": message.date.isoformat(),
            "edited": message.edited_at.isoformat() if message.edited_at else None,
            "text": message.text,
            "html": render_html(message.text, message.entities),
            "photo": photo
            and {
                "url": f"/playground/photo/{photo.id}",
                "width": photo.width,
                "height": photo.height,
            },
            "buttons": [[_button_json(button) for button in row] for row in message.keyboard],
            "reply_to": message.reply_to,
            "pinned": message.pinned,
            "silent": message.silent,
            "force_reply": message.force_reply,
        }

    async def _events(self, request: Request) -> Response:
        return StreamingResponse(self._stream(), media_type="text/event-stream", headers=_SECURITY)

    async def _stream(self) -> AsyncIterator[str]:
        """Events until the page leaves or `hang_up`; a comment now and then so that a dead page is noticed."""
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._streams.add(lines)
        try:
            with self._chat.listening(lambda change: lines.put_nowait(self._event(change))):
                yield "retry: 1000\nevent: hello\ndata: {}\n\n"
                while True:
                    try:
                        line = await asyncio.wait_for(lines.get(), _HEARTBEAT_S)
                    except TimeoutError:
                        line = ": still here\n\n"
                    if line is None:
                        return
                    yield line
        finally:
            self._streams.discard(lines)

    def _event(self, change: Change) -> str:
        """One change in the format of server-sent events; "" for what the page need not know."""
        if change.kind in {"new", "edited"} and change.message:
            return _sse(change.kind, self._message_json(change.message))
        if change.kind == "deleted" and change.message:
            return _sse("deleted", {"id": change.message.id, "chat": change.chat_id})
        if change.kind == "action":
            return _sse("action", {"chat": change.chat_id, "action": change.action})
        return _sse("commands", self._commands_json()) if change.kind == "commands" else ""

    async def _say(self, request: Request) -> Response:
        """`{"as": id, "text", "chat"?, "reply_to"?}` -> `{"id"}`."""
        body = await _body(request)
        text, by = body.get("text"), body.get("as")
        if not isinstance(by, int) or by not in self._chat.people:
            return _problem("as", "must be the id of one of the people")
        if not isinstance(text, str) or not 1 <= utf16_length(text.strip()) <= _LONGEST_TEXT:
            return _problem("text", f"must be 1 to {_LONGEST_TEXT} characters long")
        where, reply_to = body.get("chat", self._chat.group.id), body.get("reply_to")
        if where not in {self._chat.group.id, by}:
            return _problem("chat", "must be the group or that person's own chat")
        if reply_to is not None and (
            not isinstance(reply_to, int) or self._chat.message(where, reply_to) is None
        ):
            return _problem("reply_to", "must be the id of a message in that chat")
        message = self._chat.say(text.strip(), by=by, chat_id=where, reply_to=reply_to)
        return JSONResponse({"id": message.id}, headers=_SECURITY)

    async def _tap(self, request: Request) -> Response:
        """`{"as": id, "message": id, "row": r, "column": c}` -> `{"answer": text or null, "alert": bool}`.

        Waits for the bot as a phone does, and gives up quietly. `"label"`, when sent, must be the button's text still:
        a keyboard that changed under the finger is not tapped.
        """
        body = await _body(request)
        by = body.get("as")
        if not isinstance(by, int) or by not in self._chat.people:
            return _problem("as", "must be the id of one of the people")
        number = body.get("message")
        message = self._chat.storage.message(number) if isinstance(number, int) else None
        if message is None or message.chat_id not in {self._chat.group.id, by}:
            return _problem("message", "must be the id of a message this person can see")
        place = (body.get("row"), body.get("column"))
        button = next((b for r, c, b in message.places() if (r, c) == place), None)
        if button is None or not button.data or body.get("label", button.text) != button.text:
            return _problem("row, column", "name no such button on the message any more")
        answer = self._chat.tap(message, button, by=by)
        await asyncio.wait([answer], timeout=_ANSWER_WAIT_S)
        said = answer.result() if answer.done() else CallbackAnswer(None)
        return JSONResponse({"answer": said.text, "alert": said.alert}, headers=_SECURITY)


def _button_json(button: Button) -> Json:
    return {
        "text": button.text,
        "style": button.style,
        "url": button.url,
        "copy_text": button.copy_text,
    }


def _sse(event: str, data: Json) -> str:
    return f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _problem(field: str, text: str) -> Response:
    return JSONResponse({"field": field, "detail": f"{field} {text}"}, status_code=422)


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object posted; {} for anything else. Only as application/json, which other sites cannot send unasked."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return {}
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) and is_utf8(body) else {}
