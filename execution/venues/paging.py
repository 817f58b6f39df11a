"""How a list of orders or trades is read to its end, page by page, in the ways exchanges page.

Pure but for the calls it is given. It must never take a part of a list for the whole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from execution.venues.quirks import ByCursor, NewestFirst, Quirks

Call = Callable[..., Awaitable[Any]]
"""One of ccxt's `fetch_...(symbol, since, limit, params)`."""


async def every_row(call: Call, symbol: str, since: int | None, quirks: Quirks) -> list[Any]:
    """All rows of a symbol since then, in milliseconds; without a beginning, all if they fit a page.

    Raises:
        ValueError: there are more rows, and no way to read on.
    """
    pages = quirks.pages
    if pages is None:
        return await _by_time(call, symbol, since, quirks.page)
    if isinstance(pages, ByCursor):
        return await _by_cursor(call, symbol, since, pages)
    rows = await _by_offset(call, since, pages)
    return [row for row in rows if row["symbol"] == symbol]


async def every_open(call: Call, symbol: str | None, quirks: Quirks) -> list[Any]:
    """All open orders, of a symbol or of every one; most exchanges tell them in one answer."""
    if isinstance(quirks.pages, ByCursor):
        return await _by_cursor(call, symbol, None, quirks.pages)
    return list(await call(symbol))


async def _by_time(call: Call, symbol: str, since: int | None, page: int | None) -> list[Any]:
    """Each page begins at the time of the last row before it."""
    rows: dict[str, Any] = {}
    start = since
    while True:
        found = await call(symbol, start, page)
        fresh = {row["id"]: row for row in found if row["id"] not in rows}
        rows |= fresh
        full = page is not None and len(found) >= page
        if full and (start is None or not fresh):
            raise ValueError("a full page, and no way to the next one")
        if start is None or not fresh or (page is not None and not full):
            return list(rows.values())
        start = max(row["timestamp"] for row in found)


async def _by_cursor(
    call: Call, symbol: str | None, since: int | None, page: ByCursor
) -> list[Any]:
    """Each page says where the next begins, or that there is none."""
    rows: dict[str, Any] = {}
    params: dict[str, str] = {}
    while True:
        found = await call(symbol, since, page.rows, params)
        rows |= {row["id"]: row for row in found}
        told = [row["info"][page.cursor] for row in found if row["info"].get(page.cursor)]
        if not told:
            return list(rows.values())
        if told == [params.get(page.cursor)]:
            raise ValueError("a page that leads to itself")
        params = {page.cursor: told[0]}


async def _by_offset(call: Call, since: int | None, page: NewestFirst) -> list[Any]:
    """Each page skips the rows before it; what is added meanwhile only shows rows a second time.

    Beginning and offset go past ccxt, which would drop rows of each page by their time and symbol, so
    that nobody could tell a full page.
    """
    rows: dict[str, Any] = {}
    beginning = {} if since is None else {page.since: since // 1000}
    skipped = 0
    while True:
        found = await call(None, None, None, {**beginning, page.skip: skipped})
        rows |= {row["id"]: row for row in found}
        if len(found) < page.rows:
            return list(rows.values())
        if since is None:
            raise ValueError("a full page, and no beginning to read back to")
        skipped += len(found)
