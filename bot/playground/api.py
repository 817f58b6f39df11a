"""The Bot API over HTTP: `/bot<token>/<method>` in JSON, as a form or as multipart, by GET or POST.

python-telegram-bot talks to it through `base_url`. It checks the token, counts calls, applies the faults that are
switched on, and wraps results and errors as Telegram does. It logs nothing: a token is in each address.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from bot.playground.faults import ConnectionLostError, Faults, FloodLimits
from bot.playground.methods import Methods
from bot.playground.params import ApiError, Params, bad_request, is_utf8
from bot.playground.reference import METHODS, malformed

CALLS_KEPT = 10_000
_BY_LOWER_NAME = {method.lower(): method for method in METHODS}


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came in: the method and its parameters as sent."""

    method: str
    values: Mapping[str, Any]


class _ClosedConnection(Response):
    """Announces a body and ends without it, upon which the server closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


class BotApi:
    """The HTTP door. `calls` and `malformed` are for tests to look at."""

    def __init__(
        self, methods: Methods, *, token: str, faults: Faults, flood: FloodLimits | None
    ) -> None:
        self._methods = methods
        self._token = token
        self._faults = faults
        self._flood = flood
        self.calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self.malformed: list[str] = []

    async def respond(self, request: Request) -> Response:
        try:
            result = await self._call(request)
        except ConnectionLostError:
            return _ClosedConnection()
        except ApiError as error:
            return _refusal(error)
        return JSONResponse({"ok": True, "result": result})

    async def _call(self, request: Request) -> Any:
        if not compare_digest(request.path_params["token"].encode(), self._token.encode()):
            raise ApiError(401, "Unauthorized")
        method = _BY_LOWER_NAME.get(request.path_params["method"].lower())
        if method is None:
            self.malformed.append(f"{request.path_params['method']}: no such method")
            raise ApiError(404, "Not Found: method not found")
        params = await _read(request)
        self.calls.append(Call(method, params.values))
        self.malformed += malformed(method, params.values, params.files)
        loses_answer = await self._faults.before(method)
        if self._flood and method.startswith(("send", "edit")) and method != "sendChatAction":
            self._flood.check(params.integer("chat_id") or 0)
        result = await self._methods.call(method, params)
        if loses_answer:
            raise ConnectionLostError
        return result


async def _read(request: Request) -> Params:
    """Parameters of the address and of the body, whichever way it is encoded."""
    values: dict[str, Any] = dict(request.query_params)
    files: dict[str, bytes] = {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            body = await request.json()
        except ValueError:
            raise bad_request("can't parse JSON object") from None
        if not isinstance(body, dict):
            raise bad_request("object expected")
        values |= body
    elif kind in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        async with request.form() as form:
            for name, value in form.items():
                if isinstance(value, UploadFile):
                    files[name] = await value.read()
                else:
                    values[name] = value
    if not is_utf8(values):
        raise bad_request("strings must be encoded in UTF-8")
    return Params(values, files)


def _refusal(error: ApiError) -> Response:
    body = {"ok": False, "error_code": error.status, "description": error.description}
    if error.parameters:
        body["parameters"] = error.parameters
    return JSONResponse(body, status_code=error.status)
