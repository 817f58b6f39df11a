"""What leaves for the exchanges that have a dead man's switch: the call, its time in their unit, signed."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import pytest
from aiohttp import web

from execution.errors import VenueUnavailable
from execution.instruments import MarketKind
from execution.types import Mode
from execution.venues.exchange import ExchangeVenue
from execution.venues.quirks import dead_mans_switch
from tests.doubles.binance import BinanceServer
from tests.execution.venues.exchange.setup import venue_at

MINUTE = timedelta(seconds=60)
SECRET = b64encode(b"a secret of this test").decode()


@dataclass(frozen=True)
class Asked:
    """One request that came in."""

    path: str
    query: str
    headers: Mapping[str, str]
    body: str


@dataclass
class Anywhere:
    """An exchange with an empty account, as far as ccxt asks before it is open."""

    answers: Mapping[str, Any]
    """By the end of a path, or by the `type` of a body."""
    asked: list[Asked] = field(default_factory=list)
    refuses: Any = None
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.text()
        query = request.raw_path.partition("?")[2]
        self.asked.append(Asked(request.path, query, request.headers, body))
        if self.refuses is not None:
            return web.json_response(self.refuses)
        name = json.loads(body).get("type") if body.startswith("{") else None
        found = [a for end, a in self.answers.items() if request.path.endswith(end) or end == name]
        return web.json_response(found[0] if found else self.answers[""])


@asynccontextmanager
async def opened(
    exchange: str,
    urls: Callable[[str], dict[str, str]],
    answers: Mapping[str, Any],
    kind: MarketKind = MarketKind.SPOT,
    **options: Any,
) -> AsyncIterator[tuple[ExchangeVenue, Anywhere]]:
    """A venue that is open at a server of its own."""
    there = Anywhere(answers)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", there.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    there.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    quick = {"timeout_on_exit": 1, "enableRateLimit": False}
    venue = ExchangeVenue(
        "main",
        exchange,
        Mode.LIVE,
        api_key="the key",
        secret=SECRET,
        password="the phrase",
        clock=lambda: datetime.now(UTC),
        kind=kind,
        overrides={"urls": {"api": urls(there.url)}} | quick | options,
    )
    try:
        await venue.open()
        there.asked.clear()
        yield venue, there
    finally:
        await venue.close()
        await runner.cleanup()


def _at(*names: str, path: str = "") -> Callable[[str], dict[str, str]]:
    """ccxt's addresses of these names, all of them at one server."""
    return lambda url: dict.fromkeys(names, url + path)


KRAKEN = {
    "Time": {"error": [], "result": {"unixtime": 1_763_764_000}},
    "": {"error": [], "result": {}},
}
_FLEX = {"type": "multiCollateralMarginAccount", "currencies": {}}
FUTURES = {
    "tickers/PF_XBTUSD": {"result": "success", "serverTime": "2026-11-22T09:30:00.000Z"},
    "accounts": {"result": "success", "accounts": {"flex": _FLEX}},
    "": {"result": "success", "instruments": []},
}
OKX = {
    "time": {"code": "0", "msg": "", "data": [{"ts": "1763764000000"}]},
    "instruments": {"code": "0", "msg": "", "data": []},
    "": {"code": "0", "msg": "", "data": [{"details": []}]},
}
_NOTHING_HELD = {
    "marginSummary": {"accountValue": "0", "totalMarginUsed": "0"},
    "crossMarginSummary": {"accountValue": "0", "totalMarginUsed": "0"},
    "assetPositions": [],
    "withdrawable": "0",
    "time": 1_763_764_000_000,
}
HYPERLIQUID = {
    "exchangeStatus": {"time": 1_763_764_000_000},
    "spotMeta": {"tokens": [], "universe": []},
    "spotMetaAndAssetCtxs": [{"tokens": [], "universe": []}, []],
    "metaAndAssetCtxs": [{"universe": []}, []],
    "clearinghouseState": _NOTHING_HELD,
    "spotClearinghouseState": {"balances": []},
    "exchange": {"status": "ok", "response": {"type": "default"}},
    "": [{}],
}


