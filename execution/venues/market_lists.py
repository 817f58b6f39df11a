"""An exchange's list of markets: read where it keeps nobody waiting, and kept in a file for the next start.

Thousands of markets take ccxt a good part of a second to read, in which no order could leave and no tap
be answered; so `connections.py` has it done on an event loop of its own. What is kept is what the
exchange answered, word by word: ccxt makes the same of it again, whatever it makes of it.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
import zlib
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from execution.record import Record
from execution.venues.ccxt_classes import Watched

T = TypeVar("T")

log = logging.getLogger(__name__)

KEEPS = timedelta(days=1)
"""A list that was kept longer does not do for a start."""
_THREADS = ThreadPoolExecutor(2, "markets")
"""Not the loop's own, in which addresses are looked up: lists that hang would hold up orders."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MarketList(Record):
    """What an exchange answered when it was asked for its markets."""

    at: datetime
    answers: Mapping[str, str] = field(repr=False)
    """The text of each answer, by what was asked."""


class Listing(Watched):
    """Mixed into a ccxt class that is asked for markets alone: it notes the answers, or has them already."""

    given: Mapping[str, str] | None = None
    """What is answered without asking; None: the exchange is asked."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.answers: dict[str, str] = {}
        super().__init__(config)  # type: ignore[call-arg]  # ccxt's

    async def fetch(
        self, url: str, method: str = "GET", headers: object = None, body: object = None
    ) -> Any:
        asked = f"{method} {url} {body or ''}"
        if self.given is not None:
            return self.on_json_response(self.given[asked])
        answer = await super().fetch(url, method, headers, body)
        self.answers[asked] = self.last_text
        return answer

    def on_rest_response(self, *told: Any) -> str:
        self.last_text = super().on_rest_response(*told)
        return self.last_text


class MarketFile:
    """The list of one venue, on the disk."""

    def __init__(self, path: Path, *, of: str) -> None:
        """`of` names the exchange and what of it is listed: another's list is not read."""
        self._path = path
        self._of = of

    def read(self, now: datetime) -> MarketList | None:
        """What was kept; None where there is nothing, nothing new enough, or nothing that can be read."""
        try:
            kept = json.loads(gzip.decompress(self._path.read_bytes()))
            found = MarketList(at=datetime.fromisoformat(kept["at"]), answers=dict(kept["answers"]))
            usable = kept["of"] == self._of and timedelta(0) <= now - found.at <= KEEPS
        except FileNotFoundError:
            return None
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read, so it is made anew: %s", self._path, error)
            return None
        return found if usable else None

    def write(self, found: MarketList) -> None:
        """Keep this one instead; where the disk does not take it, the next start asks the exchange."""
        kept = {"of": self._of, "at": found.at.isoformat(), "answers": found.answers}
        written = self._path.with_suffix(".new")
        try:
            written.write_bytes(gzip.compress(json.dumps(kept).encode(), compresslevel=1))
            os.replace(written, self._path)
        except OSError as error:
            log.warning("%s could not be written: %s", self._path, error.strerror)


async def elsewhere(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do this on an event loop of its own, in a thread. Canceled here, it is canceled there."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(work())

    def run() -> T:
        try:
            return loop.run_until_complete(task)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    running = asyncio.get_running_loop().run_in_executor(_THREADS, run)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        with suppress(RuntimeError):  # it has come to its end meanwhile
            loop.call_soon_threadsafe(task.cancel)
        with suppress(asyncio.CancelledError, Exception):
            await running
        raise
