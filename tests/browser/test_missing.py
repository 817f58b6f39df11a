"""A machine without Chromium: its testers are told loudly, and continuous integration fails."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.browser.chromium import NONE_FOUND
from tests.flows.setup import ROOT


@pytest.mark.parametrize(
    ("environ", "outcome", "code"),
    [({}, "2 skipped", 0), ({"CI": "true"}, "2 errors", 1)],
    ids=["by hand", "continuous integration"],
)
async def test_a_missing_chromium_is_loud(
    tmp_path: Path, environ: dict[str, str], outcome: str, code: int
) -> None:
    pytest_ = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "two_tabs or markup"),
        "tests/browser/test_bad_input.py",
        cwd=ROOT,
        env={"PATH": "", "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path), **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await asyncio.wait_for(pytest_.communicate(), 60)

    assert outcome in told.decode()
    assert NONE_FOUND in told.decode()
    assert ("NOT TESTED ON THIS MACHINE" in told.decode()) == (code == 0)
    assert pytest_.returncode == code
