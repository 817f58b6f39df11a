"""What an account at Kraken Futures holds, how it is set, and what it paid for that.

Of `accounts`, `openpositions`, `leveragepreferences` and `account-log`: the multi-collateral wallet alone,
since inverse contracts have wallets of their own. It must never guess: what is missing in an answer breaks
the reading.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from execution.record import Record
from execution.rounding import exactly, plain, to_step
from execution.types import ZERO
from execution.venues.venue import Balance, Contracts, Payment

log = logging.getLogger(__name__)

SETTLES_IN = "USD"
"""Every linear contract there."""
_SIGNS = {"long": 1, "short": -1}
_LOOKS = 3
"""How often positions and wallet are read before they count as never of one moment."""
FEW, _MANY = 25, 1000
"""Rows of a page of the account's log: the short one costs a third of the long one."""
_CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Position(Record):
    """A position as the account tells it."""

    market_id: str
    amount: Decimal
    """Base asset, negative when short."""
    price: Decimal
    """What it was opened at, on average."""


async def futures_balances(ccxt: Any) -> Mapping[str, Balance]:
    """The wallet as if each contract had been bought on spot.

    It is told apart from the positions: one that changes in between would be counted twice, or not at all.
    """
    before = await _positions(ccxt)
    for _ in range(_LOOKS):
        wallet = (await ccxt.privateGetAccounts())["accounts"]["flex"]
        held = await _positions(ccxt)
        if held == before:
            return _as_on_spot(ccxt, wallet, held)
        before = held
    raise ValueError("the positions change while they are read")


async def futures_contracts(ccxt: Any) -> Contracts:
    """How each market is set, and the positions: one of each market, since Kraken knows no other mode."""
    set_to = (await ccxt.privateGetLeveragepreferences())["leveragePreferences"]
    held = await _positions(ccxt)
    leverage = {
        market["symbol"]: _most(market["info"]["marginLevels"])
        for market in ccxt.markets.values()
        if market["swap"] and market["linear"] and market["info"].get("marginLevels")
    }
    preferred = ((market_by_id(ccxt, row["symbol"]), row["maxLeverage"]) for row in set_to)
    leverage |= {market["symbol"]: _number(most) for market, most in preferred if market}
    return Contracts(
        one_way=len({one.market_id for one in held}) == len(held),
        leverage=leverage,
        positions={_symbol(ccxt, one.market_id): one.amount for one in held},
    )


async def futures_funding(ccxt: Any, since: datetime) -> Sequence[Payment]:
    """What was paid for positions from then on: each hour, and whenever a position changed."""
    paid: list[Payment] = []
    asked: dict[str, Any] = {"since": int(since.timestamp() * 1000), "sort": "asc", "count": FEW}
    while True:
        rows = (await ccxt.historyGetAccountLog(asked))["logs"]
        paid += _payments(ccxt, rows)
        if len(rows) < asked["count"]:
            return sorted(paid, key=lambda one: (one.at, one.payment_id))
        # Rows of one moment may be told in any order.
        asked |= {"from": max(int(one["id"]) for one in rows) + 1, "count": _MANY}


def market_by_id(ccxt: Any, market_id: str) -> Mapping[str, Any] | None:
    """ccxt's row of the market that Kraken calls so, here in capitals and there not; None: not listed yet."""
    known = ccxt.markets_by_id
    found = known.get(market_id) or next(
        (rows for one, rows in known.items() if one.lower() == market_id.lower()), None
    )
    return None if found is None else found[0]


async def _positions(ccxt: Any) -> list[_Position]:
    """Whatever is open on this wallet's money, contracts with an end among them."""
    rows = (await ccxt.privateGetOpenpositions())["openPositions"]
    found = [
        _Position(
            market_id=row["symbol"].upper(),
            amount=_SIGNS[row["side"]] * abs(_number(row["size"])),
            price=_number(row["price"]),
        )
        for row in rows
    ]
    linear = (one for one in found if (market_by_id(ccxt, one.market_id) or {}).get("linear", True))
    return sorted(linear, key=lambda one: one.market_id)


@exactly
def _as_on_spot(
    ccxt: Any, wallet: Mapping[str, Any], held: Sequence[_Position]
) -> Mapping[str, Balance]:
    """What is in the wallet, with what each position cost gone from it and its amount there instead.

    Funding that is due and not paid yet counts as paid: it is a part of the margin.
    """
    wholes = {
        ccxt.safe_currency_code(asset): _number(row["quantity"])
        for asset, row in wallet["currencies"].items()
    }
    wholes[SETTLES_IN] = wholes.get(SETTLES_IN, ZERO) + _number(wallet["unrealizedFunding"])
    for one in held:
        market = market_by_id(ccxt, one.market_id)
        if market is None:
            log.warning("a position in %s, which is not listed yet, is not counted", one.market_id)
            continue
        wholes[SETTLES_IN] -= one.amount * one.price
        wholes[market["base"]] = wholes.get(market["base"], ZERO) + one.amount
    free = {SETTLES_IN: _available(wallet)}
    return {
        asset: Balance(free=free.get(asset, ZERO), locked=whole - free.get(asset, ZERO))
        for asset, whole in wholes.items()
        if whole or free.get(asset)
    }


def _available(wallet: Mapping[str, Any]) -> Decimal:
    """What new orders may take, in USD, whatever the collateral: its value to Kraken is counted in here.

    Whether `availableMargin` leaves out what orders at rest take, no document says for sure.
    """
    beside_orders = _number(wallet["marginEquity"]) - _number(wallet["initialMarginWithOrders"])
    return min(_number(wallet["availableMargin"]), beside_orders)


@exactly
def _most(levels: Iterable[Mapping[str, Any]]) -> Decimal:
    """What a market without a setting of its own can be traded at: its smallest position has the most."""
    return to_step(1 / min(_number(one["initialMargin"]) for one in levels), _CENT, ROUND_CEILING)


def _payments(ccxt: Any, rows: Iterable[Mapping[str, Any]]) -> Iterator[Payment]:
    """The rows about funding. A trade has two: of money, and of contracts."""
    for row in rows:
        contract, amount = row["contract"], row["realized_funding"]
        if not contract or row["asset"].lower() == contract.lower() or not _number(amount or 0):
            continue
        market = market_by_id(ccxt, contract)
        if market is not None and market["linear"]:
            yield Payment(
                payment_id=row["booking_uid"],
                symbol=market["symbol"],
                amount=_number(amount),
                currency=ccxt.safe_currency_code(row["asset"]),
                at=datetime.fromisoformat(row["date"]).astimezone(UTC),
            )


def _symbol(ccxt: Any, market_id: str) -> str:
    market = market_by_id(ccxt, market_id)
    return market_id if market is None else str(market["symbol"])


def _number(told: Any) -> Decimal:
    """The number as Kraken writes it, without trailing zeros or an exponent."""
    return Decimal(plain(Decimal(told)))
