"""What the chat is told when the approval rules, or the people, are not those of the last start.

Pure. The journal's entry names what differs; names of rules are the owner's own words and are quoted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from bot.telegram import figures, lines
from bot.telegram.faces import Face
from execution.types import Mode

_MOST = 6
"""Names told of one kind of change; more are counted."""
_KINDS = {
    "added": "New rules",
    "removed": "Rules gone",
    "changed": "Rules changed",
    "moved": "Rules in another order",
    "people": "People changed",
    "settings": "Also changed",
}


def changed(mode: Mode, differences: Mapping[str, str]) -> Face | None:
    """The message; None for the first policy of all, which differs from nothing."""
    told = [
        f"{words}: {_names(differences[kind])}"
        for kind, words in _KINDS.items()
        if kind in differences
    ]
    if not told:
        return None
    head = f"<b>{lines.badge(mode)} · Rules or people are not those of the last start</b>"
    after = "Cards that meet another rule now ask again; earlier votes on them are void."
    return Face(text=lines.joined([head], told, [after]))


def _names(listed: str) -> str:
    names = [figures.quoted(name.removeprefix("tg:"), lines.NAME) for name in json.loads(listed)]
    more = len(names) - _MOST
    return figures.listed([*names[:_MOST], f"{more} more"] if more > 0 else names)
