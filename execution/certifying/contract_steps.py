"""The steps that only an account of contracts is asked for: how it is set, and that a position opens, shows,
and closes by an order that can do nothing else.

The others are in `steps.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from execution.certifying import fills, steps
from execution.certifying.bench import A_MOMENT, Bench
from execution.certifying.plan import TAKING, USUAL, DoesNotHold, smallest, usual
from execution.errors import VenueRefused
from execution.figures import figure
from execution.rounding import exactly
from execution.types import ZERO, Side
from execution.venues.venue import Contracts, Trade


async def account(bench: Bench) -> str:
    """It is in one-way mode, tells the market's leverage, and holds nothing there."""
    shown, symbol = await bench.venue.contracts(), bench.plan.market.symbol
    if not shown.one_way:
        raise DoesNotHold("it is in hedge mode, and only one-way mode is traded: switch it over")
    held = shown.positions.get(symbol, ZERO)
    if held:
        there = f"a position of {figure(held)} is in {symbol}, and nothing is sent beside one"
        raise DoesNotHold(f"{there}: close it{_elsewhere(bench, shown)}")
    leverage = shown.leverage.get(symbol)
    if leverage is None:
        raise DoesNotHold(f"the leverage of {symbol} is not told")
    bench.plan = bench.plan.evolve(leverage=leverage)
    return f"one-way mode, {symbol} at leverage {figure(leverage)}, no position there"


async def reduce_only(bench: Bench) -> str:
    """An order that only reduces does nothing where there is nothing to reduce."""
    plan = bench.plan
    order = await bench.placed.reducing(Side.SELL, smallest(plan.market, plan.far))
    try:
        trades, _ = await bench.filled(order)
        said = "it ended with nothing filled"
    except VenueRefused as no:
        trades, said = (), f"refused ({no})"
    await asyncio.sleep(A_MOMENT.total_seconds())
    position = await _position(bench)
    if trades or position:
        raise DoesNotHold(
            f"with no position it sold {figure(fills.amount(trades))}, and the position is {figure(position)}"
        )
    return f"with no position: {said}"


async def fill(bench: Bench) -> str:
    """What trades at once is booked in full, and is the position that the account shows."""
    told = await steps.buy(bench)
    await _demand_position(bench, fills.amount(bench.bought))
    await _demand_balances(bench, bench.bought)
    return f"{told}; so much is the position"


async def stops(bench: Bench) -> str:
    """Each kind that waits for a price stands behind the position, bound to reduce it."""
    if not bench.bought:
        raise DoesNotHold("no fill was booked that they could stand behind")
    return await steps.waiting(bench, Side.SELL, bench.bought)


async def close(bench: Bench) -> str:
    """An order that only reduces ends the position; results and fees are all that the wallet changed by."""
    if not bench.bought:
        raise DoesNotHold("no fill was booked that could be closed")
    sold: list[Trade] = []
    left = opened = fills.amount(bench.bought)
    for _ in range(TAKING):
        trades, _ = await bench.filled(await bench.placed.reducing(Side.SELL, left))
        sold += trades
        left = fills.rest(opened, sold)
        if not left:
            break
    else:
        raise DoesNotHold(
            f"{TAKING} orders closed {figure(fills.amount(sold))} of {figure(opened)}"
        )
    await _demand_position(bench, ZERO)
    await _demand_balances(bench, [*bench.bought, *sold])
    return f"{fills.told(sold, opened)}; no position, and the wallet shows result and fees only"


async def _position(bench: Bench) -> Decimal:
    shown = await bench.venue.contracts()
    return shown.positions.get(bench.plan.market.symbol, ZERO)


async def _demand_position(bench: Bench, amount: Decimal) -> None:
    shown = ZERO

    async def look() -> bool | None:
        nonlocal shown
        shown = await _position(bench)
        return True if shown == amount else None

    if await bench.until(look, bench.grace) is None:
        told = f"the position is {figure(shown)}"
        raise DoesNotHold(f"{told}, by the trades it would be {figure(amount)}")


async def _demand_balances(bench: Bench, trades: Sequence[Trade]) -> None:
    """The account has what it would have, had each contract been bought on spot."""
    base, quote = bench.plan.market.base, bench.plan.market.quote
    had = bench.before
    await bench.demand_held(base, fills.base_after(fills.held(had, base), trades, base))
    meanwhile = await bench.venue.funding(trades[0].at)
    expected = fills.quote_after(fills.held(had, quote), trades, quote, meanwhile)
    await bench.demand_held(quote, expected, about=_rounding(bench, trades))


@exactly
def _rounding(bench: Bench, trades: Sequence[Trade]) -> Decimal:
    """What the average of a position may be off by when it is told: a step of the price."""
    return bench.plan.market.price_step * fills.amount(trades)


def _elsewhere(bench: Bench, shown: Contracts) -> str:
    """Which usual market is flat, in words."""
    venue = bench.venue
    trading = usual(venue.instruments(), USUAL[venue.kind])
    flat = [one.symbol for one in trading if not shown.positions.get(one.symbol)]
    return f", or try --symbol {flat[0]}" if flat else ""
