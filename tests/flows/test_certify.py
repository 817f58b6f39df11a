"""`countersign certify` as somebody types it: whenever it is interrupted, nothing rests at the exchange."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys

from tests.doubles.loopback import Fault
from tests.flows.setup import ROOT, House, Process
from tests.waiting import until


async def test_interrupted_it_cancels_what_it_has_sent_and_says_so(house: House) -> None:
    house.exchange.fail("GET openOrders", Fault(kind="hang"))
    process = await house.command("certify", "main", "--yes")
    await house.exchange.hanging.wait()
    assert len(house.exchange.account.open_orders()) == 1

    process.send(signal.SIGINT)
    assert await process.exit_code() != 0

    assert [order.status for order in house.exchange.account.accepted] == ["CANCELED"]
    assert "held      nothing left behind, " in process.output()
    assert not any(secret in process.output() for secret in house.secrets)


async def test_interrupted_at_its_question_it_ends_and_has_sent_nothing(house: House) -> None:
    ours, theirs = pty.openpty()
    log = house.folder / "asked.log"
    with log.open("wb") as out:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "certify", "main", "--config", str(house.toml)),
            cwd=house.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | house.environ(),
            stdin=theirs,
            stdout=out,
            stderr=asyncio.subprocess.STDOUT,
        )
    process = Process(child, log)
    await until(lambda: "Go on? [y/N]" in process.output() or process.ended, timeout_s=30)

    process.send(signal.SIGINT)
    assert await process.exit_code() == 1

    os.close(ours)
    os.close(theirs)
    assert "Aborted" in process.output()
    assert "Traceback" not in process.output()
    assert house.exchange.account.accepted == []
