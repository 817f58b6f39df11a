"""The life of every order, step by step, as it is seen from outside: what a /kill is aimed at.

A step is something that happens to an order: to its row, on the wire or at the exchange. Each is a moment,
at which every other order that is alive stands at a step of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

Step = tuple[str, str]
"""An order, by its client id, and a step of its life."""
ABOUT_TO = "about to be "
"""The step before a row is stored for the first time, or as being sent."""


@dataclass
class Lives:
    """Of all orders of a world."""

    ends: frozenset[str]
    """Rows in these states stand at no step any more."""
    moments: list[set[Step]] = field(default_factory=list)
    """At each moment: where every order stood."""
    _standing: dict[str, str] = field(default_factory=dict)
    _rows: dict[str, str] = field(default_factory=dict)
    _deeds: dict[int, Callable[[], None]] = field(default_factory=dict)
    _commit: int | None = None
    """The moment before the commit that is under way."""

    def aim(self, moment: int, deed: Callable[[], None]) -> None:
        """Do this at that moment, counted from zero."""
        self._deeds[moment] = deed

    def comes_to(self, order: str, step: str) -> None:
        """An order is one step further."""
        self._standing[order] = step
        self._moment()

    def before_a_commit(self) -> None:
        """Rows are about to change."""
        self._commit = len(self.moments)
        self._moment()

    def are_stored(self, rows: Iterable[Step]) -> None:
        """The rows of all orders, after a commit."""
        for order, state in rows:
            if self._rows.get(order) == state:
                continue
            first = order not in self._rows
            self._rows[order] = state
            if self._commit is not None and (first or state == "sending"):
                self.moments[self._commit].add((order, ABOUT_TO + state))
            self.comes_to(order, state)
            if state in self.ends:
                del self._standing[order]
        self._commit = None

    def _moment(self) -> None:
        self.moments.append(set(self._standing.items()))
        if deed := self._deeds.pop(len(self.moments) - 1, None):
            deed()


def covering(moments: list[set[Step]]) -> Iterator[int]:
    """Few moments, at which every order is met at every step of its life."""
    left = set[Step]().union(*moments)
    while left:
        best = max(range(len(moments)), key=lambda n: len(moments[n] & left))
        left -= moments[best]
        yield best
