"""Signals taken a second, one sender and sixteen at once, over a bare FastAPI route that stores nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

import pytest
from standardwebhooks import Webhook

from tests.benchmarks.bench import Desk
from tests.benchmarks.children import child
from tests.benchmarks.figures import show
from tests.flows.setup import SIGNING, free_port
from tests.waiting import until

ROUNDS = 5
SIGNALS = 240
"""In one burst. None has a market, so that each is refused and the chat only counts them."""
UNLIMITED = {"sources.desk.rate": "999999/1m"}
numbers = count()

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]


def signals(how_many: int) -> list[bytes]:
    """Requests, signed beforehand, as bytes."""
    made = []
    for _ in range(how_many):
        id, at = f"ingest-{next(numbers)}", datetime.now(UTC)
        body = json.dumps({"symbol": "NONE/USDT", "side": "buy", "notional": "100", "note": id})
        head = (
            "POST /signals/desk HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            f"webhook-id: {id}\r\nwebhook-timestamp: {int(at.timestamp())}\r\n"
            f"webhook-signature: {Webhook(SIGNING).sign(id, at, body)}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        made.append((head + body).encode())
    return made


async def sender(port: int, requests: Iterator[bytes], took: list[float]) -> None:
    """One connection: the next signal as soon as the last one was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        begun = time.monotonic()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 202"), head
        length = head.lower().partition(b"content-length:")[2].split()[0]
        await reader.readexactly(int(length))
        took.append(time.monotonic() - begun)
    writer.close()
    await writer.wait_closed()


async def burst(port: int, senders: int) -> tuple[float, float]:
    """Signals a second, and the milliseconds half of them took at most."""
    requests, took = iter(signals(SIGNALS)), []
    begun = time.monotonic()
    await asyncio.gather(*(sender(port, requests, took) for _ in range(senders)))
    return SIGNALS / (time.monotonic() - begun), 1000 * sorted(took)[SIGNALS // 2]


async def digested(desk: Desk) -> bool:
    """Whether every signal has become a refused ticket that the chat knows of."""
    status = await desk.get("status")
    newest = (await desk.get("tickets", limit="1"))["items"]
    return status["undelivered"] == 0 and bool(newest)


@pytest.mark.parametrize("senders", [1, 16])
async def test_ingest(desk: Desk, senders: int) -> None:
    """Informative: signature, commit on disk and journal entry per signal, worker running beside."""
    rates: dict[str, list[float]] = {"bare FastAPI 202": [], "signal committed": []}
    times: dict[str, list[float]] = {"bare FastAPI 202": [], "signal committed": []}
    port = free_port()
    async with child("bare_web", str(port)), desk.start(UNLIMITED):
        for measured in range(-1, ROUNDS):
            for name, where in (("bare FastAPI 202", port), ("signal committed", desk.port)):
                rate, half = await burst(where, senders)
                if measured >= 0:
                    rates[name].append(rate)
                    times[name].append(half)
            await until(lambda: digested(desk), timeout_s=60)
    title = f"ingest, {senders} at once, {SIGNALS} signals a burst"
    show(title, "signals/s", rates, baseline="bare FastAPI 202")
    show(f"{title}: half answered within", "ms", times, baseline="bare FastAPI 202")
