"""The two routes of /signals over HTTP: every answer the contract names, and no 5xx by any input."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from bot.inlet import LARGEST_BODY, inlet
from bot.settings.values import Rate
from bot.sources.mapping import FieldMap
from bot.sources.source import Source, SourceKind
from execution.errors import Duplicate, StoreUnavailable
from execution.receiving import Accepted, SignalKey
from execution.types import Signal

NOW = datetime(2026, 11, 20, 14, 31, 22, tzinfo=UTC)
SIGNING = "whsec_" + base64.b64encode(b"k" * 24).decode()
SECRET = "correct-horse-battery"
BUY = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.01"}


class MemoryDesk:
    """A desk that commits to a list, and knows repeats as the real one does."""

    def __init__(self) -> None:
        self.now = NOW
        self.full = False
        self.signals: list[Signal] = []
        self._known: dict[tuple[str, str], tuple[str, str, datetime]] = {}

    async def accept(self, signal: Signal, *, keys: Sequence[SignalKey], digest: str) -> Accepted:
        if self.full:
            raise StoreUnavailable
        for key in keys:
            id, earlier, until = self._known.get((signal.source, key.value), ("", "", self.now))
            if until > self.now and earlier != digest:
                raise Duplicate
            if until > self.now:
                return Accepted(id=id, duplicate=True)
        self.signals.append(signal)
        for key in keys:
            until = self.now + key.keeps
            self._known[signal.source, key.value] = (signal.id, digest, until)
        return Accepted(id=signal.id, duplicate=False)


class Door:
    """The routes on an application of their own, and a client for them."""

    def __init__(self, rate: int = 1000) -> None:
        self.desk = MemoryDesk()
        per_minute = Rate(rate, timedelta(minutes=1))
        sources = [
            Source(name="desk", kind=SourceKind.WEBHOOK, secrets=(SIGNING,), rate=per_minute),
            Source(name="tv", kind=SourceKind.TRADINGVIEW, secrets=(SECRET,), rate=per_minute),
            Source(
                name="other",
                kind=SourceKind.TRADINGVIEW,
                secrets=("old-secret", SECRET),
                rate=per_minute,
                map=FieldMap.compile({"symbol": "ticker", "side": "do"}),
            ),
        ]
        ids = count(1)
        app = FastAPI()
        app.include_router(
            inlet(
                self.desk,
                {source.name: source for source in sources},
                clock=lambda: self.desk.now,
                ids=lambda: f"S{next(ids)}",
                venues={"main"},
            )
        )
        transport = httpx.ASGITransport(app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://countersign")

    async def signed(
        self, payload: object, *, id: str = "msg_1", secret: str = SIGNING, source: str = "desk"
    ) -> httpx.Response:
        body = payload if isinstance(payload, str) else json.dumps(payload)
        headers = {
            "webhook-id": id,
            "webhook-timestamp": str(int(self.desk.now.timestamp())),
            "webhook-signature": Webhook(secret).sign(id, self.desk.now, body),
        }
        return await self.client.post(f"/signals/{source}", content=body, headers=headers)

    async def alert(self, payload: object, *, source: str = "tv") -> httpx.Response:
        body = payload if isinstance(payload, str | bytes) else json.dumps(payload)
        return await self.client.post(f"/signals/{source}/{SECRET}", content=body)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    door = Door()
    async with door.client:
        yield door


def problem_of(answer: httpx.Response, status: int) -> dict[str, object]:
    """The problem document of an answer, checked for what RFC 9457 asks for."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = answer.json()
    assert document["status"] == status
    assert {"type", "title", "detail"} <= set(document)
    return document


async def test_signed_signal_is_accepted_once_committed(door: Door) -> None:
    answer = await door.signed(BUY)
    assert (answer.status_code, answer.json()) == (202, {"signal": "S1", "status": "accepted"})
    assert [(s.id, s.source, s.received_at) for s in door.desk.signals] == [("S1", "desk", NOW)]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain; charset=utf-8", ""])
async def test_alert_is_accepted_in_any_content_type(door: Door, content_type: str) -> None:
    answer = await door.client.post(
        f"/signals/tv/{SECRET}",
        content=json.dumps(BUY),
        headers={"content-type": content_type},
    )
    assert answer.status_code == 202


