"""What the loopback Binance tells without being asked: the account's orders, and best prices.

The account's events come over the WebSocket API, to who subscribed with a signature; best prices come
over the market streams. Frames are those of binance-spot-api-docs: `user-data-stream.md`,
`web-socket-api.md`, `web-socket-streams.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.doubles.binance_account import Account, Refused, eight
from tests.doubles.streaming import Frame, Socket, Streaming
from tests.doubles.trading import ZERO, Order, TradingAccount

ACCOUNT = "the account's events"
"""The channel of everyone whose signature was accepted."""
Check = Callable[[Mapping[str, str]], None]
"""Raises `Refused` unless the parameters are signed as they should be."""


class MarketStreams:
    """Best prices, of spot and of contracts alike."""

    def __init__(
        self,
        streaming: Streaming,
        account: TradingAccount,
        best: Callable[[str], dict[str, Any]],
        now: Callable[[], int],
    ) -> None:
        self._streaming, self._best, self._now = streaming, best, now
        account.on_book.append(self._tell_book)

    def hear(self, socket: Socket, frame: Frame) -> None:
        """Do what a frame asks for, and answer it."""
        if frame["method"] == "SUBSCRIBE":
            socket.channels |= set(frame["params"])
            socket.say({"result": None, "id": frame["id"]})
            # No book is told with the answer, but in a busy market the next change follows at once.
            for name in frame["params"]:
                self._tell_book(name.partition("@")[0].upper())
        elif frame["method"] == "UNSUBSCRIBE":
            socket.channels -= set(frame["params"])
            socket.say({"result": None, "id": frame["id"]})
        else:
            error = {"code": 2, "msg": "Invalid request: unknown variant"}
            socket.say({"error": error, "id": frame["id"]})

    def beat(self) -> None:
        """Say that the connections live, as Binance does every 20 s, of contracts every three minutes."""
        self._streaming.ping()

    def book_ticker(self, symbol: str) -> Frame:
        """Best prices as they are told."""
        best = self._best(symbol)
        return {
            "u": self._now(),
            "s": symbol,
            "b": best["bidPrice"],
            "B": best["bidQty"],
            "a": best["askPrice"],
            "A": best["askQty"],
        }

    def _tell_book(self, symbol: str) -> None:
        self._streaming.tell(f"{symbol.lower()}@bookTicker", self.book_ticker(symbol))


class BinanceStreams(MarketStreams):
    """The WebSocket API, as far as it subscribes to an account, and the market streams."""

    def __init__(
        self,
        streaming: Streaming,
        account: Account,
        best: Callable[[str], dict[str, Any]],
        now: Callable[[], int],
        check: Check,
    ) -> None:
        super().__init__(streaming, account, best, now)
        self._account, self._check = account, check
        self.refusal: str | None = None
        """With what words every subscription to the account is refused."""
        account.on_order.append(self._tell_order)

    def hear(self, socket: Socket, frame: Frame) -> None:
        if socket.path.startswith("/ws-api/"):
            self._hear_api(socket, frame)
        else:
            super().hear(socket, frame)

    def _hear_api(self, socket: Socket, frame: Frame) -> None:
        try:
            if frame["method"] != "userDataStream.subscribe.signature":
                raise Refused(-1000, "Unknown method.")
            self._check(frame["params"])
            if self.refusal is not None:
                raise Refused(-1003, self.refusal, status=429)
        except Refused as no:
            error = {"code": no.code, "msg": no.message}
            socket.say({"id": frame["id"], "status": no.status, "error": error})
            return
        socket.channels.add(ACCOUNT)
        socket.say({"id": frame["id"], "status": 200, "result": {"subscriptionId": 0}})

    def end_subscription(self) -> None:
        """End the account's subscription; its sockets stay open."""
        self._event({"e": "eventStreamTerminated", "E": self._now()})

    def _event(self, event: Frame) -> None:
        self._streaming.tell(ACCOUNT, {"subscriptionId": 0, "event": event})

    def _tell_order(self, order: Order, how: str, trade: dict[str, Any] | None) -> None:
        self._event(self.report(order, how, trade))
        if trade is not None:
            self._event(
                {
                    "e": "outboundAccountPosition",
                    "E": self._now(),
                    "u": order.updated,
                    "B": [
                        {
                            "a": asset,
                            "f": eight(self._account.free.get(asset, ZERO)),
                            "l": eight(self._account.locked.get(asset, ZERO)),
                        }
                        for asset in self._account.assets(order.symbol)
                    ],
                }
            )

    def report(self, order: Order, how: str, trade: dict[str, Any] | None) -> Frame:
        """An order's event, `executionReport`."""
        done = trade or {}
        return {
            "e": "executionReport",
            "E": self._now(),
            "s": order.symbol,
            "c": f"cancel-{order.id}" if how == "CANCELED" else order.client_id,
            "S": order.side,
            "o": order.type,
            "f": order.time_in_force,
            "q": eight(order.amount),
            "p": eight(order.price),
            "P": eight(ZERO if order.trails else order.stop),
            "F": "0.00000000",
            "g": -1,
            "C": order.client_id if how == "CANCELED" else "",
            "x": how,
            "X": "NEW" if how == "NEW" else order.status,
            "r": "NONE",
            "i": order.id,
            "l": done.get("qty", "0.00000000"),
            "z": eight(order.filled),
            "L": done.get("price", "0.00000000"),
            "n": done.get("commission", "0"),
            "N": done.get("commissionAsset"),
            "T": order.updated,
            "t": done.get("id", -1),
            "I": 8641984 + order.id,
            "w": not order.waits,
            "m": done.get("isMaker", False),
            "M": False,
            "O": order.time,
            "Z": eight(order.spent),
            "Y": done.get("quoteQty", "0.00000000"),
            "Q": "0.00000000",
            "V": "EXPIRE_MAKER",
        }
