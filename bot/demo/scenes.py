"""The signals of the demo, in the words of the strategies that send them, each with its lesson.

Pure: a scene and the market of a moment make the body that is posted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from execution.positions import Position
from execution.record import Record
from execution.rounding import plain, price_never_worse
from execution.types import Quote, Side

_WORTH_CLOSING = Decimal(10)
"""What is left of a position below this, in USDT, is what rounding left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene(Record):
    """One signal; `price`, `stop` and `target` are factors of the market's middle."""

    name: str
    symbol: str
    side: Side
    note: str
    fields: Mapping[str, str] = field(default_factory=dict)
    price: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    age: timedelta = timedelta(0)
    """How long ago its alert fired."""
    closes: bool = False
    """It is about the smallest position there is; about `symbol` where there is none."""
    shock: Decimal | None = None
    """The share by which the market moves before anybody has read the card."""


SCENES = (
    Scene(
        name="a good one",
        symbol="BTC/USDT",
        side=Side.BUY,
        note="Closed above the range. Stop below it, target its height again.",
        fields={"strategy": "breakout-15m"},
        stop=Decimal("0.985"),
        target=Decimal("1.03"),
    ),
    Scene(
        name="filled in parts",
        symbol="ETH/USDT",
        side=Side.BUY,
        note="Core position. It is more than stands at the best price: take it in parts.",
        fields={"strategy": "accumulate-1h", "notional": "9000"},
    ),
    Scene(
        name="too large",
        symbol="BTC/USDT",
        side=Side.BUY,
        note="All in.",
        fields={"amount": "0.5"},
    ),
    Scene(
        name="runs away",
        symbol="SOL/USDT",
        side=Side.BUY,
        note="It begins to run. Get in before the others do.",
        fields={"strategy": "momentum-5m", "notional": "300"},
        shock=Decimal("0.006"),
    ),
    Scene(
        name="needs two",
        symbol="BTC/USDT",
        side=Side.BUY,
        note="The trend is confirmed on the daily close. Full size.",
        fields={"strategy": "trend-1d", "notional": "12000"},
        stop=Decimal("0.96"),
    ),
    Scene(
        name="rests",
        symbol="ETH/USDT",
        side=Side.BUY,
        note="A bid below the market, for the next dip. It may stand until it is met.",
        fields={"strategy": "dip-1h", "notional": "400", "time_in_force": "GTC"},
        price=Decimal("0.996"),
        stop=Decimal("0.98"),
    ),
    Scene(
        name="too late",
        symbol="SOL/USDT",
        side=Side.BUY,
        note="Momentum burst on the one minute chart. Be quick.",
        fields={"strategy": "scalp-1m"},
        age=timedelta(minutes=5),
    ),
    Scene(
        name="the exit",
        symbol="BTC/USDT",
        side=Side.SELL,
        note="The move is over for today. Close it.",
        fields={"strategy": "trend-1d"},
        closes=True,
    ),
)


def about(scene: Scene, held: Iterable[Position]) -> str:
    """The market a scene is about, given what is held."""
    if not scene.closes:
        return scene.symbol
    worth = {position.symbol: position.amount * position.average for position in held}
    closable = {symbol: value for symbol, value in worth.items() if value > _WORTH_CLOSING}
    return min(closable, key=lambda symbol: closable[symbol], default=scene.symbol)


def body(scene: Scene, quote: Quote, step: Decimal, at: datetime) -> dict[str, str]:
    """What is posted for a scene, written as charting sites write it, at this market."""
    factors = {"price": scene.price, "stop_loss": scene.stop, "take_profit": scene.target}
    prices = {
        name: plain(price_never_worse(quote.mid * factor, step, Side.BUY))
        for name, factor in factors.items()
        if factor is not None
    }
    return {
        "symbol": quote.symbol.replace("/", ""),
        "side": str(scene.side),
        "note": scene.note,
        **scene.fields,
        **prices,
        "time": (at - scene.age).isoformat(),
    }