async def test_alert_in_words_is_accepted(door: Door) -> None:
    answer = await door.alert("buy BTCUSDT 0.01 @ 64000 sl 63000 tp 66000")
    assert answer.status_code == 202
    assert door.desk.signals[0].price == 64000


async def test_secret_in_the_body_is_taken_and_taken_out(door: Door) -> None:
    answer = await door.client.post("/signals/tv", json=BUY | {"secret": SECRET})
    assert answer.status_code == 202
    assert SECRET not in repr(door.desk.signals)


async def test_map_of_the_source_names_the_fields(door: Door) -> None:
    answer = await door.alert({"ticker": "BTCUSDT", "do": "sell", "chatter": 1}, source="other")
    assert answer.status_code == 202
    assert door.desk.signals[0].symbol == "BTCUSDT"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("msg_1", BUY), ("msg_1", BUY)),
        (("msg_1", BUY | {"id": "a"}), ("msg_2", BUY | {"id": "a"})),
    ],
)
async def test_repeat_of_either_id_is_a_duplicate_of_the_first(
    door: Door, first: tuple[str, dict[str, str]], second: tuple[str, dict[str, str]]
) -> None:
    await door.signed(first[1], id=first[0])
    answer = await door.signed(second[1], id=second[0])
    assert (answer.status_code, answer.json()) == (200, {"signal": "S1", "status": "duplicate"})
    assert len(door.desk.signals) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("msg_1", BUY), ("msg_1", BUY | {"amount": "0.02"})),
        (("msg_1", BUY | {"id": "a"}), ("msg_2", BUY | {"id": "a", "amount": "0.02"})),
    ],
)
async def test_same_id_with_another_body_is_a_conflict(
    door: Door, first: tuple[str, dict[str, str]], second: tuple[str, dict[str, str]]
) -> None:
    await door.signed(first[1], id=first[0])
    assert problem_of(await door.signed(second[1], id=second[0]), 409)["field"] == "id"
    assert len(door.desk.signals) == 1


async def test_id_counts_for_ninety_days(door: Door) -> None:
    await door.alert(BUY | {"id": "a"})
    door.desk.now = NOW + timedelta(days=90, seconds=-1)
    assert (await door.alert(BUY | {"id": "a"})).status_code == 200
    door.desk.now = NOW + timedelta(days=90)
    assert (await door.alert(BUY | {"id": "a"})).status_code == 202


async def test_alert_without_id_is_a_repeat_for_a_minute_only(door: Door) -> None:
    await door.alert(BUY)
    door.desk.now = NOW + timedelta(seconds=59)
    assert (await door.alert(BUY)).status_code == 200
    door.desk.now = NOW + timedelta(seconds=60)
    assert (await door.alert(BUY)).status_code == 202


async def test_same_id_from_two_sources_is_two_signals(door: Door) -> None:
    await door.alert(BUY | {"id": "a"})
    answer = await door.client.post("/signals/desk", content="")
    assert answer.status_code == 401
    assert (await door.signed(BUY | {"id": "a"})).status_code == 202


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/signals/desk", json.dumps(BUY)),
        ("/signals/tv", json.dumps(BUY)),
        ("/signals/tv", json.dumps(BUY | {"secret": "wrong"})),
        ("/signals/tv", "buy BTCUSDT 0.01"),
        ("/signals/tv", '{"secret": '),
        ("/signals/tv/wrong", json.dumps(BUY)),
        ("/signals/tv/wrong/" + SECRET, json.dumps(BUY)),
        ("/signals/tv/", json.dumps(BUY)),
        ("/signals/tv/%00%ff", json.dumps(BUY)),
    ],
)
async def test_without_proof_nothing_is_taken(door: Door, path: str, body: str) -> None:
    problem_of(await door.client.post(path, content=body), 401)
    assert door.desk.signals == []


async def test_late_or_foreign_signature_is_refused(door: Door) -> None:
    foreign = "whsec_" + base64.b64encode(b"f" * 24).decode()
    problem_of(await door.signed(BUY, secret=foreign), 401)


@pytest.mark.parametrize(
    "path", ["/signals/nobody", f"/signals/nobody/{SECRET}", f"/signals/desk/{SIGNING}"]
)
async def test_unknown_source_or_secret_path_of_another_kind_is_not_found(
    door: Door, path: str
) -> None:
    answer = await door.client.post(path, json=BUY)
    problem_of(answer, 404)
    assert SIGNING not in answer.text


