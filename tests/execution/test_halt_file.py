"""The file HALT: written when a commit fails, made by hand on the host, gone once the halt is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from execution.desk import Person
from execution.errors import NotPossible, StoreUnavailable
from execution.halt_file import LONGEST, AskedHalt, HaltFile
from execution.trading import Trading
from tests.desk import FrontDesk, front_desk

ANA, OLGA = Person(id="tg:2222", name="Ana"), Person(id="tg:1111", name="Olga")
ASKED = AskedHalt(by="tg:2222", name="Ana", reason="too wild")


@pytest.fixture
def file(tmp_path: Path) -> HaltFile:
    return HaltFile(tmp_path / "HALT")


class TestTheFile:
    def test_it_stands_beside_the_database(self) -> None:
        assert HaltFile.beside("sqlite:////data/desk.db").path == Path("/data/HALT")

    def test_nothing_is_asked_for_without_it(self, file: HaltFile) -> None:
        assert file.read() is None

    def test_it_says_who_wants_it_and_why(self, file: HaltFile) -> None:
        file.write(ASKED)

        assert HaltFile(file.path).read() == ASKED

    @pytest.mark.parametrize("text", ["", "too wild", "{", "[1]", '{"by": "x"}', "7"])
    def test_whatever_stands_in_it_asks_for_a_halt(self, file: HaltFile, text: str) -> None:
        file.path.write_text(text)

        assert file.read() == AskedHalt(by="host:HALT", name="the file HALT", reason=text)

    def test_bytes_that_are_no_text_ask_for_a_halt_too(self, file: HaltFile) -> None:
        file.path.write_bytes(b"\xff\x00" * LONGEST)

        read = file.read()
        assert read is not None
        assert len(read.reason) <= LONGEST

    def test_a_folder_of_that_name_asks_for_a_halt_too(self, file: HaltFile) -> None:
        file.path.mkdir()

        assert file.read() == AskedHalt(by="host:HALT", name="the file HALT", reason="")

    def test_what_cannot_be_written_is_remembered(self, tmp_path: Path) -> None:
        nowhere = HaltFile(tmp_path / "no folder" / "HALT")
        nowhere.write(ASKED)

        assert nowhere.read() == ASKED
        nowhere.take_away()
        assert nowhere.read() is None


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[FrontDesk]:
    async with front_desk(tmp_path) as made:
        yield made


class TestTheDesk:
    def halt_of(self, desk: FrontDesk) -> tuple[str, str, str]:
        state: Trading = desk.read(lambda tx: tx.trading())
        assert state.halt is not None
        return state.state, state.halt.name, state.halt.reason

    async def test_a_halt_that_cannot_be_stored_is_left_beside_the_database(
        self, desk: FrontDesk
    ) -> None:
        with desk.broken_database(), pytest.raises(StoreUnavailable):
            await desk.side.desk.halt(person=ANA, reason="too wild")

        assert HaltFile(desk.folder / "HALT").read() == ASKED
        assert desk.brake.pulled

    async def test_a_process_that_finds_one_starts_with_its_brake_pulled(
        self, desk: FrontDesk
    ) -> None:
        with desk.broken_database(), pytest.raises(StoreUnavailable):
            await desk.side.desk.halt(person=ANA, reason="too wild")
        await desk.restart()

        assert desk.brake.pulled
        await desk.side.halting.take_file()
        assert self.halt_of(desk) == ("halted", "Ana", "too wild")

    async def test_a_file_made_by_hand_halts_and_is_taken_away(self, desk: FrontDesk) -> None:
        (desk.folder / "HALT").write_text("power works at noon\n")
        await desk.side.halting.take_file()

        assert self.halt_of(desk) == ("halted", "the file HALT", "power works at noon")
        assert not (desk.folder / "HALT").exists()

    async def test_one_while_halted_changes_nothing(self, desk: FrontDesk) -> None:
        await desk.side.desk.halt(person=ANA, reason="too wild")
        (desk.folder / "HALT").touch()
        await desk.side.halting.take_file()

        assert self.halt_of(desk) == ("halted", "Ana", "too wild")
        assert not (desk.folder / "HALT").exists()

    async def test_nothing_resumes_while_it_is_there(self, desk: FrontDesk) -> None:
        (desk.folder / "HALT").touch()

        with pytest.raises(NotPossible, match="HALT beside the database"):
            await desk.side.desk.resume(person=OLGA)
