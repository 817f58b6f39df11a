"""How a secret may be spelled in a text that must not have it: whole, on one line, or line by line.

The log and the venues strike these out. Pure.
"""

from __future__ import annotations

import re

SHORTEST = 6
"""Shorter values are not struck out: they would blacken innocent text, and are no secrets."""
_LINE_END = re.compile(r"\n|\\n")
_FRAME = re.compile(r"-----(BEGIN|END) [A-Z ]+-----")
"""What every key of several lines begins and ends with tells nothing."""


def spellings(secret: str) -> set[str]:
    """The secret, and each line of one that has several, whichever way its line ends are written."""
    parts = {secret, *(line.strip() for line in _LINE_END.split(secret))}
    return {part for part in parts if len(part) >= SHORTEST and not _FRAME.fullmatch(part)}
