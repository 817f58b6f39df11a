"""docs/faults.md against the tests: every case is held by tests that exist, or comes with a part that does not."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from tests.markdown import DOCS, ROOT, code_of

CASES = {
    "F": [f"F{number:02}" for number in range(1, 91)],
    "W": [f"W{number}" for number in range(1, 10)],
    "C": [f"C{number}" for number in range(1, 14)],
    "S": [f"S{number}" for number in range(1, 14)],
    "P": [f"P{number}" for number in range(1, 17)],
}
"""On the way from an approval to a fill, while an order waits for a price, on the way out of a position,
where a stop gives way, with a position in contracts."""


def rows() -> Iterator[tuple[str, str, list[str]]]:
    """Each case, what is done about it, and the tests that hold it."""
    for line in DOCS["faults"].text.splitlines():
        if re.match(r"\| [FWCSP]\d", line):
            case, _, done, held = (cell.strip() for cell in line.strip("|").split("|"))
            yield case, done, code_of(held)


def written() -> Counter[str]:
    """Every test there is, and how often."""
    return Counter(
        node.name
        for path in ROOT.glob("tests/**/test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


def test_every_case_has_one_row() -> None:
    for kind, cases in CASES.items():
        assert [case for case, _, _ in rows() if case.startswith(kind)] == cases


def test_every_case_is_held_or_comes_with_a_part_that_is_not_built() -> None:
    assert not [case for case, done, held in rows() if not held and "Comes with" not in done]


def test_every_test_that_is_named_exists_once() -> None:
    there = written()
    named = {name for _, _, held in rows() for name in held}
    assert not {name: there[name] for name in sorted(named) if there[name] != 1}


def test_every_scenario_is_named_by_its_case_and_by_no_other() -> None:
    of_case = {
        name: found[1].upper()
        for name in written()
        if (found := re.match(r"test_(f\d\d)_", name)) is not None
    }
    named = {name: case for case, _, held in rows() for name in held if name in of_case}
    assert named == of_case
