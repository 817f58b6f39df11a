"""What the loopback Kraken Futures tells without being asked: open orders, fills, and best prices.

All of it comes over one socket (WebSocket v1). The account's feeds come to who signs a challenge that was
given out on that socket. Frames are those of docs.kraken.com, "Derivatives WebSocket". An order that trades
in full as it comes is never an open one: only `fills` tells of it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.doubles.kraken_futures.account import ACCOUNT_UID, FuturesAccount, FuturesOrder
from tests.doubles.kraken_futures.contracts import uid
from tests.doubles.kraken_futures.triggers import Trigger, Triggers
from tests.doubles.streaming import Frame, Socket, Streaming
from tests.doubles.trading import OPEN, Order

OPEN_ORDERS, FILLS = "open_orders", "fills"
_ACCOUNT = (OPEN_ORDERS, "open_orders_verbose", FILLS)
_PRICES = ("ticker", "ticker_lite")
_ALERT = "Failed to subscribe to authenticated feed"
Best = Callable[[str], tuple[tuple[Decimal, Decimal], tuple[Decimal, Decimal]]]


class FuturesStreams:
    """Every feed that our product may ask for."""

    def __init__(
        self,
        streaming: Streaming,
        account: FuturesAccount,
        triggers: Triggers,
        best: Best,
        is_ours: Callable[[str, Frame], bool],
        now: Callable[[], int],
    ) -> None:
        """`is_ours` says whether a frame answers a challenge with the account's key."""
        self._streaming, self._account, self._triggers = streaming, account, triggers
        self._best, self._is_ours, self._now = best, is_ours, now
        self._challenges: dict[Socket, str] = {}
        self.refusal: str | None = None
        """With what words every subscription to the account is refused."""
        streaming.greet = lambda socket: socket.say({"event": "info", "version": 1})
        account.on_order.append(self._tell_order)
        account.on_book.append(self._tell_book)
        triggers.on_change.append(self._tell_trigger)

    def beat(self) -> None:
        """Send the heartbeats, to who asked for them."""
        self._streaming.tell("heartbeat", {"feed": "heartbeat", "time": self._now()})

    def hear(self, socket: Socket, frame: Frame) -> None:
        """Do what a frame asks for, and answer it."""
        event, feed = frame["event"], frame.get("feed", "")
        if event == "challenge":
            challenge = self._challenges[socket] = uid("c4a1", len(self._challenges))
            socket.say({"event": "challenge", "message": challenge})
        elif event not in ("subscribe", "unsubscribe"):
            socket.say({"event": "error", "message": "Json Error"})
        elif feed == "heartbeat":
            self._change(socket, event, {feed})
            socket.say({"event": f"{event}d", "feed": feed})
        elif feed in _PRICES:
            self._hear_prices(socket, event, feed, frame["product_ids"])
        elif feed in _ACCOUNT:
            self._hear_account(socket, event, feed, frame)
        else:
            socket.say({"event": "error", "message": "Invalid feed"})

    def _change(self, socket: Socket, event: str, channels: set[str]) -> None:
        if event == "subscribe":
            socket.channels |= channels
        else:
            socket.channels -= channels

    def _hear_prices(self, socket: Socket, event: str, feed: str, products: list[str]) -> None:
        if not set(products) <= self._account.contracts.keys():
            socket.say({"event": "error", "message": "Invalid product id"})
            return
        self._change(socket, event, {f"{feed} {one}" for one in products})
        socket.say({"event": f"{event}d", "feed": feed, "product_ids": products})
        for product in products if event == "subscribe" else ():
            socket.say(self.price(feed, product))

    def _hear_account(self, socket: Socket, event: str, feed: str, frame: Frame) -> None:
        ours = self._is_ours(self._challenges.get(socket, ""), frame)
        if not ours or self.refusal is not None:
            socket.say({"event": "alert", "message": self.refusal or _ALERT})
            return
        names = ("feed", "api_key", "original_challenge", "signed_challenge")
        socket.say({"event": f"{event}d"} | {name: frame[name] for name in names})
        self._change(socket, event, {feed})
        if event == "subscribe":
            socket.say(self._snapshot(feed))

    def _snapshot(self, feed: str) -> Frame:
        told: Frame = {"feed": f"{feed}_snapshot", "account": ACCOUNT_UID}
        if feed == FILLS:
            rows = self._account.trades[-100:]
            return told | {"fills": [self._fill(n, one) for n, one in enumerate(rows)]}
        orders: list[Any] = [*self._account.open_orders(), *self._triggers.open_orders()]
        return told | {"orders": [_shown(one) for one in orders]}

    # The account

    def _tell_order(self, order: Order, how: str, trade: dict[str, Any] | None) -> None:
        assert isinstance(order, FuturesOrder)
        if trade is not None:
            seq = len(self._account.trades) - 1
            told = {"username": ACCOUNT_UID, "fills": [self._fill(seq, trade)]}
            self._streaming.tell(FILLS, {"feed": FILLS} | told)
        if order.entering:
            return
        if how == "ENTERED":
            if order.status in OPEN:
                new = order.origin.replace("new_user_order", "new_placed_order_by_user")
                self._tell({"order": _shown(order), "is_cancel": False, "reason": new})
        elif how == "TRADE":
            over = not order.rest
            self._tell({"order": _shown(order), "is_cancel": over, "reason": order.reason})
        elif how == "CANCELED":
            self._tell(_gone(order))

    def _tell_trigger(self, order: Order) -> None:
        assert isinstance(order, Trigger)
        if order.status == "NEW":
            reason = "new_placed_order_by_user"
            self._tell({"order": _shown(order), "is_cancel": False, "reason": reason})
        elif order.status in ("TRIGGERED", "CANCELED"):
            self._tell(_gone(order))

    def _tell(self, told: Frame) -> None:
        for feed in (OPEN_ORDERS, "open_orders_verbose"):
            self._streaming.tell(feed, {"feed": feed} | told)

    def _fill(self, seq: int, trade: dict[str, Any]) -> Frame:
        order: FuturesOrder = trade["order"]
        told = {
            "instrument": order.symbol,
            "time": trade["time"],
            "price": float(trade["price"]),
            "seq": seq,
            "buy": order.side == "BUY",
            "qty": float(trade["amount"]),
            "remaining_order_qty": float(trade["left"]),
            "order_id": order.uid,
            "fill_id": trade["uid"],
            "fill_type": trade["type"],
            "fee_paid": float(trade["fee"]),
            "fee_currency": "USD",
            "taker_order_type": "ioc",
            "order_type": "lmt",
        }
        return told | ({"cli_ord_id": order.client_id} if order.client_id else {})

    # Prices

    def price(self, feed: str, symbol: str) -> Frame:
        """Best prices as a feed tells them."""
        bid, ask = self._best(symbol)
        told = {
            "feed": feed,
            "product_id": symbol,
            "bid": float(bid[0]),
            "ask": float(ask[0]),
            "change": -0.77,
            "premium": 0.0,
            "volume": 8309.2546,
            "tag": "perpetual",
            "pair": "XBT:USD",
            "dtm": 0,
            "maturityTime": 0,
            "volumeQuote": 498_555_276.0,
        }
        if feed == "ticker_lite":
            return told
        return told | {
            "time": self._now(),
            "bid_size": float(bid[1]),
            "ask_size": float(ask[1]),
            "leverage": "50x",
            "index": float(self._account.mark(symbol)),
            "last": float(self._account.last[symbol]),
            "suspended": False,
            "openInterest": 1950.5966,
            "markPrice": float(self._account.mark(symbol)),
            "post_only": False,
        }

    def _tell_book(self, symbol: str) -> None:
        for feed in _PRICES:
            self._streaming.tell(f"{feed} {symbol}", self.price(feed, symbol))


def _shown(order: FuturesOrder | Trigger) -> Frame:
    """An open order; `qty` is what is left of it."""
    waits = isinstance(order, Trigger)
    kind = {"STOP": "stop", "TAKE_PROFIT": "take_profit", "TRAILING_STOP": "trailing_stop"}
    told: Frame = {
        "instrument": order.symbol,
        "time": order.time,
        "last_update_time": order.updated,
        "qty": float(order.rest),
        "filled": float(order.filled),
        "limit_price": float(order.price),
        "stop_price": float(order.stop),
        "type": kind[order.type] if waits else "limit",
        "order_id": order.uid,
        "direction": 0 if order.side == "BUY" else 1,
        "reduce_only": order.reduce_only,
    }
    if order.client_id:
        told["cli_ord_id"] = order.client_id
    return told | ({"triggerSignal": "last"} if waits else {})


def _gone(order: FuturesOrder | Trigger) -> Frame:
    """An order that was taken out of the book is told by its ids alone."""
    told = {"order_id": order.uid, "is_cancel": True, "reason": order.reason}
    return told | ({"cli_ord_id": order.client_id} if order.client_id else {})
