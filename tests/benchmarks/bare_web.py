"""The baseline of a signal: FastAPI and uvicorn that read a body and answer 202, and nothing else."""

from __future__ import annotations

import asyncio
import sys

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.benchmarks.children import answer

app = FastAPI()


@app.post("/signals/{source}")
async def take(source: str, request: Request) -> Response:
    """Answer as if it were stored."""
    await request.body()
    return JSONResponse({"signal": "0" * 26, "status": "accepted"}, 202)


async def _serve(port: int) -> None:
    config = uvicorn.Config(app, port=port, log_config=None, access_log=False, lifespan="off")
    serving = asyncio.create_task(uvicorn.Server(config).serve())

    async def alive(_: None) -> bool:
        return not serving.done()

    await answer(port, alive)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
