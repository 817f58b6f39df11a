"""Orders that wait for a price at the loopback Binance USD-M: algo orders, a list of their own.

Once the last price touches theirs they become an ordinary order, which bears the same client id and is
taken or refused like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.doubles.binance_account import Refused, eight, number
from tests.doubles.binance_usdm.account import ContractAccount, ContractOrder
from tests.doubles.binance_usdm.contracts import ALGO_TYPES
from tests.doubles.binance_usdm.orders import (
    check_market,
    checked_amount,
    checked_id,
    checked_price,
    checked_side,
    reduces,
)
from tests.doubles.trading import ZERO, Order

LEAST_CALLBACK, MOST_CALLBACK = Decimal("0.1"), Decimal(10)
"""Percents that a trailing stop may keep."""


@dataclass(slots=True)
class AlgoOrder(ContractOrder):
    """One algo order; its status is that of Binance's Algo Service."""

    activation: Decimal = ZERO
    """The price from which a trailing stop begins; zero: from the first one on."""
    begun: bool = False
    order: ContractOrder | None = None
    """What it became."""
    triggered: int = 0


class AlgoOrders:
    """Every algo order of an account."""

    def __init__(self, account: ContractAccount, now: Callable[[], int]) -> None:
        self.accepted: list[AlgoOrder] = []
        """Each one taken, in order, whatever was answered."""
        self.on_change: list[Callable[[AlgoOrder], None]] = []
        """Called with each change of one."""
        self._account, self._now = account, now
        account.on_book.append(self._look)
        account.on_order.append(self._finish)

    def place(self, asked: Mapping[str, str]) -> AlgoOrder:
        """Take a new one.

        Raises:
            Refused: nothing was taken.
        """
        order = self._asked_for(asked)
        if _touches(order, self._account.last[order.symbol]):
            raise Refused(-2021, "Order would immediately trigger.")
        self.accepted.append(order)
        self._changed(order)
        return order

    def wanted(self, asked: Mapping[str, str], code: int, message: str) -> AlgoOrder:
        """The newest with the id that is asked for."""
        for order in reversed(self.accepted):
            by_id = str(order.id) == asked.get("algoId")
            if by_id or ("algoId" not in asked and order.client_id == asked.get("clientAlgoId")):
                return order
        raise Refused(code, message)

    def cancel(self, asked: Mapping[str, str]) -> AlgoOrder:
        """Cancel one that waits.

        Raises:
            Refused: there is none.
        """
        order = self.wanted(asked, -2011, "Unknown order sent.")
        if order.status != "NEW":
            raise Refused(-2011, "Unknown order sent.")
        self.end(order, "CANCELED")
        return order

    def open_orders(self, symbol: str | None = None) -> list[AlgoOrder]:
        """Those that wait, oldest first."""
        return [o for o in self.accepted if o.status == "NEW" and symbol in (None, o.symbol)]

    def end(self, order: AlgoOrder, status: str) -> None:
        """Let it wait no longer."""
        order.status, order.updated = status, self._now()
        self._changed(order)

    def _asked_for(self, asked: Mapping[str, str]) -> AlgoOrder:
        contract = self._account.contract(asked.get("symbol"))
        kind, now = asked.get("type"), self._now()
        if asked.get("algoType") != "CONDITIONAL":
            raise Refused(-1102, "Mandatory parameter 'algotype' was not sent, was empty/null.")
        if kind not in ALGO_TYPES:
            raise Refused(-1116, "Invalid orderType.")
        tif = asked.get("timeInForce", "GTC")
        if tif not in ("GTC", "IOC", "FOK", "GTX"):
            raise Refused(-1115, "Invalid timeInForce.")
        client_id = checked_id(asked, "clientAlgoId", f"algo-{len(self.accepted) + 1}")
        if any(order.client_id == client_id for order in self.open_orders()):
            raise Refused(-20132, "clientAlgoId is duplicated.")
        trails = kind == "TRAILING_STOP_MARKET"
        limited = kind in ("STOP", "TAKE_PROFIT")
        return AlgoOrder(
            id=2_140_000 + len(self.accepted),
            client_id=client_id,
            symbol=contract.symbol,
            side=checked_side(asked, self._account),
            type=kind,
            time_in_force=tif,
            price=checked_price(asked, "price", contract) if limited else ZERO,
            amount=checked_amount(asked, contract),
            time=now,
            updated=now,
            stop=ZERO if trails else checked_price(asked, "triggerPrice", contract),
            share=_callback(asked) if trails else ZERO,
            activation=checked_price(asked, "activatePrice", contract)
            if "activatePrice" in asked
            else ZERO,
            reduce_only=reduces(asked),
        )

    def _look(self, symbol: str) -> None:
        for order in self.open_orders(symbol):
            if _touches(order, self._account.last[symbol]):
                self._trigger(order)

    def _trigger(self, order: AlgoOrder) -> None:
        now = self._now()
        became = ContractOrder(
            id=1000 + len(self._account.accepted),
            client_id=order.client_id,
            symbol=order.symbol,
            side=order.side,
            type="LIMIT" if order.price else "MARKET",
            time_in_force=order.time_in_force,
            price=order.price,
            amount=order.amount,
            time=now,
            updated=now,
            reduce_only=order.reduce_only,
        )
        order.triggered, order.order = now, became
        try:
            check_market(became, self._account)
            self._account.take(became)
        except Refused:
            order.order = None
            self.end(order, "REJECTED")
            return
        if order.status == "NEW":  # not filled at once
            self.end(order, "TRIGGERED")

    def _finish(self, became: Order, how: str, trade: dict[str, Any] | None) -> None:
        for order in self.accepted:
            if order.order is became and became.status in ("FILLED", "CANCELED", "EXPIRED"):
                self.end(order, "FINISHED")

    def _changed(self, order: AlgoOrder) -> None:
        for tell in self.on_change:
            tell(order)


