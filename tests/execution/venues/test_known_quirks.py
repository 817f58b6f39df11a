"""What is written down of the exchanges that are known and not certified."""

from __future__ import annotations

import base64
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.venues.quirks import quirks_of

HEX32 = r"[0-9a-f]{32}"
IDS = {
    "binanceusdm": HEX32,
    "bitget": HEX32,
    "bybit": HEX32,
    "gate": r"t-[2-7a-z]{26}",
    "hyperliquid": r"0x[0-9a-f]{32}",
    "krakenfutures": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "kucoin": HEX32,
    "okx": HEX32,
}


def _bytes(made: str) -> bytes:
    if made.startswith("t-"):
        return base64.b32decode(made[2:].upper() + "======")
    return bytes.fromhex(made.removeprefix("0x").replace("-", ""))


@pytest.mark.parametrize("exchange", IDS)
@given(unique=st.binary(min_size=16, max_size=16))
def test_an_id_fits_its_alphabet_and_loses_nothing(exchange: str, unique: bytes) -> None:
    made = quirks_of(exchange).client_order_id(unique)
    assert re.fullmatch(IDS[exchange], made)
    assert _bytes(made) == unique


@pytest.mark.parametrize("exchange", [one for one in IDS if one != "binanceusdm"])
def test_what_is_in_doubt_is_for_a_person_to_decide(exchange: str) -> None:
    """No document says how soon their lists show an order."""
    assert quirks_of(exchange).visibility_grace is None


@pytest.mark.parametrize("exchange", IDS)
def test_a_code_has_one_meaning(exchange: str) -> None:
    quirks = quirks_of(exchange)
    kinds = (
        quirks.duplicate_texts,
        quirks.definite_codes,
        quirks.doubtful_codes,
        quirks.key_codes,
        quirks.clock_codes,
        quirks.late_codes,
        quirks.limit_codes,
        quirks.gone_codes,
    )
    assert sum(map(len, kinds)) == len(frozenset().union(*kinds))


@pytest.mark.parametrize("exchange", ["binanceusdm", "bybit"])
def test_a_request_is_refused_when_older_than_the_window_ccxt_is_told(exchange: str) -> None:
    quirks = quirks_of(exchange)
    assert quirks.receive_window == timedelta(milliseconds=quirks.config["options"]["recvWindow"])


@pytest.mark.parametrize("exchange", IDS)
def test_what_protects_a_position_there_is_told_with_its_source(exchange: str) -> None:
    protection = quirks_of(exchange).protection
    assert protection is not None
    assert protection.source
