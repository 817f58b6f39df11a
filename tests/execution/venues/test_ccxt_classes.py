"""ccxt's classes as the desk uses them: what is imported for one, and what all of them share."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from execution.venues.ccxt_classes import Watched, exchange_class, stream_class


def test_listening_imports_one_exchange_alone() -> None:
    code = (
        "import sys; from execution.venues.ccxt_classes import stream_class; "
        "stream_class('binance')(); print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    folders = ("ccxt.pro.", "ccxt.async_support.")
    imported = {one for one in ran.stdout.split() if one.startswith(folders) and ".base" not in one}
    assert imported == {"ccxt.async_support.binance", "ccxt.pro.binance"}


def test_a_class_that_builds_on_another_exchanges_is_found_by_itself() -> None:
    code = (
        "from execution.venues.ccxt_classes import stream_class; "
        "print(stream_class('binanceusdm')().id)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "binanceusdm\n"


class TestWhomToTrust:
    @staticmethod
    async def context(kind: Any, **settings: Any) -> Any:
        """What an instance checks certificates with once it may connect."""
        made = type("binance", (Watched, kind), {})({"timeout_on_exit": 1, **settings})
        made.open()
        found = made.ssl_context
        await made.close()
        return found

    async def test_it_is_read_once_for_all_connections(self) -> None:
        first = await self.context(exchange_class("binance"))

        assert isinstance(first, ssl.SSLContext)
        assert await self.context(exchange_class("binance")) is first
        assert await self.context(stream_class("binance")) is first

    @pytest.fixture
    def own(self, tmp_path: Path) -> Path:
        """A file with whom the user trusts."""
        shutil.copy(exchange_class("binance")().cafile, tmp_path / "own.pem")
        return tmp_path / "own.pem"

    async def test_a_file_of_the_users_own_is_read_apart(self, own: Path) -> None:
        kind = exchange_class("binance")

        assert await self.context(kind, cafile=str(own)) is not await self.context(kind)

    async def test_what_the_user_switches_off_stays_off(self) -> None:
        assert await self.context(exchange_class("binance"), verify=False) is False
