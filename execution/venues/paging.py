"""How a list of orders or trades is read to its end, page by page, in the ways exchanges page.

Pure but for the calls it is given. It must never take a part of a list for the whole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

from execution.venues.quirks import (
    ByCursor,
    ByNumber,
    InWindows,
    NewestFirst,
    OlderThan,
    OnePage,
    Quirks,
)

Call = Callable[..., Awaitable[Any]]
"""One of ccxt's `fetch_...(symbol, since, limit, params)`."""


async def every_row(
    call: Call, symbol: str, since: int | None, quirks: Quirks, now: int
) -> list[Any]:
    """All rows of a symbol since then; without a beginning, all if they fit a page.

    Both times are in milliseconds, by the exchange's clock.

    Raises:
        ValueError: there are more rows, and no way to read on.
    """
    pages = quirks.pages
    if pages is None:
        return await _by_time(call, symbol, since, quirks.page)
    if isinstance(pages, InWindows):
        return await _in_windows(call, symbol, since, now, pages)
    if isinstance(pages, ByCursor):
        return await _by_cursor(call, symbol, since, pages)
    if isinstance(pages, NewestFirst):
        rows = await _by_offset(call, since, pages)
        return [row for row in rows if row["symbol"] == symbol]
    return await _backwards(call, symbol, since, pages)


async def every_open(call: Call, symbol: str | None, quirks: Quirks) -> list[Any]:
    """All open orders, of a symbol or of every one; most exchanges tell them in one answer."""
    if isinstance(quirks.pages, ByCursor):
        return await _by_cursor(call, symbol, None, quirks.pages)
    if isinstance(quirks.pages, OlderThan | ByNumber):
        return await _backwards(call, symbol, None, quirks.pages, whole=True)
    return list(await call(symbol))


async def _in_windows(
    call: Call, symbol: str, since: int | None, now: int, page: InWindows
) -> list[Any]:
    """One span of time after the other; without a beginning, from the first that may be asked for."""
    rows: dict[str, Any] = {}
    span = page.window // timedelta(milliseconds=1)
    start = max(now - page.reaches // timedelta(milliseconds=1), since or 0)
    while start <= now:
        spanned = partial(call, params={page.until: start + span})
        found = await _by_time(spanned, symbol, start, page.rows)
        rows |= {row["id"]: row for row in found}
        start += span
    return list(rows.values())


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
    told_in = page.told or page.cursor
    while True:
        found = await call(symbol, since, page.rows, params)
        rows |= {row["id"]: row for row in found}
        told = [row["info"][told_in] for row in found if row["info"].get(told_in)]
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


async def _backwards(
    call: Call,
    symbol: str | None,
    since: int | None,
    page: OlderThan | ByNumber | OnePage,
    *,
    whole: bool = False,
) -> list[Any]:
    """Each page is older than the one before; a `whole` list has no beginning to read back to.

    The beginning goes past ccxt here too.
    """
    rows: dict[str, Any] = {}
    fixed: dict[str, object] = {}
    if since is not None:
        fixed[page.since] = since // 1000 if isinstance(page, ByNumber) else since
    if isinstance(page, OnePage):
        fixed[page.limit] = page.rows
    limit = None if isinstance(page, OnePage) else page.rows
    place: Mapping[str, object] = {}
    for number in count(2):
        found = await call(symbol, None, limit, {**fixed, **place})
        fresh = {row["id"]: row for row in found if row["id"] not in rows}
        rows |= fresh
        if len(found) < page.rows:
            break
        if isinstance(page, OnePage) or not fresh or (since is None and not whole):
            raise ValueError("a full page, and no way to the next one")
        place = {page.number: number} if isinstance(page, ByNumber) else _older(page, found)
    return list(rows.values())


def _older(page: OlderThan, found: list[Any]) -> Mapping[str, object]:
    """What asks for the page after this one."""
    told = [next(row["info"][name] for name in page.told if name in row["info"]) for row in found]
    return {page.before: min(told, key=int)}
