"""Somebody at `/api` of a desk on doubles: a client that holds a token, and how its answers are read."""

from __future__ import annotations

from typing import Any

import httpx

from bot.api import api
from bot.web import web
from tests.desk import FrontDesk

CONTROL = "a-control-token-of-some-length"
Json = dict[str, Any]


async def _nothing() -> Any:
    raise AssertionError("these routes ask for nothing else")


def client_of(desk: FrontDesk, *, token: str | None, given: str | None) -> httpx.AsyncClient:
    """The routes on the real web application; `given` is what the caller sends as its token."""
    app = web(version="1", ready=_nothing, metrics=_nothing, routers=[api(desk.front, token)])
    headers = {} if given is None else {"Authorization": f"Bearer {given}"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://desk", headers=headers)


async def answer(http: httpx.AsyncClient, path: str, **query: Any) -> Json:
    got = await http.get(f"/api/{path}", params=query)
    assert got.status_code == 200, got.text
    document: Json = got.json()
    return document


def problem_of(got: httpx.Response, status: int) -> Json:
    """The problem document of an answer; nothing of our inside is in it."""
    assert got.status_code == status, got.text
    assert got.headers["content-type"] == "application/problem+json"
    document: Json = got.json()
    assert document["status"] == status
    assert {"type", "title", "detail"} <= set(document)
    assert "Traceback" not in got.text
    return document
