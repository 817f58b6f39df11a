"""The bytes of a body as a payload: JSON read exactly, within bounds; and its digest.

Both kinds of sender read their bodies here. A number stays the string of digits it was sent as, so
that `fields.py` reads it exactly; nothing here knows what a field means.
"""

from __future__ import annotations

import hashlib
import json

from bot.sources.fields import BadField, shown

DEEPEST = 32  # levels of nesting; far below where reading or walking a payload would overflow


def utf8(body: bytes) -> str:
    """The body as text.

    Raises:
        BadField: not UTF-8.
    """
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadField("body", "is not UTF-8", "send the text in UTF-8") from None


def read_json(text: str) -> object:
    """A JSON document, numbers as strings of their digits.

    Raises:
        BadField: not JSON, NaN or Infinity, a name given twice, or nested too deep.
    """
    try:
        payload = json.loads(
            text,
            parse_int=str,
            parse_float=str,
            parse_constant=_refuse_constant,
            object_pairs_hook=_each_name_once,
        )
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise BadField("body", f"is not JSON at {where}", "send one JSON object") from None
    _check_depth(payload)
    return payload


def digest(payload: object) -> str:
    """What two deliveries with the same content share: SHA-256 over canonical JSON, in hex."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse_constant(name: str) -> object:
    raise BadField("body", f"holds {name}, which is not a number", "send digits")


def _each_name_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise BadField(shown(name)[1:-1], "is given twice", "send it once")
        found[name] = value
    return found


def _check_depth(payload: object) -> None:
    level = [payload]
    for _ in range(DEEPEST):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    if level:
        raise _too_deep()


def _too_deep() -> BadField:
    return BadField("body", f"is nested deeper than {DEEPEST} levels", "send a flat object")
