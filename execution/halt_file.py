"""The file `HALT` beside the database: a halt that could not be stored, or that somebody asks for.

We write it when the commit of a halt fails; anybody on the host may, with `touch HALT`. It is looked for
at the start and every second, and taken away once the halt is stored; as long as it stays, nothing resumes.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from execution.record import Record

log = logging.getLogger(__name__)

LONGEST = 500
"""Characters of a reason that are read; a halt needs none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedHalt(Record):
    """Who wants the desk halted, and why."""

    by: str
    name: str
    reason: str
    flatten: bool = False
    """Every position is to be closed as well."""


class HaltFile:
    """One such file. Nothing here raises: a halt in memory holds whatever the disk does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written: AskedHalt | None = None
        """What was left here by this process, wherever the disk has put it."""

    @classmethod
    def beside(cls, database_url: str) -> HaltFile:
        """The file beside this SQLite database."""
        return cls(Path(database_url.partition(":///")[2]).with_name("HALT"))

    def write(self, asked: AskedHalt) -> bool:
        """Leave a halt for whoever reads it next; whether the disk has it, for other processes too."""
        self._written = asked
        try:
            self.path.touch()  # on a full disk this works where what follows may not
            self.path.write_text(json.dumps(asdict(asked)))
        except OSError as error:
            log.critical("%s could not be written: %s", self.path, error.strerror)
        return self.path.exists()

    def read(self) -> AskedHalt | None:
        """The halt that is asked for; whatever stands in the file, its being there asks for one."""
        try:
            text = self.path.read_text(errors="replace").strip()
        except FileNotFoundError:
            return self._written
        except OSError as error:
            log.critical("%s cannot be read: %s", self.path, error.strerror)
            text = ""
        try:
            said = json.loads(text)
            by, name, reason = (str(said[key]) for key in ("by", "name", "reason"))
            return AskedHalt(by=by, name=name, reason=reason, flatten=said.get("flatten") is True)
        except (ValueError, TypeError, KeyError):
            return AskedHalt(by="host:HALT", name="the file HALT", reason=text[:LONGEST])

    def is_there(self) -> bool:
        """Whether a halt is asked for."""
        return self.read() is not None

    def take_away(self) -> None:
        """The halt is stored."""
        self._written = None
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            log.critical("%s cannot be taken away: %s", self.path, error.strerror)
