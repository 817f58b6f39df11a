"""Databases at the newest schema, to begin with: one is made per run, every other is a copy of it."""

from __future__ import annotations

import atexit
import tempfile
from functools import cache
from pathlib import Path
from shutil import copyfile, rmtree

from execution.migrations import upgrade


def new_database(path: Path) -> Path:
    """An empty database in this file."""
    return copyfile(_empty_database(), path)


@cache
def _empty_database() -> Path:
    """Kept for the run, and gone after it: making one takes longer than most tests."""
    folder = tempfile.mkdtemp(prefix="countersign-tests-")
    atexit.register(rmtree, folder, ignore_errors=True)
    path = Path(folder) / "empty.db"
    upgrade(f"sqlite:///{path}")
    return path
