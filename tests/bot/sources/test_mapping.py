"""The source's `map`: a sender's own payload by the contract's names, exactly."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.sources.fields import BadField
from bot.sources.mapping import FieldMap
from bot.sources.payload import read_json
from bot.sources.signal import read_signal

PAYLOAD = """
{"data": {"ticker": "BTCUSDT", "action": "BUY", "contracts": 1.10, "position": "0.5"},
 "targets": [{"at": 66000, "part": 0.5}, {"at": 67000, "part": 0.5}], "chatter": {"x": 1}}
"""
MAP = {
    "symbol": "data.ticker",
    "side": "data.action",
    "amount": "data.contracts",
    "strategy": "data.strategy",
    "take_profit": "targets[].{price: at, share: part}",
    "close": "to_number(data.position) == `0`",
}


def test_named_fields_are_taken_and_the_rest_is_ignored() -> None:
    fields = FieldMap.compile(MAP).apply(read_json(PAYLOAD))
    signal = read_signal(
        fields, id="S", source="tv", received_at=datetime(2026, 11, 20, tzinfo=UTC)
    )
    assert (signal.symbol, signal.side, signal.close) == ("BTCUSDT", "buy", False)
    assert signal.size is not None
    assert signal.size.value == Decimal("1.10")
    assert [t.price for t in signal.take_profit] == [66000, 67000]
    assert signal.strategy is None


def test_number_made_inexact_by_an_expression_is_refused() -> None:
    """JMESPath's to_number makes a float of 1.10."""
    mapping = FieldMap.compile(MAP | {"amount": "to_number(data.contracts)"})
    with pytest.raises(BadField, match="to_number") as refused:
        read_signal(
            mapping.apply(read_json(PAYLOAD)),
            id="S",
            source="tv",
            received_at=datetime(2026, 11, 20, tzinfo=UTC),
        )
    assert refused.value.field == "amount"


def test_payload_may_be_a_list() -> None:
    assert FieldMap.compile({"symbol": "[0].s"}).apply([{"s": "X"}]) == {"symbol": "X"}


def test_expression_that_does_not_fit_the_payload_names_its_field() -> None:
    mapping = FieldMap.compile({"symbol": "join('/', [a, b])"})
    with pytest.raises(BadField) as refused:
        mapping.apply({"a": "BTC"})
    assert refused.value.field == "symbol"


@pytest.mark.parametrize(
    ("expressions", "says"),
    [
        ({"symbl": "a"}, "map.symbl: no such field; did you mean symbol?"),
        ({"symbol": "a["}, "map.symbol: not a JMESPath expression"),
        ({"symbol": ""}, "map.symbol: not a JMESPath expression"),
    ],
)
def test_wrong_map_is_refused_at_start(expressions: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match="map") as refused:
        FieldMap.compile(expressions)
    assert str(refused.value) == says
