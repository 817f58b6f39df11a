"""Kind `webhook`: Standard Webhooks, a signature over id, time and body in three headers.

`bot/inlet.py` verifies before it reads. The signature itself is the standard's own library; the
tolerance is measured here, because the library takes no clock.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

from bot.sources import fields, payload
from bot.sources.signal import LONGEST_ID, sender_id
from bot.sources.source import KEEP_IDS, Delivery, Source
from execution.errors import NotAllowed

TOLERANCE = timedelta(minutes=5)  # Standard Webhooks, "Verifying webhook authenticity"
UNIX_SECONDS = re.compile(r"[1-9][0-9]{0,10}")


def verify(source: Source, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """The sender knows one of the source's secrets, and signed this body within 5 minutes of now.

    Raises:
        NotAllowed: it did not, or a header is missing or cannot be read.
    """
    id, at, signatures = (
        headers.get(f"webhook-{part}") for part in ("id", "timestamp", "signature")
    )
    if not (id and at and signatures):
        raise NotAllowed("webhook-id, webhook-timestamp and webhook-signature are all needed")
    if not UNIX_SECONDS.fullmatch(at):
        raise NotAllowed("webhook-timestamp is not a time in unix seconds")
    apart = abs(now.timestamp() - int(at))
    if apart > TOLERANCE.total_seconds():
        raise NotAllowed(
            f"webhook-timestamp is {apart:.0f} s away from our clock; 300 s are allowed: set the"
            " sender's clock, or sign each attempt anew"
        )
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise NotAllowed("the body is not UTF-8") from None
    signed_at = datetime.fromtimestamp(int(at), UTC)
    expected = [Webhook(s).sign(id, signed_at, text).encode() for s in source.secrets]
    given = [signature.encode() for signature in signatures.split(" ")]
    fits = [hmac.compare_digest(e, g) for e in expected for g in given]
    if not any(fits):
        raise NotAllowed("webhook-signature fits no secret of this source")


def read(source: Source, headers: Mapping[str, str], body: bytes) -> Delivery:
    """What a verified request brought; a repeat has its webhook-id or the `id` in its body.

    Raises:
        BadField: the body cannot be read.
    """
    content = payload.read_json(payload.utf8(body))
    named = source.fields(content)
    webhook_id = fields.word(headers["webhook-id"], "webhook-id", longest=LONGEST_ID)
    ids = {f"webhook-id:{webhook_id}": KEEP_IDS}
    if (id := sender_id(named)) is not None:
        ids[f"id:{id}"] = KEEP_IDS
    return Delivery(fields=named, digest=payload.digest(content), ids=ids)
