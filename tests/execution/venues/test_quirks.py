"""What is known of each exchange, and what is assumed of one that is not known."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from execution.venues.ccxt_classes import known_exchanges
from execution.venues.quirks import quirks_of


def test_an_exchange_nobody_has_tried_gets_the_careful_ways() -> None:
    unknown = quirks_of("bitstamp")
    assert unknown.find_by is None
    assert unknown.cancel_by is None
    assert unknown.receive_window is None
    assert unknown.page is None
    assert unknown.visibility_grace is None, "nothing proves an order absent there"
    assert unknown.definite_codes == frozenset()


@given(st.binary(min_size=16, max_size=16))
def test_a_binance_id_fits_its_alphabet_and_loses_nothing(unique: bytes) -> None:
    made = quirks_of("binance").client_order_id(unique)
    assert re.fullmatch(r"[.A-Z:/a-z0-9_-]{1,36}", made)
    assert bytes.fromhex(made) == unique


@given(st.binary(min_size=16, max_size=16))
def test_a_kraken_id_is_a_uuid_and_loses_nothing(unique: bytes) -> None:
    made = quirks_of("kraken").client_order_id(unique)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made)
    assert UUID(made).bytes == unique


def test_what_is_in_doubt_at_kraken_is_for_a_person_to_decide() -> None:
    """Nothing says how soon its lists show an order."""
    assert quirks_of("kraken").visibility_grace is None


def test_a_code_at_kraken_has_one_meaning() -> None:
    quirks = quirks_of("kraken")
    kinds = (
        quirks.definite_codes,
        quirks.key_codes,
        quirks.late_codes,
        quirks.limit_codes,
        quirks.nonce_codes,
    )
    assert sum(map(len, kinds)) == len(frozenset().union(*kinds))


def test_a_request_to_binance_is_refused_when_older_than_the_window_ccxt_is_told() -> None:
    quirks = quirks_of("binance")
    told = timedelta(milliseconds=quirks.config["options"]["recvWindow"])
    assert quirks.receive_window == told


def test_exchange_ids_are_known_without_importing_ccxt() -> None:
    known = known_exchanges()
    assert {"binance", "kraken", "hyperliquid"} <= known
    assert not {"base", "__init__", "paper"} & known
