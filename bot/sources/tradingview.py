"""Kind `tradingview`: alerts of a sender that can set no header, so that a secret goes along.

The secret stands in the path or as `"secret"` in a JSON body; `bot/inlet.py` verifies it before it
reads. It must be gone from everything that `read` returns or raises.
"""

from __future__ import annotations

import hmac
import json

from bot.sources import payload
from bot.sources.fields import BadField
from bot.sources.signal import sender_id
from bot.sources.source import KEEP_DIGEST, KEEP_IDS, Delivery, Source
from bot.sources.text import read_text
from execution.errors import NotAllowed

SHORTEST_KNOWN = 8  # a shorter secret could stand in a payload by chance


def verify(source: Source, body: bytes, path_secret: str | None) -> None:
    """The request carries one of the source's secrets: in the path, or else in its body.

    Raises:
        NotAllowed: it does not.
    """
    given: object = path_secret
    if path_secret is None:
        try:
            content = _content(body)
        except BadField:
            content = None
        given = content.get("secret") if isinstance(content, dict) else None
    if not isinstance(given, str):
        raise NotAllowed(
            'the secret is missing: send it in the path, or as "secret" in a JSON body'
        )
    fits = [hmac.compare_digest(_bytes(given), _bytes(secret)) for secret in source.secrets]
    if not any(fits):
        raise NotAllowed("the secret fits no secret of this source")


def read(source: Source, body: bytes) -> Delivery:
    """What a verified alert says: JSON whatever its content type, else the text form.

    A repeat has the same `id`, else the same content within a minute.

    Raises:
        BadField: it cannot be read, or still holds the secret in another place.
    """
    content = _content(body)
    if isinstance(content, dict):
        content.pop("secret", None)
    _refuse_secret(source, content)
    fields: object = read_text(content) if isinstance(content, str) else source.fields(content)
    digest = payload.digest(content)
    id = sender_id(fields)
    ids = {f"digest:{digest}": KEEP_DIGEST} if id is None else {f"id:{id}": KEEP_IDS}
    return Delivery(fields=fields, digest=digest, ids=ids)


def _content(body: bytes) -> dict[str, object] | str:
    """The JSON document when it looks like an object, else the text itself."""
    text = payload.utf8(body)
    if not text.lstrip().startswith("{"):
        return text
    content = payload.read_json(text)
    assert isinstance(content, dict), "JSON that begins with a brace is an object"
    return content


def _refuse_secret(source: Source, content: object) -> None:
    text = json.dumps(content)
    for secret in source.secrets:
        if len(secret) >= SHORTEST_KNOWN and json.dumps(secret)[1:-1] in text:
            raise BadField(
                "body",
                "holds the secret in another place",
                'send it in the path or as "secret" only',
            )


def _bytes(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")