async def test_kraken_is_asked_in_seconds_and_with_zero_to_stop() -> None:
    async with opened("kraken", _at("public", "private"), KRAKEN) as (venue, there):
        await venue.arm(MINUTE)
        await venue.disarm()
    assert [dict(parse_qsl(one.body))["timeout"] for one in there.asked] == ["60", "0"]
    for one in there.asked:
        assert one.path == "/0/private/CancelAllOrdersAfter"
        assert one.headers["API-Key"] == "the key"
        hashed = hashlib.sha256((parse_qs(one.body)["nonce"][0] + one.body).encode()).digest()
        signed = hmac.digest(b64decode(SECRET), one.path.encode() + hashed, "sha512")
        assert one.headers["API-Sign"] == b64encode(signed).decode()


async def test_kraken_futures_is_asked_in_seconds_and_with_zero_to_stop() -> None:
    api = _at("public", "private", path="/derivatives/api/")
    async with opened("kraken", api, FUTURES, MarketKind.SWAP) as (venue, there):
        await venue.arm(MINUTE)
        await venue.disarm()
    assert [one.query for one in there.asked] == ["timeout=60", "timeout=0"]
    for one in there.asked:
        assert one.path == "/derivatives/api/v3/cancelallordersafter"
        assert one.headers["APIKey"] == "the key"
        hashed = hashlib.sha256(f"{one.query}/api/v3/cancelallordersafter".encode()).digest()
        signed = hmac.digest(b64decode(SECRET), hashed, "sha512")
        assert one.headers["Authent"] == b64encode(signed).decode()


async def test_okx_is_asked_in_seconds_and_with_zero_to_stop() -> None:
    async with opened("okx", _at("rest"), OKX) as (venue, there):
        await venue.arm(MINUTE)
        await venue.disarm()
    assert [json.loads(one.body) for one in there.asked] == [{"timeOut": 60}, {"timeOut": 0}]
    for one in there.asked:
        assert one.path == "/api/v5/trade/cancel-all-after"
        assert one.headers["OK-ACCESS-PASSPHRASE"] == "the phrase"
        told = f"{one.headers['OK-ACCESS-TIMESTAMP']}POST{one.path}{one.body}"
        signed = hmac.digest(SECRET.encode(), told.encode(), "sha256")
        assert one.headers["OK-ACCESS-SIGN"] == b64encode(signed).decode()


async def test_hyperliquid_is_told_a_moment_and_zero_is_never_sent() -> None:
    """ccxt would send the present moment for zero: everything would be canceled at once."""
    account = {"walletAddress": f"0x{'11' * 20}", "privateKey": f"0x{'22' * 32}"}
    api = _at("public", "private")
    plain = {"approvedBuilderFee": True, "refSet": True}  # ccxt earns by these
    async with opened("hyperliquid", api, HYPERLIQUID, **account, options=plain) as (venue, there):
        await venue.arm(MINUTE)
        (sent,) = [json.loads(one.body) for one in there.asked if one.path == "/exchange"]
        assert sent["action"] == {"type": "scheduleCancel", "time": sent["nonce"] + 60_000}
        assert set(sent["signature"]) == {"r", "s", "v"}
        there.asked.clear()
        with pytest.raises(VenueUnavailable, match="hyperliquid has no way to switch it off"):
            await venue.disarm()
        assert there.asked == []


async def test_a_refusal_is_told_in_the_exchanges_words() -> None:
    async with opened("kraken", _at("public", "private"), KRAKEN) as (venue, there):
        there.refuses = {"error": ["EService:Unavailable"]}
        with pytest.raises(VenueUnavailable, match="EService:Unavailable"):
            await venue.arm(MINUTE)


async def test_one_that_is_not_open_says_so() -> None:
    venue = ExchangeVenue(
        "main", "okx", Mode.LIVE, api_key="k", secret="s", clock=lambda: datetime.now(UTC)
    )
    with pytest.raises(VenueUnavailable, match="okx is not open yet"):
        await venue.arm(MINUTE)


async def test_binance_spot_has_none_and_nothing_leaves(exchange: BinanceServer) -> None:
    assert dead_mans_switch("binance") is None
    venue = venue_at(exchange)
    await venue.open()
    asked = len(exchange.requests)
    for call in (venue.arm(MINUTE), venue.disarm()):
        with pytest.raises(VenueUnavailable):
            await call
    assert len(exchange.requests) == asked
    await venue.close()
