"""A market that never was: prices as a pure function of seed, shocks, symbol and time.

The paper venue trades on it. Its history exists from the first second, a restart continues on the
same path, and two machines with one seed see the same market. Shocks are news that somebody plans; they
move everything alike: quotes, books and bars. Integers all the way: it must never
depend on a float, on a global, or on what was asked before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from math import isqrt
from types import MappingProxyType

from execution.instruments import Instrument, Offers, Shares
from execution.record import Record
from execution.symbols import assets, is_spot
from execution.types import Candle, Level, OrderType, Quote, Side, TimeInForce
from execution.venues.market_data import INTERVALS, TICK, MadeUp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE = 10**9
"""One, where shares and values are integers: 1 USDT, or the whole of a relative move."""

# Noise of many periods laid on top of each other, each as strong as the square root of its period,
# walks like a price: the long ones are trends, the short ones chop. Seconds: strength in billionths.
# That is about 0.06 % in a minute, 2 % in a day, a fifth at the most either way.
_WALK = {period: isqrt(period * 64_000**2) for period in (2 * 4**n for n in range(11))}
_CHOP = {period: strength for period, strength in _WALK.items() if period < 900}
_TREND = {period: strength for period, strength in _WALK.items() if period >= 900}
_HEAT = {1_800: _ONE // 2, 14_400: _ONE // 2}
"""Quiet and restless times: the chop is between a third and three times as strong."""
_JUMP_WINDOW = 21_600
_JUMP_ODDS = 3
"""One window in three has a jump of up to 1.4 %, which fades over a window's length."""
_LARGEST_JUMP = _ONE * 14 // 1_000

_BASIS = {1_800: 150_000, 14_400: 350_000}
"""How far a contract is from its spot pair: a twentieth of a percent at the most, either way."""

_SHOCK_RISES = 3
_SHOCK_FADES = 3_600
"""Seconds in which a shock unfolds, and in which it is forgotten."""

_SPREAD = 10_000
"""The spread is one part in this of the price, and at least one price step."""
_LEVELS = 20
_LEVEL_GAP = 20_000
_SAMPLES = 60
"""Instants at which a bar looks at the price: each second of a minute, each minute of an hour."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asset(Record):
    """An asset's usual value in whole cents of USDT, and its restlessness in percent of BTC's."""

    cents: int
    restlessness: int


_ASSETS = {
    "BTC": _Asset(cents=60_000_00, restlessness=100),
    "ETH": _Asset(cents=2_500_00, restlessness=130),
    "SOL": _Asset(cents=150_00, restlessness=170),
    "EUR": _Asset(cents=1_08, restlessness=12),
    "USDT": _Asset(cents=1_00, restlessness=0),
}


_OFFERS = Offers(
    types=frozenset(OrderType),
    times=frozenset(TimeInForce),
    times_of_triggered=frozenset(TimeInForce),
    trails_by_share=Shares(least=Decimal("0.001"), most=Decimal("0.2"), step=Decimal("0.0001")),
    trails_by_distance=True,
)
"""Every kind of order there is; a trailing stop's shares are those of Binance."""


def _instrument(
    symbol: str,
    amount_step: str,
    price_step: str,
    largest: str,
    *,
    least_notional: int = 5,
    largest_notional: Decimal | None = Decimal(9_000_000),
) -> Instrument:
    base, quote = assets(symbol)
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        active=True,
        amount_step=Decimal(amount_step),
        price_step=Decimal(price_step),
        min_amount=Decimal(amount_step),
        max_amount=Decimal(largest),
        min_price=Decimal(price_step),
        max_price=Decimal(1_000_000),
        min_notional=Decimal(least_notional),
        max_notional=largest_notional,
        offers=_OFFERS,
    )


def _contract(
    symbol: str, amount_step: str, price_step: str, largest: str, least_notional: int
) -> Instrument:
    """A perpetual contract with the steps and limits of the one at Binance."""
    return _instrument(
        symbol,
        amount_step,
        price_step,
        largest,
        least_notional=least_notional,
        largest_notional=None,
    )


