"""TradingView alerts: the secret in the path or body, any form of body, and no trace of it after."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.settings.values import Rate
from bot.sources import tradingview
from bot.sources.fields import BadField
from bot.sources.mapping import FieldMap
from bot.sources.source import KEEP_DIGEST, KEEP_IDS, Source, SourceKind
from execution.errors import NotAllowed

SECRET = "correct-horse-battery"


def source(*secrets: str, mapping: FieldMap | None = None) -> Source:
    return Source(
        name="tv",
        kind=SourceKind.TRADINGVIEW,
        secrets=secrets or (SECRET,),
        rate=Rate(60, timedelta(minutes=1)),
        map=mapping,
    )


def test_secret_in_the_path_or_in_the_body_is_verified() -> None:
    tradingview.verify(source(), b"buy BTCUSDT", SECRET)
    tradingview.verify(source("old", SECRET), b"", SECRET)
    tradingview.verify(source("old", SECRET), b"", "old")
    tradingview.verify(source(), json.dumps({"secret": SECRET}).encode(), None)


@pytest.mark.parametrize(
    ("body", "path_secret"),
    [
        (b"buy BTCUSDT", "wrong"),
        (b"buy BTCUSDT", ""),
        (b"buy BTCUSDT", "correct-horse-batter\u00fd"),
        (json.dumps({"secret": SECRET}).encode(), "wrong"),
        (b"buy BTCUSDT", None),
        (b"{}", None),
        (b'{"secret": null}', None),
        (b'{"secret": ["correct-horse-battery"]}', None),
        (b'{"secret": "\\ud800"}', None),
        (b'{"secret": "correct-horse-battery"', None),
        (b'{"secret": "correct-horse-battery", "secret": "x"}', None),
        (b"[" * 50_000, None),
        (b"\xff", None),
    ],
)
def test_wrong_or_missing_secret_is_not_allowed(body: bytes, path_secret: str | None) -> None:
    """Whatever else is wrong: a stranger learns nothing about the body."""
    with pytest.raises(NotAllowed) as refused:
        tradingview.verify(source(), body, path_secret)
    assert SECRET not in str(refused.value)


def test_secret_is_gone_from_what_was_read() -> None:
    body = json.dumps({"symbol": "BTCUSDT", "side": "buy", "secret": SECRET}).encode()
    delivery = tradingview.read(source(), body)
    assert delivery.fields == {"symbol": "BTCUSDT", "side": "buy"}
    assert SECRET not in repr(delivery)


def test_digest_is_the_same_with_the_next_secret() -> None:
    """A repeat while secrets are rotated is still a repeat."""
    bodies = [{"symbol": "X", "side": "buy", "secret": s} for s in ("first-secret", "next-secret")]
    digests = {
        tradingview.read(source("first-secret", "next-secret"), json.dumps(body).encode()).digest
        for body in bodies
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"symbol": "X", "note": f"my {SECRET}!"}).encode(),
        json.dumps({"symbol": "X", "deep": [{"x": SECRET}]}).encode(),
        json.dumps({SECRET: "1"}).encode(),
        f"buy BTCUSDT {SECRET}".encode(),
        f"{SECRET} buy BTCUSDT".encode(),
        f'{{"secret": "{SECRET}", broken'.encode(),
    ],
)
def test_secret_in_another_place_is_refused_and_not_repeated(body: bytes) -> None:
    with pytest.raises(BadField) as refused:
        tradingview.read(source(), body)
    assert SECRET not in str(refused.value)


def test_key_is_the_id_else_the_digest_for_a_minute() -> None:
    with_id = tradingview.read(source(), b'{"symbol": "X", "side": "buy", "id": 7}')
    assert with_id.ids == {"id:7": KEEP_IDS}
    without = tradingview.read(source(), b'{"symbol": "X", "side": "buy"}')
    assert without.ids == {f"digest:{without.digest}": KEEP_DIGEST}
    assert timedelta(seconds=60) == KEEP_DIGEST


def test_object_is_json_and_anything_else_is_the_text_form() -> None:
    assert tradingview.read(source(), b' \n{"symbol": "X"}').fields == {"symbol": "X"}
    assert tradingview.read(source(), b"buy X 1").fields == {
        "side": "buy",
        "symbol": "X",
        "amount": "1",
    }
    with pytest.raises(BadField, match="not JSON"):
        tradingview.read(source(), b'{"symbol": "X"')
    with pytest.raises(BadField, match="side"):
        tradingview.read(source(), b'["buy", "X"]')


def test_map_is_for_json_and_leaves_the_text_form_alone() -> None:
    mapped = source(mapping=FieldMap.compile({"symbol": "ticker", "id": "n"}))
    delivery = tradingview.read(mapped, b'{"ticker": "X", "n": 3}')
    assert delivery.fields == {"symbol": "X", "id": "3"}
    assert delivery.ids == {"id:3": KEEP_IDS}
    assert tradingview.read(mapped, b"sell X").fields == {"side": "sell", "symbol": "X"}


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "ignore")))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    with suppress(BadField):
        assert tradingview.read(source(), body).ids
