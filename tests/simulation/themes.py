"""What a story is mostly about: how often each thing happens in it, in which weather, under which rules.

A seed picks one. Every story has a little of everything; a theme leans on one rule until it would break.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from execution.config import Config
from execution.types import OnTimeout
from tests.simulation.faults import FAULTS
from tests.simulation.process import CONFIG

_OF_ITS_OWN = {"unreachable", "418", "429"}
FOR_ORDERS = tuple(sorted(set(FAULTS) - _OF_ITS_OWN - {"outside of the window"}))
"""What befalls an order: mostly nobody knows afterwards what became of it."""
FOR_LOOKS = tuple(sorted(set(FAULTS) - _OF_ITS_OWN))
THROTTLED = ("429", "418")

USUAL = {
    "signals": 40,
    "wait_for_a_price": 10,
    "vote": 12,
    "price": 25,
    "lose_an_answer": 8,
    "weather": 6,
    "crash_soon": 6,
    "restart": 1,
    "cancel": 4,
    "kill": 1,
    "flatten": 1,
    "close": 3,
    "resume": 10,
    "decide": 6,
    "stranger": 2,
    "chat": 2,
    "propose": 2,
    "resize": 2,
}


def rules(on_timeout: OnTimeout) -> Config:
    """The usual house rules, with this end for orders that rest too long."""
    return CONFIG.evolve(prices=CONFIG.prices.evolve(on_timeout=on_timeout))


@dataclass(frozen=True, kw_only=True)
class Theme:
    """One kind of story."""

    more: Mapping[str, int]
    """What happens more often in it."""
    config: Config = CONFIG
    weather: Mapping[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict)
    """In which it begins."""
    late: float = 0.3
    """How often a lost request arrives late, and how often things show as late as they may."""
    whole: float = 0.7
    """How often a match fills all of an order."""

    @property
    def acts(self) -> dict[str, int]:
        """How often each thing happens, as weights."""
        return {name: USUAL.get(name, 0) + self.more.get(name, 0) for name in USUAL | self.more}


THEMES: Mapping[str, Theme] = {
    "answers are lost": Theme(
        more={"signals": 20, "lose_an_answer": 20, "decide": 6},
        weather={"send": (0.6, FOR_ORDERS), "look": (0.1, FOR_LOOKS)},
        late=0.8,
    ),
    "processes die": Theme(
        more={"crash_sending": 30, "crash_soon": 15, "lose_an_answer": 10, "long_night": 6},
        config=rules(OnTimeout.REPRICE),
        whole=0.4,
    ),
    "people decide": Theme(
        more={"vote": 50, "resize": 8, "propose": 10, "chat": 8, "dismiss": 15, "crash_soon": 4},
        config=rules(OnTimeout.REPRICE),
        whole=0.4,
    ),
    "people stop it": Theme(
        more={
            "kill": 4,
            "wait_for_a_price": 20,
            "flatten": 12,
            "close": 8,
            "kill_from_outside": 30,
            "resume": 50,
            "cancel": 10,
            "unreachable": 12,
        },
    ),
    "the exchange is away": Theme(
        more={"outage": 8, "throttle": 12, "unreachable": 8, "long_night": 10},
        config=CONFIG.evolve(max_retries=10, retry_delay=timedelta(seconds=2)),
    ),
    "orders rest": Theme(
        more={
            "price": 30,
            "wait_for_a_price": 16,
            "change": 14,
            "cancel": 12,
            "stranger": 6,
            "crash_soon": 6,
            "dismiss": 8,
            "vote": 20,
        },
        config=rules(OnTimeout.REPRICE),
        weather={"cancel": (0.3, FOR_LOOKS)},
        whole=0.15,
    ),
    "the rest takes the market": Theme(
        more={"price": 40, "cancel": 6, "lose_an_answer": 10, "crash_soon": 6},
        config=rules(OnTimeout.MARKET),
        weather={"look": (0.05, FOR_LOOKS), "cancel": (0.2, FOR_LOOKS)},
        whole=0.15,
    ),
}
"""By name. Their number shares no factor with that of the profiles, so that all meet."""
