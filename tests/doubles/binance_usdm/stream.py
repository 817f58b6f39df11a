"""What the loopback Binance USD-M tells without being asked: the account's events, and best prices.

Who connects with the account's listen key in the address hears of the account; best prices come to who
subscribes. Frames are those of "USDS-Margined Futures", User Data Streams and Market Streams.
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex
from typing import Any

from tests.doubles.binance_account import Refused, eight
from tests.doubles.binance_stream import MarketStreams
from tests.doubles.binance_usdm.account import ContractAccount, ContractOrder
from tests.doubles.binance_usdm.algo import AlgoOrder, AlgoOrders
from tests.doubles.binance_usdm.contracts import Position
from tests.doubles.streaming import Frame, Socket, Streaming
from tests.doubles.trading import ZERO, Order

ACCOUNT = "the account's events"
"""The channel of everyone with a listen key."""


class UsdmStreams(MarketStreams):
    """The private and the public streams."""

    def __init__(
        self,
        streaming: Streaming,
        account: ContractAccount,
        algos: AlgoOrders,
        best: Callable[[str], dict[str, Any]],
        now: Callable[[], int],
    ) -> None:
        super().__init__(streaming, account, best, now)
        self._account = account
        self.listen_key: str | None = None
        """The one that holds; None before one was asked for, and once it has expired."""
        streaming.greet = self._greet
        account.on_order.append(self._tell_order)
        account.on_money.append(self._tell_money)
        algos.on_change.append(self._tell_algo)

    def begin(self) -> Frame:
        """The listen key; the same until it ends."""
        self.listen_key = self.listen_key or token_hex(32)
        return {"listenKey": self.listen_key}

    def prolong(self) -> Frame:
        """Let it hold for an hour more; it raises what is said when there is none."""
        if self.listen_key is None:
            raise Refused(-1125, "This listenKey does not exist.")
        return self.begin()

    def finish(self) -> Frame:
        """End it."""
        self.listen_key = None
        return {}

    def expire(self) -> None:
        """Let it expire: that is told, and nothing more; the sockets stay open."""
        told = {"e": "listenKeyExpired", "E": self._now(), "listenKey": self.listen_key}
        self._streaming.tell(ACCOUNT, told)
        self.listen_key = None
        for socket in self._streaming.on(ACCOUNT):
            socket.channels.discard(ACCOUNT)

    def book_ticker(self, symbol: str) -> Frame:
        told = {"e": "bookTicker", "E": self._now(), "T": self._now()}
        return told | super().book_ticker(symbol)

    def _greet(self, socket: Socket) -> None:
        if self.listen_key is not None and socket.query.get("listenKey") == self.listen_key:
            socket.channels.add(ACCOUNT)

    def _event(self, kind: str, told: Frame) -> None:
        self._streaming.tell(ACCOUNT, {"e": kind, "E": self._now(), "T": self._now()} | told)

    def _tell_order(self, order: Order, how: str, trade: dict[str, Any] | None) -> None:
        assert isinstance(order, ContractOrder)
        self._event("ORDER_TRADE_UPDATE", {"o": self.report(order, how, trade)})

    def report(self, order: ContractOrder, how: str, trade: dict[str, Any] | None) -> Frame:
        """What an order's event says of it."""
        done = trade or {}
        average = order.spent / order.filled if order.filled else ZERO
        liquidated = how == "TRADE" and order.client_id.startswith("autoclose-")
        return {
            "s": order.symbol,
            "c": order.client_id,
            "S": order.side,
            "o": "LIQUIDATION" if order.client_id.startswith("autoclose-") else order.type,
            "f": order.time_in_force,
            "q": eight(order.amount),
            "p": eight(order.price),
            "ap": f"{average:.5f}",
            "sp": "0",
            "x": "CALCULATED" if liquidated else how,
            "X": "NEW" if how == "NEW" else order.status,
            "i": order.id,
            "l": done.get("qty", "0"),
            "z": eight(order.filled),
            "L": done.get("price", "0"),
            "N": done.get("commissionAsset"),
            "n": done.get("commission", "0"),
            "T": order.updated,
            "t": done.get("id", 0),
            "b": "0",
            "a": "0",
            "m": done.get("maker", False),
            "R": order.reduce_only,
            "wt": "CONTRACT_PRICE",
            "ot": order.type,
            "ps": order.position_side,
            "cp": False,
            "rp": done.get("realizedPnl", "0"),
            "pP": False,
            "si": 0,
            "ss": 0,
            "V": "EXPIRE_MAKER",
            "pm": "NONE",
            "gtd": order.ends or 0,
        }

    def _tell_money(self, why: str, asset: str, position: Position | None) -> None:
        wallet = eight(self._account.wallets[asset])
        told: Frame = {
            "m": why,
            "B": [{"a": asset, "wb": wallet, "cw": wallet, "bc": "0"}],
            "P": [],
        }
        if position is not None:
            told["P"] = [
                {
                    "s": position.symbol,
                    "pa": eight(position.amount),
                    "ep": eight(position.entry),
                    "bep": eight(position.entry),
                    "cr": "0",
                    "up": eight(self._account.unrealized(position)),
                    "mt": "cross",
                    "iw": "0",
                    "ps": position.side,
                }
            ]
        self._event("ACCOUNT_UPDATE", {"a": told})

    def _tell_algo(self, order: AlgoOrder) -> None:
        became = order.order
        told = {
            "caid": order.client_id,
            "aid": order.id,
            "at": "CONDITIONAL",
            "o": order.type,
            "s": order.symbol,
            "S": order.side,
            "ps": order.position_side,
            "f": order.time_in_force,
            "q": eight(order.amount),
            "X": order.status,
            "ai": "" if became is None else str(became.id),
            "tp": eight(order.stop),
            "p": eight(order.price),
            "V": "EXPIRE_MAKER",
            "wt": "CONTRACT_PRICE",
            "pm": "NONE",
            "cp": False,
            "pP": False,
            "R": order.reduce_only,
            "tt": order.triggered,
            "gtd": 0,
        }
        self._event("ALGO_UPDATE", {"o": told})
