"""What the steps of a conformance run work on: the venue, what is sent to it, and looks that wait.

`steps.py` and `contract_steps.py` ask it. What an exchange shows late is waited for, no longer than the
desk itself would wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import chain, repeat
from typing import TypeVar

from execution import orders
from execution.certifying import fills
from execution.certifying.placed import Clock, Placed, Token, grace
from execution.certifying.plan import DoesNotHold, Plan, smallest
from execution.errors import NotSent, VenueRefused
from execution.figures import figure
from execution.types import ZERO
from execution.venues.venue import Balance, NewOrder, OrderKey, Report, Trade, Venue

LATE_TRADES = timedelta(seconds=30)
"""How long after its order a trade may show."""
A_MOMENT = timedelta(seconds=1)
"""How long it is waited for what must not happen."""

T = TypeVar("T")
Say = Callable[[str], None]


class Bench:
    """What is tried at one venue, and what that has come to so far."""

    def __init__(
        self, venue: Venue, *, symbol: str | None, clock: Clock, token: Token, say: Say
    ) -> None:
        """`symbol` is where a person wants it tried; `say` is told of a step that takes long."""
        self.venue, self.wanted, self.clock, self.say = venue, symbol, clock, say
        self._token = token
        self._plan: Plan | None = None
        self._placed: Placed | None = None
        self._rests: tuple[NewOrder, Report] | None = None
        self.before: Mapping[str, Balance] = {}
        """What the account had before anything filled."""
        self.bought: Sequence[Trade] = ()
        """What has filled."""

    @property
    def plan(self) -> Plan:
        """What is sent, once there is a market for it."""
        assert self._plan is not None, "nothing is tried before the looks have held"
        return self._plan

    @plan.setter
    def plan(self, plan: Plan) -> None:
        self._plan = plan

    @property
    def placed(self) -> Placed:
        """What was sent."""
        if self._placed is None:
            self._placed = Placed(self.venue, self.plan.market, self.clock, self._token)
        return self._placed

    @property
    def grace(self) -> timedelta:
        """How long something may take to show."""
        return grace(self.venue)

    def far(self) -> NewOrder:
        """An order that rests far from the market, not sent yet."""
        plan = self.plan
        amount, post_only = smallest(plan.market, plan.far), plan.market.offers.post_only
        return self.placed.buy(plan.far, amount, post_only=post_only)

    async def resting(self) -> tuple[NewOrder, Report]:
        """The order that several steps look at, and what it was answered with."""
        if self._rests is None:
            order = self.far()
            self._rests = order, await self.placed.send(order)
        return self._rests

    async def would_leave(self, order: NewOrder) -> bool:
        """Whether it comes to where its first byte would leave. There it is held: nothing is sent."""
        asked = False

        def hold() -> bool:
            nonlocal asked
            asked = True
            return True

        try:
            await self.venue.send(order, hold)
        except VenueRefused:
            return asked
        except NotSent:
            if not asked:
                raise
            return True
        raise DoesNotHold("an order that was held back is sent all the same")

    async def filled(self, order: NewOrder) -> tuple[Sequence[Trade], timedelta]:
        """The trades of an order that may not rest, once it is sent and has ended, and how late they were."""
        report = await self.placed.send(order)
        key = self.placed.key(order.client_order_id).evolve(venue_order_id=report.venue_order_id)
        ended = await self.ended(key)
        if not ended.filled:
            return (), timedelta(0)
        trades, took = await self._trades(key, ended.filled)
        fills.demand_booked(order, ended, trades, self.plan.market.price_step)
        return trades, took

    async def found(self, order: NewOrder) -> tuple[Report, timedelta]:
        """An order by our id alone, as soon as it shows, within the time after which it would count as absent."""
        key = self.placed.key(order.client_order_id)
        seen = await self.until(lambda: self.venue.find(key), self.grace)
        if seen is None:
            raise DoesNotHold(f"not found by our id within {seconds(self.grace)}")
        demand_same(seen[0], order)
        return seen

    async def listed(self, order: NewOrder) -> Sequence[Report]:
        """The open orders with this id, as soon as there is one."""

        async def look() -> Sequence[Report] | None:
            shown = await self.venue.open_orders([order.symbol])
            return [one for one in shown if one.client_order_id == order.client_order_id] or None

        seen = await self.until(look, self.grace)
        return () if seen is None else seen[0]

    async def unlisted(self, shown: Report) -> bool:
        """Whether an order leaves the list of open ones."""

        async def gone() -> bool | None:
            listed = {one.venue_order_id for one in await self.venue.open_orders([shown.symbol])}
            return None if shown.venue_order_id in listed else True

        return await self.until(gone, self.grace) is not None

    async def ended(self, key: OrderKey) -> Report:
        """An order once it has ended."""

        async def look() -> Report | None:
            shown = await self.venue.find(key)
            return shown if shown is not None and shown.state in orders.ENDED else None

        seen = await self.until(look, self.grace)
        if seen is None:
            raise DoesNotHold(f"it has not ended after {seconds(self.grace)}")
        return seen[0]

    async def demand_held(self, asset: str, amount: Decimal, *, about: Decimal = ZERO) -> None:
        """The account has this much of an asset, soon; `about` is how much it may be off."""
        shown = ZERO

        async def look() -> bool | None:
            nonlocal shown
            shown = fills.held(await self.venue.balances(), asset)
            return True if abs(shown - amount) <= about else None

        if await self.until(look, self.grace) is None:
            told = f"the account has {figure(shown)} {asset}"
            raise DoesNotHold(f"{told}, by the trades and their fees it would be {figure(amount)}")

    async def until(
        self, look: Callable[[], Awaitable[T | None]], within: timedelta
    ) -> tuple[T, timedelta] | None:
        """What a look shows as soon as it shows anything, and how long that took."""
        began = self.clock()
        for pause in chain(orders.LOOK_AGAIN, repeat(orders.LOOK_AGAIN[-1])):
            found, took = await look(), self.clock() - began
            if found is not None:
                return found, took
            if took >= within:
                break
            await asyncio.sleep(min(pause, within - took).total_seconds())
        return None

    async def _trades(self, key: OrderKey, claimed: Decimal) -> tuple[Sequence[Trade], timedelta]:
        """The trades of an order as soon as they add up to what it claims: some show late."""
        last: Sequence[Trade] = ()

        async def look() -> Sequence[Trade] | None:
            nonlocal last
            last = await self.venue.trades(key)
            return last if fills.amount(last) == claimed else None

        seen = await self.until(look, LATE_TRADES)
        if seen is None:
            told = f"its trades come to {figure(fills.amount(last))}, it claims {figure(claimed)}"
            raise DoesNotHold(f"{told}, after {seconds(LATE_TRADES)}")
        return seen


def demand_same(shown: Report, order: NewOrder) -> None:
    """An order shows the terms it was sent with."""
    for what, seen, sent in (
        ("client id", shown.client_order_id, order.client_order_id),
        ("market", shown.symbol, order.symbol),
        ("side", shown.side, order.side),
        ("amount", shown.amount, order.amount),
        # Of what takes the market some tell a price all the same; a stop that trails has moved since.
        ("price", shown.price if order.price else None, order.price),
        ("stop price", shown.stop_price, None if order.trail else order.stop_price),
    ):
        untold = what == "stop price" and None in (seen, sent)
        if seen != sent and not untold:
            told = [figure(one) if isinstance(one, Decimal) else one for one in (seen, sent)]
            raise DoesNotHold(f"it shows the {what} {told[0]}, sent was {told[1]}")


def seconds(span: timedelta) -> str:
    """A short time."""
    return f"{span / timedelta(seconds=1):.1f} s"
