"""The doors of the host: a signal and a file, on a process of its own and a real exchange protocol."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.flows.setup import House, Process, said
from tests.waiting import until


def by_signal(house: House, process: Process) -> None:
    process.send(signal.SIGUSR1)


def by_file(house: House, process: Process) -> None:
    (house.folder / "HALT").write_text("power works at noon\n")


@pytest.mark.parametrize(
    ("door", "by", "told"),
    [
        (by_signal, "host:SIGUSR1", "HALTED by SIGUSR1 on the host"),
        (by_file, "host:HALT", "Power works at noon."),
    ],
)
async def test_a_door_of_the_host_halts_cancels_and_is_told(
    house: House, door: Callable[[House, Process], None], by: str, told: str
) -> None:
    async with house.start() as process:
        resting = await house.send("auto", symbol="BTCUSDT", side="buy", price="59000")
        await house.order_in("working", resting)
        door(house, process)
        halt = await house.halted_for_good()
        assert halt["by"] == by
        assert [o.status for o in house.exchange.account.accepted] == ["CANCELED"]
        await house.sees(lambda message: told in said(message) and "Done at" in said(message))
        assert not (house.folder / "HALT").exists()
        assert not process.ended


async def test_a_signal_during_the_start_halts_before_anything_trades(house: House) -> None:
    process = await house.command("run")
    try:
        # As soon as it has the database's lock: nothing is connected, nothing is compared.
        await until(lambda: (house.folder / "countersign.db.lock").exists(), timeout_s=20)
        process.send(signal.SIGUSR1)
        await until(lambda: process.ended or house.answers("/healthz"), timeout_s=30)
        assert not process.ended, process.output()
        late = await house.send("auto", symbol="BTCUSDT", side="buy", price="59000")
        refused = await house.ticket_in("refused", late)
        assert [one["code"] for one in refused["refusals"]] == ["HALTED"]
        assert (await house.halted_for_good())["by"] == "host:SIGUSR1"
        assert house.exchange.account.accepted == []
    finally:
        await process.kill()