def _touches(order: AlgoOrder, last: Decimal) -> bool:
    """Whether this price fires it; a trailing stop follows it first, once it has begun."""
    if not order.trails:
        return order.touched(last)
    reached = last >= order.activation if order.side == "SELL" else last <= order.activation
    order.begun = order.begun or not order.activation or reached
    if not order.begun:
        return False
    order.follow(last)
    return order.touched(last)


def _callback(asked: Mapping[str, str]) -> Decimal:
    """The share of the price that a trailing stop keeps."""
    percent = number(asked, "callbackRate")
    if not LEAST_CALLBACK <= percent <= MOST_CALLBACK or percent % LEAST_CALLBACK:
        raise Refused(-2007, "Invalid callBack rate.")
    return percent / 100


def algo_shown(order: AlgoOrder) -> dict[str, Any]:
    """One as `GET v1/algoOrder` shows it."""
    became = order.order
    average = became.spent / became.filled if became is not None and became.filled else ZERO
    trailing = {
        "activatePrice": eight(order.activation),
        "callbackRate": str(order.share * 100),
    }
    return {
        "algoId": order.id,
        "clientAlgoId": order.client_id,
        "algoType": "CONDITIONAL",
        "orderType": order.type,
        "symbol": order.symbol,
        "side": order.side,
        "positionSide": order.position_side,
        "timeInForce": order.time_in_force,
        "quantity": eight(order.amount),
        "algoStatus": order.status,
        "actualOrderId": "" if became is None else str(became.id),
        "actualPrice": f"{average:.5f}",
        "triggerPrice": eight(ZERO if order.trails else order.stop),
        "price": eight(order.price),
        "icebergQuantity": None,
        "tpTriggerPrice": "0.000",
        "tpPrice": "0.000",
        "slTriggerPrice": "0.000",
        "slPrice": "0.000",
        "tpOrderType": "",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": "CONTRACT_PRICE",
        "priceMatch": "NONE",
        "closePosition": False,
        "priceProtect": False,
        "reduceOnly": order.reduce_only,
        "createTime": order.time,
        "updateTime": order.updated,
        "triggerTime": order.triggered,
        "goodTillDate": 0,
    } | (trailing if order.trails else {})
