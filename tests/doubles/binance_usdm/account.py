"""The account behind the loopback Binance USD-M: wallets, positions, margin, matching.

The rules are those of "USDS-Margined Futures" at developers.binance.com, of a cross-margined account that
is not in multi-assets mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tests.doubles.binance_account import Refused, eight, listed
from tests.doubles.binance_usdm.contracts import Contract, Position
from tests.doubles.trading import OPEN, ZERO, Order, TradingAccount

MAKER, TAKER, LIQUIDATION = Decimal("0.0002"), Decimal("0.0005"), Decimal("0.0125")
"""The shares of a trade that are kept."""
_EIGHT = Decimal("0.00000001")


@dataclass(slots=True)
class ContractOrder(Order):
    """One accepted order for contracts."""

    reduce_only: bool = False
    position_side: str = "BOTH"
    realized: Decimal = ZERO
    """What its last trade realised."""

    @property
    def signed(self) -> int:
        return 1 if self.side == "BUY" else -1


class ContractAccount(TradingAccount):
    """One account at Binance USD-M."""

    def __init__(self, contracts: Iterable[Contract], now: Callable[[], int]) -> None:
        super().__init__(now)
        self.contracts: dict[str, Contract] = {one.symbol: replace(one) for one in contracts}
        self.positions: dict[tuple[str, str], Position] = {}
        self.wallets: dict[str, Decimal] = {}
        self.leverage = dict.fromkeys(self.contracts, 20)
        """What each contract is set to; change it as its owner would on the website."""
        self.hedge = False
        """Whether longs and shorts are held side by side (`dualSidePosition`)."""
        self.marks: dict[str, Decimal] = {}
        """Mark prices that differ from the middle of the book."""
        self.income: list[dict[str, Any]] = []
        self.on_money: list[Callable[[str, str, Position | None], None]] = []
        """Called with why a wallet changed, its asset, and the position that did so with it."""

    # What its owner, its neighbours and the exchange do to it

    def deposit(self, asset: str, amount: str) -> None:
        """Give the account this much of an asset, instead of what was there."""
        self.wallets[asset] = Decimal(amount)
        self._money_changed("DEPOSIT", asset)

    def trade_elsewhere(
        self, symbol: str, side: str, amount: str, price: str, *, position_side: str = "BOTH"
    ) -> ContractOrder:
        """Let somebody else who uses the account trade at this price."""
        order = self._new("web", symbol, side, Decimal(amount), "MARKET", position_side)
        self._fill_at_once(order, Decimal(price))
        return order

    def liquidate(self, symbol: str, price: str) -> ContractOrder:
        """Let the exchange end the orders and the position of a contract at this price."""
        (position,) = (one for one in self.held() if one.symbol == symbol)
        for open_one in self.open_orders(symbol):
            self._end(open_one, "CANCELED")
        side, amount = "SELL" if position.amount > 0 else "BUY", abs(position.amount)
        order = self._new("autoclose", symbol, side, amount, "LIMIT", position.side)
        order.price, order.time_in_force = Decimal(price), "IOC"
        self._fill_at_once(order, order.price)
        fee = amount * order.price * LIQUIDATION
        self._earn("INSURANCE_CLEAR", self.contracts[symbol].quote, -fee, symbol)
        return order

    def fund(self, symbol: str, rate: str) -> None:
        """Settle funding: at a positive rate longs pay, and shorts are paid."""
        for position in self.held():
            if position.symbol == symbol:
                paid = position.amount * self.mark(symbol) * Decimal(rate)
                asset = self.contracts[symbol].quote
                self._earn("FUNDING_FEE", asset, -paid, symbol)
                self._money_changed("FUNDING_FEE", asset)

    # What it comes to

    def contract(self, symbol: str | None) -> Contract:
        """The contract of this symbol.

        Raises:
            Refused: there is none.
        """
        return listed(self.contracts, symbol)

    def mark(self, symbol: str) -> Decimal:
        """The price that positions are valued at."""
        return self.marks.get(symbol) or self.last.get(symbol, ZERO)

    def held(self) -> list[Position]:
        """Every position that is not flat."""
        return [one for one in self.positions.values() if one.amount]

    def position(self, symbol: str, side: str = "BOTH") -> Position:
        """One position, flat ones too."""
        return self.positions.setdefault((symbol, side), Position(symbol, side))

    def unrealized(self, position: Position) -> Decimal:
        """What closing it at the mark price would realise."""
        return position.amount * (self.mark(position.symbol) - position.entry)

    def margins(self, symbol: str, *more: ContractOrder) -> tuple[Decimal, Decimal]:
        """The initial margin of a contract's positions, and of its orders, these included: of what would
        be held if all buys were filled, or all sells, whichever is more."""
        worth = self.mark(symbol)
        held = [one.amount * worth for one in self.held() if one.symbol == symbol]
        net, leverage = sum(held, ZERO), self.leverage[symbol]
        side = {"BUY": ZERO, "SELL": ZERO}
        for order in (*self.open_orders(symbol), *more):
            assert isinstance(order, ContractOrder)
            if not order.reduce_only:
                side[order.side] += order.rest * (order.price or worth)
        needed = max(abs(net + side["BUY"]), abs(net - side["SELL"])) / leverage
        of_positions = sum(map(abs, held), ZERO) / leverage
        return of_positions, max(needed - of_positions, ZERO)

    def initial_margin(self, asset: str, *more: ContractOrder) -> Decimal:
        """What is held back of an asset."""
        return sum(
            (
                sum(self.margins(symbol, *(one for one in more if one.symbol == symbol)), ZERO)
                for symbol, contract in self.contracts.items()
                if contract.quote == asset
            ),
            ZERO,
        )

    def margin_balance(self, asset: str) -> Decimal:
        """A wallet with what its positions would realise."""
        mine = (one for one in self.held() if self.contracts[one.symbol].quote == asset)
        return self.wallets.get(asset, ZERO) + sum(map(self.unrealized, mine), ZERO)

    def available(self, asset: str) -> Decimal:
        """What new orders may use."""
        return max(self.margin_balance(asset) - self.initial_margin(asset), ZERO)

    def reducible(self, order: ContractOrder) -> Decimal:
        """How much an order could make its position smaller by."""
        amount = self.position(order.symbol, order.position_side).amount
        return abs(amount) if amount * order.signed < 0 else ZERO

    # Taking orders, and trading

    def not_open(self) -> Exception:
        return Refused(-2011, "Unknown order sent.")

    def take(self, order: Order) -> list[dict[str, Any]]:
        trades = super().take(order)
        if order.type == "MARKET" and order.status in OPEN:
            self._end(order, "EXPIRED")
        return trades

    def admit(self, order: Order) -> None:
        assert isinstance(order, ContractOrder)
        if order.reduce_only:
            self._fit(order)
        else:
            asset = self.contracts[order.symbol].quote
            needed = self.initial_margin(asset, order)
            if self.initial_margin(asset) < needed > self.margin_balance(asset):
                raise Refused(-2019, "Margin is insufficient.")
        kept = "The order will not be recorded in the order history"
        meets = self._fillable(order)
        if order.time_in_force == "GTX" and meets > ZERO:
            told = "Due to the order could not be executed as maker, the Post Only order will be rejected."
            raise Refused(-5022, f"{told} {kept}")
        if order.time_in_force == "FOK" and meets < order.amount:
            told = (
                "Due to the order could not be filled immediately, the FOK order has been rejected."
            )
            raise Refused(-5021, f"{told} {kept}")

    def settle(self, order: Order, amount: Decimal, price: Decimal, maker: bool) -> dict[str, Any]:
        assert isinstance(order, ContractOrder)
        asset, worth = self.contracts[order.symbol].quote, amount * price
        commission = worth * (MAKER if maker else TAKER)
        position = self.position(order.symbol, order.position_side)
        realized = position.add(order.signed * amount, price)
        order.realized = realized.quantize(_EIGHT) + ZERO  # never minus zero
        position.updated = order.updated
        number = 5000 + len(self.trades)
        if order.realized:
            self._earn("REALIZED_PNL", asset, order.realized, order.symbol, number)
        self._earn("COMMISSION", asset, -commission, order.symbol, number)
        self._money_changed("ORDER", asset, position)
        return {
            "symbol": order.symbol,
            "id": number,
            "orderId": order.id,
            "side": order.side,
            "price": eight(price),
            "qty": eight(amount),
            "realizedPnl": eight(order.realized),
            "quoteQty": eight(worth),
            "commission": eight(commission),
            "commissionAsset": asset,
            "time": order.updated,
            "positionSide": order.position_side,
            "buyer": order.side == "BUY",
            "maker": maker,
        }

    def _trade(self, order: Order, amount: Decimal, price: Decimal, maker: bool) -> None:
        super()._trade(order, amount, price, maker)
        for other in self.open_orders(order.symbol):
            assert isinstance(other, ContractOrder)
            if other.reduce_only and other.rest > self.reducible(other):
                self._curb(other)

    def _fit(self, order: ContractOrder) -> None:
        """Take a reduce-only order as far as there is something to reduce that no other is for."""
        room, others = self.reducible(order), ZERO
        for other in self.open_orders(order.symbol):
            assert isinstance(other, ContractOrder)
            if other.reduce_only and other.side == order.side:
                others += other.rest
        if room <= others or (others and order.amount > room - others):
            raise Refused(-2022, "ReduceOnly Order is rejected.")
        order.amount = min(order.amount, room)

    def _curb(self, order: ContractOrder) -> None:
        """A reduce-only order rests for no more than there is to reduce."""
        room = self.reducible(order)
        if room:
            order.amount = order.filled + room
            self._changed(order, "AMENDMENT")
        else:
            self._end(order, "EXPIRED")

    def _new(
        self, whose: str, symbol: str, side: str, amount: Decimal, type: str, position_side: str
    ) -> ContractOrder:
        """An order that nobody sent over the API."""
        now = self._now()
        return ContractOrder(
            id=1000 + len(self.accepted),
            client_id=f"{whose}-{now}{len(self.accepted)}",
            symbol=symbol,
            side=side,
            type=type,
            time_in_force="GTC",
            price=ZERO,
            amount=amount,
            time=now,
            updated=now,
            position_side=position_side,
        )

    def _fill_at_once(self, order: ContractOrder, price: Decimal) -> None:
        self.accepted.append(order)
        self._changed(order, "NEW")
        self._trade(order, order.amount, price, False)

    def _earn(
        self, kind: str, asset: str, amount: Decimal, symbol: str, trade: int | None = None
    ) -> None:
        amount = amount.quantize(_EIGHT)
        self.wallets[asset] = self.wallets.get(asset, ZERO) + amount
        self.income.append(
            {
                "symbol": symbol,
                "incomeType": kind,
                "income": eight(amount),
                "asset": asset,
                "info": kind if trade is None else str(trade),
                "time": self._now(),
                "tranId": 9_689_322_392 + len(self.income),
                "tradeId": "" if trade is None else str(trade),
            }
        )

    def _money_changed(self, why: str, asset: str, position: Position | None = None) -> None:
        for tell in self.on_money:
            tell(why, asset, position)
