"""Telegram's HTML parse mode: markup to text with entities, and entities back to safe HTML for the page.

The Bot API methods call `parse_html`, the page's state calls `render_html`. Pure. `render_html` escapes every
character of the text and emits only its own tags, so nothing a message contains can become markup in the page.
Rules: "Formatting options" of the Bot API; the error texts are those its server answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape, unescape

from bot.playground.records import Json

_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "a": "text_link",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "tg-time": "date_time",
    "blockquote": "blockquote",
}
_REFERENCE = re.compile(r"&(?:#x[0-9a-fA-F]+|#[0-9]+|lt|gt|amp|quot);")
_ATTRIBUTE = re.compile(r"""([^\s=>]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+))?\s*""")
_COMMAND = re.compile(r"(?<![\w/@<>])/[A-Za-z0-9_]{1,32}(?:@[A-Za-z0-9_]{3,32})?(?![\w/<>])")
_TIME_FORMAT = re.compile(r"r|w?[dD]?[tT]?")


class MarkupError(ValueError):
    """The text is not Telegram HTML; the message is Telegram's own wording."""


def utf16_length(text: str) -> int:
    """Length in UTF-16 code units: what Telegram counts offsets and limits in."""
    return len(text.encode("utf-16-le")) // 2


@dataclass(slots=True)
class _Open:
    tag: str
    entity: Json


class _Reader:
    """Reads one marked-up text from left to right; the open tags are a stack."""

    def __init__(self, markup: str) -> None:
        self.markup = markup
        self.at = 0
        self.text: list[str] = []
        self.length = 0
        self.open: list[_Open] = []
        self.entities: list[Json] = []

    def read(self) -> tuple[str, list[Json]]:
        while self.at < len(self.markup):
            if self.markup[self.at] != "<":
                self._characters()
            elif self.markup.startswith("</", self.at):
                self._end_tag()
            else:
                self._start_tag()
        if self.open:
            raise MarkupError(
                f'Can\'t find end tag corresponding to start tag "{self.open[-1].tag}"'
            )
        return "".join(self.text), self.entities

    def _characters(self) -> None:
        reference = _REFERENCE.match(self.markup, self.at)
        if reference:
            piece, self.at = unescape(reference.group()), reference.end()
        else:
            piece, self.at = self.markup[self.at], self.at + 1
        self.text.append(piece)
        self.length += utf16_length(piece)

    def _where(self) -> int:
        return len(self.markup[: self.at].encode())

    def _start_tag(self) -> None:
        name = re.compile(r"[^\s>]*").match(self.markup, self.at + 1)
        tag = name.group().lower() if name else ""
        if name is None or name.end() == len(self.markup):
            raise MarkupError(f"Unclosed start tag at byte offset {self._where()}")
        if tag not in _TAGS:
            raise MarkupError(f'Unsupported start tag "{tag}" at byte offset {self._where()}')
        at, attributes = name.end(), {}
        while True:
            while self.markup[at : at + 1].isspace():
                at += 1
            if self.markup.startswith(">", at):
                break
            attribute = _ATTRIBUTE.match(self.markup, at)
            if attribute is None:
                raise MarkupError(f"Unclosed start tag at byte offset {self._where()}")
            value = (attribute.group(2) or "").strip("\"'")
            attributes[attribute.group(1).lower()] = unescape(value)
            at = attribute.end()
        self.open.append(_Open(tag, self._entity(tag, attributes)))
        self.at = at + 1

    def _entity(self, tag: str, attributes: dict[str, str]) -> Json:
        entity: Json = {"type": _TAGS[tag], "offset": self.length}
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            raise MarkupError(
                f'Tag "span" must have class "tg-spoiler" at byte offset {self._where()}'
            )
        if tag == "blockquote" and "expandable" in attributes:
            entity["type"] = "expandable_blockquote"
        if tag == "a":
            entity["url"] = attributes.get("href", "")
        if tag == "code" and attributes.get("class", "").startswith("language-"):
            entity["language"] = attributes["class"].removeprefix("language-")
        if tag == "tg-time":
            if not re.fullmatch(r"[0-9]{1,10}", attributes.get("unix", "")):
                raise MarkupError(
                    f"Invalid Unix time specified in the tag at byte offset {self._where()}"
                )
            entity["unix_time"] = int(attributes["unix"])
            entity["date_time_format"] = attributes.get("format", "")
            if not _TIME_FORMAT.fullmatch(entity["date_time_format"]):
                raise MarkupError(
                    f"Invalid date-time format specified in the tag at byte offset {self._where()}"
                )
        return entity

    def _end_tag(self) -> None:
        if not self.open:
            raise MarkupError(f"Unexpected end tag at byte offset {self._where()}")
        end = self.markup.find(">", self.at)
        if end < 0:
            raise MarkupError(f"Unclosed end tag at byte offset {self._where()}")
        name, opened = self.markup[self.at + 2 : end].strip().lower(), self.open.pop()
        if name and name != opened.tag:
            raise MarkupError(
                f"Unmatched end tag at byte offset {self._where()}, "
                f'expected "</{opened.tag}>", found "</{name}>"'
            )
        self.at = end + 1
        entity = opened.entity | {"length": self.length - opened.entity["offset"]}
        if opened.tag == "a" and not entity["url"]:
            return
        inner = self.entities[-1] if self.entities else None
        if opened.tag == "pre" and inner and inner["type"] == "code" and _same_span(inner, entity):
            self.entities[-1] = {"language": inner.get("language", "")} | entity
        elif entity["length"]:
            self.entities.append(entity)


