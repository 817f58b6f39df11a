"""How an account at Binance's USD-M futures is set, what it holds, and what it paid for that.

Of `v3/account`, `v1/accountConfig`, `v1/symbolConfig` and `v1/income`. It must never guess: what is missing
in an answer breaks the reading.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from execution.record import Record
from execution.rounding import exactly, plain
from execution.types import ZERO
from execution.venues.venue import Balance, Contracts, Payment

log = logging.getLogger(__name__)

_WEEK, _REACHES = (timedelta(days=days) // timedelta(milliseconds=1) for days in (7, 89))
"""What one answer about payments may span, and how far back they are told, in milliseconds."""
_PAGE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Position(Record):
    """A position as the account tells it; amount and cost are negative when short."""

    base: str
    settle: str
    amount: Decimal
    cost: Decimal
    """What opening it came to, in what it settles in."""


async def usdm_balances(ccxt: Any) -> Mapping[str, Balance]:
    """The account as if each contract had been bought on spot, out of one answer."""
    told = await ccxt.fapiPrivateV3GetAccount()
    return _as_on_spot(told["assets"], _positions(ccxt, told))


async def usdm_contracts(ccxt: Any) -> Contracts:
    """How the account is set, and its positions."""
    hedged = (await ccxt.fapiPrivateGetAccountConfig())["dualSidePosition"]
    if not isinstance(hedged, bool):
        raise TypeError("a position mode that is neither of the two")
    set_to = await ccxt.fapiPrivateGetSymbolConfig()
    told = await ccxt.fapiPrivateV3GetAccount()
    positions: dict[str, Decimal] = {}
    for row in _open_rows(told):  # in hedge mode there are two of a market
        known = row["symbol"] in ccxt.markets_by_id
        symbol = _market(ccxt, row["symbol"])["symbol"] if known else row["symbol"]
        positions[symbol] = positions.get(symbol, ZERO) + _number(row["positionAmt"])
    return Contracts(
        one_way=not hedged,
        leverage={
            _market(ccxt, row["symbol"])["symbol"]: _number(row["leverage"])
            for row in set_to
            if row["symbol"] in ccxt.markets_by_id
        },
        positions=positions,
    )


async def usdm_funding(ccxt: Any, since: datetime) -> Sequence[Payment]:
    """What was paid for positions from then on, read a week at a time."""
    paid: dict[str, Payment] = {}
    start = max(int(since.timestamp() * 1000), ccxt.nonce() - _REACHES)
    while start <= ccxt.nonce():
        asked = {"incomeType": "FUNDING_FEE", "startTime": start, "endTime": start + _WEEK}
        rows = await ccxt.fapiPrivateGetIncome(asked | {"limit": _PAGE})
        known = [row for row in rows if row["symbol"] in ccxt.markets_by_id]
        paid |= {one.payment_id: one for one in (_payment(ccxt, row) for row in known)}
        last = max((int(row["time"]) for row in rows), default=start)
        start = last if len(rows) >= _PAGE and last > start else start + _WEEK
    return sorted(paid.values(), key=lambda one: (one.at, one.payment_id))


def _payment(ccxt: Any, row: Mapping[str, Any]) -> Payment:
    return Payment(
        payment_id=str(row["tranId"]),
        symbol=_market(ccxt, row["symbol"])["symbol"],
        amount=_number(row["income"]),
        currency=row["asset"],
        at=datetime.fromtimestamp(int(row["time"]) / 1000, UTC),
    )


@exactly
def _as_on_spot(
    assets: Sequence[Mapping[str, Any]], held: Sequence[_Position]
) -> Mapping[str, Balance]:
    """What is in the wallet, with what each position cost gone from it and its amount there instead."""
    wholes: dict[str, Decimal] = {}
    free: dict[str, Decimal] = {}
    for row in assets:
        asset, wallet = row["asset"], _number(row["walletBalance"])
        wholes[asset] = wallet
        # Of an asset the account has none of, Binance may tell what all the others would pay for.
        free[asset] = _number(row["availableBalance"]) if wallet else ZERO
    for one in held:
        wholes[one.settle] -= one.cost
        wholes[one.base] = wholes.get(one.base, ZERO) + one.amount
    return {
        asset: Balance(free=free.get(asset, ZERO), locked=whole - free.get(asset, ZERO))
        for asset, whole in wholes.items()
        if whole or free.get(asset)
    }


@exactly
def _positions(ccxt: Any, told: Mapping[str, Any]) -> list[_Position]:
    """Whatever is open, contracts with an end among them; but for what is newer than the list of markets.

    `notional` and `unrealizedProfit` are of one mark price, which so cancels out of the cost.
    """
    found = []
    for row in _open_rows(told):
        amount, notional = _number(row["positionAmt"]), _number(row["notional"])
        if row["symbol"] not in ccxt.markets_by_id:
            log.warning("a position in %s, which is not listed yet, is not counted", row["symbol"])
            continue
        market = _market(ccxt, row["symbol"])
        position = _Position(
            base=market["base"],
            settle=market["settle"],
            amount=amount,
            cost=notional.copy_sign(amount) - _number(row["unrealizedProfit"]),
        )
        found.append(position)
    return found


def _open_rows(told: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Positions that are not flat; one that is may be told for its orders."""
    return (row for row in told["positions"] if _number(row["positionAmt"]))


def _number(told: Any) -> Decimal:
    """The number as Binance writes it, without trailing zeros."""
    return Decimal(plain(Decimal(told)))


def _market(ccxt: Any, market_id: str) -> Mapping[str, Any]:
    """ccxt's row of the market that Binance calls so."""
    found: Mapping[str, Any] = ccxt.markets_by_id[market_id][0]
    return found
