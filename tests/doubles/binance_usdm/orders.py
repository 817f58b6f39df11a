"""What is asked for as an order at the loopback Binance USD-M: checked in Binance's words, and shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.doubles.binance_account import Refused, eight, number
from tests.doubles.binance_usdm.account import ContractAccount, ContractOrder
from tests.doubles.binance_usdm.contracts import ALGO_TYPES, Contract
from tests.doubles.trading import ZERO, Order

SOONEST_END = 600_000
"""How far ahead a good-till-date order must end, in milliseconds."""
_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")


def order_asked_for(asked: Mapping[str, str], account: ContractAccount, now: int) -> ContractOrder:
    """The order that `POST v1/order` asks for.

    Raises:
        Refused: it is none.
    """
    contract = account.contract(asked.get("symbol"))
    kind = asked.get("type")
    if kind in ALGO_TYPES:
        raise Refused(
            -4120,
            "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
        )
    if kind not in ("LIMIT", "MARKET"):
        raise Refused(-1116, "Invalid orderType.")
    limited, tif = kind == "LIMIT", asked.get("timeInForce")
    if not limited and (tif is not None or "price" in asked):
        extra = "price" if tif is None else "timeInForce"
        raise Refused(-1106, f"Parameter '{extra}' sent when not required.")
    if limited and tif not in ("GTC", "IOC", "FOK", "GTX", "GTD"):
        raise Refused(-1115, "Invalid timeInForce.")
    client_id = checked_id(asked, "newClientOrderId", f"double-{len(account.accepted) + 1}")
    if any(order.client_id == client_id for order in account.open_orders()):
        raise Refused(-4116, "ClientOrderId is duplicated.")
    reduce_only, amount = reduces(asked), checked_amount(asked, contract)
    price = checked_price(asked, "price", contract) if limited else ZERO
    order = ContractOrder(
        id=1000 + len(account.accepted),
        client_id=client_id,
        symbol=contract.symbol,
        side=checked_side(asked, account),
        type=kind,
        time_in_force=tif or "GTC",
        price=price,
        amount=amount,
        time=now,
        updated=now,
        ends=_end(asked, now) if tif == "GTD" else None,
        reduce_only=reduce_only,
    )
    check_market(order, account)
    return order


def check_market(order: ContractOrder, account: ContractAccount) -> None:
    """Raises what is said of an order that the market does not take now."""
    contract, mark = account.contracts[order.symbol], account.mark(order.symbol)
    if contract.status != "TRADING":
        raise Refused(-4141, "Symbol is closed.")
    least, most = (mark * Decimal(share) for share in contract.percent)
    if order.price and order.side == "BUY" and order.price > most:
        raise Refused(-4016, f"Limit price can't be higher than {most:.2f}.")
    if order.price and order.side == "SELL" and order.price < least:
        raise Refused(-4024, f"Limit price can't be lower than {least:.2f}.")
    smallest = Decimal(contract.min_notional)
    if not order.reduce_only and (order.price or mark) * order.amount < smallest:
        told = (
            f"Order's notional must be no smaller than {smallest} (unless you choose reduce only)."
        )
        raise Refused(-4164, told)


def checked_id(asked: Mapping[str, str], name: str, otherwise: str) -> str:
    """The client's id of an order."""
    client_id = asked.get(name, otherwise)
    if len(client_id) > 36:
        raise Refused(-4015, "Client order id length should not be more than 36 chars")
    if not _ID.fullmatch(client_id):
        raise Refused(-1100, f"Illegal characters found in parameter '{name}'.")
    return client_id


def checked_side(asked: Mapping[str, str], account: ContractAccount) -> str:
    """Its side; in hedge mode an order that does not say of which position is refused."""
    side, position_side = asked.get("side"), asked.get("positionSide", "BOTH")
    if side not in ("BUY", "SELL"):
        raise Refused(-1117, "Invalid side.")
    if account.hedge or position_side != "BOTH":
        raise Refused(-4061, "Order's position side does not match user's setting.")
    return side


def reduces(asked: Mapping[str, str]) -> bool:
    """Whether it is reduce-only."""
    told = asked.get("reduceOnly", "false").lower()
    if told not in ("true", "false"):
        raise Refused(-4062, "Invalid or improper reduceOnly value.")
    return told == "true"


def checked_amount(asked: Mapping[str, str], contract: Contract) -> Decimal:
    """Its quantity."""
    amount = number(asked, "quantity")
    if amount <= ZERO:
        raise Refused(-4003, "Quantity less than or equal to zero.")
    if amount % Decimal(contract.step):
        raise Refused(-1111, "Precision is over the maximum defined for this asset.")
    if amount > Decimal(contract.max_amount):
        raise Refused(-4005, "Quantity greater than max quantity.")
    return amount


def checked_price(asked: Mapping[str, str], name: str, contract: Contract) -> Decimal:
    """A price of it."""
    price = number(asked, name)
    if price <= ZERO:
        raise Refused(-4001, "Price less than 0.")
    if len(asked[name].partition(".")[2]) > contract.price_digits:
        raise Refused(-1111, "Precision is over the maximum defined for this asset.")
    if price % Decimal(contract.tick):
        raise Refused(-4014, "Price not increased by tick size.")
    if price > Decimal(contract.max_price):
        raise Refused(-4002, "Price greater than max price.")
    return price


def _end(asked: Mapping[str, str], now: int) -> int:
    """When a good-till-date order ends: of what was asked for the milliseconds do not count."""
    ends = int(number(asked, "goodTillDate")) // 1000 * 1000
    if ends <= now + SOONEST_END:
        raise Refused(
            -5040,
            "The goodTillDate timestamp must be greater than the current time plus 600 seconds and "
            "smaller than 253402300799000 (UTC 9999-12-31 23:59:59)",
        )
    return ends


def shown(order: Order) -> dict[str, Any]:
    """An order as `GET v1/order` shows it."""
    assert isinstance(order, ContractOrder)
    average = order.spent / order.filled if order.filled else ZERO
    return {
        "orderId": order.id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_id,
        "price": eight(order.price),
        "avgPrice": f"{average:.5f}",
        "origQty": eight(order.amount),
        "executedQty": eight(order.filled),
        "cumQuote": f"{order.spent:.5f}",
        "timeInForce": order.time_in_force,
        "type": order.type,
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": order.side,
        "positionSide": order.position_side,
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order.type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": order.ends or 0,
        "time": order.time,
        "updateTime": order.updated,
    }


def acknowledged(order: ContractOrder, asked: Mapping[str, str]) -> dict[str, Any]:
    """The answer to a new order: what came of it only where it can not rest, and that was asked for."""
    final = order.type == "MARKET" or order.time_in_force in ("IOC", "FOK")
    if not final or asked.get("newOrderRespType", "ACK") != "RESULT":
        order = replace(order, status="NEW", filled=ZERO, spent=ZERO)
    row = shown(order) | {"cumQty": eight(order.filled)}
    del row["time"]
    return row
