"""The steps of a conformance run: each asks one thing of the venue and says in words what it saw.

What does not hold is raised, as `DoesNotHold` or as what the venue raised; `run.py` writes it down. What
is asked of accounts of contracts alone is in `contract_steps.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from execution import orders
from execution.certifying import fills
from execution.certifying.bench import A_MOMENT, Bench, demand_same, seconds
from execution.certifying.plan import (
    TAKING,
    DoesNotHold,
    Plan,
    market_of,
    off_the_steps,
    on_the_steps,
    smallest,
    to_fill,
    waiting_kinds,
    waits,
)
from execution.errors import OrderUnknown, OutcomeUnknown, VenueError, VenueRefused
from execution.executor.sending import FENCE_MARGIN
from execution.figures import duration, figure
from execution.key_rights import refused
from execution.types import ZERO, OrderState, OrderType, Side, TimeInForce
from execution.venues.venue import NewOrder, Report, Trade

NO_TIME = timedelta(0)


# What sends nothing


async def reach(bench: Bench) -> str:
    """It answers, takes our key and our time."""
    venue = bench.venue
    await venue.open()
    await venue.refresh()  # a list of markets that was kept is not what it tells today
    began = bench.clock()
    await venue.balances()
    took = (bench.clock() - began) / timedelta(milliseconds=1)
    ahead = venue.clock_ahead
    off = f"{seconds(abs(ahead))} {'ahead' if ahead > NO_TIME else 'behind'}"
    return f"answers within {took:.0f} ms; our clock is {off}, corrected for"


async def rights(bench: Bench) -> str:
    """The key may trade."""
    told_of_it = await bench.venue.rights()
    why = refused(told_of_it, bench.venue.mode)
    if why is not None:
        raise DoesNotHold(why)
    if told_of_it.trades is None:
        return "it does not tell what the key may do"
    told = ["may trade"]
    told += ["may withdraw: live that is refused"] if told_of_it.withdraws else []
    told += ["works from every address"] if told_of_it.bound is False else []
    return ", ".join(told)


async def market(bench: Bench) -> str:
    """There is a market with steps, limits and prices."""
    venue = bench.venue
    found = market_of(venue.instruments(), venue.kind, bench.wanted)
    quote = await venue.quote(found.symbol)
    if not ZERO < quote.bid < quote.ask:
        raise DoesNotHold(f"{found.symbol} has no bid under an ask")
    bench.plan = Plan(market=found, bid=quote.bid, ask=quote.ask)
    limits = [
        f"{what} {figure(limit)}"
        for what, limit in (
            ("smallest amount", found.min_amount),
            ("smallest notional", found.min_notional),
        )
        if limit is not None
    ]
    steps = f"steps of {figure(found.price_step)} and {figure(found.amount_step)}"
    return ", ".join([f"{found.symbol} at {figure(quote.ask)}", steps, *limits])


async def balance(bench: Bench) -> str:
    """The account can pay for it."""
    plan = bench.plan
    held = (await bench.venue.balances()).get(plan.market.quote)
    free = ZERO if held is None else held.free
    margin = "" if plan.leverage is None else " of margin"
    told = f"{figure(plan.needed)} {plan.market.quote}{margin} may be needed, {figure(free)} free"
    if free < plan.needed:
        raise DoesNotHold(told)
    return told


async def precision(bench: Bench) -> str:
    """What is on the steps leaves as it is, what is off them does not leave. Nothing is sent."""
    for price, amount in on_the_steps(bench.plan):
        if not await bench.would_leave(bench.placed.buy(price, amount)):
            told = f"{figure(amount)} at {figure(price)}"
            raise DoesNotHold(f"{told} is on the steps it tells, and would be changed")
    for what, (price, amount) in off_the_steps(bench.plan).items():
        if await bench.would_leave(bench.placed.buy(price, amount)):
            raise DoesNotHold(f"a half step off the {what} steps would be sent")
    return "on the steps nothing is changed; half a step off is refused before it is sent"


# What sends


async def create(bench: Bench) -> str:
    """An order rests and is answered with our id."""
    order, report = await bench.resting()
    _demand_working(report, order)
    post_only = ", post-only" if order.post_only else ""
    return f"rests at {figure(bench.plan.far)}{post_only}; the answer has our id"


async def look_up(bench: Bench) -> str:
    """It is found by our id alone."""
    order, report = await bench.resting()
    _, took = await _demand_found(bench, order, report)
    return f"found after {seconds(took)}, with the terms it was sent with"


async def open_orders(bench: Bench) -> str:
    """The list of open orders has it, once."""
    order, report = await bench.resting()
    await _demand_listed(bench, order, report)
    return "listed once, with our id"


async def cancel(bench: Bench) -> str:
    """It is canceled by our id alone, and is no longer listed."""
    order, _ = await bench.resting()
    await _demand_canceled(bench, order)
    return "canceled, and listed no longer"


async def unknown(bench: Bench) -> str:
    """A cancel of what never was is told apart from one that worked."""
    try:
        await bench.venue.cancel(bench.placed.key(bench.placed.new_id()))
    except OrderUnknown:
        return "it says that it does not know the order"
    raise DoesNotHold("a cancel of an order that never was is taken")


async def lost(bench: Bench) -> str:
    """An order whose answer nobody read is found."""
    order = bench.far()
    try:
        await bench.placed.send(order)  # the answer is dropped: as if we had died before it
        how = "the answer was thrown away"
    except OutcomeUnknown as no_answer:
        how = f"the answer was lost ({no_answer})"
    _, took = await bench.found(order)
    return f"{how}; found by our id after {seconds(took)}"


async def duplicate(bench: Bench) -> str:
    """The id of an open order makes no second one; what it makes after the end is written down."""
    order = bench.far()
    first = await bench.placed.send(order)
    while_open = await _again(bench, order, first)
    await asyncio.sleep(A_MOMENT.total_seconds())
    listed = {one.venue_order_id for one in await bench.listed(order)}
    if while_open is None or len(listed) > 1:
        raise DoesNotHold("the id of an open order makes a second order")
    if not listed:
        raise DoesNotHold("open orders do not show it, so a second one would not be seen")
    key = bench.placed.key(order.client_order_id).evolve(venue_order_id=first.venue_order_id)
    await bench.venue.cancel(key)
    await bench.ended(key)
    after = await _again(bench, order, first) or "makes a new order, canceled at the end"
    return f"while the order is open: {while_open}; once it has ended: {after}"


async def fill(bench: Bench) -> str:
    """What trades at once is booked in full: amounts, prices, fees, the balance."""
    base = bench.plan.market.base
    told = await buy(bench)
    had = fills.held(bench.before, base)
    await bench.demand_held(base, fills.base_after(had, bench.bought, base))
    return told


async def stops(bench: Bench) -> str:
    """Each kind that waits for a price is found, listed and canceled as any other."""
    return await waiting(bench, Side.BUY)


async def absent(bench: Bench) -> str:
    """An id that never was is proved absent, by the rounds, the fence and the grace of this venue."""
    venue, key = bench.venue, bench.placed.key(bench.placed.new_id())
    grace = venue.visibility_grace
    proof = NO_TIME if grace is None else venue.fence + FENCE_MARGIN + grace
    pauses = _pauses(proof)
    long = duration(sum(pauses, NO_TIME))
    bench.say(f"looking {len(pauses)} times, for {long}")
    for pause in pauses:
        await asyncio.sleep(pause.total_seconds())
        if await venue.find(key) is not None:
            raise DoesNotHold("it shows an order of an id that never was")
    looks = f"not there in {len(pauses)} complete looks"
    if grace is None:
        return f"{looks}; nothing proves an order absent here, a person decides"
    return f"{looks}, for {long}: proved absent"


async def clear(bench: Bench) -> str:
    """Nothing of this run is left any more."""
    bench.say("ending what was begun")
    left = await bench.placed.clear()
    if left:
        raise DoesNotHold(f"may be left, to be ended by hand: {'; '.join(left)}")
    return "everything has ended, seen in two looks"


# What they are made of


async def buy(bench: Bench) -> str:
    """Buy a little: `bought` is what filled, `before` what the account had."""
    bench.before = await bench.venue.balances()
    for _ in range(TAKING):
        order = await _taking_order(bench)
        bench.bought, took = await bench.filled(order)
        if bench.bought:
            return f"{fills.told(bench.bought, order.amount)}, after {seconds(took)}"
    raise DoesNotHold(f"{TAKING} orders at the best price filled nothing")


async def waiting(bench: Bench, side: Side, bought: Sequence[Trade] = ()) -> str:
    """Place, find, list and cancel each kind that waits for a price; what reduces a position is for all of it."""
    kinds = waiting_kinds(bench.plan.market)
    for kind in kinds:
        terms = waits(bench.plan, kind, side)
        least = smallest(bench.plan.market, terms.price or terms.stop_price)
        amount = fills.amount(bought) if bought else least
        order = bench.placed.waiting(side, amount, terms, reduce_only=bool(bought))
        try:
            report = await bench.placed.send(order)
            _demand_working(report, order)
            found, _ = await _demand_found(bench, order, report)
            listed = await _demand_listed(bench, order, report)
            if order.trail is None and found.stop_price is listed.stop_price is None:
                raise DoesNotHold("its stop price is never told")
            await _demand_canceled(bench, order)
        except (DoesNotHold, VenueError) as no:
            raise DoesNotHold(f"{_named(kind)}: {no}") from no
    if not kinds:
        return "none is taken here, and none is ever sent"
    bound = "; sent as reduce-only, which only one that fires would show" if bought else ""
    return f"found by our id, listed and canceled: {', '.join(map(_named, kinds))}{bound}"


async def _taking_order(bench: Bench) -> NewOrder:
    """What may trade at the best price of this moment and no other."""
    at = bench.plan.market
    offered = await bench.venue.book(at.symbol, Side.BUY)
    if not offered:
        raise DoesNotHold("nothing is on offer")
    amount, price = to_fill(at, offered[0]), offered[0].price
    return bench.placed.buy(price, amount, time_in_force=TimeInForce.IOC)


async def _again(bench: Bench, order: NewOrder, first: Report) -> str | None:
    """What the venue makes of an id it knows, in words; None for a second order."""
    try:
        second = await bench.placed.send(order)
    except VenueRefused as no:
        return f"refused ({no})"
    except OutcomeUnknown as no:
        return str(no)
    same = second.venue_order_id == first.venue_order_id
    return "answered with that order" if same else None


def _demand_working(report: Report, order: NewOrder) -> None:
    demand_same(report, order)
    if report.state is not OrderState.WORKING:
        raise DoesNotHold(f"it is {report.state} instead of resting")


async def _demand_found(bench: Bench, order: NewOrder, report: Report) -> tuple[Report, timedelta]:
    """By our id alone, within the time that is told."""
    shown, took = await bench.found(order)
    if shown.venue_order_id != report.venue_order_id:
        raise DoesNotHold(f"{shown.venue_order_id} is found, {report.venue_order_id} was made")
    return shown, took


async def _demand_listed(bench: Bench, order: NewOrder, report: Report) -> Report:
    listed = await bench.listed(order)
    if [one.venue_order_id for one in listed] != [report.venue_order_id]:
        raise DoesNotHold(f"listed {len(listed)} times, with our id")
    demand_same(listed[0], order)
    return listed[0]


async def _demand_canceled(bench: Bench, order: NewOrder) -> None:
    """By our id alone."""
    key = bench.placed.key(order.client_order_id)
    await bench.venue.cancel(key)
    shown = await bench.ended(key)
    if shown.state not in {OrderState.CANCELED, OrderState.EXPIRED}:
        raise DoesNotHold(f"it is {shown.state} after the cancel")
    if not await bench.unlisted(shown):
        raise DoesNotHold("it is listed as open after its end")


def _named(kind: OrderType) -> str:
    return kind.replace("_", " ")


def _pauses(proof: timedelta) -> Sequence[timedelta]:
    """The pauses before the looks that prove an order absent after so long, as the desk makes them."""
    pauses = list(orders.LOOK_AGAIN[: orders.ROUNDS_FOR_ABSENCE])
    while sum(pauses, NO_TIME) < proof:
        pauses.append(orders.LOOK_AGAIN[min(len(pauses), len(orders.LOOK_AGAIN) - 1)])
    return pauses
