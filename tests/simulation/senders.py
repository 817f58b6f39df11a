"""What senders send: orders that somebody might want, by chance.

Most are at the market or near it. The ones that wait lie so close to it that its moves touch some of them
soon; a few lie so close that it is there before they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from random import Random

from execution.types import OrderType, Side, Signal, Size, SizeKind, TimeInForce
from tests.simulation.exchange import BOOK, STEP
from tests.simulation.world import World

D = Decimal
_CENT = D("0.01")


@dataclass
class Senders:
    """Everybody who sends signals to one desk."""

    world: World
    random: Random

    def an_order(self, source: str = "") -> Signal:
        """Some order that somebody might want now."""
        dice = self.random
        symbol = dice.choice(list(BOOK))
        bid = self.world.exchange.bids[symbol]
        side = dice.choice(list(Side))
        away = dice.choice([None, None, None, D("0.001"), D("0.02")])
        sign = -1 if side is Side.BUY else 1
        price = None if away is None else (bid * (1 + sign * away)).quantize(_CENT)
        forces = [None, None, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]
        post_only = price is not None and dice.random() < 0.2
        return Signal(
            id=self.world.new_id(),
            source=source or dice.choice(["tv", "straight", "straight", "straight", "two"]),
            received_at=self.world.clock(),
            symbol=symbol,
            side=side,
            type=dice.choice([None, None, OrderType.MARKET]) if price is None else OrderType.LIMIT,
            price=price,
            size=self._some_of(bid),
            time_in_force=None if price is None or post_only else dice.choice(forces),
            post_only=post_only,
        )

    def a_buy_at_the_market(self) -> Signal:
        """Something to protect."""
        wanted = {"side": Side.BUY, "type": OrderType.MARKET, "price": None}
        some = self.an_order(source="straight")
        return some.evolve(**wanted, time_in_force=None, post_only=False)

    def one_that_waits(self) -> Signal:
        """A stop or a target behind a position, mostly; else a buy that waits for its price."""
        dice = self.random
        held = self.world.read(lambda tx: [position.symbol for position in tx.positions.open()])
        sells = bool(held) and dice.random() < 0.8
        symbol = dice.choice(held) if sells else dice.choice(list(BOOK))
        bid = self.world.exchange.bids[symbol]
        kind = dice.choice(_SELLS if sells else _BUYS)
        upwards = sells == (kind in _TARGETS)
        away = dice.choice([D("0.0002"), D("0.0008"), D("0.005"), D("0.02")])
        stop = (bid * (1 + (away if upwards else -away))).quantize(_CENT)
        slack = D("0.998") if sells else D("1.002")
        return Signal(
            id=self.world.new_id(),
            source=dice.choice(["tv", *["straight"] * 5]),
            received_at=self.world.clock(),
            symbol=symbol,
            side=Side.SELL if sells else Side.BUY,
            type=kind,
            price=(stop * slack).quantize(_CENT) if kind in _LIMITED else None,
            stop_price=stop,
            size=self._some_of(bid) if not sells or dice.random() < 0.1 else None,
            reduce_only=sells,
        )

    def past_the_stop(self, signal: Signal) -> Decimal:
        """Where the market touches what waits: right there, or a jump further."""
        assert signal.stop_price is not None, "it waits for a price"
        upwards = (signal.side is Side.SELL) == (signal.type in _TARGETS)
        away = self.random.choice([D(0), D(0), D("0.001"), D("0.01")])
        return (signal.stop_price * (1 + (away if upwards else -away))).quantize(_CENT)

    def _some_of(self, bid: Decimal) -> Size:
        amount = (D(self.random.randrange(50, 900)) / bid).quantize(STEP)
        return Size(kind=SizeKind.AMOUNT, value=amount)


_TARGETS = (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
_LIMITED = (OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT)
_SELLS = (OrderType.STOP, OrderType.STOP, OrderType.STOP_LIMIT, *_TARGETS)
_BUYS = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT)
