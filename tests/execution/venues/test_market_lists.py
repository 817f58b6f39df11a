"""The list of markets: what is kept of it, when it is read again, and where it is loaded."""

from __future__ import annotations

import asyncio
import gzip
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from execution.venues.market_lists import KEEPS, MarketFile, MarketList, elsewhere
from tests.clock import NOW

FOUND = MarketList(at=NOW, answers={"GET https://exchange.example/markets ": '{"symbols": []}'})


def a_file(folder: Path, of: str = "binance live") -> MarketFile:
    return MarketFile(folder / "markets-main.gz", of=of)


def test_what_was_kept_is_read_again_for_a_day(tmp_path: Path) -> None:
    a_file(tmp_path).write(FOUND)
    assert a_file(tmp_path).read(NOW + KEEPS) == FOUND
    assert a_file(tmp_path).read(NOW + KEEPS + timedelta(seconds=1)) is None
    assert a_file(tmp_path).read(NOW - timedelta(seconds=1)) is None  # of a clock that was ahead
    assert [path.name for path in tmp_path.iterdir()] == ["markets-main.gz"]


def test_the_list_of_another_exchange_is_not_read(tmp_path: Path) -> None:
    a_file(tmp_path, "binance sandbox").write(FOUND)
    assert a_file(tmp_path).read(NOW) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '"of"', '{"of": "binance live"}', "\0\0"])
def test_a_file_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "markets-main.gz").write_bytes(gzip.compress(text.encode()))
    assert a_file(tmp_path).read(NOW) is None
    (tmp_path / "markets-main.gz").write_bytes(gzip.compress(text.encode())[:-9])
    assert a_file(tmp_path).read(NOW) is None
    (tmp_path / "markets-main.gz").write_text(text)
    assert a_file(tmp_path).read(NOW) is None


def test_a_file_that_the_disk_has_damaged_is_none(tmp_path: Path) -> None:
    a_file(tmp_path).write(FOUND)
    kept = tmp_path / "markets-main.gz"
    whole = kept.read_bytes()
    for place in range(10, len(whole)):
        kept.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        assert a_file(tmp_path).read(NOW) is None


def test_a_disk_that_takes_nothing_is_no_trouble(tmp_path: Path) -> None:
    a_file(tmp_path / "gone").write(FOUND)
    assert a_file(tmp_path / "gone").read(NOW) is None


async def test_what_is_done_elsewhere_is_done_in_another_thread_and_answered_here() -> None:
    async def where() -> int:
        await asyncio.sleep(0)
        return threading.get_ident()

    assert await elsewhere(where) != threading.get_ident()


async def test_what_fails_elsewhere_fails_here() -> None:
    async def fail() -> None:
        raise ValueError("it says nothing")

    with pytest.raises(ValueError, match="it says nothing"):
        await elsewhere(fail)


async def test_what_is_canceled_here_is_canceled_there_and_has_ended() -> None:
    begun, ended = threading.Event(), threading.Event()

    async def hang() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(elsewhere(hang))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
