"""The steps of a conformance run: each asks one thing of the venue and says in words what it saw.

What does not hold is raised, as `DoesNotHold` or as what the venue raised; `run.py` writes it down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import chain, repeat
from typing import TypeVar

from execution import orders
from execution.certifying import fills
from execution.certifying.placed import Clock, Placed, Token
from execution.certifying.plan import (
    TAKING,
    DoesNotHold,
    Plan,
    market_of,
    off_the_steps,
    on_the_steps,
    smallest,
    to_fill,
)
from execution.errors import NotSent, OrderUnknown, OutcomeUnknown, VenueRefused
from execution.executor.sending import FENCE_MARGIN
from execution.figures import duration, figure
from execution.key_rights import refused
from execution.types import ZERO, OrderState, Side, TimeInForce
from execution.venues.venue import NewOrder, OrderKey, Report, Trade, Venue

UNKNOWN_GRACE = timedelta(seconds=10)
"""How long an order may take to show where nobody says how long that is."""
LATE_TRADES = timedelta(seconds=30)
"""How long after its order a trade may show."""
NO_TIME = timedelta(0)
_A_MOMENT = 0.5

T = TypeVar("T")
Say = Callable[[str], None]


class Steps:
    """What is tried at one venue, and what that has come to so far."""

    def __init__(
        self, venue: Venue, *, symbol: str | None, clock: Clock, token: Token, say: Say
    ) -> None:
        """`say` is told of a step that takes long."""
        self._venue, self._symbol = venue, symbol
        self._clock, self._token, self._say = clock, token, say
        self._plan: Plan | None = None
        self._placed: Placed | None = None
        self._rests: tuple[NewOrder, Report] | None = None
        """The order that several steps look at, and what it was answered with."""

    @property
    def plan(self) -> Plan:
        """What is sent, once there is a market for it."""
        assert self._plan is not None, "nothing is tried before the looks have held"
        return self._plan

    @property
    def placed(self) -> Placed:
        """What was sent."""
        if self._placed is None:
            symbol = self.plan.market.symbol
            self._placed = Placed(self._venue, symbol, self._clock, self._token)
        return self._placed

    # What sends nothing

    async def reach(self) -> str:
        """It answers, takes our key and our time."""
        await self._venue.open()
        await self._venue.refresh()  # a list of markets that was kept is not what it tells today
        began = self._clock()
        await self._venue.balances()
        took = (self._clock() - began) / timedelta(milliseconds=1)
        ahead = self._venue.clock_ahead
        off = f"{_seconds(abs(ahead))} {'ahead' if ahead > timedelta(0) else 'behind'}"
        return f"answers within {took:.0f} ms; our clock is {off}, corrected for"

    async def rights(self) -> str:
        """The key may trade."""
        rights = await self._venue.rights()
        why = refused(rights, self._venue.mode)
        if why is not None:
            raise DoesNotHold(why)
        if rights.trades is None:
            return "it does not tell what the key may do"
        told = ["may trade"]
        told += ["may withdraw: live that is refused"] if rights.withdraws else []
        told += ["works from every address"] if rights.bound is False else []
        return ", ".join(told)

    async def market(self) -> str:
        """There is a market with steps, limits and prices."""
        market = market_of(self._venue.instruments(), self._symbol)
        quote = await self._venue.quote(market.symbol)
        if not ZERO < quote.bid < quote.ask:
            raise DoesNotHold(f"{market.symbol} has no bid under an ask")
        self._plan = Plan(market=market, bid=quote.bid, ask=quote.ask)
        limits = [
            f"{what} {figure(limit)}"
            for what, limit in (
                ("smallest amount", market.min_amount),
                ("smallest notional", market.min_notional),
            )
            if limit is not None
        ]
        steps = f"steps of {figure(market.price_step)} and {figure(market.amount_step)}"
        return ", ".join([f"{market.symbol} at {figure(quote.ask)}", steps, *limits])

    async def precision(self) -> str:
        """What is on the steps leaves as it is, what is off them does not leave. Nothing is sent."""
        for price, amount in on_the_steps(self.plan):
            if not await self._would_leave(self.placed.buy(price, amount)):
                told = f"{figure(amount)} at {figure(price)}"
                raise DoesNotHold(f"{told} is on the steps it tells, and would be changed")
        for what, (price, amount) in off_the_steps(self.plan).items():
            if await self._would_leave(self.placed.buy(price, amount)):
                raise DoesNotHold(f"a half step off the {what} steps would be sent")
        return "on the steps nothing is changed; half a step off is refused before it is sent"

    async def balances(self) -> str:
        """The account can pay for it."""
        asset, needed = self.plan.market.quote, self.plan.needed
        held = (await self._venue.balances()).get(asset)
        free = ZERO if held is None else held.free
        told = f"{figure(needed)} {asset} may be needed, {figure(free)} free"
        if free < needed:
            raise DoesNotHold(told)
        return told

    # What sends

    async def create(self) -> str:
        """An order rests and is answered with our id."""
        order, report = await self._resting()
        _demand_same(report, order)
        if report.state is not OrderState.WORKING:
            raise DoesNotHold(f"it is {report.state} instead of resting")
        post_only = ", post-only" if order.post_only else ""
        return f"rests at {figure(self.plan.far)}{post_only}; the answer has our id"

    async def look_up(self) -> str:
        """It is found by our id alone."""
        order, report = await self._resting()
        shown, took = await self._found(self.placed.key(order.client_order_id))
        _demand_same(shown, order)
        if shown.venue_order_id != report.venue_order_id:
            raise DoesNotHold(f"{shown.venue_order_id} is found, {report.venue_order_id} was made")
        return f"found after {_seconds(took)}, with the terms it was sent with"

    async def open_orders(self) -> str:
        """The list of open orders has it, once."""
        order, report = await self._resting()
        listed = await self._listed(order)
        if [one.venue_order_id for one in listed] != [report.venue_order_id]:
            raise DoesNotHold(f"listed {len(listed)} times, with our id")
        return "listed once, with our id"

    async def lost(self) -> str:
        """An order whose answer nobody read is found."""
        order = self._resting_order()
        try:
            await self.placed.send(order)  # the answer is dropped: as if we had died before it
            how = "the answer was thrown away"
        except OutcomeUnknown as unknown:
            how = f"the answer was lost ({unknown})"
        shown, took = await self._found(self.placed.key(order.client_order_id))
        _demand_same(shown, order)
        return f"{how}; found by our id after {_seconds(took)}"

    async def duplicate(self) -> str:
        """The id of an open order makes no second one; what it makes after the end is written down."""
        order = self._resting_order()
        first = await self.placed.send(order)
        while_open = await self._again(order, first)
        await asyncio.sleep(_A_MOMENT)
        listed = {one.venue_order_id for one in await self._listed(order)}
        if while_open is None or len(listed) > 1:
            raise DoesNotHold("the id of an open order makes a second order")
        if not listed:
            raise DoesNotHold("open orders do not show it, so a second one would not be seen")
        key = self.placed.key(order.client_order_id).evolve(venue_order_id=first.venue_order_id)
        await self._venue.cancel(key)
        await self._ended(key)
        after = await self._again(order, first) or "makes a new order, canceled at the end"
        return f"while the order is open: {while_open}; once it has ended: {after}"

    async def cancel(self) -> str:
        """It is canceled by our id alone, and is no longer listed."""
        order, _ = await self._resting()
        key = self.placed.key(order.client_order_id)
        await self._venue.cancel(key)
        shown = await self._ended(key)
        if shown.state not in {OrderState.CANCELED, OrderState.EXPIRED}:
            raise DoesNotHold(f"it is {shown.state} after the cancel")

        async def gone() -> bool | None:
            listed = {one.venue_order_id for one in await self._venue.open_orders([order.symbol])}
            return None if shown.venue_order_id in listed else True

        if await self._until(gone, self._grace) is None:
            raise DoesNotHold("it is listed as open after its end")
        return "canceled, and listed no longer"

    async def unknown(self) -> str:
        """A cancel of what never was is told apart from one that worked."""
        try:
            await self._venue.cancel(self.placed.key(self.placed.new_id()))
        except OrderUnknown:
            return "it says that it does not know the order"
        raise DoesNotHold("a cancel of an order that never was is taken")

    async def fill(self) -> str:
        """What trades at once is booked in full: amounts, prices, fees, the balance."""
        base, step = self.plan.market.base, self.plan.market.price_step
        before = fills.held(await self._venue.balances(), base)
        for _ in range(TAKING):
            order = await self._taking_order()
            report = await self.placed.send(order)
            key = self.placed.key(order.client_order_id).evolve(
                venue_order_id=report.venue_order_id
            )
            ended = await self._ended(key)
            if ended.filled:
                break
        else:
            raise DoesNotHold(f"{TAKING} orders at the best price filled nothing")
        trades, took = await self._trades(key, ended.filled)
        fills.demand_booked(order, ended, trades, step)
        await self._demand_balance(base, fills.after(before, trades, base))
        return f"{fills.told(order, trades)}, after {_seconds(took)}"

    async def absent(self) -> str:
        """An id that never was is proved absent, by the rounds, the fence and the grace of this venue."""
        grace, key = self._venue.visibility_grace, self.placed.key(self.placed.new_id())
        proof = NO_TIME if grace is None else self._venue.fence + FENCE_MARGIN + grace
        pauses = _pauses(proof)
        long = duration(sum(pauses, NO_TIME))
        self._say(f"looking {len(pauses)} times, for {long}")
        for pause in pauses:
            await asyncio.sleep(pause.total_seconds())
            if await self._venue.find(key) is not None:
                raise DoesNotHold("it shows an order of an id that never was")
        looks = f"not there in {len(pauses)} complete looks"
        if grace is None:
            return f"{looks}; nothing proves an order absent here, a person decides"
        return f"{looks}, for {long}: proved absent"

    async def clear(self) -> str:
        """Nothing of this run rests any more."""
        self._say("canceling what was sent")
        left = await self.placed.cancel_all()
        if left:
            raise DoesNotHold(f"may still rest, cancel by hand: {'; '.join(left)}")
        return "everything is canceled, seen in two looks"

    # What they are made of

    @property
    def _grace(self) -> timedelta:
        return self._venue.visibility_grace or UNKNOWN_GRACE

    def _resting_order(self) -> NewOrder:
        plan = self.plan
        amount, post_only = smallest(plan.market, plan.far), plan.market.offers.post_only
        return self.placed.buy(plan.far, amount, post_only=post_only)

    async def _resting(self) -> tuple[NewOrder, Report]:
        if self._rests is None:
            order = self._resting_order()
            self._rests = order, await self.placed.send(order)
        return self._rests

    async def _taking_order(self) -> NewOrder:
        """What may trade at the best price of this moment and no other."""
        market = self.plan.market
        offered = await self._venue.book(market.symbol, Side.BUY)
        if not offered:
            raise DoesNotHold("nothing is on offer")
        amount, price = to_fill(market, offered[0]), offered[0].price
        return self.placed.buy(price, amount, time_in_force=TimeInForce.IOC)

    async def _would_leave(self, order: NewOrder) -> bool:
        """Whether it comes to where its first byte would leave. There it is held: nothing is sent."""
        asked = False

        def hold() -> bool:
            nonlocal asked
            asked = True
            return True

        try:
            await self._venue.send(order, hold)
        except VenueRefused:
            return asked
        except NotSent:
            if not asked:
                raise
            return True
        raise DoesNotHold("an order that was held back is sent all the same")

    async def _again(self, order: NewOrder, first: Report) -> str | None:
        """What the venue makes of an id it knows, in words; None for a second order."""
        try:
            second = await self.placed.send(order)
        except (VenueRefused, OutcomeUnknown) as no:
            return f"refused ({no})"
        same = second.venue_order_id == first.venue_order_id
        return "answered with that order" if same else None

    async def _found(self, key: OrderKey) -> tuple[Report, timedelta]:
        """An order as soon as it shows, within the time after which it would count as absent."""
        seen = await self._until(lambda: self._venue.find(key), self._grace)
        if seen is None:
            raise DoesNotHold(f"not found by our id within {_seconds(self._grace)}")
        return seen

    async def _listed(self, order: NewOrder) -> Sequence[Report]:
        """The open orders with this id, as soon as there is one."""

        async def look() -> Sequence[Report] | None:
            shown = await self._venue.open_orders([order.symbol])
            return [one for one in shown if one.client_order_id == order.client_order_id] or None

        seen = await self._until(look, self._grace)
        return () if seen is None else seen[0]

    async def _trades(self, key: OrderKey, claimed: Decimal) -> tuple[Sequence[Trade], timedelta]:
        """The trades of an order as soon as they add up to what it claims: some show late."""
        last: Sequence[Trade] = ()

        async def look() -> Sequence[Trade] | None:
            nonlocal last
            last = await self._venue.trades(key)
            return last if fills.amount(last) == claimed else None

        seen = await self._until(look, LATE_TRADES)
        if seen is None:
            told = f"its trades come to {figure(fills.amount(last))}, it claims {figure(claimed)}"
            raise DoesNotHold(f"{told}, after {_seconds(LATE_TRADES)}")
        return seen

    async def _demand_balance(self, asset: str, amount: Decimal) -> None:
        shown = ZERO

        async def look() -> bool | None:
            nonlocal shown
            shown = fills.held(await self._venue.balances(), asset)
            return True if shown == amount else None

        if await self._until(look, self._grace) is None:
            told = f"the account has {figure(shown)} {asset}"
            raise DoesNotHold(f"{told}, by the trades and their fees it would be {figure(amount)}")

    async def _ended(self, key: OrderKey) -> Report:
        async def look() -> Report | None:
            shown = await self._venue.find(key)
            return shown if shown is not None and shown.state in orders.ENDED else None

        seen = await self._until(look, self._grace)
        if seen is None:
            raise DoesNotHold(f"it has not ended after {_seconds(self._grace)}")
        return seen[0]

    async def _until(
        self, look: Callable[[], Awaitable[T | None]], within: timedelta
    ) -> tuple[T, timedelta] | None:
        """What a look shows as soon as it shows anything, and how long that took."""
        began = self._clock()
        for pause in chain(orders.LOOK_AGAIN, repeat(orders.LOOK_AGAIN[-1])):
            found, took = await look(), self._clock() - began
            if found is not None:
                return found, took
            if took >= within:
                break
            await asyncio.sleep(min(pause, within - took).total_seconds())
        return None


def _demand_same(shown: Report, order: NewOrder) -> None:
    for what, seen, sent in (
        ("client id", shown.client_order_id, order.client_order_id),
        ("market", shown.symbol, order.symbol),
        ("side", shown.side, order.side),
        ("amount", shown.amount, order.amount),
        ("price", shown.price, order.price),
    ):
        if seen != sent:
            told = [figure(one) if isinstance(one, Decimal) else one for one in (seen, sent)]
            raise DoesNotHold(f"it shows the {what} {told[0]}, sent was {told[1]}")


def _pauses(proof: timedelta) -> Sequence[timedelta]:
    """The pauses before the looks that prove an order absent after so long, as the desk makes them."""
    pauses = list(orders.LOOK_AGAIN[: orders.ROUNDS_FOR_ABSENCE])
    while sum(pauses, NO_TIME) < proof:
        pauses.append(orders.LOOK_AGAIN[min(len(pauses), len(orders.LOOK_AGAIN) - 1)])
    return pauses


def _seconds(span: timedelta) -> str:
    return f"{span / timedelta(seconds=1):.1f} s"
