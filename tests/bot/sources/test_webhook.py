"""Standard Webhooks: what is signed is taken, everything else is not allowed."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from bot.settings.values import Rate
from bot.sources import webhook
from bot.sources.fields import BadField
from bot.sources.source import KEEP_IDS, Source, SourceKind
from execution.errors import NotAllowed

NOW = datetime(2026, 11, 20, 14, 31, 22, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"o" * 24).decode()
BODY = b'{"symbol": "BTC/USDT", "side": "buy", "id": "a-1"}'


def source(*secrets: str) -> Source:
    return Source(
        name="desk",
        kind=SourceKind.WEBHOOK,
        secrets=secrets or (SECRET,),
        rate=Rate(60, timedelta(minutes=1)),
    )


def headers(body: bytes = BODY, *, secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", at, body.decode()),
    }


def test_signed_request_is_verified() -> None:
    webhook.verify(source(), headers(), BODY, NOW)


def test_vector_of_the_standard_is_verified() -> None:
    """The published example of Standard Webhooks: the library could be wrong on both sides."""
    given_headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    webhook.verify(
        source("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        given_headers,
        b'{"test": 2432232314}',
        datetime.fromtimestamp(1614265330, UTC),
    )


def test_each_secret_is_good_while_they_are_rotated() -> None:
    webhook.verify(source(OLD_SECRET, SECRET), headers(), BODY, NOW)
    webhook.verify(source(SECRET, OLD_SECRET), headers(), BODY, NOW)


def test_one_good_signature_among_several_is_enough() -> None:
    signed = headers()
    signed["webhook-signature"] = f"v1a,xyz v1,AAAA {signed['webhook-signature']} v2,?"
    webhook.verify(source(), signed, BODY, NOW)


@pytest.mark.parametrize("apart", [timedelta(minutes=5), timedelta(minutes=-5)])
def test_five_minutes_apart_are_tolerated(apart: timedelta) -> None:
    webhook.verify(source(), headers(at=NOW + apart), BODY, NOW)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"webhook-id": ""}, "needed"),
        ({"webhook-signature": ""}, "needed"),
        ({"webhook-timestamp": ""}, "needed"),
        ({"webhook-id": "msg_2"}, "fits no secret"),
        ({"webhook-signature": "v1,AAAA"}, "fits no secret"),
        ({"webhook-signature": "nonsense"}, "fits no secret"),
        ({"webhook-signature": "v1,\xff\xe9"}, "fits no secret"),
        ({"webhook-signature": headers(secret=OLD_SECRET)["webhook-signature"]}, "fits no secret"),
        ({"webhook-timestamp": str(int(NOW.timestamp()) + 1)}, "fits no secret"),
        ({"webhook-timestamp": "soon"}, "unix seconds"),
        ({"webhook-timestamp": "nan"}, "unix seconds"),
        ({"webhook-timestamp": "1e300"}, "unix seconds"),
        ({"webhook-timestamp": "１７９５１８５０８２"}, "unix seconds"),
        ({"webhook-timestamp": "99999999999"}, "away from our clock"),
        (headers(at=NOW - timedelta(seconds=301)), "301 s away"),
        (headers(at=NOW + timedelta(seconds=301)), "301 s away"),
    ],
)
def test_wrong_header_is_not_allowed(wrong: dict[str, str], says: str) -> None:
    with pytest.raises(NotAllowed, match=says):
        webhook.verify(source(), headers() | wrong, BODY, NOW)


def test_changed_body_is_not_allowed() -> None:
    with pytest.raises(NotAllowed):
        webhook.verify(source(), headers(), BODY + b" ", NOW)
    with pytest.raises(NotAllowed):
        webhook.verify(source(), headers(), b"\xff", NOW)


@given(st.dictionaries(st.sampled_from(sorted(headers())), st.text()), st.binary())
def test_no_header_or_body_gets_past_without_the_secret(wrong: dict[str, str], body: bytes) -> None:
    with pytest.raises(NotAllowed):
        webhook.verify(source(), headers(secret=OLD_SECRET) | wrong, body, NOW)


def test_repeat_is_known_by_the_webhook_id_and_by_the_id_in_the_body() -> None:
    delivery = webhook.read(source(), headers(), BODY)
    assert delivery.ids == {"webhook-id:msg_1": KEEP_IDS, "id:a-1": KEEP_IDS}
    assert timedelta(days=90) == KEEP_IDS


def test_body_without_an_id_has_the_webhook_id_alone() -> None:
    assert set(webhook.read(source(), headers(), b'{"symbol": "X"}').ids) == {"webhook-id:msg_1"}


def test_webhook_id_that_is_too_long_to_keep_is_refused() -> None:
    with pytest.raises(BadField) as refused:
        webhook.read(source(), {"webhook-id": "m" * 129}, BODY)
    assert refused.value.field == "webhook-id"


def test_source_without_a_secret_cannot_be_made() -> None:
    for secrets in ((), ("",)):
        with pytest.raises(ValueError, match=r"sources\.desk\.secret"):
            Source(
                name="desk",
                kind=SourceKind.WEBHOOK,
                secrets=secrets,
                rate=Rate(1, timedelta(minutes=1)),
            )


def test_secret_is_not_in_the_text_form_of_a_source() -> None:
    assert SECRET not in repr(source())
