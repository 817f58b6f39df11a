"""What a button means is stored before it is shown; the newest are known without reading."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from bot.telegram.faces import Action, Button, Face
from bot.telegram.tokens import HELD, Buttons
from tests.desk import GROUP, FrontDesk, front_desk


def face(action: Action) -> Face:
    return Face(text="a card", buttons=((Button(action=action, label="tap me"),),))


async def token(buttons: Buttons, subject: str, action: Action = Action.APPROVE) -> str:
    (token,) = (await buttons.tokens_for(GROUP, subject, 1, face(action))).values()
    return token


def forget_all_rows(desk: FrontDesk) -> None:
    with sqlite3.connect(desk.folder / "countersign.db") as raw:
        raw.execute("DELETE FROM buttons")
    raw.close()


async def test_the_newest_buttons_are_known_without_reading(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        buttons = desk.front.buttons
        newest = await token(buttons, "ticket:T1")
        forget_all_rows(desk)

        known = await buttons.meaning(newest)
        assert known is not None
        assert (known.token, known.place, known.subject, known.revision, known.action) == (
            newest,
            str(GROUP),
            "ticket:T1",
            1,
            "approve",
        )


async def test_after_a_restart_a_button_means_what_it_did(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        shown = await token(desk.front.buttons, "ticket:T1")
        before = await desk.front.buttons.meaning(shown)
        await desk.restart()
        assert await desk.front.buttons.meaning(shown) == before


async def test_an_old_button_is_read_from_its_row(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        buttons = desk.front.buttons
        old = await token(buttons, "ticket:old")
        for number in range(HELD):
            await token(buttons, f"ticket:{number}")
        known = await buttons.meaning(old)
        assert known is not None
        assert known.subject == "ticket:old"

        forget_all_rows(desk)
        assert await buttons.meaning(old) is None


async def test_the_same_button_keeps_its_token(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        first = await token(desk.front.buttons, "ticket:T1")
        assert await token(desk.front.buttons, "ticket:T1") == first
        assert await token(desk.front.buttons, "ticket:T2") != first


async def test_a_token_that_was_never_given_out_means_nothing(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        assert await desk.front.buttons.meaning("01ARZ3NDEKTSV4RRFFQ69G5FAV") is None