INSTRUMENTS: Mapping[str, Instrument] = MappingProxyType(
    {
        instrument.symbol: instrument
        for instrument in (
            _instrument("BTC/USDT", "0.00001", "0.01", "9000"),
            _instrument("ETH/USDT", "0.0001", "0.01", "9000"),
            _instrument("SOL/USDT", "0.001", "0.01", "90000"),
            _instrument("EUR/USDT", "0.1", "0.0001", "900000"),
            _instrument("BTC/EUR", "0.00001", "0.01", "9000"),
            _contract("BTC/USDT:USDT", "0.001", "0.1", "1000", 100),
            _contract("ETH/USDT:USDT", "0.001", "0.01", "10000", 20),
            _contract("SOL/USDT:USDT", "0.01", "0.01", "1000000", 5),
        )
    }
)
"""The markets of the synthetic exchange; BTC/EUR is BTC/USDT by EUR/USDT, as arbitrage has it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shock(Record):
    """News about an asset: from `at` on its value moves by this share, forgotten within an hour."""

    asset: str
    at: datetime
    share: Decimal


class SyntheticMarket(MadeUp):
    """`MarketData` invented from a seed: trends, chop, quiet and restless times, a rare jump."""

    def __init__(self, seed: int = 1, shocks: Iterable[Shock] = ()) -> None:
        self._seed = seed
        self._shocks = list(shocks)
        # What was never changes: many orders of one market, or a chart drawn again, cost it once.
        self._best = lru_cache(maxsize=8_192)(self._find_best)
        self._finished_bar = lru_cache(maxsize=8_192)(self._bar)

    def shake(self, shock: Shock) -> None:
        """Plan a shock. It must lie ahead: what was asked about already stays as it was answered."""
        self._shocks.append(shock)

    def instruments(self) -> Mapping[str, Instrument]:
        """The markets; all are active, always."""
        return INSTRUMENTS

    def quote(self, symbol: str, at: datetime) -> Quote:
        """Best bid and ask in the tick that `at` lies in."""
        step = INSTRUMENTS[symbol].price_step
        bid, ask = self._best(symbol, _second(at))
        return Quote(symbol=symbol, bid=bid * step, ask=ask * step, at=at)

    def book(self, symbol: str, side: Side, at: datetime) -> Sequence[Level]:
        """Twenty levels, thin at the top: a small order meets one, a larger one walks."""
        instrument, second = INSTRUMENTS[symbol], _second(at)
        bid, ask = self._best(symbol, second)
        best, away = (ask, 1) if side is Side.BUY else (bid, -1)
        gap = max(1, bid // _LEVEL_GAP)
        sizes = (
            600 + 100 * depth + self._draw(symbol, side, depth, second) for depth in range(_LEVELS)
        )
        return [
            Level(price=(best + away * depth * gap) * instrument.price_step, amount=amount)
            for depth, amount in enumerate(self._amounts(instrument, second, sizes))
        ]

    async def candles(
        self, symbol: str, interval: str, count: int, at: datetime
    ) -> Sequence[Candle]:
        """Bars of the mid price, seen at sixty instants of each: a 1m bar misses no price."""
        length = INTERVALS[interval] // TICK
        now = _second(at)
        newest = now - now % length
        starts = range(newest - (count - 1) * length, newest, length)
        bars = [self._finished_bar(symbol, length, start, start + length - 1) for start in starts]
        return [*bars, self._bar(symbol, length, newest, now)]

    def _bar(self, symbol: str, length: int, start: int, last: int) -> Candle:
        """The bar that begins at `start`, as far as the second `last`."""
        instrument = INSTRUMENTS[symbol]
        seen = self._mids(symbol, (*range(start, last, length // _SAMPLES), last))
        turnover = (last - start + 1) * (400 + self._draw(symbol, "turnover", length, start))
        step = instrument.price_step
        (volume,) = self._amounts(instrument, start, (turnover,))
        return Candle(
            at=_EPOCH + start * TICK,
            open=seen[0] * step,
            high=max(seen) * step,
            low=min(seen) * step,
            close=seen[-1] * step,
            volume=volume,
        )

    def _find_best(self, symbol: str, second: int) -> tuple[int, int]:
        """Best bid and ask in price steps."""
        (mid,) = self._mids(symbol, (second,))
        spread = max(1, mid // _SPREAD)
        bid = mid - spread // 2
        return bid, bid + spread

    def _mids(self, symbol: str, seconds: Sequence[int]) -> list[int]:
        """The middle of the market in price steps, at each of these seconds."""
        instrument = INSTRUMENTS[symbol]
        part, whole = instrument.price_step.as_integer_ratio()
        bases, quotes = (self._values(a, seconds) for a in (instrument.base, instrument.quote))
        if not is_spot(symbol):
            basis = _noise(f"{self._seed}:{symbol}:basis", _BASIS, seconds)
            bases = [_grown(base, move) for base, move in zip(bases, basis, strict=True)]
        return [base * whole // (quote * part) for base, quote in zip(bases, quotes, strict=True)]

    def _amounts(
        self, instrument: Instrument, second: int, worths: Iterable[int]
    ) -> Iterator[Decimal]:
        """So many USDT's worth of the base asset each, to its step and at least one step."""
        part, whole = instrument.amount_step.as_integer_ratio()
        (value,) = self._values(instrument.base, (second,))
        for worth in worths:
            yield max(1, worth * _ONE * whole // (value * part)) * instrument.amount_step

    def _draw(self, symbol: str, what: str, number: int, second: int) -> int:
        """An even draw from 0 to 599, for the sizes of things."""
        return _even(f"{self._seed}:{symbol}:{what}:{number}", second) % 600

    def _values(self, asset: str, seconds: Sequence[int]) -> list[int]:
        """One unit of the asset in billionths of a USDT, at each of these seconds."""
        facts = _ASSETS[asset]
        usual = facts.cents * _ONE // 100
        if not facts.restlessness:
            return [usual] * len(seconds)
        moves = _moves(f"{self._seed}:{asset}", seconds)
        values = [_grown(usual, move * facts.restlessness // 100) for move in moves]
        for shock in self._shocks:
            if shock.asset == asset:
                left = (_left(shock, second) for second in seconds)
                values = [_grown(value, move) for value, move in zip(values, left, strict=True)]
        return values


def _second(at: datetime) -> int:
    return (at - _EPOCH) // TICK


@lru_cache(maxsize=65_536)
def _even(key: str, index: int) -> int:
    """An even draw from 0 to 2**64 - 1 that belongs to this key and index."""
    return int.from_bytes(blake2b(f"{key}:{index}".encode(), digest_size=8).digest(), "big")


def _signed(key: str, index: int) -> int:
    """An even draw from -1 to 1, in billionths."""
    return _even(key, index) % (2 * _ONE + 1) - _ONE


def _grown(value: int, move: int) -> int:
    """The value after a relative move in billionths; near exp(move), positive for any below two."""
    return value * (2 * _ONE + move) // (2 * _ONE - move)


def _moves(key: str, seconds: Sequence[int]) -> list[int]:
    """How far from its usual value an asset of BTC's restlessness has moved, in billionths."""
    heat = _noise(f"{key}:heat", _HEAT, seconds)
    chop, trend = (_noise(key, layers, seconds) for layers in (_CHOP, _TREND))
    return [
        _grown(short, warmth) + long + _jump(f"{key}:jump", second)
        for short, long, warmth, second in zip(chop, trend, heat, seconds, strict=True)
    ]


def _left(shock: Shock, second: int) -> int:
    """What has unfolded of a shock and is not forgotten, in billionths."""
    age = second - _second(shock.at)
    if not 0 <= age < _SHOCK_FADES:
        return 0
    unfolded = int(shock.share * _ONE) * min(age + 1, _SHOCK_RISES) // _SHOCK_RISES
    return unfolded * (_SHOCK_FADES - age) // _SHOCK_FADES


def _noise(key: str, layers: Mapping[int, int], seconds: Sequence[int]) -> list[int]:
    """Curves of these periods and strengths laid on top of each other, at each of these seconds."""
    curves = [
        _curve(f"{key}:{period}", period, strength, seconds) for period, strength in layers.items()
    ]
    return [sum(column) for column in zip(*curves, strict=True)]


def _curve(key: str, period: int, strength: int, seconds: Sequence[int]) -> list[int]:
    """A smooth curve through one draw per period, from -strength to strength."""
    curve, known = [], None
    here = rise = 0
    for second in seconds:
        index, offset = divmod(second, period)
        if index != known:
            here, known = _signed(key, index) * strength // _ONE, index
            rise = _signed(key, index + 1) * strength // _ONE - here
        curve.append(here + rise * offset * offset * (3 * period - 2 * offset) // period**3)
    return curve


def _jump(key: str, second: int) -> int:
    """What is left of the jumps of this window and the one before."""
    left = 0
    for window in (second // _JUMP_WINDOW - 1, second // _JUMP_WINDOW):
        odds, moment = divmod(_even(key, window), _JUMP_WINDOW)
        age = second - (window * _JUMP_WINDOW + moment)
        if odds % _JUMP_ODDS == 0 and 0 <= age < _JUMP_WINDOW:
            size = _signed(f"{key}:size", window) * _LARGEST_JUMP // _ONE
            left += size * (_JUMP_WINDOW - age) // _JUMP_WINDOW
    return left
