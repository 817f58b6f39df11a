"""The house rules that ruff and mypy cannot count, each held by one test.

A finding reads `file:line: what`. Every rule also meets a sample that breaks it, so that a rule
which finds nothing any more is noticed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULE_LINES = 450
FUNCTION_LINES = 65
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "service", "engine"}
HIDDEN_INPUTS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time",
    "time.time_ns", "uuid1", "uuid4", "uuid.uuid1", "uuid.uuid4", "os.environ", "os.getenv",
}  # fmt: skip
MAY_LOOK_OUTSIDE = {"bot/parts.py", "bot/cli.py", "bot/shell.py"}
MAY_CATCH_ALL = {"execution/venues/connections.py", "execution/store/store.py"}
"""Where a library speaks untyped data: whatever breaks there after an order left is unknown. And where
works share a commit: what one raises is carried to whoever asked for it."""

Finding = tuple[int, str]
Rule = Callable[[str, str], Iterator[Finding]]


def is_short(path: str, source: str) -> Iterator[Finding]:
    """A module fits a few screens, a function one."""
    if len(source.splitlines()) > MODULE_LINES:
        yield 1, f"a module of more than {MODULE_LINES} lines"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {length} lines"


def says_why(path: str, source: str) -> Iterator[Finding]:
    """A module opens with what it is for."""
    if not ast.get_docstring(ast.parse(source)):
        yield 1, "a module without a docstring"


def has_a_plain_name(path: str, source: str) -> Iterator[Finding]:
    """A file is named after what it holds."""
    for part in Path(path).with_suffix("").parts:
        if part in VAGUE_NAMES:
            yield 1, f"a file or folder named {part}"


def reads_no_hidden_input(path: str, source: str) -> Iterator[Finding]:
    """Time, ids, chance and the environment enter at the top, as arguments."""
    if path in MAY_LOOK_OUTSIDE:
        return
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Attribute | ast.Name):
            continue
        name = ".".join(ast.unparse(node).split(".")[-2:])
        if name in HIDDEN_INPUTS or (name.startswith("random.") and name != "random.Random"):
            yield node.lineno, f"{name} outside {', '.join(sorted(MAY_LOOK_OUTSIDE))}"


def swallows_nothing(path: str, source: str) -> Iterator[Finding]:
    """The trading side names every error it handles."""
    if not path.startswith("execution/") or path in MAY_CATCH_ALL:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "everything"
            if {"everything", "Exception", "BaseException"} & set(caught.strip("()").split(", ")):
                yield node.lineno, f"except {caught}"


def counts_money_exactly(path: str, source: str) -> Iterator[Finding]:
    """No float is made on the trading side."""
    if not path.startswith("execution/"):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "float":
            yield node.lineno, "float()"


RULES: dict[Rule, tuple[str, str]] = {
    is_short: ("bot/x.py", "def long():\n" + "    pass\n" * FUNCTION_LINES),
    says_why: ("bot/x.py", "import ast\n"),
    has_a_plain_name: ("bot/telegram/helpers.py", ""),
    reads_no_hidden_input: ("bot/x.py", "import time\nmoment = time.time()\n"),
    swallows_nothing: (
        "execution/x.py",
        "try:\n    pass\nexcept (ValueError, Exception):\n    pass",
    ),
    counts_money_exactly: ("execution/x.py", "price = float('1')\n"),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps_the_rule(rule: Rule) -> None:
    modules = [*ROOT.glob("bot/**/*.py"), *ROOT.glob("execution/**/*.py")]
    written = [path for path in modules if "versions" not in path.parts]
    assert len(written) > 10

    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sorted(written)
        for line, text in rule(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    ]

    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_sample_that_breaks_the_rule_is_found(rule: Rule) -> None:
    path, source = RULES[rule]

    assert [*rule(path, source)]
