"""Logging: one line an event, on stdout, with every secret struck out on every handler.

httpx logs each URL, and a Telegram URL carries the bot's token; so it is quiet, and whatever looks
like a token or is a known secret is struck out wherever it comes from, tracebacks included.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Literal

import structlog

from execution.spellings import spellings

_TOKEN = re.compile(r"(?<![0-9])[0-9]{6,}:[A-Za-z0-9_-]{30,}")
_SIGNATURE = re.compile(r"(?i)\b(signature|api-sign|access-sign)=[^&\s'\"]+")
STRUCK = "[secret]"
_QUIET = ("httpx", "httpcore", "telegram", "apscheduler", "alembic", "ccxt", "uvicorn", "asyncio")


class Redaction:
    """Strikes secrets out of whatever is about to be written."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets: frozenset[str] = frozenset()
        self._known: re.Pattern[str] | None = None
        self.know(secrets)

    def know(self, secrets: Iterable[str]) -> None:
        """Strike out these and nothing else."""
        self._secrets = frozenset()
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Strike these out too from now on."""
        self._secrets |= {part for secret in secrets for part in spellings(secret)}
        known = sorted(self._secrets, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(STRUCK, text)
        return _SIGNATURE.sub(rf"\1={STRUCK}", _TOKEN.sub(STRUCK, text))

    def __call__(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> Mapping[str, Any]:
        """As a structlog processor: every value that is text, or becomes text."""
        return {
            key: value if isinstance(value, int | bool | None) else self.text(str(value))
            for key, value in event.items()
        }


_redaction = Redaction(())
"""What every handler of this process writes through."""


def strike_out(secrets: Iterable[str]) -> None:
    """Secrets that were not known when logging began: the vault's."""
    _redaction.learn(secrets)


def set_up(style: Literal["console", "json"], secrets: Iterable[str]) -> None:
    """Send every log of this process through one handler that strikes secrets out."""
    _redaction.know(secrets)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), pad_event_to=0)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _redaction,
            last,
        ],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
