"""Bodies read as JSON: exact, bounded, and with one digest for the same content."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sources import payload
from bot.sources.fields import BadField


def test_number_stays_the_digits_it_was_sent_as() -> None:
    text = '{"a": 0.1000000000000000055, "b": 12345678901234567890123, "c": 1e-7, "d": -0.0}'
    assert payload.read_json(text) == {
        "a": "0.1000000000000000055",
        "b": "12345678901234567890123",
        "c": "1e-7",
        "d": "-0.0",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("{", "line 1 column 2"),
        ('{"a": 1,}', "not JSON"),
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "Infinity"),
        ('{"a": 1, "a": 2}', "a is given twice"),
        ('{"a": {"b": 1, "b": 1}}', "b is given twice"),
        ('{"a": 01}', "not JSON"),
        ("[" * 50_000, "nested"),
        ("[" * 100 + "]" * 100, "nested"),
        ('{"a":' * 33 + "1" + "}" * 33, "nested"),
    ],
)
def test_what_is_not_one_plain_document_is_refused(text: str, says: str) -> None:
    with pytest.raises(BadField, match=says):
        payload.read_json(text)


def test_error_does_not_repeat_the_body() -> None:
    with pytest.raises(BadField) as refused:
        payload.read_json('{"secret": "hunter2hunter2", oops')
    assert "hunter2" not in str(refused.value)


def test_body_that_is_not_utf8_is_refused() -> None:
    assert payload.utf8(b"\xef\xbb\xbf{}") == "{}"
    with pytest.raises(BadField, match="UTF-8"):
        payload.utf8(b"\xff")


def test_digest_is_of_the_content_not_of_its_form() -> None:
    one, other = '{"a": 1, "b": "x"}', '{ "b":"x",\n"a":1 }'
    assert payload.digest(payload.read_json(one)) == payload.digest(payload.read_json(other))
    assert payload.digest({"a": "1"}) != payload.digest({"a": "2"})
    assert len(payload.digest({"a": "\ud800"})) == 64


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values.map(json.dumps) | st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """And what was read has a digest."""
    with suppress(BadField):
        assert payload.digest(payload.read_json(text))
