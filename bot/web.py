"""HTTP in and out: signals, health, metrics, the API, and a plain page that says what this is.

Built by `app` from its parts; an error of any route is problem JSON. It must answer health checks
and the kill door while exchanges and Telegram are away.
"""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import Request

from bot.problems import http_problem, problem
from execution.errors import StoreUnavailable

Ready = Callable[[], Awaitable[dict[str, str | None]]]
"""Each part by name, with the reason why it is not ready, or None."""


def web(
    *,
    version: str,
    ready: Ready,
    metrics: Callable[[], Awaitable[bytes]],
    routers: list[APIRouter],
    home: bool = True,
) -> FastAPI:
    """The application. `home` is off where another page takes `/`, as in the demo."""
    app = FastAPI(
        title="Countersign", version=version, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.add_exception_handler(HTTPException, http_problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StoreUnavailable, _unavailable)
    app.add_exception_handler(Exception, _broken)
    for router in routers:
        app.include_router(router)
    app.include_router(_health(ready, metrics))
    if home:
        app.include_router(_home(version, ready))
    return app


def _health(ready: Ready, metrics: Callable[[], Awaitable[bytes]]) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Alive: for load balancers."""
        return {"status": "alive"}

    @router.get("/readyz", response_model=None)
    async def readyz() -> Response:
        """Ready: 503 with the reasons while anything is away. For people and deploys."""
        parts = await ready()
        missing = {name: reason for name, reason in parts.items() if reason is not None}
        body = {"ready": not missing, "parts": {n: r or "ready" for n, r in parts.items()}}
        return JSONResponse(body, status_code=503 if missing else 200)

    @router.get("/metrics", response_model=None)
    async def prometheus() -> Response:
        """Prometheus text."""
        return Response(await metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def _home(version: str, ready: Ready) -> APIRouter:
    router = APIRouter()

    @router.get("/", response_class=HTMLResponse)
    async def home() -> str:
        """What this is and whether it is ready."""
        parts = await ready()
        rows = "".join(
            f"<li>{html.escape(name)}: {html.escape(reason or 'ready')}</li>"
            for name, reason in parts.items()
        )
        return (
            "<!doctype html><html lang=en><meta charset=utf-8>"
            '<meta name=viewport content="width=device-width, initial-scale=1">'
            "<title>Countersign</title>"
            "<style>body{font:16px/1.5 system-ui;margin:3rem auto;max-width:34rem;padding:0 1rem;"
            "color-scheme:light dark}</style>"
            f"<h1>Countersign {html.escape(version)}</h1>"
            "<p>A trading bot that asks first. It is used from a Telegram chat; "
            "signals are posted to <code>/signals/&lt;source&gt;</code>.</p>"
            f"<ul>{rows}</ul></html>"
        )

    return router


async def _invalid(request: Request, error: Exception) -> Response:
    """A query that does not fit, in the one shape of errors."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return problem(422, str(first["msg"]), field=str(first["loc"][-1]))


async def _unavailable(request: Request, error: Exception) -> Response:
    """The database does not answer."""
    return problem(503, str(error), headers={"Retry-After": "5"})


async def _broken(request: Request, error: Exception) -> Response:
    """A fault of ours: said so, without its inside."""
    return problem(500, "Something went wrong here; it is in the log.")
