"""Orders that wait for a price at the loopback Kraken Futures: triggers, told among the open orders.

One that fires becomes an order of the same number, taken or refused like any other. Whether that bears the
client id too no document says, so tests choose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from tests.doubles.binance_usdm.algo import AlgoOrder, AlgoOrders
from tests.doubles.kraken_futures.account import FuturesAccount, FuturesOrder, Rejected

PROTECTION = Decimal("0.01")
"""How far from the price that touched it one without a limit may trade, as a share of that."""


@dataclass(slots=True)
class Trigger(AlgoOrder):
    """One trigger; its status is `NEW` while it waits."""

    uid: str = ""
    reason: str = "new_user_order"
    """By what it changed last."""
    unit: str = ""
    """What the distance of a trailing one is told in."""


class Triggers(AlgoOrders):
    """Every trigger of an account."""

    accepted: list[Trigger]

    def __init__(self, account: FuturesAccount, now: Callable[[], int]) -> None:
        super().__init__(account, now)
        account.on_switch.append(self._switched_off)
        self.keeps_client_id = True
        """Whether the order that one becomes bears its client id."""
        self.on_refusal: list[Callable[[FuturesOrder, str], None]] = []
        """Called with an order that was not taken once its price was touched, and why."""

    def take(self, order: Trigger) -> None:
        """Let a new one wait; what its price is past already fires at once."""
        self.accepted.append(order)
        self._changed(order)
        self._look(order.symbol)

    def finish(self, order: Trigger, reason: str) -> None:
        """Let it wait no longer, unfired."""
        order.reason = reason
        self.end(order, "CANCELED")

    def _switched_off(self) -> None:
        for order in self.open_orders():
            assert isinstance(order, Trigger)
            self.finish(order, "dead_man_switch")

    def _trigger(self, order: AlgoOrder) -> None:
        assert isinstance(order, Trigger)
        order.triggered, order.reason = self._now(), "stop_order_triggered"
        order.order = became = self._becomes(order)
        self.end(order, "TRIGGERED")
        try:
            self._account.take(became)
        except Rejected as no:
            order.order, order.reason = None, str(no)
            self.end(order, "REJECTED")
            for tell in self.on_refusal:
                tell(became, str(no))

    def _becomes(self, order: Trigger) -> FuturesOrder:
        """One without a limit takes the market, no further than a share of the price."""
        last, tick = self._account.last[order.symbol], self._account.contracts[order.symbol].tick
        furthest = last * (1 + order.signed * PROTECTION)
        return FuturesOrder(
            id=len(self._account.accepted),
            client_id=order.client_id if self.keeps_client_id else "",
            symbol=order.symbol,
            side=order.side,
            type="LIMIT",
            time_in_force="GTC" if order.price else "IOC",
            price=order.price or furthest // Decimal(tick) * Decimal(tick),
            amount=order.amount,
            time=order.triggered,
            updated=order.triggered,
            reduce_only=order.reduce_only,
            uid=order.uid,
            origin="limit_order_from_stop",
        )
