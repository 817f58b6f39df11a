"""What is said of an exchange after a conformance run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from execution import certificates
from execution.certificates import CCXT, Certificate, Finding, Outcome, last, standing
from execution.instruments import MarketKind
from execution.store import Store, Transaction
from execution.types import Mode


def certificate(**changes: Any) -> Certificate:
    made = Certificate(
        venue="main",
        exchange="binance",
        mode=Mode.SANDBOX,
        at=datetime(2026, 11, 22, 2, 27, tzinfo=UTC),
        ccxt=CCXT,
        countersign="0.1.0",
        findings=[Finding(step="fill", outcome=Outcome.HELD, text="it filled")],
    )
    return made.evolve(**changes)


def test_a_run_in_which_all_held_certifies_the_exchange_for_the_ccxt_it_was_made_with() -> None:
    assert standing(certificate()) == f"certified 2026-11-22 (ccxt {CCXT})"
    assert standing(certificate(ccxt="4.0.1")) == (
        f"not certified with ccxt {CCXT}; certified 2026-11-22 (ccxt 4.0.1)"
    )


async def test_runs_in_contracts_are_kept_apart_and_one_that_was_kept_without_a_kind_was_on_spot(
    store: Store,
) -> None:
    old = json.loads(TypeAdapter(Certificate).dump_json(certificate()))
    del old["kind"]
    contracts = certificate(kind=MarketKind.SWAP, venue="futures")

    def keep(tx: Transaction) -> None:
        tx.remember("certificate:binance", json.dumps(old).encode())
        certificates.keep(tx, contracts)

    store.write_now(keep)

    assert store.read_now(lambda tx: last(tx, "binance", MarketKind.SPOT)) == certificate()
    assert store.read_now(lambda tx: last(tx, "binance", MarketKind.SWAP)) == contracts
    assert store.read_now(lambda tx: last(tx, "binanceusdm", MarketKind.SWAP)) == contracts


def test_no_run_and_one_in_which_something_failed_certify_nothing() -> None:
    failed = Finding(step="fill", outcome=Outcome.FAILED, text="it did not")
    assert standing(None) == "not certified"
    assert standing(certificate(findings=[failed])) == "not certified"
