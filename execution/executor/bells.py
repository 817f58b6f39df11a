"""What streams rang for and nobody has looked at since, and what looks found that no stream had told.

A bell asks for a look and says nothing else, so it has no second path to an order: the executor takes
the look, as it takes one that is due. While an order is being sent there is nothing to look up: its bell
waits until the answer is stored, and so does one that rings while a look is under way, which may have
been answered before whatever the bell is about. Bells are in memory only: a new process looks at all
that may be at a venue, and a bell that is lost costs the time until the next poll.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set

from execution.types import Order

APART = 0.25
"""Seconds between two looks at an order for its bells, however often they ring."""


class Bells:
    """Orders by id. Every moment is one of the loop's clock, in seconds."""

    def __init__(self) -> None:
        self._rung: set[str] = set()
        self._looked: dict[str, float] = {}
        """When a look at each order began last, as long as that holds up the next one."""
        self._found: dict[str, list[tuple[str, float]]] = {}
        self._wake: Callable[[], None] = lambda: None

    def wakes(self, wake: Callable[[], None]) -> None:
        """Call this whenever they ring."""
        self._wake = wake

    def ring(self, orders: Iterable[str]) -> None:
        """Something happened to these orders."""
        self._rung.update(orders)
        self._wake()

    def due(self, now: float) -> Set[str]:
        """The orders to be looked at for their bells."""
        self._looked = {order: at for order, at in self._looked.items() if now - at < APART}
        return self._rung - self._looked.keys()

    def answer(self, order: str, now: float) -> None:
        """A look begins: it will see what they rang for until now."""
        self._rung.discard(order)
        self._looked[order] = now

    def found(self, order: Order, now: float) -> None:
        """A look found that it has traded or ended."""
        self._found.setdefault(order.venue, []).append((order.id, now))

    def take_found(self, venue: str) -> list[tuple[str, float]]:
        """What looks found there since this was asked last: order and moment."""
        return self._found.pop(venue, [])
