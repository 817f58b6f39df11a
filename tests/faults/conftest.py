"""The few cases that need a real process have the house of `tests/flows`."""

from __future__ import annotations

from tests.flows.conftest import chat, exchange, house

__all__ = ["chat", "exchange", "house"]