async def test_wrong_field_is_named_with_its_fix(door: Door) -> None:
    document = problem_of(await door.signed(BUY | {"amount": "NaN"}), 422)
    assert document["field"] == "amount"
    assert "digits" in str(document["fix"])
    assert door.desk.signals == []


async def test_unknown_venue_is_refused_with_the_known_ones(door: Door) -> None:
    document = problem_of(await door.signed(BUY | {"venue": "mian"}), 422)
    assert (document["field"], document["fix"]) == ("venue", "send one of main")


async def test_body_over_64_kib_is_refused(door: Door) -> None:
    """Whether it says its length or comes in chunks; exactly 64 KiB are read."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b" " * 1024

    for body in (b" " * (LARGEST_BODY + 1), chunks()):
        answer = await door.client.post(f"/signals/tv/{SECRET}", content=body)
        assert problem_of(answer, 413)["field"] == "body"
    largest = json.dumps(BUY).encode().ljust(LARGEST_BODY)
    assert (await door.alert(largest)).status_code == 202


async def test_more_than_the_rate_is_told_when_to_come_again() -> None:
    door = Door(rate=2)
    async with door.client:
        for id in ("a", "b"):
            assert (await door.signed(BUY, id=id)).status_code == 202
        door.desk.now = NOW + timedelta(seconds=20.5)
        answer = await door.signed(BUY, id="c")
        problem_of(answer, 429)
        assert answer.headers["retry-after"] == "40"
        assert (await door.alert(BUY)).status_code == 202, "each source has its own rate"
        door.desk.now = NOW + timedelta(seconds=60)
        assert (await door.signed(BUY, id="c")).status_code == 202


async def test_stranger_cannot_use_up_the_rate_of_a_source() -> None:
    door = Door(rate=2)
    async with door.client:
        for _ in range(5):
            assert (await door.client.post("/signals/desk", json=BUY)).status_code == 401
        assert (await door.signed(BUY)).status_code == 202


async def test_store_that_takes_nothing_is_told_and_tried_again(door: Door) -> None:
    door.desk.full = True
    answer = await door.signed(BUY)
    problem_of(answer, 503)
    assert answer.headers["retry-after"]
    door.desk.full = False
    assert (await door.signed(BUY)).status_code == 202


async def test_neither_secret_nor_body_is_logged_or_answered(door: Door) -> None:
    bodies = [
        json.dumps(BUY | {"note": f"psst {SECRET}"}),
        f"buy BTCUSDT {SECRET}",
        f'{{"secret": "{SECRET}", broken',
        json.dumps(BUY | {"secret": SECRET, "strategy": "private-strategy"}),
        json.dumps(BUY | {"price": "private-strategy"}),
    ]
    with capture_logs() as logs:
        answers = [await door.alert(body) for body in bodies]
        answers += [await door.client.post("/signals/tv", content=body) for body in bodies]
    assert SECRET not in "".join(answer.text for answer in answers)
    assert SECRET not in repr(logs)
    assert "private-strategy" not in repr(logs)
    assert len(logs) == len(answers)


text = st.text(max_size=30)
signal_like = st.dictionaries(
    st.sampled_from(["symbol", "side", "amount", "price", "take_profit", "id", "time", "secret"])
    | text,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | text,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=6,
).map(lambda fields: json.dumps(BUY | fields).encode())


@settings(deadline=None)
@given(
    source=st.sampled_from(["desk", "tv", "other", "nobody"]),
    body=signal_like | st.binary(max_size=100) | text.map(lambda t: t.encode("utf-8", "ignore")),
    mode=st.sampled_from(["signed", "secret", "nothing"]),
)
async def test_no_input_is_answered_with_a_server_error(
    source: str, body: bytes, mode: str
) -> None:
    """Signed or not, whatever the body: 2xx, or a problem that says what is wrong."""
    door = Door()
    headers = {"webhook-id": "m", "webhook-timestamp": str(int(NOW.timestamp()))}
    if mode == "signed":
        signature = Webhook(SIGNING).sign("m", NOW, body.decode("utf-8", "replace"))
        headers["webhook-signature"] = signature
    path = f"/signals/{source}/{SECRET}" if mode == "secret" else f"/signals/{source}"
    async with door.client:
        answer = await door.client.post(path, content=body, headers=headers)
    assert answer.status_code in {202, 401, 404, 422}
    if answer.status_code != 202:
        problem_of(answer, answer.status_code)