def _same_span(one: Json, other: Json) -> bool:
    return bool(one["offset"] == other["offset"] and one["length"] == other["length"])


def parse_html(markup: str) -> tuple[str, list[Json]]:
    """Text and entities of Telegram HTML, trimmed as Telegram trims; MarkupError where it refuses."""
    text, entities = _Reader(markup).read()
    for entity in entities:
        if entity["type"] != "pre" or not entity.get("language"):
            entity.pop("language", None)
    return trim(text, entities)


def trim(text: str, entities: Sequence[Json]) -> tuple[str, list[Json]]:
    """Without surrounding white space, entities moved along; those left empty are dropped; outer ones first."""
    trimmed = text.strip()
    lead = utf16_length(text[: len(text) - len(text.lstrip())])
    total, kept = utf16_length(trimmed), []
    for entity in entities:
        start = max(0, entity["offset"] - lead)
        end = min(total, entity["offset"] + entity["length"] - lead)
        if end > start:
            kept.append(entity | {"offset": start, "length": end - start})
    return trimmed, sorted(kept, key=lambda e: (e["offset"], -e["length"]))


def with_commands(text: str, entities: Sequence[Json]) -> list[Json]:
    """The entities, plus a bot_command for each `/word` outside code and links: Telegram finds these by itself."""
    closed = [e for e in entities if e["type"] in {"code", "pre", "text_link"}]
    found = list(entities)
    for match in _COMMAND.finditer(text):
        start, length = utf16_length(text[: match.start()]), utf16_length(match.group())
        if not any(
            e["offset"] < start + length and start < e["offset"] + e["length"] for e in closed
        ):
            found.append({"type": "bot_command", "offset": start, "length": length})
    return sorted(found, key=lambda e: (e["offset"], -e["length"]))


_SIMPLE = {
    "bold": ("<b>", "</b>"),
    "italic": ("<i>", "</i>"),
    "underline": ("<u>", "</u>"),
    "strikethrough": ("<s>", "</s>"),
    "code": ("<code>", "</code>"),
    "pre": ("<pre>", "</pre>"),
    "blockquote": ("<blockquote>", "</blockquote>"),
    "expandable_blockquote": ('<blockquote class="expandable">', "</blockquote>"),
    "spoiler": ('<span class="spoiler">', "</span>"),
    "bot_command": ('<button type="button" class="command">', "</button>"),
}
_BLOCKS = {"pre", "blockquote", "expandable_blockquote"}


def render_html(text: str, entities: Sequence[Json]) -> str:
    """Safe HTML: the text escaped, entities as a fixed set of tags, links only to http and https."""
    units = text.encode("utf-16-le")

    def piece(start: int, end: int) -> str:
        return escape(units[2 * start : 2 * end].decode("utf-16-le", "replace"))

    def render(start: int, end: int, inner: Sequence[Json]) -> str:
        parts, at, index = [], start, 0
        while index < len(inner):
            entity = inner[index]
            first, last = entity["offset"], min(end, entity["offset"] + entity["length"])
            after = index + 1
            while after < len(inner) and inner[after]["offset"] < last:
                after += 1
            before, behind = _tags(entity)
            parts += [piece(at, first), before, render(first, last, inner[index + 1 : after])]
            parts.append(behind)
            at, index = last, after
            if entity["type"] in _BLOCKS and piece(at, min(end, at + 1)) == "\n":
                at += 1  # a block ends its line by itself
        return "".join([*parts, piece(at, end)])

    ordered = sorted(entities, key=lambda e: (e["offset"], -e["length"]))
    return render(0, len(units) // 2, ordered)


def _tags(entity: Json) -> tuple[str, str]:
    kind = entity["type"]
    if kind == "text_link" and re.match(r"https?://", entity["url"]):
        link = escape(entity["url"])
        return f'<a href="{link}" target="_blank" rel="noopener noreferrer">', "</a>"
    if kind == "date_time":
        moment = datetime.fromtimestamp(entity["unix_time"], UTC).isoformat()
        shape = escape(str(entity.get("date_time_format", "")))
        return f'<time datetime="{moment}" data-format="{shape}">', "</time>"
    return _SIMPLE.get(kind, ("", ""))
