"""Lists of many pages, read backwards: to their beginning, or not at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from execution.venues.paging import every_open, every_row
from execution.venues.quirks import (
    ByCursor,
    ByNumber,
    InWindows,
    OlderThan,
    OnePage,
    Quirks,
)

SYMBOL = "BTC/USDT"
NOW = 1_000_000
Call = Callable[..., Awaitable[list[dict[str, Any]]]]


class Listed:
    """A list of rows, the newest first, as ccxt reads it: by time, the oldest first in each page."""

    def __init__(
        self, count: int, page: Callable[[list[Any], Mapping[str, Any]], list[Any]]
    ) -> None:
        self.rows = [
            {"id": f"row {one}", "timestamp": one * 1000, "symbol": SYMBOL, "info": {"n": str(one)}}
            for one in reversed(range(1, count + 1))
        ]
        self._page = page
        self.asked: list[Mapping[str, Any]] = []

    async def __call__(
        self, symbol: str | None, since: int | None, limit: int | None, params: Mapping[str, Any]
    ) -> list[Any]:
        assert since is None, "ccxt would drop rows of a page by it"
        self.asked.append(params)
        return self._page(self.rows, params)[::-1]


def _older(rows: list[Any], params: Mapping[str, Any]) -> list[Any]:
    before = int(params.get("before", 1_000_000))
    from_ = params.get("from", 0)
    found = [row for row in rows if int(row["info"]["n"]) < before and row["timestamp"] >= from_]
    return found[:10]


def _numbered(rows: list[Any], params: Mapping[str, Any]) -> list[Any]:
    found = [row for row in rows if row["timestamp"] >= params.get("from", 0) * 1000]
    start = (params.get("page", 1) - 1) * 10
    return found[start : start + 10]


OLDER = Quirks(pages=OlderThan(rows=10, since="from", before="before", told=("other", "n")))
NUMBERED = Quirks(pages=ByNumber(rows=10, since="from", number="page"))
ONE = Quirks(pages=OnePage(rows=10, since="from", limit="size"))


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 25, 30])
@pytest.mark.parametrize(("quirks", "page"), [(OLDER, _older), (NUMBERED, _numbered)])
async def test_a_list_is_read_back_to_its_beginning(quirks: Quirks, page: Any, count: int) -> None:
    listed = Listed(count, page)
    rows = await every_row(listed, SYMBOL, 1000, quirks, NOW)
    assert {row["id"] for row in rows} == {row["id"] for row in listed.rows}
    assert len(rows) == count
    assert len(listed.asked) == count // 10 + 1


async def test_the_beginning_is_asked_of_the_exchange_in_its_own_unit() -> None:
    older, numbered = Listed(3, _older), Listed(3, _numbered)
    assert len(await every_row(older, SYMBOL, 2000, OLDER, NOW)) == 2
    assert len(await every_row(numbered, SYMBOL, 2999, NUMBERED, NOW)) == 2
    assert (older.asked, numbered.asked) == ([{"from": 2000}], [{"from": 2}])


@pytest.mark.parametrize(("quirks", "page"), [(OLDER, _older), (NUMBERED, _numbered)])
async def test_open_orders_are_all_read_though_they_have_no_beginning(
    quirks: Quirks, page: Any
) -> None:
    assert len(await every_open(Listed(25, page), SYMBOL, quirks)) == 25


@pytest.mark.parametrize(("quirks", "page"), [(OLDER, _older), (NUMBERED, _numbered)])
async def test_a_history_without_a_beginning_is_not_read_for_ever(
    quirks: Quirks, page: Any
) -> None:
    assert len(await every_row(Listed(9, page), SYMBOL, None, quirks, NOW)) == 9
    with pytest.raises(ValueError, match="no way to the next one"):
        await every_row(Listed(10, page), SYMBOL, None, quirks, NOW)


async def test_a_row_that_comes_meanwhile_shifts_the_pages_and_loses_none() -> None:
    listed = Listed(15, _numbered)

    async def growing(*asked: Any) -> list[Any]:
        found = await listed(*asked)
        newest = {"id": "new", "timestamp": 99_000, "symbol": SYMBOL, "info": {"n": "99"}}
        listed.rows.insert(0, newest)
        return found

    rows = await every_row(growing, SYMBOL, 1000, NUMBERED, NOW)
    assert {f"row {one}" for one in range(1, 16)} <= {row["id"] for row in rows}


async def test_a_page_that_repeats_itself_is_no_end() -> None:
    """An exchange that does not heed the parameter would be read for ever."""
    stuck = Listed(20, lambda rows, _: rows[:10])
    for quirks in (OLDER, NUMBERED):
        with pytest.raises(ValueError, match="no way to the next one"):
            await every_row(stuck, SYMBOL, 1000, quirks, NOW)


async def test_where_nobody_can_read_on_a_full_page_is_refused() -> None:
    short, full = Listed(9, lambda rows, _: rows[:10]), Listed(10, lambda rows, _: rows[:10])
    assert len(await every_row(short, SYMBOL, 5, ONE, NOW)) == 9
    assert short.asked == [{"from": 5, "size": 10}]
    with pytest.raises(ValueError, match="no way to the next one"):
        await every_row(full, SYMBOL, 5, ONE, NOW)


async def test_a_cursor_may_be_told_by_another_name_than_it_is_asked_by() -> None:
    pages = {None: ["a", "b"], "2nd": ["c"]}
    asked: list[Mapping[str, str]] = []

    async def listed(*_: Any) -> list[Any]:
        params = _[3]
        asked.append(params)
        rows = [{"id": one, "info": {}} for one in pages[params.get("cursor")]]
        if not params:
            rows[0]["info"] = {"nextPageCursor": "2nd"}
        return rows

    quirks = Quirks(pages=ByCursor(rows=2, cursor="cursor", told="nextPageCursor"))
    rows = await every_row(listed, SYMBOL, 1000, quirks, NOW)
    assert [row["id"] for row in rows] == ["a", "b", "c"]
    assert asked == [{}, {"cursor": "2nd"}]


WINDOWS = Quirks(
    pages=InWindows(
        rows=10,
        until="until",
        window=timedelta(seconds=20),
        reaches=timedelta(seconds=70),
    )
)


class Spans:
    """A list that tells ten rows of twenty seconds at most, the oldest first."""

    def __init__(self, *at: int) -> None:
        self.rows = [{"id": f"row {number}", "timestamp": time} for number, time in enumerate(at)]
        self.asked: list[tuple[int, int]] = []

    async def __call__(
        self, symbol: str, since: int, limit: int, params: Mapping[str, Any]
    ) -> list[Any]:
        until = params["until"]
        assert until - since <= 20_000, "it takes no more"
        self.asked.append((since, until))
        return [row for row in self.rows if since <= row["timestamp"] <= until][:limit]


@pytest.mark.parametrize(
    "at", [(), (1000,), (1000, 21_000, 41_000, 59_999), (*range(1000, 60_000, 900),)]
)
async def test_a_list_that_tells_a_span_at_once_is_read_span_by_span_until_now(
    at: tuple[int, ...],
) -> None:
    spans = Spans(*at)
    found = await every_row(spans, SYMBOL, 1000, WINDOWS, 60_000)
    assert [row["id"] for row in found] == [row["id"] for row in spans.rows]
    assert spans.asked[-1][1] >= 60_000, "up to now"


async def test_a_row_of_the_moment_at_which_spans_meet_is_one_row() -> None:
    assert len(await every_row(Spans(21_000), SYMBOL, 1000, WINDOWS, 30_000)) == 1


@pytest.mark.parametrize("since", [None, 1000])
async def test_no_span_begins_before_what_the_list_reaches(since: int | None) -> None:
    spans = Spans(915_000, 935_000, 999_000)
    assert len(await every_row(spans, SYMBOL, since, WINDOWS, NOW)) == 2
    assert spans.asked[0][0] == 930_000


async def test_more_of_one_moment_than_a_page_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="no way to the next one"):
        await every_row(Spans(*[5000] * 11), SYMBOL, 1000, WINDOWS, 6000)
