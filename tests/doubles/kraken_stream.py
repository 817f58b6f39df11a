"""What the loopback Kraken tells without being asked: the account's executions, and best prices.

Both speak version 2 of its WebSocket interface. The account's events come to who brings a token that
`GetWebSocketsToken` gave out. Frames are those of Kraken's reference (`executions`, `ticker`): an update
tells only what has changed, so that an order's market and client id are told once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Any

from tests.doubles.kraken_account import Account, Pair, Refused, kind_of, txid
from tests.doubles.streaming import Frame, Socket, Streaming
from tests.doubles.trading import Order

ACCOUNT = "executions"
TOKEN_LASTS = 900
"""Seconds from a token to its first use at most."""
_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
"""Coins that have another name there than in a pair's `wsname`."""


def name_of(pair: Pair) -> str:
    """A pair's name in frames: `BTC/USD`."""
    return "/".join(_NAMES.get(coin, coin) for coin in pair.info()["wsname"].split("/"))


class KrakenStreams:
    """The sockets for an account and for prices, told apart by their paths."""

    def __init__(self, streaming: Streaming, account: Account, now: Callable[[], int]) -> None:
        self._streaming, self._account, self._now = streaming, account, now
        self._tokens: dict[str, int] = {}
        """Those given out, with the time of it in milliseconds."""
        self._sequence: Counter[Socket] = Counter()
        self.refusal: str | None = None
        """What every subscription to the account is answered with."""
        streaming.stamp = self._numbered
        account.on_order.append(self._tell_order)
        account.on_book.append(self._tell_book)

    def token(self) -> dict[str, object]:
        """A new token, as `GetWebSocketsToken` answers."""
        token = token_urlsafe(32)
        self._tokens[token] = self._now()
        return {"token": token, "expires": TOKEN_LASTS}

    def forget_tokens(self) -> None:
        """Take none of those given out so far any more, as when their key is deleted."""
        self._tokens.clear()

    def beat(self) -> None:
        """Send what comes each second while there is nothing else to tell."""
        for socket in self._streaming.sockets:
            if socket.channels and not self._streaming.deaf:
                socket.say({"channel": "heartbeat"})

    def hear(self, socket: Socket, frame: Frame) -> None:
        """Answer a ping, or subscribe to a channel; its state of now comes first."""
        if frame["method"] == "ping":
            self._answer(socket, frame, {"method": "pong"})
            return
        asked = frame["params"]
        for name in asked.get("symbol", [None]):
            of = {} if name is None else {"symbol": name}
            try:
                channel = self._channel(socket, asked, name)
            except Refused as no:
                told = {"method": "subscribe", "success": False, "error": str(no)}
                self._answer(socket, frame, told | of)
                continue
            socket.channels.add(channel)
            result = {"channel": asked["channel"]} | of
            told = {"method": "subscribe", "success": True, "result": result}
            self._answer(socket, frame, told)
            socket.say(self._numbered(socket, self._snapshot(name)))

    def _channel(self, socket: Socket, asked: Mapping[str, Any], name: str | None) -> str:
        """The channel that is asked for.

        Raises:
            Refused: it may not be had.
        """
        private = "auth" in socket.path
        if (asked["channel"], private) not in ((ACCOUNT, True), ("ticker", False)):
            raise Refused("EGeneral:Invalid arguments")
        if not private:
            if name not in map(name_of, self._account.pairs.values()):
                raise Refused(f"Currency pair not supported {name}")
            return f"ticker {name}"
        since = self._tokens.get(asked["token"])
        if since is None or self._now() - since > TOKEN_LASTS * 1000:
            raise Refused("ESession:Invalid session")
        if self.refusal is not None:
            raise Refused(self.refusal)
        return ACCOUNT

    def _answer(self, socket: Socket, asked: Frame, told: Frame) -> None:
        now = self._stamp(self._now())
        echo = {"req_id": asked["req_id"]} if "req_id" in asked else {}
        socket.say(told | {"time_in": now, "time_out": now} | echo)

    def _snapshot(self, name: str | None) -> Frame:
        if name is not None:
            pair = next(one for one in self._account.pairs.values() if name_of(one) == name)
            return self._ticker(pair) | {"type": "snapshot"}
        shown = [self._whole(order, "new") for order in self._account.open_orders()]
        return {"channel": ACCOUNT, "type": "snapshot", "data": shown}

    def _numbered(self, socket: Socket, frame: Frame) -> Frame:
        """An event of the account bears its number in the subscription."""
        if frame["channel"] != ACCOUNT:
            return frame
        self._sequence[socket] += 1
        return frame | {"sequence": self._sequence[socket]}

    def _tell_order(self, order: Order, how: str, trade: dict[str, Any] | None) -> None:
        if how == "NEW":
            self._event(self._whole(order, "pending_new"))
            self._event(self._change(order, "new") | {"order_status": "new"})
            return
        if trade is not None:
            self._event(self._execution(order, trade))
            if order.rest:
                return
        kind = {"TRADE": "filled", "CANCELED": "canceled", "EXPIRED": "expired"}[how]
        reason = {"reason": "User requested"} if how == "CANCELED" else {}
        self._event(self._change(order, kind) | {"order_status": kind} | reason)

    def _event(self, row: Frame) -> None:
        self._streaming.tell(ACCOUNT, {"channel": ACCOUNT, "type": "update", "data": [row]})

    def _change(self, order: Order, kind: str) -> Frame:
        """What every update tells: by which event an order changed, and when."""
        at = self._stamp(order.updated)
        return {"order_id": txid(order), "exec_type": kind, "timestamp": at, "order_userref": 0}

    def _whole(self, order: Order, kind: str) -> Frame:
        """An order when it is told for the first time."""
        partly = "partially_filled" if order.filled else kind
        return self._change(order, kind) | {
            "cl_ord_id": order.client_id,
            "symbol": name_of(self._account.pairs[order.symbol]),
            "side": order.side.lower(),
            "order_type": kind_of(order),
            "order_qty": float(order.amount),
            "limit_price": float(order.price),
            "limit_price_type": "static",
            "time_in_force": order.time_in_force,
            "cum_qty": float(order.filled),
            "cum_cost": float(order.spent),
            "order_status": partly,
            "fee_usd_equiv": 0.0,
            "fee_ccy_pref": "fciq",
        }

    def _execution(self, order: Order, trade: dict[str, Any]) -> Frame:
        """A fill, which is told before the order is said to be filled."""
        return self._change(order, "trade") | {
            "exec_id": trade["id"],
            "trade_id": trade["trade_id"],
            "symbol": name_of(self._account.pairs[order.symbol]),
            "side": order.side.lower(),
            "order_type": kind_of(order),
            "last_qty": float(trade["vol"]),
            "last_price": float(trade["price"]),
            "cost": float(trade["cost"]),
            "liquidity_ind": "m" if trade["maker"] else "t",
            "order_status": "partially_filled",
            "cum_qty": float(order.filled),
            "cum_cost": float(order.spent),
            "avg_price": float(order.spent / order.filled),
            "fees": [{"asset": "USD", "qty": float(trade["fee"])}],
        }

    def _tell_book(self, symbol: str) -> None:
        pair = self._account.pairs[symbol]
        self._streaming.tell(f"ticker {name_of(pair)}", self._ticker(pair))

    def _ticker(self, pair: Pair) -> Frame:
        book = self._account.books[pair.id]
        bid, bid_amount = map(float, book.bids[0]) if book.bids else (None, 0.0)
        ask, ask_amount = map(float, book.asks[0]) if book.asks else (None, 0.0)
        row = {
            "symbol": name_of(pair),
            "bid": bid,
            "bid_qty": bid_amount,
            "ask": ask,
            "ask_qty": ask_amount,
            "last": float(self._account.last[pair.id]),
            "volume": 2158.32346723,
            "vwap": 60123.4,
            "low": 57300.1,
            "high": 61234.5,
            "change": -267.9,
            "change_pct": -0.41,
        }
        return {"channel": "ticker", "type": "update", "data": [row]}

    def _stamp(self, milliseconds: int) -> str:
        return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
