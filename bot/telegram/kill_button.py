"""The panel's Kill button: two taps by one person within ten seconds, and what else was tapped on the panel.

In memory only: after a restart nobody has tapped. Taps write it and `bot/panel.py` shows it; neither
waits for the other.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from execution.desk import Person

CONFIRM_WITHIN = timedelta(seconds=10)
"""How long a tap on Kill can be confirmed."""


@dataclass(frozen=True)
class FirstTap:
    """Who tapped Kill, and when."""

    person: Person
    at: datetime

    def holds(self, now: datetime) -> bool:
        """Whether it can still be confirmed."""
        return now - self.at < CONFIRM_WITHIN


class PanelTaps:
    """What people tapped on the panel, and what they are to know of it elsewhere."""

    def __init__(self) -> None:
        self.first: FirstTap | None = None
        """The newest tap on Kill of this process that no halt has followed."""
        self.confirm_token: str | None = None
        """What a tap on Confirm kill carries: it overtakes what came with it, as `/kill` does."""
        self.wants_refresh = False
        self.tapped: set[int] = set()
        """Numbers of the messages that were tapped as the panel: there is to be one."""
        self.not_pinned: str | None = None
        """Why Telegram does not pin the panel; None while it does."""
        self.bell = asyncio.Event()
        """Rings for what the panel does not show yet."""

    def kill(self, person: Person, now: datetime) -> FirstTap:
        """A tap on Kill: the first tap that holds now, this one or that of somebody before."""
        if self.first is None or not self.first.holds(now):
            self.first = FirstTap(person, now)
            self.bell.set()
        return self.first

    def confirmable(self, now: datetime) -> bool:
        """Whether somebody is asked for the second tap."""
        return self.first is not None and self.first.holds(now)

    def halted(self) -> None:
        """What was asked for is done."""
        self.first = None
        self.bell.set()

    def refresh(self) -> None:
        """Somebody wants to see it as it is now."""
        self.wants_refresh = True
        self.bell.set()

    def tapped_on(self, number: int) -> None:
        """A message of this number was tapped as the panel."""
        self.tapped.add(number)
        self.bell.set()
