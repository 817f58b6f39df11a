"""What a run measured, and what this machine could not test, is said where nobody overlooks it."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

MEMORY = Path("/dev/shm")
"""A folder in memory, where a commit takes a fiftieth of its time."""
ENOUGH = 2**30
"""Bytes."""
MEASURED = "simulation"
"""The property under which a test of the simulation hands in a line for the end."""


settings.register_profile("desk", deadline=None)


def pytest_configure() -> None:
    """Let the tests have their folders in memory, where there is one with room, and examples their time:
    a busy machine makes none of them wrong."""
    settings.load_profile("desk")
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage neither among the tests nor while they are collected: they stay to the end, and
    to look through them again and again takes an eighth of a run; afterwards look less often."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000)
        gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the measures, then what was skipped and why, whichever worker did it."""
    ended = [one for kind in ("passed", "failed") for one in terminalreporter.getreports(kind)]
    lines = [text for one in ended for name, text in one.user_properties if name == MEASURED]
    if lines:
        terminalreporter.section("simulation")
        for line in lines:
            terminalreporter.line(str(line))
    skipped = terminalreporter.getreports("skipped")
    reasons = {report.longrepr[2].removeprefix("Skipped: ") for report in skipped}
    if not reasons:
        return
    terminalreporter.write_sep("!", "NOT TESTED ON THIS MACHINE", red=True, bold=True)
    for reason in sorted(reasons):
        terminalreporter.write_line(reason, red=True, bold=True)
