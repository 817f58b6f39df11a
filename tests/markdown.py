"""Reads the parts of our own Markdown that tests compare with the code: tables, fenced blocks, links.

As much of the format as README.md and docs/ use, and no more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text("utf-8")

    def section(self, heading: str) -> str:
        """What stands under a heading, up to the next one of the same depth or above.

        Raises:
            LookupError: there is no such heading.
        """
        depth = len(heading) - len(heading.lstrip("#"))
        _, found, rest = f"\n{self.text}".partition(f"\n{heading}\n")
        if not found:
            raise LookupError(f"{self.path.name} has no heading {heading}")
        return re.split(rf"^#{{1,{depth}}} ", _without_blocks(rest), maxsplit=1, flags=re.M)[0]

    def table(self, heading: str, first: str) -> list[list[str]]:
        """The rows of the table under a heading whose first column is called `first`."""
        tables = re.split(r"\n\s*\n", self.section(heading))
        (found,) = (table for table in tables if table.lstrip().startswith(f"| {first} |"))
        return [_cells(line) for line in found.strip().splitlines()[2:] if line.startswith("|")]

    def blocks(self, language: str) -> list[str]:
        """Every fenced block of a language."""
        return re.findall(rf"^```{language}\n(.*?)^```$", self.text, re.M | re.S)

    @property
    def headings(self) -> set[str]:
        """Where a link with # may lead: the headings as GitHub names them."""
        titles = re.findall(r"^#+ (.*)$", _without_blocks(self.text), re.M)
        return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}

    @property
    def links(self) -> list[str]:
        """Where its links within the repository lead."""
        targets = re.findall(r"\]\(([^)\s]+)\)", self.text)
        return [target for target in targets if not target.startswith("http")]

    @property
    def code(self) -> list[str]:
        """Every piece of inline code."""
        return re.findall(r"`([^`\n]+)`", _without_blocks(self.text))


def code_of(cell: str) -> list[str]:
    """The pieces of inline code of a cell."""
    return re.findall(r"`([^`]+)`", cell)


README = Page(ROOT / "README.md")
DOCS = {path.stem: Page(path) for path in sorted((ROOT / "docs").glob("*.md"))}
PAGES = (README, *DOCS.values())


def _without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
