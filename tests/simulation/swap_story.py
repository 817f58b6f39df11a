"""A seed's story on contracts: long and short, both ways out, somebody else in the account, deaths, halts."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from execution.types import OrderType, Side, Signal, Size, SizeKind
from execution.venues.paper import Faults
from tests.simulation.senders import Senders
from tests.simulation.story import CALM, Story
from tests.simulation.swap_world import BOOK, SwapWorld
from tests.simulation.themes import Theme
from tests.virtual_time import passes

D = Decimal
_ACTS = {
    "signals": 40,
    "protect": 15,
    "vote": 14,
    "price": 25,
    "lose_an_answer": 10,
    "unreachable": 5,
    "by_hand": 9,
    "crash_soon": 6,
    "restart": 1,
    "long_night": 1,
    "cancel": 5,
    "close": 10,
    "kill": 1,
    "flatten": 4,
    "kill_from_outside": 1,
    "resume": 16,
    "propose": 2,
}
"""How often each thing happens, as weights."""


class SwapSenders(Senders):
    """Everybody who sends signals about contracts."""

    world: SwapWorld

    def an_order(self, source: str = "") -> Signal:
        """An order that opens, adds or reduces, whichever it comes to; some may only reduce."""
        dice = self.random
        symbol, side = dice.choice(list(BOOK)), dice.choice(list(Side))
        bid = self.world.bids[symbol]
        away = dice.choice([None, None, None, D("0.001"), D("0.02")])
        sign = -1 if side is Side.BUY else 1
        closes, bound = dice.random() < 0.1, dice.random() < 0.2
        return Signal(
            id=self.world.new_id(),
            source=source or dice.choice(["tv", "straight", "straight", "straight"]),
            received_at=self.world.clock(),
            symbol=symbol,
            side=None if closes else side,
            type=None if away is None else OrderType.LIMIT,
            price=None if away is None or closes else _priced(bid * (1 + sign * away)),
            size=None if closes else Size(kind=SizeKind.AMOUNT, value=self._some_of_it(symbol)),
            close=closes,
            reduce_only=bound and not closes,
        )

    def one_that_protects(self) -> Signal | None:
        """A stop or a target behind a position; None without one."""
        dice = self.random
        held = self.world.read(lambda tx: list(tx.positions.open()))
        if not held:
            return None
        position = dice.choice(held)
        bid, side = self.world.bids[position.symbol], position.exit_side
        kind = dice.choice([OrderType.STOP, OrderType.STOP, OrderType.STOP_LIMIT, _TARGET])
        under = (side is Side.SELL) == (kind is not _TARGET)
        stop = _priced(bid * (1 + (-1 if under else 1) * dice.choice([D("0.001"), D("0.01")])))
        slack = D("0.998") if side is Side.SELL else D("1.002")
        return Signal(
            id=self.world.new_id(),
            source="straight",
            received_at=self.world.clock(),
            symbol=position.symbol,
            side=side,
            type=kind,
            price=_priced(stop * slack) if kind is OrderType.STOP_LIMIT else None,
            stop_price=stop,
            reduce_only=True,
        )

    def _some_of_it(self, symbol: str) -> Decimal:
        worth = D(self.random.randrange(150, 900))
        return (worth / self.world.bids[symbol]).quantize(D("0.001"))


_TARGET = OrderType.TAKE_PROFIT


class SwapStory(Story):
    """What happens in such a world."""

    world: SwapWorld

    def __init__(self, world: SwapWorld) -> None:
        super().__init__(world, Theme(more={}))
        self.senders = SwapSenders(world, Random(world.seed + 6))
        self._acts = _ACTS

    async def protect(self) -> None:
        """Somebody has a position protected; often the market goes there soon."""
        signal = self.senders.one_that_protects()
        if signal is None:
            return
        self.accept(signal)
        await passes(self.random.choice([0.5, 2, 6]))
        if self.random.random() < 0.6:
            assert signal.stop_price is not None
            self.goes_to(
                signal.symbol, signal.stop_price * self.random.choice([D("0.998"), D("1.002")])
            )

    async def price(self) -> None:
        """A market moves: mostly a little, now and then far."""
        symbol = self.random.choice(list(BOOK))
        far = 0.03 if self.random.random() < 0.2 else 0.001
        share = D(str(round(1 + self.random.uniform(-far, far), 6)))
        self.goes_to(symbol, self.world.bids[symbol] * share)

    def goes_to(self, symbol: str, bid: Decimal) -> None:
        """A market is there from now on; at times its book is thin."""
        self.world.bids[symbol] = _priced(bid)
        self.world.tell(f"{symbol} moves to {self.world.bids[symbol]}")
        depth = self.random.choice([D(1000), D(1000), D("0.004")])
        self.world.prices.set_price(symbol, self.world.bids[symbol], depth=depth)

    async def lose_an_answer(self) -> None:
        """The next order is not answered, taken or not, or is refused."""
        faults = self._faults()
        what = self.random.choice(["drop_next_answer", "drop_next_answer", "lose_next_request"])
        setattr(faults, what, True)
        if self.random.random() < 0.2:
            faults.refuse_next = "not today"

    async def unreachable(self) -> None:
        """The exchange cannot be reached for a while."""
        faults = self._faults()
        self.world.tell("an outage")
        faults.unreachable = True
        await passes(self.random.choice([1, 5, 20]))
        faults.unreachable = False

    async def by_hand(self) -> None:
        """Somebody trades a little in the account past us, or closes what is there."""
        symbol = self.random.choice(list(BOOK))
        there = self.world.position(symbol)
        amount = self.random.choice([D("0.003"), D("-0.003"), -there]) or D("0.003")
        self.world.tell(f"by hand: {amount} {symbol}")
        await self.world.trade_by_hand(symbol, amount)

    async def calm(self) -> None:
        """The faults are over: all comes to an end, and then everything is judged."""
        world = self.world
        world.tell("the faults are over")
        world.forget_fates()
        if world.venue is not None:
            world.venue.faults = Faults()
        for symbol in BOOK:
            world.prices.set_price(symbol, world.bids[symbol])
        await world.settle(seconds=CALM.total_seconds())
        world.judge()

    def _faults(self) -> Faults:
        assert self.world.venue is not None, "a process runs"
        return self.world.venue.faults


def play(seed: int) -> SwapWorld:
    """The story of a seed, in a world that is over.

    Raises:
        Violation: something does not hold; it carries seed and trace.
    """
    world = SwapWorld(seed)
    story = SwapStory(world)
    world.live(lambda _: story.tell())
    return world


def _priced(price: Decimal) -> Decimal:
    """In the steps of every contract."""
    return price.quantize(D("0.1"))
