"""What a run measured, and what this machine could not test, is said where nobody overlooks it."""

from __future__ import annotations

import pytest

MEASURED = "simulation"
"""The property under which a test of the simulation hands in a line for the end."""


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
