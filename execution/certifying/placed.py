"""The orders of one conformance run: noted before they are sent, canceled at its end whatever happens; and
what they opened in contracts is closed.

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
from execution.certifying.plan import DoesNotHold, Waits, to_close
from execution.errors import NotSent, OrderUnknown, VenueError, VenueRefused, VenueUnavailable
from execution.executor.sending import FENCE_MARGIN
from execution.figures import figure
from execution.instruments import Instrument, MarketKind
from execution.rounding import exactly
from execution.types import ZERO, OrderType, Side, TimeInForce
from execution.venues.venue import NewOrder, OrderKey, Report, Venue

MARK = b"cert"
"""What the sixteen bytes of every client id begin with."""
LOOKS = 2
BETWEEN_LOOKS = timedelta(seconds=3)
PATIENCE = timedelta(seconds=60)
"""How long canceling is tried before what may be left is named."""
UNKNOWN_GRACE = timedelta(seconds=10)
"""How long an order may take to show where nobody says how long that is."""

Clock = Callable[[], datetime]
Token = Callable[[int], bytes]
"""So many bytes that nobody can guess."""


class Placed:
    """What was sent in one market, and may rest there."""

    def __init__(self, venue: Venue, market: Instrument, clock: Clock, token: Token) -> None:
        self._venue, self._market, self._symbol = venue, market, market.symbol
        self._clock, self._token = clock, token
        self._keys: list[OrderKey] = []
        """One for each request that may have become an order, until that is seen to have ended."""
        self._filled: dict[str, Decimal] = {}
        """What was bought, or (negative) sold, by the venue's id of each order."""
        self._closes: set[str] = set()
        """Our ids of the orders that close, less those that are proved never to have arrived."""
        self._on_the_way: set[asyncio.Task[Report]] = set()
        self._shown_by = clock()
        """Until then an order whose answer is not known may still be taken, or may not show yet."""

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

    def waiting(self, side: Side, amount: Decimal, terms: Waits, *, reduce_only: bool) -> NewOrder:
        """An order that waits for a price, not sent yet."""
        return NewOrder(
            client_order_id=self.new_id(),
            symbol=self._symbol,
            side=side,
            type=terms.type,
            amount=amount,
            price=terms.price,
            stop_price=terms.stop_price,
            trail=terms.trail,
            time_in_force=TimeInForce.GTC,
            reduce_only=reduce_only,
        )

    async def reducing(self, side: Side, amount: Decimal) -> NewOrder:
        """An order that fills at once and may only make a position smaller, not sent yet.

        Raises:
            DoesNotHold: nobody would take it.
            VenueUnavailable: nobody knows.
        """
        met = await self._venue.book(self._symbol, side)
        if not met:
            raise DoesNotHold("nothing is on offer")
        price = to_close(self._market, met[0].price, side)
        order = self.buy(price, amount, time_in_force=TimeInForce.IOC)
        self._closes.add(order.client_order_id)
        return order.evolve(side=side, reduce_only=True)

    def key(self, client_order_id: str) -> OrderKey:
        """How an order is looked for by our id alone, sent about now."""
        return OrderKey(client_order_id=client_order_id, symbol=self._symbol, sent_at=self._clock())

    async def send(self, order: NewOrder) -> Report:
        """Send once. Who is interrupted meanwhile leaves the request to be answered.

        Raises:
            VenueRefused, NotSent, OutcomeUnknown: as `Venue.send`.
        """
        sending = asyncio.create_task(self._sent(order))
        self._on_the_way.add(sending)
        sending.add_done_callback(self._on_the_way.discard)
        return await asyncio.shield(sending)

    async def clear(self) -> Sequence[str]:
        """Cancel whatever rests and close what was opened, until two looks find nothing; what may be left."""
        await asyncio.gather(*self._on_the_way, return_exceptions=True)
        give_up, clean = max(self._clock(), self._shown_by) + PATIENCE, 0
        while True:
            began = self._clock()
            left = await self._look()
            if self._venue.kind is MarketKind.SWAP:
                left += await self._close()
            clean = 0 if left else clean + 1
            if clean >= LOOKS and began >= self._shown_by:
                return ()
            if began >= give_up:
                return left or ["what was sent last may still be taken"]
            await asyncio.sleep(BETWEEN_LOOKS.total_seconds())

    async def _sent(self, order: NewOrder) -> Report:
        """Send, and note what is known of it then."""
        key = self.key(order.client_order_id)
        self._keys.append(key)
        try:
            report = await self._venue.send(order)
        except (VenueRefused, NotSent):
            self._keys.remove(key)
            raise
        except VenueError:
            late = self._venue.fence + FENCE_MARGIN + grace(self._venue)
            self._shown_by = self._clock() + late
            raise
        self._note(report)
        known = key.evolve(venue_order_id=report.venue_order_id)
        self._keys[self._keys.index(key)] = known
        return report

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
        would_show = self._would_show(key)
        try:
            shown = await self._venue.find(key)
            if shown is not None:
                self._note(shown)
            elif would_show:
                self._closes -= {key.client_order_id}
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

    async def _close(self) -> list[str]:
        """The position, by name, unless there is none; what of it is ours is asked to be closed just now."""
        try:
            position = (await self._venue.contracts()).positions.get(self._symbol, ZERO)
        except VenueUnavailable as error:
            return [f"a position in {self._symbol}, which cannot be seen: {error}"]
        named = [f"a position of {figure(position)} in {self._symbol}"] if position else []
        if not (opened := self._opened()):
            return named
        rest = f"a position of {figure(opened)} in {self._symbol}"
        if any(key.client_order_id in self._closes for key in self._keys):
            return [f"{rest}, unless an order that was sent has closed it"]
        side = Side.SELL if opened > 0 else Side.BUY
        try:
            # Also where none shows: that may be late, and an order that only reduces opens nothing.
            await self.send(await self.reducing(side, abs(opened)))
        except VenueRefused as no:
            return [f"{one}: {no}" for one in named]
        except (VenueError, DoesNotHold) as error:
            return [f"{rest}: {error}"]
        return [rest]

    def _would_show(self, key: OrderKey) -> bool:
        """Whether an order whose answer was lost never was, if a look from now on does not show it."""
        unanswered, proves = key.venue_order_id is None, self._venue.visibility_grace is not None
        return unanswered and proves and self._clock() >= self._shown_by

    @exactly
    def _opened(self) -> Decimal:
        """What the orders of this run have bought more than they sold; negative when it is less."""
        return sum(self._filled.values(), ZERO)

    def _note(self, shown: Report) -> None:
        filled = shown.filled if shown.side is Side.BUY else -shown.filled
        self._filled[shown.venue_order_id] = filled


def grace(venue: Venue) -> timedelta:
    """How long something may take to show there."""
    return venue.visibility_grace or UNKNOWN_GRACE


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
