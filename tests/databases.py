"""Databases at the newest schema, to begin with: one is made per run, every other is a copy of it."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from shutil import copyfile

from execution.migrations import upgrade


def new_database(path: Path) -> Path:
    """An empty database in this file."""
    return copyfile(_empty_database(), path)


@cache
def _empty_database() -> Path:
    """Kept for the run: making one takes longer than most tests."""
    path = Path(tempfile.mkdtemp(prefix="countersign-tests-")) / "empty.db"
    upgrade(f"sqlite:///{path}")
    return path
