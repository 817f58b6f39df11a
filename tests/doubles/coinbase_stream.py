"""What the loopback Coinbase tells without being asked: the account's orders, best prices, heartbeats.

All of it comes over sockets of one address, and each frame there bears its number. The account's orders
come to who brings a token that is signed as for REST; best prices come with each match, so here whenever
a book is set. Frames are those of Coinbase's reference (`user`, `ticker`, `heartbeats`, `subscriptions`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from tests.doubles.coinbase_account import Account, at, order_id
from tests.doubles.streaming import Frame, Socket, Streaming
from tests.doubles.trading import Order

ACCOUNT, BEATS, PRICES = "user", "heartbeats", "ticker"
_OF_ALL = {ACCOUNT: "11111111-1111-1111-1111-111111111111", BEATS: BEATS}
"""Channels that are not of a product, and what is said in its place."""


class CoinbaseStreams:
    """The sockets, and what was subscribed to over each."""

    def __init__(
        self,
        streaming: Streaming,
        account: Account,
        now: Callable[[], int],
        accepts: Callable[[str], bool],
    ) -> None:
        """`accepts` says whether a token is the account's and holds now."""
        self._streaming, self._account, self._now = streaming, account, now
        self._accepts = accepts
        self._sent: Counter[Socket] = Counter()
        self._beats = 0
        self.refusal: str | None = None
        """What every subscription to the account is answered with."""
        streaming.stamp = self._numbered
        account.on_order.append(self._tell_order)
        account.on_book.append(self._tell_book)

    def beat(self) -> None:
        """Send what comes each second to who asked for it."""
        self._beats += 1
        told = {"current_time": at(self._now()), "heartbeat_counter": self._beats}
        self._streaming.tell(BEATS, self._frame(BEATS, told))

    def hear(self, socket: Socket, frame: Frame) -> None:
        """Subscribe to a channel; its state of now comes first, then what the socket has by then."""
        no = self._refusal(frame)
        if no is not None:
            socket.say({"type": "error", "message": no})
            return
        name = frame["channel"]
        if name in _OF_ALL:
            socket.channels.add(name)
        if name == ACCOUNT:
            rows = [self._row(order) for order in self._account.open_orders()]
            self._answer(socket, name, {"type": "snapshot", "orders": rows})
        for product in frame["product_ids"] if name == PRICES else ():
            told_as = self._account.products[product].alias or product
            socket.channels.add(f"{name} {told_as}")
            self._answer(socket, name, {"type": "snapshot", "tickers": [self._ticker(told_as)]})
        self._answer(socket, "subscriptions", {"subscriptions": _subscribed(socket)})

    def _refusal(self, frame: Frame) -> str | None:
        """Why a subscription is refused; None if it is not."""
        if frame["channel"] == ACCOUNT:
            return self.refusal if self._accepts(frame.get("jwt", "")) else "authentication failure"
        known = all(product in self._account.products for product in frame["product_ids"])
        return None if known and frame["channel"] in (BEATS, PRICES) else "Failed to subscribe"

    def _answer(self, socket: Socket, channel: str, event: Frame) -> None:
        socket.say(self._numbered(socket, self._frame(channel, event)))

    def _frame(self, channel: str, event: Frame) -> Frame:
        now = at(self._now())
        return {"channel": channel, "client_id": "", "timestamp": now, "events": [event]}

    def _numbered(self, socket: Socket, frame: Frame) -> Frame:
        """A frame with its number on this socket, whatever channel it is of; the first is 0."""
        number = self._sent[socket]
        self._sent[socket] += 1
        return frame | {"sequence_num": number}

    def _tell_order(self, order: Order, how: str, trade: dict[str, Any] | None) -> None:
        before = {"NEW": "PENDING", "CANCELED": "CANCEL_QUEUED"}.get(how)
        changes: list[Frame] = [] if before is None else [{"status": before}]
        for change in [*changes, {}]:
            row = self._row(order) | change
            self._streaming.tell(ACCOUNT, self._frame(ACCOUNT, {"type": "update", "orders": [row]}))

    def _row(self, order: Order) -> Frame:
        """An order as the `user` channel tells it."""
        shown: Mapping[str, Any] = self._account.shown(order)
        return {
            "avg_price": shown["average_filled_price"],
            "cancel_reason": "",
            "client_order_id": order.client_id,
            "completion_percentage": shown["completion_percentage"],
            "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE",
            "creation_time": shown["created_time"],
            "cumulative_quantity": shown["filled_size"],
            "end_time": "0001-01-01T00:00:00Z" if order.ends is None else at(order.ends),
            "filled_value": shown["filled_value"],
            "leaves_quantity": f"{order.rest:f}",
            "limit_price": f"{order.price:f}",
            "number_of_fills": shown["number_of_fills"],
            "order_id": order_id(order),
            "order_side": order.side,
            "order_type": "Stop Limit" if order.stop else "Limit",
            "outstanding_hold_amount": "0",
            "post_only": "true" if order.type == "LIMIT_MAKER" else "false",
            "product_id": order.symbol,
            "product_type": "SPOT",
            "reject_reason": "",
            "retail_portfolio_id": "22222222-2222-2222-2222-222222222222",
            "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE",
            "start_time": "0001-01-01T00:00:00Z",
            "status": shown["status"],
            "stop_price": f"{order.stop:f}" if order.stop else "",
            "time_in_force": shown["time_in_force"],
            "total_fees": shown["total_fees"],
            "total_value_after_fees": shown["total_value_after_fees"],
            "trigger_status": shown["trigger_status"],
        }

    def _tell_book(self, symbol: str) -> None:
        told = {"type": "update", "tickers": [self._ticker(symbol)]}
        self._streaming.tell(f"{PRICES} {symbol}", self._frame(PRICES, told))

    def tell_nothing(self, product: str) -> None:
        """Tell of a market's prices without any, as it does now and then."""
        row = {"type": "ticker", "product_id": "", "price": "", "volume_24_h": ""}
        told = {"type": "update", "tickers": [row]}
        self._streaming.tell(f"{PRICES} {product}", self._frame(PRICES, told))

    def _ticker(self, product: str) -> Frame:
        book = self._account.books[product]
        (bid, bid_amount), (ask, ask_amount) = book.bids[0], book.asks[0]
        return {
            "type": "ticker",
            "product_id": product,
            "price": f"{self._account.last[product]:f}",
            "volume_24_h": "15328.12345678",
            "low_24_h": f"{bid:f}",
            "high_24_h": f"{ask:f}",
            "low_52_w": "25000",
            "high_52_w": "73800",
            "price_percent_chg_24_h": "1.85",
            "best_bid": f"{bid:f}",
            "best_bid_quantity": f"{bid_amount:f}",
            "best_ask": f"{ask:f}",
            "best_ask_quantity": f"{ask_amount:f}",
        }


def _subscribed(socket: Socket) -> dict[str, list[str]]:
    """A socket's channels with their products, as an acknowledgement lists them."""
    told: defaultdict[str, list[str]] = defaultdict(list)
    for channel in sorted(socket.channels):
        name, _, product = channel.partition(" ")
        told[name].append(product or _OF_ALL[name])
    return dict(told)
