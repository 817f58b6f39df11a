"""How a secret of several lines may stand in a text that must not have it."""

from __future__ import annotations

import pytest

from execution.spellings import spellings

LINES = [
    "-----BEGIN EC PRIVATE KEY-----",
    "MHcCAQEEIabcdefg",
    "oUQDQgAEhijklmno",
    "-----END EC PRIVATE KEY-----",
]


@pytest.mark.parametrize("end", ["\n", "\\n"])
@pytest.mark.parametrize("seen", ["\n", "\\n", " | "])
def test_a_key_is_known_by_its_lines_however_they_are_written(end: str, seen: str) -> None:
    text = f"KeyError({seen.join(LINES)!r})"
    for part in sorted(spellings(end.join(LINES)), key=len, reverse=True):
        text = text.replace(part, "...")
    assert "MHcC" not in text
    assert "oUQD" not in text


def test_what_every_key_begins_with_and_what_is_too_short_is_no_secret() -> None:
    assert spellings("\n".join([LINES[0], "MHcCAQEEIabcdefg", "x=", LINES[3]])) == {
        "\n".join([LINES[0], "MHcCAQEEIabcdefg", "x=", LINES[3]]),
        "MHcCAQEEIabcdefg",
    }
    assert spellings("short") == set()
