"""Health, readiness, metrics and the plain page; every error in one shape."""

from __future__ import annotations

import httpx
import pytest
from fastapi import APIRouter
from prometheus_client.parser import text_string_to_metric_families
from starlette.exceptions import HTTPException

from bot.metrics import Metrics
from bot.web import web
from tests.desk import FrontDesk

States = dict[str, str | None]
READY: States = {"telegram": None, "database": None, "venue main": None}


def client(states: States, *routers: APIRouter, home: bool = True) -> httpx.AsyncClient:
    async def ready() -> States:
        return states

    async def metrics() -> bytes:
        return b"# nothing\n"

    app = web(version="1.2<3", ready=ready, metrics=metrics, routers=list(routers), home=home)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://desk")


async def test_alive_whatever_is_away() -> None:
    async with client({"telegram": "away", "database": "away"}) as http:
        got = await http.get("/healthz")
    assert (got.status_code, got.json()) == (200, {"status": "alive"})


async def test_ready_when_every_part_is() -> None:
    async with client(READY) as http:
        got = await http.get("/readyz")
    assert (got.status_code, got.json()) == (
        200,
        {"ready": True, "parts": dict.fromkeys(READY, "ready")},
    )


async def test_not_ready_says_what_and_why() -> None:
    async with client(READY | {"venue main": "it does not answer"}) as http:
        got = await http.get("/readyz")
    assert got.status_code == 503
    assert got.json() == {
        "ready": False,
        "parts": {"telegram": "ready", "database": "ready", "venue main": "it does not answer"},
    }


async def test_page_says_what_this_is_and_what_is_away() -> None:
    async with client(READY | {"telegram": "<script>alert(1)</script>"}) as http:
        got = await http.get("/")
    assert got.headers["content-type"].startswith("text/html")
    assert "Countersign 1.2&lt;3" in got.text
    assert "<li>database: ready</li>" in got.text
    assert "&lt;script&gt;" in got.text
    assert "<script>" not in got.text


async def test_page_makes_room_for_another() -> None:
    async with client(READY, home=False) as http:
        assert (await http.get("/")).status_code == 404
        assert (await http.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nonsense", 404),
        ("POST", "/healthz", 405),
        ("GET", "/docs", 404),
        ("GET", "/%00", 404),
    ],
)
async def test_unknown_is_a_problem(method: str, path: str, status: int) -> None:
    async with client(READY) as http:
        got = await http.request(method, path)
    assert got.status_code == status
    assert got.headers["content-type"] == "application/problem+json"
    assert got.json()["status"] == status


async def test_fault_of_ours_is_a_problem_without_its_inside() -> None:
    router = APIRouter()

    @router.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    @router.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "short and stout")

    async with client(READY, router) as http:
        got, other = await http.get("/broken"), await http.get("/teapot")
    assert (got.status_code, got.headers["content-type"]) == (500, "application/problem+json")
    assert got.json()["detail"] == "Something went wrong here; it is in the log."
    assert "hunter2" not in got.text
    assert "Traceback" not in got.text
    assert other.json()["detail"] == "short and stout"


async def test_metrics_are_prometheus_text(desk: FrontDesk) -> None:
    async def ready() -> States:
        return READY

    metrics = Metrics(desk.side.store, desk.side.market)
    await metrics.start()
    app = web(version="1", ready=ready, metrics=metrics.text, routers=[])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as http:
        got = await http.get("/metrics")
    assert got.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name for family in text_string_to_metric_families(got.text)}
    assert {"countersign_halted", "countersign_undelivered", "countersign_duplicates"} <= families
