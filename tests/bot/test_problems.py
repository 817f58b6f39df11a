"""One shape for every HTTP error."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from bot.problems import http_problem, problem


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """An application with one route, which answers its errors as problems."""
    app = FastAPI()
    app.add_exception_handler(HTTPException, http_problem)
    app.add_api_route("/here", lambda: "here", methods=["GET"])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://countersign") as client:
        yield client


def test_problem_names_field_and_fix() -> None:
    answer = problem(422, "price is missing", field="price", fix="send it", headers={"X-A": "1"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-a"] == "1"
    assert json.loads(bytes(answer.body)) == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "price is missing",
        "field": "price",
        "fix": "send it",
    }


def test_problem_without_field_has_none() -> None:
    assert "field" not in json.loads(bytes(problem(404, "not here").body))


def test_half_a_surrogate_pair_can_be_answered() -> None:
    assert json.loads(bytes(problem(422, "\ud800").body))["detail"] == "\ud800"


async def test_unknown_route_and_wrong_method_are_problems(client: httpx.AsyncClient) -> None:
    missing = await client.get("/nowhere")
    assert (missing.status_code, missing.json()["title"]) == (404, "Not Found")
    wrong = await client.post("/here")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
    assert wrong.headers["content-type"] == "application/problem+json"
