"""What a request costs at the loopback Kraken Futures: its "Derivatives Rate Limits".

History is a pool of its own, a small one that fills slowly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_COSTS = {
    "accounts": 2,
    "openpositions": 2,
    "leveragepreferences": 2,
    "openorders": 2,
    "orders/status": 1,
    "fills": 2,
    "sendorder": 10,
    "cancelorder": 10,
    "cancelallordersafter": 25,
}
MOST = {"derivatives": (500, 10_000), "history": (100, 600_000)}
"""What may be spent of each pool, and in how many milliseconds it is full again."""


def cost(name: str, asked: Mapping[str, Sequence[str]]) -> tuple[str, int]:
    """The pool that a request is paid from, and what it costs."""
    path = name.partition(" ")[2]
    if path.endswith("account-log"):
        count = int(asked.get("count", ["500"])[0])
        return "history", 1 if count <= 25 else 2 if count <= 50 else 3 if count <= 1000 else 6
    if path.startswith("/api/history/"):
        return "history", 1
    return "derivatives", 25 if "lastFillTime" in asked else _COSTS.get(path, 0)
