"""What broke an invariant is told by its trace, and by nothing else."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.simulation.world import Violation


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A violation is told by its trace: where in the simulation it was noticed says nothing."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, Violation):
        report.longrepr = str(call.excinfo.value)
    return report
