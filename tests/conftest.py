"""What this machine could not test is said where nobody overlooks it."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.getreports("skipped")
    reasons = {report.longrepr[2].removeprefix("Skipped: ") for report in skipped}
    if not reasons:
        return
    terminalreporter.write_sep("!", "NOT TESTED ON THIS MACHINE", red=True, bold=True)
    for reason in sorted(reasons):
        terminalreporter.write_line(reason, red=True, bold=True)
