"""The orders of one conformance run: noted before they are sent, canceled at its end whatever happens.

Their client ids begin alike, so that a run also ends what one before it left that was killed. They are
not of the kind a desk's own orders have: no desk takes them for another Countersign's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from execution import orders
from execution.errors import NotSent, OrderUnknown, VenueError, VenueRefused, VenueUnavailable
from execution.types import OrderType, Side, TimeInForce
from execution.venues.venue import NewOrder, OrderKey, Report, Venue

MARK = b"cert"
"""What the sixteen bytes of every client id begin with."""
LOOKS = 2
BETWEEN_LOOKS = timedelta(seconds=3)
PATIENCE = timedelta(seconds=60)
"""How long canceling is tried before what may be left is named."""

Clock = Callable[[], datetime]
Token = Callable[[int], bytes]
"""So many bytes that nobody can guess."""


class Placed:
    """What was sent in one market, and may rest there."""

    def __init__(self, venue: Venue, symbol: str, clock: Clock, token: Token) -> None:
        self._venue, self._symbol = venue, symbol
        self._clock, self._token = clock, token
        self._keys: list[OrderKey] = []
        """One for each request that may have become an order, until that is seen to have ended."""
        self._on_the_way: set[asyncio.Task[Report]] = set()
        self._fence = clock()
        """Until then an order whose answer is not known may still be taken."""

    def new_id(self) -> str:
        """A client order id that no order has."""
        unique = UUID(bytes=MARK + self._token(16 - len(MARK)), version=4)
        return self._venue.client_order_id(unique.bytes)

    def buy(
        self,
        price: Decimal,
        amount: Decimal,
        *,
        time_in_force: TimeInForce = TimeInForce.GTC,
        post_only: bool = False,
    ) -> NewOrder:
        """A limit order with an id of its own, not sent yet."""
        return NewOrder(
            client_order_id=self.new_id(),
            symbol=self._symbol,
            side=Side.BUY,
            type=OrderType.LIMIT,
            amount=amount,
            price=price,
            time_in_force=time_in_force,
            post_only=post_only,
        )

    def key(self, client_order_id: str) -> OrderKey:
        """How an order is looked for by our id alone, sent about now."""
        return OrderKey(client_order_id=client_order_id, symbol=self._symbol, sent_at=self._clock())

    async def send(self, order: NewOrder) -> Report:
        """Send once. Who is interrupted meanwhile leaves the request to be answered.

        Raises:
            VenueRefused, NotSent, OutcomeUnknown: as `Venue.send`.
        """
        key = self.key(order.client_order_id)
        self._keys.append(key)
        sending = asyncio.create_task(self._venue.send(order))
        self._on_the_way.add(sending)
        try:
            report = await asyncio.shield(sending)
        except (VenueRefused, NotSent):
            self._keys.remove(key)
            raise
        except VenueError:
            self._fence = self._clock() + self._venue.fence
            raise
        finally:
            if sending.done():
                self._on_the_way.discard(sending)
        known = key.evolve(venue_order_id=report.venue_order_id)
        self._keys[self._keys.index(key)] = known
        return report

    async def cancel_all(self) -> Sequence[str]:
        """Cancel whatever rests, until two looks find nothing; what may be left, by its ids."""
        if self._on_the_way:
            await asyncio.gather(*self._on_the_way, return_exceptions=True)
            self._fence = self._clock() + self._venue.fence
        give_up, clean = max(self._clock(), self._fence) + PATIENCE, 0
        while True:
            began = self._clock()
            left = await self._look()
            clean = 0 if left else clean + 1
            if clean >= LOOKS and began >= self._fence:
                return ()
            if began >= give_up:
                return left or ["what was sent last may still be taken"]
            await asyncio.sleep(BETWEEN_LOOKS.total_seconds())

    async def _look(self) -> list[str]:
        """One look at everything that may rest; what does is asked to be canceled, and named."""
        left, listed = [], []
        try:
            shown = await self._venue.open_orders([self._symbol])
        except VenueUnavailable as error:
            left.append(f"open orders cannot be seen: {error}")
        else:
            listed = [_key(one) for one in shown if is_marked(one.client_order_id)]
        seen = {key.venue_order_id for key in listed}
        for key in [*listed, *(key for key in self._keys if key.venue_order_id not in seen)]:
            if await self._rests(key) or key in listed:
                left.append(f"{key.client_order_id} ({key.venue_order_id or 'no id was told'})")
        return left

    async def _rests(self, key: OrderKey) -> bool:
        """Whether an order may rest; then it was asked to be canceled just now."""
        try:
            shown = await self._venue.find(key)
            if shown is not None and shown.state in orders.ENDED:
                self._keys = [one for one in self._keys if one != key]
                return False
            # Also where no look-up knows it: one that was acknowledged is somewhere.
            await self._venue.cancel(key if shown is None else _key(shown))
        except OrderUnknown:
            return False
        except VenueUnavailable:
            return True
        return True


def is_marked(client_order_id: str | None) -> bool:
    """Whether a conformance run made this id, as far as its writing shows the bytes."""
    try:
        return UUID(client_order_id or "").bytes.startswith(MARK)
    except ValueError:
        return False


def _key(shown: Report) -> OrderKey:
    return OrderKey(
        client_order_id=shown.client_order_id,
        symbol=shown.symbol,
        venue_order_id=shown.venue_order_id,
    )
